// The hub (USB 2.0, chapter 11) as a host sees it.
#include <gtest/gtest.h>

#include "hw/usb/hub/usb_hub.h"
#include "tests/support/usb_test_host.h"

namespace quince::test {
namespace {

using hw::UsbHub;
using hw::UsbPort;
using hw::UsbStatus;
using Bytes = std::vector<u8>;

constexpr u16 kConnection = 0, kEnable = 1, kSuspend = 2, kReset = 4, kPower = 8, kCConnection = 16,
              kCSuspend = 18, kCReset = 20;

struct Bench {
  explicit Bench(unsigned ports = 4) : hub("hub", ports, ""), host(hub) { host.configure(); }
  UsbStatus set(u16 feature, u16 port) { return host.set(0x23, 3, feature, port); }
  UsbStatus clear(u16 feature, u16 port) { return host.set(0x23, 1, feature, port); }
  /// wPortStatus and wPortChange.
  std::pair<u16, u16> status(u16 port) {
    const Bytes b = host.get(0xa3, 0, 0, port, 4);
    return {load_le<u16>(&b[0]), load_le<u16>(&b[2])};
  }
  Bytes changes() { return host.in(1, 2); }
  void plug(u8 port) { EXPECT_TRUE(hub.downstream(port)->attach(device)); }

