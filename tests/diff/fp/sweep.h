// Floating-point rows with very many operand sets: our engine runs an instruction in a loop that
// reads its operands from memory and writes what came out, and the reference judges each.
//
// Compared are the destination, NZCV and FPSR of every operand set, and where the loop ended.  That
// nothing else changes is what the cases of generator.h look at; so is what an operand set does
// alone, with which a difference is reported.
#pragma once

#include <span>
#include <utility>
#include <vector>

#include "tests/diff/fp/operand_sets.h"
#include "tests/diff/fp/rows.h"
#include "tests/diff/generator.h"

namespace quince::test {

class FpSweep {
 public:
  /// An operand set about which the two did not agree.
  struct Miss {
    int row;
    u32 insn;
    OracleState in;
  };

  /// `kept`: how many of each row's misses are kept; all are counted.
  explicit FpSweep(u64 seed, unsigned kept = 2);

  /// At least `sets` operand sets of a row, the same with each value of FPCR, of which fpcr_others()
  /// are random.  A vector has as many as it has results.
  Result<void> run(int row, std::span<const u32> modes, u64 sets);

  /// Operand sets that were compared, with each mode.
  u64 compared() const { return compared_; }
  u64 differences() const { return differences_; }
  /// Those kept since the last call.
  std::vector<Miss> take_misses() { return std::exchange(misses_, {}); }

  /// For tests: our engine runs words with these bits inverted, which the reference does not know of.
  void spoil(u32 bits) { spoiled_ = bits; }

 private:
  struct Registers;
  static constexpr unsigned kBatch = 512;

  Result<u32> choose_word(int row, OperandSets& sets);
  void place(u32 insn, const Registers& r);
  unsigned run_loop(u32 fpcr);
  u64 judge(int row, const FpInstruction& reference, const Registers& r, u32 fpcr, unsigned done);
  void miss(int row, u32 insn, const OracleState& in);

  u64 seed_;
  unsigned kept_, row_misses_ = 0;
  u32 spoiled_ = 0;
  Generator generator_{Scope{}};
  VcpuHarness harness_;
  bool isolated_[kBatch] = {};
  u64 compared_ = 0, differences_ = 0;
  std::vector<Miss> misses_;
  OracleState in_{}, out_{};
};

}  // namespace quince::test
