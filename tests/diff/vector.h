// Cases with their results as text: what a finding becomes, so that it stays found without the
// oracle.  tests/diff/vectors/*.txt hold them.
//
//   case fadd rounds up            a name, the rest of the line
//   guarded                        in guarded pages
//   insn 1e622820 d503201f         the words
//   end                            a branch to ORACLE_EXIT behind them (else BRK)
//   memory                         the data is set and compared
//   in x1 3ff0000000000000         what is not zero before
//   signal 0                       Linux's number, 0 without one
//   pc 4                           its offset from the first word; not with signal 0
//   address 40500fff               of a fault
//   out x0 1                       what is different behind
//
// Numbers are hexadecimal.  '#' starts a comment.  An empty line or the next `case` ends one.
#pragma once

#include "base/result.h"
#include "tests/diff/case.h"

namespace quince::test {

struct Vector {
  std::string name;
  OracleCase c{};
  OracleResult result{};
  bool guarded = false;
};

std::string vector_text(const OracleCase& c, const OracleResult& result, bool guarded,
                        std::string_view name);

/// Reads the vectors of a file's text; `where` is for errors.
Result<std::vector<Vector>> parse_vectors(std::string_view text, std::string_view where);

}  // namespace quince::test
