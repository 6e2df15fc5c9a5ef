// System instructions: cache maintenance, address translation, TLB maintenance.
// Arm ARM DDI 0487 C5.3, C5.4, C5.5; PAR_EL1 D19.2.
//
// Data caches do not exist: their maintenance by address only translates, which may fault, and by
// set and way does nothing.  Instruction cache maintenance forgets decoded pages: DIC is 0.
#include <cstring>

#include "cpu/sysreg_handlers.h"

namespace quince::cpu {

bool Vcpu::zero_block(u64 va) {
  constexpr unsigned kBlock = 64;
  const u64 start = va & ~u64{kBlock - 1};
  const TlbEntry e = l1_entry(va, {});
  if (e.write == (va & ~u64{0xfff})) [[likely]] {
    std::memset(reinterpret_cast<u8*>(e.addend + start), 0, kBlock);
    return true;
  }
  // "Not aligned" makes Device memory fault, as it must.  Faults report the address as given.
  Physical at;
  if (!translate_for(va, 1, false, AccessKind::Write, {}, at)) return false;
  if (watchpoints_ && watchpoint_hit(start, kBlock, AccessKind::Write, {})) return false;
  const u64 skip = va - start;
  at.pa = at.pa - skip;
  if (at.host != nullptr) at.host -= skip;
  constexpr u8 kZeros[kBlock] = {};
  return write_piece(va, at, kBlock, kZeros);
}

namespace sr {

// ---- Caches

namespace {

/// Translates for maintenance by address; false after a Data Abort.
bool translate_maintenance(Vcpu& c, u64 va, AccessKind kind, PhysAddr& pa) {
  const WalkResult r =
      c.translate(va, {.kind = kind, .el0 = c.s.pstate.el == 0, .cache_maintenance = true});
  if (r.fault) {
    c.data_abort(va, r.fault, true, true);
    return false;
  }
  pa = r.t.output(VirtAddr(va));
  return true;
}

}  // namespace

void ic_all(Vcpu& c, u64) { c.invalidate_all_code(false); }
void ic_all_is(Vcpu& c, u64) { c.invalidate_all_code(true); }
void ic_ivau(Vcpu& c, u64 va) {
  PhysAddr pa;
  if (translate_maintenance(c, va, AccessKind::Read, pa)) c.invalidate_code(pa.page(), true);
}
void dc_ivac(Vcpu& c, u64 va) {
  PhysAddr pa;
  translate_maintenance(c, va, AccessKind::Write, pa);
}
void dc_clean(Vcpu& c, u64 va) {
  PhysAddr pa;
  translate_maintenance(c, va, AccessKind::Read, pa);
}
void dc_zva(Vcpu& c, u64 va) { c.zero_block(va); }

// ---- Address translation

namespace {

void address_translate(Vcpu& c, u64 va, AccessKind kind, bool el0, bool pan) {
  const WalkResult r =
      c.translate(va, {.kind = kind, .el0 = el0, .pan = pan, .at_instruction = true});
  constexpr u64 kRes1 = u64{1} << 11;
  if (r.fault.kind == FaultKind::ExternalOnWalk) return c.data_abort(va, r.fault, true, true);
  if (r.fault) {
    c.s.sys.par_el1 = kRes1 | u64{r.fault.fsc()} << 1 | 1;  // FST, F
    return;
  }
  constexpr u64 kNs = u64{1} << 9;
  const u64 pa = r.t.output(VirtAddr(va)).raw() & low_mask(48) & ~u64{0xfff};
  const MemoryAttributes memory = data_attributes(c.s.sys.sctlr_el1, r.t);
  c.s.sys.par_el1 = u64{memory.attr} << 56 | pa | kRes1 | kNs | u64{memory.sh} << 7;
}

}  // namespace

void at_s1e1r(Vcpu& c, u64 va) { address_translate(c, va, AccessKind::Read, false, false); }
void at_s1e1w(Vcpu& c, u64 va) { address_translate(c, va, AccessKind::Write, false, false); }
void at_s1e0r(Vcpu& c, u64 va) { address_translate(c, va, AccessKind::Read, true, false); }
void at_s1e0w(Vcpu& c, u64 va) { address_translate(c, va, AccessKind::Write, true, false); }
void at_s1e1rp(Vcpu& c, u64 va) {
  address_translate(c, va, AccessKind::Read, false, c.s.pstate.pan != 0);
}
void at_s1e1wp(Vcpu& c, u64 va) {
  address_translate(c, va, AccessKind::Write, false, c.s.pstate.pan != 0);
}

// ---- TLB

bool tlbi(Vcpu& c, const SysRegRow& row, u64 xt) {
  const unsigned crm = row.id.crm(), op2 = row.id.op2();
  const bool by_range = crm == 2 || crm == 5 || crm == 6;
  const bool broadcast = crm != 6 && crm != 7;
  using enum TlbiOp;
  constexpr TlbiOp kPlain[8] = {VMALLE1, VAE1, ASIDE1, VAAE1, VMALLE1, VALE1, VMALLE1, VAALE1};
  constexpr TlbiOp kRange[8] = {VMALLE1, RVAE1, VMALLE1, RVAAE1, VMALLE1, RVALE1, VMALLE1, RVAALE1};
  const bool asid16 = c.stage1_features().asid16 && bit(c.s.sys.tcr_el1, 36);  // TCR_EL1.AS
  c.invalidate_tlb(decode_tlbi(by_range ? kRange[op2] : kPlain[op2], xt, asid16), broadcast);
  return true;
}

}  // namespace sr

}  // namespace quince::cpu
