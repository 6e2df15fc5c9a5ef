// GICv2m MSI frame: turns a write into a shared peripheral interrupt (Arm DEN 0029, Server Base
// System Architecture 2.2, appendix "GICv2m architecture").
//
// Modelled: one non-secure frame.  A message is a pulse on an SPI, which software configures as
// edge-triggered.  On Apple's platform MSI_TYPER has bit 31 set, without which its guests do not
// use the frame; the architecture has that bit as reserved.
// Deliberately missing: the optional identification registers, which read as zero, and the secure
// frame.  Reads of other offsets give zero and writes are ignored, as the bus does it.
#pragma once

#include <array>

#include "hw/core/irq.h"
#include "hw/core/reg_map.h"
#include "hw/core/stateless.h"

namespace quince::hw {

/// A frame's SPIs.
struct Gicv2mConfig {
  u32 first_spi = 0;       ///< counted from INTID 32
  u32 spis = 64;           ///< 1 to 1020 - 32 - first_spi
  bool valid_bit = false;  ///< MSI_TYPER bit 31
};

/// The frame has no state: the pending interrupt is the GIC's.
class Gicv2m final : public Stateless<RegMapDevice<Gicv2m>> {
 public:
  /// Offset of MSI_SETSPI_NS, which is where devices write.
  static constexpr u64 kSetSpi = 0x40;

  /// Registers in 4 KiB; a larger window has nothing behind them.  `spis` takes SPI numbers.
  Gicv2m(std::string_view name, IrqSink& spis, const Gicv2mConfig& config)
      : Stateless(name), spis_(spis), config_(config) {}

  static std::span<const Reg<Gicv2m>> regs();
  void sync() {}

 private:
  friend RegOps<Gicv2m>;
  using Op = RegOps<Gicv2m>;

  u32 typer() const;
  void set_spi(u32 v);
  static const std::array<Reg<Gicv2m>, 4> kRegs;

  IrqSink& spis_;
  const Gicv2mConfig config_;
};

}  // namespace quince::hw
