// Meanings of cpu/a64/isa/system.inc apart from pointer authentication (Arm ARM DDI 0487, C6.2):
// exception generation and return, hints, barriers, PSTATE, system registers.
//
// External debug is missing, so that HLT, DCPS<n> and DRPS are UNDEFINED, and so is EL3: SMC is.
// Hints of absent features (RAS, statistical profiling, trace, data gathering) do nothing.
#pragma once

#include <atomic>

#include "cpu/host_atomic.h"
#include "cpu/sysreg.h"
#include "cpu/vcpu.h"

namespace quince::a64 {

using cpu::ExceptionClass;
using cpu::RunExit;
using cpu::Vcpu;

// ---- Exception generation and return -----------------------------------------------------------

inline void UDF(Vcpu& c, u32) { c.undefined(); }
inline void SVC(Vcpu& c, u32 imm16) { c.take_exception(ExceptionClass::Svc, imm16, c.pc() + 4); }
inline void HVC(Vcpu& c, u32 imm16) {
  if (c.s.pstate.el == 0 || c.ports().hypercalls == nullptr) return c.undefined();
  c.ports().hypercalls->hvc(c, static_cast<u16>(imm16));
}
inline void SMC(Vcpu& c, u32) { c.undefined(); }
inline void BRK(Vcpu& c, u32 imm16) { c.take_exception(ExceptionClass::Brk, imm16, c.pc()); }
inline void HLT(Vcpu& c, u32) { c.undefined(); }
inline void DCPS1(Vcpu& c, u32) { c.undefined(); }
inline void DCPS2(Vcpu& c, u32) { c.undefined(); }
inline void DCPS3(Vcpu& c, u32) { c.undefined(); }
inline void ERET(Vcpu& c) {
  if (c.s.pstate.el == 0) return c.undefined();
  c.exception_return(c.s.sys.elr_el1);
}
inline void DRPS(Vcpu& c) { c.undefined(); }

// ---- Hints -------------------------------------------------------------------------------------

inline void HINT(Vcpu&, u32, u32) {}
inline void NOP(Vcpu&) {}
inline void DGH(Vcpu&) {}
inline void ESB(Vcpu&) {}
inline void PSB_CSYNC(Vcpu&) {}
inline void TSB_CSYNC(Vcpu&) {}
inline void CSDB(Vcpu&) {}
inline void BTI(Vcpu&, u32) {}  // the check is part of instruction fetch

inline void YIELD(Vcpu& c) {
  if (c.multiprocessor()) c.exit_after(RunExit::Yield);
}

/// WFI and WFE at EL0 when SCTLR_EL1.nTWI or .nTWE (bit `enable`) is clear: false after the trap.
inline bool wfx_allowed(Vcpu& c, unsigned enable, u32 ti) {
  if (c.s.pstate.el != 0 || bit(c.s.sys.sctlr_el1, enable)) return true;
  c.take_exception(ExceptionClass::WfxTrap, 0x1e0'0000 | ti, c.pc());  // CV, COND = 0b1110
  return false;
}
inline void WFI(Vcpu& c) {
  if (c.interrupt_pending() || !wfx_allowed(c, 16, 0)) return;
  c.exit_after(RunExit::Wfi);
}
inline void WFE(Vcpu& c) {
  if (c.take_event() || !wfx_allowed(c, 18, 1)) return;
  // An armed exclusive monitor ends WFE when another observer writes there.  Waking early is
  // always allowed, and cheaper than watching the location.
  if (c.s.excl_valid) return YIELD(c);
  c.exit_after(RunExit::Wfe);
}
inline void SEV(Vcpu& c) {
  if (c.ports().siblings != nullptr)
    c.ports().siblings->send_event(c);
  else
    c.set_event();
}
inline void SEVL(Vcpu& c) { c.set_event(); }

// ---- Barriers ----------------------------------------------------------------------------------

inline void DSB(Vcpu& c, u32 crm) {
  // Only one for all accesses waits for maintenance (B2.3.12); the host has the order that the others want but for
  // loads behind stores.
  const u32 types = crm & 3;
  if (types == 1) return std::atomic_signal_fence(std::memory_order_acq_rel);
  if (types == 2) return full_fence();
  const u64 before = c.maintenance_applied();
  c.data_barrier();
  // It waited, and did meanwhile what others wait for: where this instruction is may have changed.
  if (c.maintenance_applied() != before) c.resynchronise();
}
inline void SSBB(Vcpu& c) { c.data_barrier(); }
inline void PSSBB(Vcpu& c) { c.data_barrier(); }
inline void DMB(Vcpu&, u32 crm) {
  // The host orders everything but a store before a load: only the full barrier costs.
  const u32 types = crm & 3;
  if (types == 1 || types == 2)
    std::atomic_signal_fence(std::memory_order_acq_rel);
  else
    full_fence();
}
inline void ISB(Vcpu& c, u32) { c.resynchronise(); }
inline void SB(Vcpu&) {}

// ---- PSTATE ------------------------------------------------------------------------------------

inline void CFINV(Vcpu& c) { c.s.nzcv ^= cpu::kFlagC; }
inline void XAFLAG(Vcpu& c) {
  const bool z = (c.s.nzcv & cpu::kFlagZ) != 0, carry = (c.s.nzcv & cpu::kFlagC) != 0;
  c.s.nzcv = (!carry && !z ? cpu::kFlagN : 0) | (z && carry ? cpu::kFlagZ : 0) |
             (carry || z ? cpu::kFlagC : 0) | (!carry && z ? cpu::kFlagV : 0);
}
inline void AXFLAG(Vcpu& c) {
  const bool z = (c.s.nzcv & cpu::kFlagZ) != 0, carry = (c.s.nzcv & cpu::kFlagC) != 0;
  const bool v = (c.s.nzcv & cpu::kFlagV) != 0;
  c.s.nzcv = (z || v ? cpu::kFlagZ : 0) | (carry && !v ? cpu::kFlagC : 0);
}

inline void MSR_UAO(Vcpu& c, u32 imm) {
  if (c.s.pstate.el == 0) return c.undefined();
  c.set_uao((imm & 1) != 0);
}
inline void MSR_PAN(Vcpu& c, u32 imm) {
  if (c.s.pstate.el == 0) return c.undefined();
  c.set_pan((imm & 1) != 0);
}
inline void MSR_SPSel(Vcpu& c, u32 imm) {
  if (c.s.pstate.el == 0) return c.undefined();
  c.set_spsel((imm & 1) != 0);
}
inline void MSR_SSBS(Vcpu& c, u32 imm) { c.s.pstate.ssbs = imm & 1; }
inline void MSR_DIT(Vcpu& c, u32 imm) { c.s.pstate.dit = imm & 1; }

/// SCTLR_EL1.UMA: false after a trap of MSR DAIFSet or DAIFClr at EL0.
inline bool daif_allowed(Vcpu& c, u32 imm, unsigned op2) {
  if (c.s.pstate.el != 0 || bit(c.s.sys.sctlr_el1, 9)) return true;
  c.sysreg_trap(hw::SysRegId(0, 3, 4, imm, op2), 31, false);
  return false;
}
inline void MSR_DAIFSet(Vcpu& c, u32 imm) {
  if (daif_allowed(c, imm, 6)) c.set_daif(static_cast<u8>(c.s.pstate.daif | imm));
}
inline void MSR_DAIFClr(Vcpu& c, u32 imm) {
  if (daif_allowed(c, imm, 7)) c.set_daif(static_cast<u8>(c.s.pstate.daif & ~imm));
}

// ---- System registers --------------------------------------------------------------------------

inline void MSR_reg(Vcpu& c, u32 sysreg, u32 rt) {
  cpu::sysreg_write(c, hw::SysRegId(static_cast<u16>(0x8000 | sysreg)), rt, c.s.x[rt]);
}
inline void MRS(Vcpu& c, u32 sysreg, u32 rt) {
  u64 v = 0;
  if (!cpu::sysreg_read(c, hw::SysRegId(static_cast<u16>(0x8000 | sysreg)), rt, v)) return;
  c.s.x[rt] = v;
  c.s.x[31] = 0;
}
inline void SYS(Vcpu& c, u32 op, u32 rt) {
  cpu::sysreg_write(c, hw::SysRegId(static_cast<u16>(0x4000 | op)), rt, c.s.x[rt]);
}
inline void SYSL(Vcpu& c, u32 op, u32 rt) {
  u64 v = 0;
  if (!cpu::sysreg_read(c, hw::SysRegId(static_cast<u16>(0x4000 | op)), rt, v)) return;
  c.s.x[rt] = v;
  c.s.x[31] = 0;
}

}  // namespace quince::a64
