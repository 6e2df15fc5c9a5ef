// Chains of carries, with what is between them in long numbers: products, loads and stores, extractions, which leave
// NZCV where it is. Translated code for each kind of host, against the interpreter.
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <vector>

#include "cpu/model.h"
#include "tests/support/vcpu_harness.h"

namespace quince::test {
namespace {

constexpr u64 kData = VcpuHarness::kDataBlock, kDataBytes = 0x2000;
/// Registers that hold addresses: of a page, of the end of one, and of nothing. The one before is an index.
constexpr u32 kIndex = 19, kPage = 20, kEnd = 21, kNothing = 22;

class CarriesCode : public testing::TestWithParam<const char*> {
 protected:
  static void SetUpTestSuite() { ASSERT_EQ(unsetenv("QUINCE_JIT_HOST"), 0); }
  static void TearDownTestSuite() { SetUpTestSuite(); }
  CarriesCode() {
    setenv("QUINCE_JIT_HOST", GetParam(), 1);
    for (const bool translated : {true, false})
      (translated ? translated_ : interpreted_) = std::make_unique<VcpuHarness>(
          *cpu::parse_cpu_model(""), kData, kDataBytes, translated ? &translation_ : nullptr);
  }

  u32 below(u32 n) { return static_cast<u32>(random_() % n); }
  /// Of X0 to X17: more than there are registers of the host.
  u32 any() { return below(20) < 2 ? 31 : below(18); }
  u32 three(u32 insn) { return insn | any() << 16 | any() << 5 | any(); }
  u32 carries() {
    constexpr u32 kInsns[] = {0xab00'0000, 0xba00'0000, 0xba00'0000, 0xba00'0000, 0xeb00'0000,
                              0xfa00'0000, 0x9a00'0000, 0xda00'0000, 0x3a00'0000};
    return three(kInsns[below(std::size(kInsns))]);  // ADDS, ADCS, SUBS, SBCS, ADC, SBC; W
  }
  u32 between() {
    switch (below(8)) {
      case 0:
        return three(0x9bc0'7c00);  // UMULH
      case 1:
        return three(0x1b00'7c00);  // MUL W
      case 2:
        return three(0x9b00'0000) | any() << 10;  // MADD
      case 3:
        return three(0x93c0'0000) | below(64) << 10;  // EXTR
      case 4:
        return three(0x9240'0000) | below(63) << 10;  // AND of low bits; bits 20:16 turn the mask
      case 5:
        return 0x9240'0000 | below(63) << 10 | any() << 5 | below(18);
      case 6:
        return three(0xcb00'0000);  // SUB
      default:
        return three(0x9b00'7c00);  // MUL
    }
  }
  u32 access(bool may_fault) {
    const u32 rn = (may_fault && below(4) == 0 ? kNothing : kPage + below(2)) << 5;
    const u32 rt = below(18), rt2 = (rt + 1 + below(16)) % 18;
    const u32 near = below(4);
    switch (below(8)) {
      case 0:
        return 0xf840'8400 | rn | rt;  // LDR X, [Xn], #8
      case 1:
        return 0xf800'8400 | rn | rt;  // STR
      case 2:
        return 0xf860'6800 | kIndex << 16 | rn | rt;  // LDR X, [Xn, Xm]
      case 3:
        return 0xa940'0000 | near << 15 | rt2 << 10 | rn | rt;  // LDP
      case 4:
        return 0xa900'0000 | near << 15 | rt2 << 10 | rn | rt;  // STP
      case 5:
        return 0xf900'0000 | near << 10 | rn | rt;  // STR X, [Xn, #imm]
      case 6:
        return 0x3dc0'0000 | rn | rt;  // LDR Q
      default:
        return 0xf940'0000 | near << 10 | rn | rt;  // LDR X, [Xn, #imm]
    }
  }
  std::vector<u32> chain(bool may_fault) {
    std::vector<u32> code;
    for (int n = 0; n < 24; ++n) {
      const u32 kind = below(8);
      code.push_back(kind < 4 ? carries() : kind < 6 ? between() : access(may_fault));
    }
    return code;
  }

  struct Result {
    cpu::ExceptionClass exception;
    u64 spsr, far, elr;
    std::array<u64, 31> x;
    std::vector<u8> data;
    bool operator==(const Result&) const = default;
  };
  Result run(VcpuHarness& m, const std::vector<u32>& code, const std::array<u64, 32>& x, u32 nzcv) {
    const u64 at = VcpuHarness::kCode;
    for (std::size_t n = 0; n < code.size(); ++n) m.write_insn(at + 4 * n, code[n]);
    m.write_insn(at + 4 * code.size(), VcpuHarness::kBrk);
    m.code_changed();
    Result r;
    for (int n = 0; n < 4; ++n) {  // what never ran is not translated; with pages known, and none
      m.prepare(at);
      for (u64 b = 0; b < kDataBytes; b += 8) {
        const u64 v = b * 0x9e37'79b9'7f4a'7c15;
        std::memcpy(m.host(kData + b), &v, sizeof v);
      }
      auto& s = m.vcpu().s;
      s.x = x;
      s.nzcv = nzcv;
      if (n == 3) m.vcpu().invalidate_tlb({.kind = cpu::TlbInvalidation::Kind::All}, false);
      EXPECT_TRUE(m.run_to_exception());
      r = {.exception = m.exception_class(),
           .spsr = s.sys.spsr_el1,
           .far = m.exception_class() == cpu::ExceptionClass::Brk ? 0 : s.sys.far_el1,
           .elr = s.sys.elr_el1,
           .x = {},
           .data = {}};
      if (n == 2) first_ = s.x;
      std::copy_n(s.x.begin(), r.x.size(), r.x.begin());
      if (n == 3) {
        EXPECT_EQ(first_, s.x);
      }
    }
    r.data.assign(m.host(kData), m.host(kData) + kDataBytes);
    return r;
  }
  void compare(bool may_fault) {
    for (int n = 0; n < 400; ++n) {
      const std::vector<u32> code = chain(may_fault);
      std::array<u64, 32> x;
      for (u64& v : x) v = below(4) == 0 ? ~u64{0} : below(4) == 0 ? 0 : random_();
      x[kIndex] = 8 * below(4);
      x[kPage] = kData + 8 * below(64);
      x[kEnd] = kData + 0x1000 - 8 - 8 * below(3) - below(2);
      x[kNothing] = kData + 0x10'0000;
      x[31] = 0;
      const u32 nzcv = below(16);
      ASSERT_EQ(run(*translated_, code, x, nzcv), run(*interpreted_, code, x, nzcv)) << n;
    }
  }

  std::mt19937_64 random_{17};
  std::array<u64, 32> first_{};
  const VcpuHarness::Translation translation_{};
  std::unique_ptr<VcpuHarness> translated_, interpreted_;
};

TEST_P(CarriesCode, WithWhatIsBetween) { compare(false); }

/// An exception sees NZCV, which is in EFLAGS only.
TEST_P(CarriesCode, WithFaults) { compare(true); }

INSTANTIATE_TEST_SUITE_P(Hosts, CarriesCode, testing::Values("", "call", "floor"),
                         [](const auto& host) {
                           return std::string(*host.param == 0 ? "whole" : host.param);
                         });

}  // namespace
}  // namespace quince::test
