// The CPU interface: priorities, preemption, groups, acknowledge and end (IHI 0069, chapter 4).
#include "tests/unit/hw/gic/gic_rig.h"

namespace quince::hw::test {
namespace {

struct GicPriorityTest : ::testing::Test, GicRig {
  GicPriorityTest() : GicRig(2) { open(2); }
  /// An enabled SPI of this priority, made pending as an edge.
  void raise(u32 intid, u8 priority, unsigned group = 1) {
    set_edge(intid, true);
    set_group(intid, group);
    set_priority(intid, priority);
    put_bit(kIsenabler, intid);
    pulse(intid);
  }
};

TEST_F(GicPriorityTest, ReadingHppirHasNoEffect) {
  raise(40, 0x80);
  raise(41, 0x40, 0);
  const u64 before = hash();
  const int edges = irq[0].edges + fiq[0].edges;
  for (int n = 0; n < 100; ++n) {
    EXPECT_EQ(icc(0, kHppir0), 41u);
    EXPECT_EQ(icc(0, kHppir1), kSpurious) << "the best one is in the other group";
    EXPECT_EQ(icc(0, kRpr), kIdlePriority);
  }
  EXPECT_EQ(hash(), before);
  EXPECT_EQ(irq[0].edges + fiq[0].edges, edges);
  EXPECT_EQ(icc(0, kIar0), 41u);
  EXPECT_NE(hash(), before);
}

TEST_F(GicPriorityTest, HppirLooksPastTheMaskAndTheRunningPriority) {
  raise(40, 0x80);
  icc(0, kPmr, 0x40);
  EXPECT_EQ(icc(0, kHppir1), 40u);
  EXPECT_EQ(ack(), kSpurious);
  EXPECT_FALSE(irq[0].high);
  icc(0, kPmr, 0xff);
  EXPECT_EQ(ack(), 40u);
  raise(41, 0xa0);
  EXPECT_EQ(icc(0, kHppir1), 41u);
  EXPECT_EQ(ack(), kSpurious);
}

TEST_F(GicPriorityTest, AcknowledgingNothingIsSpuriousAndChangesNothing) {
  const u64 before = hash();
  EXPECT_EQ(icc(0, kIar0), kSpurious);
  EXPECT_EQ(icc(0, kIar1), kSpurious);
  icc(0, kEoir1, kSpurious);
  icc(0, kEoir0, kSpurious);
  icc(0, kEoir1, 40);  // nothing is active
  EXPECT_EQ(hash(), before);
}

TEST_F(GicPriorityTest, TheMaskComparesStrictly) {
  raise(40, 0x80);
  icc(0, kPmr, 0x80);
  EXPECT_FALSE(irq[0].high);
  icc(0, kPmr, 0x88);
  EXPECT_TRUE(irq[0].high);
  icc(0, kPmr, 0xff);
  EXPECT_EQ(icc(0, kPmr), 0xf8u) << "five bits";
  set_priority(40, 0xff);
  EXPECT_EQ(rd(kIpriorityr + 40, 1), 0xf8u);
  EXPECT_FALSE(irq[0].high) << "the lowest priority is always masked";
}

TEST_F(GicPriorityTest, GroupZeroIsFiqAndGroupOneIsIrq) {
  raise(40, 0x80, 0);
  EXPECT_TRUE(fiq[0].high);
  EXPECT_FALSE(irq[0].high);
  EXPECT_EQ(icc(0, kIar1), kSpurious);
  EXPECT_EQ(icc(0, kIar0), 40u);
  EXPECT_EQ(icc(0, kAp0r0), 1u << (0x80 / 8));
  EXPECT_EQ(icc(0, kAp1r0), 0u);
  icc(0, kEoir0, 40);
  raise(40, 0x80, 1);
  EXPECT_TRUE(irq[0].high);
  EXPECT_FALSE(fiq[0].high);
  set_group(40, 0);
  EXPECT_FALSE(irq[0].high) << "it moves with its group";
  EXPECT_TRUE(fiq[0].high);
}

TEST_F(GicPriorityTest, ADisabledGroupDoesNotHideTheOther) {
  raise(40, 0x20, 0);
  raise(41, 0x80, 1);
  EXPECT_TRUE(fiq[0].high);
  icc(0, kIgrpen0, 0);
  EXPECT_FALSE(fiq[0].high);
  EXPECT_TRUE(irq[0].high);
  EXPECT_EQ(icc(0, kHppir1), 41u);
  icc(0, kIgrpen0, 1);
  wr(kGicdCtlr, 2);
  EXPECT_TRUE(irq[0].high);
  EXPECT_FALSE(fiq[0].high);
}

TEST_F(GicPriorityTest, PreemptionNestsAndUnwinds) {
  raise(40, 0xc0);
  EXPECT_EQ(ack(), 40u);
  raise(41, 0x80);
  EXPECT_TRUE(irq[0].high);
  EXPECT_EQ(ack(), 41u);
  raise(42, 0x80);
  EXPECT_FALSE(irq[0].high) << "the same priority does not preempt";
  raise(43, 0x20, 0);
  EXPECT_TRUE(fiq[0].high);
  EXPECT_EQ(icc(0, kIar0), 43u);
  EXPECT_EQ(icc(0, kRpr), 0x20u);
  icc(0, kEoir1, 41);  // not the running group: ignored
  EXPECT_EQ(icc(0, kRpr), 0x20u);
  EXPECT_TRUE(bit_of(kIsactiver, 41));
  icc(0, kEoir0, 43);
  EXPECT_EQ(icc(0, kRpr), 0x80u);
  icc(0, kEoir0, 41);  // nor is this
  EXPECT_EQ(icc(0, kRpr), 0x80u);
  eoi(41);
  EXPECT_TRUE(irq[0].high) << "42 preempts 40";
  EXPECT_EQ(ack(), 42u);
  eoi(42);
  EXPECT_EQ(icc(0, kRpr), 0xc0u);
  eoi(40);
  EXPECT_EQ(icc(0, kRpr), kIdlePriority);
}

TEST_F(GicPriorityTest, TheBinaryPointSaysWhoMayPreempt) {
  icc(0, kBpr1, 6);  // Group 1 group priority is [7:6]
  raise(40, 0xb8);
  EXPECT_EQ(ack(), 40u);
  EXPECT_EQ(icc(0, kRpr), 0x80u) << "the group priority only";
  raise(41, 0x80);
  EXPECT_FALSE(irq[0].high) << "better, but in the same group priority";
  raise(42, 0x78);
  EXPECT_TRUE(irq[0].high);
  icc(0, kBpr1, 7);
  EXPECT_TRUE(irq[0].high) << "0x00 against 0x80";
  EXPECT_EQ(ack(), 42u);
  EXPECT_EQ(icc(0, kRpr), 0u);
  raise(43, 0x00);
  EXPECT_FALSE(irq[0].high);
}

TEST_F(GicPriorityTest, GroupZeroCountsItsBinaryPointOneHigher) {
  icc(0, kBpr0, 5);  // group priority is [7:6]
  raise(40, 0xb8, 0);
  EXPECT_EQ(icc(0, kIar0), 40u);
  EXPECT_EQ(icc(0, kRpr), 0x80u);
  icc(0, kEoir0, 40);
  icc(0, kBpr0, 7);  // no preemption at all
  raise(40, 0xb8, 0);
  EXPECT_EQ(icc(0, kIar0), 40u);
  EXPECT_EQ(icc(0, kRpr), 0u);
  raise(41, 0x00, 0);
  EXPECT_FALSE(fiq[0].high);
}

TEST_F(GicPriorityTest, BinaryPointsHaveAMinimumAndCbprSharesOne) {
  EXPECT_EQ(icc(0, kBpr0), kMinBpr0);
  EXPECT_EQ(icc(0, kBpr1), kMinBpr1);
  icc(0, kBpr0, 0);
  icc(0, kBpr1, 0);
  EXPECT_EQ(icc(0, kBpr0), kMinBpr0);
  EXPECT_EQ(icc(0, kBpr1), kMinBpr1);
  icc(0, kBpr1, 4);
  icc(0, kCtlr, kIccCbpr);
  icc(0, kBpr0, 5);
  EXPECT_EQ(icc(0, kBpr1), 6u);
  icc(0, kBpr1, 3);
  EXPECT_EQ(icc(0, kBpr1), 6u) << "writes are ignored";
  raise(40, 0xb8);
  EXPECT_EQ(ack(), 40u);
  EXPECT_EQ(icc(0, kRpr), 0x80u) << "BPR0 splits Group 1";
  icc(0, kBpr0, 7);
  EXPECT_EQ(icc(0, kBpr1), 7u) << "saturates";
  icc(0, kCtlr, 0);
  EXPECT_EQ(icc(0, kBpr1), 4u);
}

TEST_F(GicPriorityTest, ActivePrioritiesAreReadableAndWritable) {
  raise(40, 0x80);
  EXPECT_EQ(ack(), 40u);
  EXPECT_EQ(icc(0, kAp1r0), 1u << 16);
  raise(41, 0x90);
  EXPECT_FALSE(irq[0].high);
  icc(0, kAp1r0, 0);
  EXPECT_EQ(icc(0, kRpr), kIdlePriority);
  EXPECT_TRUE(irq[0].high);
  icc(0, kAp1r0, 1);
  EXPECT_FALSE(irq[0].high);
  icc(0, kAp0r0, 1);  // the same priority in both: Group 0 counts as running
  icc(0, kEoir1, 40);
  EXPECT_EQ(icc(0, kAp1r0), 1u);
  icc(0, kEoir0, 40);
  EXPECT_EQ(icc(0, kAp0r0), 0u);
}

TEST_F(GicPriorityTest, ConstantFieldsAndReservedWrites) {
  icc(0, kCtlr, ~u64{0});
  EXPECT_EQ(icc(0, kCtlr), (4u << 8) | (1u << 15) | 3u);
  icc(0, kSre, 0);
  EXPECT_EQ(icc(0, kSre), 7u);
  icc(0, kIgrpen1, ~u64{0});
  EXPECT_EQ(icc(0, kIgrpen1), 1u);
}

TEST_F(GicPriorityTest, WrongSystemRegisterAccessesAreNamed) {
  u64 v = 0;
  auto& port = gic.cpu_interface(0);
  for (const SysRegId id : {kEoir0, kEoir1, kDir, kSgi0r, kSgi1r, kAsgi1r})
    EXPECT_EQ(port.sysreg_read(id, v), Bus::WriteOnly);
  for (const SysRegId id : {kIar0, kIar1, kHppir0, kHppir1, kRpr})
    EXPECT_EQ(port.sysreg_write(id, 0), Bus::ReadOnly);
  const SysRegId ap0r1{3, 0, 12, 8, 5};  // needs more preemption bits
  EXPECT_EQ(port.sysreg_read(ap0r1, v), Bus::BadRegister);
  EXPECT_EQ(port.sysreg_write(ap0r1, 0), Bus::BadRegister);
}

TEST_F(GicPriorityTest, EndingWhatDoesNotExistIsIgnored) {
  raise(40, 0x80);
  EXPECT_EQ(ack(), 40u);
  const u64 before = hash();
  for (const u64 intid : {1020u, 1023u, 1019u, 8192u, 0xffffffu}) {
    icc(0, kEoir1, intid);
    icc(0, kDir, intid);
  }
  EXPECT_EQ(hash(), before);
}

}  // namespace
}  // namespace quince::hw::test
