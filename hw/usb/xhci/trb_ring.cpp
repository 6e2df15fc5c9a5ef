#include "hw/usb/xhci/trb_ring.h"

namespace quince::hw {

using namespace xhci;

XhciFetch fetch_trb(XhciCore& core, XhciRingPlace& place, Trb& out, u64& address) {
  XhciRingPlace at = place;
  for (unsigned links = 0; links <= kMaxLinks; ++links) {
    std::array<u8, kTrbSize> bytes;
    if (!core.read(at.address, bytes)) return XhciFetch::Fault;
    const Trb trb = Trb::from_bytes(bytes);
    if (trb.has(kCycle) != at.cycle) {
      place = at;
      return XhciFetch::Empty;
    }
    if (trb.type() != TrbType::Link) {
      out = trb;
      address = at.address;
      at.address += kTrbSize;
      place = at;
      return XhciFetch::Trb;
    }
    at.address = trb.parameter & ~u64{0xf};
    if (trb.has(kToggleCycle)) at.cycle = !at.cycle;
  }
  return XhciFetch::Loop;
}

}  // namespace quince::hw
