// The tables of vector code against the instruction table, and the ways to narrow the host.
//
// What the code computes is judged by tests/diff and tests/isa with QUINCE_TEST_ENGINE=jit.
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "cpu/a64/table.h"
#include "cpu/jit/x64/vector_rows.h"

namespace quince::cpu::jit {
namespace {

std::vector<const VectorRow*> all_rows() {
  std::vector<const VectorRow*> all;
  for (const auto& table :
       {vector_rows_int(), vector_rows_shift(), vector_rows_move(), vector_rows_scalar(),
        vector_rows_fp(), vector_rows_crypto(), vector_rows_memory()})
    for (const VectorRow& r : table) all.push_back(&r);
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

TEST(VectorRows, EachIsOneRowOfTheInstructionTable) {
  std::set<std::string> seen;
  for (const VectorRow* r : all_rows()) {
    EXPECT_TRUE(seen.insert(r->id).second) << r->id << " is there twice";
    EXPECT_NE(row_of(r->id), nullptr) << r->id << " is no row";
    EXPECT_EQ(vector_row(r->id), r) << r->id;
  }
  EXPECT_EQ(vector_row("ADD_imm"), nullptr);
}

/// A register that the pattern has and the facts leave out would be wrong in memory when a call looks there.
TEST(VectorRows, FactsNameTheRegistersOfThePattern) {
  using R = VectorRow;
  for (const VectorRow* r : all_rows()) {
    const a64::RowInfo* const row = row_of(r->id);
    ASSERT_NE(row, nullptr) << r->id;
    const auto named = [&](const char* field, auto uses) {
      return !has_field(*row, field) || (r->uses & uses) != 0;
    };
    EXPECT_TRUE(named("rn", R::kRn | R::kXn | R::kTable | R::kBase)) << r->id;
    EXPECT_TRUE(named("rm", R::kRm | R::kRmShort | R::kBase)) << r->id;
    EXPECT_TRUE(named("rd", R::kWd | R::kXd)) << r->id;
    EXPECT_TRUE(named("ra", R::kRa)) << r->id;
  }
}

TEST(VectorRows, FactsOfAnInstruction) {
  const VectorRow* const fmadd = vector_row("FMADD_d");
  ASSERT_NE(fmadd, nullptr);
  const Facts f = fmadd->facts(0x1f420c20);  // fmadd d0, d1, d2, d3
  EXPECT_EQ(f.v_writes, 1u << 0);
  EXPECT_EQ(f.v_reads, 1u << 1 | 1u << 2 | 1u << 3);
  EXPECT_EQ(f.reads | f.writes, 0u);
  const Facts post =
      vector_row("LD1x2_post")->facts(0x4cdfa03e);  // ld1 {v30.16b, v31.16b}, [x1], #32
  EXPECT_EQ(post.v_writes, 1u << 30 | 1u << 31);
  EXPECT_EQ(post.reads, 1u << 1);
  EXPECT_EQ(post.writes, 1u << 1);
  EXPECT_TRUE(post.memory);
}

TEST(VectorRows, OtherRoundingModesAreCalls) {
  HostFeatures host{};
  host.avx2 = true;
  const VectorRow* const fadd = vector_row("FADD_d");
  EXPECT_TRUE(fadd->suits(0x1e622820, host, true));
  EXPECT_FALSE(fadd->suits(0x1e622820, host, false));
  EXPECT_TRUE(vector_row("FMOV_d")->suits(0x1e604020, host, false));
}

TEST(HostFeatures, ALimitNarrows) {
  EXPECT_FALSE(probe_host("call").avx2);
  const HostFeatures avx2 = probe_host("avx2");
  EXPECT_FALSE(avx2.aes || avx2.sha || avx2.pclmul || avx2.avx512);
  EXPECT_FALSE(probe_host("crypto").avx512);
  HostFeatures host{};
  host.avx2 = true;
  EXPECT_FALSE(vector_row("AESE")->suits(0x4e284820, host, true));
  host.aes = true;
  EXPECT_TRUE(vector_row("AESE")->suits(0x4e284820, host, true));
}

}  // namespace
}  // namespace quince::cpu::jit
