// Breakpoints and watchpoints: what matches, and the exceptions.
#include "cpu/debug.h"

#include "tests/unit/cpu/system/bench.h"

namespace quince::cpu {
namespace {

using test::Bench;
using test::kCode;

constexpr u64 kE = 1, kEl1 = 1 << 1, kEl0 = 2 << 1, kLoad = 1 << 3, kStore = 2 << 3;
constexpr u64 kBasAll = 0xff << 5;
constexpr u64 bt(u64 type) { return type << 20; }
constexpr u64 lbn(u64 n) { return n << 16; }
constexpr u64 mask(u64 n) { return n << 24; }

struct DebugTest : ::testing::Test {
  SysRegs r;
  DebugView view(unsigned el = 1) const {
    return {.regs = r, .el = el, .breakpoints = 6, .watchpoints = 4, .context_breakpoints = 2};
  }
  bool bp(u64 cr, u64 value, u64 pc, unsigned el = 1, unsigned n = 0) {
    r.dbgbcr[n] = cr;
    r.dbgbvr[n] = value;
    return breakpoint_matches(view(el), n, pc);
  }
  bool wp(u64 cr, u64 value, u64 va, unsigned size, bool write = false, unsigned el = 1,
          bool unprivileged = false) {
    r.dbgwcr[0] = cr;
    r.dbgwvr[0] = value;
    return watchpoint_matches(view(el), 0, va, size, write, unprivileged, address);
  }
  u64 address = 0;
};

TEST_F(DebugTest, AddressBreakpoint) {
  EXPECT_TRUE(bp(kE | kEl1, 0x1000, 0x1000));
  EXPECT_FALSE(bp(kE | kEl1, 0x1000, 0x1004));
  EXPECT_FALSE(bp(kEl1, 0x1000, 0x1000));          // not enabled
  EXPECT_FALSE(bp(kE | kEl1, 0x1000, 0x1000, 0));  // wrong level
  EXPECT_TRUE(bp(kE | kEl0, 0x1000, 0x1000, 0));
  EXPECT_FALSE(bp(kE, 0x1000, 0x1000));                    // PMC 0 is AArch32's
  EXPECT_FALSE(bp(kE | kEl1 | 1u << 13, 0x1000, 0x1000));  // HMC and SSC are reserved
  EXPECT_FALSE(bp(kE | kEl1 | 1u << 14, 0x1000, 0x1000));
  EXPECT_FALSE(bp(kE | kEl1 | bt(4), 0x1000, 0x1004));  // mismatch is AArch32's
  EXPECT_TRUE(bp(kE | kEl1, 0xffff'8000'0000'1000, 0xffff'8000'0000'1000));
  EXPECT_FALSE(bp(kE | kEl1, 0x0000'8000'0000'1000, 0xffff'8000'0000'1000));  // bit 48 counts
}

TEST_F(DebugTest, ContextBreakpoints) {
  r.contextidr_el1 = 7;
  EXPECT_TRUE(bp(kE | kEl1 | bt(2), 7, 0x1234, 1, 5));
  EXPECT_FALSE(bp(kE | kEl1 | bt(2), 8, 0x1234, 1, 5));
  EXPECT_FALSE(bp(kE | kEl1 | bt(2), 7, 0x1234, 1, 0));  // only the last two compare contexts
  EXPECT_FALSE(bp(kE | kEl1 | bt(3), 7, 0x1234, 1, 5));  // for links only
  r.dbgbcr[5] = kE | kEl1 | bt(3), r.dbgbvr[5] = 7;
  EXPECT_TRUE(bp(kE | kEl1 | bt(1) | lbn(5), 0x1000, 0x1000));
  EXPECT_TRUE(wp(kE | kEl1 | kLoad | kBasAll | 1u << 20 | lbn(5), 0x2000, 0x2000, 1));
  r.contextidr_el1 = 8;
  EXPECT_FALSE(bp(kE | kEl1 | bt(1) | lbn(5), 0x1000, 0x1000));
  EXPECT_FALSE(wp(kE | kEl1 | kLoad | kBasAll | 1u << 20 | lbn(5), 0x2000, 0x2000, 1));
  r.contextidr_el1 = 7;
  r.dbgbcr[5] = kEl1 | bt(3);  // the linked one is not enabled
  EXPECT_FALSE(bp(kE | kEl1 | bt(1) | lbn(5), 0x1000, 0x1000));
  r.dbgbcr[0] = kE | kEl1 | bt(3), r.dbgbvr[0] = 7;
  EXPECT_FALSE(bp(kE | kEl1 | bt(1) | lbn(0), 0x1000, 0x1000, 1, 1));
  r.dbgbcr[7] = kE | kEl1 | bt(3), r.dbgbvr[7] = 7;  // there are six
  EXPECT_FALSE(bp(kE | kEl1 | bt(1) | lbn(7), 0x1000, 0x1000));
}

TEST_F(DebugTest, WatchpointBytes) {
  const u64 on = kE | kEl1 | kLoad | kStore;
  EXPECT_TRUE(wp(on | kBasAll, 0x2000, 0x2000, 8));
  EXPECT_TRUE(wp(on | kBasAll, 0x2000, 0x1ffd, 4));
  EXPECT_EQ(address, 0x2000u);
  EXPECT_FALSE(wp(on | kBasAll, 0x2000, 0x1ffc, 4));
  EXPECT_FALSE(wp(on | kBasAll, 0x2000, 0x2008, 4));
  EXPECT_TRUE(wp(on | 0x0c << 5, 0x2000, 0x2000, 4));  // bytes 2 and 3
  EXPECT_EQ(address, 0x2002u);
  EXPECT_FALSE(wp(on | 0x0c << 5, 0x2000, 0x2000, 2));
  EXPECT_TRUE(wp(on | 0x0f << 5, 0x2004, 0x2004, 1));  // a word address
  EXPECT_FALSE(wp(on | 0x0f << 5, 0x2004, 0x2000, 4));
  EXPECT_FALSE(wp(on | 0x05 << 5, 0x2000, 0x2000, 8));  // not contiguous
  EXPECT_FALSE(wp(on, 0x2000, 0x2000, 8));              // no byte at all
  EXPECT_TRUE(wp(on | kBasAll, 0xffff'8000'0000'2000, 0xffff'8000'0000'2000, 1));
  EXPECT_FALSE(wp(on | kBasAll, 0x0000'8000'0000'2000, 0xffff'8000'0000'2000, 1));  // bit 48 counts
}

TEST_F(DebugTest, WatchpointMasks) {
  const u64 on = kE | kEl1 | kLoad | kBasAll;
  EXPECT_TRUE(wp(on | mask(12), 0x3000, 0x3abc, 1));
  EXPECT_FALSE(wp(on | mask(12), 0x3000, 0x4000, 1));
  EXPECT_TRUE(wp(on | mask(31), 0x8000'0000, 0xffff'fff0, 1));
  EXPECT_TRUE(wp(on | mask(3), 0x3000, 0x3007, 1));
  EXPECT_FALSE(wp(on | mask(2), 0x3000, 0x3000, 1));  // reserved
  EXPECT_FALSE(wp((on & ~kBasAll) | 0x0f << 5 | mask(12), 0x3000, 0x3000, 1));
  EXPECT_FALSE(
      wp(on | mask(12), 0x0000'8000'0000'3000, 0xffff'8000'0000'3abc, 1));  // bit 48 counts
}

TEST_F(DebugTest, WatchpointConditions) {
  EXPECT_FALSE(wp(kE | kEl1 | kLoad | kBasAll, 0x2000, 0x2000, 1, true));
  EXPECT_TRUE(wp(kE | kEl1 | kStore | kBasAll, 0x2000, 0x2000, 1, true));
  EXPECT_FALSE(wp(kE | kEl1 | kBasAll, 0x2000, 0x2000, 1, true));
  EXPECT_FALSE(wp(kE | kEl1 | kLoad | kBasAll, 0x2000, 0x2000, 1, false, 0));
  EXPECT_TRUE(wp(kE | kEl0 | kLoad | kBasAll, 0x2000, 0x2000, 1, false, 0));
  EXPECT_TRUE(wp(kE | kEl0 | kLoad | kBasAll, 0x2000, 0x2000, 1, false, 1, true));  // LDTR
  EXPECT_FALSE(wp(kE | kEl1 | kLoad | kBasAll, 0x2000, 0x2000, 1, false, 1, true));
}

// ---- On the vCPU -------------------------------------------------------------------------------

constexpr u32 kNop = 0xd503'201f, kStrX1X0 = 0xf900'0001, kLdrX1X0 = 0xf940'0001;
constexpr u64 kKde = u64{1} << 13, kMde = u64{1} << 15;

struct DebugCpu : Bench {
  explicit DebugCpu(unsigned el) {
    restart(el);
    c->s.pstate.daif = 0;
    c->s.x[0] = 0x2000;
  }
  void set_regs(u64 mdscr) {
    const unsigned el = c->s.pstate.el;
    set_el(1);
    set("MDSCR_EL1", mdscr);
    set("DBGBVR0_EL1", kCode + 4);
    set("DBGWVR0_EL1", 0x2000);
    set_el(el);
  }
  /// The first 2 MiB are Normal memory.
  void mmu_on() {
    store64(0x10000, 0x701);
    c->s.sys.mair_el1 = 0xff;
    c->s.sys.ttbr0_el1 = 0x10000;
    c->s.sys.tcr_el1 = 34 | u64{2} << 32;
    c->s.sys.sctlr_el1 |= 1;
  }
  void breakpoint(u64 cr) { c->s.sys.dbgbcr[0] = cr, c->context_changed(); }
  void watchpoint(u64 cr) { c->s.sys.dbgwcr[0] = cr, c->context_changed(); }
};

TEST(DebugExceptions, Breakpoint) {
  for (const unsigned el : {0u, 1u}) {
    DebugCpu b(el);
    b.set_regs(kMde | kKde);
    b.breakpoint(kE | kEl0 | kEl1);
    b.run({kNop, kNop, kNop});
    EXPECT_EQ(b.exception(), el == 0 ? 0x30 : 0x31);
    EXPECT_EQ(b.iss(), 0x22u);
    EXPECT_EQ(b.c->s.sys.elr_el1, kCode + 4);
  }
}

TEST(DebugExceptions, Enables) {
  const auto taken = [](u64 mdscr, u8 daif, void (*change)(Bench&)) {
    DebugCpu b(1);
    b.set_regs(mdscr);
    b.breakpoint(kE | kEl1);
    b.c->s.pstate.daif = daif;
    change(b);
    b.c->context_changed();
    b.run({kNop, kNop, kNop});
    return b.exception() == 0x31;
  };
  const auto nothing = [](Bench&) {};
  EXPECT_TRUE(taken(kMde | kKde, 0, nothing));
  EXPECT_FALSE(taken(kKde, 0, nothing));
  EXPECT_FALSE(taken(kMde, 0, nothing));
  EXPECT_FALSE(taken(kMde | kKde, 8, nothing));  // PSTATE.D
  EXPECT_FALSE(taken(kMde | kKde, 0, [](Bench& b) { b.set("OSLAR_EL1", 1); }));
  EXPECT_FALSE(taken(kMde | kKde, 0, [](Bench& b) { b.set("OSDLR_EL1", 1); }));
}

TEST(DebugExceptions, Watchpoint) {
  for (const unsigned el : {0u, 1u})
    for (const bool write : {false, true}) {
      DebugCpu b(el);
      b.set_regs(kMde | kKde);
      b.watchpoint(kE | kEl0 | kEl1 | kLoad | kStore | 0xf0 << 5);
      b.store64(0x2000, 99);
      b.c->s.x[1] = 5;
      b.run({kNop, write ? kStrX1X0 : kLdrX1X0});
      EXPECT_EQ(b.exception(), el == 0 ? 0x34 : 0x35);
      EXPECT_EQ(b.iss(), write ? 0x62u : 0x22u);
      EXPECT_EQ(b.c->s.sys.far_el1, 0x2004u);
      EXPECT_EQ(b.c->s.sys.elr_el1, kCode + 4);
      EXPECT_EQ(b.load64(0x2000), 99u);
      EXPECT_EQ(b.c->s.x[1], 5u);
    }
}

/// AArch64.GenerateDebugExceptionsFrom() for watchpoints; at EL0 neither KDE nor PSTATE.D matters.
TEST(DebugExceptions, WatchpointEnables) {
  const auto taken = [](unsigned el, u64 mdscr, u8 daif, bool locked) {
    DebugCpu b(el);
    b.set_regs(mdscr);
    b.c->s.pstate.daif = daif;
    b.c->s.sys.oslar_locked = locked;
    b.watchpoint(kE | kEl0 | kEl1 | kLoad | kBasAll);
    b.run({kNop, kLdrX1X0});
    return b.exception() == (el == 0 ? 0x34 : 0x35);
  };
  EXPECT_TRUE(taken(1, kMde | kKde, 0, false));
  EXPECT_FALSE(taken(1, kKde, 0, false));
  EXPECT_FALSE(taken(1, kMde, 0, false));
  EXPECT_FALSE(taken(1, kMde | kKde, 8, false));  // PSTATE.D
  EXPECT_FALSE(taken(1, kMde | kKde, 0, true));   // OSLSR_EL1.OSLK
  EXPECT_TRUE(taken(0, kMde, 8, false));
  EXPECT_FALSE(taken(0, kMde, 8, true));
}

/// Accesses to the same page before, which are not watched, make it no faster past the watchpoint.
TEST(DebugExceptions, WatchpointInAPageInUse) {
  for (const bool write : {false, true}) {
    DebugCpu b(1);
    b.mmu_on();
    b.set_regs(kMde | kKde);
    b.watchpoint(kE | kEl1 | kLoad | kStore | kBasAll);
    b.c->s.x[2] = 0x2100;
    b.run({write ? 0xf900'0041u : 0xf940'0041u,  // STR or LDR X1, [X2]
           write ? kStrX1X0 : kLdrX1X0});
    EXPECT_EQ(b.exception(), 0x35);
    EXPECT_EQ(b.c->s.sys.elr_el1, kCode + 4);
    EXPECT_EQ(b.c->s.sys.far_el1, 0x2000u);
  }
}

TEST(DebugExceptions, WatchpointOnDcZva) {
  DebugCpu b(1);
  b.mmu_on();  // on Device memory it would take an Alignment fault, which comes first
  b.set_regs(kMde | kKde);
  b.watchpoint(kE | kEl1 | kStore | 0xff << 5);
  b.store64(0x2000, 99);
  b.c->s.x[0] = 0x2033;
  b.run({kNop, 0xd50b'7420});  // DC ZVA, X0
  EXPECT_EQ(b.exception(), 0x35);
  EXPECT_EQ(b.load64(0x2000), 99u);
}

/// An atomic reads and writes; WnR is clear when its read alone would have been watched.
TEST(DebugExceptions, WatchpointOnAnAtomic) {
  for (const auto& [lsc, iss] :
       {std::pair{kLoad, 0x22u}, {kStore, 0x62u}, {kLoad | kStore, 0x22u}}) {
    DebugCpu b(1);
    b.set_regs(kMde | kKde);
    b.watchpoint(kE | kEl1 | lsc | 0xff << 5);
    b.store64(0x2000, 99);
    b.run({kNop, 0xf820'8001});  // SWP X0, X1, [X0]
    EXPECT_EQ(b.exception(), 0x35);
    EXPECT_EQ(b.iss(), iss);
    EXPECT_EQ(b.load64(0x2000), 99u);
  }
}

/// An access to two pages is watched piece by piece, and what is not watched goes on.
TEST(DebugExceptions, WatchpointAcrossPages) {
  for (const u64 watched : {u64{0x2ff8}, u64{0x3000}, u64{0x3008}}) {
    DebugCpu b(1);
    b.mmu_on();
    b.set_regs(kMde | kKde);
    b.c->s.sys.dbgwvr[0] = watched;
    b.watchpoint(kE | kEl1 | kStore | 0xff << 5);
    b.store64(0x2ff8, 99);
    b.c->s.x[0] = 0x2ffc;
    b.run({kNop, kStrX1X0});
    EXPECT_EQ(b.exception(), watched == 0x3008 ? -1 : 0x35) << watched;
    if (watched != 0x3008) {
      EXPECT_EQ(b.c->s.sys.far_el1, watched == 0x2ff8 ? 0x2ffcu : 0x3000u);
      EXPECT_EQ(b.load64(0x2ff8), 99u);
    }
  }
}

}  // namespace
}  // namespace quince::cpu
