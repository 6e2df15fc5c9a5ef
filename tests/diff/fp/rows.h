// What the reference makes of the table's floating-point rows: which lanes an instruction reads and
// writes, and which operation of reference.h is done on them.  A row's name says it all: the
// operation, perhaps what it is done with (elem, zero, int, fixw, n), and the arrangement.
#pragma once

#include <memory>

#include "cpu/a64/table.h"
#include "tests/diff/case.h"

namespace quince::test {

/// True when the reference knows the row.
bool fp_reference_has(const a64::RowInfo& row);

/// One instruction of such a row, taken apart once for many states.
class FpInstruction {
 public:
  FpInstruction(const a64::RowInfo& row, u32 insn);
  ~FpInstruction();
  FpInstruction(FpInstruction&&) noexcept;
  FpInstruction& operator=(FpInstruction&&) noexcept;

  u32 insn() const;
  /// `out`, which is a copy of `in`, becomes the state behind the instruction.  Tells how many
  /// results it had, each of an operand set of its own: the lanes that it wrote, or one.
  unsigned run(const OracleState& in, OracleState& out) const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace quince::test
