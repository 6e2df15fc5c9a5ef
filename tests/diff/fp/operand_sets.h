// Operand sets for the rows of arithmetic: first every combination of values at the edges of the
// formats, and then random ones.
#pragma once

#include "cpu/a64/table.h"
#include "tests/diff/operands.h"

namespace quince::test {

/// What the operands of a row are.
struct OperandShape {
  LaneKind n, m, d;     ///< Rn, Rm, and the accumulator, Rd or Ra
  unsigned count = 1;   ///< operands of one result
  bool pairs = false;   ///< they are neighbours in one register: pairwise, and across a vector
  bool scalar = false;  ///< one result, in lane 0
  bool from_general = false, to_general = false;  ///< Rn, Rd is a general register
};
OperandShape operand_shape(const a64::RowInfo& row);

/// The operands of one instruction: each register that it may name.
struct OperandSet {
  u64 n[2], m[2], a[2], d[2];
  u64 x;     ///< general Rn
  u64 nzcv;  ///< as the register
  u64 fpsr;
  u64 pad;
};

class OperandSets {
 public:
  OperandSets(const OperandShape& shape, u64 seed);

  /// True while there are directed ones left, for which registers should not be the same.
  bool directed() const { return at_ < combinations_; }
  /// The next one.  `isolated` tells whether but one of the vector's lanes is plain 1, so that this
  /// lane's flags can be seen.
  void next(OperandSet& s, bool& isolated);
  Operands& random() { return random_; }

 private:
  void draw_directed(OperandSet& s);
  void draw_random(OperandSet& s, bool related);
  void isolate(OperandSet& s);
  void fill(u64 (&v)[2], LaneKind kind, unsigned lanes);
  void fill_rest(u64 (&v)[2], LaneKind kind, unsigned lanes);
  unsigned lanes(LaneKind kind) const;

  OperandShape shape_;
  Operands random_;
  u64 combinations_, at_ = 0;  ///< at_ is the next combination
};

}  // namespace quince::test
