// MSI-X: masks, pending bits, enable cycles (003g) and tables anywhere (003y).
#include <gtest/gtest.h>

#include "pci_bench.h"

namespace quince::test {
namespace {

using hw::BarType;
using hw::MsixLayout;
constexpr u64 kSet = PciBench::kDoorbell + 0x40;
constexpr u16 kEnable = 0x8000, kMaskAll = 0x4000;

struct PciMsix : ::testing::Test {
  PciBench b;
  PlainFunction& f = b.plug(2);
  static constexpr u64 kCap = 0x40;
  u64 table = PciBench::kMmio, pba = PciBench::kMmio;

  void build(unsigned vectors) {
    f.add_msix(vectors, 1);
    b.write(PciBench::cfg(2, 0x14), PciBench::kMmio);
    b.command(2, 6);
    pba = PciBench::kMmio + f.msix()->layout().pba_offset;
  }
  void control(u16 bits) { b.write(PciBench::cfg(2, kCap + 2), bits, 2); }
  void program(unsigned v, u32 data, bool masked = false) {
    b.write(table + 16 * v, kSet);
    b.write(table + 16 * v + 4, 0);
    b.write(table + 16 * v + 8, data);
    mask(v, masked);
  }
  void mask(unsigned v, bool on) { b.write(table + 16 * v + 12, on ? 1 : 0); }
  bool pending(unsigned v) { return bit(b.read(pba + v / 64 * 8, 8), v % 64); }
  std::size_t rings() const { return b.doorbell.rings.size(); }
};

TEST_F(PciMsix, TheCapabilitySaysWhereTheTableIs) {
  build(5);
  EXPECT_EQ(b.read(PciBench::cfg(2, kCap)), 0x0004'0011u);
  EXPECT_EQ(b.read(PciBench::cfg(2, kCap + 4)), 1u);
  EXPECT_EQ(b.read(PciBench::cfg(2, kCap + 8)), 0x801u);
  b.write(PciBench::cfg(2, kCap), 0xffff'ffff);
  EXPECT_EQ(b.read(PciBench::cfg(2, kCap)), 0xc004'0011u);
  EXPECT_EQ(b.read(table + 12), 1u);  // masked after reset
}

TEST_F(PciMsix, EveryVectorHasItsMessage) {
  build(8);
  control(kEnable);
  for (unsigned v = 0; v < 8; ++v) program(v, 0x100 + 3 * v);
  for (unsigned v = 0; v < 8; ++v) EXPECT_TRUE(f.notify(v));
  ASSERT_EQ(rings(), 8u);
  for (unsigned v = 0; v < 8; ++v)
    EXPECT_EQ(b.doorbell.rings[v], (Doorbell::Ring{0x10, 0x40, 0x100 + 3 * v, 4}));
}

/// Every combination of the two masks at the signal and of the order in which they go.
TEST_F(PciMsix, AMaskedVectorPendsAndIsDeliveredOnce) {
  build(3);
  for (const bool own : {false, true})
    for (const bool all : {false, true})
      for (const bool own_first : {false, true}) {
        control(kEnable | (all ? kMaskAll : 0));
        program(1, 0x33, own);
        const std::size_t before = rings();
        f.notify(1);
        f.notify(1);  // pending is one bit
        const bool held = own || all;
        EXPECT_EQ(rings(), before + (held ? 0 : 2));
        EXPECT_EQ(pending(1), held);
        if (own_first) mask(1, false);
        if (own_first && all) {
          EXPECT_EQ(rings(), before);
        }
        control(kEnable);
        if (!own_first && own) {
          EXPECT_EQ(rings(), before);
        }
        mask(1, false);
        EXPECT_EQ(rings(), before + (held ? 1 : 2));
        EXPECT_FALSE(pending(1));
      }
}

// 003g: drivers come and go; nothing of the one before is delivered to the next.
TEST_F(PciMsix, EnableCyclesForgetWhatWasPending) {
  build(70);
  for (int n = 0; n < 10'000; ++n) {
    control(kEnable | kMaskAll);
    const unsigned v = static_cast<unsigned>(n % 70);
    program(v, 0x40 + v);
    f.notify(v);
    ASSERT_TRUE(pending(v));
    if (n % 2 == 0) {
      control(0);
      ASSERT_FALSE(f.notify(v));
      control(kEnable);
      ASSERT_EQ(rings(), 0u);
    } else {
      control(kEnable);
      ASSERT_EQ(rings(), 1u);
      ASSERT_EQ(b.doorbell.rings[0].data, 0x40 + v);
      b.doorbell.rings.clear();
    }
    ASSERT_FALSE(pending(v));
  }
}

TEST_F(PciMsix, AVectorThatDoesNotExistIsDropped) {
  build(3);
  control(kEnable);
  EXPECT_TRUE(f.notify(3));
  EXPECT_TRUE(f.notify(~0u));
  EXPECT_EQ(rings(), 0u);
  EXPECT_EQ(b.read(table + 3 * 16), 0xffff'ffffu);  // behind the table: a hole of the BAR
}

TEST_F(PciMsix, ResetMasksAndForgets) {
  build(2);
  control(kEnable);
  f.notify(0);
  f.reset();
  b.write(PciBench::cfg(2, 0x14), PciBench::kMmio);
  b.command(2, 6);
  EXPECT_EQ(b.read(table + 12), 1u);
  EXPECT_FALSE(pending(0));
  EXPECT_FALSE(f.notify(0));
}

TEST_F(PciMsix, MsixGoesBeforeMsi) {
  f.add_msi(1);
  f.add_msix(2, 1);
  b.command(2, 6);
  b.write(PciBench::cfg(2, 0x14), PciBench::kMmio);
  program(0, 0x99);
  b.write(PciBench::cfg(2, 0x44), kSet);
  b.write(PciBench::cfg(2, 0x4c), 0x11, 2);
  b.write(PciBench::cfg(2, 0x42), 1, 2);
  f.notify(0);
  EXPECT_EQ(b.doorbell.rings.back().data, 0x11u);
  b.write(PciBench::cfg(2, 0x58 + 2), kEnable, 2);
  f.notify(0);
  EXPECT_EQ(b.doorbell.rings.back().data, 0x99u);
}

// 003y: the table at the end of one BAR, the pending bits in another one, over the device's own
// registers.
TEST_F(PciMsix, TheTableMayBeAnywhere) {
  Bytes registers("registers");
  f.add_bar(0, BarType::Mem32, 64 * KiB, registers);
  f.add_bar(2, BarType::Mem64, 0x1000, registers);
  f.add_msix(MsixLayout{.vectors = 4,
                        .table_bar = 0,
                        .table_offset = 64 * KiB - 64,
                        .pba_bar = 2,
                        .pba_offset = 0x20});
  b.write(PciBench::cfg(2, 0x10), PciBench::kMmio);
  b.write(PciBench::cfg(2, 0x18), PciBench::kMmio + 64 * KiB);
  b.command(2, 6);
  EXPECT_EQ(b.read(PciBench::cfg(2, kCap + 4)), 0xffc0u);
  EXPECT_EQ(b.read(PciBench::cfg(2, kCap + 8)), 0x22u);
  table = PciBench::kMmio + 64 * KiB - 64;
  pba = PciBench::kMmio + 64 * KiB + 0x20;
  control(kEnable);
  program(3, 0x123, true);
  f.notify(3);
  EXPECT_TRUE(pending(3));
  mask(3, false);
  EXPECT_EQ(b.doorbell.rings.at(0).data, 0x123u);
  b.write(PciBench::kMmio + 8, 0x5a, 1);
  EXPECT_EQ(registers.bytes[8], 0x5a);
}

TEST_F(PciMsix, TakesFourAndEightBytes) {
  build(2);
  b.write(table + 16, 0x1'0000'0000 | kSet, 8);
  EXPECT_EQ(b.read(table + 20), 1u);
  b.write(table + 24, 0x0000'0000'dead'beef, 8);
  EXPECT_EQ(b.read(table + 24, 8), 0xdead'beefu);
  b.write(table + 24, 0xffff'ffff'0000'0000, 8);
  EXPECT_EQ(b.read(table + 28), 1u);
  b.write(table + 24, 0x1234, 2);
  EXPECT_EQ(b.read(table + 24), 0u);
  b.write(table + 16, 3);
  EXPECT_EQ(b.read(table + 16), 0u);
  b.write(pba, ~u64{0}, 8);
  EXPECT_EQ(b.read(pba, 8), 0u);
}

TEST_F(PciMsix, TableAndPendingBitsAreRestored) {
  build(3);
  control(kEnable);
  program(2, 0x66, true);
  f.notify(2);
  Archive ar(Archive::Mode::Save);
  f.snapshot(ar);
  f.reset();
  ar.set_mode(Archive::Mode::Load);
  f.snapshot(ar);
  ASSERT_TRUE(ar.finish());
  f.restored();
  EXPECT_EQ(rings(), 0u);
  EXPECT_TRUE(pending(2));
  mask(2, false);
  ASSERT_EQ(rings(), 1u);
  EXPECT_EQ(b.doorbell.rings[0].data, 0x66u);
}

}  // namespace
}  // namespace quince::test
