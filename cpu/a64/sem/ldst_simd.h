// Meanings of cpu/a64/isa/ldst_simd.inc (Arm ARM DDI 0487, C7.2), over an engine
// (cpu/interp/interp.h).  The addressing forms and their rules are those of ldst.h.
//
// A load writes the whole register: bits above the access are zero.  A load pair with Rt = Rt2,
// which the architecture leaves open, keeps the second value.  Q registers are one access where
// they are 16-byte aligned, and a pair of Q registers is two.
#pragma once

#include "cpu/a64/sem/ldst.h"

namespace quince::a64 {

// ---- Accesses

A64_CORE auto load_fp(E& e, unsigned log2, u32 rt) {
  return [=, &e](typename E::Val va) __attribute__((always_inline)) {
    typename E::Val v{};
    if (!e.load(va, log2, v)) return false;
    e.put_fp(rt, v);
    return true;
  };
}
A64_CORE auto store_fp(E& e, unsigned log2, u32 rt) {
  return [=, &e](typename E::Val va) __attribute__((always_inline)) {
    return e.store(va, log2, e.get_fp(rt));
  };
}
A64_CORE auto load_q(E& e, u32 rt) {
  return [=, &e](typename E::Val va) __attribute__((always_inline)) {
    typename E::Vec v{};
    if (!e.load_v(va, v)) return false;
    e.put_v(rt, v);
    return true;
  };
}
A64_CORE auto store_q(E& e, u32 rt) {
  return [=, &e](typename E::Val va) __attribute__((always_inline)) {
    return e.store_v(va, e.v(rt));
  };
}
A64_CORE auto load_fp2(E& e, unsigned log2, u32 rt, u32 rt2) {
  return [=, &e](typename E::Val va) __attribute__((always_inline)) {
    typename E::Val v{}, v2{};
    if (!e.load_pair(va, log2, v, v2)) return false;
    e.put_fp(rt, v);
    e.put_fp(rt2, v2);
    return true;
  };
}
A64_CORE auto store_fp2(E& e, unsigned log2, u32 rt, u32 rt2) {
  return [=, &e](typename E::Val va) __attribute__((always_inline)) {
    return e.store_pair(va, log2, e.get_fp(rt), e.get_fp(rt2));
  };
}
A64_CORE auto load_q2(E& e, u32 rt, u32 rt2) {
  return [=, &e](typename E::Val va) __attribute__((always_inline)) {
    typename E::Vec first{}, second{};
    if (!e.load_v(va, first)) return false;
    if (!e.load_v(e.add(true, va, e.imm(16)), second)) return false;
    e.put_v(rt2, second);
    if (rt != rt2) e.put_v(rt, first);
    return true;
  };
}
A64_CORE auto store_q2(E& e, u32 rt, u32 rt2) {
  return [=, &e](typename E::Val va) __attribute__((always_inline)) {
    return e.store_v(va, e.v(rt)) && e.store_v(e.add(true, va, e.imm(16)), e.v(rt2));
  };
}

// ---- Unsigned scaled offset

A64_SEM STR_fp_imm(E& e, u32 size, u32 imm12, u32 rn, u32 rt) {
  at_imm<Index::Offset>(e, rn, s64{imm12} << size, store_fp(e, size, rt));
}
A64_SEM LDR_fp_imm(E& e, u32 size, u32 imm12, u32 rn, u32 rt) {
  at_imm<Index::Offset>(e, rn, s64{imm12} << size, load_fp(e, size, rt));
}
A64_SEM STR_q_imm(E& e, u32 imm12, u32 rn, u32 rt) {
  at_imm<Index::Offset>(e, rn, s64{imm12} << 4, store_q(e, rt));
}
A64_SEM LDR_q_imm(E& e, u32 imm12, u32 rn, u32 rt) {
  at_imm<Index::Offset>(e, rn, s64{imm12} << 4, load_q(e, rt));
}

// ---- Unscaled, post-index, pre-index

A64_SEM STUR_fp(E& e, u32 size, u32 imm9, u32 rn, u32 rt) {
  at_imm<Index::Offset>(e, rn, sign_extend<9>(imm9), store_fp(e, size, rt));
}
A64_SEM LDUR_fp(E& e, u32 size, u32 imm9, u32 rn, u32 rt) {
  at_imm<Index::Offset>(e, rn, sign_extend<9>(imm9), load_fp(e, size, rt));
}
A64_SEM STUR_q(E& e, u32 imm9, u32 rn, u32 rt) {
  at_imm<Index::Offset>(e, rn, sign_extend<9>(imm9), store_q(e, rt));
}
A64_SEM LDUR_q(E& e, u32 imm9, u32 rn, u32 rt) {
  at_imm<Index::Offset>(e, rn, sign_extend<9>(imm9), load_q(e, rt));
}
A64_SEM STR_fp_post(E& e, u32 size, u32 imm9, u32 rn, u32 rt) {
  at_imm<Index::Post>(e, rn, sign_extend<9>(imm9), store_fp(e, size, rt));
}
A64_SEM LDR_fp_post(E& e, u32 size, u32 imm9, u32 rn, u32 rt) {
  at_imm<Index::Post>(e, rn, sign_extend<9>(imm9), load_fp(e, size, rt));
}
A64_SEM STR_q_post(E& e, u32 imm9, u32 rn, u32 rt) {
  at_imm<Index::Post>(e, rn, sign_extend<9>(imm9), store_q(e, rt));
}
A64_SEM LDR_q_post(E& e, u32 imm9, u32 rn, u32 rt) {
  at_imm<Index::Post>(e, rn, sign_extend<9>(imm9), load_q(e, rt));
}
A64_SEM STR_fp_pre(E& e, u32 size, u32 imm9, u32 rn, u32 rt) {
  at_imm<Index::Pre>(e, rn, sign_extend<9>(imm9), store_fp(e, size, rt));
}
A64_SEM LDR_fp_pre(E& e, u32 size, u32 imm9, u32 rn, u32 rt) {
  at_imm<Index::Pre>(e, rn, sign_extend<9>(imm9), load_fp(e, size, rt));
}
A64_SEM STR_q_pre(E& e, u32 imm9, u32 rn, u32 rt) {
  at_imm<Index::Pre>(e, rn, sign_extend<9>(imm9), store_q(e, rt));
}
A64_SEM LDR_q_pre(E& e, u32 imm9, u32 rn, u32 rt) {
  at_imm<Index::Pre>(e, rn, sign_extend<9>(imm9), load_q(e, rt));
}

// ---- Register offset

A64_SEM STR_fp_reg(E& e, u32 size, u32 rm, bool sgn, bool x, bool s, u32 rn, u32 rt) {
  at_reg(e, rn, rm, sgn, x, s ? size : 0, store_fp(e, size, rt));
}
A64_SEM LDR_fp_reg(E& e, u32 size, u32 rm, bool sgn, bool x, bool s, u32 rn, u32 rt) {
  at_reg(e, rn, rm, sgn, x, s ? size : 0, load_fp(e, size, rt));
}
A64_SEM STR_q_reg(E& e, u32 rm, bool sgn, bool x, bool s, u32 rn, u32 rt) {
  at_reg(e, rn, rm, sgn, x, s ? 4 : 0, store_q(e, rt));
}
A64_SEM LDR_q_reg(E& e, u32 rm, bool sgn, bool x, bool s, u32 rn, u32 rt) {
  at_reg(e, rn, rm, sgn, x, s ? 4 : 0, load_q(e, rt));
}

// ---- Literals

A64_SEM LDR_fp_lit(E& e, bool d, u32 imm19, u32 rt) {
  at_literal(e, imm19, load_fp(e, d ? 3 : 2, rt));
}
A64_SEM LDR_q_lit(E& e, u32 imm19, u32 rt) { at_literal(e, imm19, load_q(e, rt)); }

// ---- Pairs

template <Index kIndex, class E>
[[gnu::always_inline]] inline void stp_fp(E& e, bool d, u32 imm7, u32 rt2, u32 rn, u32 rt) {
  const unsigned log2 = d ? 3 : 2;
  at_imm<kIndex>(e, rn, pair_offset(imm7, log2), store_fp2(e, log2, rt, rt2));
}
template <Index kIndex, class E>
[[gnu::always_inline]] inline void ldp_fp(E& e, bool d, u32 imm7, u32 rt2, u32 rn, u32 rt) {
  const unsigned log2 = d ? 3 : 2;
  at_imm<kIndex>(e, rn, pair_offset(imm7, log2), load_fp2(e, log2, rt, rt2));
}
template <Index kIndex, class E>
[[gnu::always_inline]] inline void stp_q(E& e, u32 imm7, u32 rt2, u32 rn, u32 rt) {
  at_imm<kIndex>(e, rn, pair_offset(imm7, 4), store_q2(e, rt, rt2));
}
template <Index kIndex, class E>
[[gnu::always_inline]] inline void ldp_q(E& e, u32 imm7, u32 rt2, u32 rn, u32 rt) {
  at_imm<kIndex>(e, rn, pair_offset(imm7, 4), load_q2(e, rt, rt2));
}

A64_SEM STNP_fp(E& e, bool d, u32 imm7, u32 rt2, u32 rn, u32 rt) {
  stp_fp<Index::Offset>(e, d, imm7, rt2, rn, rt);
}
A64_SEM LDNP_fp(E& e, bool d, u32 imm7, u32 rt2, u32 rn, u32 rt) {
  ldp_fp<Index::Offset>(e, d, imm7, rt2, rn, rt);
}
A64_SEM STNP_q(E& e, u32 imm7, u32 rt2, u32 rn, u32 rt) {
  stp_q<Index::Offset>(e, imm7, rt2, rn, rt);
}
A64_SEM LDNP_q(E& e, u32 imm7, u32 rt2, u32 rn, u32 rt) {
  ldp_q<Index::Offset>(e, imm7, rt2, rn, rt);
}
A64_SEM STP_fp_post(E& e, bool d, u32 imm7, u32 rt2, u32 rn, u32 rt) {
  stp_fp<Index::Post>(e, d, imm7, rt2, rn, rt);
}
A64_SEM LDP_fp_post(E& e, bool d, u32 imm7, u32 rt2, u32 rn, u32 rt) {
  ldp_fp<Index::Post>(e, d, imm7, rt2, rn, rt);
}
A64_SEM STP_q_post(E& e, u32 imm7, u32 rt2, u32 rn, u32 rt) {
  stp_q<Index::Post>(e, imm7, rt2, rn, rt);
}
A64_SEM LDP_q_post(E& e, u32 imm7, u32 rt2, u32 rn, u32 rt) {
  ldp_q<Index::Post>(e, imm7, rt2, rn, rt);
}
A64_SEM STP_fp_imm(E& e, bool d, u32 imm7, u32 rt2, u32 rn, u32 rt) {
  stp_fp<Index::Offset>(e, d, imm7, rt2, rn, rt);
}
A64_SEM LDP_fp_imm(E& e, bool d, u32 imm7, u32 rt2, u32 rn, u32 rt) {
  ldp_fp<Index::Offset>(e, d, imm7, rt2, rn, rt);
}
A64_SEM STP_q_imm(E& e, u32 imm7, u32 rt2, u32 rn, u32 rt) {
  stp_q<Index::Offset>(e, imm7, rt2, rn, rt);
}
A64_SEM LDP_q_imm(E& e, u32 imm7, u32 rt2, u32 rn, u32 rt) {
  ldp_q<Index::Offset>(e, imm7, rt2, rn, rt);
}
A64_SEM STP_fp_pre(E& e, bool d, u32 imm7, u32 rt2, u32 rn, u32 rt) {
  stp_fp<Index::Pre>(e, d, imm7, rt2, rn, rt);
}
A64_SEM LDP_fp_pre(E& e, bool d, u32 imm7, u32 rt2, u32 rn, u32 rt) {
  ldp_fp<Index::Pre>(e, d, imm7, rt2, rn, rt);
}
A64_SEM STP_q_pre(E& e, u32 imm7, u32 rt2, u32 rn, u32 rt) {
  stp_q<Index::Pre>(e, imm7, rt2, rn, rt);
}
A64_SEM LDP_q_pre(E& e, u32 imm7, u32 rt2, u32 rn, u32 rt) {
  ldp_q<Index::Pre>(e, imm7, rt2, rn, rt);
}

}  // namespace quince::a64
