// Encodings and their text against llvm-mc: what is UNDEFINED, and that the text of every row
// assembles to the same word.
//
//   QUINCE_ISA_CASES=n  words per row, or thousands of random words
//   QUINCE_ISA_SEED=n   others
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>

#include "cpu/a64/disasm/disasm.h"
#include "cpu/a64/table.h"
#include "tests/diff/operands.h"
#include "tests/diff/quince_engine.h"
#include "tests/isa/exclusions.h"
#include "tests/isa/llvm_mc.h"

namespace quince::test {
namespace {

u64 option(const char* name, u64 otherwise) {
  const char* v = std::getenv(name);
  return v == nullptr || *v == 0 ? otherwise : std::strtoull(v, nullptr, 0);
}

/// Which words are UNDEFINED for us: they have no row, or their row says so when it runs.
std::vector<bool> undefined(std::span<const u32> words) {
  QuinceEngine subject;
  Operands random(2);
  std::vector<bool> result(words.size());
  std::vector<OracleCase> batch;
  std::vector<std::size_t> index;
  const auto flush = [&] {
    subject.place(batch);
    for (std::size_t i = 0; i < batch.size(); ++i) {
      const auto r = subject.run(batch[i]);
      result[index[i]] = r && r->signal == kSigill && r->pc == slot_address(batch[i].slot) &&
                         subject.harness().exception_class() == cpu::ExceptionClass::Unknown;
    }
    batch.clear();
    index.clear();
  };
  for (std::size_t i = 0; i < words.size(); ++i) {
    const int row = a64::decode_row(words[i]);
    result[i] = row < 0;
    // System instructions may be UNDEFINED at EL0 only.
    if (row < 0 || std::string_view(a64::rows()[static_cast<std::size_t>(row)].group) == "system")
      continue;
    OracleCase c{};
    c.slot = static_cast<u32>(batch.size());
    set_code(c, std::span(&words[i], 1));
    for (u64& x : c.in.x) x = ORACLE_DATA + ORACLE_DATA_SIZE / 2;
    c.in.sp = ORACLE_DATA + ORACLE_DATA_SIZE / 2;
    batch.push_back(c);
    index.push_back(i);
    if (batch.size() == ORACLE_BATCH) flush();
  }
  flush();
  return result;
}

TEST(Assembler, UndefinedIsWhatLlvmCannotDisassemble) {
  if (const std::string why = llvm_mc_missing(); !why.empty()) GTEST_SKIP() << why;
  Operands random(option("QUINCE_ISA_SEED", 1));
  const u64 count = option("QUINCE_ISA_CASES", 200) * 1000;
  const auto rows = static_cast<u32>(a64::rows().size());
  std::vector<u32> words;
  while (words.size() < count) {
    u32 w = static_cast<u32>(random.next());
    if (words.size() % 2 != 0) {  // near a row
      if (!random.word(static_cast<int>(random.below(rows)), w)) continue;
      for (u32 flips = random.below(3); flips > 0; --flips) w ^= u32{1} << random.below(32);
    }
    words.push_back(w);
  }
  const std::vector<std::string> llvm = llvm_disassemble(words);
  const std::vector<bool> ours = undefined(words);
  std::map<std::string, std::pair<unsigned, std::string>> wrong;  // by mnemonic or row
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (ours[i] == llvm[i].empty() || excused_encoding(words[i], llvm[i]) != nullptr) continue;
    const int row = a64::decode_row(words[i]);
    const std::string key =
        ours[i] ? "valid for llvm: " + llvm[i].substr(0, llvm[i].find_first_of(" \t"))
                : std::string("invalid for llvm: ") + a64::rows()[static_cast<std::size_t>(row)].id;
    auto& [n, example] = wrong[key];
    if (n++ < 3)
      example +=
          fmt::format("\n    {:08x}  {}", words[i], ours[i] ? llvm[i] : a64::disassemble(words[i]));
  }
  for (const auto& [what, found] : wrong)
    ADD_FAILURE() << what << ", " << found.first << " times" << found.second;
}

TEST(Assembler, TextAssemblesToTheSameWord) {
  if (const std::string why = llvm_mc_missing(); !why.empty()) GTEST_SKIP() << why;
  Operands random(option("QUINCE_ISA_SEED", 1));
  std::vector<u32> candidates;
  for (std::size_t row = 0; row < a64::rows().size(); ++row)
    for (u64 n = 0; n < option("QUINCE_ISA_CASES", 40); ++n)
      if (u32 w = 0; random.word(static_cast<int>(row), w)) candidates.push_back(w);
  const std::vector<bool> reserved = undefined(candidates);
  std::vector<u32> words;
  std::vector<std::string> lines;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    if (reserved[i] || excused_encoding(candidates[i]) != nullptr) continue;
    std::string text = a64::disassemble(candidates[i]);
    if (text.starts_with(".inst")) continue;  // no mnemonic for this one
    words.push_back(candidates[i]);
    // ".+8" needs a place to be relative to; "#8" is the offset itself.
    for (const char* const dot : {".+", ".-"})
      if (const auto at = text.find(dot); at != text.npos)
        text.replace(at, dot[1] == '+' ? 2 : 1, "#");
    lines.push_back(text);
  }
  const std::vector<Assembled> assembled = llvm_assemble(lines);
  std::map<std::string, unsigned> reported;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const a64::RowInfo& row = a64::rows()[static_cast<std::size_t>(a64::decode_row(words[i]))];
    const u32 significant = [&] {
      u32 m = row.enc.mask;
      for (unsigned f = 0; f < row.enc.n_fields; ++f)
        m |= static_cast<u32>(low_mask(row.enc.fields[f].width)) << row.enc.fields[f].lo;
      return m;
    }();
    const Assembled& a = assembled[i];
    if (a.ok && ((a.word ^ words[i]) & significant) == 0) continue;
    if (a.ok && several_encodings(row) && a64::disassemble(a.word) == a64::disassemble(words[i]))
      continue;
    if (!a.ok && a.error.find("unpredictable") != std::string::npos) continue;
    if (reported[row.id]++ >= 2) continue;
    ADD_FAILURE() << row.id << fmt::format(": {:08x}  {}\n", words[i], lines[i])
                  << (a.ok ? fmt::format("assembles to {:08x}", a.word) : a.error);
  }
}

}  // namespace
}  // namespace quince::test
