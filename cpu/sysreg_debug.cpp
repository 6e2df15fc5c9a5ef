// Self-hosted debug registers.  Arm ARM DDI 0487 D19.3.
//
// There is no external debugger: the debug communications channel has nobody at the other end, so
// that what is written to it stays there (TXfull) and nothing ever arrives.
#include "cpu/sysreg_handlers.h"

namespace quince::cpu::sr {

namespace {

constexpr u64 b(unsigned n) { return u64{1} << n; }
constexpr u64 kTxFull = b(29), kRxFull = b(30);

/// Writes a register that decides what matches.
void set_debug(Vcpu& c, u64& reg, u64 v) {
  if (reg == v) return;
  reg = v;
  c.context_changed();
}

}  // namespace

void write_mdscr(Vcpu& c, u64 v) {
  // With the OS lock clear, the bits that save and restore external debug state are read-only.
  u64 m = b(0) | b(12) | b(13) | b(15);  // SS, TDCC, KDE, MDE
  if (c.s.sys.oslar_locked != 0)
    m |= b(6) | b(14) | b(22) | b(23) | b(26) | b(27) | kTxFull |
         kRxFull;  // ERR, HDE, INTdis, TXU, RXO
  const u64 old = c.s.sys.mdscr_el1;
  c.s.sys.mdscr_el1 = (old & ~m) | (v & m);
  if (c.s.sys.mdscr_el1 != old) c.context_changed();
}

u64 read_dbgbvr(Vcpu& c, unsigned n) { return c.s.sys.dbgbvr[n]; }
void write_dbgbvr(Vcpu& c, unsigned n, u64 v) { set_debug(c, c.s.sys.dbgbvr[n], v); }
u64 read_dbgbcr(Vcpu& c, unsigned n) { return c.s.sys.dbgbcr[n]; }
void write_dbgbcr(Vcpu& c, unsigned n, u64 v) {
  // E, PMC, HMC, SSC, LBN, BT; BAS is RES1 without AArch32.
  set_debug(c, c.s.sys.dbgbcr[n], (v & 0x00ff'e007) | 0x1e0);
}
u64 read_dbgwvr(Vcpu& c, unsigned n) { return c.s.sys.dbgwvr[n]; }
void write_dbgwvr(Vcpu& c, unsigned n, u64 v) { set_debug(c, c.s.sys.dbgwvr[n], v & ~u64{3}); }
u64 read_dbgwcr(Vcpu& c, unsigned n) { return c.s.sys.dbgwcr[n]; }
void write_dbgwcr(Vcpu& c, unsigned n, u64 v) {
  // E, PAC, LSC, BAS, HMC, SSC, LBN, WT, MASK
  set_debug(c, c.s.sys.dbgwcr[n], v & 0x1f1f'ffff);
}

void write_oslar(Vcpu& c, u64 v) {
  c.s.sys.oslar_locked = v & 1;
  c.context_changed();
}
u64 read_oslsr(Vcpu& c) { return 8 | c.s.sys.oslar_locked << 1; }  // OSLM = 0b10, OSLK
void write_osdlr(Vcpu& c, u64 v) {
  c.s.sys.osdlr_el1 = v & 1;
  c.context_changed();
}

u64 read_dbgclaimset(Vcpu&) { return 0xff; }
void write_dbgclaimset(Vcpu& c, u64 v) { c.s.sys.dbgclaim |= v & 0xff; }
void write_dbgclaimclr(Vcpu& c, u64 v) { c.s.sys.dbgclaim &= ~v; }
u64 read_dbgauthstatus(Vcpu&) { return 0x0a; }  // NSID, NSNID: implemented, disabled

u64 read_mdccsr(Vcpu& c) { return c.s.sys.mdscr_el1 & (kTxFull | kRxFull); }
u64 read_dbgdtrrx(Vcpu& c) {
  c.s.sys.mdscr_el1 &= ~kRxFull;
  return c.s.sys.osdtrrx_el1;
}
void write_dbgdtrtx(Vcpu& c, u64 v) {
  c.s.sys.osdtrtx_el1 = static_cast<u32>(v);
  c.s.sys.mdscr_el1 |= kTxFull;
}
u64 read_dbgdtr(Vcpu& c) { return c.s.sys.osdtrtx_el1 << 32 | read_dbgdtrrx(c); }
void write_dbgdtr(Vcpu& c, u64 v) {
  write_dbgdtrtx(c, v);
  c.s.sys.osdtrrx_el1 = v >> 32;
}

}  // namespace quince::cpu::sr
