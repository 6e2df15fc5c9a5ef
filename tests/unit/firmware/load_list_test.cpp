#include "firmware/load_list.h"

#include "images.h"

namespace quince::firmware {
namespace {

TEST(Range, ContainsAndOverlaps) {
  const Range r{PhysAddr(0x1000), 0x1000};
  EXPECT_TRUE(r.contains({PhysAddr(0x1000), 0x1000}));
  EXPECT_TRUE(r.contains({PhysAddr(0x2000), 0}));
  EXPECT_FALSE(r.contains({PhysAddr(0x1001), 0x1000}));
  EXPECT_FALSE(r.contains({PhysAddr(0xfff), 2}));
  EXPECT_FALSE(r.contains({PhysAddr(0x1800), ~u64{0} - 0x1800}));
  EXPECT_TRUE(r.overlaps({PhysAddr(0x1fff), 1}));
  EXPECT_FALSE(r.overlaps({PhysAddr(0x2000), 1}));
  EXPECT_FALSE(r.overlaps({PhysAddr(0x1800), 0}));
}

TEST(LoadList, WritesBytesAndZeroesTheRestAcrossBanks) {
  Memory memory;
  const PhysAddr at = Memory::kRange.start + 4 * MiB - 100;
  ASSERT_TRUE(memory.dma.write(at, pattern(400, 9)));
  LoadList list;
  ASSERT_TRUE(list.add("x", at, list.keep(pattern(200)), 300));
  ASSERT_TRUE(list.write(memory.dma));
  EXPECT_EQ(memory.read(at, 200), pattern(200));
  EXPECT_EQ(memory.read(at + 200, 100), Bytes(100));
  const Bytes untouched = pattern(400, 9);
  EXPECT_EQ(memory.read(at + 300, 100), Bytes(untouched.begin() + 300, untouched.end()));
}

TEST(LoadList, WhatIsNotMemoryIsNamed) {
  Memory memory;
  LoadList list;
  ASSERT_TRUE(list.add("the thing", Memory::kRange.end() - 4, list.keep(pattern(4)), 5));
  EXPECT_EQ(message(list.write(memory.dma)),
            "could not load the thing: 0x5 bytes at 0x43fffffc are not all writable memory");
  EXPECT_EQ(memory.read(Memory::kRange.end() - 4, 4), Bytes(4));
  LoadList huge;
  ASSERT_TRUE(huge.add("huge", PhysAddr(0x4000'0000), {}, ~u64{0} - 0x4000'0000));
  EXPECT_FALSE(huge.write(memory.dma));
  EXPECT_FALSE(huge.add("wraps", PhysAddr(~u64{0}), {}, 1));
}

TEST(LoadList, ReadOnlyMemoryIsNotWritten) {
  Log log;
  hw::AddressSpace space(log);
  const auto rom = std::move(*hw::GuestRam::create("rom", 64 * KiB));
  ASSERT_TRUE(space.map_ram(PhysAddr(0), *rom, true));
  hw::DmaPort dma(space, 0);
  LoadList bytes, zeros;
  ASSERT_TRUE(bytes.add("x", PhysAddr(0), pattern(8)));
  ASSERT_TRUE(zeros.add("x", PhysAddr(0), {}, 8));
  EXPECT_FALSE(bytes.write(dma));
  EXPECT_FALSE(zeros.write(dma));
}

TEST(LoadList, OverlapsOfDifferentThingsAreNamed) {
  LoadList list, other;
  ASSERT_TRUE(list.add("a", PhysAddr(0x1000), {}, 0x9000));
  ASSERT_TRUE(list.add("a", PhysAddr(0x2000), {}, 0x100));
  ASSERT_TRUE(other.add("b", PhysAddr(0xa000), {}, 0x1000));
  ASSERT_TRUE(other.add("empty", PhysAddr(0x1800), {}, 0));
  list.merge(std::move(other));
  EXPECT_TRUE(list.check_overlaps());
  ASSERT_TRUE(list.add("c", PhysAddr(0x3000), {}, 1));
  EXPECT_EQ(message(list.check_overlaps()), "c at 0x3000 overlaps a at 0x1000");
}

TEST(LoadList, AnOverlapHiddenBehindALongerBlobIsFound) {
  LoadList list;
  ASSERT_TRUE(list.add("b", PhysAddr(0x0), {}, 0x800));
  ASSERT_TRUE(list.add("a", PhysAddr(0x1000), {}, 0x100));
  ASSERT_TRUE(list.add("b", PhysAddr(0x1080), {}, 0x1000));
  EXPECT_EQ(message(list.check_overlaps()), "b at 0x1080 overlaps a at 0x1000");
}

TEST(LoadList, MergedBytesStayInPlace) {
  Memory memory;
  LoadList all;
  for (u32 n = 0; n < 20; ++n) {
    LoadList one;
    ASSERT_TRUE(one.add("x", Memory::kRange.start + n * 64, pattern(64, n)));
    all.merge(std::move(one));
  }
  ASSERT_TRUE(all.write(memory.dma));
  for (u32 n = 0; n < 20; ++n)
    EXPECT_EQ(memory.read(Memory::kRange.start + n * 64, 64), pattern(64, n));
}

}  // namespace
}  // namespace quince::firmware
