// RBIT, CLZ, and both together as code in line, on hosts with and without the instructions for it, against plain C++.
#include <gtest/gtest.h>

#include <bit>
#include <cstdlib>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "cpu/model.h"
#include "tests/support/vcpu_harness.h"

namespace quince::test {
namespace {

constexpr u32 kRbit = 0x5ac0'0000, kClz = 0x5ac0'1000, kSf = 0x8000'0000;
constexpr u32 rbit(bool sf, u32 rd, u32 rn) { return kRbit | (sf ? kSf : 0) | rn << 5 | rd; }
constexpr u32 clz(bool sf, u32 rd, u32 rn) { return kClz | (sf ? kSf : 0) | rn << 5 | rd; }

u64 reversed(bool sf, u64 v) {
  u64 out = 0;
  for (unsigned n = 0; n < (sf ? 64u : 32u); ++n) out |= (v >> n & 1) << ((sf ? 63 : 31) - n);
  return out;
}
u64 zeros_below(bool sf, u64 v) {
  return static_cast<u64>(sf ? std::countr_zero(v) : std::countr_zero(static_cast<u32>(v)));
}
u64 zeros_above(bool sf, u64 v) {
  return static_cast<u64>(sf ? std::countl_zero(v) : std::countl_zero(static_cast<u32>(v)));
}

class BitCode : public testing::TestWithParam<const char*> {
 protected:
  static void SetUpTestSuite() { ASSERT_EQ(unsetenv("QUINCE_JIT_HOST"), 0); }
  static void TearDownTestSuite() { SetUpTestSuite(); }
  BitCode() {
    setenv("QUINCE_JIT_HOST", GetParam(), 1);
    m_ = std::make_unique<VcpuHarness>(*cpu::parse_cpu_model(""), VcpuHarness::kDataBlock, 0x1000,
                                       &translation_);
    for (std::size_t n = 0; n < 80; ++n)
      values_.push_back(n < 64 ? u64{1} << n : random_() << (n - 64));
    values_.push_back(0);
    values_.push_back(u64{0xffff'ffff} << 32);
  }

  /// Registers behind `code`, which ends with BRK, with X1 and the others as given; the flags stay.
  const std::array<u64, 32>& run(const std::vector<u32>& code, u64 x1) {
    const u64 at = VcpuHarness::kCode;
    if (code != code_) {
      for (std::size_t n = 0; n < code.size(); ++n) m_->write_insn(at + 4 * n, code[n]);
      m_->write_insn(at + 4 * code.size(), VcpuHarness::kBrk);
      m_->code_changed();
    }
    for (int n = code == code_ ? 2 : 0; n < 3; ++n) {  // what never ran is not translated
      m_->prepare(at);
      m_->vcpu().s.x.fill(0x5555);
      m_->vcpu().s.x[1] = x1;
      m_->vcpu().s.x[31] = 0;
      m_->vcpu().s.nzcv = 0b1010;
      EXPECT_TRUE(m_->run_to_exception());
      EXPECT_EQ(m_->exception_class(), cpu::ExceptionClass::Brk);
      EXPECT_EQ(m_->vcpu().s.sys.spsr_el1 >> 28 & 15, 0b1010u);
    }
    code_ = code;
    return m_->vcpu().s.x;
  }

  std::mt19937_64 random_{7};
  const VcpuHarness::Translation translation_{};
  std::unique_ptr<VcpuHarness> m_;
  std::vector<u64> values_;
  std::vector<u32> code_;
};

TEST_P(BitCode, ReversesBits) {
  for (const bool sf : {true, false})
    for (const u64 v : values_) {
      ASSERT_EQ(run({rbit(sf, 2, 1)}, v)[2], reversed(sf, v)) << std::hex << v;
      ASSERT_EQ(run({rbit(sf, 1, 1)}, v)[1], reversed(sf, v)) << std::hex << v;
      ASSERT_EQ(run({rbit(sf, 31, 1)}, v)[1], v);
    }
}

TEST_P(BitCode, CountsZerosAtTheLowerEnd) {
  for (const bool sf : {true, false})
    for (const u64 v : values_) {
      ASSERT_EQ(run({rbit(sf, 2, 1), clz(sf, 2, 2)}, v)[2], zeros_below(sf, v)) << std::hex << v;
      ASSERT_EQ(run({rbit(sf, 1, 1), clz(sf, 1, 1)}, v)[1], zeros_below(sf, v)) << std::hex << v;
    }
}

/// Pairs that look like it, and are not.
TEST_P(BitCode, CountsZerosElsewhere) {
  for (const u64 v : values_) {
    const auto other = run({rbit(true, 2, 1), clz(true, 3, 2)}, v);
    ASSERT_EQ(other[2], reversed(true, v)) << std::hex << v;
    ASSERT_EQ(other[3], zeros_below(true, v)) << std::hex << v;
    ASSERT_EQ(run({rbit(true, 2, 1), clz(false, 2, 2)}, v)[2],
              zeros_above(false, reversed(true, v)));
    ASSERT_EQ(run({rbit(false, 2, 1), clz(true, 2, 2)}, v)[2],
              zeros_above(true, reversed(false, v)));
    ASSERT_EQ(run({rbit(true, 2, 1), clz(true, 2, 1)}, v)[2], zeros_above(true, v));
  }
  // CBZ X1, .+8: CLZ is reached without RBIT, too.
  for (int round = 0; round < 2; ++round)
    for (const u64 v : values_)
      ASSERT_EQ(run({0xb400'0041, rbit(true, 2, 1), clz(true, 2, 2)}, v)[2],
                v == 0 ? zeros_above(true, 0x5555) : zeros_below(true, v))
          << std::hex << v;
}

INSTANTIATE_TEST_SUITE_P(Hosts, BitCode, testing::Values("", "avx2", "floor"),
                         [](const auto& host) {
                           return std::string(host.param).empty() ? "all" : host.param;
                         });

}  // namespace
}  // namespace quince::test
