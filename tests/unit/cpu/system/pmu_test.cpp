// Performance monitors.
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
