// Performance monitors.
#include "hw/core/archive.h"
#include "tests/unit/cpu/system/bench.h"

namespace quince::cpu {
namespace {

using test::Bench;
using test::kCode;

constexpr u32 kNop = 0xd503'201f, kEret = 0xd69f'03e0;
constexpr u64 kCycles = u64{1} << 31;
constexpr u64 kInstRetired = 8, kChain = 0x1e, kP = u64{1} << 31, kU = u64{1} << 30;

struct PmuTest : ::testing::Test {
  Bench b;
  /// Runs exactly n instructions: a branch to itself.
  void run(u64 n) { b.run({0x1400'0000}, n); }
};

TEST_F(PmuTest, CountsOnlyWhenEnabled) {
  run(10);
  EXPECT_EQ(b.get("PMCCNTR_EL0"), 0u);
  b.set("PMCNTENSET_EL0", kCycles);
  run(10);
  EXPECT_EQ(b.get("PMCCNTR_EL0"), 0u);  // PMCR_EL0.E
  b.set("PMCR_EL0", 1);
  const u64 before = b.c->instructions();
  run(10);
  EXPECT_EQ(b.get("PMCCNTR_EL0"), b.c->instructions() - before);
  EXPECT_GE(b.get("PMCCNTR_EL0"), 10u);
  b.set("PMCNTENCLR_EL0", kCycles);
  const u64 stopped = b.get("PMCCNTR_EL0");
  run(10);
  EXPECT_EQ(b.get("PMCCNTR_EL0"), stopped);
  b.set("PMCR_EL0", 1 | 4);
  EXPECT_EQ(b.get("PMCCNTR_EL0"), 0u);
}

TEST_F(PmuTest, Identification) {
  EXPECT_EQ(bits(b.get("PMCR_EL0"), 15, 11), 6u);
  EXPECT_TRUE(bit(b.get("PMCR_EL0"), 6));  // LC
  EXPECT_EQ(b.get("PMCEID0_EL0"), 0x4002'0101u);
  u64 v = 0;
  EXPECT_TRUE(b.read("PMEVCNTR5_EL0", v));
  EXPECT_FALSE(b.read("PMEVCNTR6_EL0", v));
  EXPECT_EQ(b.exception(), 0);
}

TEST_F(PmuTest, EventCounterAndItsSelection) {
  b.set("PMSELR_EL0", 2);
  b.set("PMXEVTYPER_EL0", kInstRetired);
  EXPECT_EQ(b.get("PMEVTYPER2_EL0"), kInstRetired);
  b.set("PMXEVCNTR_EL0", 0xffff'fffe);
  b.set("PMCNTENSET_EL0", 4);
  b.set("PMCR_EL0", 1);
  const u64 before = b.c->instructions();
  run(5);
  EXPECT_EQ(b.get("PMEVCNTR2_EL0"), b.c->instructions() - before - 2);
  EXPECT_EQ(b.get("PMOVSCLR_EL0"), 4u);
  b.set("PMOVSCLR_EL0", 4);
  EXPECT_EQ(b.get("PMOVSSET_EL0"), 0u);
  b.set("PMSELR_EL0", 31);
  b.set("PMXEVTYPER_EL0", kP);
  EXPECT_EQ(b.get("PMCCFILTR_EL0"), kP);
  b.set("PMSELR_EL0", 17);  // no such counter
  b.set("PMXEVCNTR_EL0", 9);
  EXPECT_EQ(b.get("PMXEVCNTR_EL0"), 0u);
}

TEST_F(PmuTest, SoftwareIncrementAndChain) {
  b.set("PMEVTYPER0_EL0", 0);
  b.set("PMEVTYPER1_EL0", kChain);
  b.set("PMEVCNTR0_EL0", 0xffff'ffff);
  b.set("PMCNTENSET_EL0", 3);
  b.set("PMSWINC_EL0", 1);
  EXPECT_EQ(b.get("PMEVCNTR0_EL0"), 0xffff'ffffu);  // PMCR_EL0.E is clear
  b.set("PMCR_EL0", 1);
  b.set("PMSWINC_EL0", 3);
  EXPECT_EQ(b.get("PMEVCNTR0_EL0"), 0u);
  EXPECT_EQ(b.get("PMEVCNTR1_EL0"), 1u);
  EXPECT_EQ(b.get("PMOVSCLR_EL0"), 1u);
  b.set("PMCR_EL0", 1 | 2);
  EXPECT_EQ(b.get("PMEVCNTR1_EL0"), 0u);
}

TEST_F(PmuTest, CycleCounterOverflow) {
  b.set("PMCCNTR_EL0", ~u64{0});
  b.set("PMCNTENSET_EL0", kCycles);
  b.set("PMCR_EL0", 1);
  run(3);
  EXPECT_EQ(b.get("PMOVSCLR_EL0"), kCycles);
}

/// A PMU with its wire.
struct PmuInterrupt : PmuTest, hw::IrqSink {
  PmuInterrupt() { b.c->connect_pmu(hw::IrqLine(*this, 23)); }
  void set_line(unsigned line, bool high) override {
    EXPECT_EQ(line, 23u);
    level = high;
    at = b.c->instructions();
  }
  bool level = false;
  u64 at = 0;  ///< when it changed
};

TEST_F(PmuInterrupt, IsALevelOfStatusEnableAndE) {
  for (const u64 counter : {kCycles, u64{1}, u64{1} << 5}) {
    b.set("PMOVSSET_EL0", counter);
    EXPECT_FALSE(level);
    b.set("PMINTENSET_EL1", counter);
    EXPECT_FALSE(level);
    b.set("PMCR_EL0", 1);
    EXPECT_TRUE(level);
    b.set("PMINTENCLR_EL1", counter);
    EXPECT_FALSE(level);
    b.set("PMINTENSET_EL1", counter);
    EXPECT_TRUE(level);
    b.set("PMCR_EL0", 0);
    EXPECT_FALSE(level);
    b.set("PMCR_EL0", 1);
    EXPECT_TRUE(level);
    b.set("PMOVSCLR_EL0", counter);
    EXPECT_FALSE(level);
    b.set("PMINTENCLR_EL1", counter);
    b.set("PMCR_EL0", 0);
  }
  b.set("PMOVSSET_EL0", u64{1} << 6);  // no such counter
  EXPECT_EQ(b.get("PMOVSSET_EL0"), 0u);
}

TEST_F(PmuInterrupt, ComesWithTheOverflowAndNotWithTheEndOfTheRun) {
  for (const u64 room : {u64{1}, u64{2}, u64{100}, u64{5000}}) {
    for (const bool cycles : {true, false}) {
      const u64 counter = cycles ? kCycles : 4;
      b.set("PMCR_EL0", 0);
      b.set("PMCNTENCLR_EL0", ~u64{0});
      b.set("PMINTENCLR_EL1", ~u64{0});
      b.set("PMOVSCLR_EL0", ~u64{0});
      b.set("PMEVTYPER2_EL0", kInstRetired);
      b.set("PMCCNTR_EL0", ~u64{0} - room + 1);
      b.set("PMEVCNTR2_EL0", 0xffff'ffff - room + 1);
      b.set("PMCNTENSET_EL0", counter);
      b.set("PMINTENSET_EL1", counter);
      b.set("PMCR_EL0", 1);
      const u64 start = b.c->instructions();
      EXPECT_FALSE(level);
      run(10'000);
      EXPECT_TRUE(level);
      EXPECT_GE(b.c->instructions() - start, 10'000u);  // the run went on to its own end
      EXPECT_EQ(at - start, room) << cycles;
      EXPECT_EQ(b.get("PMOVSSET_EL0"), counter);
    }
  }
}

TEST_F(PmuInterrupt, OfAChainedPair) {
  b.set("PMEVTYPER0_EL0", kInstRetired);
  b.set("PMEVTYPER1_EL0", kChain);
  b.set("PMEVCNTR0_EL0", 0xffff'fff0);
  b.set("PMEVCNTR1_EL0", 0xffff'ffff);
  b.set("PMCNTENSET_EL0", 3);
  b.set("PMINTENSET_EL1", 2);
  b.set("PMCR_EL0", 1);
  const u64 start = b.c->instructions();
  run(1000);
  EXPECT_TRUE(level);
  EXPECT_EQ(at - start, 16u);
  EXPECT_EQ(b.get("PMOVSSET_EL0"), 3u);
  b.set("PMOVSCLR_EL0", 3);
  b.set("PMEVCNTR0_EL0", 0xffff'fff0);
  b.set("PMEVCNTR1_EL0", 0xffff'fffe);  // one wrap of the low half is not enough
  run(1000);
  EXPECT_FALSE(level);
  EXPECT_EQ(b.get("PMEVCNTR1_EL0"), 0xffff'ffffu);
}

TEST_F(PmuInterrupt, OfASoftwareIncrement) {
  b.set("PMEVCNTR3_EL0", 0xffff'ffff);
  b.set("PMCNTENSET_EL0", 8);
  b.set("PMINTENSET_EL1", 8);
  b.set("PMCR_EL0", 1);
  EXPECT_FALSE(level);
  b.set("PMSWINC_EL0", 8);
  EXPECT_TRUE(level);
}

TEST_F(PmuInterrupt, WaitsWhileTheLevelIsFiltered) {
  b.set("PMCCFILTR_EL0", kP);  // EL0 only
  b.set("PMCCNTR_EL0", ~u64{0} - 9);
  b.set("PMCNTENSET_EL0", kCycles);
  b.set("PMINTENSET_EL1", kCycles);
  b.set("PMCR_EL0", 1);
  run(1000);
  EXPECT_FALSE(level);
  b.c->s.sys.elr_el1 = kCode + 4;
  b.c->s.sys.spsr_el1 = 0;
  const u64 start = b.c->instructions();
  b.run({kEret, 0x1400'0000}, 1000);  // ten of EL0, to which ERET may count
  EXPECT_TRUE(level);
  EXPECT_GE(at - start, 10u);
  EXPECT_LE(at - start, 11u);
}

TEST_F(PmuInterrupt, ResetAndRestoreDriveTheWire) {
  b.set("PMOVSSET_EL0", 1);
  b.set("PMINTENSET_EL1", 1);
  b.set("PMCR_EL0", 1);
  Archive ar(Archive::Mode::Save);
  b.c->snapshot(ar);
  EXPECT_TRUE(level);
  b.restart();
  EXPECT_FALSE(level);
  ar.set_mode(Archive::Mode::Load);
  b.c->snapshot(ar);
  ASSERT_TRUE(ar.finish());
  b.c->restored();
  EXPECT_TRUE(level);
}

TEST_F(PmuTest, FiltersByExceptionLevel) {
  b.set("PMEVTYPER0_EL0", kInstRetired | kP);  // EL0 only
  b.set("PMEVTYPER1_EL0", kInstRetired | kU);  // EL1 only
  b.set("PMCCFILTR_EL0", 0);
  b.set("PMCNTENSET_EL0", 3 | kCycles);
  b.set("PMCR_EL0", 1);
  b.set("PMUSERENR_EL0", 1);
  b.c->s.sys.elr_el1 = kCode + 12;
  b.c->s.sys.spsr_el1 = 0;
  b.run({kNop, kNop, kEret, 0x1400'0000}, 50);  // three at EL1, the rest at EL0
  const u64 user = b.get("PMEVCNTR0_EL0"), kernel = b.get("PMEVCNTR1_EL0");
  EXPECT_EQ(b.c->s.pstate.el, 0);
  EXPECT_GE(kernel, 2u);
  EXPECT_LE(kernel, 3u);
  EXPECT_GE(user, 40u);
  EXPECT_EQ(user + kernel, b.get("PMCCNTR_EL0"));
}

}  // namespace
}  // namespace quince::cpu
