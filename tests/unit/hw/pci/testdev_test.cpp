// The two test devices.
#include <gtest/gtest.h>

#include "hw/pci/irq_testdev.h"
#include "hw/pci/testdev.h"
#include "pci_bench.h"

namespace quince::test {
namespace {

constexpr u64 kBar = PciBench::kMmio;

/// What kvm-unit-tests does: selects tests until one is not supported, and counts writes.
unsigned run_tests(PciBench& b, u64 bar) {
  unsigned test = 0;
  for (;; ++test) {
    b.write(bar, test, 1);
    if (b.read(bar + 1, 1) != 1) return test;
    EXPECT_EQ(b.read(bar + 12), 0u);
    const u64 target = bar + b.read(bar + 4), data = b.read(bar + 8);
    for (int i = 0; i < 16; ++i) b.write(target, data, 1);
    EXPECT_EQ(b.read(bar + 12), 16u);
    b.write(target, data ^ 1, 1);
    EXPECT_EQ(b.read(bar + 12), test == 1 ? 17u : 16u);  // test 1 takes any data
    b.write(target + 1, data, 1);
    EXPECT_EQ(b.read(bar + 12), test == 1 ? 17u : 16u);
  }
}

TEST(PciTestdev, CountsWritesInBothBars) {
  PciBench b;
  hw::PciTestdev dev("testdev", *b.host->root().claim(1));
  EXPECT_EQ(b.read(PciBench::cfg(1, 0)), 0x0005'1b36u);
  b.write(PciBench::cfg(1, 0x10), kBar);
  b.write(PciBench::cfg(1, 0x14), 0x400);
  b.command(1, 3);
  EXPECT_EQ(run_tests(b, kBar), 3u);
  EXPECT_EQ(run_tests(b, PciBench::kIo + 0x400), 3u);
  b.write(kBar, 2, 1);
  std::string name;
  for (u64 at = kBar + 16; b.read(at, 1) != 0; ++at) name += static_cast<char>(b.read(at, 1));
  EXPECT_EQ(name, "mmio-datamatch-eventfd");
  EXPECT_EQ(b.read(PciBench::cfg(1, 0x18)), 0u);  // no BAR 2
}

TEST(PciTestdev, MayHaveALargeBar) {
  PciBench b;
  hw::PciTestdev dev("testdev", *b.host->root().claim(1), 64 * GiB);
  b.write(PciBench::cfg(1, 0x18), ~u64{0}, 8);
  EXPECT_EQ(b.read(PciBench::cfg(1, 0x18), 8), 0xffff'fff0'0000'000cu);
}

struct IrqTestdevTest : ::testing::Test {
  PciBench b;
  hw::IrqTestdev dev{"irq-testdev", *b.host->root().claim(1)};
  static constexpr u64 kSet = PciBench::kDoorbell + 0x40;
  IrqTestdevTest() {
    b.write(PciBench::cfg(1, 0x10), kBar);
    b.write(PciBench::cfg(1, 0x14), kBar + 0x1000);
    b.command(1, 6);
  }
  void shadow(unsigned n, u64 address, u32 data, bool on) {
    b.write(kBar + 0x100 + 4 * n, address & 0xffff'ffff);
    b.write(kBar + 0x140 + 4 * n, address >> 32);
    b.write(kBar + 0x180 + 4 * n, data);
    b.write(kBar + 0x1c0 + 4 * n, on ? 1 : 0);
  }
};

TEST_F(IrqTestdevTest, MovesItsPin) {
  EXPECT_EQ(b.read(kBar), 0x5149'5251u);
  b.write(kBar + 4, 1);
  EXPECT_TRUE(b.pins[1].high);
  b.write(kBar + 4, 0);
  EXPECT_FALSE(b.pins[1].high);
  b.write(kBar + 8, 0);
  EXPECT_EQ(b.read(kBar + 0xc), 0u);  // no messages without MSI or MSI-X
}

// 004b: shadow slots fire whatever the capability's state is.
TEST_F(IrqTestdevTest, ShadowMessagesAreIndependentOfTheCapability) {
  for (unsigned n = 0; n < 12; ++n) shadow(n, kSet, 0x80 + n, n != 7);
  const unsigned msi = dev.config().find_capability(5), msix = dev.config().find_capability(0x11);
  for (const auto& [enable_msi, enable_msix] : {std::pair{0u, 0u}, {1u, 0u}, {0u, 0xc000u}}) {
    b.write(PciBench::cfg(1, msi + 2), enable_msi, 2);
    b.write(PciBench::cfg(1, msix + 2), enable_msix, 2);
    b.doorbell.rings.clear();
    for (unsigned n = 0; n < 14; ++n) b.write(kBar + 0x200, n);
    ASSERT_EQ(b.doorbell.rings.size(), 11u);
    EXPECT_EQ(b.doorbell.rings[0], (Doorbell::Ring{8, 0x40, 0x80, 4}));
    EXPECT_EQ(b.doorbell.rings[10].data, 0x8bu);
  }
  b.command(1, 2);  // no bus mastering
  b.write(kBar + 0x200, 0);
  EXPECT_EQ(b.doorbell.rings.size(), 11u);
}

TEST_F(IrqTestdevTest, CopiesMemoryInBoundedPieces) {
  for (unsigned i = 0; i < 4096; ++i) b.ram->data()[i] = static_cast<u8>(i * 7);
  const auto copy = [&](u64 from, u64 to, u64 n) {
    b.write(kBar + 0x10, from, 8);
    b.write(kBar + 0x18, to, 8);
    b.write(kBar + 0x20, n);
    b.write(kBar + 0x24, 1);
    return b.read(kBar + 0x28);
  };
  EXPECT_EQ(b.read(kBar + 0x28), 0u);
  EXPECT_EQ(copy(PciBench::kRam, PciBench::kRam + 0x2001, 4096), 1u);
  EXPECT_TRUE(std::equal(b.ram->data(), b.ram->data() + 4096, b.ram->data() + 0x2001));
  EXPECT_EQ(copy(PciBench::kRam, PciBench::kRam, 4097), 2u);
  EXPECT_EQ(copy(PciBench::kRam, PciBench::kRam + 0xffff, 2), 2u);
  EXPECT_EQ(copy(kBar, PciBench::kRam, 4), 2u);  // a device's registers are no memory
  // A copy to a doorbell is a message.
  EXPECT_EQ(copy(PciBench::kRam + 4, kSet, 4), 1u);
  EXPECT_EQ(b.doorbell.rings.at(0).data, 0x312a'231cu);
  EXPECT_EQ(copy(PciBench::kRam, kSet, 16), 2u);
}

// A machine without a doorbell: no MSI, no MSI-X, and no BAR for its table.
TEST(PciMessages, AreNotOfferedWhereNothingTakesThem) {
  Log log;
  hw::AddressSpace space(log);
  std::vector<hw::IrqLine> wires(1);
  hw::PciHostBridge host("pcie", space, std::move(wires), false);
  hw::IrqTestdev dev("irq-testdev", *host.root().claim(1));
  EXPECT_EQ(dev.config().find_capability(0x05), 0u);
  EXPECT_EQ(dev.config().find_capability(0x11), 0u);
  dev.config_write(0x14, 4, 0xffff'ffff);
  EXPECT_EQ(dev.config_read(0x14, 4, false), 0u);
  EXPECT_FALSE(dev.notify(0));
}

}  // namespace
}  // namespace quince::test
