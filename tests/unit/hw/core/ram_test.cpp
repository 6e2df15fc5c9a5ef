#include "hw/core/ram.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <thread>

namespace quince::hw {
namespace {

using Kind = HostMemoryOptions::Kind;
constexpr u64 kPage = GuestRam::kPageSize;

bool all(const GuestRam& ram, u64 offset, u64 length, u8 value) {
  return std::all_of(ram.data() + offset, ram.data() + offset + length,
                     [value](u8 b) { return b == value; });
}

TEST(GuestRam, DiscardedPagesAreTheHosts) {
  for (const HostMemoryOptions& o :
       {HostMemoryOptions{}, HostMemoryOptions{.kind = Kind::Anonymous, .share = false},
        HostMemoryOptions{.kind = Kind::Anonymous}}) {
    auto ram = *GuestRam::create("ram", 4 * MiB, o);
    std::fill_n(ram->data(), ram->size(), u8{1});
    struct stat before {
    }, after{};
    ::fstat(ram->host().fd(), &before);
    EXPECT_TRUE(ram->discard(1 * MiB, 2 * MiB));
    EXPECT_TRUE(all(*ram, 0, 1 * MiB, 1));
    EXPECT_TRUE(all(*ram, 3 * MiB, 1 * MiB, 1));
    if (ram->host().fd() >= 0) {
      ::fstat(ram->host().fd(), &after);
      EXPECT_LE(after.st_blocks * 512, before.st_blocks * 512 - 2 * s64{MiB});
    }
    EXPECT_TRUE(all(*ram, 1 * MiB, 2 * MiB, 0));
    EXPECT_TRUE(ram->dirty(1 * MiB / kPage));
    EXPECT_FALSE(ram->dirty(0));
  }
}

TEST(GuestRam, OnlyWholePagesAreDiscarded) {
  auto ram = *GuestRam::create("ram", 4 * kPage);
  std::fill_n(ram->data(), ram->size(), u8{1});
  EXPECT_FALSE(ram->discard(1, kPage));
  EXPECT_FALSE(ram->discard(0, 0));
  EXPECT_TRUE(all(*ram, 0, ram->size(), 1));
  EXPECT_TRUE(ram->discard(1, 2 * kPage));
  EXPECT_TRUE(all(*ram, 0, kPage, 1));
  EXPECT_TRUE(all(*ram, kPage, kPage, 0));
  EXPECT_TRUE(all(*ram, 2 * kPage, 2 * kPage, 1));
}

TEST(GuestRam, APrivateMappingOfAFileStays) {
  auto ram = *GuestRam::create("ram", 4 * kPage, {.kind = Kind::Memfd, .share = false});
  std::fill_n(ram->data(), ram->size(), u8{1});
  EXPECT_FALSE(ram->discard(0, ram->size()));
  EXPECT_TRUE(all(*ram, 0, ram->size(), 1));
}

// Another thread writes and reads meanwhile: each store is there or was discarded.
TEST(GuestRam, DiscardsWhileOthersWrite) {
  auto ram = *GuestRam::create("ram", 16 * kPage);
  std::atomic<bool> stop{false};
  std::atomic<u64> rounds{0}, torn{0};
  std::thread vcpu([&] {
    for (u64 i = 0; !stop.load(std::memory_order_relaxed); ++i) {
      std::atomic_ref<u64> word(*reinterpret_cast<u64*>(ram->data() + (i % 16) * kPage));
      word.store(~u64{0}, std::memory_order_relaxed);
      const u64 seen = word.load(std::memory_order_relaxed);
      if (seen != 0 && seen != ~u64{0}) torn.fetch_add(1);
      rounds.fetch_add(1, std::memory_order_relaxed);
    }
  });
  for (int i = 0; i < 200 || rounds.load() < 200; ++i) EXPECT_TRUE(ram->discard(0, ram->size()));
  stop = true;
  vcpu.join();
  EXPECT_EQ(torn.load(), 0u);
  EXPECT_TRUE(ram->discard(0, ram->size()));
  EXPECT_TRUE(all(*ram, 0, ram->size(), 0));
}

}  // namespace
}  // namespace quince::hw
