// A PCI-to-PCI bridge: a function with a bus behind it (PCI-to-PCI Bridge 1.2, chapters 3 to 5).
//
// Modelled: bus numbers, the windows for memory, prefetchable memory (64-bit) and I/O (16-bit),
// which with the command's enables decide what reaches the bus behind; Bus Master Enable for what
// comes from there; the interrupt swizzle; Secondary Bus Reset.
// Deliberately missing: VGA and ISA modes, error forwarding, subtractive decoding.
#pragma once

#include "hw/pci/pci_bus.h"
#include "hw/pci/pci_function.h"

namespace quince::hw {

class PciBridge : public PciFunction, private PciUpstream {
 public:
  /// The bus behind is called like the bridge and has `slots` slots.
  PciBridge(std::string_view name, const PciIdentity& identity, const FunctionPorts& ports,
            unsigned slots);

  PciBus* secondary() override { return &secondary_; }
  void restored() override;
  void decode(PciDecode& map, std::span<const PciRange> memory,
              std::span<const PciRange> io) override;

 protected:
  void config_written(unsigned off, unsigned size) override;

 private:
  // PciUpstream, for the bus behind.
  u8 bus_number() const override { return config().get<u8>(pci::kSecondaryBus); }
  bool mastering() const override;
  IrqLine intx(unsigned slot, unsigned pin) override;
  void decode_changed() override { bus().upstream().decode_changed(); }
  void slots_changed() override;
  bool messages() const override { return bus().upstream().messages(); }
  AddressSpace& space() override { return bus().upstream().space(); }
  TracePoint& trace_msi() override { return bus().upstream().trace_msi(); }

  PciRange memory_window() const;
  PciRange prefetch_window() const;
  PciRange io_window() const;

  PciBus secondary_;
  bool in_reset_ = false;  // Secondary Bus Reset, as it was last seen
};

}  // namespace quince::hw
