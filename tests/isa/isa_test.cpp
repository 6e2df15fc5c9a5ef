// Every row of the instruction table against an independent implementation, run live: the short
// run of the differential tester (tests/diff).
//
//   QUINCE_ISA_CASES=n   cases per row
//   QUINCE_ISA_SEED=n    other random cases
//   QUINCE_ISA_ROW=id    this row only
//   QUINCE_ISA_INSN=hex  this instruction word only
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <set>

#include "cpu/a64/table.h"
#include "tests/diff/campaign.h"
#include "tests/diff/exceptions.h"
#include "tests/diff/qemu_engine.h"
#include "tests/diff/sequences.h"
#include "tests/support/engine.h"

namespace quince::test {
namespace {

constexpr unsigned kSets = 4;  // operand sets for one instruction word
constexpr u32 kDcZva = 0xd50b'7420;

u64 option(const char* name, u64 otherwise, int base = 0) {
  const char* v = std::getenv(name);
  return v == nullptr || *v == 0 ? otherwise : std::strtoull(v, nullptr, base);
}

u64 cases() { return option("QUINCE_ISA_CASES", 240); }
u64 seed() { return option("QUINCE_ISA_SEED", 1); }

const a64::RowInfo& info(int row) { return a64::rows()[static_cast<std::size_t>(row)]; }

std::vector<int> rows_of(std::string_view group) {
  const char* only = std::getenv("QUINCE_ISA_ROW");
  std::vector<int> v;
  const auto rows = a64::rows();
  for (std::size_t i = 0; i < rows.size(); ++i)
    if (group == rows[i].group && (only == nullptr || std::string_view(only) == rows[i].id))
      v.push_back(static_cast<int>(i));
  return v;
}

std::vector<std::string> groups() {
  std::set<std::string> v;
  for (const a64::RowInfo& r : a64::rows()) v.insert(r.group);
  return {v.begin(), v.end()};
}

/// Both engines and a campaign, or a reason to skip.
class IsaBench {
 public:
  explicit IsaBench(bool guarded = false, const char* cpu = kOracleMax) {
    missing_ = oracle_missing();
    if (!missing_.empty()) return;
    auto oracle = QemuEngine::create(cpu);
    EXPECT_TRUE(oracle) << oracle.error().message();
    if (!oracle) return;
    oracle_ = std::move(*oracle);
    campaign_.emplace(ours_, ours_, *oracle_, Scope{.lse2 = oracle_->lse2(), .guarded = guarded},
                      CampaignOptions{.seed = seed(), .sets = kSets});
  }
  const std::string& missing() const { return missing_; }
  bool ready() const { return campaign_.has_value(); }
  bool lse2() const { return oracle_->lse2(); }
  Campaign& campaign() { return *campaign_; }

  /// Compares what is left and reports every finding.
  void finish() {
    const auto done = campaign_->flush();
    EXPECT_TRUE(done) << done.error().message();
    EXPECT_EQ(campaign_->differences(), 0u);
    for (const Finding& f : campaign_->findings()) ADD_FAILURE() << report(f);
  }

