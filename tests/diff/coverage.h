// Which tests a row of the instruction table has: asked of the tests' own data, for
// docs/generated/instructions.md.
#pragma once

#include <string>
#include <vector>

#include "cpu/a64/table.h"

namespace quince::test {

struct RowTests {
  std::vector<std::string> tests;  ///< rows, blocks, sequences, reference, vector, unit
  std::string not_compared;        ///< why the oracle alone cannot judge it; empty when it does
};

/// The tests of each row, in the order of a64::rows(). `source`: the folder of the repository, whose
/// vectors and unit tests of the CPU are read.
std::vector<RowTests> row_tests(const std::string& source);

}  // namespace quince::test
