// The sweep of operand sets: that every row gets through it, that an error is found, and that the
// operand sets are what they say.
#include <gtest/gtest.h>

#include <set>

#include "tests/diff/fp/controls.h"
#include "tests/diff/fp/sweep.h"

namespace quince::test {
namespace {

constexpr u32 kPlain[] = {0};

int row_of(std::string_view id) {
  for (std::size_t r = 0; r < a64::rows().size(); ++r)
    if (id == a64::rows()[r].id) return static_cast<int>(r);
  ADD_FAILURE() << id;
  return 0;
}

const a64::RowInfo& info(int row) { return a64::rows()[static_cast<std::size_t>(row)]; }

unsigned results(std::string_view id, u32 insn) {
  const OracleState in{};
  OracleState out{};
  return FpInstruction(info(row_of(id)), insn).run(in, out);
}

TEST(FpSweep, EveryRowDoesWhatTheReferenceDoes) {
  FpSweep sweep(1);
  unsigned rows = 0;
  for (std::size_t r = 0; r < a64::rows().size(); ++r) {
    if (!fp_reference_has(a64::rows()[r])) continue;
    const std::vector<u32> modes = fpcr_modes(a64::rows()[r]);
    const u64 before = sweep.compared();
    const auto ok =
        sweep.run(static_cast<int>(r), std::span(modes).subspan(rows % modes.size(), 1), 1);
    ASSERT_TRUE(ok) << ok.error().message();
    EXPECT_GE(sweep.compared() - before, 512u) << a64::rows()[r].id;
    for (const FpSweep::Miss& m : sweep.take_misses())
      ADD_FAILURE() << a64::rows()[r].id << " " << std::hex << m.insn << " FPCR " << m.in.fpcr;
    ++rows;
  }
  EXPECT_EQ(sweep.differences(), 0u);
  EXPECT_GT(rows, 400u);
}

TEST(FpSweep, AnErrorIsFoundAndItsOperandsKept) {
  FpSweep sweep(1);
  sweep.spoil(1 << 12);  // FADD runs as FSUB
  const int row = row_of("FADD_d");
  ASSERT_TRUE(sweep.run(row, kPlain, 1000));
  EXPECT_EQ(sweep.compared(), 1024u);
  EXPECT_GT(sweep.differences(), 100u);
  const auto misses = sweep.take_misses();
  ASSERT_EQ(misses.size(), 2u);
  for (const FpSweep::Miss& m : misses) {
    EXPECT_EQ(m.row, row);
    OracleState sum = m.in, difference = m.in;
    FpInstruction(info(row), m.insn).run(m.in, sum);
    FpInstruction(info(row_of("FSUB_d")), m.insn | 1 << 12).run(m.in, difference);
    const u32 rd = m.insn & 31;
    EXPECT_TRUE(sum.v[2 * rd] != difference.v[2 * rd] || sum.fpsr != difference.fpsr);
  }
  EXPECT_TRUE(sweep.take_misses().empty());
}

// An operand set counts once with each mode.
TEST(FpSweep, EachModeIsCounted) {
  FpSweep sweep(1);
  const int row = row_of("FADD_8h");
  const std::vector<u32> modes = fpcr_modes(info(row));
  ASSERT_TRUE(sweep.run(row, modes, 5000));
  EXPECT_GE(sweep.compared(), modes.size() * 5000);
  EXPECT_LT(sweep.compared(), modes.size() * (5000 + 512 * 8));
  EXPECT_EQ(sweep.differences(), 0u);
}

// A wrong flag alone is enough, and so is a wrong NZCV: FCMP against FCMPE, against zero.
TEST(FpSweep, WrongFlagsAreFound) {
  FpSweep signalling(1);
  signalling.spoil(1 << 4);
  ASSERT_TRUE(signalling.run(row_of("FCMP_d"), kPlain, 4000));
  EXPECT_GT(signalling.differences(), 0u);
  FpSweep zero(1);
  zero.spoil(1 << 3);
  ASSERT_TRUE(zero.run(row_of("FCMP_d"), kPlain, 4000));
  EXPECT_GT(zero.differences(), 0u);
}

// What faults ends the row with the operands that it faulted with.
TEST(FpSweep, AnInstructionThatIsUndefinedIsFound) {
  FpSweep sweep(1);
  sweep.spoil(1 << 23);  // FADD of a type that does not exist
  ASSERT_TRUE(sweep.run(row_of("FADD_s"), kPlain, 100'000));
  EXPECT_EQ(sweep.differences(), 1u);
  EXPECT_EQ(sweep.compared(), 0u);
  EXPECT_EQ(sweep.take_misses().size(), 1u);
}

// An operand set is what one result is made of.
TEST(FpSweep, ResultsAreCounted) {
  EXPECT_EQ(results("FADD_d", 0x1e62'2820), 1u);
  EXPECT_EQ(results("FADD_8h", 0x4e42'1420), 8u);
  EXPECT_EQ(results("FADD_8h", 0x0e42'1420), 4u);
  EXPECT_EQ(results("FADDP_4s", 0x6e22'd420), 4u);
  EXPECT_EQ(results("FMAXV_4s", 0x6e30'f820), 1u);
  EXPECT_EQ(results("FCMP_s", 0x1e22'2020), 1u);
  EXPECT_EQ(results("FCVTZS_int_d", 0x9e78'0020), 1u);
  EXPECT_EQ(results("FCVTL_4s", 0x0e21'7820), 4u);
  EXPECT_EQ(results("FCVTN_4h", 0x4e21'6820), 4u);
  EXPECT_EQ(results("FCMLA_4s", 0x6e82'c420), 4u);
  EXPECT_EQ(results("BFMMLA", 0x6e42'ec20), 4u);
  EXPECT_EQ(results("FJCVTZS", 0x1e7e'0020), 1u);
}

TEST(FpSweep, ModesAreRoundingAndFlushing) {
  EXPECT_EQ(fpcr_modes(info(row_of("FADD_d"))).size(), 8u);
  EXPECT_EQ(fpcr_modes(info(row_of("FADD_8h"))).size(), 8u);
  EXPECT_EQ(fpcr_modes(info(row_of("FCVT_s_h"))).size(), 16u);
  EXPECT_EQ(fpcr_values(info(row_of("FADD_d"))).size(), 16u);
  EXPECT_EQ(fpcr_values(info(row_of("FCVT_s_h"))).size(), 64u);
}

TEST(OperandSets, ShapesFollowTheRows) {
  const auto shape = [](std::string_view id) { return operand_shape(info(row_of(id))); };
  EXPECT_EQ(shape("FMLAL_4s").n, LaneKind::Half);
  EXPECT_EQ(shape("FMLAL_4s").d, LaneKind::Single);
  EXPECT_EQ(shape("FMLAL_4s").count, 3u);
  EXPECT_EQ(shape("FCVTN_2s").n, LaneKind::Double);
  EXPECT_EQ(shape("FCVTL_2d").n, LaneKind::Single);
  EXPECT_EQ(shape("FCVT_h_s").n, LaneKind::Single);
  EXPECT_EQ(shape("SCVTF_4s").n, LaneKind::Int32);
  EXPECT_TRUE(shape("SCVTF_int_h").from_general);
  EXPECT_TRUE(shape("FCVTZU_fixx_s").to_general);
  EXPECT_FALSE(shape("FCVTZU_4s").to_general);
  EXPECT_EQ(shape("FCMP_d").count, 2u);
  EXPECT_FALSE(shape("FCMP_d").pairs);
  EXPECT_EQ(shape("FCMP_zero_d").count, 1u);
  EXPECT_TRUE(shape("FADDP_2d").pairs);
  EXPECT_TRUE(shape("FMINNMV_8h").pairs);
  EXPECT_EQ(shape("BFDOT").n, LaneKind::BFloat16);
}

// Every pair of the values at the edges comes up, each once.
TEST(OperandSets, DirectedSetsAreEveryCombination) {
  OperandSets sets(operand_shape(info(row_of("FADD_d"))), 1);
  std::set<u64> n, m;
  std::set<std::pair<u64, u64>> pairs;
  u64 count = 0;
  for (OperandSet s; sets.directed(); ++count) {
    bool isolated = false;
    sets.next(s, isolated);
    n.insert(s.n[0]);
    m.insert(s.m[0]);
    pairs.emplace(s.n[0], s.m[0]);
  }
  EXPECT_GT(n.size(), 60u);
  EXPECT_EQ(n, m);
  EXPECT_EQ(pairs.size(), n.size() * n.size());
  EXPECT_EQ(count, pairs.size());
}

TEST(OperandSets, OneLaneIsAloneNowAndThen) {
  OperandSets sets(operand_shape(info(row_of("FSQRT_8h"))), 1);
  unsigned alone = 0;
  for (unsigned i = 0; i < 4000; ++i) {
    OperandSet s;
    bool isolated = false;
    sets.next(s, isolated);
    if (!isolated) continue;
    ++alone;
    unsigned ones = 0;
    for (unsigned lane = 0; lane < 8; ++lane)
      ones += (s.n[lane / 4] >> 16 * (lane % 4) & 0xffff) == 0x3c00 ? 1 : 0;
    EXPECT_GE(ones, 7u);
  }
  EXPECT_GT(alone, 100u);
}

}  // namespace
}  // namespace quince::test
