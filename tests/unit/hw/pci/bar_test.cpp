#include <gtest/gtest.h>

#include "pci_bench.h"

namespace quince::test {
namespace {

using hw::BarType;
constexpr u16 kIoOn = 1, kMemoryOn = 2;

struct PciBar : ::testing::Test {
  PciBench b;
  Bytes first{"first"}, second{"second"};
  static u64 bar(unsigned slot, unsigned index) { return PciBench::cfg(slot, 0x10 + 4 * index); }
};

TEST_F(PciBar, SizingReadsBackTheMask) {
  PlainFunction& f = b.plug(1);
  f.add_bar(0, BarType::Mem32, 0x4000, first);
  f.add_bar(1, BarType::Io, 0x20, first);
  f.add_bar(2, BarType::Mem64Prefetchable, 16 * GiB, first);
  f.add_bar(4, BarType::Mem64, 0x1000, first);
  for (unsigned i = 0; i < 6; ++i) b.write(bar(1, i), 0xffff'ffff);
  EXPECT_EQ(b.read(bar(1, 0)), 0xffff'c000u);
  EXPECT_EQ(b.read(bar(1, 1)), 0xffff'ffe1u);
  EXPECT_EQ(b.read(bar(1, 2), 8), 0xffff'fffc'0000'000cu);
  EXPECT_EQ(b.read(bar(1, 4), 8), 0xffff'ffff'ffff'f004u);
  b.command(1, kIoOn | kMemoryOn);  // decoded at the very end: nobody is hurt
  EXPECT_EQ(b.read(PciBench::kMmio), 0xffff'ffffu);
  PlainFunction& none = b.plug(2);
  b.write(bar(2, 0), 0xffff'ffff);
  EXPECT_EQ(b.read(bar(2, 0)), 0u);
  EXPECT_EQ(none.bar_address(0), std::nullopt);
}

TEST_F(PciBar, IsDecodedWhileMemorySpaceIsEnabled) {
  PlainFunction& f = b.plug(1);
  f.add_bar(0, BarType::Mem32, 0x1000, first);
  b.write(bar(1, 0), PciBench::kMmio);
  EXPECT_EQ(b.read(PciBench::kMmio + 4), 0xffff'ffffu);
  b.command(1, kMemoryOn);
  b.write(PciBench::kMmio + 4, 0x1234'5678);
  EXPECT_EQ(b.read(PciBench::kMmio + 4), 0x1234'5678u);
  EXPECT_EQ(first.bytes[4], 0x78);
  b.command(1, 0);
  b.write(PciBench::kMmio + 4, 0);
  EXPECT_EQ(b.read(PciBench::kMmio + 4), 0xffff'ffffu);
  EXPECT_EQ(first.bytes[4], 0x78);
  EXPECT_EQ(f.moved, (std::vector<unsigned>{0, 0}));
}

TEST_F(PciBar, MovesWhileItIsEnabled) {
  PlainFunction& f = b.plug(1);
  f.add_bar(0, BarType::Mem32, 0x1000, first);
  first.bytes[0] = 0xa5;
  b.command(1, kMemoryOn);
  for (const u64 at : {u64{0x5000'0000}, u64{0x6ffe'e000}, u64{0x5123'4000}}) {
    b.write(bar(1, 0), at);
    EXPECT_EQ(f.bar_address(0), at);
    EXPECT_EQ(b.read(at, 1), 0xa5u);
    EXPECT_EQ(b.read(at + 0x1000, 1), 0xffu);
  }
  EXPECT_EQ(b.read(0x5000'0000, 1), 0xffu);
}

TEST_F(PciBar, AddressZeroIsAnAddress) {
  PlainFunction& f = b.plug(1);
  f.add_bar(0, BarType::Io, 0x10, first);
  b.command(1, kIoOn);
  EXPECT_EQ(f.bar_address(0), 0u);
  first.bytes[3] = 0x77;
  EXPECT_EQ(b.read(PciBench::kIo + 3, 1), 0x77u);
}

TEST_F(PciBar, OverMemoryOrOutsideTheWindowsHurtsNobody) {
  PlainFunction& f = b.plug(1);
  f.add_bar(0, BarType::Mem64, 0x1000, first);
  b.command(1, kMemoryOn);
  for (const u64 at : {PciBench::kRam, PciBench::kEcam, PciBench::kDoorbell, ~u64{0xfff}}) {
    b.write(bar(1, 0), at, 8);
    EXPECT_EQ(f.bar_address(0), at);
  }
  b.write(bar(1, 0), PciBench::kRam, 8);
  b.write(PciBench::kRam, 0x42);
  EXPECT_EQ(b.ram->data()[0], 0x42);
  EXPECT_EQ(first.bytes[0], 0);
}

TEST_F(PciBar, WhereTwoOverlapTheLowerFunctionAnswers) {
  b.plug(2).add_bar(0, BarType::Mem32, 0x1000, second);
  b.plug(1).add_bar(0, BarType::Mem32, 0x100, first);
  first.bytes[0] = 1;
  second.bytes[0] = 2;
  b.write(bar(2, 0), PciBench::kMmio);
  b.write(bar(1, 0), PciBench::kMmio + 0x400);
  b.command(1, kMemoryOn);
  b.command(2, kMemoryOn);
  second.log.clear();
  EXPECT_EQ(b.read(PciBench::kMmio, 1), 2u);
  EXPECT_EQ(b.read(PciBench::kMmio + 0x400, 1), 1u);
  EXPECT_EQ(b.read(PciBench::kMmio + 0x500, 1), 0u);  // the other's again
  EXPECT_EQ(b.host->decoded().memory.entries().size(), 3u);
  EXPECT_EQ(second.log, "11");
  b.command(1, 0);
  b.read(PciBench::kMmio + 0x400, 1);
  EXPECT_EQ(second.log, "111");
}

TEST_F(PciBar, HasPartsAndHoles) {
  PlainFunction& f = b.plug(1);
  f.add_bar(0, BarType::Mem32, 0x1000);
  f.map_in_bar(0, 0x100, 0x100, first);
  f.map_in_bar(0, 0x180, 0x100, second);
  b.write(bar(1, 0), PciBench::kMmio);
  b.command(1, kMemoryOn);
  b.write(PciBench::kMmio + 0x180, 0x11, 1);
  b.write(PciBench::kMmio + 0x200, 0x22, 1);
  EXPECT_EQ(first.bytes[0x80], 0x11);
  EXPECT_EQ(second.bytes[0x80], 0x22);
  EXPECT_EQ(b.read(PciBench::kMmio + 0x400), 0xffff'ffffu);
}

TEST_F(PciBar, WideAccessesToPortsAreSplit) {
  PlainFunction& f = b.plug(1);
  f.add_bar(0, BarType::Io, 4, first);
  f.add_bar(1, BarType::Io, 4, second);
  b.write(bar(1, 0), 0x100);
  b.write(bar(1, 1), 0x104);
  b.command(1, kIoOn);
  b.write(PciBench::kIo + 0x100, 0x0807'0605'0403'0201, 8);
  EXPECT_EQ(first.bytes[0], 1);
  EXPECT_EQ(second.bytes[3], 8);
  EXPECT_EQ(b.read(PciBench::kIo + 0x100, 8), 0x0807'0605'0403'0201u);
}

// 003s: what a function registered goes with it, every time; nothing of it answers afterwards.
TEST_F(PciBar, NothingIsLeftOfAFunctionThatGoes) {
  const std::size_t before = b.host->decoded().memory.entries().size();
  for (unsigned n = 0; n < 1000; ++n) {
    const auto ports = b.host->root().claim(1);
    ASSERT_TRUE(ports) << n;
    {
      PlainFunction f("guest", PciBench::kIdentity, *ports);
      f.add_bar(0, BarType::Mem32, 0x1000, first);
      b.write(bar(1, 0), PciBench::kMmio);
      b.command(1, kMemoryOn);
      b.write(PciBench::kMmio, n);
      ASSERT_EQ(b.read(PciBench::kMmio), n);
      ASSERT_EQ(b.read(PciBench::cfg(1, 0)), 0x5678'1234u);
    }
    ASSERT_EQ(b.read(PciBench::kMmio), 0xffff'ffffu);
    ASSERT_EQ(b.read(PciBench::cfg(1, 0)), 0xffff'ffffu);
    ASSERT_EQ(b.host->decoded().memory.entries().size(), before);
  }
}

TEST_F(PciBar, ResetAndSnapshotMoveItToo) {
  PlainFunction& f = b.plug(1);
  f.add_bar(0, BarType::Mem32, 0x1000, first);
  first.bytes[0] = 9;
  b.write(bar(1, 0), PciBench::kMmio + 0x2000);
  b.command(1, kMemoryOn);
  Archive ar(Archive::Mode::Save);
  f.snapshot(ar);
  f.reset();
  EXPECT_EQ(b.read(PciBench::kMmio + 0x2000, 1), 0xffu);
  ar.set_mode(Archive::Mode::Load);
  f.snapshot(ar);
  ASSERT_TRUE(ar.finish());
  f.restored();
  EXPECT_EQ(b.read(PciBench::kMmio + 0x2000, 1), 9u);
}

}  // namespace
}  // namespace quince::test
