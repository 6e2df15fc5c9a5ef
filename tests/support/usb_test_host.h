// The host's side of USB without a controller: a bus with one port, and a host that talks to what
// is plugged into it the way a driver would.
//
// UsbTestHost addresses and configures a device, sends requests and transfers, and remembers what
// the device asked for.  Transfers that a device keeps end when it says so: UsbTestPacket::done.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>

#include "tests/support/usb_test_device.h"

namespace quince::test {

/// A bus with one port, which remembers what it was told.
class UsbTestBus final : public hw::UsbBus, public hw::UsbPortOwner {
 public:
  explicit UsbTestBus(hw::UsbSpeeds speeds) : port_(*this, *this, 1, speeds) {}
  unsigned ports() const override { return 1; }
  hw::UsbPort* port(unsigned n) override { return n == 1 ? &port_ : nullptr; }
  hw::UsbPort& port() { return port_; }

  std::vector<u8> woken;          ///< endpoints
  std::vector<std::string> lost;  ///< names of devices that became unreachable or were taken out
  unsigned wakes = 0;             ///< remote wakeups
  unsigned connects = 0, losses = 0;  ///< of the port
  /// Called for each wakeup after it was remembered, as a controller would try again.
  std::function<void(hw::UsbDevice&, u8)> on_wakeup;

 private:
  void wakeup(hw::UsbDevice& device, u8 endpoint) override {
    woken.push_back(endpoint);
    if (on_wakeup) on_wakeup(device, endpoint);
  }
  void unreachable(hw::UsbDevice& d) override { lose(d); }
  void suspended(hw::UsbDevice&) override {}
  void resumed(hw::UsbDevice&) override {}
  void removed(hw::UsbDevice& d) override { lose(d); }
  void destroyed(hw::UsbDevice&) override {}
  void attached(hw::UsbPort&) override { ++connects; }
  void detached(hw::UsbPort&) override { ++losses; }
  void remote_wakeup(hw::UsbPort&) override { ++wakes; }

  void lose(const hw::UsbDevice& d) {
    if (std::find(lost.begin(), lost.end(), d.name()) == lost.end()) lost.push_back(d.name());
  }

  hw::UsbPort port_;
};

/// A device that is plugged in, and its host.
class UsbTestHost {
 public:
  explicit UsbTestHost(hw::UsbDevice& d, hw::UsbSpeed speed = hw::UsbSpeed::High)
      : bus({speed}), device(d) {
    EXPECT_TRUE(bus.port().attach(device));
    bus.port().reset();
  }
  ~UsbTestHost() { bus.port().detach(); }
  UsbTestHost(const UsbTestHost&) = delete;
  UsbTestHost& operator=(const UsbTestHost&) = delete;

  UsbTestControl control(u8 type, u8 request, u16 value, u16 index, u16 length,
                         std::vector<u8> out = {}) {
    return usb_control(device, {type, request, value, index, length}, std::move(out));
  }
  /// A request without data, or with data for the device.
  hw::UsbStatus set(u8 type, u8 request, u16 value, u16 index, std::vector<u8> out = {}) {
    return control(type, request, value, index, 0, std::move(out)).status;
  }
  /// What a request gives, which must be understood.
  std::vector<u8> get(u8 type, u8 request, u16 value, u16 index, u16 length) {
    const UsbTestControl c = control(type, request, value, index, length);
    EXPECT_EQ(c.status, hw::UsbStatus::Ok);
    return c.data;
  }
  std::vector<u8> descriptor(u8 type, u8 n = 0) {
    return get(0x80, 6, static_cast<u16>(type << 8 | n), 0, 0xffff);
  }
  void configure(u8 address = 7) {
    EXPECT_EQ(set(0x00, 5, address, 0), hw::UsbStatus::Ok);
    EXPECT_EQ(set(0x00, 9, 1, 0), hw::UsbStatus::Ok);
  }
  /// An IN transfer that ends at once; empty and `status` say how else.
  std::vector<u8> in(u8 endpoint, u32 length) {
    auto p = UsbTestPacket::to_host(endpoint, length);
    status = device.handle_data(p);
    return status == hw::UsbStatus::Ok ? p.bytes() : std::vector<u8>{};
  }
  hw::UsbStatus out(u8 endpoint, std::vector<u8> bytes) {
    auto p = UsbTestPacket::from_host(endpoint, std::move(bytes));
    return status = device.handle_data(p);
  }

  UsbTestBus bus;
  hw::UsbDevice& device;
  hw::UsbStatus status = hw::UsbStatus::Ok;  ///< of the last in() or out()
};

/// Saves a device and loads it into another.
inline void usb_copy(hw::UsbDevice& from, hw::UsbDevice& to) {
  Archive ar(Archive::Mode::Save);
  from.snapshot(ar);
  ar.set_mode(Archive::Mode::Load);
  to.snapshot(ar);
  const auto ok = ar.finish();
  ASSERT_TRUE(ok) << ok.error().message();
  to.restored();
}

}  // namespace quince::test
