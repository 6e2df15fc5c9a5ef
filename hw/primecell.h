// What all Arm PrimeCell peripherals have in common: the identification registers at the end of
// their 4 KiB (for example Arm DDI 0183, section 3.3.15: UARTPeriphID0-3 and UARTPCellID0-3).
// Firmware reads them in bytes, halfwords and words.
#pragma once

#include "hw/core/reg_map.h"

namespace quince::hw {

/// xPeriphID0-3 at 0xfe0: part number, designer, revision and configuration as one 32-bit number
/// `Id`, of which each register holds a byte, the lowest first.
template <class D, u32 Id>
constexpr Reg<D> primecell_periph_id(const char* name) {
  return {{.offset = 0xfe0, .name = name, .access = 1 | 2 | 4, .count = 4},
          [](D&, unsigned i) -> u64 { return bits(Id, 8 * i + 7, 8 * i); },
          nullptr};
}

/// xPCellID0-3 at 0xff0: the number that says "PrimeCell", 0xb105f00d.
template <class D>
constexpr Reg<D> primecell_cell_id(const char* name) {
  return {{.offset = 0xff0, .name = name, .access = 1 | 2 | 4, .count = 4},
          [](D&, unsigned i) -> u64 { return bits(0xb105f00d, 8 * i + 7, 8 * i); },
          nullptr};
}

}  // namespace quince::hw
