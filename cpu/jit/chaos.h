// Chaos: what seldom happens, happens all the time, at random but the same for the same seed.
//
// Nothing of it changes what instructions mean: forgetting translations, code and jumps is always allowed, a
// budget may end anywhere, and an access may go the slow way.  A guest that behaves differently has met an
// error of the translator's.
#pragma once

#include "base/types.h"

namespace quince::cpu::jit {

class Chaos {
 public:
  /// Each vCPU has another sequence.
  Chaos(u64 seed, unsigned cpu) : state_(seed * 0x9e37'79b9'7f4a'7c15 + cpu + 1) {}

  /// A number below `n`.  (Vigna's splitmix64.)
  u64 below(u64 n) {
    u64 z = state_ += 0x9e37'79b9'7f4a'7c15;
    z = (z ^ (z >> 30)) * 0xbf58'476d'1ce4'e5b9;
    z = (z ^ (z >> 27)) * 0x94d0'49bb'1331'11eb;
    return (z ^ (z >> 31)) % n;
  }
  bool one_in(u64 n) { return below(n) == 0; }

  // How often: once in so many entries of translated code.
  static constexpr u64 kFlushTlb = 64, kForgetJumps = 64, kForgetPage = 512, kForgetAll = 16384;
  /// The next page, or page of a block, that is found among RecentPages goes into the first level.
  static constexpr u64 kPutBack = 2;
  static constexpr u64 kBlind = 4;           ///< a stay with every access the slow way
  static constexpr u64 kFlushInAccess = 64;  ///< in an access that goes the slow way
  static constexpr u64 kShort = 2;           ///< a stay of few instructions
  static constexpr u64 kFew = 8, kMany = 1000;
  /// Of host memory: full all the time.
  static constexpr std::size_t kCodeBytes = 512 * KiB;
  static constexpr u8 kThreshold = 4;

 private:
  u64 state_;
};

}  // namespace quince::cpu::jit
