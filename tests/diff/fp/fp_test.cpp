// Floating point against the reference: our engine, and the oracle, which tells whether the reference
// is one.
//
//   QUINCE_FP_CASES=n       random cases of each row (240)
//   QUINCE_FP_EXHAUSTIVE=1  every half with every FPCR, scalar rows too (minutes)
//   QUINCE_ISA_SEED=n       other random cases
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "tests/diff/campaign.h"
#include "tests/diff/fp/controls.h"
#include "tests/diff/fp/reference.h"
#include "tests/diff/fp/reference_engine.h"
#include "tests/diff/fp/rows.h"
#include "tests/diff/qemu_engine.h"

namespace quince::test {
namespace {

u64 option(const char* name, u64 otherwise) {
  const char* v = std::getenv(name);
  return v == nullptr || *v == 0 ? otherwise : std::strtoull(v, nullptr, 0);
}

bool exhaustive() { return option("QUINCE_FP_EXHAUSTIVE", 0) != 0; }

const a64::RowInfo& info(int row) { return a64::rows()[static_cast<std::size_t>(row)]; }

std::vector<int> reference_rows() {
  std::vector<int> v;
  for (std::size_t r = 0; r < a64::rows().size(); ++r)
    if (fp_reference_has(a64::rows()[r])) v.push_back(static_cast<int>(r));
  return v;
}

void finish(Campaign& campaign) {
  const auto done = campaign.flush();
  EXPECT_TRUE(done) << done.error().message();
  EXPECT_EQ(campaign.differences(), 0u);
  for (const Finding& f : campaign.findings()) ADD_FAILURE() << report(f);
}

// Data movement is not arithmetic: everything else of the two groups has a reference.
TEST(FpReference, KnowsEveryRowOfArithmetic) {
  for (const a64::RowInfo& row : a64::rows()) {
    const std::string_view group = row.group, id = row.id;
    if (group != "fp" && group != "simd_fp") continue;
    const bool moves = id.starts_with("FMOV") || id.starts_with("FCSEL");
    EXPECT_EQ(fp_reference_has(row), !moves) << id;
  }
  EXPECT_GT(reference_rows().size(), 400u);
}

// Values that are printed in the manual or follow from IEEE 754 by hand.
TEST(FpReference, KnownValues) {
  using namespace ref;
  Fpu p;
  EXPECT_EQ(p.add(kSingle, 0x3f80'0000, 0x3380'0000), 0x3f80'0000u);  // 1 + 2^-24: a tie, to even
  EXPECT_EQ(p.flags, kInexact);
  p.mode = Mode::PlusInf;
  EXPECT_EQ(p.add(kSingle, 0x3f80'0000, 0x3380'0000), 0x3f80'0001u);
  p = {};
  EXPECT_EQ(p.div(kDouble, 0x3ff0'0000'0000'0000, 0x4008'0000'0000'0000), 0x3fd5'5555'5555'5555u);
  EXPECT_EQ(p.sqrt(kDouble, 0x4000'0000'0000'0000), 0x3ff6'a09e'667f'3bcdu);
  EXPECT_EQ(p.mul(kHalf, 0x7bff, 0x4000), 0x7c00u);  // 65504 * 2
  EXPECT_EQ(p.flags, kInexact | kOverflow);
  p = {};
  EXPECT_EQ(p.mul(kSingle, 0x0080'0000, 0x3f00'0000), 0x0040'0000u);  // exact: no underflow
  EXPECT_EQ(p.flags, 0u);
  EXPECT_EQ(p.recip_estimate(kSingle, 0x3f80'0000), 0x3f7f'8000u);
  EXPECT_EQ(p.rsqrt_estimate(kSingle, 0x3f80'0000), 0x3f7f'8000u);
  EXPECT_EQ(p.add(kDouble, 0x7ff0'0000'0000'0000, 0xfff0'0000'0000'0000), 0x7ff8'0000'0000'0000u);
  EXPECT_EQ(p.flags, kInvalid);
}

TEST(FpReference, EveryRowDoesWhatTheReferenceDoes) {
  QuinceEngine ours;
  ReferenceEngine reference;
  Campaign campaign(ours, ours, reference, {}, {.seed = option("QUINCE_ISA_SEED", 1), .sets = 8});
  for (const int row : reference_rows()) {
    const auto ok = campaign.run_row(row, option("QUINCE_FP_CASES", 240));
    ASSERT_TRUE(ok) << ok.error().message();
  }
  finish(campaign);
  for (const int row : reference_rows()) EXPECT_GT(campaign.compared(row), 0u) << info(row).id;
}

// Two implementations that know nothing of each other agree that the reference is right.
TEST(FpReference, TheOracleDoesWhatTheReferenceDoes) {
  if (const std::string why = oracle_missing(); !why.empty()) GTEST_SKIP() << why;
  auto oracle = QemuEngine::create();
  ASSERT_TRUE(oracle) << oracle.error().message();
  QuinceEngine probe;
  ReferenceEngine reference;
  Campaign campaign(probe, reference, **oracle, {.lse2 = (*oracle)->lse2()},
                    {.seed = option("QUINCE_ISA_SEED", 1), .sets = 8});
  for (const int row : reference_rows()) {
    const auto ok = campaign.run_row(row, option("QUINCE_FP_CASES", 240) / 2);
    ASSERT_TRUE(ok) << ok.error().message();
  }
  finish(campaign);
}

/// Rows of one operand that is a half.
bool unary_of_half(const a64::RowInfo& row) {
  const std::string_view id = row.id;
  const bool known = fp_reference_has(row) && !id.starts_with("SCVTF") && !id.starts_with("UCVTF");
  const bool one = std::string_view(row.pattern).find("rm:") == std::string_view::npos &&
                   std::string_view(row.pattern).find("scale") == std::string_view::npos &&
                   std::string_view(row.pattern).find("imm") == std::string_view::npos &&
                   std::string_view(row.text).find("2h") == std::string_view::npos;
  const bool across = id.find("V_8h") != id.npos;
  return known && one && !across && (id.ends_with("h") || id == "FCVTL_4s");
}

/// All halves, as many to a vector as the row reads, each with FPCR values in turn from `first`.
std::vector<OracleState> all_halves(unsigned lanes, const std::vector<u32>& controls,
                                    std::size_t first) {
  std::vector<OracleState> states;
  for (u32 v = 0; v < 0x1'0000; v += lanes) {
    OracleState s{};
    for (unsigned i = 0; i < lanes; ++i) s.v[2 + i / 4] |= u64{v + i} << 16 * (i % 4);
    s.fpcr = controls[(first + v / lanes) % controls.size()];
    states.push_back(s);
  }
  return states;
}

TEST(FpReference, EveryHalf) {
  QuinceEngine ours;
  ReferenceEngine reference;
  Campaign campaign(ours, ours, reference, {}, {});
  unsigned rows = 0;
  for (std::size_t r = 0; r < a64::rows().size(); ++r) {
    const a64::RowInfo& row = a64::rows()[r];
    if (!unary_of_half(row)) continue;
    const std::string_view id = row.id;
    const bool wide = id.ends_with("8h"), widens = id == "FCVTL_4s";
    // A scalar row's own arithmetic is that of the vector row, but where there is none.
    if (!wide && !widens && !exhaustive() && id != "FRECPX_h") continue;
    const unsigned lanes = wide ? 8 : widens ? 4 : 1;
    const u32 q = wide ? 1u << 30 : 0;
    const std::vector<u32> controls = fpcr_values(row);
    for (std::size_t first = 0; first < (exhaustive() ? controls.size() : 1); ++first) {
      const auto ok = campaign.run_states(static_cast<int>(r), row.enc.value | q | 1 << 5,
                                          all_halves(lanes, controls, first));
      ASSERT_TRUE(ok) << ok.error().message();
    }
    ++rows;
  }
  finish(campaign);
  EXPECT_GE(rows, 25u);
}

}  // namespace
}  // namespace quince::test
