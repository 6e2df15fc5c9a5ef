// MSI, and that a message is an ordinary write of a bus master.
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <sstream>

#include "pci_bench.h"

namespace quince::test {
namespace {

constexpr u64 kSet = PciBench::kDoorbell + 0x40;
constexpr u16 kMaster = 4;

struct PciMsi : ::testing::Test {
  PciBench b;
  PlainFunction& f = b.plug(3);
  static constexpr unsigned kCap = 0x40;

  u64 reg(unsigned off) const { return PciBench::cfg(3, kCap + off); }
  /// Enables 2^log2 vectors.
  void enable(unsigned log2, u16 data = 0xa0, u64 address = kSet) {
    b.command(3, kMaster);
    b.write(reg(4), address & 0xffff'ffff);
    b.write(reg(8), address >> 32);
    b.write(reg(12), data, 2);
    b.write(reg(2), 1 | log2 << 4, 2);
  }
};

TEST_F(PciMsi, TheCapabilityIsReadAsItIsUsed) {
  f.add_msi(16);
  EXPECT_EQ(b.read(reg(0)), 0x0188'0005u);  // 64-bit, masks, 16 vectors
  b.write(reg(0), 0xffff'ffff);
  EXPECT_EQ(b.read(reg(0)), 0x01f9'0005u);
  b.write(reg(16), 0xffff'ffff);
  EXPECT_EQ(b.read(reg(16)), 0xffffu);
  b.write(reg(20), 0xffff'ffff);
  EXPECT_EQ(b.read(reg(20)), 0u);
}

// 004a, 004c: a write of four bytes to the doorbell; vectors are in the low bits of the data.
TEST_F(PciMsi, AVectorIsAWriteOfBasePlusVector) {
  f.add_msi(16);
  EXPECT_FALSE(f.notify(0));
  enable(4);
  for (unsigned v = 0; v < 16; ++v) EXPECT_TRUE(f.notify(v));
  ASSERT_EQ(b.doorbell.rings.size(), 16u);
  for (unsigned v = 0; v < 16; ++v)
    EXPECT_EQ(b.doorbell.rings[v], (Doorbell::Ring{0x18, 0x40, 0xa0u + v, 4}));
}

TEST_F(PciMsi, FewerVectorsThanTheFunctionHasAreShared) {
  f.add_msi(8);
  enable(1, 0xa3);
  EXPECT_EQ(f.msi()->allocated(), 2u);
  f.notify(5);
  f.notify(6);
  EXPECT_EQ(b.doorbell.rings[0].data, 0xa3u);
  EXPECT_EQ(b.doorbell.rings[1].data, 0xa2u);
  b.write(reg(2), 1 | 7 << 4, 2);  // a reserved number of vectors: no more than there are
  EXPECT_EQ(f.msi()->allocated(), 8u);
}

TEST_F(PciMsi, MaskedVectorsPendAndAreSentOnce) {
  f.add_msi(4);
  enable(2);
  b.write(reg(16), 0b0110);
  for (unsigned v = 0; v < 4; ++v) f.notify(v);
  f.notify(1);
  EXPECT_EQ(b.doorbell.rings.size(), 2u);
  EXPECT_EQ(b.read(reg(20)), 0b0110u);
  b.write(reg(16), 0b0100);
  EXPECT_EQ(b.doorbell.rings.size(), 3u);
  EXPECT_EQ(b.doorbell.rings[2].data, 0xa1u);
  EXPECT_EQ(b.read(reg(20)), 0b0100u);
  b.write(reg(2), 2 << 4, 2);  // disabled: what was pending is over
  b.write(reg(2), 1 | 2 << 4, 2);
  b.write(reg(16), 0);
  EXPECT_EQ(b.doorbell.rings.size(), 3u);
}

TEST_F(PciMsi, TakesTheLevelOffTheWire) {
  f.add_msi(1);
  f.set_intx(true);
  EXPECT_TRUE(b.pins[3].high);
  enable(0);
  EXPECT_FALSE(b.pins[3].high);
  b.write(reg(2), 0, 2);
  EXPECT_TRUE(b.pins[3].high);
}

TEST_F(PciMsi, NeedsBusMastering) {
  f.add_msi(1);
  enable(0);
  b.command(3, 0);
  EXPECT_TRUE(f.notify(0));
  EXPECT_TRUE(b.doorbell.rings.empty());
  const std::array<u8, 4> data{};
  EXPECT_FALSE(f.dma().write(PhysAddr(PciBench::kRam), data));
  b.command(3, kMaster);
  EXPECT_TRUE(f.dma().write(PhysAddr(PciBench::kRam), data));
}

// A message may be sent to memory; to anything else than a doorbell it is refused.
TEST_F(PciMsi, GoesWhereAWriteMayGo) {
  f.add_msi(1);
  enable(0, 0x77, PciBench::kRam + 0x100);
  f.notify(0);
  EXPECT_EQ(b.ram->data()[0x100], 0x77);
  for (const u64 at : {PciBench::kEcam, PciBench::kMmio, u64{0xffff'ffff'ffff'fffc}, u64{0}}) {
    enable(0, 0x55, at);
    f.notify(0);
  }
  EXPECT_TRUE(b.doorbell.rings.empty());
}

// 004d: sizes and alignments at a doorbell.
TEST_F(PciMsi, OnlyWholeAlignedWritesRingADoorbell) {
  b.command(3, kMaster);
  const std::array<u8, 16> data{1, 2, 3, 4, 5, 6, 7, 8, 9};
  for (u64 n = 0; n <= 16; ++n)
    for (u64 off = 0; off < 8; ++off) {
      b.doorbell.rings.clear();
      const bool good = (n == 1 || n == 2 || n == 4 || n == 8) && off % n == 0;
      EXPECT_EQ(f.dma().write(PhysAddr(kSet + off), std::span(data).first(n)), good || n == 0);
      EXPECT_EQ(b.doorbell.rings.size(), good ? 1u : 0u) << n << " at " << off;
    }
  EXPECT_TRUE(f.dma().map_write(PhysAddr(kSet), 4).empty());
  std::array<u8, 4> back{};
  EXPECT_FALSE(f.dma().read(PhysAddr(kSet), back));
}

// 004j
TEST_F(PciMsi, LeavesATrace) {
  const std::string file = ::testing::TempDir() + "quince-pci-msi-trace";
  ASSERT_TRUE(b.log.open(file));
  b.log.trace("pci.msi");
  b.log.trace("dma.doorbell");
  f.add_msi(4);
  enable(2);
  f.notify(2);
  std::stringstream text;
  text << std::ifstream(file).rdbuf();
  std::remove(file.c_str());
  EXPECT_EQ(text.str(),
            "pci.msi: requester 0x0018: 0x1fff0040 <- 0xa2, vector 2\n"
            "dma.doorbell: requester 0x0018: 0x1fff0040 <- 0xa2 (4 bytes)\n");
}

TEST_F(PciMsi, StateIsRestored) {
  f.add_msi(4);
  enable(2);
  b.write(reg(16), 0b1000);
  f.notify(3);
  Archive ar(Archive::Mode::Save);
  f.snapshot(ar);
  f.reset();
  EXPECT_FALSE(f.message_signalled());
  ar.set_mode(Archive::Mode::Load);
  f.snapshot(ar);
  ASSERT_TRUE(ar.finish());
  f.restored();
  EXPECT_TRUE(b.doorbell.rings.empty());  // loading sends nothing
  b.write(reg(16), 0);
  ASSERT_EQ(b.doorbell.rings.size(), 1u);
  EXPECT_EQ(b.doorbell.rings[0].data, 0xa3u);
}

}  // namespace
}  // namespace quince::test
