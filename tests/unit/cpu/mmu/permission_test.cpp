// The permission truth table, against an oracle that is written like the manual's tables: one
// access at a time, from descriptor fields to "allowed".
#include <gtest/gtest.h>

#include <string_view>

#include "tests/unit/cpu/mmu/page_tables.h"

namespace quince::cpu::test {
namespace {

/// Every input of the decision.
struct Case {
  unsigned ap, ap_table;  // AP<2:1>, APTable
  bool pxn, uxn, pxn_table, uxn_table, hpd, wxn, pan, epan, el0;
};

/// "rw" of one exception level, from the tables of D8.4.1: the leaf's AP, limited by APTable.
std::string_view data_access(unsigned ap, unsigned ap_table, bool el0) {
  static constexpr std::string_view kEl1[4] = {"rw", "rw", "r", "r"};
  static constexpr std::string_view kEl0[4] = {"", "rw", "", "r"};
  const std::string_view leaf = el0 ? kEl0[ap] : kEl1[ap];
  switch (ap_table) {
    case 0:
      return leaf;
    case 1:
      return el0 ? "" : leaf;
    case 2:
      return leaf.substr(0, 1);
    default:
      return el0 ? "" : leaf.substr(0, 1);
  }
}

bool allowed(const Case& c, AccessKind kind, bool atomic) {
  const unsigned ap_table = c.hpd ? 0 : c.ap_table;
  const bool pxn = c.pxn || (c.pxn_table && !c.hpd), uxn = c.uxn || (c.uxn_table && !c.hpd);
  const std::string_view mine = data_access(c.ap, ap_table, c.el0);
  const std::string_view el0s = data_access(c.ap, ap_table, true);
  if (kind == AccessKind::Execute) {
    const bool writable_here = mine == "rw";
    if (c.wxn && writable_here) return false;
    if (c.el0) return !uxn;
    return !pxn && el0s != "rw";
  }
  if (c.pan && !c.el0 && (!el0s.empty() || (c.epan && !uxn))) return false;
  if (atomic) return mine == "rw";
  return kind == AccessKind::Write ? mine == "rw" : !mine.empty();
}

TEST(Permission, TruthTable) {
  unsigned granted = 0, denied = 0;
  for (unsigned n = 0; n < 1u << 13; ++n) {
    const Case c{.ap = n & 3,
                 .ap_table = (n >> 2) & 3,
                 .pxn = bit(n, 4),
                 .uxn = bit(n, 5),
                 .pxn_table = bit(n, 6),
                 .uxn_table = bit(n, 7),
                 .hpd = bit(n, 8),
                 .wxn = bit(n, 9),
                 .pan = bit(n, 10),
                 .epan = bit(n, 11),
                 .el0 = bit(n, 12)};
    World w(k4K, 25, n % 2);
    w.features.epan = true;
    w.regs.sctlr |= (c.wxn ? kWXN : 0) | (c.epan ? kEPAN : 0);
    w.regs.tcr |= c.hpd ? (n % 2 == 0 ? kHPD0 : kHPD1) : 0;
    // Spread the table attributes over the levels: any of them counts.
    const u64 va = w.high() | 0x1000;
    const u64 leaf =
        w.map(va, 0x8000'0000, 3, kAF | (u64{c.ap} << 6) | (c.pxn ? kPXN : 0) | (c.uxn ? kUXN : 0));
    w.mem.words[w.descriptor_at(va, 1)] |=
        (u64{c.ap_table & 1} << 61) | (c.uxn_table ? kUXNTable : 0);
    w.mem.words[w.descriptor_at(va, 2)] |=
        (u64{c.ap_table & 2} << 61) | (c.pxn_table ? kPXNTable : 0);
    ASSERT_NE(w.mem.word(leaf), 0u);

    const WalkResult for_tlb = [&] {  // as a TLB would have kept it, from an EL1 read
      return w.walk(va);
    }();
    ASSERT_FALSE(for_tlb.fault);
    for (const AccessKind kind : {AccessKind::Read, AccessKind::Write, AccessKind::Execute})
      for (const bool atomic : {false, true}) {
        if (atomic && kind != AccessKind::Write) continue;
        const Stage1Access a{.kind = kind, .el0 = c.el0, .pan = c.pan, .atomic = atomic};
        const bool expected = allowed(c, kind, atomic);
        const Fault f = w.walk(va, a).fault;
        ASSERT_EQ(f.kind, expected ? FaultKind::None : FaultKind::Permission)
            << "case " << n << " kind " << static_cast<int>(kind) << " atomic " << atomic;
        ASSERT_EQ(check_permission(for_tlb.t, a), f) << "case " << n;
        ++(expected ? granted : denied);
      }
  }
  EXPECT_GT(granted, 8000u);
  EXPECT_GT(denied, 8000u);
}

TEST(Permission, FeaturesThatAreOff) {
  World w(k4K, 25);
  w.map(0x1000, 0x8000'0000, 3, kAF);  // EL1 only, but EL0 may execute it
  w.regs.sctlr |= kEPAN;
  Stage1Access a = read_access();
  a.pan = true;
  ExpectMapped(w, 0x1000, 0x8000'0000, a);
  w.features.epan = true;
  ExpectFault(w, 0x1000, FaultKind::Permission, 3, a);
  w.features.pan = false;
  ExpectMapped(w, 0x1000, 0x8000'0000, a);

  World v(k4K, 25);
  v.table_attributes = u64{3} << 61;
  v.map(0x1000, 0x8000'0000);
  v.regs.tcr |= kHPD0;
  ExpectMapped(v, 0x1000, 0x8000'0000, as_el0(write_access()));
  v.features.hpds = false;
  ExpectFault(v, 0x1000, FaultKind::Permission, 3, as_el0(read_access()));
  ExpectReadOnly(v, 0x1000, 0x8000'0000, 3);
}

TEST(Permission, CacheMaintenance) {
  World w(k4K, 25);
  w.map(0x1000, 0x8000'0000, 3, kAF | kAP2);         // EL1 read-only
  w.map(0x2000, 0x8000'0000, 3, kAF | kAP2 | kAP1);  // read-only for both
  Stage1Access clean = read_access(), invalidate = write_access();
  clean.cache_maintenance = invalidate.cache_maintenance = true;
  ExpectMapped(w, 0x1000, 0x8000'0000, clean);
  ExpectFault(w, 0x1000, FaultKind::Permission, 3, as_el0(clean));
  ExpectMapped(w, 0x2000, 0x8000'0000, as_el0(clean));
  ExpectFault(w, 0x2000, FaultKind::Permission, 3, invalidate);
}

}  // namespace
}  // namespace quince::cpu::test
