// A USB hub: usb-hub (USB 2.0, chapter 11).
//
// Modelled: a high-speed hub of 1 to 8 ports with power switching for each port, the hub and port
// requests of section 11.24, and the status change endpoint.  A port reset and a resume are done
// when the request is.  Numbers are those of QEMU's hub, which is a full-speed one.
//
// Deliberately missing: transaction translators (transfers of any speed are passed on; requests to
// clear one's buffers have nothing to do), over-current, port indicators, test modes.
#pragma once

#include <memory>
#include <vector>

#include "hw/usb/usb_described_device.h"

namespace quince::hw {

class UsbHub final : public UsbDescribedDevice, private UsbPortOwner {
 public:
  static constexpr unsigned kMaxPorts = 8;
  static constexpr u8 kEndpoint = 0x81;

  /// `ports`: 1 to kMaxPorts.
  UsbHub(std::string_view name, unsigned ports, std::string serial);

  void usb_reset() override;
  void snapshot(Archive& ar) override;
  void restored() override;

  unsigned ports() const override { return static_cast<unsigned>(ports_.size()); }
  UsbPort* downstream(unsigned number) override {
    return number >= 1 && number <= ports_.size() ? ports_[number - 1].get() : nullptr;
  }

 private:
  struct PortState {
    bool power = false;
    UsbPort::State state = UsbPort::State::Disabled;  // of the UsbPort, for a snapshot
    u16 change = 0;                                   // wPortChange
  };
  using State = std::array<PortState, kMaxPorts>;

  UsbStatus class_request(const UsbSetup& s, std::span<const u8> data, UsbReply& reply) override;
  UsbStatus transfer(UsbPacket& packet) override;
  void configured(u8 value) override;
  // UsbPortOwner
  void attached(UsbPort& port) override;
  void detached(UsbPort& port) override;
  void remote_wakeup(UsbPort& port) override;

  UsbReply descriptor() const;
  UsbStatus set_port_feature(u16 feature, UsbPort& port);
  UsbStatus clear_port_feature(u16 feature, UsbPort& port);
  void set_power(UsbPort& port, bool on);
  void power_off_all();
  void resume(UsbPort& port);
  u16 port_status(const UsbPort& port) const;
  u16 changed_ports() const;
  PortState& of(const UsbPort& port) { return s_[port.number() - 1]; }
  const PortState& of(const UsbPort& port) const { return s_[port.number() - 1]; }
  /// Sets bits of wPortChange and tells the host; the last thing that a function does.
  void change(UsbPort& port, u16 bits);

  std::vector<std::unique_ptr<UsbPort>> ports_;
  State s_;
};

}  // namespace quince::hw
