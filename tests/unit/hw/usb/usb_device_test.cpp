// Standard requests of USB 2.0, section 9.4, and descriptors, through the test device.
#include <gtest/gtest.h>

#include "tests/support/usb_test_device.h"

namespace quince::test {
namespace {

using hw::UsbPort;
using hw::UsbSetup;
using hw::UsbSpeed;
using hw::UsbStatus;

/// A bus with one port, which remembers what it was told.
class OnePort final : public hw::UsbBus, public hw::UsbPortOwner {
 public:
  explicit OnePort(hw::UsbSpeeds speeds) : port_(*this, *this, 1, speeds) {}
  unsigned ports() const override { return 1; }
  UsbPort* port(unsigned n) override { return n == 1 ? &port_ : nullptr; }
  void wakeup(hw::UsbDevice&, u8 endpoint) override { woken.push_back(endpoint); }
  void unreachable(hw::UsbDevice&) override {}
  void suspended(hw::UsbDevice&) override {}
  void resumed(hw::UsbDevice&) override {}
  void removed(hw::UsbDevice&) override {}
  void destroyed(hw::UsbDevice&) override {}
  void attached(UsbPort&) override {}
  void detached(UsbPort&) override {}
  void remote_wakeup(UsbPort&) override { ++wakes; }
  std::vector<u8> woken;
  int wakes = 0;

