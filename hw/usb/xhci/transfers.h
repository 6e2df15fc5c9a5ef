// The transfer engine: slots, endpoints, and the descriptors on their rings (xHCI 1.2, 4.5 to 4.12).
//
// Modelled: control, bulk, interrupt and isochronous endpoints; streams, with secondary arrays;
// short packets, Event Data, immediate data; halts; Stop Endpoint in the middle of transfers.
//
// A descriptor is executed as a whole, when all of it is on its ring.  A device that has nothing
// leaves it where it is, and it is read again when the device has something.  A transfer that is
// cancelled has not happened: its ring stands at its start.
//
// Nothing here is without bound: an invocation handles kMaxTds descriptors, kMaxBlocks blocks and
// about kMaxBytes bytes; what is left goes on a microframe later.
//
// Choices: an interrupt or isochronous endpoint is served at most once in its interval.  A port that
// is suspended answers nothing.  Deliberately missing: Frame IDs (every isochronous descriptor is as
// soon as possible), the IOC flag of links, errors that real wires have.
#pragma once

#include <memory>

#include "hw/usb/xhci/interrupter.h"
#include "hw/usb/xhci/transfer.h"

namespace quince::hw {

/// Where events go (hw/usb/xhci/xhci.h).
class XhciEvents {
 public:
  virtual void post(unsigned interrupter, const xhci::Trb& event, bool quiet) = 0;
  /// The ring behind a target has no room.
  virtual bool blocked(unsigned interrupter) const = 0;
  /// The device that a slot's route leads to, or null.
  virtual UsbDevice* find_device(unsigned root_port, u32 route) = 0;
  /// A part's timer fired: what else is due now and comes before it is done first, so that the order
  /// is not that in which timers were set, which no snapshot knows.
  virtual void due_before_transfers() = 0;
  virtual void due_before_commands() = 0;

 protected:
  ~XhciEvents() = default;
};

class XhciTransfers {
 public:
  static constexpr unsigned kMaxTds = 256, kMaxBlocks = 4096;
  static constexpr u32 kMaxBytes = 4 * 1024 * 1024;
  static constexpr std::size_t kMaxFlying = 256;    ///< transfers that devices have at a time
  static constexpr std::size_t kMaxStreams = 1024;  ///< active ones of an endpoint

  XhciTransfers(XhciCore& core, XhciEvents& events);
  ~XhciTransfers();

  void reset();
  void snapshot(Archive& ar);
  void restored();

  // ---- From registers.

  void doorbell(unsigned slot, unsigned dci, u16 stream);
  /// R/S was set, or cleared: transfers that devices have are taken back.
  void started();
  void stopped();
  /// Everything that could go on is looked at, by the timer.
  void kick_all();
  /// What the timer would do, if that is due.
  void tick_if_due();

  // ---- From the bus.

  void wakeup(UsbDevice& device, u8 endpoint);
  void unreachable(UsbDevice& device);
  void suspended(UsbDevice& device);
  void resumed(UsbDevice& device);
  void removed(UsbDevice& device);
  void destroyed(UsbDevice& device);

  // ---- For commands: slots are 1 to 64, checked by the caller.

  XhciSlot& slot(unsigned n) { return slots_.at(n - 1); }
  UsbDevice* device(unsigned n) const { return devices_.at(n - 1); }
  void set_device(unsigned n, UsbDevice* d) { devices_.at(n - 1) = d; }
  /// A slot that is enabled and has this device, or 0.
  unsigned slot_of(const UsbDevice& d) const;
  /// Takes what an endpoint context says (32 bytes).  False when it makes no sense.
  bool configure(XhciEndpoint& e, unsigned dci, std::span<const u8, xhci::kContextSize> context);
  void disable(unsigned slot, unsigned dci);
  void disable_slot(unsigned slot);
  /// The Stop Endpoint command, of an endpoint that runs.
  void stop(unsigned slot, unsigned dci);
  /// A new state, here and in the device context.
  void set_state(unsigned slot, unsigned dci, xhci::EpState state);
  /// Set TR Dequeue Pointer.
  xhci::Code set_dequeue(unsigned slot, unsigned dci, u16 stream, u64 pointer, u8 stream_type);
  /// A request that the controller makes itself, without data.
  UsbStatus request(UsbDevice& device, const UsbSetup& setup);

