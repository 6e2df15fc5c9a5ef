// Instructions that can be compared in company only: what signs a pointer with keys that each
// engine has its own of, and what undoes it, so that the end is the same for all keys.
#pragma once

#include <span>

#include "tests/diff/case.h"
#include "tests/diff/operands.h"

namespace quince::test {

/// The rows that take part in some sequence.
std::vector<int> sequence_rows();

/// Makes a case of a sequence that a row of sequence_rows() takes part in, in `slot`.
OracleCase make_sequence(int row, u32 slot, OracleState start, Operands& random);

}  // namespace quince::test
