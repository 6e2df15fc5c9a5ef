#include "tests/diff/coverage.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "tests/diff/blocks.h"
#include "tests/diff/exceptions.h"
#include "tests/diff/fp/rows.h"
#include "tests/diff/sequences.h"
#include "tests/diff/vector.h"

namespace quince::test {

namespace {

std::string contents(const std::filesystem::path& p) {
  std::ifstream in(p);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

/// Rows of which a vector has an instruction.
std::set<int> rows_of_vectors(const std::string& source) {
  std::set<int> rows;
  for (const auto& file : std::filesystem::directory_iterator(source + "/tests/diff/vectors")) {
    const auto vectors = parse_vectors(contents(file.path()), file.path().filename().string());
    if (!vectors) continue;  // diff_test says what is wrong
    for (const Vector& v : *vectors)
      for (unsigned n = 0; n < code_size(v.c); ++n) rows.insert(a64::decode_row(v.c.insn[n]));
  }
  return rows;
}

/// Rows of which a unit test of the CPU names an instruction word: kWfi = 0xd503'207f.
std::set<int> rows_of_unit_tests(const std::string& source) {
  static const std::regex kWord(R"(\bk[A-Z]\w* = 0x([0-9a-f]{4})'?([0-9a-f]{4})\b(?!'))");
  std::set<int> rows;
  for (const auto& file :
       std::filesystem::recursive_directory_iterator(source + "/tests/unit/cpu")) {
    if (file.path().extension() != ".cpp") continue;
    const std::string text = contents(file.path());
    for (std::sregex_iterator i(text.begin(), text.end(), kWord), end; i != end; ++i)
      rows.insert(a64::decode_row(
          static_cast<u32>(std::stoul((*i)[1].str() + (*i)[2].str(), nullptr, 16))));
  }
  return rows;
}

}  // namespace

std::vector<RowTests> row_tests(const std::string& source) {
  const std::set<int> vectors = rows_of_vectors(source), units = rows_of_unit_tests(source);
  const std::vector<int> in_sequences = sequence_rows();
  std::vector<RowTests> all;
  for (std::size_t r = 0; r < a64::rows().size(); ++r) {
    const a64::RowInfo& row = a64::rows()[r];
    const int index = static_cast<int>(r);
    // Of the versions, the one that can judge less.
    const Exception* e = exception_of_row(row, false);
    RowTests t;
    if (e != nullptr) t.not_compared = e->reason;
    if (e == nullptr) t.tests.push_back("rows");
    if (Blocks::has_row(row, {.lse2 = false})) t.tests.push_back("blocks");
    if (std::binary_search(in_sequences.begin(), in_sequences.end(), index))
      t.tests.push_back("sequences");
    if (fp_reference_has(row)) t.tests.push_back("reference");
    if (vectors.contains(index)) t.tests.push_back("vector");
    // Where another judge knows the row, the page need not change with every unit test.
    if (e != nullptr && units.contains(index)) t.tests.push_back("unit");
    all.push_back(std::move(t));
  }
  return all;
}

}  // namespace quince::test
