// Whether two engines agree about a case, and in what not.
#pragma once

#include "tests/diff/case.h"

namespace quince::test {

/// One thing that is compared.
struct Compared {
  std::string name;
  u64 in, ours, theirs;
  bool compared;  ///< false where the architecture leaves it open, or the oracle cannot report it
  bool differs() const { return compared && ours != theirs; }
};

/// Everything, in the order of a report.
std::vector<Compared> compared_items(const OracleCase& c, const OracleResult& ours,
                                     const OracleResult& theirs);

/// True when nothing that is compared differs.  Quick where they agree.
bool agree(const OracleCase& c, const OracleResult& ours, const OracleResult& theirs);

/// The names of what differs; empty when they agree.
std::string differences(const OracleCase& c, const OracleResult& ours, const OracleResult& theirs);

}  // namespace quince::test
