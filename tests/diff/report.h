// A difference as text: the disassembly, both states with the differences marked, the seed, and
// the case as a vector.
#pragma once

#include "tests/diff/case.h"

namespace quince::test {

/// A case that two engines do not agree about.
struct Finding {
  OracleCase c;
  OracleResult ours, theirs;
  int row;   ///< of the first instruction, or kBlock or kSequence
  u64 seed;  ///< of the campaign
  bool guarded;
};

/// The instructions of a case, a line each: address, word, text.
std::string disassembly(const OracleCase& c);

/// What went in and what came out of both, the differences marked with '*'; what nobody changed
/// and no instruction names is left out.
std::string states(const OracleCase& c, const OracleResult& ours, const OracleResult& theirs);

/// All of it.
std::string report(const Finding& f);

}  // namespace quince::test
