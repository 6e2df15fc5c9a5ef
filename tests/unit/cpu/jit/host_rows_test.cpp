// The tables of vector code against the instruction table, and the ways to narrow the host.
//
// What the code computes is judged by tests/diff and tests/isa with QUINCE_TEST_ENGINE=jit.
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "cpu/a64/table.h"
#include "cpu/jit/x64/host_rows.h"

namespace quince::cpu::jit {
namespace {

/// Floating point as it nearly always is, with another FPCR, and trapped.
constexpr StateKey kPlain{}, kUnusual{.fp_plain = false}, kTrapped{.fp_enabled = false};

std::vector<const HostRow*> all_rows() {
  std::vector<const HostRow*> all;
  for (const auto& table :
       {host_rows_int(), host_rows_shift(), host_rows_move(), host_rows_scalar(),
        host_rows_convert(), host_rows_fp(), host_rows_crypto(), host_rows_memory(),
        host_rows_atomics(), host_rows_exclusives(), host_rows_pauth()})
    for (const HostRow& r : table) all.push_back(&r);
  return all;
}

const a64::RowInfo* row_of(const std::string& id) {
  for (const a64::RowInfo& info : a64::rows())
    if (id == info.id) return &info;
  return nullptr;
}

bool has_field(const a64::RowInfo& row, const std::string& name) {
  return (" " + std::string(row.pattern)).find(" " + name + ":") != std::string::npos;
}

TEST(HostRows, EachIsOneRowOfTheInstructionTable) {
  std::set<std::string> seen;
  for (const HostRow* r : all_rows()) {
    EXPECT_TRUE(seen.insert(r->id).second) << r->id << " is there twice";
    EXPECT_NE(row_of(r->id), nullptr) << r->id << " is no row";
    EXPECT_EQ(host_row(r->id), r) << r->id;
  }
  EXPECT_EQ(host_row("ADD_imm"), nullptr);
}

/// A register that the pattern has and the facts leave out would be wrong in memory when a call looks there.
TEST(HostRows, FactsNameTheRegistersOfThePattern) {
  using R = HostRow;
  for (const HostRow* r : all_rows()) {
    const a64::RowInfo* const row = row_of(r->id);
    ASSERT_NE(row, nullptr) << r->id;
    const auto named = [&](const char* field, auto uses) {
      return !has_field(*row, field) || (r->uses & uses) != 0;
    };
    if ((r->uses & R::kGeneral) != 0) continue;
    EXPECT_TRUE(named("rn", R::kRn | R::kXn | R::kTable | R::kBase)) << r->id;
    EXPECT_TRUE(named("rm", R::kRm | R::kRmShort | R::kBase)) << r->id;
    EXPECT_TRUE(named("rd", R::kWd | R::kXd)) << r->id;
    EXPECT_TRUE(named("ra", R::kRa)) << r->id;
  }
}

TEST(HostRows, FactsOfAnInstruction) {
  const HostRow* const fmadd = host_row("FMADD_d");
  ASSERT_NE(fmadd, nullptr);
  const Facts f = fmadd->facts(0x1f420c20);  // fmadd d0, d1, d2, d3
  EXPECT_EQ(f.v_writes, 1u << 0);
  EXPECT_EQ(f.v_reads, 1u << 1 | 1u << 2 | 1u << 3);
  EXPECT_EQ(f.reads | f.writes, 0u);
  const Facts post =
      host_row("LD1x2_post")->facts(0x4cdfa03e);  // ld1 {v30.16b, v31.16b}, [x1], #32
  EXPECT_EQ(post.v_writes, 1u << 30 | 1u << 31);
  EXPECT_EQ(post.reads, 1u << 1);
  EXPECT_EQ(post.writes, 1u << 1);
  EXPECT_TRUE(post.memory);
}

TEST(HostRows, OtherRoundingModesAreCalls) {
  HostFeatures host{};
  host.avx2 = true;
  const HostRow* const fadd = host_row("FADD_d");
  EXPECT_TRUE(fadd->suits(0x1e622820, host, kPlain));
  EXPECT_FALSE(fadd->suits(0x1e622820, host, kUnusual));
  EXPECT_TRUE(host_row("FMOV_d")->suits(0x1e604020, host, kUnusual));
}

TEST(HostRows, TrappedOnesAreCalls) {
  HostFeatures host{};
  host.avx2 = true;
  EXPECT_FALSE(host_row("ST1x1")->suits(0x4c007071, host, kTrapped));
  EXPECT_TRUE(host_row("LDADD")->suits(0xb8200000, host, kTrapped));
}

TEST(HostFeatures, ALimitNarrows) {
  EXPECT_FALSE(probe_host("call").avx2);
  const HostFeatures avx2 = probe_host("avx2");
  EXPECT_FALSE(avx2.aes || avx2.sha || avx2.pclmul || avx2.avx512);
  EXPECT_FALSE(probe_host("crypto").avx512);
  HostFeatures host{};
  host.avx2 = true;
  EXPECT_FALSE(host_row("AESE")->suits(0x4e284820, host, kPlain));
  host.aes = true;
  EXPECT_TRUE(host_row("AESE")->suits(0x4e284820, host, kPlain));
}

}  // namespace
}  // namespace quince::cpu::jit
