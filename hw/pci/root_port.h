// A PCI Express root port with one slot: QEMU's "pcie-root-port", by its ids.
//
// Modelled: a bridge whose bus has one slot, the PCI Express capability with the slot's presence
// and the link's state, and one MSI-X vector that nothing raises.
// Deliberately missing: hot plug, error reporting (AER) and access control (ACS).
#pragma once

#include "hw/pci/pci_bridge.h"

namespace quince::hw {

class RootPort final : public PciBridge {
 public:
  RootPort(std::string_view name, const FunctionPorts& ports);

 private:
  void sync() override;
};

}  // namespace quince::hw
