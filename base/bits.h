// Bit manipulation on plain integers.
#pragma once

#include <bit>
#include <concepts>
#include <cstring>

#include "base/types.h"

namespace quince {

/// A mask of the `n` lowest bits; n in 0..64.
constexpr u64 low_mask(unsigned n) { return n >= 64 ? ~u64{0} : (u64{1} << n) - 1; }

/// Bits hi..lo of x, as in the manuals' x<hi:lo>.
constexpr u64 bits(u64 x, unsigned hi, unsigned lo) { return (x >> lo) & low_mask(hi - lo + 1); }

/// Bit n of x.
constexpr bool bit(u64 x, unsigned n) { return ((x >> n) & 1) != 0; }

/// x with bits hi..lo replaced by the low bits of v.
constexpr u64 with_bits(u64 x, unsigned hi, unsigned lo, u64 v) {
  const u64 m = low_mask(hi - lo + 1) << lo;
  return (x & ~m) | ((v << lo) & m);
}

/// Sign-extends the N low bits of x.
template <unsigned N>
constexpr s64 sign_extend(u64 x) {
  static_assert(N >= 1 && N <= 64);
  return static_cast<s64>(x << (64 - N)) >> (64 - N);
}
constexpr s64 sign_extend(u64 x, unsigned n) {
  return static_cast<s64>(x << (64 - n)) >> (64 - n);
}

/// x rounded up or down to a multiple of `align`, a power of two.
constexpr u64 align_up(u64 x, u64 align) { return (x + align - 1) & ~(align - 1); }
constexpr u64 align_down(u64 x, u64 align) { return x & ~(align - 1); }
constexpr bool is_aligned(u64 x, u64 align) { return (x & (align - 1)) == 0; }

/// Little-endian reads and writes of unaligned memory.  The host is little-endian (x86-64).
template <std::unsigned_integral T>
T load_le(const void* p) {
  T v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
template <std::unsigned_integral T>
void store_le(void* p, T v) {
  std::memcpy(p, &v, sizeof v);
}

}  // namespace quince
