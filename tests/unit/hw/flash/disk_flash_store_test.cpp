#include "hw/flash/disk_flash_store.h"

#include <gtest/gtest.h>

#include <vector>

namespace quince::hw {
namespace {

constexpr u64 kBlock = CfiFlash::kBlockSize;

/// A disk that does nothing until it is told to.
struct FakeDisk final : block::Disk {
  u64 size() const override { return 2 * kBlock; }
  bool read_only() const override { return false; }
  bool can_discard() const override { return false; }
  void submit(block::Request& r) override {
    waiting.push_back(&r);
    ops.push_back(r.op);
  }
  void drain() override {
    while (!waiting.empty()) finish();
  }
  void finish(block::Status status = {}) {
    block::Request& r = *waiting.front();
    waiting.erase(waiting.begin());
    if (r.op == block::Op::Write && status == block::Status{})
      std::copy_n(static_cast<const u8*>(r.parts[0].iov_base), r.length,
                  bytes.begin() + static_cast<std::ptrdiff_t>(r.offset));
    r.done(r, status);
  }
  std::vector<block::Request*> waiting;
  std::vector<block::Op> ops;
  std::vector<u8> bytes = std::vector<u8>(2 * kBlock);
};

struct DiskFlashStoreTest : ::testing::Test {
  Log log;
  FakeDisk disk;
  std::unique_ptr<GuestRam> ram = std::move(GuestRam::create("flash", 2 * kBlock).value());
  std::optional<DiskFlashStore> store{std::in_place, *ram, disk, log};
};

TEST_F(DiskFlashStoreTest, WritesOneBlockAtATimeAndThenFlushes) {
  ram->data()[1] = 1;
  store->changed(1, 1);
  ram->data()[2] = 2;
  store->changed(2, 1);  // while the first write is under way
  ASSERT_EQ(disk.waiting.size(), 1u);
  disk.finish();
  EXPECT_EQ(disk.bytes[1], 1);
  EXPECT_EQ(disk.bytes[2], 0);  // the copy was made before
  disk.finish();
  EXPECT_EQ(disk.bytes[2], 2);
  disk.finish();
  using enum block::Op;
  EXPECT_EQ(disk.ops, (std::vector{Write, Write, Flush}));
  EXPECT_TRUE(disk.waiting.empty());
}

TEST_F(DiskFlashStoreTest, ARangeMayCrossBlocks) {
  std::fill_n(ram->data(), 2 * kBlock, u8{7});
  store->changed(kBlock - 1, 2);
  disk.drain();
  EXPECT_EQ(disk.bytes[0], 7);
  EXPECT_EQ(disk.bytes[2 * kBlock - 1], 7);
}

TEST_F(DiskFlashStoreTest, ItsEndWaitsForEverything) {
  ram->data()[kBlock] = 3;
  store->changed(0, 1);
  store->changed(kBlock, 1);
  store.reset();
  EXPECT_EQ(disk.bytes[kBlock], 3);
  EXPECT_EQ(disk.ops.back(), block::Op::Flush);
}

TEST_F(DiskFlashStoreTest, AFailedWriteIsNotTheEnd) {
  store->changed(0, 1);
  disk.finish(std::errc::io_error);
  store->changed(0, 1);
  disk.drain();
  EXPECT_EQ(disk.ops.size(), 4u);
}

}  // namespace
}  // namespace quince::hw
