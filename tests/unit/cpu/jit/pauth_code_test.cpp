// Pointer authentication in translated code against cpu/pauth: keys, both halves of the address space, tags on and off,
// good codes and bad ones.
#include <gtest/gtest.h>

#include <random>

#include "cpu/model.h"
#include "cpu/pauth/pac.h"
#include "tests/support/vcpu_harness.h"

namespace quince::test {
namespace {

constexpr u64 kData = VcpuHarness::kDataBlock + 0x10'0000;
constexpr u64 kTbi0 = u64{1} << 37, kTbi1 = u64{1} << 38, kTbid0 = u64{1} << 51;
constexpr u64 kEnIA = u64{1} << 31;

/// One instruction on X0 (pointer) and X1 (modifier).
class PauthCode : public testing::TestWithParam<u64> {
 protected:
  PauthCode() : machine_(*cpu::parse_cpu_model(""), kData, 0x1000) {
    EXPECT_TRUE(machine_.vcpu().use_jit({.bytes = 16 * MiB, .threshold = 1}));
    EXPECT_FALSE(machine_.vcpu().has(Feature::PACQARMA5));
  }

  /// X0 behind `insn`; nothing after an exception that is not BRK's.
  std::optional<u64> run(u32 insn, u64 pointer, u64 modifier) {
    if (insn != insn_) {
      machine_.write_insn(VcpuHarness::kCode, insn);
      machine_.write_insn(VcpuHarness::kCode + 4, VcpuHarness::kBrk);
      machine_.code_changed();
      insn_ = insn;
    }
    // More than once: what never ran is not translated.
    for (int n = 0; n < 3; ++n) {
      machine_.prepare(VcpuHarness::kCode);
      auto& s = machine_.vcpu().s;
      s.x[0] = pointer;
      s.x[1] = modifier;
      std::copy(std::begin(keys_), std::end(keys_), std::begin(s.sys.apkeys));
      s.sys.tcr_el1 = (s.sys.tcr_el1 & ~(kTbi0 | kTbi1 | kTbid0)) | GetParam();
      if (!enabled_) s.sys.sctlr_el1 &= ~kEnIA;
      tcr_ = s.sys.tcr_el1;
      machine_.vcpu().context_changed();
      EXPECT_TRUE(machine_.run_to_exception());
    }
    if (machine_.exception_class() == cpu::ExceptionClass::PacFail) return std::nullopt;
    EXPECT_EQ(machine_.exception_class(), cpu::ExceptionClass::Brk);
    return machine_.vcpu().s.x[0];
  }
  pauth::Regime regime() const { return {.tcr = tcr_, .pauth2 = true, .fpac = true}; }
  pauth::Key key(unsigned k) const { return {.hi = keys_[2 * k + 1], .lo = keys_[2 * k]}; }

  std::mt19937_64 random_{7};
  VcpuHarness machine_;
  u64 keys_[10] = {};
  u64 tcr_ = 0;
  u32 insn_ = 0;
  bool enabled_ = true;
};

constexpr u32 kPacia = 0xdac1'0020, kPacib = 0xdac1'0420, kAutia = 0xdac1'1020,
              kAutib = 0xdac1'1420;

TEST_P(PauthCode, SignsAndAuthenticatesAsThePureFunctions) {
  for (int n = 0; n < 300; ++n) {
    for (u64& k : keys_) k = random_();
    const u64 modifier = random_();
    // Addresses of either half, some with a tag, some with anything.
    u64 pointer = random_() & low_mask(48);
    if (n % 2 == 1) pointer |= ~low_mask(48);
    if (n % 3 == 1) pointer = (pointer & low_mask(56)) | random_() << 56;
    if (n % 7 == 1) pointer = random_();
    for (const unsigned k : {0u, 1u}) {
      const auto is_signed = run(k == 0 ? kPacia : kPacib, pointer, modifier);
      EXPECT_EQ(is_signed, pauth::add_pac(regime(), pointer, modifier, key(k), false)) << pointer;
      const u64 given = n % 5 == 1 ? *is_signed ^ u64 { 1 } << (n % 55) : *is_signed;
      const auto good = run(k == 0 ? kAutia : kAutib, given, modifier);
      const auto want =
          pauth::authenticate(regime(), given, modifier, key(k), false, k == 1, false);
      EXPECT_EQ(good.has_value(), !want.fault) << given;
      if (good) {
        EXPECT_EQ(*good, want.ptr);
      }
    }
  }
}

TEST_P(PauthCode, KeysThatAreNotEnabledChangeNothing) {
  keys_[0] = 1;
  enabled_ = false;
  EXPECT_EQ(run(kPacia, 0x1234, 5), 0x1234u);
  EXPECT_EQ(run(kAutia, 0x1234, 5), 0x1234u);
}

INSTANTIATE_TEST_SUITE_P(Tags, PauthCode,
                         testing::Values(u64{0}, kTbi0, kTbi0 | kTbi1, kTbi1, kTbi0 | kTbid0));

}  // namespace
}  // namespace quince::test
