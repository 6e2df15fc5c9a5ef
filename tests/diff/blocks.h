// Random blocks: instructions of every group, branches forward, a loop with a counter, loads and
// stores that stay near the data.
//
// What keeps a block inside: X23 is a small index, X24 to X27 are bases, X28 counts the loop, and
// no other instruction writes them.
#pragma once

#include "tests/diff/generator.h"

namespace quince::test {

class Blocks {
 public:
  explicit Blocks(const Generator& generator) : generator_(generator) {}

  /// Appends `sets` cases of one block, all in `slot`.
  void add(u32 slot, unsigned sets, Operands& random, std::vector<Planned>& out);

  /// False for rows that no block has, as one cannot say what they do there.
  static bool has_row(const a64::RowInfo& row, const Scope& scope);

 private:
  struct Entry {
    int row;
    u32 insn;
  };
  void fill_pool(Operands& random);
  const Entry& draw(Operands& random);
  void append(std::vector<u32>& code, unsigned limit, Operands& random);
  OracleState state(u32 slot, Operands& random) const;

  const Generator& generator_;
  QuinceEngine probe_;  ///< of its own, for what it places would be seen by the cases
  std::vector<std::vector<Entry>> pool_;  ///< by group, words that are not UNDEFINED
  unsigned drawn_ = 0;                    ///< blocks since it was filled
};

}  // namespace quince::test
