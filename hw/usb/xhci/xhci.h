// A USB host controller: Extensible Host Controller Interface, revision 1.2.
//
// The parts have files of their own: registers.h (capability, operational, runtime, doorbells),
// root_hub.h (ports), interrupter.h (event rings, moderation), commands.h (command ring) and
// transfers.h (slots, endpoints, transfer rings).  Each says what is modelled and what is not.  This
// class puts them together and says where events go.
//
// It reports itself as revision 1.0, as QEMU's controllers do, whose drivers it is for.  Choices:
// without MSI and MSI-X the wire is the or of every interrupter, so that none waits for a poll;
// whether events for other rings go to ring 0 then is an option (conditional-intr-mapping), and with
// one interrupter they always do.  Save State and Restore State keep everything where it is: a
// restore fails only when the controller was reset in between.
#pragma once

#include <memory>
#include <vector>

#include "hw/usb/xhci/commands.h"
#include "hw/usb/xhci/registers.h"
#include "hw/usb/xhci/root_hub.h"

namespace quince::hw {

class Xhci final : public UsbBus,
                   private XhciEvents,
                   private XhciControl,
                   private XhciPortEvents,
                   private XhciInterrupterOwner {
 public:
  /// `config` has passed its check().
  Xhci(std::string_view name, const XhciConfig& config, DmaPort& dma, TimerQueue& timers, Log& log,
       XhciSignals& signals);
  ~Xhci();

  void reset();
  void snapshot(Archive& ar);
  void restored();
  /// XhciSignals::messages() may be different.
  void signals_changed();

  const XhciConfig& config() const { return core_.config; }
  XhciCapability& capability() { return capability_; }
  XhciOperational& operational() { return operational_; }
  XhciRuntime& runtime() { return runtime_; }
  XhciDoorbells& doorbells() { return doorbells_; }
  XhciInterrupter& interrupter(unsigned n) { return *interrupters_.at(n); }
  /// 1 to config().ports().
  XhciPort& port_registers(unsigned n) { return hub_.port(n); }

  // UsbBus
  unsigned ports() const override { return hub_.connectors(); }
  UsbPort* port(unsigned number) override { return hub_.connector(number); }
  void wakeup(UsbDevice& d, u8 endpoint) override { transfers_.wakeup(d, endpoint); }
  void unreachable(UsbDevice& d) override { transfers_.unreachable(d); }
  void suspended(UsbDevice& d) override { transfers_.suspended(d); }
  void resumed(UsbDevice& d) override { transfers_.resumed(d); }
  void removed(UsbDevice& d) override { transfers_.removed(d); }
  void destroyed(UsbDevice& d) override { transfers_.destroyed(d); }

 private:
  // XhciEvents
  void post(unsigned interrupter, const xhci::Trb& event, bool quiet) override;
  bool blocked(unsigned interrupter) const override;
  UsbDevice* find_device(unsigned root_port, u32 route) override;
  void due_before_transfers() override;
  void due_before_commands() override;
  // XhciControl
  void run(bool on) override;
  void host_controller_reset() override;
  void save_state() override;
  void restore_state() override;
  void command_changed() override;
  u32 crcr() const override { return commands_.crcr(); }
  void set_crcr_low(u32 v) override { commands_.set_crcr_low(v); }
  void set_crcr_high(u32 v) override { commands_.set_crcr_high(v); }
  void doorbell(unsigned slot, u32 v) override;
  // XhciPortEvents, XhciInterrupterOwner
  void port_changed(unsigned port) override;
  void wire_changed() override;
  void room_again() override;

  unsigned route(unsigned interrupter) const;
  void sync_wrap();
  void mfindex_wrapped();

  XhciCore core_;
  std::vector<std::unique_ptr<XhciInterrupter>> interrupters_;
  XhciRootHub hub_;
  XhciTransfers transfers_;
  XhciCommands commands_;
  XhciCapability capability_;
  XhciOperational operational_;
  XhciRuntime runtime_;
  XhciDoorbells doorbells_;
  Timer wrap_;
  u64 wrap_ns_ = kNever;  // when it is due
  bool saved_ = false;  // Save State was done, and nothing was lost since
};

}  // namespace quince::hw
