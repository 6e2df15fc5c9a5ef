// Software-generated interrupts and the routing of SPIs by affinity.
#include "tests/unit/hw/gic/gic_rig.h"

namespace quince::hw::test {
namespace {

u64 sgi(u64 intid, u64 targets, u64 aff1 = 0, u64 aff2 = 0, u64 aff3 = 0, u64 rs = 0) {
  return aff3 << 48 | rs << 44 | aff2 << 32 | intid << 24 | aff1 << 16 | targets;
}

struct GicSgiTest : ::testing::Test, GicRig {
  static constexpr unsigned kCpus = 20;  // two clusters: 0.0.0.0-15, 0.0.1.0-3
  GicSgiTest() : GicRig(kCpus) {
    open(kCpus);
    for (unsigned c = 0; c < kCpus; ++c) rwr(c, kSgiBase + kIsenabler, 0xffff);
  }
  std::string who() {  // the CPUs whose IRQ is high
    std::string s;
    for (unsigned c = 0; c < kCpus; ++c)
      if (irq[c].high) s += std::to_string(c) + " ";
    return s;
  }
};

TEST_F(GicSgiTest, ATargetListNamesCpusOfOneCluster) {
  icc(3, kSgi1r, sgi(5, 1u << 0 | 1u << 3 | 1u << 15));
  EXPECT_EQ(who(), "0 3 15 ");
  for (const unsigned c : {0u, 3u, 15u}) {
    EXPECT_EQ(ack(c), 5u);
    eoi(5, c);
  }
  EXPECT_EQ(who(), "");
  icc(3, kSgi1r, sgi(9, 0xffff, 1));
  EXPECT_EQ(who(), "16 17 18 19 ");
}

TEST_F(GicSgiTest, TargetsThatDoNotExistAreIgnored) {
  const u64 before = hash();
  icc(0, kSgi1r, sgi(1, 0xffff, 2));
  icc(0, kSgi1r, sgi(1, 0xffff, 0, 1));
  icc(0, kSgi1r, sgi(1, 0xffff, 0, 0, 1));
  icc(0, kSgi1r, sgi(1, 0, 0));
  EXPECT_EQ(hash(), before);
  icc(0, kSgi1r, sgi(1, 1, 0, 0, 0, 3));
  EXPECT_EQ(who(), "0 ") << "RS is reserved where RSS is zero";
}

TEST_F(GicSgiTest, IrmIsEveryoneElse) {
  icc(7, kSgi1r, kSgiIrm | sgi(2, 0, 9, 9, 9));
  for (unsigned c = 0; c < kCpus; ++c) EXPECT_EQ(irq[c].high, c != 7) << c;
}

TEST_F(GicSgiTest, SgisAreEdgesOfTheirOwnCpu) {
  icc(0, kSgi1r, sgi(4, 2));
  icc(2, kSgi1r, sgi(4, 2));
  EXPECT_EQ(ack(1), 4u) << "two senders merge";
  icc(0, kSgi1r, sgi(4, 2));
  eoi(4, 1);
  EXPECT_EQ(ack(1), 4u) << "one more while active";
  eoi(4, 1);
  EXPECT_EQ(ack(1), kSpurious);
  rwr(1, kSgiBase + kIspendr, 1u << 6);
  EXPECT_EQ(ack(1), 6u);
}

TEST_F(GicSgiTest, GroupsDecideWhichRegisterMaySend) {
  set_group(3, 0, 1);
  icc(0, kSgi1r, sgi(3, 6));  // either group
  EXPECT_TRUE(fiq[1].high);
  EXPECT_TRUE(irq[2].high);
  EXPECT_EQ(icc(1, kIar0), 3u);
  icc(1, kEoir0, 3);
  EXPECT_EQ(ack(2), 3u);
  eoi(3, 2);
  for (const SysRegId id : {kSgi0r, kAsgi1r}) {  // Group 0 only, with one security state
    icc(0, id, sgi(3, 6));
    EXPECT_TRUE(fiq[1].high);
    EXPECT_FALSE(irq[2].high);
    EXPECT_EQ(icc(1, kIar0), 3u);
    icc(1, kEoir0, 3);
  }
}

TEST(GicRangeSelector, ReachesAff0AboveFifteen) {
  GicRig r(GicConfig{{0x00, 0x10, 0x25, 0x03000125}, 64, false});
  r.open(4);
  for (unsigned c = 0; c < 4; ++c) r.rwr(c, kSgiBase + kIsenabler, 0xffff);
  EXPECT_NE(r.icc(0, kCtlr) & kIccRss, 0u);
  EXPECT_NE(r.rd(4) & kTyperRss, 0u);
  r.icc(0, kSgi1r, sgi(1, 1 << 5, 0, 0, 0, 2));
  EXPECT_TRUE(r.irq[2].high);
  EXPECT_FALSE(r.irq[0].high || r.irq[1].high || r.irq[3].high);
  r.icc(0, kSgi1r, sgi(1, 1, 0, 0, 0, 1));
  EXPECT_TRUE(r.irq[1].high);
  r.icc(0, kSgi1r, sgi(1, 1 << 5, 1, 0, 3, 2));
  EXPECT_TRUE(r.irq[3].high);
  EXPECT_EQ(r.rrd(3, 8, 8) >> 32, 0x03000125u);
  r.put_bit(kIsenabler, 40);
  r.set_route(40, u64{3} << 32 | 0x0125);
  r.icc(3, kIar1);
  r.eoi(1, 3);
  r.line(40, true);
  EXPECT_EQ(r.ack(3), 40u);
}

struct GicRouteTest : ::testing::Test, GicRig {
  GicRouteTest() : GicRig(4) {
    open(4);
    put_bit(kIsenabler, 40);
  }
};

TEST_F(GicRouteTest, TheRouteIsReadableInBothSizes) {
  set_route(40, ~u64{0});
  EXPECT_EQ(rd(kIrouter + 8 * 40, 8), kRouteAffinity)
      << "no 1-of-N: Interrupt_Routing_Mode is zero";
  wr(kIrouter + 8 * 40, 2);
  EXPECT_EQ(rd(kIrouter + 8 * 40, 8), u64{0xff} << 32 | 2u);
  wr(kIrouter + 8 * 40 + 4, 0);
  line(40, true);
  EXPECT_TRUE(irq[2].high);
}

TEST_F(GicRouteTest, ARouteToNobodyHoldsTheInterrupt) {
  set_route(40, 0x0500);
  line(40, true);
  for (unsigned c = 0; c < 4; ++c) EXPECT_FALSE(irq[c].high);
  EXPECT_TRUE(bit_of(kIspendr, 40));
  set_route(40, 3);
  EXPECT_TRUE(irq[3].high);
}

TEST(GicOneOfN, PicksACpuThatTakesPart) {
  GicRig r(3, 64, true);
  r.open(3);
  EXPECT_EQ(r.rd(4) & kTyperNo1n, 0u);
  r.put_bit(kIsenabler, 40);
  r.set_route(40, kRouteIrm | 2);
  EXPECT_EQ(r.rd(kIrouter + 8 * 40, 8), kRouteIrm | 2);
  r.line(40, true);
  EXPECT_TRUE(r.irq[0].high);
  r.icc(0, kIgrpen1, 0);  // CPU 0 leaves
  EXPECT_FALSE(r.irq[0].high);
  EXPECT_TRUE(r.irq[1].high);
  r.rwr(1, kWaker, kWakerProcessorSleep);  // and CPU 1 sleeps
  EXPECT_FALSE(r.irq[1].high);
  EXPECT_TRUE(r.irq[2].high);
  r.icc(2, kIgrpen1, 0);
  EXPECT_FALSE(r.irq[2].high);
  EXPECT_TRUE(r.bit_of(kIspendr, 40));
  r.set_group(40, 0);  // Group 0 is still enabled on CPU 0
  EXPECT_TRUE(r.fiq[0].high);
  r.rwr(1, kWaker, 0);
  r.set_group(40, 1);
  EXPECT_FALSE(r.fiq[0].high);
  EXPECT_TRUE(r.irq[1].high);
  EXPECT_EQ(r.ack(1), 40u);
  for (unsigned c = 0; c < 3; ++c) EXPECT_EQ(r.ack(c), kSpurious) << "one of them, once";
}

}  // namespace
}  // namespace quince::hw::test
