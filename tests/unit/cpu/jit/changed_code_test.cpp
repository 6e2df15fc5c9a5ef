// Code that the guest has changed and not yet invalidated (DDI 0487 B2.2.5): each instruction that runs is the old
// one or the new one, and behind the invalidation the new one, in every region that has it.
#include <gtest/gtest.h>

#include <initializer_list>

#include "cpu/jit/jit.h"
#include "cpu/model.h"
#include "tests/support/vcpu_harness.h"

namespace quince::test {
namespace {

constexpr u64 kCode = VcpuHarness::kCode;
constexpr u32 kNop = 0xd503'201f;
constexpr u32 kBranchOverOne = 0x1400'0002;
constexpr u32 movz(u32 rd, u32 imm) { return 0xd280'0000 | imm << 5 | rd; }

class ChangedCode : public testing::Test {
 protected:
  void write(std::initializer_list<u32> code) {
    u64 at = kCode;
    for (const u32 insn : code) {
      m_.write_insn(at, insn);
      at += 4;
    }
    m_.code_changed();
  }
  /// Runs from this instruction to BRK: what X0 is then.
  u64 run_from(unsigned index) {
    m_.prepare(kCode + u64{4} * index);
    EXPECT_TRUE(m_.run_to_exception());
    EXPECT_EQ(m_.exception_class(), cpu::ExceptionClass::Brk);
    return m_.vcpu().s.x[0];
  }
  /// How many regions there are beside the one of the loop in the vectors.
  u64 regions() { return m_.vcpu().translator()->counters().regions - 1; }

  /// The first run of a place is the interpreter's.
  const VcpuHarness::Translation translation_{.threshold = 2};
  VcpuHarness m_{*cpu::parse_cpu_model(""), VcpuHarness::kDataBlock, 0x1000, &translation_};
};

TEST_F(ChangedCode, TheInterpreterRunsWhatItDecodedWhenARegionIsMadeOfTheSame) {
  write({movz(0, 1), kBranchOverOne, movz(0, 2), VcpuHarness::kBrk});
  EXPECT_EQ(run_from(0), 1u);
  m_.write_insn(kCode + 4, kNop);
  EXPECT_EQ(run_from(0), 1u);
  EXPECT_EQ(regions(), 1u);
  EXPECT_EQ(run_from(1), 0u);  // the first branch to it: not translated
  m_.code_changed();
  EXPECT_EQ(run_from(0), 2u);
}

TEST_F(ChangedCode, AnInvalidationReachesRegionsMadeBeforeTheChange) {
  write({kNop, movz(0, 1), VcpuHarness::kBrk});
  for (int n = 0; n < 2; ++n) EXPECT_EQ(run_from(0), 1u);
  m_.write_insn(kCode + 4, movz(0, 2));
  for (int n = 0; n < 2; ++n) run_from(1);
  EXPECT_EQ(regions(), 2u);
  m_.code_changed();
  EXPECT_EQ(run_from(0), 2u);
}

}  // namespace
}  // namespace quince::test
