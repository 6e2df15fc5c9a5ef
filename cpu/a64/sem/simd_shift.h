// Advanced SIMD: shifts by immediate.
#pragma once

#include "cpu/a64/sem/simd_diff.h"

namespace quince::a64 {

/// immh:immb: the highest set bit of immh is the lane size; the rest gives the amount.
struct ShiftImmediate {
  u32 size;      ///< 0..3; 4 where immh is 0
  unsigned left;   ///< immh:immb - esize
  unsigned right;  ///< 2 * esize - immh:immb
};
constexpr ShiftImmediate shift_immediate(u32 immh, u32 immb) {
  if (immh == 0) return {4, 0, 0};
  const u32 size = 31u - static_cast<u32>(std::countl_zero(immh));
  const unsigned esize = 8u << size, value = immh << 3 | immb;
  return {size, value - esize, 2 * esize - value};
}

/// a >> n, rounded or not; n is 1 to the width of the lane.
template <bool Rounding, class T>
T shift_right(T a, unsigned n) {
  s128 v = static_cast<s128>(a);
  if constexpr (Rounding) v += static_cast<s128>(1) << (n - 1);
  return static_cast<T>(v >> n);
}

template <bool Rounding> struct ShiftRight {
  template <class T> static T op(T, T a, unsigned n, bool&) { return shift_right<Rounding>(a, n); }
};
template <bool Rounding> struct ShiftRightAccumulate {
  template <class T> static T op(T d, T a, unsigned n, bool& qc) {
    return OpAdd::op<T>(d, shift_right<Rounding>(a, n), qc);
  }
};
struct ShiftRightInsert {
  template <class T> static T op(T d, T a, unsigned n, bool&) {
    const u64 mask = n >= 8 * sizeof(T) ? 0 : low_mask(8 * sizeof(T)) >> n;
    const u64 v = n >= 8 * sizeof(T) ? 0 : static_cast<u64>(a) >> n;
    return static_cast<T>((d & ~mask) | v);
  }
};
struct ShiftLeft {
  template <class T> static T op(T, T a, unsigned n, bool&) {
    return static_cast<T>(static_cast<u64>(a) << n);
  }
};
struct ShiftLeftInsert {
  template <class T> static T op(T d, T a, unsigned n, bool&) {
    return static_cast<T>((d & low_mask(n)) | static_cast<u64>(a) << n);
  }
};
struct ShiftLeftSaturating {
  template <class T> static T op(T, T a, unsigned n, bool& qc) {
    return saturate<T>(static_cast<s128>(a) * (static_cast<s128>(1) << n), qc);
  }
};
/// SQSHLU: signed to unsigned.
struct ShiftLeftUnsigned {
  template <class T> static T op(T, T a, unsigned n, bool& qc) {
    using U = std::make_unsigned_t<T>;
    return static_cast<T>(saturate<U>(static_cast<s128>(a) * (static_cast<s128>(1) << n), qc));
  }
};

/// A row: op(rd, rn, amount) on lanes.
template <class Op, class T>
void map_shift(Vcpu& c, unsigned n, unsigned amount, u32 rn, u32 rd) {
  const VReg a = c.s.v[rn], d = c.s.v[rd];
  VReg r;
  bool qc = false;
  for (unsigned i = 0; i < n; ++i)
    r.set_lane<T>(i, Op::template op<T>(d.lane<T>(i), a.lane<T>(i), amount, qc));
  c.s.v[rd] = r;
  set_qc(c, qc);
}
template <class Op, bool Signed, bool Left>
void vector_shift(Vcpu& c, u32 q, u32 immh, u32 immb, u32 rn, u32 rd) {
  const ShiftImmediate s = shift_immediate(immh, immb);
  if (s.size > 3 || (s.size == 3 && q == 0)) return c.undefined();
  by_size<Signed>(s.size, [&]<class T>() {
    map_shift<Op, T>(c, lanes<T>(q != 0), Left ? s.left : s.right, rn, rd);
  });
}
/// Scalar; with `OnlyD` every lane size but 64 bits is reserved.
template <class Op, bool Signed, bool Left, bool OnlyD>
void scalar_shift(Vcpu& c, u32 immh, u32 immb, u32 rn, u32 rd) {
  const ShiftImmediate s = shift_immediate(immh, immb);
  if (s.size > 3 || (OnlyD && s.size != 3)) return c.undefined();
  by_size<Signed>(s.size, [&]<class T>() { map_shift<Op, T>(c, 1, Left ? s.left : s.right, rn, rd); });
}

/// Narrowing right shifts: lanes of twice the width to T, saturating or not.
template <bool FromSigned, bool ToSigned, bool Rounding, bool Saturating>
void narrow_shift(Vcpu& c, u32 q, bool scalar, u32 immh, u32 immb, u32 rn, u32 rd) {
  const ShiftImmediate s = shift_immediate(immh, immb);
  if (s.size > 2) return c.undefined();
  by_narrow_size<ToSigned>(s.size, [&]<class T>() {
    using W = lane_t<16 * sizeof(T), FromSigned>;
    const VReg a = c.s.v[rn];
    VReg r;
    bool qc = false;
    for (unsigned i = 0; i < (scalar ? 1 : lanes<T>(false)); ++i) {
      s128 v = static_cast<s128>(a.lane<W>(i));
      if constexpr (Rounding) v += static_cast<s128>(1) << (s.right - 1);
      v >>= s.right;
      r.set_lane<T>(i, Saturating ? saturate<T>(v, qc) : static_cast<T>(v));
    }
    write_narrow(c, scalar ? 0 : q, rd, r.d[0]);
    set_qc(c, qc);
  });
}

/// SSHLL, USHLL.
template <bool Signed>
void long_shift(Vcpu& c, u32 q, u32 immh, u32 immb, u32 rn, u32 rd) {
  const ShiftImmediate s = shift_immediate(immh, immb);
  if (s.size > 2) return c.undefined();
  by_narrow_size<Signed>(s.size, [&]<class T>() {
    using W = wide_t<T>;
    const VReg a = c.s.v[rn];
    const unsigned n = lanes<T>(false), first = q != 0 ? n : 0;
    VReg r;
    for (unsigned i = 0; i < n; ++i)
      r.set_lane<W>(i, static_cast<W>(static_cast<u64>(W{a.lane<T>(first + i)}) << s.left));
    c.s.v[rd] = r;
  });
}

// clang-format off
#define QUINCE_SHIFT(id, op, is_signed, left) \
  inline void id(Vcpu& c, u32 q, u32 immh, u32 immb, u32 rn, u32 rd) { vector_shift<op, is_signed, left>(c, q, immh, immb, rn, rd); }
#define QUINCE_SHIFT_S(id, op, is_signed, left, only_d) \
  inline void id(Vcpu& c, u32 immh, u32 immb, u32 rn, u32 rd) { scalar_shift<op, is_signed, left, only_d>(c, immh, immb, rn, rd); }
#define QUINCE_NARROW(id, from, to, rounding, saturating) \
  inline void id(Vcpu& c, u32 q, u32 immh, u32 immb, u32 rn, u32 rd) { narrow_shift<from, to, rounding, saturating>(c, q, false, immh, immb, rn, rd); }
#define QUINCE_NARROW_S(id, from, to, rounding) \
  inline void id(Vcpu& c, u32 immh, u32 immb, u32 rn, u32 rd) { narrow_shift<from, to, rounding, true>(c, 0, true, immh, immb, rn, rd); }

QUINCE_SHIFT(SSHR, ShiftRight<false>, true, false)            QUINCE_SHIFT(USHR, ShiftRight<false>, false, false)
QUINCE_SHIFT(SRSHR, ShiftRight<true>, true, false)            QUINCE_SHIFT(URSHR, ShiftRight<true>, false, false)
QUINCE_SHIFT(SSRA, ShiftRightAccumulate<false>, true, false)  QUINCE_SHIFT(USRA, ShiftRightAccumulate<false>, false, false)
QUINCE_SHIFT(SRSRA, ShiftRightAccumulate<true>, true, false)  QUINCE_SHIFT(URSRA, ShiftRightAccumulate<true>, false, false)
QUINCE_SHIFT(SRI, ShiftRightInsert, false, false)             QUINCE_SHIFT(SLI, ShiftLeftInsert, false, true)
QUINCE_SHIFT(SHL, ShiftLeft, false, true)                     QUINCE_SHIFT(SQSHLU, ShiftLeftUnsigned, true, true)
QUINCE_SHIFT(SQSHL_i, ShiftLeftSaturating, true, true)        QUINCE_SHIFT(UQSHL_i, ShiftLeftSaturating, false, true)
QUINCE_NARROW(SHRN, false, false, false, false)               QUINCE_NARROW(RSHRN, false, false, true, false)
QUINCE_NARROW(SQSHRUN, true, false, false, true)              QUINCE_NARROW(SQRSHRUN, true, false, true, true)
QUINCE_NARROW(SQSHRN, true, true, false, true)                QUINCE_NARROW(SQRSHRN, true, true, true, true)
QUINCE_NARROW(UQSHRN, false, false, false, true)              QUINCE_NARROW(UQRSHRN, false, false, true, true)

QUINCE_SHIFT_S(SSHR_s, ShiftRight<false>, true, false, true)           QUINCE_SHIFT_S(USHR_s, ShiftRight<false>, false, false, true)
QUINCE_SHIFT_S(SRSHR_s, ShiftRight<true>, true, false, true)           QUINCE_SHIFT_S(URSHR_s, ShiftRight<true>, false, false, true)
QUINCE_SHIFT_S(SSRA_s, ShiftRightAccumulate<false>, true, false, true) QUINCE_SHIFT_S(USRA_s, ShiftRightAccumulate<false>, false, false, true)
QUINCE_SHIFT_S(SRSRA_s, ShiftRightAccumulate<true>, true, false, true) QUINCE_SHIFT_S(URSRA_s, ShiftRightAccumulate<true>, false, false, true)
QUINCE_SHIFT_S(SRI_s, ShiftRightInsert, false, false, true)            QUINCE_SHIFT_S(SLI_s, ShiftLeftInsert, false, true, true)
QUINCE_SHIFT_S(SHL_s, ShiftLeft, false, true, true)                    QUINCE_SHIFT_S(SQSHLU_s, ShiftLeftUnsigned, true, true, false)
QUINCE_SHIFT_S(SQSHL_is, ShiftLeftSaturating, true, true, false)       QUINCE_SHIFT_S(UQSHL_is, ShiftLeftSaturating, false, true, false)
QUINCE_NARROW_S(SQSHRUN_s, true, false, false)                         QUINCE_NARROW_S(SQRSHRUN_s, true, false, true)
QUINCE_NARROW_S(SQSHRN_s, true, true, false)                           QUINCE_NARROW_S(SQRSHRN_s, true, true, true)
QUINCE_NARROW_S(UQSHRN_s, false, false, false)                         QUINCE_NARROW_S(UQRSHRN_s, false, false, true)
#undef QUINCE_SHIFT
#undef QUINCE_SHIFT_S
#undef QUINCE_NARROW
#undef QUINCE_NARROW_S
// clang-format on

inline void SSHLL(Vcpu& c, u32 q, u32 immh, u32 immb, u32 rn, u32 rd) {
  long_shift<true>(c, q, immh, immb, rn, rd);
}
inline void USHLL(Vcpu& c, u32 q, u32 immh, u32 immb, u32 rn, u32 rd) {
  long_shift<false>(c, q, immh, immb, rn, rd);
}

}  // namespace quince::a64
