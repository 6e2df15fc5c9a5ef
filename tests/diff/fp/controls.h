// The values of FPCR that a floating-point row can tell apart.
#pragma once

#include <vector>

#include "cpu/a64/table.h"

namespace quince::test {

/// Every rounding mode, with and without flushing of the row's formats: FZ, FZ16, or both apart.
std::vector<u32> fpcr_modes(const a64::RowInfo& row);

/// The other bits that matter to the row: DN and, for conversions of halves, AHP.
u32 fpcr_others(const a64::RowInfo& row);

/// Every mode with every value of the others.
std::vector<u32> fpcr_values(const a64::RowInfo& row);

}  // namespace quince::test
