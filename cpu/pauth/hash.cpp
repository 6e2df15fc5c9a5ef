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
  // The `| 1` keeps one factor from being zero and hiding the other.
  u64 h =
      fold((data ^ key.lo) + ImpdefHash::kData, (modifier ^ key.hi ^ ImpdefHash::kModifier) | 1);
  h ^= std::rotl(modifier, ImpdefHash::kModifierTurn) ^ data;
  return fold(h ^ std::rotl(key.hi, 32), (key.lo ^ ImpdefHash::kLast) | 1) ^ (h >> 32);
}

}  // namespace quince::pauth
