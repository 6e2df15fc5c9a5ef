// Meanings of cpu/a64/isa/ldst_atomic.inc (Arm ARM DDI 0487, C6.2; exclusives: B2.12).
//
// Atomics are locked operations of the host on guest memory.  Exclusives: LDXR notes address, size,
// value and the global monitor's token (hw/core/exclusives.h) in the local monitor; STXR succeeds when
// the monitor is for the same physical address and size, nobody has written there, and a
// compare-exchange finds the same value.  With one CPU the value alone decides: only bus masters write
// there, and exceptions between the two clear the monitor when they return.  With several, the first
// store exclusive to a page fails, and those that follow until every vCPU knows of it.
//
// Where the architecture leaves a choice:
//  * a store exclusive that would fault does, whatever the monitor says;
//  * it fails where its size is not that of the load exclusive; two words and one doubleword are
//    the same size;
//  * it may go to a different virtual address of the same physical one;
//  * a store exclusive with Rs = Rt or Rs = Rn uses the values from before; LDXP with Rt = Rt2
//    leaves the second value;
//  * any atomic needs write permission, CAS also when it compares unequal.
// FEAT_LSE2 lets both be misaligned inside a 16-byte granule (B2.2.1.1).
// Missing on purpose: ST64B and LD64B (FEAT_LS64), LSE128, RCpc3.
#pragma once

#include <algorithm>
#include <type_traits>

#include "cpu/a64/sem/ldst_common.h"
#include "cpu/host_atomic.h"

