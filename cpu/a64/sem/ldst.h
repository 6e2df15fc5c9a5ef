// Meanings of cpu/a64/isa/ldst.inc (Arm ARM DDI 0487, C6.2), over an engine (cpu/interp/interp.h).
//
// A meaning is an addressing form (at_imm, at_reg, at_literal) around an access (load_x, store_x,
// ...).  The base register is written back after the access went well, so a fault leaves every
// register as it was.
//
// Where the architecture leaves a choice (C6.2, CONSTRAINED UNPREDICTABLE):
//  * a load that writes back to a register that it loads: the address wins;
//  * a store that writes back to a register that it stores: the value from before is stored;
//  * a load pair with Rt = Rt2: the first register's value wins.
// Prefetches do nothing at all.  Missing on purpose: MTE tag checks, LDLAR and STLLR (FEAT_LOR);
// LDRAA and LDRAB are with pointer authentication.
//
// Memory order on an x86-64 host (TSO): a load acquires and a store releases by itself.  What TSO
// lacks is a STLR staying in front of a later LDAR, hence the full fence behind each store-release.
// LDAPR needs no such order, but cannot tell which LDAR will follow a STLUR.
#pragma once

#include "base/bits.h"
#include "cpu/a64/sem/sem.h"
#include "cpu/vcpu.h"

