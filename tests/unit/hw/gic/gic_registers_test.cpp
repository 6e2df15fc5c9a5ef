// The memory-mapped registers: identification, reset values, sizes and reserved INTIDs.
#include "tests/unit/hw/gic/gic_rig.h"

namespace quince::hw::test {
namespace {

struct GicRegistersTest : ::testing::Test, GicRig {};

TEST_F(GicRegistersTest, Identification) {
  EXPECT_EQ(rd(0x0000), 0x50u) << "ARE and DS are one";
  EXPECT_EQ(rd(0x0004), 8u | 15u << 19 | 1u << 24 | 1u << 25);
  EXPECT_EQ(rd(0x0008), 0x43bu);
  EXPECT_EQ(rd(0x000c), 0u);
  EXPECT_EQ(rd(0xffe8) >> 4, 3u) << "GICv3";
  EXPECT_EQ(rrd(1, 0xffe8) >> 4, 3u);
  EXPECT_EQ(rrd(0, 0x0004), 0x43bu);
  wr(0x0000, ~0u);
  EXPECT_EQ(rd(0x0000), 0x53u);
}

TEST_F(GicRegistersTest, RedistributorsNameTheirCpuAndTheLast) {
  GicRig r(18);
  for (unsigned c = 0; c < 18; ++c) {
    const u64 typer = r.rrd(c, 8, 8);
    EXPECT_EQ(typer >> 32, (c / 16) << 8 | c % 16);
    EXPECT_EQ(typer >> 8 & 0xffff, c);
    EXPECT_EQ(typer >> 4 & 1, c == 17);
    EXPECT_EQ(r.rrd(c, 12), typer >> 32) << "also by halves";
  }
  u64 v = 0;
  EXPECT_EQ(r.gic.redistributors().read(18 * 0x20000u, {4}, v), Bus::BadRegister);
  EXPECT_EQ(r.gic.redistributors_size(), 18 * 0x20000u);
}

TEST_F(GicRegistersTest, WakerMirrorsAtOnce) {
  EXPECT_EQ(rrd(0, kWaker), 6u);
  rwr(0, kWaker, 0);
  EXPECT_EQ(rrd(0, kWaker), 0u);
  EXPECT_EQ(rrd(1, kWaker), 6u);
  rwr(0, kWaker, ~0u);
  EXPECT_EQ(rrd(0, kWaker), 6u);
}

TEST_F(GicRegistersTest, TheNumberOfSpisBoundsEverything) {
  for (const unsigned spis : {1u, 32u, 33u, 256u, 987u, 988u}) {
    GicRig r(1, spis);
    const u64 lines = r.rd(4) & 31;
    EXPECT_EQ(lines, (spis + 31) / 32) << spis;
    for (u64 n = 0; n < 32; ++n)
      for (const u64 reg : {kIgroupr, kIsenabler, kIspendr, kIsactiver})
        r.wr(reg + 4 * n, 0xffffffff);
    u64 found = 0;
    for (u64 n = 0; n < 32; ++n) {
      const u64 v = r.rd(kIsenabler + 4 * n);
      found += static_cast<u64>(std::popcount(v));
      for (const u64 reg : {kIgroupr, kIcenabler, kIspendr, kIcpendr, kIsactiver, kIcactiver})
        EXPECT_EQ(r.rd(reg + 4 * n), v) << spis << " " << n;
    }
    EXPECT_EQ(found, spis);
    EXPECT_EQ(r.rd(kIsenabler), 0u) << "private interrupts are in the redistributors";
    const u32 past = 32 + spis;
    if (past < 1020) {
      r.set_priority(past, 0xf8);
      EXPECT_EQ(r.rd(kIpriorityr + past, 1), 0u);
      r.set_route(past, 1);
      EXPECT_EQ(r.rd(kIrouter + 8 * past, 8), 0u);
    }
    r.set_priority(past - 1, 0xff);
    EXPECT_EQ(r.rd(kIpriorityr + past - 1, 1), 0xf8u);
  }
}

TEST_F(GicRegistersTest, PrivateInterruptsAreNotTheDistributors) {
  for (const u64 reg : {kIgroupr, kIsenabler, kIspendr, kIsactiver, kIcfgr, kIcfgr + 4}) {
    wr(reg, 0xffffffff);
    EXPECT_EQ(rd(reg), 0u);
  }
  wr(kIpriorityr, 0xffffffff);
  EXPECT_EQ(rd(kIpriorityr), 0u);
  EXPECT_EQ(rrd(0, kSgiBase + kIsenabler), 0u);
}

TEST_F(GicRegistersTest, PrioritiesByByteAndWord) {
  wr(kIpriorityr + 40, 0x44332211);
  EXPECT_EQ(rd(kIpriorityr + 40), 0x40302010u) << "five bits each";
  EXPECT_EQ(rd(kIpriorityr + 42, 1), 0x30u);
  wr(kIpriorityr + 41, 0xf8, 1);
  EXPECT_EQ(rd(kIpriorityr + 40), 0x4030f810u);
  rwr(1, kSgiBase + kIpriorityr + 27, 0xa0, 1);
  EXPECT_EQ(rrd(1, kSgiBase + kIpriorityr + 24), 0xa0000000u);
  EXPECT_EQ(rrd(0, kSgiBase + kIpriorityr + 24), 0u) << "each CPU has its own";
}

TEST_F(GicRegistersTest, Configuration) {
  wr(kIcfgr + 8, 0xffffffff);
  EXPECT_EQ(rd(kIcfgr + 8), 0xaaaaaaaau);
  EXPECT_EQ(rd(kIcfgr + 12), 0u);
  wr(kIcfgr + 12, 0x80000002);
  EXPECT_EQ(rd(kIcfgr + 12), 0x80000002u);
  EXPECT_EQ(rd(kIcfgr + 8), 0xaaaaaaaau);
  rwr(0, kSgiBase + kIcfgr, 0);
  EXPECT_EQ(rrd(0, kSgiBase + kIcfgr), 0xaaaaaaaau) << "SGIs are edges";
  rwr(0, kSgiBase + kIcfgr + 4, 0xffffffff);
  EXPECT_EQ(rrd(0, kSgiBase + kIcfgr + 4), 0xaaaaaaaau);
  EXPECT_EQ(rrd(1, kSgiBase + kIcfgr + 4), 0u);
}

TEST_F(GicRegistersTest, RegistersOfOtherModesReadAsZero) {
  for (const u64 off : {0x10u, 0x800u, 0x9fcu, 0xd04u, 0xe08u, 0xf10u, 0xf20u, 0x40u, 0x58u}) {
    wr(off, ~0u);
    EXPECT_EQ(rd(off), 0u) << std::hex << off;
  }
  for (const u64 off : {u64{0}, u64{0x10}, kSgiBase + 0xd00, kSgiBase + 0xe00}) {
    rwr(0, off, ~0u);
    EXPECT_EQ(rrd(0, off), 0u) << std::hex << off;
  }
  EXPECT_EQ(rd(kIspendr + 4), 0u);
}

TEST_F(GicRegistersTest, WrongAccessesAreNamed) {
  u64 v = 0;
  MmioDevice& d = gic.distributor();
  EXPECT_EQ(d.write(0x0004, {4}, 0), Bus::ReadOnly);
  EXPECT_EQ(d.read(0x0f00, {4}, v), Bus::WriteOnly);
  EXPECT_EQ(d.read(0x0020, {4}, v), Bus::BadRegister);
  EXPECT_EQ(d.read(0x0000, {2}, v), Bus::BadSize);
  EXPECT_EQ(d.read(0x0100, {8}, v), Bus::BadSize);
  EXPECT_EQ(d.read(0x0400, {2}, v), Bus::BadSize);
  EXPECT_EQ(gic.redistributors().write(8, {8}, 0), Bus::ReadOnly);
  EXPECT_EQ(d.name(), "gic-dist");
  EXPECT_EQ(d.reg_name(0x104), "GICD_ISENABLER[1]");
  EXPECT_EQ(gic.redistributors().reg_name(0x30100), "GICR_ISENABLER0");
}

TEST_F(GicRegistersTest, ResetKeepsTheLevelsOfTheWiresAndNothingElse) {
  open(2);
  put_bit(kIsenabler, 40);
  put_bit(kIspendr, 41);
  line(40, true);
  line(27, true, 1);
  EXPECT_TRUE(irq[0].high);
  gic.reset();
  EXPECT_FALSE(irq[0].high);
  EXPECT_EQ(rd(0), 0x50u);
  EXPECT_EQ(rd(kIsenabler + 4), 0u);
  EXPECT_EQ(rd(kIspendr + 4), 1u << 8) << "the wire of 40 is still high, 41 was software's";
  EXPECT_EQ(rrd(1, kSgiBase + kIspendr), 1u << 27);
  EXPECT_EQ(icc(0, kPmr), 0u);
  EXPECT_EQ(icc(0, kBpr1), kMinBpr1);
}

TEST_F(GicRegistersTest, XnuBringUpTakesTheTimerAsFiq) {
  rwr(0, kWaker, 0);
  rwr(0, kSgiBase + kIgroupr, 0x81ffffff);
  EXPECT_EQ(rrd(0, kSgiBase + kIgroupr), 0x81ffffffu);
  rwr(0, kSgiBase + kIsenabler, 1u << 27);
  icc(0, kSre, 1);
  icc(0, kBpr0, 0);
  icc(0, kPmr, 0xff);
  icc(0, kCtlr, 0);
  wr(kGicdCtlr, rd(kGicdCtlr) | 1);
  icc(0, kIgrpen0, 1);
  line(27, true);
  EXPECT_TRUE(fiq[0].high);
  EXPECT_EQ(icc(0, kIar0), 27u);
  line(27, false);
  icc(0, kEoir0, 27);
  EXPECT_FALSE(fiq[0].high);
  EXPECT_EQ(icc(0, kIar0), kSpurious);
}

}  // namespace
}  // namespace quince::hw::test
