// Makes cases: words of a row with the operands that they are interesting with, and addresses
// where the data is.
#pragma once

#include "tests/diff/operands.h"
#include "tests/diff/quince_engine.h"

namespace quince::test {

/// Planned::row of what is not about one row.
inline constexpr int kBlock = -1, kSequence = -2;

/// A case and the row of its first instruction, or kBlock or kSequence.
struct Planned {
  OracleCase c;
  int row;
};

/// What can be compared with a certain oracle.
struct Scope {
  bool lse2 = true;      ///< it has FEAT_LSE2
  bool guarded = false;  ///< the code pages are guarded
};

/// True for rows whose instructions access the data.
bool uses_memory(const a64::RowInfo& row);

class Generator {
 public:
  explicit Generator(Scope scope) : scope_(scope) {}

  const Scope& scope() const { return scope_; }
  /// Every case of rows that use FPCR has this value; without one, each its own.
  void set_fpcr(std::optional<u32> fpcr) { fpcr_ = fpcr; }

  /// Tells runs with another FPCR apart.
  u64 fpcr_seed() const { return fpcr_.value_or(0); }

  /// A word of the row that is compared; false when twenty tries found none.
  bool word(int row, Operands& random, u32& insn) const;

  /// Words of a row that a random choice would hardly ever find, with a random Rt.
  static std::vector<u32> directed_words(int row, Operands& random, const Scope& scope);

  /// Appends `sets` cases of one word, all in `slot`.  `then`: instructions that follow.
  void add_word(int row, u32 insn, std::span<const u32> then, u32 slot, unsigned sets,
                Operands& random, std::vector<Planned>& out) const;

  /// A state of which everything is random.
  OracleState state(u32 slot, Operands& random) const;

  /// Chooses the base register of a load or store so that the access is at a chosen address; the
  /// engine, which has the case placed, tells the offset.
  void aim(Planned& p, QuinceEngine& probe, Operands& random) const;

 private:
  void vary(const a64::RowInfo& row, OracleCase& c, Operands& random) const;
  void relate(const a64::RowInfo& row, OracleCase& c, Operands& random) const;

  u32 fpcr(Operands& random) const { return fpcr_ ? *fpcr_ : random.fpcr(); }

  Scope scope_;
  std::optional<u32> fpcr_;
};

}  // namespace quince::test
