// PCI identity, capability registers, MFINDEX and halting: docs/platform.md's values for QEMU's
// controllers, and xHCI 1.2, 5.3 and 5.4.
#include "tests/support/xhci_bench.h"

namespace quince::test {
namespace {

using namespace hw::xhci;
using D = XhciDriver;

TEST(XhciRegisters, IdentityOfBothModels) {
  XhciBench q;
  EXPECT_EQ(q.cfg_read(0x00), 0x000d'1b36u);
  EXPECT_EQ(q.cfg_read(0x08), 0x0c03'3001u);
  EXPECT_EQ(q.cfg_read(0x3d, 1), 1u);
  EXPECT_EQ(q.cfg_read(0x0c, 1), 0x10u);
  EXPECT_EQ(q.cfg_read(0x60, 1), 0x30u);
  XhciBench n({.controller = {.nec = true}, .msi = true});
  EXPECT_EQ(n.cfg_read(0x00), 0x0194'1033u);
  EXPECT_EQ(n.cfg_read(0x08), 0x0c03'3003u);
}

/// The capability list as (id, offset) pairs.
std::vector<std::pair<u32, u32>> capabilities(XhciBench& b) {
  std::vector<std::pair<u32, u32>> all;
  for (u32 at = b.cfg_read(0x34, 1); at != 0; at = b.cfg_read(at + 1, 1))
    all.emplace_back(b.cfg_read(at, 1), at);
  return all;
}

TEST(XhciRegisters, CapabilitiesAreWhereTheyAreInQemu) {
  using List = std::vector<std::pair<u32, u32>>;
  XhciBench both({.msi = true});
  EXPECT_EQ(capabilities(both), (List{{0x05, 0x70}, {0x11, 0x90}, {0x10, 0xa0}}));
  EXPECT_EQ(both.cfg_read(0x72, 2) & 0xfeu, 0x88u) << "16 messages, 64 bits";
  EXPECT_EQ(both.cfg_read(0x92, 2), 15u);
  EXPECT_EQ(both.cfg_read(0x94), 0x3000u);
  EXPECT_EQ(both.cfg_read(0x98), 0x3800u);
  // 000a: neither.
  EXPECT_EQ(capabilities(*std::make_unique<XhciBench>(hw::XhciPciConfig{.msix = false})),
            (List{{0x10, 0xa0}}));
  // No messages on this machine.
  XhciBench none({.msi = true}, false);
  EXPECT_EQ(capabilities(none), (List{{0x10, 0xa0}}));
}

TEST(XhciRegisters, CapabilityRegisters) {
  XhciBench b;
  EXPECT_EQ(b.read(0x00), 0x0100'0040u);
  EXPECT_EQ(b.access(XhciBench::kMmio, 1), 0x40u) << "CAPLENGTH is a byte";
  EXPECT_EQ(b.read(0x04), 0x0800'1040u);
  EXPECT_EQ(b.read(0x08), 0x4fu) << "16 segments of an event ring";
  EXPECT_EQ(b.read(0x10), 0x0008'7001u);
  EXPECT_EQ(b.read(0x14), 0x2000u);
  EXPECT_EQ(b.read(0x18), 0x1000u);
  EXPECT_EQ(b.read(0x20), 0x0200'0402u);
  EXPECT_EQ(b.read(0x24), 0x2042'5355u);
  EXPECT_EQ(b.read(0x28), 0x0000'0405u);
  EXPECT_EQ(b.read(0x30), 0x0300'0002u);
  EXPECT_EQ(b.read(0x38), 0x0000'0401u);
  EXPECT_EQ(b.read(0x48), 1u) << "PAGESIZE";
  XhciBench other({.controller = {.p2 = 2, .p3 = 1, .intrs = 3, .slots = 8, .streams = false}});
  EXPECT_EQ(other.read(0x04), 0x0300'0408u) << "intrs is rounded up to a power of two";
  EXPECT_EQ(other.read(0x10), 0x0008'0001u);
  EXPECT_EQ(other.read(0x28), 0x0000'0202u);
}

TEST(XhciRegisters, OptionsOutOfRangeAreRefused) {
  EXPECT_TRUE(hw::XhciConfig{}.check());
  EXPECT_FALSE((hw::XhciConfig{.p2 = 16}.check()));
  EXPECT_FALSE((hw::XhciConfig{.p3 = 16}.check()));
  EXPECT_FALSE((hw::XhciConfig{.p2 = 0, .p3 = 0}.check()));
  EXPECT_FALSE((hw::XhciConfig{.intrs = 0}.check()));
  EXPECT_FALSE((hw::XhciConfig{.intrs = 17}.check()));
  EXPECT_FALSE((hw::XhciConfig{.slots = 0}.check()));
  EXPECT_FALSE((hw::XhciConfig{.slots = 65}.check()));
}

TEST(XhciRegisters, RunAndHalt) {
  XhciBench b;
  EXPECT_EQ(b.read(D::kUsbsts), kHcHalted);
  b.write(D::kUsbcmd, ~u32{kHcReset | kCss | kCrs});
  EXPECT_EQ(b.read(D::kUsbcmd), 0xc0du) << "R/S, INTE, HSEE, EWE, EU3S";
  EXPECT_EQ(b.read(D::kUsbsts), 0u);
  b.write(D::kUsbcmd, 0);
  EXPECT_EQ(b.read(D::kUsbsts), kHcHalted);
  b.write(D::kConfig, 0x1ff);
  EXPECT_EQ(b.read(D::kConfig), 0xffu);
  b.driver.wr64(D::kDcbaap, 0x1234'5678'9abc'deff);
  EXPECT_EQ(b.access(XhciBench::kMmio + D::kDcbaap, 8), 0x1234'5678'9abc'dec0u);
  b.write(D::kUsbcmd, kHcReset);
  EXPECT_EQ(b.read(D::kConfig), 0u);
  EXPECT_EQ(b.read(D::kUsbcmd), 0u);
}

TEST(XhciRegisters, MfindexCountsWhileItRuns) {
  XhciBench b;
  EXPECT_EQ(b.read(D::kMfindex), 0u);
  b.advance(hw::kSecond);
  b.write(D::kUsbcmd, kRunStop);
  EXPECT_EQ(b.read(D::kMfindex), 0u);
  b.advance(10 * kMicroframe + 1);
  EXPECT_EQ(b.read(D::kMfindex), 10u);
  b.advance(0x4000 * kMicroframe);
  EXPECT_EQ(b.read(D::kMfindex), 10u) << "14 bits";
}

TEST(XhciRegisters, MfindexWrapEvent) {
  XhciBench b;
  b.driver.start();
  b.advance(5 * hw::kSecond);
  EXPECT_TRUE(b.driver.take().empty()) << "nobody asked";
  b.write(D::kUsbcmd, kRunStop | kInte | kEwe);
  b.advance(4'200'000'000);
  const auto events = b.driver.take();
  ASSERT_EQ(events.size(), 2u) << "each 2.048 s";
  EXPECT_EQ(events[0].type, TrbType::MfindexWrap);
}

TEST(XhciRegisters, SaveAndRestoreState) {
  XhciBench b;
  b.write(D::kUsbcmd, kCrs);
  EXPECT_NE(b.read(D::kUsbsts) & kSre, 0u) << "nothing was saved";
  b.write(D::kUsbsts, kSre);
  b.write(D::kUsbcmd, kCss);
  b.write(D::kUsbcmd, kCrs);
  EXPECT_EQ(b.read(D::kUsbsts) & kSre, 0u);
  b.write(D::kUsbcmd, kHcReset);
  b.write(D::kUsbcmd, kCrs);
  EXPECT_NE(b.read(D::kUsbsts) & kSre, 0u) << "lost by the reset";
}

TEST(XhciRegisters, MemoryThatIsNoneIsAHostSystemError) {
  XhciBench b;
  b.driver.start();
  b.driver.wr64(D::kCrcr, 0x9000'0000);
  b.driver.doorbell(0, 0);
  EXPECT_EQ(b.read(D::kUsbsts) & (kHse | kHcHalted), kHse | kHcHalted);
  EXPECT_EQ(b.read(D::kUsbcmd) & kRunStop, 0u);
}

}  // namespace
}  // namespace quince::test
