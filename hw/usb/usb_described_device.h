// A USB device that is described by a table (usb_descriptors.h): the base of keyboard, hub, disk.
//
// USB 2.0, sections 9.1 (states) and 9.4 (standard requests); USB 3.2, section 9.4 for SET_SEL,
// SET_ISOCH_DELAY and the U1, U2 and LTM features.
//
// It answers the standard requests, keeps address, configuration, alternate settings, halted
// endpoints and remote wakeup, and asks the derived class for the rest:
//
//   class Keyboard final : public UsbDescribedDevice {
//     UsbStatus class_request(const UsbSetup&, std::span<u8> data, UsbReply& reply) override;
//     UsbStatus transfer(UsbPacket&) override;       // an endpoint that exists and is not halted
//   };
//
// Requests that a device does not know are stalled.  Deliberately missing: SET_DESCRIPTOR, test
// modes and SYNCH_FRAME, which a device may refuse.
#pragma once

#include <array>
#include <string>

#include "hw/usb/usb_descriptors.h"

namespace quince::hw {

/// The data stage of a request that goes to the host: the answer is cut to wLength.
using UsbReply = std::vector<u8>;

class UsbDescribedDevice : public UsbDevice {
 public:
  /// The most that a request may send to a device.
  static constexpr u32 kMaxRequest = 4096;

  /// `table` outlives the device.  `serial` replaces the table's serial number string when it is not
  /// empty.
  UsbDescribedDevice(std::string_view name, const UsbTable& table, std::string serial = {});

  UsbSpeeds speeds() const override { return table_.speeds(); }

  /// A derived class that overrides one of these calls it first; restored() need not be.
  void reset() override { usb_reset(); }
  void snapshot(Archive& ar) override;
  void restored() override {}

  void usb_reset() override;
  UsbStatus handle_control(const UsbSetup& setup, UsbPacket& data) final;
  UsbStatus handle_data(UsbPacket& packet) final;
  void cancel(UsbPacket&) override {}

  u8 address() const { return base_.address; }
  /// bConfigurationValue of the active configuration; 0: addressed only.
  u8 configuration() const { return base_.configuration; }
  u8 alternate(u8 interface) const { return base_.alternate[interface % kInterfaces]; }
  bool halted(u8 endpoint) const { return bit(base_.halted, index(endpoint)); }
  /// The host lets the device wake it.
  bool remote_wakeup_enabled() const { return base_.remote_wakeup; }

 protected:
  /// A request of a class or vendor, or a standard one to an interface that the table does not
  /// answer.  `data` is what the host has sent (wLength bytes, at most kMaxRequest).  For requests to
  /// the device (setup.in()) `reply` becomes the data stage.  Ok or Stall.
  virtual UsbStatus class_request(const UsbSetup&, std::span<const u8> /*data*/, UsbReply&) {
    return UsbStatus::Stall;
  }
  /// A transfer of an endpoint of the active configuration that is not halted.  Stall halts it.
  virtual UsbStatus transfer(UsbPacket& packet) = 0;
  /// The host has chosen a configuration (0: none), or an alternate setting.  Endpoints begin anew.
  virtual void configured(u8 /*value*/) {}
  virtual void interface_chosen(u8 /*interface*/, u8 /*alternate*/) {}
  /// The host has ended an endpoint's halt.
  virtual void halt_cleared(u8 /*endpoint*/) {}

  /// Halts an endpoint (bEndpointAddress) until the host clears it.
  void halt(u8 endpoint) { base_.halted |= u32{1} << index(endpoint); }
  /// There is something for the host on an endpoint: tries what was answered with Nak again, or
  /// wakes the host up.  The last thing that a function does.
  void notify(u8 endpoint);

  const UsbTable& table() const { return table_; }
  /// The active personality; null while it is not plugged in.
  const UsbPersonality* personality() const { return table_.at(speed()); }
  /// The active configuration, or null.
  const UsbConfigurationTable* active() const;
  /// An interface of the active configuration with its active setting, or null.
  const UsbInterfaceTable* interface(u8 number) const;
  /// An endpoint of those interfaces by bEndpointAddress, or null.
  const UsbEndpointTable* endpoint(u8 address) const;

 private:
  static constexpr unsigned kInterfaces = 16;
  struct State {
    u8 address = 0, configuration = 0;
    bool remote_wakeup = false;
    u8 features = 0;  // U1, U2 and LTM enable, in the order of their selectors
    u32 halted = 0;   // by index()
    std::array<u8, kInterfaces> alternate{};
  };
  /// 0 to 15 OUT, 16 to 31 IN.
  static unsigned index(u8 endpoint) { return (endpoint & 15u) | (endpoint >> 7) * 16u; }

  UsbStatus standard(const UsbSetup& setup, std::span<const u8> data, UsbReply& reply);
  UsbStatus get_descriptor(const UsbSetup& setup, UsbReply& reply) const;
  UsbStatus get_string(u8 number, UsbReply& reply) const;
  UsbStatus get_interface_descriptor(const UsbSetup& setup, std::span<const u8> data,
                                     UsbReply& reply);
  UsbStatus get_status(const UsbSetup& setup, UsbReply& reply) const;
  UsbStatus device_feature(const UsbSetup& setup, bool set);
  UsbStatus interface_feature(const UsbSetup& setup);
  UsbStatus endpoint_feature(const UsbSetup& setup, bool set);
  UsbStatus set_configuration(const UsbSetup& setup);
  UsbStatus set_interface(const UsbSetup& setup);
  bool has_endpoint(u16 wIndex) const;

  const UsbTable& table_;
  const std::string serial_;
  State base_;
};

}  // namespace quince::hw
