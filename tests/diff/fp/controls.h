// The values of FPCR that a floating-point row can tell apart.
#pragma once

#include <vector>

#include "cpu/a64/table.h"

namespace quince::test {

/// Every rounding mode, with and without flushing of the row's format, default NaNs and, for
/// conversions of halves, the alternative format.
std::vector<u32> fpcr_values(const a64::RowInfo& row);

}  // namespace quince::test
