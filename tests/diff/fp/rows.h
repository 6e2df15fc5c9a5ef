// What the reference makes of the table's floating-point rows: which lanes an instruction reads and
// writes, and which operation of reference.h is done on them.  A row's name says it all: the
// operation, perhaps what it is done with (elem, zero, int, fixw, n), and the arrangement.
#pragma once

#include "cpu/a64/table.h"
#include "tests/diff/case.h"

namespace quince::test {

/// True when the reference knows the row.
bool fp_reference_has(const a64::RowInfo& row);

/// The state behind one instruction of such a row.
OracleState fp_reference(const a64::RowInfo& row, u32 insn, const OracleState& in);

}  // namespace quince::test