  // ---- For packets.

  void completed(XhciTransfer& t, UsbStatus status);

 private:
  /// What one invocation may still do.
  struct Budget {
    unsigned tds = kMaxTds, blocks = kMaxBlocks;
    u32 bytes = kMaxBytes;
    bool spent() const { return tds == 0 || blocks == 0 || bytes == 0; }
  };
  /// Counts how deep we are in ourselves; the outermost has a new budget.
  class Entry {
   public:
    explicit Entry(XhciTransfers& t) : t_(t) {
      if (t_.depth_++ == 0) t_.budget_ = {};
    }
    ~Entry() { --t_.depth_; }
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;

   private:
    XhciTransfers& t_;
  };
  enum class Step : u8 { Again, Wait };

  // transfers.cpp
  void run(unsigned slot, unsigned dci);
  void run_ring(unsigned slot, unsigned dci, u16 stream);
  Step step(unsigned slot, unsigned dci, u16 stream, XhciTransfer& t);
  void later(XhciEndpoint& e, u64 at_ns);
  void on_timer();
  void tick();
  XhciTransfer* take();
  XhciTransfer* flying(unsigned slot, unsigned dci, u16 stream);
  /// Calls f for each transfer that a device has; f may give it back.
  template <class F>
  void each_flying(F&& f) {
    for (std::size_t i = 0; i < pool_.size(); ++i)
      if (pool_[i]->flying) f(*pool_[i]);
  }
  void give_back(XhciTransfer& t);
  void take_back(XhciTransfer& t);
  UsbStatus execute(unsigned slot, unsigned dci, u16 stream, XhciTransfer& t);
  UsbStatus execute_control(XhciEndpoint& e, XhciTransfer& t);
  void went_inactive(unsigned slot, unsigned dci, u16 stream);
  template <class F>
  void each_slot_of(const UsbDevice& d, F&& f);

  // td.cpp
  XhciTdResult read_td(const XhciEndpoint& e, XhciRingPlace place, XhciTd& td);
  bool good_block(const XhciEndpoint& e, const XhciTd& td, const xhci::Trb& trb) const;
  bool good_control_block(const XhciEndpoint& e, const XhciTd& td, const xhci::Trb& trb) const;
  struct StreamPlace {
    u64 context = 0;
    XhciRingPlace ring;
  };
  xhci::Code find_stream(const XhciEndpoint& e, u16 stream, StreamPlace& out, u8* type = nullptr);
  bool ring_place(const XhciEndpoint& e, u16 stream, XhciRingPlace& out);
  void set_ring_place(unsigned slot, unsigned dci, u16 stream, XhciRingPlace place);
  void write_dequeue(unsigned slot, unsigned dci);

  // td_events.cpp
  void finish(XhciTransfer& t, UsbStatus status);
  xhci::Code code_of(const XhciEndpoint& e, const XhciTransfer& t, UsbStatus status) const;
  void report(XhciTransfer& t, xhci::Code code);
  void halt(XhciTransfer& t, xhci::EpState state);
  void transfer_event(const xhci::Trb& trb, u64 pointer, xhci::Code code, u32 length, unsigned slot,
                      unsigned dci, bool event_data = false);

  XhciCore& core_;
  XhciEvents& events_;
  Timer timer_;
  std::array<XhciSlot, xhci::kMaxSlots> slots_;
  std::array<UsbDevice*, xhci::kMaxSlots> devices_{};  // derived from root port and route
  std::vector<std::unique_ptr<XhciTransfer>> pool_;
  bool redo_ = false;  // after a load: what devices had is handed over again
  unsigned depth_ = 0;
  Budget budget_;
};

}  // namespace quince::hw
