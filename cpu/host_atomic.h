// Atomic accesses to guest memory through host pointers.
//
// An x86-64 host is little-endian, orders memory as TSO, and makes aligned accesses of up to 8
// bytes atomic; with AVX, aligned 16-byte ones too (Intel SDM volume 3, 9.1.1).  Everything locked
// is a full fence, which is at least what any acquire or release form of the guest asks for.
//
// A guest with FEAT_LSE2 may also do atomics on misaligned data that stays inside an aligned
// 16-byte granule: those go through a compare-exchange of the granule.
#pragma once

#include <emmintrin.h>

#include "base/bits.h"
#include "base/types.h"

namespace quince::cpu {

/// A full fence, store before load too.  In assembly, because g++ rejects fences under TSan, which
/// does not know them.
inline void full_fence() { asm volatile("lock orq $0, (%%rsp)" ::: "cc", "memory"); }

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

}  // namespace quince::cpu
