// qemu-xhci and nec-usb-xhci: the controller as a PCI function.
//
// Laid out as QEMU's devices: BAR 0 of 16 KiB has the registers, the MSI-X table at 0x3000 and the
// pending bits at 0x3800; MSI at 0x70, MSI-X at 0x90, PCI Express at 0xa0, SBRN at 0x60.
#pragma once

#include "hw/pci/pci_function.h"
#include "hw/usb/xhci/xhci.h"

namespace quince::hw {

struct XhciPciConfig {
  XhciConfig controller = {};
  bool msi = false, msix = true;  ///< on a machine without messages neither is there
};

class XhciPci final : public PciFunction, private XhciSignals {
 public:
  static constexpr u64 kBarSize = 16 * KiB;

  XhciPci(std::string_view name, const XhciPciConfig& config, const FunctionPorts& ports,
          TimerQueue& timers);

  void reset() override;
  void snapshot(Archive& ar) override;
  void restored() override;

  Xhci& controller() { return xhci_; }

 private:
  void config_written(unsigned off, unsigned size) override;
  // XhciSignals
  bool messages() const override { return message_signalled(); }
  void send(unsigned interrupter) override { notify(interrupter); }
  void set_pin(bool high) override { set_intx(high); }

  Xhci xhci_;
};

}  // namespace quince::hw
