#include "cpu/debug.h"

#include "cpu/vcpu.h"

namespace quince::cpu {

namespace {

/// DebugAddrTop(): bits above are the sign extension that RESS promises.
constexpr unsigned kTop = 48;

// DBGBCR<n>_EL1 and DBGWCR<n>_EL1 (D19.3).
constexpr unsigned kE = 0, kHmc = 13, kWt = 20;
constexpr u64 privilege(u64 cr) { return bits(cr, 2, 1); }  // PMC, PAC
constexpr u64 ssc(u64 cr) { return bits(cr, 15, 14); }
constexpr unsigned linked_breakpoint(u64 cr) { return static_cast<unsigned>(bits(cr, 19, 16)); }
constexpr u64 breakpoint_type(u64 cr) { return bits(cr, 23, 20); }
constexpr u64 load_store(u64 cr) { return bits(cr, 4, 3); }
constexpr u64 byte_select(u64 cr) { return bits(cr, 12, 5); }
constexpr unsigned address_mask(u64 cr) { return static_cast<unsigned>(bits(cr, 28, 24)); }

// DBGBCR<n>_EL1.BT.
constexpr u64 kAddress = 0, kLinkedAddress = 1, kContext = 2, kLinkedContext = 3;

bool context_matches(const DebugView& d, unsigned n) {
  return static_cast<u32>(d.regs.dbgbvr[n]) == static_cast<u32>(d.regs.contextidr_el1);
}
bool context_aware(const DebugView& d, unsigned n) {
  return n < d.breakpoints && n + d.context_breakpoints >= d.breakpoints;
}

/// AArch64.StateMatch(): HMC and SSC other than 0 are reserved without EL2 and EL3.
bool state_matches(const DebugView& d, u64 cr, bool as_el0, bool linked) {
  if (bit(cr, kHmc) || ssc(cr) != 0) return false;
  if (!bit(privilege(cr), as_el0 ? 1 : 0)) return false;
  if (!linked) return true;
  const unsigned n = linked_breakpoint(cr);
  return context_aware(d, n) && bit(d.regs.dbgbcr[n], kE) &&
         breakpoint_type(d.regs.dbgbcr[n]) == kLinkedContext && context_matches(d, n);
}

}  // namespace

bool breakpoint_matches(const DebugView& d, unsigned n, u64 pc) {
  const u64 cr = d.regs.dbgbcr[n];
  if (!bit(cr, kE)) return false;
  const u64 type = breakpoint_type(cr);
  if (!state_matches(d, cr, d.el == 0, type == kLinkedAddress)) return false;
  if (type == kContext) return context_aware(d, n) && context_matches(d, n);
  if (type != kAddress && type != kLinkedAddress) return false;
  return bits(pc ^ d.regs.dbgbvr[n], kTop, 2) == 0;
}

namespace {

/// AArch64.WatchpointByteMatch().
bool byte_matches(u64 cr, u64 value, u64 va) {
  unsigned bottom = bit(value, 2) ? 2 : 3;
  const u64 select = byte_select(cr);
  const unsigned mask = address_mask(cr);
  if (mask != 0) {
    // The mask takes the place of the byte select, which must be all ones; 1 and 2 are reserved.
    if (select != 0xff || mask < 3) return false;
    return bits(va ^ value, kTop, mask) == 0;
  }
  const u64 lowest = select & (~select + 1);
  const u64 carry = select + lowest;
  if ((carry & (carry - 1)) != 0) return false;  // not contiguous
  return bit(select, static_cast<unsigned>(va & low_mask(bottom))) &&
         bits(va ^ value, kTop, bottom) == 0;
}

}  // namespace

bool watchpoint_matches(const DebugView& d, unsigned n, u64 va, unsigned size, bool write,
                        bool unprivileged, u64& address) {
  const u64 cr = d.regs.dbgwcr[n];
  if (!bit(cr, kE) || !bit(load_store(cr), write ? 1 : 0)) return false;
  if (!state_matches(d, cr, d.el == 0 || unprivileged, bit(cr, kWt))) return false;
  for (unsigned i = 0; i < size; ++i)
    if (byte_matches(cr, d.regs.dbgwvr[n], va + i)) {
      address = va + i;
      return true;
    }
  return false;
}

// ---- On the vCPU -------------------------------------------------------------------------------

namespace {

constexpr u32 kDebugStatus = 0x22;  // IFSC, DFSC: debug exception
constexpr u32 kWnr = 1u << 6;

DebugView debug_view(const Vcpu& c) {
  const CpuModel& m = c.model();
  return {.regs = c.s.sys,
          .el = c.s.pstate.el,
          .breakpoints = m.breakpoints,
          .watchpoints = m.watchpoints,
          .context_breakpoints = static_cast<unsigned>(bits(m.id.dfr0, 31, 28)) + 1};
}

}  // namespace

bool Vcpu::breakpoint_hit(u64 at) {
  if (!bit(s.sys.mdscr_el1, 15) || !debug_enabled_at(s.pstate.el, (s.pstate.daif & 8) != 0))
    return false;
  const DebugView d = debug_view(*this);
  for (unsigned n = 0; n < d.breakpoints; ++n) {
    if (!breakpoint_matches(d, n, at)) continue;
    take_exception(
        s.pstate.el == 0 ? ExceptionClass::BreakpointLower : ExceptionClass::BreakpointSame,
        kDebugStatus, at);
    return true;
  }
  return false;
}

bool Vcpu::watchpoint_hit(u64 va, unsigned size, AccessKind kind, MemOp op) {
  if (!bit(s.sys.mdscr_el1, 15) || !debug_enabled_at(s.pstate.el, (s.pstate.daif & 8) != 0))
    return false;
  const DebugView d = debug_view(*this);
  for (unsigned n = 0; n < d.watchpoints; ++n) {
    u64 address = 0;
    const auto matches = [&](bool write) {
      return watchpoint_matches(d, n, va, size, write, op.unprivileged, address);
    };
    // An atomic reads and writes; WnR is clear when its read alone would have been watched.
    const bool read = (kind == AccessKind::Read || op.atomic) && matches(false);
    if (!read && (kind == AccessKind::Read || !matches(true))) continue;
    s.sys.far_el1 = address;
    take_exception(
        s.pstate.el == 0 ? ExceptionClass::WatchpointLower : ExceptionClass::WatchpointSame,
        kDebugStatus | (read ? 0 : kWnr), pc());
    return true;
  }
  return false;
}

}  // namespace quince::cpu
