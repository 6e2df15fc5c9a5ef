// Ports of the root hub: xHCI 1.2, 4.19 and 5.4.8.
#include "tests/support/xhci_bench.h"

namespace quince::test {
namespace {

using namespace hw::xhci;
using D = XhciDriver;
using hw::UsbSpeed;

u32 pls(u32 portsc) { return static_cast<u32>(bits(portsc, 8, 5)); }
u32 speed(u32 portsc) { return static_cast<u32>(bits(portsc, 13, 10)); }

/// A test device of one speed.
struct OneSpeed {
  explicit OneSpeed(UsbSpeed s) : table(UsbTestDevice::description()) {
    if (s != UsbSpeed::Full) table.full = nullptr;
    if (s != UsbSpeed::High) table.high = nullptr;
    if (s != UsbSpeed::Super) table.super = nullptr;
  }
  hw::UsbTable table;
  UsbTestDevice device{"usb", table};
};

struct PortTest : ::testing::Test {
  void plug(UsbTestDevice& d, unsigned connector = 1) {
    ASSERT_TRUE(b.xhci.controller().port(connector)->attach(d));
  }
  std::vector<u64> port_events() {
    std::vector<u64> ports;
    for (const XhciEvent& e : b.driver.take())
      if (e.type == TrbType::PortStatusChange) ports.push_back(e.pointer >> 24);
    return ports;
  }
  XhciBench b;
};

TEST_F(PortTest, TheSpeedDecidesWhichPortShowsADevice) {
  OneSpeed high(UsbSpeed::High), super(UsbSpeed::Super), full(UsbSpeed::Full);
  plug(high.device, 1);
  plug(super.device, 2);
  plug(full.device, 3);
  EXPECT_EQ(speed(b.driver.portsc(5)), 3u) << "USB 2 ports follow those of USB 3";
  EXPECT_EQ(speed(b.driver.portsc(2)), 4u);
  EXPECT_EQ(speed(b.driver.portsc(7)), 1u);
  EXPECT_EQ(b.driver.portsc(1), kPp | 5u << 5) << "nothing: RxDetect";
  EXPECT_EQ(b.driver.portsc(5), kCcs | kPp | 7u << 5 | 3u << 10 | kCsc) << "polling, disabled";
  EXPECT_EQ(b.driver.portsc(2), kCcs | kPed | kPp | 4u << 10 | kCsc) << "enabled by itself";
}

TEST_F(PortTest, ResetEnablesAndTells) {
  OneSpeed high(UsbSpeed::High);
  b.driver.start();
  plug(high.device);
  EXPECT_EQ(port_events(), std::vector<u64>{5});
  b.driver.set_portsc(5, kCsc);
  EXPECT_EQ(b.driver.portsc(5) & kPortChanges, 0u);
  b.driver.set_portsc(5, kPr);
  EXPECT_EQ(b.driver.portsc(5), kCcs | kPed | kPp | 3u << 10 | kPrc);
  EXPECT_EQ(high.device.resets, 1u);
  EXPECT_EQ(port_events(), std::vector<u64>{5});
  b.driver.set_portsc(5, kPr);
  EXPECT_TRUE(port_events().empty()) << "PRC was set already";
  b.driver.set_portsc(5, kPrc);
  b.driver.set_portsc(5, kPed);
  EXPECT_EQ(b.driver.portsc(5), kCcs | kPp | 7u << 5 | 3u << 10) << "disabled by software";
  b.driver.set_portsc(1, kPr);
  EXPECT_EQ(b.driver.portsc(1) & kPrc, 0u) << "nothing is there";
}

TEST_F(PortTest, WarmResetIsForSuperSpeed) {
  OneSpeed super(UsbSpeed::Super);
  plug(super.device);
  b.driver.set_portsc(1, kCsc | kWpr);
  EXPECT_EQ(b.driver.portsc(1) & kPortChanges, kPrc | kWrc);
  b.driver.set_portsc(1, kPrc | kWrc);
  b.driver.set_portsc(1, kPr);
  EXPECT_EQ(b.driver.portsc(1) & kPortChanges, kPrc);
}

TEST_F(PortTest, DetachLeavesPowerOnly) {
  OneSpeed high(UsbSpeed::High);
  b.driver.start();
  plug(high.device);
  b.driver.set_portsc(5, kPr);
  b.driver.set_portsc(5, kCsc | kPrc);
  b.driver.take();
  b.xhci.controller().port(1)->detach();
  EXPECT_EQ(b.driver.portsc(5), kPp | 5u << 5 | kCsc);
  EXPECT_EQ(port_events(), std::vector<u64>{5});
}

TEST_F(PortTest, ChangesWhileHaltedAreToldWhenItRuns) {
  OneSpeed high(UsbSpeed::High);
  plug(high.device);
  EXPECT_NE(b.driver.portsc(5) & kCsc, 0u);
  b.driver.start();
  EXPECT_EQ(port_events(), std::vector<u64>{5});
}

TEST_F(PortTest, ResetOfTheControllerShowsWhatIsThere) {
  OneSpeed high(UsbSpeed::High);
  plug(high.device);
  b.driver.start();
  b.driver.set_portsc(5, kPr);
  b.write(D::kUsbcmd, 0);
  b.write(D::kUsbcmd, kHcReset);
  EXPECT_EQ(b.driver.portsc(5), kCcs | kPp | 7u << 5 | 3u << 10 | kCsc);
}

TEST_F(PortTest, SuspendAndResumeBySoftware) {
  OneSpeed high(UsbSpeed::High);
  b.driver.start();
  plug(high.device);
  b.driver.set_portsc(5, kPr);
  b.driver.set_portsc(5, kCsc | kPrc);
  b.driver.take();
  b.driver.set_portsc(5, kLws | 3u << 5);
  EXPECT_EQ(pls(b.driver.portsc(5)), 3u);
  EXPECT_TRUE(high.device.suspended());
  b.driver.set_portsc(5, kLws | 15u << 5);
  EXPECT_EQ(pls(b.driver.portsc(5)), 15u) << "resume signalling";
  EXPECT_TRUE(high.device.suspended());
  b.driver.set_portsc(5, kLws | 0u << 5);
  EXPECT_EQ(pls(b.driver.portsc(5)), 0u);
  EXPECT_FALSE(high.device.suspended());
  EXPECT_EQ(b.driver.portsc(5) & kPlc, kPlc);
  EXPECT_EQ(port_events(), std::vector<u64>{5});
  b.driver.set_portsc(5, 3u << 5);
  EXPECT_EQ(pls(b.driver.portsc(5)), 0u) << "without LWS nothing";
}

TEST_F(PortTest, RemoteWakeup) {
  OneSpeed high(UsbSpeed::High);
  b.driver.start();
  plug(high.device);
  const unsigned slot = b.driver.enumerate(5, UsbSpeed::High);
  b.driver.set_portsc(5, kCsc | kPrc);
  b.driver.set_portsc(5, kLws | 3u << 5);
  b.driver.take();
  high.device.queue(0x82, {1});
  EXPECT_EQ(pls(b.driver.portsc(5)), 3u) << "the device may not";
  b.driver.set_portsc(5, kLws);
  b.driver.set_portsc(5, kPlc);
  EXPECT_EQ(b.driver.control(slot, {0x00, 3, 1, 0, 0, 0, 0, 0}).code, Code::Success);
  b.driver.set_portsc(5, kLws | 3u << 5);
  high.device.queue(0x82, {1});
  EXPECT_EQ(pls(b.driver.portsc(5)), 15u);
  EXPECT_EQ(b.driver.portsc(5) & kPlc, kPlc);
  EXPECT_EQ(port_events(), std::vector<u64>{5});
}

TEST_F(PortTest, PowerOffHidesTheDevice) {
  OneSpeed high(UsbSpeed::High);
  b.driver.start();
  plug(high.device);
  b.write(D::kPorts + 0x40, 0);
  EXPECT_EQ(b.driver.portsc(5) & (kCcs | kPp), 0u);
  b.driver.set_portsc(5, 0);
  EXPECT_EQ(b.driver.portsc(5) & (kCcs | kPp), kCcs | kPp);
}

TEST_F(PortTest, AConnectorWithoutThePortsSpeedRefuses) {
  XhciBench small({.controller = {.p2 = 1, .p3 = 2}});
  OneSpeed high(UsbSpeed::High), super(UsbSpeed::Super);
  EXPECT_FALSE(small.xhci.controller().port(2)->attach(high.device));
  EXPECT_TRUE(small.xhci.controller().port(2)->attach(super.device));
  EXPECT_EQ(small.xhci.controller().port(3), nullptr);
  small.xhci.controller().port(2)->detach();
}

}  // namespace
}  // namespace quince::test
