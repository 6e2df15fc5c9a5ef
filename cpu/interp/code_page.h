// Predecoded instructions: what the interpreter runs.
#pragma once

#include <array>
#include <bit>
#include <cstddef>

#include "base/addr.h"
#include "base/bits.h"
#include "base/types.h"

namespace quince::hw {
class GuestRam;
}

namespace quince::cpu {

class Vcpu;
namespace jit {
struct Page;
}  // namespace jit
struct Op;

/// Runs one predecoded instruction and returns the next one to run, or null to leave the run loop.
using Handler = const Op* (*)(Vcpu& c, const Op* op);

/// One predecoded instruction.
struct Op {
  Handler fn;
  u32 insn;
  // Of cpu/jit: how often it was the target of a branch, and the region that was found here last (1: the first).
  u8 heat = 0;
  u16 region = 0;
};

/// The instructions of one 4 KiB page of guest memory, decoded when first run.
struct CodePage {
  static constexpr unsigned kOps = 1024;

  PhysAddr pa;               ///< of the page
  const u8* host = nullptr;  ///< its bytes
  /// One more than the page has: the last one moves on to the next page.
  std::array<Op, kOps + 1> ops;
  jit::Page* translated = nullptr;         ///< what cpu/jit has made of it
  std::array<u64, kOps / 64> known_ops{};  ///< those of whose `insn` something was made
  hw::GuestRam* tracked_in = nullptr;      ///< where it is counted as known (VcpuPorts::track_code)
  u64 tracked_at = 0;                      ///< and the offset there

  bool known(std::size_t n) const { return (known_ops[n / 64] >> n % 64 & 1) != 0; }
  /// Instruction `n`.  One that is known may have changed in memory, but nobody said so (IC): until then the
  /// interpreter and every region go on with the same, since what is made of both would be neither.
  u32 insn(std::size_t n) const { return known(n) ? ops[n].insn : load_le<u32>(host + 4 * n); }
  bool nothing_known() const {
    return all_known([](std::size_t) { return false; });
  }
  void set_known(std::size_t n) { known_ops[n / 64] |= u64{1} << n % 64; }
  /// Whether `suits` is true of the number of every one that is known.
  template <class F>
  bool all_known(F suits) const {
    for (std::size_t word = 0; word < known_ops.size(); ++word)
      for (u64 left = known_ops[word]; left != 0; left &= left - 1)
        if (!suits(64 * word + static_cast<std::size_t>(std::countr_zero(left)))) return false;
    return true;
  }
};

}  // namespace quince::cpu
