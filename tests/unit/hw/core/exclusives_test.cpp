// The global exclusive monitor: versions of granules, pages that share slots, who holds a page.
#include "hw/core/exclusives.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "hw/core/dma.h"

namespace quince::hw {
namespace {

constexpr u64 kAt = 0x4000'1230;  // the second half of a granule's doubleword pair is at +8

ExclusiveMonitors::Token token(ExclusiveMonitors& m, u64 a) {
  return ExclusiveMonitors::Held(m, PhysAddr(a)).token();
}
void write(ExclusiveMonitors& m, u64 a, u64 length) {
  ExclusiveMonitors::Held(m, PhysAddr(a)).wrote(length);
}

TEST(Exclusives, AWriteChangesItsGranulesAndNoOther) {
  ExclusiveMonitors m;
  const auto before = token(m, kAt), below = token(m, kAt - 16), above = token(m, kAt + 16);
  EXPECT_EQ(token(m, kAt + 8), before);
  write(m, kAt + 8, 1);
  EXPECT_NE(token(m, kAt), before);
  EXPECT_EQ(token(m, kAt - 16), below);
  EXPECT_EQ(token(m, kAt + 16), above);
  write(m, kAt + 15, 2);  // across two
  EXPECT_NE(token(m, kAt + 16), above);
  write(m, kAt & ~u64{0xfff}, 4096);
  EXPECT_NE(token(m, kAt - 16), below);
}

TEST(Exclusives, WritesWithoutALoadMakeAPageIdle) {
  ExclusiveMonitors m;
  ExclusiveMonitors::Held held(m, PhysAddr(kAt));
  for (u32 i = 1; i < ExclusiveMonitors::kIdleWrites; ++i) ASSERT_FALSE(held.idle());
  held.loaded();
  for (u32 i = 1; i < ExclusiveMonitors::kIdleWrites; ++i) ASSERT_FALSE(held.idle());
  EXPECT_TRUE(held.idle());
  const auto before = held.token();
  held.forget();
  EXPECT_NE(held.token(), before) << "monitors of a page that is not watched";
  EXPECT_FALSE(held.idle());
}

TEST(Exclusives, OneHoldsAPageAtATime) {
  ExclusiveMonitors m;
  constexpr u64 kRounds = 5000, kThreads = 4;
  u64 guarded = 0;  // by the page
  std::vector<std::thread> threads;
  for (u64 t = 0; t < kThreads; ++t)
    threads.emplace_back([&] {
      for (u64 i = 0; i < kRounds; ++i) {
        const ExclusiveMonitors::Held held(m, PhysAddr(kAt + i % 64));
        ++guarded;
      }
    });
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(guarded, kRounds * kThreads);
}

// ---- Bus masters -------------------------------------------------------------------------------

struct Memory {
  Memory() { EXPECT_TRUE(space.map_ram(PhysAddr(kBase), *ram)); }
  auto now(u64 a) { return token(space.exclusives(), a); }
  static constexpr u64 kBase = 0x4000'0000;
  Log log;
  AddressSpace space{log};
  std::unique_ptr<GuestRam> ram = std::move(*GuestRam::create("ram", 64 * KiB));
  DmaPort dma{space, 0};
};

TEST(Exclusives, EveryWayOfABusMasterToWriteCounts) {
  Memory m;
  m.ram->mark_watched(kAt - Memory::kBase);
  const u8 bytes[64] = {};
  auto before = m.now(kAt);
  ASSERT_TRUE(m.dma.write(PhysAddr(kAt - 32), bytes));
  EXPECT_NE(m.now(kAt), before);
  before = m.now(kAt);
  ASSERT_FALSE(m.dma.map_write(PhysAddr(kAt), 8).empty());
  EXPECT_NE(m.now(kAt), before);
  before = m.now(kAt);
  // A ring that begins in the page before, where nobody watches.
  const DmaPort::Run run = m.dma.run(PhysAddr(Memory::kBase), 2 * 4096, true);
  m.dma.mark_written(run, kAt - Memory::kBase - 4, 8);
  EXPECT_NE(m.now(kAt), before);
  before = m.now(kAt);
  m.dma.mark_written(run, kAt - Memory::kBase - 16, 16);  // beside it
  EXPECT_EQ(m.now(kAt), before);
}

TEST(Exclusives, ABusMastersWriteElsewhereCostsNothing) {
  Memory m;
  const auto before = m.now(kAt);
  const u8 bytes[64] = {};
  ASSERT_TRUE(m.dma.write(PhysAddr(kAt), bytes));
  EXPECT_EQ(m.now(kAt), before);
}

}  // namespace
}  // namespace quince::hw
