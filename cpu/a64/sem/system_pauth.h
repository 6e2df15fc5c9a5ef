// Meanings of the pointer authentication rows of cpu/a64/isa/system.inc (Arm ARM DDI 0487, C6.2;
// D8.9).  The codes themselves are cpu/pauth's; here are keys, enables, and the exception.
#pragma once

#include "cpu/pauth/pac.h"
#include "cpu/vcpu.h"

namespace quince::a64 {

using cpu::ExceptionClass;
using cpu::Vcpu;

/// The keys, in the order of SysRegs::apkeys.
enum class PacKey : u8 { IA, IB, DA, DB, GA };

inline pauth::Key pac_key(const Vcpu& c, PacKey k) {
  const std::size_t at = 2 * static_cast<std::size_t>(k);
  return {.hi = c.s.sys.apkeys[at + 1], .lo = c.s.sys.apkeys[at]};
}
constexpr bool is_data(PacKey k) { return k == PacKey::DA || k == PacKey::DB; }
constexpr bool is_b(PacKey k) { return k == PacKey::IB || k == PacKey::DB; }

/// SCTLR_EL1.EnIA, EnIB, EnDA, EnDB: a key that is not enabled makes its instructions NOPs.
inline bool pac_enabled(const Vcpu& c, PacKey k) {
  constexpr u8 kEnable[] = {31, 30, 27, 13};
  return bit(c.s.sys.sctlr_el1, kEnable[static_cast<std::size_t>(k)]);
}

inline pauth::Regime pac_regime(const Vcpu& c) {
  return {.tcr = c.s.sys.tcr_el1,
          .pauth2 = c.has(Feature::PAuth2),
          .fpac = c.has(Feature::FPAC),
          .qarma5 = c.has(Feature::PACQARMA5)};
}

inline u64 reg_or_sp(const Vcpu& c, u32 r) { return r == 31 ? c.s.sp : c.s.x[r]; }
inline void set_reg(Vcpu& c, u32 r, u64 v) {
  c.s.x[r] = v;
  c.s.x[31] = 0;
}

inline u64 signed_pointer(const Vcpu& c, PacKey k, u64 ptr, u64 modifier) {
  if (!pac_enabled(c, k)) return ptr;
  return pauth::add_pac(pac_regime(c), ptr, modifier, pac_key(c, k), is_data(k));
}

/// Authenticates `ptr`; false after a PAC Fail exception.  `combined`: by an instruction that goes
/// on to use the pointer.
inline bool authenticate(Vcpu& c, PacKey k, u64 ptr, u64 modifier, bool combined, u64& out) {
  out = ptr;
  if (!pac_enabled(c, k)) return true;
  const pauth::Authenticated a = pauth::authenticate(pac_regime(c), ptr, modifier, pac_key(c, k),
                                                     is_data(k), is_b(k), combined);
  out = a.ptr;
  if (!a.fault) return true;
  c.take_exception(ExceptionClass::PacFail, (is_data(k) ? 2u : 0u) | (is_b(k) ? 1u : 0u), c.pc());
  return false;
}

/// Signs or authenticates a register in place.
inline void pac(Vcpu& c, PacKey k, u32 rd, u64 modifier) {
  set_reg(c, rd, signed_pointer(c, k, c.s.x[rd], modifier));
}
inline void aut(Vcpu& c, PacKey k, u32 rd, u64 modifier) {
  u64 ptr = 0;
  if (authenticate(c, k, c.s.x[rd], modifier, false, ptr)) set_reg(c, rd, ptr);
}

inline void PACIA(Vcpu& c, u32 rn, u32 rd) { pac(c, PacKey::IA, rd, reg_or_sp(c, rn)); }
inline void PACIB(Vcpu& c, u32 rn, u32 rd) { pac(c, PacKey::IB, rd, reg_or_sp(c, rn)); }
inline void PACDA(Vcpu& c, u32 rn, u32 rd) { pac(c, PacKey::DA, rd, reg_or_sp(c, rn)); }
inline void PACDB(Vcpu& c, u32 rn, u32 rd) { pac(c, PacKey::DB, rd, reg_or_sp(c, rn)); }
inline void AUTIA(Vcpu& c, u32 rn, u32 rd) { aut(c, PacKey::IA, rd, reg_or_sp(c, rn)); }
inline void AUTIB(Vcpu& c, u32 rn, u32 rd) { aut(c, PacKey::IB, rd, reg_or_sp(c, rn)); }
inline void AUTDA(Vcpu& c, u32 rn, u32 rd) { aut(c, PacKey::DA, rd, reg_or_sp(c, rn)); }
inline void AUTDB(Vcpu& c, u32 rn, u32 rd) { aut(c, PacKey::DB, rd, reg_or_sp(c, rn)); }
inline void PACIZA(Vcpu& c, u32 rd) { pac(c, PacKey::IA, rd, 0); }
inline void PACIZB(Vcpu& c, u32 rd) { pac(c, PacKey::IB, rd, 0); }
inline void PACDZA(Vcpu& c, u32 rd) { pac(c, PacKey::DA, rd, 0); }
inline void PACDZB(Vcpu& c, u32 rd) { pac(c, PacKey::DB, rd, 0); }
inline void AUTIZA(Vcpu& c, u32 rd) { aut(c, PacKey::IA, rd, 0); }
inline void AUTIZB(Vcpu& c, u32 rd) { aut(c, PacKey::IB, rd, 0); }
inline void AUTDZA(Vcpu& c, u32 rd) { aut(c, PacKey::DA, rd, 0); }
inline void AUTDZB(Vcpu& c, u32 rd) { aut(c, PacKey::DB, rd, 0); }
inline void XPACI(Vcpu& c, u32 rd) {
  set_reg(c, rd, pauth::strip(pac_regime(c), c.s.x[rd], false));
}
inline void XPACD(Vcpu& c, u32 rd) { set_reg(c, rd, pauth::strip(pac_regime(c), c.s.x[rd], true)); }
inline void PACGA(Vcpu& c, u32 rm, u32 rn, u32 rd) {
  const u64 code =
      pauth::compute_pac(pac_regime(c), c.s.x[rn], reg_or_sp(c, rm), pac_key(c, PacKey::GA));
  set_reg(c, rd, code & ~low_mask(32));
}

// The forms in hint space are NOPs without FEAT_PAuth.
inline void hint_pac(Vcpu& c, PacKey k, u32 rd, u64 modifier) {
  if (c.has(Feature::PAuth)) pac(c, k, rd, modifier);
}
inline void hint_aut(Vcpu& c, PacKey k, u32 rd, u64 modifier) {
  if (c.has(Feature::PAuth)) aut(c, k, rd, modifier);
}
inline void XPACLRI(Vcpu& c) {
  if (c.has(Feature::PAuth)) XPACI(c, 30);
}
inline void PACIA1716(Vcpu& c) { hint_pac(c, PacKey::IA, 17, c.s.x[16]); }
inline void PACIB1716(Vcpu& c) { hint_pac(c, PacKey::IB, 17, c.s.x[16]); }
inline void AUTIA1716(Vcpu& c) { hint_aut(c, PacKey::IA, 17, c.s.x[16]); }
inline void AUTIB1716(Vcpu& c) { hint_aut(c, PacKey::IB, 17, c.s.x[16]); }
inline void PACIAZ(Vcpu& c) { hint_pac(c, PacKey::IA, 30, 0); }
inline void PACIASP(Vcpu& c) { hint_pac(c, PacKey::IA, 30, c.s.sp); }
inline void PACIBZ(Vcpu& c) { hint_pac(c, PacKey::IB, 30, 0); }
inline void PACIBSP(Vcpu& c) { hint_pac(c, PacKey::IB, 30, c.s.sp); }
inline void AUTIAZ(Vcpu& c) { hint_aut(c, PacKey::IA, 30, 0); }
inline void AUTIASP(Vcpu& c) { hint_aut(c, PacKey::IA, 30, c.s.sp); }
inline void AUTIBZ(Vcpu& c) { hint_aut(c, PacKey::IB, 30, 0); }
inline void AUTIBSP(Vcpu& c) { hint_aut(c, PacKey::IB, 30, c.s.sp); }

// ---- Branches ----------------------------------------------------------------------------------

inline void branch_authenticated(Vcpu& c, PacKey k, u32 rn, u64 modifier, bool link) {
  u64 target = 0;
  if (!authenticate(c, k, c.s.x[rn], modifier, true, target)) return;
  unsigned btype = c.page_guarded() && rn != 16 && rn != 17 ? 3 : 1;
  if (link) {
    btype = 2;
    c.s.x[30] = c.pc() + 4;
  }
  c.branch_indirect(target, btype);
}
inline void BRAAZ(Vcpu& c, u32 rn) { branch_authenticated(c, PacKey::IA, rn, 0, false); }
inline void BRABZ(Vcpu& c, u32 rn) { branch_authenticated(c, PacKey::IB, rn, 0, false); }
inline void BLRAAZ(Vcpu& c, u32 rn) { branch_authenticated(c, PacKey::IA, rn, 0, true); }
inline void BLRABZ(Vcpu& c, u32 rn) { branch_authenticated(c, PacKey::IB, rn, 0, true); }
inline void BRAA(Vcpu& c, u32 rn, u32 rm) {
  branch_authenticated(c, PacKey::IA, rn, reg_or_sp(c, rm), false);
}
inline void BRAB(Vcpu& c, u32 rn, u32 rm) {
  branch_authenticated(c, PacKey::IB, rn, reg_or_sp(c, rm), false);
}
inline void BLRAA(Vcpu& c, u32 rn, u32 rm) {
  branch_authenticated(c, PacKey::IA, rn, reg_or_sp(c, rm), true);
}
inline void BLRAB(Vcpu& c, u32 rn, u32 rm) {
  branch_authenticated(c, PacKey::IB, rn, reg_or_sp(c, rm), true);
}

inline void return_authenticated(Vcpu& c, PacKey k) {
  u64 target = 0;
  if (authenticate(c, k, c.s.x[30], c.s.sp, true, target)) c.branch_indirect(target, 0);
}
inline void RETAA(Vcpu& c) { return_authenticated(c, PacKey::IA); }
inline void RETAB(Vcpu& c) { return_authenticated(c, PacKey::IB); }

inline void eret_authenticated(Vcpu& c, PacKey k) {
  if (c.s.pstate.el == 0) return c.undefined();
  u64 target = 0;
  if (authenticate(c, k, c.s.sys.elr_el1, c.s.sp, true, target)) c.exception_return(target);
}
inline void ERETAA(Vcpu& c) { eret_authenticated(c, PacKey::IA); }
inline void ERETAB(Vcpu& c) { eret_authenticated(c, PacKey::IB); }

// ---- Loads -------------------------------------------------------------------------------------

inline void load_authenticated(Vcpu& c, PacKey k, bool s, u32 imm9, bool w, u32 rn, u32 rt) {
  if (rn == 31 && !c.check_sp_alignment()) return;
  u64 va = 0, v = 0;
  if (!authenticate(c, k, reg_or_sp(c, rn), 0, true, va)) return;
  va += static_cast<u64>(sign_extend<10>((u64{s} << 9) | imm9)) << 3;
  if (!c.load(va, v)) return;
  set_reg(c, rt, v);
  if (!w) return;
  if (rn == 31)
    c.s.sp = va;
  else
    c.s.x[rn] = va;
}
inline void LDRAA(Vcpu& c, bool s, u32 imm9, bool w, u32 rn, u32 rt) {
  load_authenticated(c, PacKey::DA, s, imm9, w, rn, rt);
}
inline void LDRAB(Vcpu& c, bool s, u32 imm9, bool w, u32 rn, u32 rt) {
  load_authenticated(c, PacKey::DB, s, imm9, w, rn, rt);
}

}  // namespace quince::a64
