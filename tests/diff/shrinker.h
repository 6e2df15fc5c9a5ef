// Makes a case that two engines do not agree about as small as it gets while they still do not.
#pragma once

#include "tests/diff/engine.h"
#include "tests/diff/report.h"

namespace quince::test {

/// Removes instructions and values that the difference does not need.  An engine that fails ends it
/// with what was found so far, as does a difference that does not show again.
Finding shrink(const Finding& f, Engine& ours, Engine& theirs);

}  // namespace quince::test
