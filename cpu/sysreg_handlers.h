// The functions that cpu/a64/sysreg.inc names, by file.  Three shapes are accepted:
//   u64 read(Vcpu&)             void write(Vcpu&, u64)             always succeeds
//   u64 read(Vcpu&, unsigned)   void write(Vcpu&, unsigned, u64)   with the row's index
//   bool read(Vcpu&, const SysRegRow&, u64&)   bool write(Vcpu&, const SysRegRow&, u64)
#pragma once

#include "cpu/sysreg.h"
#include "cpu/vcpu.h"

namespace quince::cpu::sr {

// ---- Common
inline u64 zero(Vcpu&) { return 0; }
inline void ignore(Vcpu&, u64) {}
template <u64 SysRegs::*M>
u64 get(Vcpu& c) {
  return c.s.sys.*M;
}

// ---- sysreg_id.cpp
template <u64 IdRegs::*M>
u64 id(Vcpu& c) {
  return c.model().id.*M;
}
u64 read_mpidr(Vcpu& c);
u64 read_id_aa64pfr0(Vcpu& c);
u64 read_ccsidr(Vcpu& c);
u64 read_dczid(Vcpu& c);
u64 read_rndr(Vcpu& c, unsigned reseed);

// ---- sysreg_control.cpp
u64 sctlr_res1(const Vcpu& c);
void write_sctlr(Vcpu& c, u64 v);
void write_cpacr(Vcpu& c, u64 v);
void write_ttbr0(Vcpu& c, u64 v);
void write_ttbr1(Vcpu& c, u64 v);
void write_tcr(Vcpu& c, u64 v);
void write_mair(Vcpu& c, u64 v);
u64 read_apkey(Vcpu& c, unsigned n);
void write_apkey(Vcpu& c, unsigned n, u64 v);
void write_spsr(Vcpu& c, u64 v);
u64 read_isr(Vcpu& c);

// ---- sysreg_pstate.cpp
bool read_sp_el0(Vcpu& c, const SysRegRow& row, u64& out);
bool write_sp_el0(Vcpu& c, const SysRegRow& row, u64 in);
u64 read_spsel(Vcpu& c);
void write_spsel(Vcpu& c, u64 v);
u64 read_currentel(Vcpu& c);
u64 read_pan(Vcpu& c);
void write_pan(Vcpu& c, u64 v);
u64 read_uao(Vcpu& c);
void write_uao(Vcpu& c, u64 v);
u64 read_nzcv(Vcpu& c);
void write_nzcv(Vcpu& c, u64 v);
u64 read_daif(Vcpu& c);
void write_daif(Vcpu& c, u64 v);
u64 read_dit(Vcpu& c);
void write_dit(Vcpu& c, u64 v);
u64 read_ssbs(Vcpu& c);
void write_ssbs(Vcpu& c, u64 v);
bool read_fpcr(Vcpu& c, const SysRegRow& row, u64& out);
bool write_fpcr(Vcpu& c, const SysRegRow& row, u64 in);
bool read_fpsr(Vcpu& c, const SysRegRow& row, u64& out);
bool write_fpsr(Vcpu& c, const SysRegRow& row, u64 in);

// ---- sysreg_debug.cpp
void write_mdscr(Vcpu& c, u64 v);
u64 read_dbgbvr(Vcpu& c, unsigned n);
void write_dbgbvr(Vcpu& c, unsigned n, u64 v);
u64 read_dbgbcr(Vcpu& c, unsigned n);
void write_dbgbcr(Vcpu& c, unsigned n, u64 v);
u64 read_dbgwvr(Vcpu& c, unsigned n);
void write_dbgwvr(Vcpu& c, unsigned n, u64 v);
u64 read_dbgwcr(Vcpu& c, unsigned n);
void write_dbgwcr(Vcpu& c, unsigned n, u64 v);
void write_oslar(Vcpu& c, u64 v);
u64 read_oslsr(Vcpu& c);
void write_osdlr(Vcpu& c, u64 v);
u64 read_dbgclaimset(Vcpu& c);
void write_dbgclaimset(Vcpu& c, u64 v);
void write_dbgclaimclr(Vcpu& c, u64 v);
u64 read_dbgauthstatus(Vcpu& c);
u64 read_mdccsr(Vcpu& c);
u64 read_dbgdtr(Vcpu& c);
void write_dbgdtr(Vcpu& c, u64 v);
u64 read_dbgdtrrx(Vcpu& c);
void write_dbgdtrtx(Vcpu& c, u64 v);

// ---- sysreg_pmu.cpp
u64 read_pmcr(Vcpu& c);
void write_pmcr(Vcpu& c, u64 v);
void write_pmcntenset(Vcpu& c, u64 v);
void write_pmcntenclr(Vcpu& c, u64 v);
void write_pmintenset(Vcpu& c, u64 v);
void write_pmintenclr(Vcpu& c, u64 v);
u64 read_pmovs(Vcpu& c);
void write_pmovsset(Vcpu& c, u64 v);
void write_pmovsclr(Vcpu& c, u64 v);
void write_pmswinc(Vcpu& c, u64 v);
void write_pmselr(Vcpu& c, u64 v);
u64 read_pmceid0(Vcpu& c);
u64 read_pmccntr(Vcpu& c);
void write_pmccntr(Vcpu& c, u64 v);
void write_pmccfiltr(Vcpu& c, u64 v);
u64 read_pmxevtyper(Vcpu& c);
void write_pmxevtyper(Vcpu& c, u64 v);
u64 read_pmxevcntr(Vcpu& c);
void write_pmxevcntr(Vcpu& c, u64 v);
void write_pmuserenr(Vcpu& c, u64 v);
u64 read_pmevcntr(Vcpu& c, unsigned n);
void write_pmevcntr(Vcpu& c, unsigned n, u64 v);
u64 read_pmevtyper(Vcpu& c, unsigned n);
void write_pmevtyper(Vcpu& c, unsigned n, u64 v);

// ---- sysreg_port.cpp
u64 read_counter(Vcpu& c);
void write_cntkctl(Vcpu& c, u64 v);
bool read_timer(Vcpu& c, const SysRegRow& row, u64& out);
bool write_timer(Vcpu& c, const SysRegRow& row, u64 in);
bool read_gic(Vcpu& c, const SysRegRow& row, u64& out);
bool write_gic(Vcpu& c, const SysRegRow& row, u64 in);

// ---- sysop.cpp
void ic_all(Vcpu& c, u64);
void ic_all_is(Vcpu& c, u64);
void ic_ivau(Vcpu& c, u64 va);
void dc_ivac(Vcpu& c, u64 va);
void dc_clean(Vcpu& c, u64 va);
void dc_zva(Vcpu& c, u64 va);
void at_s1e1r(Vcpu& c, u64 va);
void at_s1e1w(Vcpu& c, u64 va);
void at_s1e0r(Vcpu& c, u64 va);
void at_s1e0w(Vcpu& c, u64 va);
void at_s1e1rp(Vcpu& c, u64 va);
void at_s1e1wp(Vcpu& c, u64 va);
bool tlbi(Vcpu& c, const SysRegRow& row, u64 operand);

}  // namespace quince::cpu::sr
