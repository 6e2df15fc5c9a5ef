// Ports, hubs and paths.
#include <gtest/gtest.h>

#include <memory>

#include "tests/support/usb_test_device.h"

namespace quince::test {
namespace {

using hw::UsbDevice;
using hw::UsbPort;
using hw::UsbSpeed;

constexpr hw::UsbSpeeds kUsb2{UsbSpeed::Low, UsbSpeed::Full, UsbSpeed::High};

/// A bus of two ports that writes down what happens.
class Root final : public hw::UsbBus, public hw::UsbPortOwner {
 public:
  unsigned ports() const override { return 2; }
  UsbPort* port(unsigned n) override { return n == 1 ? &one_ : n == 2 ? &two_ : nullptr; }
  void wakeup(UsbDevice& d, u8) override { say("wakeup ", d); }
  void unreachable(UsbDevice& d) override { say("unreachable ", d); }
  void suspended(UsbDevice& d) override { say("suspended ", d); }
  void resumed(UsbDevice& d) override { say("resumed ", d); }
  void removed(UsbDevice& d) override { say("removed ", d); }
  void destroyed(UsbDevice& d) override { say("destroyed ", d); }
  void attached(UsbPort& p) override { say("attached ", *p.device()); }
  void detached(UsbPort& p) override { say("detached ", *p.device()); }
  void remote_wakeup(UsbPort& p) override { say("remote wakeup ", *p.device()); }
  std::string take() { return std::exchange(log_, ""); }

 private:
  void say(const char* what, const UsbDevice& d) { log_ += what + d.name() + "; "; }
  std::string log_;
  UsbPort one_{*this, *this, 1, kUsb2};
  UsbPort two_{*this, *this, 2, {UsbSpeed::Super}};
};

/// A hub of two ports without a hub class.
class TestHub final : public hw::UsbDescribedDevice, public hw::UsbPortOwner {
 public:
  explicit TestHub(std::string_view name)
      : UsbDescribedDevice(name, UsbTestDevice::description()) {}
  unsigned ports() const override { return 2; }
  UsbPort* downstream(unsigned n) override { return n == 1 ? &one_ : n == 2 ? &two_ : nullptr; }
  void attached(UsbPort&) override {}
  void detached(UsbPort&) override {}
  void remote_wakeup(UsbPort& p) override { woken = &p; }
  UsbPort* woken = nullptr;

 protected:
  hw::UsbStatus transfer(hw::UsbPacket&) override { return hw::UsbStatus::Nak; }

