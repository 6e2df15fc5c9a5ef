#include "hw/usb/xhci/xhci_core.h"

namespace quince::hw {

using namespace xhci;

Result<void> XhciConfig::check() const {
  if (p2 > kMaxPortsOfAKind) return fail("p2={} is not 0 to {}", p2, kMaxPortsOfAKind);
  if (p3 > kMaxPortsOfAKind) return fail("p3={} is not 0 to {}", p3, kMaxPortsOfAKind);
  if (p2 + p3 == 0) return fail("p2=0 and p3=0 leave no port");
  if (intrs < 1 || intrs > kMaxInterrupters)
    return fail("intrs={} is not 1 to {}", intrs, kMaxInterrupters);
  if (slots < 1 || slots > kMaxSlots) return fail("slots={} is not 1 to {}", slots, kMaxSlots);
  return {};
}

bool XhciCore::host_error(u64 address) {
  log.guest_error(name + " dma", "{}: {:#x} is not memory; the controller halts", name, address);
  usbsts |= kHse | kHcHalted;
  usbcmd &= ~kRunStop;
  return false;
}

void XhciCore::controller_error(const char* why) {
  log.guest_error(name + " hce", "{}: {}", name, why);
  usbsts |= kHce;
}

}  // namespace quince::hw
