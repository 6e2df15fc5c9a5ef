// The differential tester itself: random blocks against qemu-aarch64, that an error is found and
// made small, that every exception is needed, and the vectors of what was found before.
//
//   QUINCE_DIFF_BLOCKS=n  blocks
//   QUINCE_ISA_SEED=n     others
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "cpu/a64/disasm/disasm.h"
#include "tests/diff/campaign.h"
#include "tests/diff/comparison.h"
#include "tests/diff/qemu_engine.h"
#include "tests/diff/vector.h"

namespace quince::test {
namespace {

u64 option(const char* name, u64 otherwise) {
  const char* v = std::getenv(name);
  return v == nullptr || *v == 0 ? otherwise : std::strtoull(v, nullptr, 0);
}

/// Random blocks on both engines; the campaign's counts are looked at by `also`.
void run_blocks(bool guarded, u64 blocks, void (*also)(const Campaign&, u64)) {
  if (const std::string why = oracle_missing(); !why.empty()) GTEST_SKIP() << why;
  auto oracle = QemuEngine::create();
  ASSERT_TRUE(oracle) << oracle.error().message();
  QuinceEngine ours;
  Campaign campaign(ours, ours, **oracle, {.lse2 = (*oracle)->lse2(), .guarded = guarded},
                    {.seed = option("QUINCE_ISA_SEED", 1), .sets = 8});
  auto done = campaign.run_blocks(blocks);
  if (done) done = campaign.flush();
  EXPECT_TRUE(done) << done.error().message();
  EXPECT_EQ(campaign.differences(), 0u);
  for (const Finding& f : campaign.findings()) ADD_FAILURE() << report(f);
  EXPECT_GE(campaign.compared(kBlock) + campaign.endless(), blocks);
  also(campaign, blocks);
}

TEST(Diff, BlocksDoWhatTheOracleDoes) {
  run_blocks(false, option("QUINCE_DIFF_BLOCKS", 24'000), [](const Campaign& c, u64 blocks) {
    // Most blocks come to their end; some fault on the way.
    EXPECT_LT(c.faults(), blocks / 2);
    EXPECT_GT(c.faults(), 0u);
  });
}

// Branches that may land on BTI only.
TEST(Diff, BlocksInGuardedPages) {
  run_blocks(true, option("QUINCE_DIFF_BLOCKS", 24'000) / 8, [](const Campaign&, u64) {});
}

TEST(Diff, EveryExceptionIsNeeded) {
  if (const std::string why = oracle_missing(); !why.empty()) GTEST_SKIP() << why;
  auto oracle = QemuEngine::create();
  ASSERT_TRUE(oracle) << oracle.error().message();
  const bool lse2 = (*oracle)->lse2();
  QuinceEngine ours;
  for (const Exception& e : exceptions()) {
    EXPECT_GT(std::string_view(e.reason).size(), 0u) << e.row;
    EXPECT_GT(std::string_view(e.manual).size(), 0u) << e.row << ": " << e.reason;
    if (e.kind == Exception::Kind::Unsafe || !in_version(e, lse2)) continue;
    Campaign campaign(ours, ours, **oracle, {.lse2 = lse2}, {.sets = 8, .findings_for_row = 0});
    const auto n = campaign.run_exception(e, 800);
    ASSERT_TRUE(n) << n.error().message();
    EXPECT_GT(*n, 0u) << e.row << ": " << e.reason << ": no case of " << campaign.compared()
                      << " differs";
  }
}

// ---- An error is found -------------------------------------------------------------------------

/// Our engine with a planted error: ADD (register) is wrong by one when its result is odd.
class Mutant final : public Engine {
 public:
  std::string name() const override { return "mutant"; }
  Result<void> start(std::span<const OracleCase> cases, bool guarded) override {
    TRY_VOID(engine_.start(cases, guarded));
    const auto results = TRY(engine_.finish());
    results_.assign(results.begin(), results.end());
    for (std::size_t i = 0; i < cases.size(); ++i) spoil(cases[i], results_[i]);
    return {};
  }
  Result<std::span<const OracleResult>> finish() override { return std::span(results_); }
  bool stray() const override { return engine_.stray(); }

 private:
  static void spoil(const OracleCase& c, OracleResult& r) {
    for (const u32 insn : c.insn) {
      const int row = a64::decode_row(insn);
      if (row < 0 || std::string_view(a64::rows()[static_cast<std::size_t>(row)].id) != "ADD_reg")
        continue;
      const u32 rd = insn & 31;
      if (rd != 31 && (r.out.x[rd] & 1) != 0) ++r.out.x[rd];
    }
  }
  QuinceEngine engine_;
  std::vector<OracleResult> results_;
};

TEST(Diff, AnErrorIsFoundInARowAndMadeSmall) {
  QuinceEngine ours;
  Mutant mutant;
  Campaign campaign(ours, ours, mutant, {}, {.seed = 3});
  for (std::size_t r = 0; r < a64::rows().size(); ++r)
    if (std::string_view(a64::rows()[r].group) == "dp_reg") {
      ASSERT_TRUE(campaign.run_row(static_cast<int>(r), 160));
    }
  ASSERT_TRUE(campaign.flush());
  ASSERT_EQ(campaign.findings().size(), 2u);
  const Finding& f = campaign.findings()[0];
  EXPECT_STREQ(a64::rows()[static_cast<std::size_t>(f.row)].id, "ADD_reg");
  const std::string text = report(f);
  EXPECT_NE(text.find(a64::disassemble(f.c.insn[0])), text.npos) << text;
  EXPECT_NE(text.find("\n* x" + std::to_string(f.c.insn[0] & 31) + " "), text.npos) << text;
  EXPECT_NE(text.find("seed 3"), text.npos) << text;
}

TEST(Diff, AnErrorInABlockIsMadeOneInstruction) {
  QuinceEngine ours;
  Mutant mutant;
  Campaign campaign(ours, ours, mutant, {}, {.seed = 5});
  ASSERT_TRUE(campaign.run_blocks(4000));
  ASSERT_TRUE(campaign.flush());
  ASSERT_FALSE(campaign.findings().empty());
  for (const Finding& f : campaign.findings()) {
    // A register that is odd and not the ADD's own work leaves a NOP or two for the branch.
    EXPECT_LE(code_size(f.c), 2u) << report(f);
    unsigned values = 0;
    for (const StateItem& i : state_items(f.c.in, true)) values += i.value != 0 ? 1 : 0;
    EXPECT_LE(values, 2u) << report(f);
  }
}

// ---- Vectors -----------------------------------------------------------------------------------

TEST(DiffVector, TextAndBack) {
  QuinceEngine ours;
  OracleCase c{};
  c.flags = ORACLE_MEMORY;
  const std::vector<u32> words{0xf940'0020, 0x8b00'0042, 0xf900'0422};  // LDR, ADD, STR
  set_code_and_end(c, words);
  c.in.x[1] = ORACLE_DATA;
  c.in.x[2] = 5;
  c.in.window[0] = 7;
  c.in.pstate = 0x9000'0000;
  const auto r = run_one(ours, c, false);
  ASSERT_TRUE(r);
  EXPECT_EQ(r->signal, 0u);
  EXPECT_EQ(r->out.window[1], 12u);
  const std::string text = vector_text(c, *r, false, "load, add and store");
  const auto back = parse_vectors(text, "here");
  ASSERT_TRUE(back) << back.error().message() << "\n" << text;
  ASSERT_EQ(back->size(), 1u);
  EXPECT_EQ((*back)[0].name, "load, add and store");
  EXPECT_TRUE(std::equal(c.insn, c.insn + ORACLE_INSNS, (*back)[0].c.insn));
  EXPECT_TRUE(agree((*back)[0].c, *r, (*back)[0].result)) << text;
  EXPECT_EQ(vector_text((*back)[0].c, (*back)[0].result, false, (*back)[0].name), text);
}

TEST(DiffVector, WhatIsNoVectorIsSaid) {
  const auto error = [](std::string_view text) {
    const auto r = parse_vectors(text, "f");
    return r ? std::string() : r.error().message();
  };
  EXPECT_EQ(error("insn 1\n"), "f:1: outside of a case");
  EXPECT_EQ(error("case a\nin x1 1\n\n"), "f:3: 'a' has no words");
  EXPECT_EQ(error("case a\nin y1 1\n"), "f:2: 'y1' is no part of the state");
  EXPECT_EQ(error("case a\ninsn 12g\n"), "f:2: '12g' is no number");
  EXPECT_EQ(error("case a\ninsn 1\nout x1\n"), "f:3: '' is no number");
  EXPECT_EQ(error("case a\ninsn 1\nnonsense\n"), "f:3: 'nonsense' is not known here");
}

TEST(DiffVector, WhatWasFoundStaysRight) {
  QuinceEngine ours;
  unsigned count = 0;
  for (const auto& file :
       std::filesystem::directory_iterator(QUINCE_SOURCE_DIR "/tests/diff/vectors")) {
    if (file.path().extension() != ".txt") continue;
    std::ifstream in(file.path());
    std::stringstream text;
    text << in.rdbuf();
    const auto vectors = parse_vectors(text.str(), file.path().filename().string());
    ASSERT_TRUE(vectors) << vectors.error().message();
    for (const Vector& v : *vectors) {
      const auto r = run_one(ours, v.c, v.guarded);
      ASSERT_TRUE(r);
      EXPECT_TRUE(agree(v.c, *r, v.result)) << v.name << "\n"
                                            << disassembly(v.c) << states(v.c, *r, v.result);
      ++count;
    }
  }
  EXPECT_GT(count, 0u);
}

}  // namespace
}  // namespace quince::test
