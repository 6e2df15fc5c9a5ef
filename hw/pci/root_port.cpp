// A root port.  See root_port.h.
#include "hw/pci/root_port.h"

namespace quince::hw {

using namespace pci;

namespace {
constexpr PciIdentity kRootPort{.vendor = kVendorRedHat,
                                .device = kDeviceRootPort,
                                .class_code = kClassPciBridge,
                                .express = true};
}  // namespace

RootPort::RootPort(std::string_view name, const FunctionPorts& ports)
    : PciBridge(name, kRootPort, ports, 1) {
  add_express(ExpressType::RootPort);
  add_msix(1, 0);
  sync();
}

void RootPort::sync() {
  PciBridge::sync();
  if (express() == 0) return;  // while it is constructed
  const bool present = secondary()->at(0) != nullptr;
  config_space().update<u16>(express() + kLinkStatus, kLinkActive, present ? kLinkActive : u16{0});
  config_space().update<u16>(express() + kSlotStatus, kPresenceDetected,
                             present ? kPresenceDetected : u16{0});
}

}  // namespace quince::hw
