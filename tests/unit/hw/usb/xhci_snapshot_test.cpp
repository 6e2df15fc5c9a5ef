// Snapshots in the middle of things.
#include "tests/support/xhci_bench.h"

namespace quince::test {
namespace {

using namespace hw::xhci;
using D = XhciDriver;
using hw::UsbSpeed;

struct World {
  explicit World(hw::XhciPciConfig config = {.msix = false}) : b(config) {
    EXPECT_TRUE(b.xhci.controller().port(1)->attach(device));
  }
  ~World() { device.port()->detach(); }
  Archive save() {
    Archive ar(Archive::Mode::Save);
    visit(ar);
    return ar;
  }
  void visit(Archive& ar) {
    ar.section("xhci", [&](Archive& a) { b.xhci.snapshot(a); });
    ar.section("usb", [&](Archive& a) { device.snapshot(a); });
  }
  /// Takes over everything of another world, memory included.
  void load(World& from) {
    Archive ar = from.save();
    ar.set_mode(Archive::Mode::Load);
    visit(ar);
    const auto loaded = ar.finish();
    ASSERT_TRUE(loaded) << loaded.error().message();
    std::copy_n(from.b.ram->data(), XhciBench::kRamSize, b.ram->data());
    b.timers.advance_to(from.b.timers.now_ns());
    b.xhci.restored();
    device.restored();
    b.driver = from.b.driver;
    b.driver.use(b);
  }
  UsbTestDevice device{"usb"};
  XhciBench b;
};

TEST(XhciSnapshot, EverythingIsKept) {
  World a, c;
  a.b.driver.start(3);
  const unsigned slot = a.b.driver.enumerate(1, UsbSpeed::Super);
  a.b.driver.configure(slot, {{2, EpType::BulkOut, 1024}, {5, EpType::InterruptIn, 8, 3}});
  a.b.driver.commands().push({.control = Trb::type_bits(TrbType::NoOpCommand)});
  a.b.driver.doorbell(0, 0);
  c.load(a);
  EXPECT_EQ(Archive::diff(a.save(), c.save()), std::nullopt);
  EXPECT_EQ(c.b.pin.high, a.b.pin.high);
  EXPECT_TRUE(c.b.pin.high);
  EXPECT_EQ(c.device.configuration(), 1);
  EXPECT_EQ(c.b.driver.control(slot, {0x80, 8, 0, 0, 0, 0, 0, 0}).code, Code::Success);
}

// More commands than are done at once: the rest has its time, before and after a load.
TEST(XhciSnapshot, CommandsGoOnWhenTheyWouldHave) {
  constexpr unsigned kCommands = 300;
  World a, c;
  a.b.driver.start();
  a.b.driver.take();
  const u64 table = a.b.driver.allocate(64), segment = a.b.driver.allocate(512 * kTrbSize);
  a.b.driver.events() = XhciEventRing(a.b, 0, table, {segment}, 512);
  a.b.driver.events().program();
  const u64 ring = a.b.driver.allocate((kCommands + 1) * kTrbSize);
  XhciProducerRing commands(a.b, {ring}, kCommands + 2);
  a.b.driver.wr64(D::kCrcr, commands.start());
  for (unsigned n = 0; n < kCommands; ++n)
    commands.push({.control = Trb::type_bits(TrbType::NoOpCommand)});
  a.b.timers.advance_to(hw::kMillisecond);
  a.b.driver.doorbell(0, 0);
  c.load(a);
  EXPECT_EQ(c.b.timers.next_deadline(), hw::kMillisecond + 125 * hw::kMicrosecond);
  EXPECT_EQ(c.b.timers.next_deadline(), a.b.timers.next_deadline());
  EXPECT_EQ(c.b.driver.take().size(), 256u);
  c.b.timers.advance_to(2 * hw::kMillisecond);
  EXPECT_EQ(c.b.driver.take().size(), kCommands - 256u);
}

TEST(XhciSnapshot, WhatADeviceHadIsHandedOverAgain) {
  World a, c;
  a.b.driver.start();
  const unsigned slot = a.b.driver.enumerate(1, UsbSpeed::Super);
  a.b.driver.configure(slot, {{2, EpType::BulkOut, 1024}});
  a.device.pend = true;
  const u64 at = a.b.driver.push_normal(slot, 2, {a.b.driver.allocate(64), 8});
  a.b.driver.doorbell(slot, 2);
  ASSERT_EQ(a.device.pending.size(), 1u);
  c.load(a);
  EXPECT_EQ(Archive::diff(a.save(), c.save()), std::nullopt);
  EXPECT_EQ(c.device.transfers, 0u) << "not before every unit is restored";
  c.b.advance(0);
  c.b.timers.run_due();
  EXPECT_EQ(c.device.transfers, 1u);
  EXPECT_EQ(c.b.driver.take().back().pointer, at);
}

TEST(XhciSnapshot, WhatWaitsForTheDeviceGoesOnWaiting) {
  World a, c;
  a.b.driver.start();
  const unsigned slot = a.b.driver.enumerate(1, UsbSpeed::Super);
  a.b.driver.configure(slot, {{5, EpType::InterruptIn, 8, 3}});
  const u64 at = a.b.driver.push_normal(slot, 5, {a.b.driver.allocate(64), 8});
  a.b.driver.doorbell(slot, 5);
  c.load(a);
  c.b.advance(hw::kSecond);
  c.b.driver.take();
  c.device.queue(0x82, {1, 2, 3});
  EXPECT_EQ(c.b.driver.take().back().pointer, at);
}

TEST(XhciSnapshot, EventsThatFoundNoRoomAreKept) {
  World a, c;
  a.b.driver.start(1, 1);
  std::vector<u64> posted;
  // More than the ring has room for.
  for (int n = 0; n < 18; ++n) {
    posted.push_back(a.b.driver.commands().push({.control = Trb::type_bits(TrbType::NoOpCommand)}));
    a.b.driver.doorbell(0, 0);
  }
  c.load(a);
  std::vector<u64> got;
  for (int round = 0; round < 5; ++round) {
    for (const XhciEvent& e : c.b.driver.take())
      if (e.type == TrbType::CommandCompletion) got.push_back(e.pointer);
    c.b.advance(hw::kMillisecond);
  }
  EXPECT_EQ(got, posted);
}

TEST(XhciSnapshot, ModerationGoesOn) {
  World a({.msix = false}), c({.msix = false});
  a.b.driver.start();
  a.b.write(0x1024, 4000);
  a.b.driver.take();
  a.b.write(0x1020, kIp | kIe);  // of the device's connection; the counter begins
  a.b.driver.commands().push({.control = Trb::type_bits(TrbType::NoOpCommand)});
  a.b.driver.doorbell(0, 0);
  EXPECT_FALSE(a.b.pin.high);
  c.load(a);
  EXPECT_FALSE(c.b.pin.high);
  c.b.advance(hw::kMillisecond);
  EXPECT_TRUE(c.b.pin.high);
}

TEST(XhciSnapshot, AReusedMachineForgetsWhatItDid) {
  World a, c;
  a.b.driver.start();
  c.b.driver.start();
  const unsigned slot = c.b.driver.enumerate(1, UsbSpeed::Super);
  c.b.driver.configure(slot, {{2, EpType::BulkOut, 1024}});
  c.device.pend = true;
  c.b.driver.push_normal(slot, 2, {c.b.driver.allocate(64), 8});
  c.b.driver.doorbell(slot, 2);
  c.load(a);
  EXPECT_EQ(c.device.cancels, 1u);
  EXPECT_EQ(Archive::diff(a.save(), c.save()), std::nullopt);
}

}  // namespace
}  // namespace quince::test
