// The PCI Express capability.  See express.h.
#include "hw/pci/express.h"

#include "hw/pci/pci_spec.h"

namespace quince::hw {

using namespace pci;

namespace {

constexpr u16 kVersion2 = 2, kSlotImplemented = 1u << 8;
constexpr u32 kRoleBasedErrors = 1u << 15;
constexpr u16 kErrorEnables = 0x000f, kErrorsDetected = 0x000f;
constexpr u32 kSpeed2_5 = 1, kOneLane = 1u << 4, kActiveReporting = 1u << 20;
constexpr u16 kLinkControls = 0x00c3;  // ASPM, common clock, extended synch
constexpr u16 kRootErrorsAndPme = 0x000f;
constexpr u32 kPmeStatus = 1u << 16;
constexpr u32 kSupported2_5 = 1u << 1;

void add_link(ConfigSpace& c, unsigned at, bool port, u8 number) {
  c.set<u32>(at + kLinkCapabilities,
             kSpeed2_5 | kOneLane | (port ? kActiveReporting | u32{number} << 24 : 0));
  c.writable<u16>(at + kLinkControl, kLinkControls);
  c.set<u16>(at + kLinkStatus, kSpeed2_5 | kOneLane);
  c.set<u32>(at + kLinkCapabilities2, kSupported2_5);
  c.set<u16>(at + kLinkControl2, kSpeed2_5);
}

}  // namespace

unsigned add_express_capability(ConfigSpace& c, ExpressType type, u8 port) {
  const unsigned at = c.add_capability(kCapExpress, kExpressSize);
  const bool root_port = type == ExpressType::RootPort;
  c.set<u16>(at + kExpressFlags, static_cast<u16>(kVersion2 | static_cast<unsigned>(type) << 4 |
                                                  (root_port ? kSlotImplemented : 0)));
  c.set<u32>(at + kDeviceCapabilities, kRoleBasedErrors);
  c.writable<u16>(at + kDeviceControl, kErrorEnables);
  c.write_one_to_clear<u16>(at + kDeviceStatus, kErrorsDetected);
  if (type != ExpressType::IntegratedEndpoint) add_link(c, at, root_port, port);
  if (!root_port) return at;
  c.status<u16>(at + kLinkStatus, kLinkActive);
  c.set<u32>(at + kSlotCapabilities, u32{port} << 19);
  c.status<u16>(at + kSlotStatus, kPresenceDetected);
  c.writable<u16>(at + kRootControl, kRootErrorsAndPme);
  c.write_one_to_clear<u32>(at + kRootStatus, kPmeStatus);
  return at;
}

}  // namespace quince::hw
