// Atomic accesses to guest memory through host pointers.
//
// An x86-64 host is little-endian, orders memory as TSO, and makes aligned accesses of up to 8
// bytes atomic; with AVX, aligned 16-byte ones too (Intel SDM volume 3, 9.1.1).  Everything locked
// is a full fence, which is at least what any acquire or release form of the guest asks for.
//
// A guest with FEAT_LSE2 may also do atomics and ordered accesses on misaligned data that stays
// inside an aligned 16-byte granule: those go through an access to the granule.  Its plain accesses
// on the fast path rely on the host, whose misaligned accesses inside a cache line are atomic:
// Intel says so, AMD promises it for 8-byte granules only and does it.
#pragma once

#include <emmintrin.h>

#include <cstring>

#include "base/bits.h"
#include "base/fence.h"
#include "base/types.h"

namespace quince::cpu {

// A guest's plain accesses may race with each other: that is the guest's business, and the host's
// moves are as atomic as Arm wants them.  TSan must not look at them.
#if defined(__SANITIZE_THREAD__)
#define QUINCE_GUEST_ACCESS __attribute__((no_sanitize("thread"), noinline))
#else
#define QUINCE_GUEST_ACCESS
#endif

/// A guest's plain access: one move, of any alignment.
template <class T>
QUINCE_GUEST_ACCESS inline void load_plain(const u8* p, T& out) {
  std::memcpy(&out, p, sizeof out);
}
template <class T>
QUINCE_GUEST_ACCESS inline void store_plain(u8* p, const T& v) {
  std::memcpy(p, &v, sizeof v);
}

/// Two adjacent doublewords in one access: atomic where p is 16-byte aligned.
inline void read_pair(const u8* p, u64& lo, u64& hi) {
  __m128i v;
  // In assembly, because a compiler may split a load whose halves go separate ways.
  asm("movdqu %1, %0" : "=x"(v) : "m"(*reinterpret_cast<const __m128i_u*>(p)));
  lo = static_cast<u64>(_mm_cvtsi128_si64(v));
  hi = static_cast<u64>(_mm_cvtsi128_si64(_mm_unpackhi_epi64(v, v)));
}
inline void write_pair(u8* p, u64 lo, u64 hi) {
  const __m128i v = _mm_set_epi64x(static_cast<s64>(hi), static_cast<s64>(lo));
  asm("movdqu %1, %0" : "=m"(*reinterpret_cast<__m128i_u*>(p)) : "x"(v));
}

/// Compare-exchange of 16 aligned bytes; the value before.
inline u128 compare_exchange_16(u8* p, u128 expected, u128 desired) {
  // In assembly, because compilers make it a library call unless the whole program is for CPUs
  // with the instruction.
  u64 lo = static_cast<u64>(expected), hi = static_cast<u64>(expected >> 64);
  asm volatile("lock cmpxchg16b %0"
               : "+m"(*reinterpret_cast<__m128i_u*>(p)), "+a"(lo), "+d"(hi)
               : "b"(static_cast<u64>(desired)), "c"(static_cast<u64>(desired >> 64))
               : "cc", "memory");
  return (static_cast<u128>(hi) << 64) | lo;
}

/// Replaces a T inside an aligned 16-byte granule by f(old), atomically; the value before.
template <class T, class F>
T granule_update(u8* p, F f) {
  const u64 offset = reinterpret_cast<u64>(p) & 15;
  u8* const granule = p - offset;
  const unsigned shift = static_cast<unsigned>(offset) * 8;
  u64 lo, hi;
  read_pair(granule, lo, hi);
  u128 now = (static_cast<u128>(hi) << 64) | lo;
  for (;;) {
    const T old = static_cast<T>(now >> shift);
    const u128 mask = static_cast<u128>(static_cast<T>(~T{0})) << shift;
    const u128 wanted = (now & ~mask) | (static_cast<u128>(f(old)) << shift);
    const u128 seen = compare_exchange_16(granule, now, wanted);
    if (seen == now) return old;
    now = seen;
  }
}

/// Replaces an unsigned T of up to 8 bytes by f(old), atomically; the value before.  `p` is
/// aligned to T or stays inside a 16-byte granule.
template <class T, class F>
T atomic_update(u8* p, F f) {
  if (!is_aligned(reinterpret_cast<u64>(p), sizeof(T))) return granule_update<T>(p, f);
  T* const t = reinterpret_cast<T*>(p);
  T old = __atomic_load_n(t, __ATOMIC_RELAXED);
  while (!__atomic_compare_exchange_n(t, &old, static_cast<T>(f(old)), false, __ATOMIC_SEQ_CST,
                                      __ATOMIC_SEQ_CST)) {
  }
  return old;
}

/// Compare-exchange of an unsigned T of up to 8 bytes, placed as for atomic_update(); the value
/// before.
template <class T>
T compare_exchange(u8* p, T expected, T desired) {
  if (!is_aligned(reinterpret_cast<u64>(p), sizeof(T)))
    return granule_update<T>(p, [=](T old) { return old == expected ? desired : old; });
  __atomic_compare_exchange_n(reinterpret_cast<T*>(p), &expected, desired, false, __ATOMIC_SEQ_CST,
                              __ATOMIC_SEQ_CST);
  return expected;
}

/// Calls f.template operator()<T>() with the unsigned type of `size` bytes when there is one of up
/// to 8 bytes; false when there is none.
template <class F>
bool with_type_of(unsigned size, F f) {
  switch (size) {
    case 1:
      return f.template operator()<u8>(), true;
    case 2:
      return f.template operator()<u16>(), true;
    case 4:
      return f.template operator()<u32>(), true;
    case 8:
      return f.template operator()<u64>(), true;
    default:
      return false;
  }
}

/// Where in its 16-byte granule a power of two of bytes at p is, when it crosses the middle, so
/// that only an access to the whole granule is atomic on every host; else 16.
inline unsigned straddles_middle(const u8* p, unsigned size) {
  const unsigned offset = static_cast<unsigned>(reinterpret_cast<u64>(p) & 15);
  return size <= 8 && offset < 8 && offset + size > 8 && offset + size <= 16 ? offset : 16;
}

/// Reads bytes in one access, if they are a power of two inside a 16-byte granule (FEAT_LSE2).
inline void read_single_copy(const u8* p, unsigned size, u8* out) {
  u64 lo = 0, hi = 0;
  if (size == 16) {
    read_pair(p, lo, hi);
    std::memcpy(out, &lo, 8);
    std::memcpy(out + 8, &hi, 8);
  } else if (const unsigned offset = straddles_middle(p, size); offset != 16) {
    read_pair(p - offset, lo, hi);
    const u64 v = lo >> (8 * offset) | hi << (64 - 8 * offset);  // offset is not 0
    std::memcpy(out, &v, size);
  } else if (!with_type_of(size, [&]<class T>() {
               T v;
               load_plain(p, v);
               std::memcpy(out, &v, sizeof v);
             })) {
    std::memcpy(out, p, size);  // a part of an access that crosses pages
  }
}

/// Writes bytes in one access, if they are a power of two inside a 16-byte granule.
inline void write_single_copy(u8* p, unsigned size, const u8* in) {
  if (size == 16) {
    u64 half[2];
    std::memcpy(half, in, 16);
    return write_pair(p, half[0], half[1]);
  }
  const bool whole_granule = straddles_middle(p, size) != 16;
  if (!with_type_of(size, [&]<class T>() {
        T v;
        std::memcpy(&v, in, sizeof v);
        if (whole_granule)
          granule_update<T>(p, [v](T) { return v; });
        else
          store_plain(p, v);
      })) {
    std::memcpy(p, in, size);
  }
}

}  // namespace quince::cpu
