// Boards as tables: the only place where an address or an interrupt number is written down.  The
// bus map, the device tree and docs/generated/memory-map.md come from them.
#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>

#include "base/types.h"

namespace quince::machine {

/// What stands at a window.
enum class Slot : u8 {
  Firmware, Flash0, Flash1, Config, GicDist, GicRedist, MsiFrame, Its, Uart, Rtc, Gpio, FwCfg, VirtioMmio, Pvpanic, Bdif, Gpu, IoSurface,
  Aes1, Aes2, AvpRtc, Ecam, PciePio, PcieMmio, PcieMmioHigh, Ram,
};

struct MapEntry {
  Slot slot;
  u64 base;
  u64 size;          ///< bytes; 0 for RAM: it comes from the configuration
  const char* name;
  int spi = -1;      ///< SPI number, or -1
  /// Whether this version has the device; the others are the platform's, listed so that nothing
  /// else is put there.
  bool present = true;
};

/// A board.
struct Board {
  const char* name;
  const char* description;
  std::span<const MapEntry> map;
  u64 default_ram;
  u64 max_ram;
  unsigned max_cpus;
  unsigned spis;           ///< GIC inputs
  unsigned pcie_wires;     ///< for INTx: SPIs in a row from that of Slot::PcieMmio on
  unsigned msi_spis;       ///< of the message frame, in a row from its own
  bool msi_valid_bit;      ///< MSI_TYPER bit 31 of the frame
  /// USB controllers send every event to ring 0 while they have no messages: macOS expects it.
  bool conditional_intr_mapping;
  bool usb_input;  ///< it has a USB controller, keyboard and tablet by itself
  bool apple_calls = false;  ///< hypercalls of Apple's hypervisor (machine/vmapple/hypercalls.cpp)
  u64 counter_hz;
  unsigned uart_clock_hz;
  unsigned power_key_line; ///< PL061 input
  const char* compatible;  ///< of the device tree's root

  const MapEntry& entry(Slot s) const;
  bool has(Slot s) const;
};

/// Every board, the default first.
std::span<const Board* const> boards();
/// Null when there is none of that name.
const Board* find_board(std::string_view name);

/// True when windows are sorted by base and do not overlap. RAM counts as empty here.
constexpr bool sorted_and_disjoint(std::span<const MapEntry> map) {
  u64 end = 0;
  for (const MapEntry& e : map) {
    if (e.base < end) return false;
    end = e.base + e.size;
  }
  return true;
}

/// docs/generated/memory-map.md.
std::string memory_map_markdown();

extern const Board kVmapple;  ///< machine/vmapple/board.cpp
extern const Board kVirt;     ///< machine/virt/board.cpp

}  // namespace quince::machine
