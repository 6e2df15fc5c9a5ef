// NZCV of a loop's last turn as an exception of the next turn sees it, and the first turn's, against the interpreter's.
#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "cpu/model.h"
#include "tests/support/vcpu_harness.h"

namespace quince::test {
namespace {

constexpr u64 kData = VcpuHarness::kDataBlock, kBytes = 0x2000, kEnd = kData + kBytes;
constexpr u32 kAdvance = 0xf8408680;  ///< LDR X0, [X20], #8

u32 b_ne(int distance) { return 0x5400'0001 | (static_cast<u32>(distance) & 0x7ffff) << 5; }

class LoopFlags : public testing::Test {
 protected:
  struct Start {
    u64 x20, x2, x6;
    u32 nzcv;
  };
  void run(VcpuHarness& m, const Start& start) {
    std::memset(m.host(kData), 0x11, kBytes);
    m.prepare(VcpuHarness::kCode);
    auto& s = m.vcpu().s;
    s.x.fill(0);
    s.x[20] = start.x20;
    s.x[21] = kData;
    s.x[2] = start.x2;
    s.x[6] = start.x6;
    s.x[7] = 3;
    s.x[8] = kEnd + 64;
    s.nzcv = start.nzcv;
    for (auto& v : s.v) v = {};
    constexpr u64 kEnough = 100'000;
    EXPECT_TRUE(m.run_to_exception(kEnough));
  }
  /// Runs it often enough to be translated.
  void begin(const std::vector<u32>& code) {
    for (VcpuHarness* m : {&translated_, &interpreted_}) {
      for (std::size_t n = 0; n < code.size(); ++n)
        m->write_insn(VcpuHarness::kCode + 4 * n, code[n]);
      m->write_insn(VcpuHarness::kCode + 4 * code.size(), VcpuHarness::kBrk);
      m->code_changed();
    }
    for (u32 n = 0; n < 3; ++n) both({kData, 0, 2, n});
  }
  /// With exceptions in each of the first turns.
  void compare(const std::vector<u32>& code) {
    begin(code);
    for (u32 n = 0; n < 3; ++n) both({kData, 0, 90, n});
    for (u64 turns = 0; turns < 5; ++turns)
      for (u32 nzcv = 0; nzcv < 16; ++nzcv)
        for (const u64 x6 : {u64{2}, turns + 1, u64{1} << 63, u64{0x8000'0001}})
          both({kEnd - 16 * turns, 16 * (nzcv & 1), x6, nzcv});
  }
  void both(const Start& start) {
    run(translated_, start);
    run(interpreted_, start);
    const auto &a = translated_.vcpu().s, &b = interpreted_.vcpu().s;
    EXPECT_EQ(a.x, b.x);
    EXPECT_EQ(a.nzcv, b.nzcv);
    EXPECT_EQ(a.sys.spsr_el1, b.sys.spsr_el1);
    EXPECT_EQ(a.sys.elr_el1, b.sys.elr_el1);
    EXPECT_EQ(std::memcmp(&a.v, &b.v, sizeof a.v), 0);
    EXPECT_EQ(std::memcmp(translated_.host(kData), interpreted_.host(kData), kBytes), 0);
  }

  const VcpuHarness::Translation translation_{};
  VcpuHarness translated_{*cpu::parse_cpu_model(""), kData, kBytes, &translation_};
  VcpuHarness interpreted_{*cpu::parse_cpu_model(""), kData, kBytes};
};

TEST_F(LoopFlags, CountsDown) {
  compare({kAdvance, 0xf10004c6, b_ne(-2)});                        // SUBS X6, X6, #1
  compare({kAdvance, 0x710004c6, b_ne(-2)});                        // SUBS W6, W6, #1
  compare({kAdvance, 0xeb0700c6, b_ne(-2)});                        // SUBS X6, X6, X7
  compare({kAdvance, kAdvance, 0xf10008c5, 0xaa0503e6, b_ne(-4)});  // SUBS X5, X6, #2; MOV X6, X5
}

TEST_F(LoopFlags, Compares) {
  compare({kAdvance, 0xeb08029f, b_ne(-2)});                // CMP X20, X8
  compare({0xf8626a80, 0x91002042, 0xf140045f, b_ne(-3)});  // LDR X0, [X20, X2]; CMP X2, #4096
  compare(
      {0x91002042, 0xf8626a80, 0xf140045f, b_ne(-3)});  // the operand is written before the access
  compare({kAdvance, 0xf10004c6, kAdvance, b_ne(-3)});  // an access behind the comparison
  compare({kAdvance, 0x9a861442, 0xf10004c6,
           b_ne(-3)});  // CSINC X2, X2, X6, NE looks at the last turn's
}

/// Whose pages are kept from turn to turn, and come to the end of one.
TEST_F(LoopFlags, OfFloatingPoint) {
  const std::vector<u32> axpy = {0x3ce26a80, 0x3ce26aa1, 0x4e61cc40, 0x3ca26a80, 0x91004042};
  for (const std::vector<u32>& end : {std::vector<u32>{0xf10004c6}, std::vector<u32>{0xf140085f}}) {
    std::vector<u32> code = axpy;
    code.insert(code.end(), end.begin(), end.end());
    code.push_back(b_ne(-6));
    compare(code);
    both({kData, 0, 400, 5});
    both({kData + 0x1000 - 24, 8, 300, 5});
  }
  // A sum backwards, and one in strides that go from page to page: LDR D1, [X20, X2]; FADD D0, D0, D1.
  begin({0xfc626a81, 0x1e612800, 0xd1002042, 0xf10004c6, b_ne(-4)});
  for (u32 n = 0; n < 3; ++n) both({kEnd - 8, 0, 1000, n});
  begin({0xfc626a81, 0x1e612800, 0x91400442, 0xf10004c6, b_ne(-4)});
  for (u64 turns = 1; turns < 5; ++turns) both({kData, 0, turns, 9});
}

/// A loop that begins with its test, which comes behind its body; the body looks at the test's flags.
TEST_F(LoopFlags, OfATestBehindTheBody) {
  constexpr u32 kToTest = 0x1400'0004, kLeave = 0xb400'0087;  // B .+16; CBZ X7, .+16
  constexpr u32 kSelect = 0x9a86'9442;                        // CSINC X2, X2, X6, LS
  constexpr u32 kLook = 0xf940'02a3;                          // LDR X3, [X21]
  constexpr u32 kCompare = 0xeb07'013f;                       // CMP X9, X7
  compare({kToTest, kAdvance, kSelect, kLeave, kLook, 0xf10004c6, b_ne(-5)});  // SUBS X6, X6, #1
  // The operand is written by LDP X3, X9, [X20], #16 or LDR X9, [X20], #8 of the body.
  compare({kToTest, 0xa8c12683, kSelect, kLeave, kLook, kCompare, b_ne(-5)});
  compare({kToTest, kSelect, 0xf8408689, kLeave, kCompare, kLook, b_ne(-5)});
  compare({kToTest, kAdvance, kLook, kSelect, 0xba020042, b_ne(-4)});  // ADCS X2, X2, X2
}

}  // namespace
}  // namespace quince::test