namespace quince::a64 {

#define A64_CORE template <class E> [[gnu::always_inline]] inline

/// What an addressing form does to the base register.
enum class Index : u8 { Offset, Pre, Post };

/// How a loaded value fills its register.
enum class Fill : u8 { Zero, Sign32, Sign64 };

inline constexpr cpu::MemOp kPlain{};
inline constexpr cpu::MemOp kUnprivileged{.unprivileged = true};
inline constexpr cpu::MemOp kOrdered{.ordered = true};

// ---- Accesses: each makes a function from an address to "go on".

A64_CORE auto load_x(E& e, unsigned log2, Fill fill, u32 rt, cpu::MemOp m = kPlain) {
  return [=, &e](typename E::Val va) __attribute__((always_inline)) {
    typename E::Val v{};
    if (!e.load(va, log2, v, m)) return false;
    if (fill != Fill::Zero) v = e.sext(v, 8u << log2);
    e.put(rt, fill != Fill::Sign32, v);
    return true;
  };
}
A64_CORE auto store_x(E& e, unsigned log2, u32 rt, cpu::MemOp m = kPlain) {
  return [=, &e](typename E::Val va) __attribute__((always_inline)) {
    return e.store(va, log2, e.get(rt, true), m);
  };
}
A64_CORE auto release_x(E& e, unsigned log2, u32 rt) {
  return [=, &e](typename E::Val va) __attribute__((always_inline)) {
    if (!e.store(va, log2, e.get(rt, true), kOrdered)) return false;
    e.fence();
    return true;
  };
}
A64_CORE auto load_x2(E& e, unsigned log2, Fill fill, u32 rt, u32 rt2) {
  return [=, &e](typename E::Val va) __attribute__((always_inline)) {
    typename E::Val v{}, v2{};
    if (!e.load_pair(va, log2, v, v2)) return false;
    e.put(rt2, true, fill == Fill::Zero ? v2 : e.sext(v2, 8u << log2));
    e.put(rt, true, fill == Fill::Zero ? v : e.sext(v, 8u << log2));
    return true;
  };
}
A64_CORE auto store_x2(E& e, unsigned log2, u32 rt, u32 rt2) {
  return [=, &e](typename E::Val va) __attribute__((always_inline)) {
    return e.store_pair(va, log2, e.get(rt, true), e.get(rt2, true));
  };
}

// ---- Addressing forms

/// Base plus immediate.
template <Index kIndex, class E, class Access>
[[gnu::always_inline]] inline void at_imm(E& e, u32 rn, s64 offset, Access access) {
  typename E::Val base{};
  if (!e.base(rn, base)) return;
  const auto moved = e.add(true, base, e.imm(static_cast<u64>(offset)));
  if (!access(kIndex == Index::Post ? base : moved)) return;
  if constexpr (kIndex != Index::Offset) e.put_sp(rn, true, moved);
}
/// Base plus extended and shifted register: `x` for a 64-bit index, else a signed or unsigned
/// 32-bit one.
template <class E, class Access>
[[gnu::always_inline]] inline void at_reg(E& e, u32 rn, u32 rm, bool sgn, bool x, unsigned shift,
                                          Access access) {
  typename E::Val base{};
  if (!e.base(rn, base)) return;
  auto index = e.get(rm, x);
  if (!x && sgn) index = e.sext(index, 32);
  access(e.add(true, base, e.lsl(true, index, shift)));
}
template <class E, class Access>
[[gnu::always_inline]] inline void at_literal(E& e, u32 imm19, Access access) {
  access(e.add(true, e.pc(), e.imm(static_cast<u64>(sign_extend<19>(imm19) * 4))));
}

constexpr Fill sign_fill(bool w) { return w ? Fill::Sign32 : Fill::Sign64; }

// ---- Unsigned scaled offset

A64_SEM STR_imm(E& e, u32 size, u32 imm12, u32 rn, u32 rt) {
  at_imm<Index::Offset>(e, rn, s64{imm12} << size, store_x(e, size, rt));
}
A64_SEM LDR_imm(E& e, u32 size, u32 imm12, u32 rn, u32 rt) {
  at_imm<Index::Offset>(e, rn, s64{imm12} << size, load_x(e, size, Fill::Zero, rt));
}
A64_SEM LDRS_imm(E& e, u32 size, bool w, u32 imm12, u32 rn, u32 rt) {
  at_imm<Index::Offset>(e, rn, s64{imm12} << size, load_x(e, size, sign_fill(w), rt));
}
A64_SEM LDRSW_imm(E& e, u32 imm12, u32 rn, u32 rt) {
  at_imm<Index::Offset>(e, rn, s64{imm12} << 2, load_x(e, 2, Fill::Sign64, rt));
}
A64_SEM PRFM_imm(E&, u32 /*imm12*/, u32 /*rn*/, u32 /*rt*/) {}

// ---- Unscaled signed offset

A64_SEM STUR(E& e, u32 size, u32 imm9, u32 rn, u32 rt) {
  at_imm<Index::Offset>(e, rn, sign_extend<9>(imm9), store_x(e, size, rt));
}
A64_SEM LDUR(E& e, u32 size, u32 imm9, u32 rn, u32 rt) {
  at_imm<Index::Offset>(e, rn, sign_extend<9>(imm9), load_x(e, size, Fill::Zero, rt));
}
A64_SEM LDURS(E& e, u32 size, bool w, u32 imm9, u32 rn, u32 rt) {
  at_imm<Index::Offset>(e, rn, sign_extend<9>(imm9), load_x(e, size, sign_fill(w), rt));
}
A64_SEM LDURSW(E& e, u32 imm9, u32 rn, u32 rt) {
  at_imm<Index::Offset>(e, rn, sign_extend<9>(imm9), load_x(e, 2, Fill::Sign64, rt));
}
A64_SEM PRFUM(E&, u32 /*imm9*/, u32 /*rn*/, u32 /*rt*/) {}

// ---- Post-index and pre-index

A64_SEM STR_post(E& e, u32 size, u32 imm9, u32 rn, u32 rt) {
  at_imm<Index::Post>(e, rn, sign_extend<9>(imm9), store_x(e, size, rt));
}
A64_SEM LDR_post(E& e, u32 size, u32 imm9, u32 rn, u32 rt) {
  at_imm<Index::Post>(e, rn, sign_extend<9>(imm9), load_x(e, size, Fill::Zero, rt));
}
A64_SEM LDRS_post(E& e, u32 size, bool w, u32 imm9, u32 rn, u32 rt) {
  at_imm<Index::Post>(e, rn, sign_extend<9>(imm9), load_x(e, size, sign_fill(w), rt));
}
A64_SEM LDRSW_post(E& e, u32 imm9, u32 rn, u32 rt) {
  at_imm<Index::Post>(e, rn, sign_extend<9>(imm9), load_x(e, 2, Fill::Sign64, rt));
}
A64_SEM STR_pre(E& e, u32 size, u32 imm9, u32 rn, u32 rt) {
  at_imm<Index::Pre>(e, rn, sign_extend<9>(imm9), store_x(e, size, rt));
}
A64_SEM LDR_pre(E& e, u32 size, u32 imm9, u32 rn, u32 rt) {
  at_imm<Index::Pre>(e, rn, sign_extend<9>(imm9), load_x(e, size, Fill::Zero, rt));
}
A64_SEM LDRS_pre(E& e, u32 size, bool w, u32 imm9, u32 rn, u32 rt) {
  at_imm<Index::Pre>(e, rn, sign_extend<9>(imm9), load_x(e, size, sign_fill(w), rt));
}
A64_SEM LDRSW_pre(E& e, u32 imm9, u32 rn, u32 rt) {
  at_imm<Index::Pre>(e, rn, sign_extend<9>(imm9), load_x(e, 2, Fill::Sign64, rt));
}

// ---- Unprivileged

A64_SEM STTR(E& e, u32 size, u32 imm9, u32 rn, u32 rt) {
  at_imm<Index::Offset>(e, rn, sign_extend<9>(imm9), store_x(e, size, rt, kUnprivileged));
}
A64_SEM LDTR(E& e, u32 size, u32 imm9, u32 rn, u32 rt) {
  at_imm<Index::Offset>(e, rn, sign_extend<9>(imm9),
                        load_x(e, size, Fill::Zero, rt, kUnprivileged));
}
A64_SEM LDTRS(E& e, u32 size, bool w, u32 imm9, u32 rn, u32 rt) {
  at_imm<Index::Offset>(e, rn, sign_extend<9>(imm9),
                        load_x(e, size, sign_fill(w), rt, kUnprivileged));
}
A64_SEM LDTRSW(E& e, u32 imm9, u32 rn, u32 rt) {
  at_imm<Index::Offset>(e, rn, sign_extend<9>(imm9), load_x(e, 2, Fill::Sign64, rt, kUnprivileged));
}

// ---- Register offset

A64_SEM STR_reg(E& e, u32 size, u32 rm, bool sgn, bool x, bool s, u32 rn, u32 rt) {
  at_reg(e, rn, rm, sgn, x, s ? size : 0, store_x(e, size, rt));
}
A64_SEM LDR_reg(E& e, u32 size, u32 rm, bool sgn, bool x, bool s, u32 rn, u32 rt) {
  at_reg(e, rn, rm, sgn, x, s ? size : 0, load_x(e, size, Fill::Zero, rt));
}
A64_SEM LDRS_reg(E& e, u32 size, bool w, u32 rm, bool sgn, bool x, bool s, u32 rn, u32 rt) {
  at_reg(e, rn, rm, sgn, x, s ? size : 0, load_x(e, size, sign_fill(w), rt));
}
A64_SEM LDRSW_reg(E& e, u32 rm, bool sgn, bool x, bool s, u32 rn, u32 rt) {
  at_reg(e, rn, rm, sgn, x, s ? 2 : 0, load_x(e, 2, Fill::Sign64, rt));
}
A64_SEM PRFM_reg(E&, u32 /*rm*/, bool /*sgn*/, bool /*x*/, bool /*s*/, u32 /*rn*/, u32 /*rt*/) {}

// ---- Literals

A64_SEM LDR_lit(E& e, bool sf, u32 imm19, u32 rt) {
  at_literal(e, imm19, load_x(e, sf ? 3 : 2, Fill::Zero, rt));
}
A64_SEM LDRSW_lit(E& e, u32 imm19, u32 rt) {
  at_literal(e, imm19, load_x(e, 2, Fill::Sign64, rt));
}
A64_SEM PRFM_lit(E&, u32 /*imm19*/, u32 /*rt*/) {}

// ---- Pairs

/// The offset of a pair whose elements have 2^log2 bytes.
constexpr s64 pair_offset(u32 imm7, unsigned log2) { return sign_extend<7>(imm7) << log2; }

template <Index kIndex, class E>
[[gnu::always_inline]] inline void stp(E& e, bool sf, u32 imm7, u32 rt2, u32 rn, u32 rt) {
  const unsigned log2 = sf ? 3 : 2;
  at_imm<kIndex>(e, rn, pair_offset(imm7, log2), store_x2(e, log2, rt, rt2));
}
template <Index kIndex, class E>
[[gnu::always_inline]] inline void ldp(E& e, bool sf, u32 imm7, u32 rt2, u32 rn, u32 rt) {
  const unsigned log2 = sf ? 3 : 2;
  at_imm<kIndex>(e, rn, pair_offset(imm7, log2), load_x2(e, log2, Fill::Zero, rt, rt2));
}
template <Index kIndex, class E>
[[gnu::always_inline]] inline void ldpsw(E& e, u32 imm7, u32 rt2, u32 rn, u32 rt) {
  at_imm<kIndex>(e, rn, pair_offset(imm7, 2), load_x2(e, 2, Fill::Sign64, rt, rt2));
}

A64_SEM STNP(E& e, bool sf, u32 imm7, u32 rt2, u32 rn, u32 rt) {
  stp<Index::Offset>(e, sf, imm7, rt2, rn, rt);
}
A64_SEM LDNP(E& e, bool sf, u32 imm7, u32 rt2, u32 rn, u32 rt) {
  ldp<Index::Offset>(e, sf, imm7, rt2, rn, rt);
}
A64_SEM STP_post(E& e, bool sf, u32 imm7, u32 rt2, u32 rn, u32 rt) {
  stp<Index::Post>(e, sf, imm7, rt2, rn, rt);
}
A64_SEM LDP_post(E& e, bool sf, u32 imm7, u32 rt2, u32 rn, u32 rt) {
  ldp<Index::Post>(e, sf, imm7, rt2, rn, rt);
}
A64_SEM STP_imm(E& e, bool sf, u32 imm7, u32 rt2, u32 rn, u32 rt) {
  stp<Index::Offset>(e, sf, imm7, rt2, rn, rt);
}
A64_SEM LDP_imm(E& e, bool sf, u32 imm7, u32 rt2, u32 rn, u32 rt) {
  ldp<Index::Offset>(e, sf, imm7, rt2, rn, rt);
}
A64_SEM STP_pre(E& e, bool sf, u32 imm7, u32 rt2, u32 rn, u32 rt) {
  stp<Index::Pre>(e, sf, imm7, rt2, rn, rt);
}
A64_SEM LDP_pre(E& e, bool sf, u32 imm7, u32 rt2, u32 rn, u32 rt) {
  ldp<Index::Pre>(e, sf, imm7, rt2, rn, rt);
}
A64_SEM LDPSW_post(E& e, u32 imm7, u32 rt2, u32 rn, u32 rt) {
  ldpsw<Index::Post>(e, imm7, rt2, rn, rt);
}
A64_SEM LDPSW_imm(E& e, u32 imm7, u32 rt2, u32 rn, u32 rt) {
  ldpsw<Index::Offset>(e, imm7, rt2, rn, rt);
}
A64_SEM LDPSW_pre(E& e, u32 imm7, u32 rt2, u32 rn, u32 rt) {
  ldpsw<Index::Pre>(e, imm7, rt2, rn, rt);
}

// ---- Load-acquire and store-release

A64_SEM STLR(E& e, u32 size, u32 rn, u32 rt) {
  at_imm<Index::Offset>(e, rn, 0, release_x(e, size, rt));
}
A64_SEM LDAR(E& e, u32 size, u32 rn, u32 rt) {
  at_imm<Index::Offset>(e, rn, 0, load_x(e, size, Fill::Zero, rt, kOrdered));
}
A64_SEM LDAPR(E& e, u32 size, u32 rn, u32 rt) {
  at_imm<Index::Offset>(e, rn, 0, load_x(e, size, Fill::Zero, rt, kOrdered));
}
A64_SEM STLUR(E& e, u32 size, u32 imm9, u32 rn, u32 rt) {
  at_imm<Index::Offset>(e, rn, sign_extend<9>(imm9), release_x(e, size, rt));
}
A64_SEM LDAPUR(E& e, u32 size, u32 imm9, u32 rn, u32 rt) {
  at_imm<Index::Offset>(e, rn, sign_extend<9>(imm9), load_x(e, size, Fill::Zero, rt, kOrdered));
}
A64_SEM LDAPURS(E& e, u32 size, bool w, u32 imm9, u32 rn, u32 rt) {
  at_imm<Index::Offset>(e, rn, sign_extend<9>(imm9), load_x(e, size, sign_fill(w), rt, kOrdered));
}
A64_SEM LDAPURSW(E& e, u32 imm9, u32 rn, u32 rt) {
  at_imm<Index::Offset>(e, rn, sign_extend<9>(imm9), load_x(e, 2, Fill::Sign64, rt, kOrdered));
}

}  // namespace quince::a64
