// Special-purpose registers: views of PSTATE, the banked stack pointer, FPCR and FPSR.
// Arm ARM DDI 0487 C5.2.  Floating-point exception traps are missing, so the trap enables of FPCR
// are RAZ; AArch32's parts of FPSR and FPCR are RES0.
#include "cpu/sysreg_handlers.h"

namespace quince::cpu::sr {

namespace {

constexpr u32 kFpcr = 0x07c0'0000;  // AHP, DN, FZ, RMode
constexpr u32 kFz16 = 1u << 19;
constexpr u32 kFpsr = 0x0800'009f;  // QC, IDC, IXC, UFC, OFC, DZC, IOC

}  // namespace

bool read_sp_el0(Vcpu& c, const SysRegRow&, u64& out) {
  if (c.s.pstate.spsel == 0) {  // it is the current stack pointer
    c.undefined();
    return false;
  }
  out = c.s.sp_bank[0];
  return true;
}
bool write_sp_el0(Vcpu& c, const SysRegRow&, u64 in) {
  if (c.s.pstate.spsel == 0) {
    c.undefined();
    return false;
  }
  c.s.sp_bank[0] = in;
  return true;
}

u64 read_spsel(Vcpu& c) { return c.s.pstate.spsel; }
void write_spsel(Vcpu& c, u64 v) { c.set_spsel(bit(v, 0)); }
u64 read_currentel(Vcpu& c) { return u64{c.s.pstate.el} << 2; }
u64 read_pan(Vcpu& c) { return u64{c.s.pstate.pan} << 22; }
void write_pan(Vcpu& c, u64 v) { c.set_pan(bit(v, 22)); }
u64 read_uao(Vcpu& c) { return u64{c.s.pstate.uao} << 23; }
void write_uao(Vcpu& c, u64 v) { c.set_uao(bit(v, 23)); }
u64 read_nzcv(Vcpu& c) { return u64{c.s.nzcv} << 28; }
void write_nzcv(Vcpu& c, u64 v) { c.s.nzcv = static_cast<u32>(v >> 28) & 15; }
u64 read_daif(Vcpu& c) { return u64{c.s.pstate.daif} << 6; }
void write_daif(Vcpu& c, u64 v) { c.set_daif(static_cast<u8>(bits(v, 9, 6))); }
u64 read_dit(Vcpu& c) { return u64{c.s.pstate.dit} << 24; }
void write_dit(Vcpu& c, u64 v) { c.s.pstate.dit = bit(v, 24) ? 1 : 0; }
u64 read_ssbs(Vcpu& c) { return u64{c.s.pstate.ssbs} << 12; }
void write_ssbs(Vcpu& c, u64 v) { c.s.pstate.ssbs = bit(v, 12) ? 1 : 0; }

bool read_fpcr(Vcpu& c, const SysRegRow&, u64& out) {
  if (!c.fp_access_check()) return false;
  out = c.s.fpcr;
  return true;
}
bool write_fpcr(Vcpu& c, const SysRegRow&, u64 in) {
  if (!c.fp_access_check()) return false;
  c.s.fpcr = static_cast<u32>(in) & (kFpcr | (c.has(Feature::FP16) ? kFz16 : 0));
  return true;
}
bool read_fpsr(Vcpu& c, const SysRegRow&, u64& out) {
  if (!c.fp_access_check()) return false;
  out = c.s.fpsr;
  return true;
}
bool write_fpsr(Vcpu& c, const SysRegRow&, u64 in) {
  if (!c.fp_access_check()) return false;
  c.s.fpsr = static_cast<u32>(in) & kFpsr;
  return true;
}

}  // namespace quince::cpu::sr