 private:
  std::string missing_;
  QuinceEngine ours_;
  std::unique_ptr<QemuEngine> oracle_;
  std::optional<Campaign> campaign_;
};

void expect_ok(const Result<void>& r) { EXPECT_TRUE(r) << r.error().message(); }

class Isa : public ::testing::TestWithParam<std::string> {
 protected:
  void run_group(bool guarded) {
    IsaBench bench(guarded);
    if (!bench.missing().empty()) GTEST_SKIP() << bench.missing();
    ASSERT_TRUE(bench.ready());
    const auto word = static_cast<u32>(option("QUINCE_ISA_INSN", 0, 16));
    std::vector<int> wanted;
    for (const int row : rows_of(GetParam())) {
      if (const Exception* e = exception_of_row(info(row), bench.lse2())) {
        RecordProperty(info(row).id, e->reason);
        continue;
      }
      if (word != 0) {
        if (a64::decode_row(word) != row) continue;
        Operands random(seed());
        expect_ok(bench.campaign().run_word(row, word, {}, cases(), random));
      } else {
        expect_ok(bench.campaign().run_row(row, cases()));
      }
      wanted.push_back(row);
    }
    bench.finish();
    for (const int row : wanted)
      EXPECT_GT(bench.campaign().compared(row), 0u) << info(row).id << " was never compared";
  }
};

TEST_P(Isa, RowsDoWhatTheOracleDoes) { run_group(false); }

INSTANTIATE_TEST_SUITE_P(Group, Isa, ::testing::ValuesIn(groups()),
                         [](const auto& i) { return i.param; });

class IsaGuarded : public Isa {};
TEST_P(IsaGuarded, BranchesLandAsTheOracleDoes) { run_group(true); }
INSTANTIATE_TEST_SUITE_P(Group, IsaGuarded, ::testing::Values("branch"),
                         [](const auto& i) { return i.param; });

// DC ZVA, whose block has our 64 bytes in another model of the oracle than "max".
TEST(IsaSequences, ZeroByVirtualAddress) {
  IsaBench bench(false, "neoverse-n1");
  if (!bench.missing().empty()) GTEST_SKIP() << bench.missing();
  ASSERT_TRUE(bench.ready());
  Operands random(seed());
  const int row = a64::decode_row(kDcZva);
  for (u64 n = 0; n < cases(); ++n)
    expect_ok(bench.campaign().run_word(row, kDcZva | random.below(31), {}, 1, random));
  bench.finish();
  EXPECT_GT(bench.campaign().compared(row), 0u);
}

// Each engine has keys of its own: a pointer that is signed and authenticated is the same for all.
TEST(IsaSequences, PointersThatAreSignedAndAuthenticated) {
  IsaBench bench;
  if (!bench.missing().empty()) GTEST_SKIP() << bench.missing();
  ASSERT_TRUE(bench.ready());
  for (const int row : sequence_rows()) expect_ok(bench.campaign().run_sequences(row, cases() / 2));
  bench.finish();
  EXPECT_EQ(bench.campaign().faults(), 0u);
  EXPECT_GE(bench.campaign().compared(kSequence), sequence_rows().size() * (cases() / 2));
}

// A store exclusive succeeds after a load exclusive of the same place and size, and fails after
// CLREX; alone, as in the rows' own test, it always fails.
TEST(IsaSequences, LoadAndStoreExclusive) {
  IsaBench bench;
  if (!bench.missing().empty()) GTEST_SKIP() << bench.missing();
  ASSERT_TRUE(bench.ready());
  if (test_multiprocessor()) GTEST_SKIP() << "the first store to a page may fail";
  constexpr u32 kClrex = 0xd503'3f5f;
  Operands random(seed());
  int row = -1;
  for (u64 n = 0; n < cases(); ++n) {
    const bool pair = random.one_in(3);
    const u32 size = pair ? 2 + random.below(2) : random.below(4);
    const u32 base = 10 + random.below(4), status = 20 + random.below(12);
    const auto general = [&] { return random.one_in(8) ? 31 : random.below(5); };
    const auto exclusive = [&](bool load, u32 rs, u32 rt, u32 rt2) {
      return size << 30 | 0x0800'0000u | (load ? 1u << 22 : 0) | (pair ? 1u << 21 : 0) | rs << 16 |
             random.below(2) << 15 | rt2 << 10 | base << 5 | rt;
    };
    const u32 ld = exclusive(true, 31, general(), pair ? 5 + random.below(5) : 31);
    const u32 st = exclusive(false, status, general(), pair ? general() : 31);
    row = a64::decode_row(ld);
    ASSERT_GE(row, 0);
    const std::array then{random.one_in(5) ? kClrex : kNop, st};
    expect_ok(bench.campaign().run_word(row, ld, then, 1, random));
  }
  bench.finish();
  EXPECT_GT(bench.campaign().compared(row), 0u);
}

}  // namespace
}  // namespace quince::test