 private:
  UsbPort port_;
};

struct Bench {
  explicit Bench(hw::UsbSpeeds speeds = {UsbSpeed::High}) : bus(speeds) {
    EXPECT_TRUE(bus.port(1)->attach(device));
    bus.port(1)->reset();
  }
  UsbTestControl control(u8 type, u8 request, u16 value, u16 index, u16 length,
                         std::vector<u8> out = {}) {
    return usb_control(device, {type, request, value, index, length}, std::move(out));
  }
  std::vector<u8> descriptor(u8 type, u8 n = 0, u16 length = 0xffff) {
    return control(0x80, 6, static_cast<u16>(type << 8 | n), 0, length).data;
  }
  bool accepts(u8 type, u8 request, u16 value, u16 index) {
    return control(type, request, value, index, 0).status == UsbStatus::Ok;
  }
  void configure() {
    EXPECT_TRUE(accepts(0x00, 5, 7, 0));
    EXPECT_TRUE(accepts(0x00, 9, 1, 0));
  }
  OnePort bus;
  UsbTestDevice device{"usb"};
};

TEST(UsbDescriptors, DeviceAtEachSpeed) {
  const auto at = [](UsbSpeed s) { return Bench({s}).descriptor(1); };
  EXPECT_EQ(at(UsbSpeed::High), (std::vector<u8>{18, 1, 0x00, 0x02, 0, 0, 0, 64, 0x34, 0x12, 0x53,
                                                 0x55, 1, 0, 1, 2, 3, 1}));
  EXPECT_EQ(at(UsbSpeed::Full)[7], 8);
  EXPECT_EQ(at(UsbSpeed::Super)[7], 9) << "an exponent: 512 bytes";
}

TEST(UsbDescriptors, ConfigurationHasEverythingAndIsCut) {
  Bench b;
  const auto all = b.descriptor(2);
  ASSERT_EQ(all.size(), 9u + 9 + 5 * 7);
  EXPECT_EQ(load_le<u16>(&all[2]), all.size());
  EXPECT_EQ(all[7], 0xa0) << "bus powered, remote wakeup";
  EXPECT_EQ(all[8], 50) << "100 mA in units of 2 mA";
  EXPECT_EQ(b.descriptor(2, 0, 9), std::vector<u8>(all.begin(), all.begin() + 9));
  EXPECT_EQ(b.control(0x80, 6, 0x0201, 0, 9).status, UsbStatus::Stall) << "there is no second one";
}

TEST(UsbDescriptors, SuperSpeedHasCompanionsAndBos) {
  Bench b({UsbSpeed::Super});
  const auto all = b.descriptor(2);
  EXPECT_EQ(all.size(), 9u + 9 + 5 * (7 + 6));
  EXPECT_EQ(all[8], 13) << "100 mA in units of 8 mA";
  EXPECT_EQ(all[18 + 7], 6);
  EXPECT_EQ(all[18 + 8], 48);
  const auto bos = b.descriptor(15);
  ASSERT_EQ(bos.size(), 22u);
  EXPECT_EQ(bos[4], 2) << "capabilities";
  EXPECT_EQ(load_le<u16>(&bos[16]), 0xe) << "full, high and super";
  EXPECT_TRUE(b.descriptor(6).empty()) << "no qualifier at super speed";
}

TEST(UsbDescriptors, QualifierAndOtherSpeed) {
  Bench b;
  EXPECT_EQ(b.descriptor(6), (std::vector<u8>{10, 6, 0x10, 0x01, 0, 0, 0, 8, 1, 0}));
  const auto other = b.descriptor(7);
  ASSERT_GT(other.size(), 26u);
  EXPECT_EQ(other[1], 7);
  EXPECT_EQ(load_le<u16>(&other[18 + 4]), 64) << "full speed's packets";
}

TEST(UsbDescriptors, Strings) {
  Bench b;
  EXPECT_EQ(b.descriptor(3, 0), (std::vector<u8>{4, 3, 9, 4}));
  EXPECT_EQ(b.descriptor(3, 3), (std::vector<u8>{4, 3, '1', 0}));
  EXPECT_EQ(b.control(0x80, 6, 0x0304, 0x409, 255).status, UsbStatus::Stall);
  EXPECT_EQ(hw::usb_string_descriptor("\u00e9\U0001f600"),
            (std::vector<u8>{8, 3, 0xe9, 0, 0x3d, 0xd8, 0x00, 0xde}));
  EXPECT_EQ(hw::usb_string_descriptor("\xff\xc0\xafz"),
            (std::vector<u8>{10, 3, 0xfd, 0xff, 0xfd, 0xff, 0xfd, 0xff, 'z', 0}));
  EXPECT_EQ(hw::usb_string_descriptor(std::string(500, 'x')).size(), 254u);
}

TEST(UsbDescriptors, FindSkipsAndStopsAtNonsense) {
  constexpr u8 run[] = {3, 0x30, 1, 2, 0x21, 0};
  EXPECT_EQ(hw::usb_find_descriptor(run, 0x21).size(), 2u);
  EXPECT_TRUE(hw::usb_find_descriptor(run, 0x22).empty());
}

TEST(UsbRequests, AddressThenConfiguration) {
  Bench b;
  EXPECT_FALSE(b.accepts(0x00, 9, 1, 0)) << "not in the default state";
  EXPECT_FALSE(b.accepts(0x00, 5, 128, 0));
  EXPECT_TRUE(b.accepts(0x00, 5, 7, 0));
  EXPECT_EQ(b.device.address(), 7);
  EXPECT_FALSE(b.accepts(0x00, 9, 2, 0)) << "there is no configuration 2";
  EXPECT_TRUE(b.accepts(0x00, 9, 1, 0));
  EXPECT_EQ(b.control(0x80, 8, 0, 0, 1).data, std::vector<u8>{1});
  b.bus.port(1)->reset();
  EXPECT_EQ(b.device.address(), 0);
  EXPECT_EQ(b.device.configuration(), 0);
}

TEST(UsbRequests, HaltOfAnEndpoint) {
  Bench b;
  b.configure();
  EXPECT_TRUE(b.accepts(0x02, 3, 0, 0x81));
  EXPECT_EQ(b.control(0x82, 0, 0, 0x81, 2).data, (std::vector<u8>{1, 0}));
  auto p = UsbTestPacket::to_host(1, 64);
  EXPECT_EQ(b.device.handle_data(p), UsbStatus::Stall);
  EXPECT_EQ(b.control(0x82, 0, 0, 0x01, 2).data, (std::vector<u8>{0, 0})) << "OUT is another one";
  EXPECT_TRUE(b.accepts(0x02, 1, 0, 0x81));
  EXPECT_EQ(b.device.handle_data(p), UsbStatus::Nak);
  EXPECT_FALSE(b.accepts(0x02, 3, 0, 0x84)) << "there is no such endpoint";
  b.device.answer = UsbStatus::Stall;
  EXPECT_EQ(b.device.handle_data(p), UsbStatus::Stall);
  EXPECT_TRUE(b.device.halted(0x81)) << "who stalls is halted";
}

TEST(UsbRequests, InterfacesAndStatus) {
  Bench b;
  EXPECT_EQ(b.control(0x81, 10, 0, 0, 1).status, UsbStatus::Stall) << "not configured";
  b.configure();
  EXPECT_EQ(b.control(0x81, 10, 0, 0, 1).data, std::vector<u8>{0});
  EXPECT_TRUE(b.accepts(0x01, 11, 0, 0));
  EXPECT_FALSE(b.accepts(0x01, 11, 1, 0));
  EXPECT_FALSE(b.accepts(0x01, 11, 0, 1));
  EXPECT_EQ(b.control(0x81, 0, 0, 0, 2).data, (std::vector<u8>{0, 0}));
  EXPECT_EQ(b.control(0x81, 0, 0, 1, 2).status, UsbStatus::Stall);
  EXPECT_EQ(b.control(0x80, 0, 0, 0, 2).data, (std::vector<u8>{0, 0}));
  EXPECT_TRUE(b.accepts(0x00, 3, 1, 0));
  EXPECT_EQ(b.control(0x80, 0, 0, 0, 2).data, (std::vector<u8>{2, 0})) << "remote wakeup";
  EXPECT_FALSE(b.accepts(0x00, 3, 48, 0)) << "U1 is for super speed";
}

TEST(UsbRequests, SuperSpeedOnes) {
  Bench b({UsbSpeed::Super});
  b.configure();
  EXPECT_TRUE(b.accepts(0x00, 3, 48, 0));
  EXPECT_EQ(b.control(0x80, 0, 0, 0, 2).data, (std::vector<u8>{4, 0}));
  EXPECT_EQ(b.control(0x00, 0x30, 0, 0, 6, std::vector<u8>(6)).status, UsbStatus::Ok);
  EXPECT_EQ(b.control(0x00, 0x30, 0, 0, 5, std::vector<u8>(5)).status, UsbStatus::Stall);
  EXPECT_TRUE(b.accepts(0x00, 0x31, 40, 0));
  EXPECT_TRUE(b.accepts(0x01, 3, 0, 0x300)) << "function suspend with remote wake";
  EXPECT_TRUE(b.device.remote_wakeup_enabled());
}

TEST(UsbRequests, OfTheClassGetTheirDataAndAreBounded) {
  Bench b;
  EXPECT_EQ(b.control(0x40, UsbTestDevice::kVendorWrite, 0, 0, 3, {1, 2, 3}).status, UsbStatus::Ok);
  EXPECT_EQ(b.control(0xc0, UsbTestDevice::kVendorRead, 0, 0, 2).data, (std::vector<u8>{1, 2}));
  EXPECT_EQ(b.control(0x40, UsbTestDevice::kVendorWrite, 0, 0, 0, std::vector<u8>(4097)).status,
            UsbStatus::Stall);
  EXPECT_EQ(b.control(0xc0, 99, 0, 0, 2).status, UsbStatus::Stall);
  // A data stage that is not what wLength says.
  auto p = UsbTestPacket::from_host(0, {1, 2});
  EXPECT_EQ(b.device.handle_control({0x40, UsbTestDevice::kVendorWrite, 0, 0, 3}, p),
            UsbStatus::Stall);
}

TEST(UsbPackets, PositionAndOverrun) {
  auto in = UsbTestPacket::to_host(1, 4);
  const u8 bytes[] = {1, 2, 3};
  EXPECT_EQ(in.write(bytes), 3u);
  EXPECT_FALSE(in.overrun());
  EXPECT_EQ(in.write(bytes), 1u);
  EXPECT_TRUE(in.overrun());
  EXPECT_EQ(in.bytes(), (std::vector<u8>{1, 2, 3, 1}));
  EXPECT_EQ(in.address(), 0x81);
  auto out = UsbTestPacket::from_host(2, {9, 8, 7});
  u8 got[2];
  EXPECT_EQ(out.read(got), 2u);
  EXPECT_EQ(got[1], 8);
  EXPECT_EQ(out.left(), 1u);
  EXPECT_EQ(out.read(got), 1u);
  EXPECT_EQ(got[1], 0) << "what was not there";
}

TEST(UsbDevice, WakesTheHostOnlyWhenItMay) {
  Bench b;
  b.configure();
  b.device.queue(0x82, {1});
  EXPECT_EQ(b.bus.woken, std::vector<u8>{0x82});
  b.bus.port(1)->set_state(UsbPort::State::Suspended);
  b.device.queue(0x82, {1});
  EXPECT_EQ(b.bus.wakes, 0);
  b.bus.port(1)->set_state(UsbPort::State::Enabled);
  EXPECT_TRUE(b.accepts(0x00, 3, 1, 0));
  b.bus.port(1)->set_state(UsbPort::State::Suspended);
  b.device.queue(0x82, {1});
  EXPECT_EQ(b.bus.wakes, 1);
  EXPECT_EQ(b.bus.woken.size(), 1u);
}

TEST(UsbDevice, SnapshotKeepsItsState) {
  Bench a, b;
  a.configure();
  EXPECT_TRUE(a.accepts(0x02, 3, 0, 0x81));
  a.device.queue(0x82, {5, 6});
  Archive ar(Archive::Mode::Save);
  a.device.snapshot(ar);
  ar.set_mode(Archive::Mode::Load);
  b.device.snapshot(ar);
  ASSERT_TRUE(ar.finish());
  b.device.restored();
  EXPECT_EQ(b.device.configuration(), 1);
  EXPECT_TRUE(b.device.halted(0x81));
  auto p = UsbTestPacket::to_host(2, 8);
  EXPECT_EQ(b.device.handle_data(p), UsbStatus::Ok);
  EXPECT_EQ(p.bytes(), (std::vector<u8>{5, 6}));
}

}  // namespace
}  // namespace quince::test
