// Root ports: bus numbers, windows, mastering, the swizzle, reset of the bus behind.
#include <gtest/gtest.h>

#include "hw/pci/root_port.h"
#include "pci_bench.h"

namespace quince::test {
namespace {

using hw::BarType;
constexpr u16 kIoOn = 1, kMemoryOn = 2, kMaster = 4;

struct PciBridgeTest : ::testing::Test {
  PciBench b;
  hw::RootPort port{"port", *b.host->root().claim(2)};
  Bytes bytes{"bytes"};
  std::unique_ptr<PlainFunction> child;

  static u64 port_cfg(unsigned reg) { return PciBench::cfg(2, reg); }
  static u64 child_cfg(unsigned reg, unsigned bus = 5) { return PciBench::cfg(0, reg, 0, bus); }
  void plug_child() {
    child =
        std::make_unique<PlainFunction>("child", PciBench::kIdentity, *port.secondary()->claim());
  }
  /// Bus 5 behind the port.
  void number() { b.write(port_cfg(0x18), 0x07'05'00); }
  void windows(u64 memory, u64 last, u64 prefetch = 0xfff0'0000, u64 prefetch_last = 0) {
    b.write(port_cfg(0x20), (memory >> 16 & 0xfff0) | (last & 0xfff0'0000));
    b.write(port_cfg(0x24), (prefetch >> 16 & 0xfff0) | (prefetch_last & 0xfff0'0000));
    b.write(port_cfg(0x28), prefetch >> 32);
    b.write(port_cfg(0x2c), prefetch_last >> 32);
  }
};

TEST_F(PciBridgeTest, TheHeaderIsABridges) {
  EXPECT_EQ(b.read(port_cfg(0x00)), 0x000c'1b36u);
  EXPECT_EQ(b.read(port_cfg(0x08)), 0x0604'0000u);
  EXPECT_EQ(b.read(port_cfg(0x0e), 1), 1u);
  EXPECT_EQ(b.read(port_cfg(0x24), 2), 1u);  // 64-bit
  EXPECT_EQ(b.read(port_cfg(0x100)), 0u);    // extended space, and empty
  EXPECT_EQ(b.read(port_cfg(0x2e), 2), 0u);
}

TEST_F(PciBridgeTest, ConfigurationFollowsTheBusNumbers) {
  plug_child();
  EXPECT_EQ(b.read(child_cfg(0)), 0xffff'ffffu);
  number();
  EXPECT_EQ(b.read(child_cfg(0)), 0x5678'1234u);
  EXPECT_EQ(b.read(PciBench::cfg(1, 0, 0, 5)), 0xffff'ffffu);  // one slot only
  EXPECT_EQ(b.read(child_cfg(0, 6)), 0xffff'ffffu);            // subordinate, and nobody there
  EXPECT_EQ(child->requester(), 0x500u);
  b.write(port_cfg(0x18), 0x0a'09'00);
  EXPECT_EQ(b.read(child_cfg(0, 5)), 0xffff'ffffu);
  EXPECT_EQ(b.read(child_cfg(0, 9)), 0x5678'1234u);
  EXPECT_EQ(child->requester(), 0x900u);
  b.write(port_cfg(0x18), 0x05'09'00);  // subordinate below secondary: nothing is forwarded
  EXPECT_EQ(b.read(child_cfg(0, 9)), 0xffff'ffffu);
}

TEST_F(PciBridgeTest, OnlyOneSlotIsBehindAPort) {
  plug_child();
  const auto r = port.secondary()->claim();
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().message(), "bus 'port' has no free slot");
  EXPECT_FALSE(port.secondary()->claim(1));
  EXPECT_TRUE(port.secondary()->claim(0, 1));
}

TEST_F(PciBridgeTest, MemoryIsForwardedThroughTheWindows) {
  plug_child();
  child->add_bar(0, BarType::Mem32, 2 * MiB, bytes);
  number();
  bytes.bytes[0] = 0x5a;
  b.write(child_cfg(0x10), 0x5020'0000);
  b.write(child_cfg(0x04), kMemoryOn, 2);
  windows(0x5020'0000, 0x502f'ffff);
  EXPECT_EQ(b.read(0x5020'0000, 1), 0xffu);  // the port does not decode memory yet
  b.write(port_cfg(0x04), kMemoryOn, 2);
  EXPECT_EQ(b.read(0x5020'0000, 1), 0x5au);
  EXPECT_EQ(b.read(0x502f'fff0, 1), 0u);
  EXPECT_EQ(b.read(0x5030'0000, 1), 0xffu);  // the BAR's second half is outside the window
  windows(0x5030'0000, 0x503f'ffff);
  EXPECT_EQ(b.read(0x5020'0000, 1), 0xffu);
  EXPECT_EQ(b.read(0x5030'0000, 1), 0u);
  windows(0x5030'0000, 0x502f'ffff);  // closed
  EXPECT_EQ(b.read(0x5030'0000, 1), 0xffu);
  windows(0x5030'0000, 0x502f'ffff, 0x5020'0000, 0x503f'ffff);  // the prefetchable one does it too
  EXPECT_EQ(b.read(0x5020'0000, 1), 0x5au);
  EXPECT_EQ(b.read(0x5030'0000, 1), 0u);
  b.write(port_cfg(0x04), 0, 2);
  EXPECT_EQ(b.read(0x5020'0000, 1), 0xffu);
}

TEST_F(PciBridgeTest, PrefetchableWindowsReachAbove4GiB) {
  plug_child();
  child->add_bar(0, BarType::Mem64Prefetchable, MiB, bytes);
  number();
  auto& high = b.host->memory_window("high", PhysAddr(0x80'0000'0000));
  ASSERT_TRUE(b.space.map(PhysAddr(0x80'0000'0000), GiB, high));
  bytes.bytes[4] = 0x77;
  b.write(child_cfg(0x10), 0x80'0010'0000, 8);
  b.write(child_cfg(0x04), kMemoryOn, 2);
  b.write(port_cfg(0x04), kMemoryOn, 2);
  EXPECT_EQ(b.read(0x80'0010'0004, 1), 0xffu);
  windows(0xfff0'0000, 0, 0x80'0010'0000, 0x80'001f'ffff);
  EXPECT_EQ(b.read(0x80'0010'0004, 1), 0x77u);
}

TEST_F(PciBridgeTest, PortsAreForwardedThroughTheirWindow) {
  plug_child();
  child->add_bar(0, BarType::Io, 0x10, bytes);
  number();
  bytes.bytes[1] = 0x33;
  b.write(child_cfg(0x10), 0x2000);
  b.write(child_cfg(0x04), kIoOn, 2);
  b.write(port_cfg(0x1c), 0x2020, 2);
  EXPECT_EQ(b.read(PciBench::kIo + 0x2001, 1), 0xffu);
  b.write(port_cfg(0x04), kIoOn, 2);
  EXPECT_EQ(b.read(PciBench::kIo + 0x2001, 1), 0x33u);
  b.write(port_cfg(0x1c), 0x3030, 2);
  EXPECT_EQ(b.read(PciBench::kIo + 0x2001, 1), 0xffu);
}

TEST_F(PciBridgeTest, BothMustMaster) {
  plug_child();
  number();
  const std::array<u8, 4> data{};
  const auto can = [&] { return child->dma().write(PhysAddr(PciBench::kRam), data); };
  b.write(child_cfg(0x04), kMaster, 2);
  EXPECT_FALSE(can());
  b.write(port_cfg(0x04), kMaster, 2);
  EXPECT_TRUE(can());
  b.write(child_cfg(0x04), 0, 2);
  EXPECT_FALSE(can());
}

TEST_F(PciBridgeTest, MessagesCarryTheIdBehindThePort) {
  plug_child();
  child->add_msi(1);
  number();
  b.write(child_cfg(0x04), kMaster, 2);
  b.write(port_cfg(0x04), kMaster, 2);
  b.write(child_cfg(0x44), PciBench::kDoorbell + 0x40);
  b.write(child_cfg(0x4c), 0x21, 2);
  b.write(child_cfg(0x42), 1, 2);
  child->notify(0);
  ASSERT_EQ(b.doorbell.rings.size(), 1u);
  EXPECT_EQ(b.doorbell.rings[0], (Doorbell::Ring{0x500, 0x40, 0x21, 4}));
}

TEST_F(PciBridgeTest, PinsAreSwizzledOnTheWay) {
  for (u8 pin = 1; pin <= 4; ++pin) {
    auto identity = PciBench::kIdentity;
    identity.interrupt_pin = pin;
    PlainFunction f("f", identity, *port.secondary()->claim(0));
    f.set_intx(true);
    for (unsigned w = 0; w < b.pins.size(); ++w) EXPECT_EQ(b.pins[w].high, w == 2u + pin - 1);
  }
}

TEST_F(PciBridgeTest, TheSlotSaysWhetherItIsOccupied) {
  const unsigned express = port.config().find_capability(0x10);
  const auto present = [&] { return (b.read(port_cfg(express + 0x1a), 2) >> 6 & 1) != 0; };
  const auto link = [&] { return (b.read(port_cfg(express + 0x12), 2) >> 13 & 1) != 0; };
  EXPECT_EQ(b.read(port_cfg(express + 2), 2), 0x0142u);  // version 2, root port, with a slot
  EXPECT_FALSE(present());
  plug_child();
  EXPECT_TRUE(present());
  EXPECT_TRUE(link());
  child.reset();
  EXPECT_FALSE(present());
  EXPECT_FALSE(link());
}

TEST_F(PciBridgeTest, SecondaryBusResetResetsWhatIsBehind) {
  plug_child();
  number();
  b.write(child_cfg(0x04), kMaster, 2);
  b.write(port_cfg(0x3e), 0x40, 2);
  EXPECT_EQ(b.read(child_cfg(0x04), 2), 0u);
  b.write(child_cfg(0x04), kMaster, 2);
  b.write(port_cfg(0x3e), 0x43, 2);  // still set: no second reset
  EXPECT_EQ(b.read(child_cfg(0x04), 2), kMaster);
  b.write(port_cfg(0x3e), 0, 2);
  b.write(port_cfg(0x3e), 0x40, 2);
  EXPECT_EQ(b.read(child_cfg(0x04), 2), 0u);
}

TEST_F(PciBridgeTest, PortsBehindPorts) {
  auto upper_ports = *port.secondary()->claim();
  hw::RootPort inner("inner", upper_ports);
  PlainFunction leaf("leaf", PciBench::kIdentity, *inner.secondary()->claim());
  b.write(port_cfg(0x18), 0x08'05'00);
  b.write(child_cfg(0x18), 0x08'06'05);
  EXPECT_EQ(b.read(PciBench::cfg(0, 0, 0, 6)), 0x5678'1234u);
  EXPECT_EQ(leaf.requester(), 0x600u);
  b.write(child_cfg(0x18), 0x08'05'05);  // the same number twice: the outer bus wins
  EXPECT_EQ(b.read(PciBench::cfg(0, 0, 0, 5)), 0x000c'1b36u);
}

TEST_F(PciBridgeTest, WindowsAndNumbersAreRestored) {
  plug_child();
  child->add_bar(0, BarType::Mem32, MiB, bytes);
  number();
  bytes.bytes[0] = 0x42;
  b.write(child_cfg(0x10), 0x5030'0000);
  b.write(child_cfg(0x04), kMemoryOn | kMaster, 2);
  windows(0x5030'0000, 0x503f'ffff);
  b.write(port_cfg(0x04), kMemoryOn | kMaster, 2);
  Archive ar(Archive::Mode::Save);
  const auto visit = [&] {
    ar.section("child", [&](Archive& a) { child->snapshot(a); });
    ar.section("port", [&](Archive& a) { port.snapshot(a); });
  };
  visit();
  port.reset();
  child->reset();
  EXPECT_EQ(b.read(0x5030'0000, 1), 0xffu);
  ar.set_mode(Archive::Mode::Load);
  visit();
  ASSERT_TRUE(ar.finish());
  child->restored();  // also in this order: what is above comes later
  port.restored();
  EXPECT_EQ(b.read(0x5030'0000, 1), 0x42u);
  EXPECT_EQ(child->requester(), 0x500u);
  EXPECT_TRUE(child->dma().enabled());
  EXPECT_EQ(child->dma().requester(), 0x500u);
}

}  // namespace
}  // namespace quince::test
