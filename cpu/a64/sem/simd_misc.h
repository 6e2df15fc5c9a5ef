// Advanced SIMD: two-register operations and reductions across lanes.
#pragma once

#include "cpu/a64/sem/simd_diff.h"

namespace quince::a64 {

template <class Op, bool Signed, unsigned Max>
void vector_one(Vcpu& c, u32 q, u32 size, u32 rn, u32 rd) {
  if (size > Max || (size == 3 && q == 0)) return c.undefined();
  by_size<Signed>(size, [&]<class T>() { map_one<Op, T>(c, lanes<T>(q != 0), rn, rd); });
}
template <class Op>
void scalar_one(Vcpu& c, u32 size, u32 rn, u32 rd) {
  by_size<true>(size, [&]<class T>() { map_one<Op, T>(c, 1, rn, rd); });
}

// clang-format off
#define QUINCE_ONE(id, op, is_signed, max) \
  inline void id(Vcpu& c, u32 q, u32 size, u32 rn, u32 rd) { vector_one<op, is_signed, max>(c, q, size, rn, rd); }
#define QUINCE_ONE_B(id, op) \
  inline void id(Vcpu& c, u32 q, u32 rn, u32 rd) { vector_one<op, false, 0>(c, q, 0, rn, rd); }
#define QUINCE_ONE_D(id, op) \
  inline void id(Vcpu& c, u32 rn, u32 rd) { scalar_one<op>(c, 3, rn, rd); }
#define QUINCE_ONE_S(id, op) \
  inline void id(Vcpu& c, u32 size, u32 rn, u32 rd) { scalar_one<op>(c, size, rn, rd); }

QUINCE_ONE(CLS_vec, OpCls, false, 2)        QUINCE_ONE(CLZ_vec, OpClz, false, 2)
QUINCE_ONE(SQABS, OpSaturatingAbs, true, 3) QUINCE_ONE(SQNEG, OpSaturatingNeg, true, 3)
QUINCE_ONE(ABS_vec, OpAbs, true, 3)         QUINCE_ONE(NEG_vec, OpNeg, true, 3)
QUINCE_ONE(CMGT_z, OpGtZero, true, 3)       QUINCE_ONE(CMGE_z, OpGeZero, true, 3)
QUINCE_ONE(CMEQ_z, OpEqZero, true, 3)       QUINCE_ONE(CMLE_z, OpLeZero, true, 3)
QUINCE_ONE(CMLT_z, OpLtZero, true, 3)
QUINCE_ONE_B(CNT_vec, OpCnt) QUINCE_ONE_B(NOT_vec, OpNot) QUINCE_ONE_B(RBIT_vec, OpRbit)
QUINCE_ONE_S(SQABS_s, OpSaturatingAbs)      QUINCE_ONE_S(SQNEG_s, OpSaturatingNeg)
QUINCE_ONE_D(ABS_s, OpAbs)                  QUINCE_ONE_D(NEG_s, OpNeg)
QUINCE_ONE_D(CMGT_zs, OpGtZero)             QUINCE_ONE_D(CMGE_zs, OpGeZero)
QUINCE_ONE_D(CMEQ_zs, OpEqZero)             QUINCE_ONE_D(CMLE_zs, OpLeZero)
QUINCE_ONE_D(CMLT_zs, OpLtZero)
#undef QUINCE_ONE
#undef QUINCE_ONE_B
#undef QUINCE_ONE_D
#undef QUINCE_ONE_S
// clang-format on

/// REV16, REV32, REV64: reverses the lanes of `size` inside containers of 2^log2 bytes.
inline void reverse(Vcpu& c, u32 q, u32 size, unsigned log2, u32 rn, u32 rd) {
  if (size >= log2) return c.undefined();
  by_size<false>(size, [&]<class T>() {
    const VReg a = c.s.v[rn];
    const unsigned flip = (1u << (log2 - size)) - 1;
    VReg r;
    for (unsigned i = 0; i < lanes<T>(q != 0); ++i) r.set_lane<T>(i, a.lane<T>(i ^ flip));
    c.s.v[rd] = r;
  });
}
inline void REV64(Vcpu& c, u32 q, u32 size, u32 rn, u32 rd) { reverse(c, q, size, 3, rn, rd); }
inline void REV32_vec(Vcpu& c, u32 q, u32 size, u32 rn, u32 rd) { reverse(c, q, size, 2, rn, rd); }
inline void REV16_vec(Vcpu& c, u32 q, u32 size, u32 rn, u32 rd) { reverse(c, q, size, 1, rn, rd); }

/// SADDLP, SADALP and the unsigned ones: neighbours added into lanes of twice the width.
template <bool Signed, bool Accumulate>
void add_long_pairwise(Vcpu& c, u32 q, u32 size, u32 rn, u32 rd) {
  if (size == 3) return c.undefined();
  by_narrow_size<Signed>(size, [&]<class T>() {
    using W = wide_t<T>;
    const VReg a = c.s.v[rn], d = c.s.v[rd];
    VReg r;
    bool qc = false;
    for (unsigned i = 0; i < lanes<W>(q != 0); ++i) {
      const W sum = OpAdd::op<W>(a.lane<T>(2 * i), a.lane<T>(2 * i + 1), qc);
      r.set_lane<W>(i, Accumulate ? OpAdd::op<W>(d.lane<W>(i), sum, qc) : sum);
    }
    c.s.v[rd] = r;
  });
}
inline void SADDLP(Vcpu& c, u32 q, u32 size, u32 rn, u32 rd) {
  add_long_pairwise<true, false>(c, q, size, rn, rd);
}
inline void UADDLP(Vcpu& c, u32 q, u32 size, u32 rn, u32 rd) {
  add_long_pairwise<false, false>(c, q, size, rn, rd);
}
inline void SADALP(Vcpu& c, u32 q, u32 size, u32 rn, u32 rd) {
  add_long_pairwise<true, true>(c, q, size, rn, rd);
}
inline void UADALP(Vcpu& c, u32 q, u32 size, u32 rn, u32 rd) {
  add_long_pairwise<false, true>(c, q, size, rn, rd);
}

/// SUQADD (Signed: rd is signed, rn unsigned) and USQADD (the reverse).
template <bool Signed>
void mixed_saturating_add(Vcpu& c, unsigned q, bool scalar, u32 size, u32 rn, u32 rd) {
  if (size == 3 && q == 0 && !scalar) return c.undefined();
  by_size<Signed>(size, [&]<class T>() {
    using U = std::conditional_t<Signed, std::make_unsigned_t<T>, std::make_signed_t<T>>;
    const VReg a = c.s.v[rn], d = c.s.v[rd];
    VReg r;
    bool qc = false;
    for (unsigned i = 0; i < (scalar ? 1 : lanes<T>(q != 0)); ++i)
      r.set_lane<T>(i, saturate<T>(static_cast<s128>(d.lane<T>(i)) + a.lane<U>(i), qc));
    c.s.v[rd] = r;
    set_qc(c, qc);
  });
}
inline void SUQADD(Vcpu& c, u32 q, u32 size, u32 rn, u32 rd) {
  mixed_saturating_add<true>(c, q, false, size, rn, rd);
}
inline void USQADD(Vcpu& c, u32 q, u32 size, u32 rn, u32 rd) {
  mixed_saturating_add<false>(c, q, false, size, rn, rd);
}
inline void SUQADD_s(Vcpu& c, u32 size, u32 rn, u32 rd) {
  mixed_saturating_add<true>(c, 0, true, size, rn, rd);
}
inline void USQADD_s(Vcpu& c, u32 size, u32 rn, u32 rd) {
  mixed_saturating_add<false>(c, 0, true, size, rn, rd);
}

/// XTN and the saturating narrowing moves: lanes of From's width to T's.
template <bool FromSigned, bool ToSigned, bool Saturating>
void extract_narrow(Vcpu& c, u32 q, bool scalar, u32 size, u32 rn, u32 rd) {
  if (size == 3) return c.undefined();
  by_narrow_size<ToSigned>(size, [&]<class T>() {
    using W = lane_t<16 * sizeof(T), FromSigned>;
    const VReg a = c.s.v[rn];
    VReg r;
    bool qc = false;
    for (unsigned i = 0; i < (scalar ? 1 : lanes<T>(false)); ++i) {
      const W v = a.lane<W>(i);
      r.set_lane<T>(i, Saturating ? saturate<T>(static_cast<s128>(v), qc) : static_cast<T>(v));
    }
    write_narrow(c, scalar ? 0 : q, rd, r.d[0]);
    set_qc(c, qc);
  });
}
inline void XTN(Vcpu& c, u32 q, u32 size, u32 rn, u32 rd) {
  extract_narrow<false, false, false>(c, q, false, size, rn, rd);
}
inline void SQXTUN(Vcpu& c, u32 q, u32 size, u32 rn, u32 rd) {
  extract_narrow<true, false, true>(c, q, false, size, rn, rd);
}
inline void SQXTN(Vcpu& c, u32 q, u32 size, u32 rn, u32 rd) {
  extract_narrow<true, true, true>(c, q, false, size, rn, rd);
}
inline void UQXTN(Vcpu& c, u32 q, u32 size, u32 rn, u32 rd) {
  extract_narrow<false, false, true>(c, q, false, size, rn, rd);
}
inline void SQXTUN_s(Vcpu& c, u32 size, u32 rn, u32 rd) {
  extract_narrow<true, false, true>(c, 0, true, size, rn, rd);
}
inline void SQXTN_s(Vcpu& c, u32 size, u32 rn, u32 rd) {
  extract_narrow<true, true, true>(c, 0, true, size, rn, rd);
}
inline void UQXTN_s(Vcpu& c, u32 size, u32 rn, u32 rd) {
  extract_narrow<false, false, true>(c, 0, true, size, rn, rd);
}

/// SHLL: lanes widened and shifted by their width.
inline void SHLL(Vcpu& c, u32 q, u32 size, u32 rn, u32 rd) {
  if (size == 3) return c.undefined();
  by_narrow_size<false>(size, [&]<class T>() {
    using W = wide_t<T>;
    const VReg a = c.s.v[rn];
    const unsigned n = lanes<T>(false), first = q != 0 ? n : 0;
    VReg r;
    for (unsigned i = 0; i < n; ++i)
      r.set_lane<W>(i, static_cast<W>(static_cast<u64>(a.lane<T>(first + i)) << (8 * sizeof(T))));
    c.s.v[rd] = r;
  });
}

// ---- Across lanes

/// Folds the lanes of rn with op, in a type R.
template <class Op, bool Signed, bool Long>
void across(Vcpu& c, u32 q, u32 size, u32 rn, u32 rd) {
  if (size == 3 || (size == 2 && q == 0)) return c.undefined();
  by_narrow_size<Signed>(size, [&]<class T>() {
    using R = std::conditional_t<Long, wide_t<T>, T>;
    const VReg a = c.s.v[rn];
    bool qc = false;
    R r = a.lane<T>(0);
    for (unsigned i = 1; i < lanes<T>(q != 0); ++i) r = Op::template op<R>(r, a.lane<T>(i), qc);
    VReg out;
    out.set_lane<R>(0, r);
    c.s.v[rd] = out;
  });
}
inline void SADDLV(Vcpu& c, u32 q, u32 size, u32 rn, u32 rd) {
  across<OpAdd, true, true>(c, q, size, rn, rd);
}
inline void UADDLV(Vcpu& c, u32 q, u32 size, u32 rn, u32 rd) {
  across<OpAdd, false, true>(c, q, size, rn, rd);
}
inline void SMAXV(Vcpu& c, u32 q, u32 size, u32 rn, u32 rd) {
  across<OpMax, true, false>(c, q, size, rn, rd);
}
inline void UMAXV(Vcpu& c, u32 q, u32 size, u32 rn, u32 rd) {
  across<OpMax, false, false>(c, q, size, rn, rd);
}
inline void SMINV(Vcpu& c, u32 q, u32 size, u32 rn, u32 rd) {
  across<OpMin, true, false>(c, q, size, rn, rd);
}
inline void UMINV(Vcpu& c, u32 q, u32 size, u32 rn, u32 rd) {
  across<OpMin, false, false>(c, q, size, rn, rd);
}
inline void ADDV(Vcpu& c, u32 q, u32 size, u32 rn, u32 rd) {
  across<OpAdd, false, false>(c, q, size, rn, rd);
}

}  // namespace quince::a64
