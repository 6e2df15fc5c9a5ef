// What the controller knows of slots and endpoints (xHCI 1.2, 4.5, 4.8, 6.2): plain data.
#pragma once

#include <array>
#include <vector>

#include "hw/core/timer.h"
#include "hw/usb/xhci/trb_ring.h"

namespace quince::hw {

/// The stages of a control transfer that are over.
enum class XhciStage : u8 { None, Setup, Data };

struct XhciEndpoint {
  xhci::EpState state = xhci::EpState::Disabled;
  xhci::EpType type = xhci::EpType::None;
  u16 max_packet = 0;
  u8 interval = 0;  ///< of interrupt and isochronous endpoints: 2^n microframes
  // The ring; or, with streams, the array of their contexts.
  u64 dequeue = 0;
  bool cycle = false;
  u8 max_pstreams = 0;
  bool lsa = false;  ///< the array is all there is: no secondary ones

  bool active = false;  ///< a doorbell was rung, and the ring has not been seen empty since
  bool flying = false;  ///< the device has a transfer
  u64 due_ns = kNever;  ///< when the timer goes on
  u64 service_ns = 0;   ///< interrupt, isochronous: not before this
  std::vector<u16> streams = {};  ///< those that are active, in the order of their doorbells

  XhciStage stage = XhciStage::None;
  u64 setup = 0;                     ///< the bytes of the setup stage
  XhciRingPlace control_start = {};  ///< the setup stage's place, to go back to
  u32 edtla = 0;                     ///< bytes since the last Event Data block (4.11.5.2)

  bool enabled() const { return state != xhci::EpState::Disabled; }
  bool has_streams() const { return max_pstreams != 0; }
  bool periodic() const { return xhci::is_interrupt(type) || xhci::is_isoch(type); }
  bool waits() const { return active || !streams.empty(); }
};

struct XhciSlot {
  bool enabled = false;
  xhci::SlotState state = xhci::SlotState::Enabled;
  u64 context = 0;       ///< the output device context; 0 before Address Device
  u16 interrupter = 0;   ///< for what has no target of its own
  bool present = false;  ///< the device that was addressed is still plugged in
  u8 root_port = 0;
  u32 route = 0;
  std::array<XhciEndpoint, xhci::kDcis> ep;  ///< by device context index; 0 is not used
};

}  // namespace quince::hw