namespace quince::a64 {

inline constexpr cpu::MemOp kExclusive{.aligned = true};
inline constexpr cpu::MemOp kAtomic{.ordered = true, .atomic = true};

/// Calls f.template operator()<T>() with the unsigned type of 2^log2 bytes, log2 in 0..3.
template <class F>
[[gnu::always_inline]] inline auto with_size(u32 log2, F f) {
  switch (log2) {
    case 0: return f.template operator()<u8>();
    case 1: return f.template operator()<u16>();
    case 2: return f.template operator()<u32>();
    default: return f.template operator()<u64>();
  }
}

// ---- Exclusives

/// Reads 2^log2 bytes into out[] and notes them in the monitor; false after an exception.
inline bool load_exclusive(cpu::Vcpu& c, u32 rn, unsigned log2, u64 (&out)[2]) {
  u64 va = 0;
  if (!base_address(c, rn, va)) return false;
  PhysAddr pa;
  const u8* p = c.atomic_pointer(va, 1u << log2, false, kExclusive, nullptr, &pa);
  if (p == nullptr) return false;
  hw::ExclusiveMonitors::Held held;
  c.hold_monitored(pa, held);
  out[1] = 0;
  if (log2 == 4) {
    cpu::read_pair(p, out[0], out[1]);
  } else {
    out[0] = with_size(log2, [&]<class T>() -> u64 {
      if (is_aligned(reinterpret_cast<u64>(p), sizeof(T)))
        return __atomic_load_n(reinterpret_cast<const T*>(p), __ATOMIC_ACQUIRE);
      u8 bytes[sizeof(T)];
      cpu::read_single_copy(p, sizeof(T), bytes);
      return load_le<T>(bytes);
    });
  }
  c.s.excl_valid = true;
  c.s.excl_token = held ? held.token() : hw::ExclusiveMonitors::Token{};
  c.s.excl_log2 = static_cast<u8>(log2);
  c.s.excl_va = va;
  c.s.excl_pa = pa.raw();
  c.s.excl_data[0] = out[0];
  c.s.excl_data[1] = out[1];
  return true;
}

/// Writes 2^log2 bytes if the monitor lets it, and 0 or 1 into Rs.
inline void store_exclusive(cpu::Vcpu& c, u32 rs, u32 rn, unsigned log2, u64 lo, u64 hi) {
  u64 va = 0;
  if (!base_address(c, rn, va)) return;
  PhysAddr pa;
  hw::ExclusiveMonitors::Held held;
  u8* p = c.atomic_pointer(va, 1u << log2, true, kExclusive, &held, &pa);
  if (p == nullptr) return;
  bool stored = false;
  const bool match = c.s.excl_valid && c.s.excl_log2 == log2 && c.s.excl_pa == pa.raw();
  if (match && c.monitor_intact(held)) {
    const u64* was = c.s.excl_data;
    if (log2 == 4) {
      const u128 expected = (static_cast<u128>(was[1]) << 64) | was[0];
      const u128 desired = (static_cast<u128>(hi) << 64) | lo;
      stored = cpu::compare_exchange_16(p, expected, desired) == expected;
    } else {
      stored = with_size(log2, [&]<class T>() {
        const T expected = static_cast<T>(was[0]);
        return cpu::compare_exchange<T>(p, expected, static_cast<T>(lo)) == expected;
      });
    }
  }
  if (stored && held) held.wrote(1u << log2);
  c.s.excl_valid = false;
  put_x(c, rs, stored ? 0 : 1);
  held.release();
  if (match && c.multiprocessor() && !c.s.excl_token) c.begin_watching(pa);
}

inline void STXR(cpu::Vcpu& c, u32 size, u32 rs, bool /*o0*/, u32 rn, u32 rt) {
  store_exclusive(c, rs, rn, size, c.s.x[rt], 0);
}
inline void LDXR(cpu::Vcpu& c, u32 size, bool /*o0*/, u32 rn, u32 rt) {
  u64 v[2];
  if (load_exclusive(c, rn, size, v)) put_x(c, rt, v[0]);
}
inline void STXP(cpu::Vcpu& c, bool sf, u32 rs, bool /*o0*/, u32 rt2, u32 rn, u32 rt) {
  const u64 lo = c.s.x[rt], hi = c.s.x[rt2];
  if (sf)
    store_exclusive(c, rs, rn, 4, lo, hi);
  else
    store_exclusive(c, rs, rn, 3, (lo & 0xffff'ffff) | (hi << 32), 0);
}
inline void LDXP(cpu::Vcpu& c, bool sf, bool /*o0*/, u32 rt2, u32 rn, u32 rt) {
  u64 v[2];
  if (!load_exclusive(c, rn, sf ? 4 : 3, v)) return;
  put_x(c, rt, sf ? v[0] : v[0] & 0xffff'ffff);
  put_x(c, rt2, sf ? v[1] : v[0] >> 32);
}
inline void CLREX(cpu::Vcpu& c, u32 /*crm*/) { c.s.excl_valid = false; }

// ---- Compare and swap

/// A place for an atomic; other CPUs' monitors for it are lost.  Null after an exception.
inline u8* atomic_place(cpu::Vcpu& c, u64 va, unsigned size, hw::ExclusiveMonitors::Held& held) {
  u8* p = c.atomic_pointer(va, size, true, kAtomic, &held);
  if (p != nullptr && held) held.wrote(size);
  return p;
}

inline void CAS(cpu::Vcpu& c, u32 size, bool /*a*/, u32 rs, bool /*r*/, u32 rn, u32 rt) {
  u64 va = 0;
  if (!base_address(c, rn, va)) return;
  hw::ExclusiveMonitors::Held held;
  u8* p = atomic_place(c, va, 1u << size, held);
  if (p == nullptr) return;
  put_x(c, rs, with_size(size, [&]<class T>() -> u64 {
          return cpu::compare_exchange<T>(p, static_cast<T>(c.s.x[rs]), static_cast<T>(c.s.x[rt]));
        }));
}
inline void CASP(cpu::Vcpu& c, bool sf, bool /*a*/, u32 rs, bool /*r*/, u32 rn, u32 rt) {
  u64 va = 0;
  if (!base_address(c, rn, va)) return;
  hw::ExclusiveMonitors::Held held;
  u8* p = atomic_place(c, va, sf ? 16 : 8, held);
  if (p == nullptr) return;
  // X30 pairs with XZR.
  const auto pair = [&](u32 half, unsigned bits_each) {
    const u128 hi = c.s.x[half * 2 + 1];
    return (hi << bits_each) | (c.s.x[half * 2] & low_mask(bits_each));
  };
  u128 old;
  if (sf) {
    old = cpu::compare_exchange_16(p, pair(rs, 64), pair(rt, 64));
    put_x(c, rs * 2, static_cast<u64>(old));
    put_x(c, rs * 2 + 1, static_cast<u64>(old >> 64));
  } else {
    old = cpu::compare_exchange<u64>(p, static_cast<u64>(pair(rs, 32)),
                                     static_cast<u64>(pair(rt, 32)));
    put_x(c, rs * 2, static_cast<u32>(old));
    put_x(c, rs * 2 + 1, static_cast<u32>(old >> 32));
  }
}

// ---- Atomic memory operations

enum class AtomicOp : u8 { Add, Clr, Eor, Set, Smax, Smin, Umax, Umin, Swp };

/// What the operation leaves in memory.
template <AtomicOp kOp, class T>
constexpr T atomic_result(T old, T v) {
  using S = std::make_signed_t<T>;
  switch (kOp) {
    case AtomicOp::Add: return static_cast<T>(old + v);
    case AtomicOp::Clr: return static_cast<T>(old & ~v);
    case AtomicOp::Eor: return static_cast<T>(old ^ v);
    case AtomicOp::Set: return static_cast<T>(old | v);
    case AtomicOp::Smax: return static_cast<T>(std::max(static_cast<S>(old), static_cast<S>(v)));
    case AtomicOp::Smin: return static_cast<T>(std::min(static_cast<S>(old), static_cast<S>(v)));
    case AtomicOp::Umax: return std::max(old, v);
    case AtomicOp::Umin: return std::min(old, v);
    case AtomicOp::Swp: return v;
  }
}

/// LD<op> Xs, Xt, [Xn|SP].
template <AtomicOp kOp>
inline void atomic_memory_op(cpu::Vcpu& c, u32 size, u32 rs, u32 rn, u32 rt) {
  u64 va = 0;
  if (!base_address(c, rn, va)) return;
  hw::ExclusiveMonitors::Held held;
  u8* p = atomic_place(c, va, 1u << size, held);
  if (p == nullptr) return;
  put_x(c, rt, with_size(size, [&]<class T>() -> u64 {
          const T v = static_cast<T>(c.s.x[rs]);
          // The two with a host instruction that needs no loop.
          if (is_aligned(reinterpret_cast<u64>(p), sizeof(T))) {
            T* const t = reinterpret_cast<T*>(p);
            if constexpr (kOp == AtomicOp::Add) return __atomic_fetch_add(t, v, __ATOMIC_SEQ_CST);
            if constexpr (kOp == AtomicOp::Swp) return __atomic_exchange_n(t, v, __ATOMIC_SEQ_CST);
          }
          return cpu::atomic_update<T>(p, [v](T old) { return atomic_result<kOp, T>(old, v); });
        }));
}

#define A64_ATOMIC(id, op)                                                                       \
  inline void id(cpu::Vcpu& c, u32 size, bool /*a*/, bool /*r*/, u32 rs, u32 rn, u32 rt) {       \
    atomic_memory_op<AtomicOp::op>(c, size, rs, rn, rt);                                         \
  }
A64_ATOMIC(LDADD, Add)
A64_ATOMIC(LDCLR, Clr)
A64_ATOMIC(LDEOR, Eor)
A64_ATOMIC(LDSET, Set)
A64_ATOMIC(LDSMAX, Smax)
A64_ATOMIC(LDSMIN, Smin)
A64_ATOMIC(LDUMAX, Umax)
A64_ATOMIC(LDUMIN, Umin)
A64_ATOMIC(SWP, Swp)
#undef A64_ATOMIC

}  // namespace quince::a64
