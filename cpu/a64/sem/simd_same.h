// Advanced SIMD: three registers of the same type, vector and scalar, and pairwise.
#pragma once

#include "cpu/a64/sem/simd_ops.h"

namespace quince::a64 {

/// A vector row: lanes of `size`, at most `Max`; 64-bit lanes need 128-bit registers.
template <class Op, bool Signed, unsigned Max>
void vector_same(Vcpu& c, u32 q, u32 size, VReg b, u32 rn, u32 rd) {
  if (size > Max || (size == 3 && q == 0)) return c.undefined();
  by_size<Signed>(size, [&]<class T>() { map_same<Op, T>(c, lanes<T>(q != 0), b, rn, rd); });
}
template <class Op, bool Signed>
void vector_accumulate(Vcpu& c, u32 q, u32 size, VReg b, u32 rn, u32 rd) {
  if (size == 3) return c.undefined();
  by_size<Signed>(size, [&]<class T>() { map_accumulate<Op, T>(c, lanes<T>(q != 0), b, rn, rd); });
}
template <class Op, bool Signed>
void scalar_same(Vcpu& c, u32 size, VReg b, u32 rn, u32 rd) {
  by_size<Signed>(size, [&]<class T>() { map_same<Op, T>(c, 1, b, rn, rd); });
}

// clang-format off
#define QUINCE_SAME(id, op, is_signed, max) \
  inline void id(Vcpu& c, u32 q, u32 size, u32 rm, u32 rn, u32 rd) { vector_same<op, is_signed, max>(c, q, size, c.s.v[rm], rn, rd); }
#define QUINCE_SAME_S(id, op, is_signed) \
  inline void id(Vcpu& c, u32 size, u32 rm, u32 rn, u32 rd) { scalar_same<op, is_signed>(c, size, c.s.v[rm], rn, rd); }
#define QUINCE_SAME_D(id, op, is_signed) \
  inline void id(Vcpu& c, u32 rm, u32 rn, u32 rd) { scalar_same<op, is_signed>(c, 3, c.s.v[rm], rn, rd); }
#define QUINCE_ACCUMULATE(id, op, is_signed) \
  inline void id(Vcpu& c, u32 q, u32 size, u32 rm, u32 rn, u32 rd) { vector_accumulate<op, is_signed>(c, q, size, c.s.v[rm], rn, rd); }

using OpShl = OpShift<false, false>;
using OpRoundShl = OpShift<true, false>;
using OpSatShl = OpShift<false, true>;
using OpSatRoundShl = OpShift<true, true>;

QUINCE_SAME(SHADD,  OpHalvingAdd, true, 2)         QUINCE_SAME(UHADD,  OpHalvingAdd, false, 2)
QUINCE_SAME(SRHADD, OpRoundingHalvingAdd, true, 2) QUINCE_SAME(URHADD, OpRoundingHalvingAdd, false, 2)
QUINCE_SAME(SHSUB,  OpHalvingSub, true, 2)         QUINCE_SAME(UHSUB,  OpHalvingSub, false, 2)
QUINCE_SAME(SQADD,  OpSaturatingAdd, true, 3)      QUINCE_SAME(UQADD,  OpSaturatingAdd, false, 3)
QUINCE_SAME(SQSUB,  OpSaturatingSub, true, 3)      QUINCE_SAME(UQSUB,  OpSaturatingSub, false, 3)
QUINCE_SAME(CMGT,   OpGt, true, 3)                 QUINCE_SAME(CMHI,   OpGt, false, 3)
QUINCE_SAME(CMGE,   OpGe, true, 3)                 QUINCE_SAME(CMHS,   OpGe, false, 3)
QUINCE_SAME(SSHL,   OpShl, true, 3)                QUINCE_SAME(USHL,   OpShl, false, 3)
QUINCE_SAME(SRSHL,  OpRoundShl, true, 3)           QUINCE_SAME(URSHL,  OpRoundShl, false, 3)
QUINCE_SAME(SQSHL,  OpSatShl, true, 3)             QUINCE_SAME(UQSHL,  OpSatShl, false, 3)
QUINCE_SAME(SQRSHL, OpSatRoundShl, true, 3)        QUINCE_SAME(UQRSHL, OpSatRoundShl, false, 3)
QUINCE_SAME(SMAX,   OpMax, true, 2)                QUINCE_SAME(UMAX,   OpMax, false, 2)
QUINCE_SAME(SMIN,   OpMin, true, 2)                QUINCE_SAME(UMIN,   OpMin, false, 2)
QUINCE_SAME(SABD,   OpAbsDiff, true, 2)            QUINCE_SAME(UABD,   OpAbsDiff, false, 2)
QUINCE_SAME(ADD_vec, OpAdd, false, 3)              QUINCE_SAME(SUB_vec, OpSub, false, 3)
QUINCE_SAME(CMTST,  OpTst, false, 3)               QUINCE_SAME(CMEQ,   OpEq, false, 3)
QUINCE_SAME(MUL_vec, OpMul, false, 2)              QUINCE_SAME(PMUL,   OpPmul, false, 0)
QUINCE_ACCUMULATE(SABA, OpAbsDiffAccumulate, true) QUINCE_ACCUMULATE(UABA, OpAbsDiffAccumulate, false)
QUINCE_ACCUMULATE(MLA,  OpMla, false)              QUINCE_ACCUMULATE(MLS,  OpMls, false)

QUINCE_SAME_S(SQADD_s,  OpSaturatingAdd, true)     QUINCE_SAME_S(UQADD_s,  OpSaturatingAdd, false)
QUINCE_SAME_S(SQSUB_s,  OpSaturatingSub, true)     QUINCE_SAME_S(UQSUB_s,  OpSaturatingSub, false)
QUINCE_SAME_S(SQSHL_s,  OpSatShl, true)            QUINCE_SAME_S(UQSHL_s,  OpSatShl, false)
QUINCE_SAME_S(SQRSHL_s, OpSatRoundShl, true)       QUINCE_SAME_S(UQRSHL_s, OpSatRoundShl, false)
QUINCE_SAME_D(CMGT_s,   OpGt, true)                QUINCE_SAME_D(CMHI_s,   OpGt, false)
QUINCE_SAME_D(CMGE_s,   OpGe, true)                QUINCE_SAME_D(CMHS_s,   OpGe, false)
QUINCE_SAME_D(SSHL_s,   OpShl, true)               QUINCE_SAME_D(USHL_s,   OpShl, false)
QUINCE_SAME_D(SRSHL_s,  OpRoundShl, true)          QUINCE_SAME_D(URSHL_s,  OpRoundShl, false)
QUINCE_SAME_D(ADD_s,    OpAdd, false)              QUINCE_SAME_D(SUB_s,    OpSub, false)
QUINCE_SAME_D(CMTST_s,  OpTst, false)              QUINCE_SAME_D(CMEQ_s,   OpEq, false)

#undef QUINCE_SAME
#undef QUINCE_SAME_S
#undef QUINCE_SAME_D
#undef QUINCE_ACCUMULATE
// clang-format on

// ---- Doubling multiplies: 16-bit and 32-bit lanes only

constexpr bool is_h_or_s(u32 size) { return size == 1 || size == 2; }

template <bool Rounding>
void doubling_high(Vcpu& c, u32 q, u32 size, VReg b, u32 rn, u32 rd) {
  if (!is_h_or_s(size)) return c.undefined();
  vector_same<OpDoublingMulHigh<Rounding>, true, 2>(c, q, size, b, rn, rd);
}
template <bool Rounding>
void doubling_high_scalar(Vcpu& c, u32 size, VReg b, u32 rn, u32 rd) {
  if (!is_h_or_s(size)) return c.undefined();
  scalar_same<OpDoublingMulHigh<Rounding>, true>(c, size, b, rn, rd);
}
template <bool Subtract>
void rounding_doubling(Vcpu& c, u32 q, u32 size, VReg b, u32 rn, u32 rd) {
  if (!is_h_or_s(size)) return c.undefined();
  vector_accumulate<OpRoundingDoublingMulAccumulate<Subtract>, true>(c, q, size, b, rn, rd);
}
template <bool Subtract>
void rounding_doubling_scalar(Vcpu& c, u32 size, VReg b, u32 rn, u32 rd) {
  using Op = OpRoundingDoublingMulAccumulate<Subtract>;
  if (!is_h_or_s(size)) return c.undefined();
  if (size == 1)
    map_accumulate<Op, s16>(c, 1, b, rn, rd);
  else
    map_accumulate<Op, s32>(c, 1, b, rn, rd);
}

inline void SQDMULH(Vcpu& c, u32 q, u32 size, u32 rm, u32 rn, u32 rd) {
  doubling_high<false>(c, q, size, c.s.v[rm], rn, rd);
}
inline void SQRDMULH(Vcpu& c, u32 q, u32 size, u32 rm, u32 rn, u32 rd) {
  doubling_high<true>(c, q, size, c.s.v[rm], rn, rd);
}
inline void SQRDMLAH(Vcpu& c, u32 q, u32 size, u32 rm, u32 rn, u32 rd) {
  rounding_doubling<false>(c, q, size, c.s.v[rm], rn, rd);
}
inline void SQRDMLSH(Vcpu& c, u32 q, u32 size, u32 rm, u32 rn, u32 rd) {
  rounding_doubling<true>(c, q, size, c.s.v[rm], rn, rd);
}
inline void SQDMULH_s(Vcpu& c, u32 size, u32 rm, u32 rn, u32 rd) {
  doubling_high_scalar<false>(c, size, c.s.v[rm], rn, rd);
}
inline void SQRDMULH_s(Vcpu& c, u32 size, u32 rm, u32 rn, u32 rd) {
  doubling_high_scalar<true>(c, size, c.s.v[rm], rn, rd);
}
inline void SQRDMLAH_s(Vcpu& c, u32 size, u32 rm, u32 rn, u32 rd) {
  rounding_doubling_scalar<false>(c, size, c.s.v[rm], rn, rd);
}
inline void SQRDMLSH_s(Vcpu& c, u32 size, u32 rm, u32 rn, u32 rd) {
  rounding_doubling_scalar<true>(c, size, c.s.v[rm], rn, rd);
}

// ---- Pairwise: neighbours of rm:rn

template <class Op, bool Signed, unsigned Max>
void pairwise(Vcpu& c, u32 q, u32 size, u32 rm, u32 rn, u32 rd) {
  if (size > Max || (size == 3 && q == 0)) return c.undefined();
  by_size<Signed>(size, [&]<class T>() {
    const VReg a = c.s.v[rn], b = c.s.v[rm];
    VReg r;
    bool qc = false;
    const unsigned half = lanes<T>(q != 0) / 2;
    for (unsigned i = 0; i < half; ++i) {
      r.set_lane<T>(i, Op::template op<T>(a.lane<T>(2 * i), a.lane<T>(2 * i + 1), qc));
      r.set_lane<T>(half + i, Op::template op<T>(b.lane<T>(2 * i), b.lane<T>(2 * i + 1), qc));
    }
    c.s.v[rd] = r;
  });
}
inline void SMAXP(Vcpu& c, u32 q, u32 size, u32 rm, u32 rn, u32 rd) {
  pairwise<OpMax, true, 2>(c, q, size, rm, rn, rd);
}
inline void UMAXP(Vcpu& c, u32 q, u32 size, u32 rm, u32 rn, u32 rd) {
  pairwise<OpMax, false, 2>(c, q, size, rm, rn, rd);
}
inline void SMINP(Vcpu& c, u32 q, u32 size, u32 rm, u32 rn, u32 rd) {
  pairwise<OpMin, true, 2>(c, q, size, rm, rn, rd);
}
inline void UMINP(Vcpu& c, u32 q, u32 size, u32 rm, u32 rn, u32 rd) {
  pairwise<OpMin, false, 2>(c, q, size, rm, rn, rd);
}
inline void ADDP(Vcpu& c, u32 q, u32 size, u32 rm, u32 rn, u32 rd) {
  pairwise<OpAdd, false, 3>(c, q, size, rm, rn, rd);
}
inline void ADDP_s(Vcpu& c, u32 rn, u32 rd) {
  const VReg a = c.s.v[rn];
  c.s.v[rd] = {{a.d[0] + a.d[1], 0}};
}

// ---- Bitwise

/// rd = f(rd, rn, rm) on 64-bit halves.
template <class F>
void bitwise(Vcpu& c, u32 q, u32 rm, u32 rn, u32 rd, F f) {
  const VReg &a = c.s.v[rn], &b = c.s.v[rm], &d = c.s.v[rd];
  const u64 lo = f(d.d[0], a.d[0], b.d[0]);
  const u64 hi = q != 0 ? f(d.d[1], a.d[1], b.d[1]) : 0;
  c.s.v[rd] = {{lo, hi}};
}
inline void AND_vec(Vcpu& c, u32 q, u32 rm, u32 rn, u32 rd) {
  bitwise(c, q, rm, rn, rd, [](u64, u64 a, u64 b) { return a & b; });
}
inline void BIC_vec(Vcpu& c, u32 q, u32 rm, u32 rn, u32 rd) {
  bitwise(c, q, rm, rn, rd, [](u64, u64 a, u64 b) { return a & ~b; });
}
inline void ORR_vec(Vcpu& c, u32 q, u32 rm, u32 rn, u32 rd) {
  bitwise(c, q, rm, rn, rd, [](u64, u64 a, u64 b) { return a | b; });
}
inline void ORN_vec(Vcpu& c, u32 q, u32 rm, u32 rn, u32 rd) {
  bitwise(c, q, rm, rn, rd, [](u64, u64 a, u64 b) { return a | ~b; });
}
inline void EOR_vec(Vcpu& c, u32 q, u32 rm, u32 rn, u32 rd) {
  bitwise(c, q, rm, rn, rd, [](u64, u64 a, u64 b) { return a ^ b; });
}
inline void BSL(Vcpu& c, u32 q, u32 rm, u32 rn, u32 rd) {
  bitwise(c, q, rm, rn, rd, [](u64 d, u64 a, u64 b) { return b ^ ((b ^ a) & d); });
}
inline void BIT(Vcpu& c, u32 q, u32 rm, u32 rn, u32 rd) {
  bitwise(c, q, rm, rn, rd, [](u64 d, u64 a, u64 b) { return d ^ ((d ^ a) & b); });
}
inline void BIF(Vcpu& c, u32 q, u32 rm, u32 rn, u32 rd) {
  bitwise(c, q, rm, rn, rd, [](u64 d, u64 a, u64 b) { return d ^ ((d ^ a) & ~b); });
}

// ---- Dot products and matrix multiplication of bytes

/// Four products of bytes, A and B signed or not, added to a 32-bit accumulator.
template <class A, class B>
u32 dot(u32 acc, const VReg& a, unsigned ai, const VReg& b, unsigned bi) {
  for (unsigned k = 0; k < 4; ++k) {
    const s32 p = s32{a.lane<A>(4 * ai + k)} * s32{b.lane<B>(4 * bi + k)};
    acc += static_cast<u32>(p);
  }
  return acc;
}
/// Vector form; with `element` >= 0 the second operand is that group of four bytes.
template <class A, class B>
void dot_product(Vcpu& c, u32 q, u32 rm, u32 rn, u32 rd, int element = -1) {
  const VReg a = c.s.v[rn], b = c.s.v[rm], d = c.s.v[rd];
  VReg r;
  for (unsigned i = 0; i < lanes<u32>(q != 0); ++i)
    r.set_lane<u32>(i, dot<A, B>(d.lane<u32>(i), a, i, b, element < 0 ? i : static_cast<unsigned>(element)));
  c.s.v[rd] = r;
}
inline void SDOT(Vcpu& c, u32 q, u32 rm, u32 rn, u32 rd) { dot_product<s8, s8>(c, q, rm, rn, rd); }
inline void UDOT(Vcpu& c, u32 q, u32 rm, u32 rn, u32 rd) { dot_product<u8, u8>(c, q, rm, rn, rd); }
inline void USDOT(Vcpu& c, u32 q, u32 rm, u32 rn, u32 rd) { dot_product<u8, s8>(c, q, rm, rn, rd); }

template <class A, class B>
void matrix_multiply(Vcpu& c, u32 rm, u32 rn, u32 rd) {
  const VReg a = c.s.v[rn], b = c.s.v[rm], d = c.s.v[rd];
  VReg r;
  for (unsigned i = 0; i < 2; ++i)
    for (unsigned j = 0; j < 2; ++j) {
      const u32 low = dot<A, B>(d.lane<u32>(2 * i + j), a, 2 * i, b, 2 * j);
      r.set_lane<u32>(2 * i + j, dot<A, B>(low, a, 2 * i + 1, b, 2 * j + 1));
    }
  c.s.v[rd] = r;
}
inline void SMMLA(Vcpu& c, u32 rm, u32 rn, u32 rd) { matrix_multiply<s8, s8>(c, rm, rn, rd); }
inline void UMMLA(Vcpu& c, u32 rm, u32 rn, u32 rd) { matrix_multiply<u8, u8>(c, rm, rn, rd); }
inline void USMMLA(Vcpu& c, u32 rm, u32 rn, u32 rd) { matrix_multiply<u8, s8>(c, rm, rn, rd); }

}  // namespace quince::a64
