// The differences between two results, as text.
#pragma once

#include <string>

#include "base/types.h"
#include "tests/isa/oracle/protocol.h"

namespace quince::test {

/// The names of what differs, of everything that the architecture defines; empty when they agree.
std::string differences(const OracleCase& in, const OracleResult& ours, const OracleResult& theirs);

/// What went in and what came out of both, the differences marked with '*'.  Registers that are
/// no operands and memory are left out where nobody changed them.
std::string report(const OracleCase& in, const OracleResult& ours, const OracleResult& theirs);

}  // namespace quince::test
