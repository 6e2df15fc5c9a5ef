// Reading rings of transfer request blocks (xHCI 1.2, 4.9, 4.11.5.1).
#pragma once

#include "hw/usb/xhci/xhci_core.h"

namespace quince::hw {

/// Where a consumer is in a ring: the next block and the cycle bit that makes it ours.
struct XhciRingPlace {
  u64 address = 0;
  bool cycle = false;
};

enum class XhciFetch : u8 {
  Trb,    ///< there is one
  Empty,  ///< the next block is the producer's
  Loop,   ///< nothing but links, more than kMaxLinks of them
  Fault,  ///< not memory: the controller has halted
};

/// Links that are followed for one block.
inline constexpr unsigned kMaxLinks = 32;

/// The next block that is no link, and its address; moves `place` behind it.  When there is none,
/// `place` is behind the links before it, but for Loop and Fault.
XhciFetch fetch_trb(XhciCore& core, XhciRingPlace& place, xhci::Trb& out, u64& address);

}  // namespace quince::hw
