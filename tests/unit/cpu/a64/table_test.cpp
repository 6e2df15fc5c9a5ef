// The instruction table as data: every row decodes to itself, no two rows contradict each other,
// and every placeholder of the assembly text means something.
#include "cpu/a64/table.h"

#include <gtest/gtest.h>

#include <bit>
#include <random>
#include <set>
#include <string>

#include "cpu/a64/disasm/disasm.h"
#include "cpu/interp/rows.h"

namespace quince::a64 {
namespace {

/// A word that matches.
u32 example(const RowInfo& r) { return r.enc.value | r.enc.nonzero; }

int fixed_bit_count(const RowInfo& r) { return std::popcount(r.enc.mask); }

TEST(A64Table, EveryRowDecodesToItselfOrToAMoreSpecificRow) {
  std::mt19937 rng(1);
  const auto all = rows();
  ASSERT_FALSE(all.empty());
  for (std::size_t i = 0; i < all.size(); ++i) {
    const RowInfo& row = all[i];
    bool itself = false;
    for (int n = 0; n < 2000; ++n) {
      const u32 insn = (static_cast<u32>(rng()) & ~row.enc.mask) | row.enc.value;
      if (!row.enc.matches(insn)) continue;
      const int found = decode_row(insn);
      ASSERT_GE(found, 0) << row.id;
      if (found == static_cast<int>(i)) {
        itself = true;
        continue;
      }
      const RowInfo& other = all[static_cast<std::size_t>(found)];
      ASSERT_GT(fixed_bit_count(other), fixed_bit_count(row))
          << row.id << " is hidden by " << other.id << " at " << std::hex << insn;
    }
    EXPECT_TRUE(itself) << row.id << " never decodes to itself";
  }
}

// Where two rows match one word, one of them must be a special case of the other, so that which
// one is meant does not depend on counting bits.
TEST(A64Table, OverlappingRowsAreSpecialCases) {
  const auto all = rows();
  for (std::size_t i = 0; i < all.size(); ++i)
    for (std::size_t j = i + 1; j < all.size(); ++j) {
      const Encoding &a = all[i].enc, &b = all[j].enc;
      if (((a.value ^ b.value) & a.mask & b.mask) != 0) continue;
      const auto zero_in = [](u32 bits, const Encoding& e) {
        return bits != 0 && (bits & e.mask) == bits && (bits & e.value) == 0;
      };
      if (zero_in(a.nonzero, b) || zero_in(b.nonzero, a)) continue;
      const u32 both = a.mask & b.mask;
      const bool nested = (both == a.mask || both == b.mask) && a.mask != b.mask;
      EXPECT_TRUE(nested) << all[i].id << " and " << all[j].id << " both match " << std::hex
                          << (a.value | b.value);
    }
}

TEST(A64Table, NamesAreUniqueIdentifiers) {
  std::set<std::string> ids;
  for (const RowInfo& r : rows()) {
    const std::string id = r.id;
    EXPECT_TRUE(ids.insert(id).second) << id << " twice";
    EXPECT_TRUE(id[0] >= 'A' && id[0] <= 'Z') << id;
    std::set<std::string> fields;
    const char* p = r.pattern;
    for (Token t; next_token(p, t);)
      if (!t.literal) {
        EXPECT_TRUE(fields.insert(std::string(t.begin, t.length)).second)
            << id << " has two fields " << std::string(t.begin, t.length);
      }
    EXPECT_LE(fields.size(), kMaxFields) << id;
  }
}

TEST(A64Table, PlaceholdersNameFieldsAndFormatters) {
  const std::set<std::string> built_in = {"w", "x", "r", "wsp", "xsp", "rsp", "b",    "h",
                                          "s", "d", "q", "v",   "u",   "i",   "label"};
  std::set<std::string> formatters;
  for (const auto& table :
       {formatters_integer(), formatters_ldst(), formatters_system(), formatters_simd(),
        formatters_simd_fp()})
    for (const Formatter& f : table) EXPECT_TRUE(formatters.insert(f.name).second) << f.name;
  for (const RowInfo& r : rows()) {
    const Decoded d(r, example(r));
    const std::string text = r.text;
    EXPECT_FALSE(text.empty()) << r.id;
    for (std::size_t at = text.find('{'); at != text.npos; at = text.find('{', at + 1)) {
      const auto end = text.find('}', at);
      ASSERT_NE(end, text.npos) << r.id;
      const std::string body = text.substr(at + 1, end - at - 1);
      const std::string name = body.substr(0, body.find(':'));
      if (!built_in.contains(name)) {
        EXPECT_TRUE(formatters.contains(name)) << r.id << " uses {" << body << "}";
        continue;
      }
      std::string field = body.substr(std::min(body.size(), name.size() + 1));
      field = field.substr(0, field.find_first_of("*+-"));
      if (name == "label" && (field == "adr" || field == "adrp")) field = "immhi";
      EXPECT_TRUE(d.has(field)) << r.id << " has no field for {" << body << "}";
    }
  }
}

TEST(A64Table, RowsWithoutTheirFeatureAreUndefined) {
  FeatureSet base;
  base.set(static_cast<std::size_t>(Feature::Base));
  for (const RowInfo& r : rows()) {
    const int row = decode_row(example(r));
    ASSERT_GE(row, 0) << r.id;
    const bool is_base = rows()[static_cast<std::size_t>(row)].feature == Feature::Base;
    EXPECT_EQ(cpu::make_handler_for(example(r), base) != nullptr, is_base) << r.id;
    EXPECT_NE(cpu::make_handler_for(example(r), FeatureSet().set()), nullptr) << r.id;
  }
}

TEST(A64Disasm, WritesTheBaseMnemonics) {
  EXPECT_EQ(disassemble(0x91000420), "add x0, x1, #1");
  EXPECT_EQ(disassemble(0x910003fd), "add x29, sp, #0");
  EXPECT_EQ(disassemble(0xaa0103e0), "orr x0, xzr, x1");
  EXPECT_EQ(disassemble(0x12001c20), "and w0, w1, #0xff");
  EXPECT_EQ(disassemble(0x8b21c841), "add x1, x2, w1, sxtw #2");
  EXPECT_EQ(disassemble(0x54ffffe1), "b.ne .-4");
  EXPECT_EQ(disassemble(0xb7f80043), "tbnz x3, #63, .+8");
  EXPECT_EQ(disassemble(0xf2a24680), "movk x0, #4660, lsl #16");
  EXPECT_EQ(disassemble(0x00010000), "");
}

}  // namespace
}  // namespace quince::a64
