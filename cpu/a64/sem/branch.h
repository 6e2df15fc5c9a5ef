// Meanings of cpu/a64/isa/branch.inc (Arm ARM DDI 0487, C6.2), over an engine
// (cpu/interp/interp.h).
#pragma once

#include "base/bits.h"
#include "cpu/a64/sem/sem.h"

namespace quince::a64 {

A64_SEM B(E& e, u32 imm26) { e.branch(sign_extend<26>(imm26) * 4); }
A64_SEM BL(E& e, u32 imm26) {
  e.link();
  e.branch(sign_extend<26>(imm26) * 4);
}
A64_SEM B_cond(E& e, u32 imm19, u32 cond) { e.branch_if(e.cond(cond), sign_extend<19>(imm19) * 4); }

A64_SEM CBZ(E& e, bool sf, u32 imm19, u32 rt) {
  e.branch_if(e.is_zero(sf, e.get(rt, sf)), sign_extend<19>(imm19) * 4);
}
A64_SEM CBNZ(E& e, bool sf, u32 imm19, u32 rt) {
  e.branch_if(e.not_(e.is_zero(sf, e.get(rt, sf))), sign_extend<19>(imm19) * 4);
}
A64_SEM TBZ(E& e, u32 b5, u32 b40, u32 imm14, u32 rt) {
  const auto set = e.bit_set(e.get(rt, true), (b5 << 5) | b40);
  e.branch_if(e.not_(set), sign_extend<14>(imm14) * 4);
}
A64_SEM TBNZ(E& e, u32 b5, u32 b40, u32 imm14, u32 rt) {
  const auto set = e.bit_set(e.get(rt, true), (b5 << 5) | b40);
  e.branch_if(set, sign_extend<14>(imm14) * 4);
}

/// PSTATE.BTYPE after BR: a jump from a guarded page is marked, except through X16 and X17, which
/// linkers use for veneers.
template <class E>
[[gnu::always_inline]] inline unsigned btype_of_br(E& e, u32 rn) {
  return e.in_guarded_page() && rn != 16 && rn != 17 ? 3 : 1;
}
A64_SEM BR(E& e, u32 rn) { e.branch_reg(e.get(rn, true), btype_of_br(e, rn)); }
A64_SEM BLR(E& e, u32 rn) {
  const auto target = e.get(rn, true);  // before the link: Rn may be X30
  e.link();
  e.branch_reg(target, 2);
}
A64_SEM RET(E& e, u32 rn) { e.branch_reg(e.get(rn, true), 0); }

}  // namespace quince::a64
