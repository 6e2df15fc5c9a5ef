#include "hw/vmapple/bdif.h"

#include <gtest/gtest.h>

#include "tests/support/fake_disk.h"
#include "tests/support/virtio_driver.h"

namespace quince::hw {
namespace {

struct VmappleBdifTest : ::testing::Test {
  static constexpr u64 kBase = test::GuestMemory::kBase;
  static constexpr u64 kRequest = kBase, kSector = kBase + 0x100, kStatus = kBase + 0x200,
                       kData = kBase + 0x1000;
  static constexpr u32 kRead = 0x0003'0001, kWrite = 0x0001'0001;
  static constexpr u8 kOk = 0, kFailed = 1, kUntouched = 0xee;
  test::GuestMemory memory{64 * KiB};
  test::FakeDisk root{100 * 512 + 100}, aux{40 * 512};
  VmappleBdif bdif{"bdif", {&root, &aux}, memory.port(), memory.log()};

  VmappleBdifTest() {
    for (std::size_t i = 0; i < root.data.size(); ++i) root.data[i] = static_cast<u8>(i / 512 + 1);
    for (std::size_t i = 0; i < aux.data.size(); ++i) aux.data[i] = static_cast<u8>(200 - i / 512);
  }
  u64 rd(u64 off, unsigned size = 4) {
    u64 v = 0;
    EXPECT_EQ(bdif.read(off, {size}, v), Bus::Ok);
    return v;
  }
  struct Request {
    u64 sector = 0;
    u32 length = 512, flags = kRead;
    u64 data = kData;
    u32 sector_length = 16;
    u64 sector_at = kSector, status_at = kStatus;
  };
  /// Says what the status byte is then.
  u8 run(u64 id, const Request& r) {
    memory.put<u64>(kSector + 8, r.sector);
    memory.put<u64>(kRequest, r.sector_at);
    memory.put<u32>(kRequest + 8, r.sector_length);
    memory.put<u64>(kRequest + 16, r.data);
    memory.put<u32>(kRequest + 24, r.length);
    memory.put<u32>(kRequest + 28, r.flags);
    memory.put<u64>(kRequest + 32, r.status_at);
    memory.put<u8>(kStatus, kUntouched);
    EXPECT_EQ(bdif.write(id << 16 | 0x408, {8}, kRequest), Bus::Ok);
    return memory.get<u8>(kStatus);
  }
};

TEST_F(VmappleBdifTest, WhatAGuestFinds) {
  for (const u64 id : {0u, 1u, 2u, 0x10u, 0x1fu}) {
    const u64 base = id << 16;
    EXPECT_EQ(rd(base), 1u);
    EXPECT_EQ(rd(base + 4), id == 0x10 ? 0x1a01u : 2u);
    EXPECT_EQ(rd(base + 8), 0x420u);
    EXPECT_EQ(rd(base + 0x10), id == 0x10 ? 0u : 1u);
    EXPECT_EQ(rd(base + 0x400), 1u);
    EXPECT_EQ(rd(base + 0x434), 0u);
    EXPECT_EQ(rd(base + 0x420), id == 0 ? 100u : id == 1 ? 40u : 0u);
    EXPECT_EQ(rd(base + 0x430), 0xffff'ffffu);
    EXPECT_EQ(rd(base + 0x408, 8), ~u64{0});
  }
  EXPECT_EQ(rd(0x420, 8), 100u);
  EXPECT_EQ(rd(0x420, 1), 100u);
  EXPECT_EQ(rd(0x421, 1), 0xffu);
  EXPECT_EQ(bdif.write(0x1'0000, {4}, 7), Bus::Ok);
  EXPECT_EQ(rd(0x1'0000), 1u);
}

TEST_F(VmappleBdifTest, ReadsOfBothDisks) {
  EXPECT_EQ(run(0, {.sector = 3, .length = 1024}), kOk);
  EXPECT_EQ(memory.get<u8>(kData), 4u);
  EXPECT_EQ(memory.get<u8>(kData + 1023), 5u);
  EXPECT_EQ(memory.get<u8>(kData + 1024), 0u);
  EXPECT_EQ(run(1, {.sector = 39}), kOk);
  EXPECT_EQ(memory.get<u8>(kData), 161u);
  EXPECT_EQ(run(0, {.length = 0}), kOk);
  EXPECT_EQ(run(0, {.sector = 1, .length = 5, .data = kData + 3}), kOk);
  EXPECT_EQ(memory.get<u8>(kData + 7), 2u);
}

TEST_F(VmappleBdifTest, WritesAreDurableWhenTheyEnd) {
  memory.put<u32>(kData, 0x5a5a'5a5a);
  EXPECT_EQ(run(1, {.sector = 2, .flags = kWrite}), kOk);
  EXPECT_EQ(load_le<u32>(&aux.data[2 * 512]), 0x5a5a'5a5au);
  EXPECT_EQ(aux.done, (std::vector<block::Op>{block::Op::Write, block::Op::Flush}));
  EXPECT_EQ(run(0, {.sector = 2, .flags = kWrite}), kOk);
  EXPECT_EQ(root.data[2 * 512], 0x5au);
}

TEST_F(VmappleBdifTest, RequestsThatCannotBeDone) {
  const std::vector<u8> before = root.data;
  EXPECT_EQ(run(0, {.flags = 0x0002'0001}), kFailed);
  EXPECT_EQ(run(0, {.sector_length = 15}), kFailed);
  EXPECT_EQ(run(0, {.sector_at = 0x10}), kFailed);
  EXPECT_EQ(run(0, {.length = VmappleBdif::kMaxTransfer + 1}), kFailed);
  EXPECT_EQ(run(0, {.data = 0x10}), kFailed);
  EXPECT_EQ(run(0, {.data = kBase + 64 * KiB - 256}), kFailed);
  EXPECT_EQ(run(0, {.sector = 100, .length = 512}), kFailed);
  EXPECT_EQ(run(0, {.sector = ~u64{0}}), kFailed);
  EXPECT_EQ(run(0, {.sector = 1, .length = 512, .flags = kWrite, .data = kBase + 64 * KiB - 256}),
            kFailed);
  root.fail = std::errc::io_error;
  EXPECT_EQ(run(0, {}), kFailed);
  root.fail = {};
  aux.is_read_only = true;
  aux.fail = std::errc::read_only_file_system;
  EXPECT_EQ(run(1, {.flags = kWrite}), kFailed);
  // Nowhere to say it, or nothing to do it on.
  EXPECT_EQ(run(0, {.status_at = 0x10}), kUntouched);
  EXPECT_EQ(run(2, {}), kUntouched);
  EXPECT_EQ(bdif.write(0x408, {8}, 0x10), Bus::Ok);
  EXPECT_EQ(bdif.write(0x40c, {4}, kRequest), Bus::Ok) << "no register begins there";
  EXPECT_EQ(memory.get<u8>(kStatus), kUntouched);
  EXPECT_EQ(root.data, before);
}

TEST_F(VmappleBdifTest, WithoutDisksThereIsNothing) {
  VmappleBdif none("bdif", {}, memory.port(), memory.log());
  u64 v = 1;
  EXPECT_EQ(none.read(0x420, {4}, v), Bus::Ok);
  EXPECT_EQ(v, 0u);
  memory.put<u64>(kRequest + 32, kStatus);
  EXPECT_EQ(none.write(0x408, {8}, kRequest), Bus::Ok);
  EXPECT_EQ(memory.get<u8>(kStatus), 0u);
}

}  // namespace
}  // namespace quince::hw
