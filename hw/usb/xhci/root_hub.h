// The root hub: port registers over sockets (xHCI 1.2, 4.15, 4.19, 5.4.8).
//
// A socket is what a user plugs something into: connector 1 to max(p2, p3).  It appears to the host
// as a USB 3 port (1 to p3) and as a USB 2 port (p3 + 1 to p3 + p2), and the device's speed decides
// which of the two reports it.
//
// Modelled: connect, reset, warm reset, enable and disable, port power, suspend, resume by software
// and by the device, and the change bits with their events.  A reset is done when the write returns.
// Deliberately missing: U1 and U2 and their timeouts, LPM, over-current, compliance and test modes.
#pragma once

#include <memory>
#include <vector>

#include "hw/core/reg_map.h"
#include "hw/usb/usb.h"
#include "hw/usb/xhci/xhci_core.h"

namespace quince::hw {

class XhciRootHub;

/// The registers of one port.
class XhciPort final : public RegMapDevice<XhciPort> {
 public:
  /// Where the first port's are in the BAR, and how many bytes each has.
  static constexpr u64 kFirst = 0x440, kSize = 0x10;
  XhciPort(XhciRootHub& hub, XhciCore& core, unsigned number, bool super, UsbPort& connector);

  static std::span<const Reg<XhciPort>> regs();
  void reset() override;
  void snapshot(Archive& ar) override;
  void restored() override;
  void sync() {}

  unsigned number() const { return number_; }
  bool super() const { return super_; }
  UsbPort& connector() { return connector_; }
  bool has_changes() const { return s_.changes != 0; }
  /// The device that this port shows, or null.
  UsbDevice* device() const;

  /// From the connector.
  void attached();
  void detached();
  void remote_wakeup();

 private:
  friend RegOps<XhciPort>;
  using Op = RegOps<XhciPort>;
  struct State {
    bool pp = true, ped = false;
    xhci::Pls pls = xhci::Pls::RxDetect;
    u32 changes = 0;  // the change bits
    u32 wakes = 0;    // WCE, WDE, WOE
  };

  u32 portsc() const;
  void set_portsc(u32 v);
  void set_power(bool on);
  void set_link(xhci::Pls to);
  void port_reset(bool warm);
  void disable();
  void change(u32 bits);
  void follow();
  UsbPort::State connector_state() const;

  static const std::array<Reg<XhciPort>, 4> kRegs;
  XhciRootHub& hub_;
  XhciCore& core_;
  const unsigned number_;
  const bool super_;
  UsbPort& connector_;
  State s_;
};

/// Where changes of ports go.
class XhciPortEvents {
 public:
  virtual void port_changed(unsigned port) = 0;

 protected:
  ~XhciPortEvents() = default;
};

class XhciRootHub final : public UsbPortOwner {
 public:
  XhciRootHub(XhciCore& core, UsbBus& bus, XhciPortEvents& events);

  unsigned connectors() const { return static_cast<unsigned>(connectors_.size()); }
  UsbPort* connector(unsigned number);
  unsigned ports() const { return static_cast<unsigned>(ports_.size()); }
  /// 1 to ports().
  XhciPort& port(unsigned number) { return *ports_.at(number - 1); }
  /// The port that shows a device at a connector.
  XhciPort* port_of(const UsbPort& connector);

  void reset();
  void snapshot(Archive& ar);
  void restored();

  void changed(unsigned port) { events_.port_changed(port); }

 private:
  void attached(UsbPort& port) override;
  void detached(UsbPort& port) override;
  void remote_wakeup(UsbPort& port) override;

  XhciPortEvents& events_;
  std::vector<std::unique_ptr<UsbPort>> connectors_;
  std::vector<std::unique_ptr<XhciPort>> ports_;
};

}  // namespace quince::hw