 private:
  UsbPort one_{static_cast<UsbDevice&>(*this), *this, 1, kUsb2};
  UsbPort two_{static_cast<UsbDevice&>(*this), *this, 2, kUsb2};
};

TEST(UsbPort, TheFastestCommonSpeed) {
  Root root;
  UsbTestDevice a("a"), b("b");
  ASSERT_TRUE(root.port(1)->attach(a));
  EXPECT_EQ(a.speed(), UsbSpeed::High);
  ASSERT_TRUE(root.port(2)->attach(b));
  EXPECT_EQ(b.speed(), UsbSpeed::Super);
  root.port(1)->detach();
  EXPECT_EQ(a.speed(), UsbSpeed::None);
  EXPECT_EQ(a.port(), nullptr);
}

TEST(UsbPort, RefusesWhatDoesNotFit) {
  Root root;
  UsbTestDevice a("a"), b("b");
  ASSERT_TRUE(root.port(1)->attach(a));
  EXPECT_EQ(root.port(1)->attach(b).error().message(), "USB port 1 is in use");
  TestHub hub("hub");
  root.port(1)->detach();
  ASSERT_TRUE(root.port(2)->attach(hub)) << "a hub with super speed";
  EXPECT_EQ(hub.downstream(1)->path(), "2.1");
}

TEST(UsbPort, FiveHubsAndNoMore) {
  Root root;
  std::vector<std::unique_ptr<TestHub>> hubs;
  UsbPort* at = root.port(1);
  for (int n = 0; n < 5; ++n) {
    hubs.push_back(std::make_unique<TestHub>("hub"));
    ASSERT_TRUE(at->attach(*hubs.back()));
    at = hubs.back()->downstream(2);
  }
  EXPECT_EQ(at->path(), "1.2.2.2.2.2");
  TestHub sixth("sixth");
  EXPECT_FALSE(at->attach(sixth));
  UsbTestDevice leaf("leaf");
  EXPECT_TRUE(at->attach(leaf));
  // A chain that was built elsewhere counts as a whole.
  TestHub top("top"), middle("middle");
  ASSERT_TRUE(top.downstream(1)->attach(middle));
  EXPECT_FALSE(hubs[3]->downstream(1)->attach(top));
  EXPECT_TRUE(hubs[2]->downstream(1)->attach(top));
  while (!hubs.empty()) hubs.pop_back();
}

TEST(UsbPort, PathsLeadToPorts) {
  Root root;
  TestHub hub("hub");
  UsbTestDevice a("a");
  ASSERT_TRUE(root.port(1)->attach(hub));
  ASSERT_TRUE(hub.downstream(1)->attach(a));
  EXPECT_EQ(root.find("1.2").value(), hub.downstream(2));
  EXPECT_EQ(root.find("2").value(), root.port(2));
  for (const char* bad : {"", "0", "3", "1.", "1.3", "2.1", "1.1.1", "x", "1x", "-1", "1.2 "})
    EXPECT_FALSE(root.find(bad)) << bad;
  EXPECT_EQ(root.first_free({UsbSpeed::Super}), root.port(2));
  EXPECT_EQ(root.first_free({UsbSpeed::Full}), hub.downstream(2)) << "behind the hub";
  EXPECT_EQ(hub.downstream(2)->path(), "1.2");
}

TEST(UsbPort, ReachableThroughEnabledPortsOnly) {
  Root root;
  TestHub hub("hub");
  UsbTestDevice a("a");
  ASSERT_TRUE(root.port(1)->attach(hub));
  ASSERT_TRUE(hub.downstream(1)->attach(a));
  hub.downstream(1)->reset();
  EXPECT_FALSE(a.reachable());
  root.port(1)->reset();
  EXPECT_TRUE(a.reachable());
  root.port(1)->set_state(UsbPort::State::Suspended);
  EXPECT_TRUE(a.suspended());
  EXPECT_TRUE(a.reachable());
  root.port(1)->set_state(UsbPort::State::Disabled);
  EXPECT_FALSE(a.reachable());
}

TEST(UsbPort, TheBusHearsOfEveryDeviceBehind) {
  Root root;
  TestHub hub("hub");
  UsbTestDevice a("a");
  ASSERT_TRUE(hub.downstream(1)->attach(a));
  ASSERT_TRUE(root.port(1)->attach(hub));
  EXPECT_EQ(root.take(), "attached hub; ");
  root.port(1)->reset();
  hub.downstream(1)->reset();
  EXPECT_EQ(a.resets, 1u);
  root.take();
  root.port(1)->set_state(UsbPort::State::Suspended);
  root.port(1)->set_state(UsbPort::State::Enabled);
  EXPECT_EQ(root.take(), "suspended hub; suspended a; resumed hub; resumed a; ");
  root.port(1)->detach();
  EXPECT_EQ(root.take(), "unreachable hub; unreachable a; removed hub; removed a; detached hub; ");
  EXPECT_EQ(hub.downstream(1)->device(), &a) << "it stays in the hub";
  EXPECT_EQ(hub.downstream(1)->bus(), nullptr);
}

TEST(UsbPort, WakeupGoesToTheSuspendedPort) {
  Root root;
  TestHub hub("hub");
  UsbTestDevice a("a");
  ASSERT_TRUE(root.port(1)->attach(hub));
  ASSERT_TRUE(hub.downstream(1)->attach(a));
  root.port(1)->reset();
  hub.downstream(1)->reset();
  root.take();
  hub.downstream(1)->set_state(UsbPort::State::Suspended);
  a.port()->remote_wakeup();
  EXPECT_EQ(hub.woken, hub.downstream(1));
  hub.downstream(1)->set_state(UsbPort::State::Enabled);
  root.port(1)->set_state(UsbPort::State::Suspended);
  root.take();
  a.port()->remote_wakeup();
  EXPECT_EQ(root.take(), "remote wakeup hub; ");
}

TEST(UsbPort, WhoeverGoesFirst) {
  {
    Root root;
    UsbTestDevice a("a");
    ASSERT_TRUE(root.port(1)->attach(a));
  }
  UsbTestDevice a("a");
  {
    Root root;
    ASSERT_TRUE(root.port(1)->attach(a));
  }
  EXPECT_EQ(a.port(), nullptr);
}

}  // namespace
}  // namespace quince::test
