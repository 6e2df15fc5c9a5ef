// Instructions that are written without IC (VcpuPorts::track_code): the next branch that is taken leads to the new ones,
// whatever wrote them.  A guest that relies on it is wrong (DDI 0487 B2.2.5), and runs on QEMU.
#include <gtest/gtest.h>

#include <array>
#include <initializer_list>
#include <string>
#include <vector>

#include "cpu/model.h"
#include "hw/core/dma.h"
#include "tests/support/vcpu_harness.h"

namespace quince::test {
namespace {

constexpr u64 kCode = VcpuHarness::kCode;
constexpr u64 kProgram = kCode + 0x80;
constexpr u32 kRet = 0xd65f'03c0;
constexpr u32 movz(u32 rd, u32 imm) { return 0xd280'0000 | imm << 5 | rd; }
constexpr u32 bl(u64 from, u64 to) {
  return 0x9400'0000 | (static_cast<u32>((to - from) / 4) & 0x3ff'ffff);
}

/// How an instruction is written: X1 is its address; W2, V0 and the upper half of X7 have it.  W3 is the one that is
/// there, W6 the one behind it, the lower half of X7 the one in front of it.
struct Way {
  const char* name;
  std::vector<u32> words;
};
const std::array kWays{
    Way{"str", {0xb900'0022}},   // STR W2, [X1]
    Way{"sttr", {0xb800'0822}},  // STTR W2, [X1]
    Way{"strh", {0x7900'0022}},  // STRH W2, [X1]
    Way{"stp", {0x2900'1822}},   // STP W2, W6, [X1]
    Way{"stur", {0xf81f'c027}},  // STUR X7, [X1, #-4], which is two pages or not aligned
    Way{"st1", {0x0d00'8020}},   // ST1 {V0.S}[0], [X1]
    Way{"swp", {0xb822'8023}},   // SWP W2, W3, [X1]
    Way{"cas", {0x88a3'7c22}},   // CAS W3, W2, [X1]
    // LDXR W5, [X1]; STXR W4, W2, [X1]; CBNZ W4 to the first
    Way{"stxr", {0x885f'7c25, 0x8804'7c22, 0x35ff'ffc4}},
    Way{"stlr", {0x889f'fc22}},  // STLR W2, [X1]
};

struct Case {
  Way way;
  u8 threshold;  ///< 1: translated at once; 255: the interpreter's
  u64 target;
  bool several;
};

class TrackedCode : public testing::TestWithParam<Case> {
 protected:
  TrackedCode() {
    write(kCode, {bl(kCode, target()), VcpuHarness::kBrk});
    write(target(), {movz(0, 1), kRet});
    u64 at = kProgram;
    for (const u32 word : GetParam().way.words) write(at, {word}), at += 4;
    write(at, {bl(at, target()), VcpuHarness::kBrk});
    m_.code_changed();
  }
  static u64 target() { return GetParam().target; }
  bool has_code() { return m_.ram().has_code(target() - VcpuHarness::kBase, 4); }
  void write(u64 at, std::initializer_list<u32> code) {
    for (const u32 insn : code) m_.write_insn(at, insn), at += 4;
  }
  /// What X0 is at BRK.
  u64 run(u64 pc, u32 insn = 0) {
    m_.prepare(pc);
    cpu::CpuState& s = m_.vcpu().s;
    s.x[1] = target();
    s.x[2] = insn;
    s.x[3] = m_.read_insn(target());
    s.x[6] = kRet;
    s.x[7] = m_.read_insn(target() - 4) | u64{insn} << 32;
    s.v[0].d[0] = insn;
    // A store exclusive that has others watch the page first lets them have their turn.
    EXPECT_TRUE(m_.run_to_exception(64) || m_.run_to_exception(64));
    EXPECT_EQ(m_.exception_class(), cpu::ExceptionClass::Brk);
    return m_.vcpu().s.x[0];
  }

  const VcpuHarness::Translation translation_{
      .threshold = GetParam().threshold, .several = GetParam().several, .track_code = true};
  VcpuHarness m_{*cpu::parse_cpu_model("max"), VcpuHarness::kDataBlock, 0x1000, &translation_};
};

TEST_P(TrackedCode, WhatIsWrittenRuns) {
  for (int n = 0; n < 3; ++n) EXPECT_EQ(run(kCode), 1u);
  for (u32 value = 2; value < 6; ++value) {
    EXPECT_EQ(run(kProgram, movz(0, value)), value);
    EXPECT_EQ(run(kCode), value);
  }
}

TEST_P(TrackedCode, ZeroesAreUndefined) {
  const u64 program = kCode + 0x100;
  write(program, {0xd50b'7421, bl(program + 4, target()), VcpuHarness::kBrk});  // DC ZVA, X1
  for (int n = 0; n < 3; ++n) EXPECT_EQ(run(kCode), 1u);
  m_.prepare(program);
  m_.vcpu().s.x[1] = target();
  ASSERT_TRUE(m_.run_to_exception(64));
  EXPECT_EQ(m_.exception_class(), cpu::ExceptionClass::Unknown);
  EXPECT_EQ(m_.vcpu().s.sys.elr_el1, target());
}

TEST_P(TrackedCode, WhatIsDataNowMayBeWrittenFast) {
  if (target() < kCode + 0x1000) GTEST_SKIP() << "the page has the program too";
  for (int n = 0; n < 3; ++n) EXPECT_EQ(run(kCode), 1u);
  EXPECT_TRUE(has_code());
  const u64 program = kCode + 0x100;
  // STR W2, [X1], #4; SUBS X5, X5, #1; B.NE to the first
  write(program, {0xb800'4422, 0xf100'04a5, 0x54ff'ffc1, VcpuHarness::kBrk});
  m_.prepare(program);
  m_.vcpu().s.x[1] = target();
  m_.vcpu().s.x[2] = 0;
  m_.vcpu().s.x[5] = 256;
  ASSERT_TRUE(m_.run_to_exception(1024));
  EXPECT_FALSE(has_code());
  write(target(), {movz(0, 1), kRet});
  for (u32 value = 2; value < 6; ++value) {
    EXPECT_EQ(run(kProgram, movz(0, value)), value);
    EXPECT_TRUE(has_code());
  }
}

TEST_P(TrackedCode, ByABusMaster) {
  for (int n = 0; n < 3; ++n) EXPECT_EQ(run(kCode), 1u);
  m_.space().on_code_written(
      [](void* c, PhysAddr page) {
        static_cast<cpu::Vcpu*>(c)->post_maintenance(
            {.kind = cpu::Maintenance::Kind::CodePage, .page = page});
      },
      &m_.vcpu());
  hw::DmaPort dma(m_.space(), 0);
  std::array<u8, 4> insn{};
  store_le<u32>(insn.data(), movz(0, 2));
  ASSERT_TRUE(dma.write(PhysAddr(target()), insn));
  EXPECT_EQ(run(kCode), 2u);
}

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const Way& way : kWays)
    for (const u8 threshold : {u8{1}, u8{255}})
      for (const u64 target : {kCode + 0x1000, kCode + 0x800})
        for (const bool several : {false, true}) all.push_back({way, threshold, target, several});
  return all;
}

INSTANTIATE_TEST_SUITE_P(Ways, TrackedCode, testing::ValuesIn(cases()), [](const auto& tested) {
  const Case& c = tested.param;
  return std::string(c.way.name) + (c.threshold == 1 ? "_translated" : "_interpreted") +
         (c.target < kCode + 0x1000 ? "_near" : "_far") + (c.several ? "_smp" : "");
});

/// Without it the old ones run until IC, which is what the tests above are about.
TEST(UntrackedCode, TheOldInstructionRunsUntilItIsInvalidated) {
  for (const u8 threshold : {u8{1}, u8{255}}) {
    const VcpuHarness::Translation translation{.threshold = threshold};
    VcpuHarness m(*cpu::parse_cpu_model("max"), VcpuHarness::kDataBlock, 0x1000, &translation);
    m.write_insn(kCode, movz(0, 1));
    m.code_changed();
    const auto run = [&] {
      m.prepare(kCode);
      EXPECT_TRUE(m.run_to_exception());
      return m.vcpu().s.x[0];
    };
    EXPECT_EQ(run(), 1u);
    m.write_insn(kCode, movz(0, 2));
    EXPECT_EQ(run(), 1u);
    m.code_changed();
    EXPECT_EQ(run(), 2u);
  }
}

}  // namespace
}  // namespace quince::test
