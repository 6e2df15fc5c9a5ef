// The command ring and its commands (xHCI 1.2, 4.6, 4.6.1, 5.4.5).
//
// Modelled: every command but those of optional capabilities that this controller does not have
// (Force Event, Negotiate Bandwidth, Set Latency Tolerance Value, Force Header, Get and Set
// Extended Property), which are TRB Errors; the two vendor commands of nec-usb-xhci.  A command is
// done at once, so Command Stop and Command Abort are the same.  An invocation does kMaxCommands;
// what is left goes on a microframe later.
#pragma once

#include "hw/usb/xhci/transfers.h"

namespace quince::hw {

class XhciCommands {
 public:
  static constexpr unsigned kMaxCommands = 256;

  XhciCommands(XhciCore& core, XhciEvents& events, XhciTransfers& transfers);

  void reset();
  void snapshot(Archive& ar);
  void restored();

  // ---- CRCR.

  u32 crcr() const { return running_ ? xhci::kCrr : 0; }
  void set_crcr_low(u32 v);
  void set_crcr_high(u32 v);
  /// Doorbell 0.
  void doorbell();
  /// R/S was cleared.
  void halted();
  /// There may be room for events again.
  void kick();

 private:
  using Context = std::array<u8, xhci::kContextSize>;
  struct Result {
    xhci::Code code = xhci::Code::Success;
    unsigned slot = 0;
    xhci::TrbType type = xhci::TrbType::CommandCompletion;
    u32 parameter = 0;  // Command Completion Parameter
    u16 upper = 0;      // vendor commands: bits 31 to 16 of the last word
  };

  void on_timer();
  void run();
  void complete(u64 pointer, const Result& r);
  Result execute(const xhci::Trb& trb);
  Result slot_command(const xhci::Trb& trb);
  xhci::Code on_slot(const xhci::Trb& trb, unsigned n);
  xhci::Code on_endpoint(const xhci::Trb& trb, unsigned n, unsigned dci);

  Result enable_slot();
  xhci::Code address_device(const xhci::Trb& trb, unsigned n);
  xhci::Code configure_endpoint(const xhci::Trb& trb, unsigned n);
  xhci::Code deconfigure(unsigned n);
  xhci::Code evaluate_context(const xhci::Trb& trb, unsigned n);
  xhci::Code reset_device(unsigned n);
  xhci::Code get_port_bandwidth(const xhci::Trb& trb);
  static Result nec_challenge(const xhci::Trb& trb);

  void go_on_at(u64 ns);
  bool read_context(u64 base, unsigned index, Context& out);
  bool enable_endpoint(unsigned n, unsigned dci, const XhciEndpoint& e, Context context);
  void update_slot_state(unsigned n, xhci::SlotState state, u8 address);

  XhciCore& core_;
  XhciEvents& events_;
  XhciTransfers& transfers_;
  Timer timer_;
  // State.
  XhciRingPlace ring_{};
  bool running_ = false;
  u64 due_ns_ = kNever;  // when the timer looks for more
};

}  // namespace quince::hw
