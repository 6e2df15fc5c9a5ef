// Control, translation and exception registers with bits that are not simply storage.
// Arm ARM DDI 0487 D19.2.  A bit whose feature is absent is RES0 or RES1 and does not change.
#include <utility>

#include "cpu/sysreg_handlers.h"

namespace quince::cpu::sr {

namespace {

constexpr u64 b(unsigned n) { return u64{1} << n; }

/// Stores a register that translation or traps depend on; writing the same value costs nothing.
void set_context(Vcpu& c, u64 SysRegs::*member, u64 v) {
  if (c.s.sys.*member == v) return;
  c.s.sys.*member = v;
  c.context_changed();
}

u64 sctlr_writable(const Vcpu& c) {
  // M, A, C, SA, SA0, UMA, I, DZE, UCT, nTWI, nTWE, WXN, UCI
  u64 m = b(0) | b(1) | b(2) | b(3) | b(4) | b(9) | b(12) | b(14) | b(15) | b(16) | b(18) | b(19) |
          b(26);
  if (c.has(Feature::LSE2)) m |= b(6);                            // nAA
  if (c.has(Feature::SPECRES)) m |= b(10);                        // EnRCTX
  if (c.has(Feature::PAuth)) m |= b(13) | b(27) | b(30) | b(31);  // EnDB, EnDA, EnIB, EnIA
  if (c.has(Feature::CSV2_2)) m |= b(20);                         // TSCXT
  if (c.has(Feature::PAN)) m |= b(23);                            // SPAN
  if (c.has(Feature::BTI)) m |= b(35) | b(36);                    // BT0, BT1
  if (c.has(Feature::SSBS)) m |= b(44);                           // DSSBS
  return m;
}

u64 tcr_writable(const Vcpu& c) {
  // T0SZ, EPD0, IRGN0, ORGN0, SH0, TG0, T1SZ, A1, EPD1, IRGN1, ORGN1, SH1, TG1, IPS, AS, TBI0, TBI1
  u64 m = low_mask(39) & ~b(6) & ~b(35);
  if (c.has(Feature::HAFDBS)) m |= b(39) | b(40);    // HA, HD
  if (c.stage1_features().hpds) m |= b(41) | b(42);  // HPD0, HPD1
  if (c.has(Feature::PAuth)) m |= b(51) | b(52);     // TBID0, TBID1
  if (c.has(Feature::E0PD)) m |= b(55) | b(56);      // E0PD0, E0PD1
  return m;
}

}  // namespace

u64 sctlr_res1(const Vcpu& c) {
  // ITD and SED (no AArch32), EOS, EIS, nTLSMD, LSMAOE
  u64 m = b(7) | b(8) | b(11) | b(22) | b(28) | b(29);
  if (!c.has(Feature::CSV2_2)) m |= b(20);
  if (!c.has(Feature::PAN)) m |= b(23);
  return m;
}

void write_sctlr(Vcpu& c, u64 v) {
  // Looked at where they count, or derived without the TLBs: UMA, DZE, UCT, nTWI, nTWE, UCI, and the enables of pointer
  // authentication, which kernels change from thread to thread.
  constexpr u64 kElsewhere =
      b(9) | b(14) | b(15) | b(16) | b(18) | b(26) | b(13) | b(27) | b(30) | b(31);
  const u64 fresh = (v & sctlr_writable(c)) | sctlr_res1(c);
  const u64 old = std::exchange(c.s.sys.sctlr_el1, fresh);
  if (((old ^ fresh) & ~kElsewhere) != 0)
    c.context_changed();
  else if (old != fresh)
    c.controls_changed();
}
void write_cpacr(Vcpu& c, u64 v) { set_context(c, &SysRegs::cpacr_el1, v & (u64{3} << 20)); }
void write_ttbr0(Vcpu& c, u64 v) {
  v = c.has(Feature::TTCNP) ? v : v & ~u64{1};
  if (c.s.sys.ttbr0_el1 == v) return;
  c.s.sys.ttbr0_el1 = v;
  c.address_space_changed();
}
void write_ttbr1(Vcpu& c, u64 v) {
  v = c.has(Feature::TTCNP) ? v : v & ~u64{1};
  const u64 old = std::exchange(c.s.sys.ttbr1_el1, v);
  if (old == v) return;
  if ((old ^ v) >> 48 << 48 == (old ^ v))  // the ASID alone
    c.address_space_changed();
  else
    c.context_changed();
}
void write_tcr(Vcpu& c, u64 v) { set_context(c, &SysRegs::tcr_el1, v & tcr_writable(c)); }
void write_mair(Vcpu& c, u64 v) { set_context(c, &SysRegs::mair_el1, v); }

u64 read_apkey(Vcpu& c, unsigned n) { return c.s.sys.apkeys[n]; }
void write_apkey(Vcpu& c, unsigned n, u64 v) { c.s.sys.apkeys[n] = v; }

void write_spsr(Vcpu& c, u64 v) { c.s.sys.spsr_el1 = v & spsr_writable(c.model().features); }

u64 read_isr(Vcpu& c) {
  return (c.line_pending(0) ? b(7) : 0) | (c.line_pending(1) ? b(6) : 0);  // I, F
}

}  // namespace quince::cpu::sr

namespace quince::cpu {

u64 spsr_writable(const FeatureSet& features) {
  using sr::b;
  u64 m = 0xf000'0000 | b(21) | b(20) | 0x3c0 | 0x1f;  // NZCV, SS, IL, DAIF, M
  if (has(features, Feature::DIT)) m |= b(24);
  if (has(features, Feature::UAO)) m |= b(23);
  if (has(features, Feature::PAN)) m |= b(22);
  if (has(features, Feature::SSBS)) m |= b(12);
  if (has(features, Feature::BTI)) m |= b(11) | b(10);
  return m;
}

}  // namespace quince::cpu
