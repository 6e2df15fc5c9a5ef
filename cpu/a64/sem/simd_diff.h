// Advanced SIMD: long, wide and narrowing operations, vector, scalar and by element.
#pragma once

#include "cpu/a64/sem/simd_same.h"

namespace quince::a64 {

// ---- Long: op(rd.2T, rn.T, rm.T) -> rd.2T

template <int Sign> struct LongAdd {  // Sign: 1 add, -1 subtract
  template <class W, class T> static W op(W, T a, T b, bool& qc) {
    return Sign > 0 ? OpAdd::op<W>(a, b, qc) : OpSub::op<W>(a, b, qc);
  }
};
struct LongAbsDiff {
  template <class W, class T> static W op(W, T a, T b, bool& qc) { return OpAbsDiff::op<W>(a, b, qc); }
};
struct LongAbsDiffAccumulate {
  template <class W, class T> static W op(W d, T a, T b, bool& qc) {
    return OpAbsDiffAccumulate::op<W>(d, a, b, qc);
  }
};
struct LongMul {
  template <class W, class T> static W op(W, T a, T b, bool& qc) { return OpMul::op<W>(a, b, qc); }
};
template <int Sign> struct LongMulAccumulate {
  template <class W, class T> static W op(W d, T a, T b, bool& qc) {
    const W p = OpMul::op<W>(a, b, qc);
    return Sign > 0 ? OpAdd::op<W>(d, p, qc) : OpSub::op<W>(d, p, qc);
  }
};
struct LongDoublingMul {
  template <class W, class T> static W op(W, T a, T b, bool& qc) {
    return saturate<W>(static_cast<s128>(a) * b * 2, qc);
  }
};
template <int Sign> struct LongDoublingMulAccumulate {
  template <class W, class T> static W op(W d, T a, T b, bool& qc) {
    const W p = LongDoublingMul::op<W, T>(0, a, b, qc);
    return saturate<W>(Sign > 0 ? static_cast<s128>(d) + p : static_cast<s128>(d) - p, qc);
  }
};

/// `n` results from the lanes of rn and b that begin at `first`.
template <class Op, class T>
void map_long(Vcpu& c, unsigned n, unsigned first, VReg b, u32 rn, u32 rd) {
  using W = wide_t<T>;
  const VReg a = c.s.v[rn], d = c.s.v[rd];
  VReg r;
  bool qc = false;
  for (unsigned i = 0; i < n; ++i) {
    const T x = a.lane<T>(first + i), y = b.lane<T>(first + i);
    r.set_lane<W>(i, Op::template op<W, T>(d.lane<W>(i), x, y, qc));
  }
  c.s.v[rd] = r;
  set_qc(c, qc);
}
template <class Op, bool Signed, unsigned Min = 0>
void vector_long(Vcpu& c, u32 q, u32 size, VReg b, u32 rn, u32 rd) {
  if (size == 3 || size < Min) return c.undefined();
  by_narrow_size<Signed>(size, [&]<class T>() {
    const unsigned n = lanes<T>(false);
    map_long<Op, T>(c, n, q != 0 ? n : 0, b, rn, rd);
  });
}
template <class Op>
void scalar_long(Vcpu& c, u32 size, VReg b, u32 rn, u32 rd) {
  if (size == 1)
    map_long<Op, s16>(c, 1, 0, b, rn, rd);
  else if (size == 2)
    map_long<Op, s32>(c, 1, 0, b, rn, rd);
  else
    c.undefined();
}

/// SADDW and its family: rn has wide lanes already.
template <int Sign, bool Signed>
void vector_wide(Vcpu& c, u32 q, u32 size, u32 rm, u32 rn, u32 rd) {
  if (size == 3) return c.undefined();
  by_narrow_size<Signed>(size, [&]<class T>() {
    using W = wide_t<T>;
    const VReg a = c.s.v[rn], b = c.s.v[rm];
    const unsigned n = lanes<T>(false), first = q != 0 ? n : 0;
    VReg r;
    bool qc = false;
    for (unsigned i = 0; i < n; ++i)
      r.set_lane<W>(i, LongAdd<Sign>::template op<W, W>(0, a.lane<W>(i), b.lane<T>(first + i), qc));
    c.s.v[rd] = r;
  });
}

/// Writes narrow lanes to the low or (q) the high half of rd, as the "2" forms do.
inline void write_narrow(Vcpu& c, u32 q, u32 rd, u64 half) {
  if (q != 0)
    c.s.v[rd].d[1] = half;
  else
    c.s.v[rd] = {{half, 0}};
}

/// ADDHN and its family: the high half of each sum or difference.
template <bool Subtract, bool Round>
void narrow_high(Vcpu& c, u32 q, u32 size, u32 rm, u32 rn, u32 rd) {
  if (size == 3) return c.undefined();
  by_narrow_size<false>(size, [&]<class T>() {
    using W = wide_t<T>;
    constexpr unsigned kBits = 8 * sizeof(T);
    const VReg a = c.s.v[rn], b = c.s.v[rm];
    VReg r;
    for (unsigned i = 0; i < lanes<T>(false); ++i) {
      const u64 x = a.lane<W>(i), y = b.lane<W>(i);
      const u64 v = (Subtract ? x - y : x + y) + (Round ? u64{1} << (kBits - 1) : 0);
      r.set_lane<T>(i, static_cast<T>(v >> kBits));
    }
    write_narrow(c, q, rd, r.d[0]);
  });
}

// clang-format off
#define QUINCE_LONG(id, op, is_signed, min) \
  inline void id(Vcpu& c, u32 q, u32 size, u32 rm, u32 rn, u32 rd) { vector_long<op, is_signed, min>(c, q, size, c.s.v[rm], rn, rd); }
#define QUINCE_CALL(id, ...) \
  inline void id(Vcpu& c, u32 q, u32 size, u32 rm, u32 rn, u32 rd) { __VA_ARGS__(c, q, size, rm, rn, rd); }

QUINCE_LONG(SADDL, LongAdd<1>, true, 0)              QUINCE_LONG(UADDL, LongAdd<1>, false, 0)
QUINCE_LONG(SSUBL, LongAdd<-1>, true, 0)             QUINCE_LONG(USUBL, LongAdd<-1>, false, 0)
QUINCE_LONG(SABDL, LongAbsDiff, true, 0)             QUINCE_LONG(UABDL, LongAbsDiff, false, 0)
QUINCE_LONG(SABAL, LongAbsDiffAccumulate, true, 0)   QUINCE_LONG(UABAL, LongAbsDiffAccumulate, false, 0)
QUINCE_LONG(SMULL, LongMul, true, 0)                 QUINCE_LONG(UMULL, LongMul, false, 0)
QUINCE_LONG(SMLAL, LongMulAccumulate<1>, true, 0)    QUINCE_LONG(UMLAL, LongMulAccumulate<1>, false, 0)
QUINCE_LONG(SMLSL, LongMulAccumulate<-1>, true, 0)   QUINCE_LONG(UMLSL, LongMulAccumulate<-1>, false, 0)
QUINCE_LONG(SQDMULL, LongDoublingMul, true, 1)
QUINCE_LONG(SQDMLAL, LongDoublingMulAccumulate<1>, true, 1)
QUINCE_LONG(SQDMLSL, LongDoublingMulAccumulate<-1>, true, 1)
QUINCE_CALL(SADDW, vector_wide<1, true>)             QUINCE_CALL(UADDW, vector_wide<1, false>)
QUINCE_CALL(SSUBW, vector_wide<-1, true>)            QUINCE_CALL(USUBW, vector_wide<-1, false>)
QUINCE_CALL(ADDHN, narrow_high<false, false>)        QUINCE_CALL(RADDHN, narrow_high<false, true>)
QUINCE_CALL(SUBHN, narrow_high<true, false>)         QUINCE_CALL(RSUBHN, narrow_high<true, true>)
#undef QUINCE_LONG
#undef QUINCE_CALL
// clang-format on

inline void SQDMLAL_s(Vcpu& c, u32 size, u32 rm, u32 rn, u32 rd) {
  scalar_long<LongDoublingMulAccumulate<1>>(c, size, c.s.v[rm], rn, rd);
}
inline void SQDMLSL_s(Vcpu& c, u32 size, u32 rm, u32 rn, u32 rd) {
  scalar_long<LongDoublingMulAccumulate<-1>>(c, size, c.s.v[rm], rn, rd);
}
inline void SQDMULL_s(Vcpu& c, u32 size, u32 rm, u32 rn, u32 rd) {
  scalar_long<LongDoublingMul>(c, size, c.s.v[rm], rn, rd);
}

inline void PMULL_b(Vcpu& c, u32 q, u32 rm, u32 rn, u32 rd) {
  const VReg a = c.s.v[rn], b = c.s.v[rm];
  const unsigned first = q != 0 ? 8 : 0;
  VReg r;
  for (unsigned i = 0; i < 8; ++i)
    r.set_lane<u16>(i, static_cast<u16>(OpPmul::carryless(a.lane<u8>(first + i), b.lane<u8>(first + i))));
  c.s.v[rd] = r;
}

// ---- By element: the second operand is one lane of rm

/// The element in every lane of a register, so that the rows of the other forms do the rest.
/// False, after an exception, for lanes that are neither 16 nor 32 bits.
inline bool element(Vcpu& c, u32 size, u32 l, u32 m, u32 rm, u32 h, VReg& out) {
  if (size == 1) {  // V0 to V15 only
    const u64 x = c.s.v[rm].lane<u16>(h << 2 | l << 1 | m) * u64{0x0001'0001'0001'0001};
    out = {{x, x}};
    return true;
  }
  if (size != 2) {
    c.undefined();
    return false;
  }
  const u64 x = c.s.v[m << 4 | rm].lane<u32>(h << 1 | l) * u64{0x0000'0001'0000'0001};
  out = {{x, x}};
  return true;
}

// clang-format off
#define QUINCE_ELEMENT(id, ...) \
  inline void id(Vcpu& c, u32 q, u32 size, u32 l, u32 m, u32 rm, u32 h, u32 rn, u32 rd) { \
    VReg b; \
    if (element(c, size, l, m, rm, h, b)) __VA_ARGS__(c, q, size, b, rn, rd); \
  }
#define QUINCE_ELEMENT_S(id, ...) \
  inline void id(Vcpu& c, u32 size, u32 l, u32 m, u32 rm, u32 h, u32 rn, u32 rd) { \
    VReg b; \
    if (element(c, size, l, m, rm, h, b)) __VA_ARGS__(c, size, b, rn, rd); \
  }
QUINCE_ELEMENT(MLA_e, vector_accumulate<OpMla, false>)
QUINCE_ELEMENT(MLS_e, vector_accumulate<OpMls, false>)
QUINCE_ELEMENT(MUL_e, vector_same<OpMul, false, 2>)
QUINCE_ELEMENT(SMULL_e, vector_long<LongMul, true>)
QUINCE_ELEMENT(UMULL_e, vector_long<LongMul, false>)
QUINCE_ELEMENT(SMLAL_e, vector_long<LongMulAccumulate<1>, true>)
QUINCE_ELEMENT(UMLAL_e, vector_long<LongMulAccumulate<1>, false>)
QUINCE_ELEMENT(SMLSL_e, vector_long<LongMulAccumulate<-1>, true>)
QUINCE_ELEMENT(UMLSL_e, vector_long<LongMulAccumulate<-1>, false>)
QUINCE_ELEMENT(SQDMULL_e, vector_long<LongDoublingMul, true>)
QUINCE_ELEMENT(SQDMLAL_e, vector_long<LongDoublingMulAccumulate<1>, true>)
QUINCE_ELEMENT(SQDMLSL_e, vector_long<LongDoublingMulAccumulate<-1>, true>)
QUINCE_ELEMENT(SQDMULH_e, doubling_high<false>)
QUINCE_ELEMENT(SQRDMULH_e, doubling_high<true>)
QUINCE_ELEMENT(SQRDMLAH_e, rounding_doubling<false>)
QUINCE_ELEMENT(SQRDMLSH_e, rounding_doubling<true>)
QUINCE_ELEMENT_S(SQDMULL_es, scalar_long<LongDoublingMul>)
QUINCE_ELEMENT_S(SQDMLAL_es, scalar_long<LongDoublingMulAccumulate<1>>)
QUINCE_ELEMENT_S(SQDMLSL_es, scalar_long<LongDoublingMulAccumulate<-1>>)
QUINCE_ELEMENT_S(SQDMULH_es, doubling_high_scalar<false>)
QUINCE_ELEMENT_S(SQRDMULH_es, doubling_high_scalar<true>)
QUINCE_ELEMENT_S(SQRDMLAH_es, rounding_doubling_scalar<false>)
QUINCE_ELEMENT_S(SQRDMLSH_es, rounding_doubling_scalar<true>)
#undef QUINCE_ELEMENT
#undef QUINCE_ELEMENT_S
// clang-format on

inline void SDOT_e(Vcpu& c, u32 q, u32 l, u32 rm, u32 h, u32 rn, u32 rd) {
  dot_product<s8, s8>(c, q, rm, rn, rd, static_cast<int>(h << 1 | l));
}
inline void UDOT_e(Vcpu& c, u32 q, u32 l, u32 rm, u32 h, u32 rn, u32 rd) {
  dot_product<u8, u8>(c, q, rm, rn, rd, static_cast<int>(h << 1 | l));
}
inline void SUDOT_e(Vcpu& c, u32 q, u32 l, u32 rm, u32 h, u32 rn, u32 rd) {
  dot_product<s8, u8>(c, q, rm, rn, rd, static_cast<int>(h << 1 | l));
}
inline void USDOT_e(Vcpu& c, u32 q, u32 l, u32 rm, u32 h, u32 rn, u32 rd) {
  dot_product<u8, s8>(c, q, rm, rn, rd, static_cast<int>(h << 1 | l));
}

}  // namespace quince::a64
