#include "cpu/pauth/hash.h"

#include <bit>

namespace quince::pauth {

namespace {

/// Both halves of the 128-bit product, so that every input bit reaches the middle of the result.
u64 fold(u64 a, u64 b) {
  const u128 p = static_cast<u128>(a) * b;
  return static_cast<u64>(p) ^ static_cast<u64>(p >> 64);
}

}  // namespace

u64 compute_pac_impdef(u64 data, u64 modifier, Key key) {
  // Odd constants from the digits of the golden ratio and of sqrt(2) and sqrt(3).  The `| 1`
  // keeps one factor from being zero and hiding the other.
  u64 h = fold((data ^ key.lo) + 0x9e37'79b9'7f4a'7c15,
               (modifier ^ key.hi ^ 0x6a09'e667'f3bc'c909) | 1);
  h ^= std::rotl(modifier, 29) ^ data;
  return fold(h ^ std::rotl(key.hi, 32), (key.lo ^ 0xbb67'ae85'84ca'a73b) | 1) ^ (h >> 32);
}

}  // namespace quince::pauth