  UsbTestDevice device{"device"};
  UsbHub hub;
  UsbTestHost host;
};

TEST(UsbHub, Descriptors) {
  Bench b(8);
  EXPECT_EQ(b.host.descriptor(1),
            (Bytes{18, 1, 0, 2, 9, 0, 1, 64, 0x09, 0x04, 0xaa, 0x55, 1, 1, 1, 2, 3, 1}));
  EXPECT_EQ(b.host.get(0xa0, 6, 0x2900, 0, 71), (Bytes{11, 0x29, 8, 9, 0, 1, 0, 0, 0, 0xff, 0xff}));
  EXPECT_EQ(b.host.get(0xa0, 6, 0x2900, 0, 7).size(), 7u);
  EXPECT_EQ(Bench(1).host.get(0xa0, 6, 0x2900, 0, 71), (Bytes{9, 0x29, 1, 9, 0, 1, 0, 0, 0xff}));
  EXPECT_EQ(b.host.get(0x80, 0, 0, 0, 2), (Bytes{1, 0})) << "it has power of its own";
  EXPECT_EQ(b.host.get(0xa0, 0, 0, 0, 4), Bytes(4));
}

TEST(UsbHub, PowerConnectReset) {
  Bench b;
  b.plug(2);
  EXPECT_EQ(b.status(2), std::pair(u16{0}, u16{0})) << "no power, nobody is seen";
  EXPECT_TRUE(b.changes().empty());
  EXPECT_EQ(b.host.status, UsbStatus::Nak);
  for (u16 n = 1; n <= 4; ++n) EXPECT_EQ(b.set(kPower, n), UsbStatus::Ok);
  EXPECT_EQ(b.status(1), std::pair(u16{0x100}, u16{0}));
  EXPECT_EQ(b.status(2), std::pair(u16{0x501}, u16{1})) << "connected, at high speed";
  EXPECT_EQ(b.host.bus.woken, Bytes{0x81});
  EXPECT_EQ(b.changes(), Bytes{1 << 2});
  EXPECT_EQ(b.clear(kCConnection, 2), UsbStatus::Ok);
  EXPECT_TRUE(b.changes().empty());
  EXPECT_FALSE(b.device.reachable());
  EXPECT_EQ(b.set(kReset, 2), UsbStatus::Ok);
  EXPECT_EQ(b.device.resets, 1u);
  EXPECT_TRUE(b.device.reachable());
  EXPECT_EQ(b.status(2), std::pair(u16{0x503}, u16{0x10}));
  EXPECT_EQ(b.clear(kCReset, 2), UsbStatus::Ok);
  EXPECT_EQ(b.clear(kEnable, 2), UsbStatus::Ok);
  EXPECT_EQ(b.status(2), std::pair(u16{0x501}, u16{0}));
  EXPECT_EQ(b.host.bus.lost, std::vector<std::string>{"device"});
}

TEST(UsbHub, APortWithoutADeviceIgnoresWhatIsForOne) {
  Bench b;
  EXPECT_EQ(b.set(kReset, 1), UsbStatus::Ok);
  EXPECT_EQ(b.set(kPower, 1), UsbStatus::Ok);
  EXPECT_EQ(b.set(kReset, 1), UsbStatus::Ok);
  EXPECT_EQ(b.set(kSuspend, 1), UsbStatus::Ok);
  EXPECT_EQ(b.status(1), std::pair(u16{0x100}, u16{0}));
  EXPECT_EQ(b.set(kPower, 5), UsbStatus::Stall) << "there is no such port";
  EXPECT_EQ(b.set(kPower, 0), UsbStatus::Stall);
  EXPECT_EQ(b.set(kConnection, 1), UsbStatus::Stall);
  EXPECT_EQ(b.clear(21, 1), UsbStatus::Stall);
  EXPECT_EQ(b.host.control(0xa3, 0, 0, 9, 4).status, UsbStatus::Stall);
}

TEST(UsbHub, HotPlugAndUnplug) {
  Bench b;
  b.set(kPower, 3);
  b.plug(3);
  EXPECT_EQ(b.changes(), Bytes{1 << 3});
  b.clear(kCConnection, 3);
  b.set(kReset, 3);
  b.clear(kCReset, 3);
  b.host.bus.woken.clear();
  b.hub.downstream(3)->detach();
  EXPECT_EQ(b.status(3), std::pair(u16{0x100}, u16{1}));
  EXPECT_EQ(b.host.bus.woken, Bytes{0x81});
  b.plug(3);
  EXPECT_EQ(b.status(3), std::pair(u16{0x501}, u16{1})) << "not enabled until it is reset";
}

TEST(UsbHub, SuspendAndResume) {
  Bench b;
  b.set(kPower, 1);
  b.plug(1);
  b.set(kReset, 1);
  b.clear(kCConnection, 1);
  b.clear(kCReset, 1);
  EXPECT_EQ(b.set(kSuspend, 1), UsbStatus::Ok);
  EXPECT_TRUE(b.device.suspended());
  EXPECT_EQ(b.status(1), std::pair(u16{0x507}, u16{0}));
  EXPECT_EQ(b.clear(kSuspend, 1), UsbStatus::Ok);
  EXPECT_EQ(b.status(1), std::pair(u16{0x503}, u16{4}));
  b.clear(kCSuspend, 1);
  // By the device.
  usb_control(b.device, {0x00, 5, 9, 0, 0});
  usb_control(b.device, {0x00, 9, 1, 0, 0});
  usb_control(b.device, {0x00, 3, 1, 0, 0});
  b.set(kSuspend, 1);
  b.device.queue(UsbTestDevice::kInterruptIn, {1});
  EXPECT_EQ(b.status(1), std::pair(u16{0x503}, u16{4}));
  EXPECT_EQ(b.changes(), Bytes{1 << 1});
}

TEST(UsbHub, AResetTakesThePowerOff) {
  Bench b;
  b.set(kPower, 1);
  b.plug(1);
  b.set(kReset, 1);
  b.host.bus.port().reset();
  EXPECT_FALSE(b.device.reachable());
  b.host.configure();
  EXPECT_EQ(b.status(1), std::pair(u16{0}, u16{0}));
  EXPECT_EQ(b.set(kPower, 1), UsbStatus::Ok);
  EXPECT_EQ(b.status(1), std::pair(u16{0x501}, u16{1})) << "seen anew";
  EXPECT_EQ(b.clear(kPower, 1), UsbStatus::Ok);
  EXPECT_EQ(b.status(1), std::pair(u16{0}, u16{0}));
}

TEST(UsbHub, HubsInHubs) {
  Bench b;
  UsbHub inner("inner", 2, "");
  ASSERT_TRUE(b.hub.downstream(4)->attach(inner));
  ASSERT_TRUE(inner.downstream(2)->attach(b.device));
  EXPECT_EQ(b.device.port()->path(), "1.4.2");
  const auto found = b.host.bus.find("1.4.2");
  ASSERT_TRUE(found);
  EXPECT_EQ((*found)->device(), &b.device);
  b.hub.downstream(4)->detach();
  EXPECT_EQ(b.host.bus.lost, (std::vector<std::string>{"inner", "device"}));
  inner.downstream(2)->detach();
}

TEST(UsbHub, SnapshotKeepsPorts) {
  Bench a, c;
  a.plug(1);
  c.plug(1);
  a.set(kPower, 1);
  a.set(kPower, 2);
  a.set(kReset, 1);
  a.set(kSuspend, 1);
  usb_copy(a.hub, c.hub);
  EXPECT_EQ(c.status(1), a.status(1));
  EXPECT_TRUE(c.device.suspended());
  EXPECT_EQ(c.status(2), std::pair(u16{0x100}, u16{0}));
  EXPECT_EQ(c.changes(), Bytes{1 << 1});
}

}  // namespace
}  // namespace quince::test
