#include "hw/flash/cfi_flash.h"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "hw/core/archive.h"

namespace quince::hw {
namespace {

constexpr u64 kBase = 0x400'0000, kSize = 4 * CfiFlash::kBlockSize, kBlock = CfiFlash::kBlockSize;
constexpr u32 kReady = 0x0080'0080;

struct Store final : FlashStore {
  void changed(u64 offset, u64 length) override { changes.emplace_back(offset, length); }
  std::vector<std::pair<u64, u64>> changes;
};

struct CfiFlashTest : ::testing::Test {
  CfiFlashTest() {
    std::fill_n(ram->data(), kSize, u8{0xff});
    EXPECT_TRUE(flash.map(space, PhysAddr(kBase)));
  }
  u32 rd(u64 off) {
    const IoLock::Guard held(lock);
    u64 v = 0;
    EXPECT_EQ(space.read(held, PhysAddr(kBase + off), {4}, v), AddressSpace::Outcome::Ok);
    return static_cast<u32>(v);
  }
  void wr(u64 off, u32 v, unsigned size = 4) {
    const IoLock::Guard held(lock);
    EXPECT_EQ(space.write(held, PhysAddr(kBase + off), {size}, v), AddressSpace::Outcome::Ok);
  }
  /// A command to both chips.
  void command(u64 off, u8 c) { wr(off, u32{c} << 16 | c); }
  void program(u64 off, u32 v) {
    command(off, 0x40);
    wr(off, v);
  }
  void erase(u64 off) {
    command(off, 0x20);
    command(off, 0xd0);
  }
  u32 status() {
    command(0, 0x70);
    return rd(0);
  }
  bool memory_is_shown() { return space.view()->find(PhysAddr(kBase))->ram != nullptr; }

  Log log;
  IoLock lock;
  AddressSpace space{log};
  Store store;
  std::unique_ptr<GuestRam> ram = std::move(GuestRam::create("flash", kSize).value());
  CfiFlash flash{"flash", *ram, &store, false, log};
};

TEST_F(CfiFlashTest, ReadArrayIsMemory) {
  EXPECT_TRUE(memory_is_shown());
  ram->data()[5] = 0x12;
  EXPECT_EQ(rd(4), 0xffff'12ffu);
  command(0, 0x70);
  EXPECT_FALSE(memory_is_shown());
  EXPECT_EQ(rd(4), kReady);
  command(0, 0xff);
  EXPECT_TRUE(memory_is_shown());
  EXPECT_EQ(rd(4), 0xffff'12ffu);
}

TEST_F(CfiFlashTest, QueryDescribesOneChip) {
  command(0x55 * 4, 0x98);
  std::string qry;
  for (u64 w = 0x10; w < 0x13; ++w) {
    EXPECT_EQ(rd(4 * w) >> 16, rd(4 * w) & 0xffff);
    qry += static_cast<char>(rd(4 * w));
  }
  EXPECT_EQ(qry, "QRY");
  EXPECT_EQ(rd(4 * 0x13) & 0xff, 1u);  // Intel's command set
  EXPECT_EQ(1u << (rd(4 * 0x27) & 0xff), kSize / 2);
  EXPECT_EQ((rd(4 * 0x2d) & 0xff) + 1, 4u);  // blocks
  EXPECT_EQ(((rd(4 * 0x30) & 0xff) << 8 | (rd(4 * 0x2f) & 0xff)) * 256, kBlock / 2);
  EXPECT_EQ(rd(4 * 0x3ff), 0u);
}

TEST_F(CfiFlashTest, Identifier) {
  command(0, 0x90);
  EXPECT_EQ(rd(0), 0x0089'0089u);
  EXPECT_EQ(rd(4), 0x0018'0018u);
  EXPECT_EQ(rd(kBlock + 8), 0u);  // that block is not locked
}

TEST_F(CfiFlashTest, ProgramOnlyClearsBitsAndEraseSetsThem) {
  program(kBlock + 8, 0x1234'5678);
  EXPECT_EQ(rd(0), kReady);
  program(kBlock + 8, 0xff00'ff0f);
  command(0, 0xff);
  EXPECT_EQ(rd(kBlock + 8), 0x1200'5608u);
  EXPECT_EQ(rd(kBlock + 4), 0xffff'ffffu);
  program(0, 0);
  erase(kBlock + 0x1000);
  command(0, 0xff);
  EXPECT_EQ(rd(kBlock + 8), 0xffff'ffffu);
  EXPECT_EQ(rd(0), 0u);  // another block
  EXPECT_EQ(store.changes.back(), std::make_pair(kBlock, kBlock));
  EXPECT_EQ(store.changes.front(), std::make_pair(kBlock + 8, u64{4}));
}

TEST_F(CfiFlashTest, BufferedProgram) {
  command(kBlock, 0xe8);
  EXPECT_EQ(rd(kBlock), kReady);  // the buffer is free
  command(kBlock, 3);             // four words
  for (u32 i = 0; i < 4; ++i) wr(kBlock + 0x40 + 4 * i, 0x1111'1111 * (i + 1));
  EXPECT_EQ(load_le<u32>(ram->data() + kBlock + 0x40), 0xffff'ffffu);  // not yet
  command(kBlock, 0xd0);
  EXPECT_EQ(rd(kBlock), kReady);
  for (u32 i = 0; i < 4; ++i)
    EXPECT_EQ(load_le<u32>(ram->data() + kBlock + 0x40 + 4 * i), 0x1111'1111 * (i + 1));
}

TEST_F(CfiFlashTest, BrokenSequencesAreReportedUntilCleared) {
  command(0, 0x20);
  command(0, 0x70);  // not a confirmation
  EXPECT_EQ(status(), kReady | 0x0030'0030);
  command(0, 0x50);
  EXPECT_EQ(status(), kReady);
  command(0, 0xe8);
  wr(0, 0xffff'ffff);  // too many words
  EXPECT_EQ(status(), kReady | 0x0030'0030);
  command(0, 0x50);
  command(0, 0xe8);
  command(0, 1);
  wr(kBlock, 0);  // another block
  EXPECT_EQ(status(), kReady | 0x0030'0030);
  EXPECT_TRUE(store.changes.empty());
}

TEST_F(CfiFlashTest, LockedBlocksKeepTheirContents) {
  command(kBlock, 0x60);
  command(kBlock, 0x01);
  command(0, 0x90);
  EXPECT_EQ(rd(kBlock + 8), 0x0001'0001u);
  program(kBlock, 0);
  EXPECT_EQ(status(), kReady | 0x0012'0012);
  command(0, 0x50);
  erase(kBlock);
  EXPECT_EQ(status(), kReady | 0x0022'0022);
  EXPECT_TRUE(store.changes.empty());
  command(kBlock, 0x60);
  command(kBlock, 0xd0);
  command(0, 0x50);
  program(kBlock, 0);
  EXPECT_EQ(status(), kReady);
  EXPECT_EQ(ram->data()[kBlock], 0);
}

TEST_F(CfiFlashTest, ReadOnlyBankRefusesChanges) {
  CfiFlash rom("rom", *ram, nullptr, true, log);
  EXPECT_EQ(rom.write(0, {4}, 0x40), Bus::Ok);
  EXPECT_EQ(rom.write(0, {4}, 0), Bus::Ok);
  u64 v = 0;
  EXPECT_EQ(rom.read(0, {4}, v), Bus::Ok);
  EXPECT_EQ(v, kReady | 0x0012'0012);
  EXPECT_EQ(ram->data()[0], 0xff);
}

TEST_F(CfiFlashTest, NarrowAndWideAccesses) {
  command(0, 0x40);
  wr(2, 0xab, 1);
  EXPECT_EQ(ram->data()[2], 0xab);
  EXPECT_EQ(ram->data()[3], 0xff);
  const IoLock::Guard held(lock);
  u64 v = 0;
  EXPECT_EQ(space.read(held, PhysAddr(kBase), {8}, v), AddressSpace::Outcome::Ok);
  EXPECT_EQ(v, u64{kReady} << 32 | kReady);
  EXPECT_EQ(space.read(held, PhysAddr(kBase + 2), {2}, v), AddressSpace::Outcome::Ok);
  EXPECT_EQ(v, 0x80u);
}

TEST_F(CfiFlashTest, SnapshotInTheMiddleOfABufferedProgram) {
  command(0, 0xe8);
  command(0, 1);
  wr(0x10, 0x1111'1111);
  Archive ar(Archive::Mode::Save);
  flash.snapshot(ar);
  flash.reset();
  EXPECT_TRUE(memory_is_shown());
  ar.set_mode(Archive::Mode::Load);
  flash.snapshot(ar);
  ASSERT_TRUE(ar.finish());
  flash.restored();
  EXPECT_FALSE(memory_is_shown());
  wr(0x14, 0x2222'2222);
  command(0, 0xd0);
  EXPECT_EQ(load_le<u64>(ram->data() + 0x10), 0x2222'2222'1111'1111u);
}

TEST_F(CfiFlashTest, LosingTheMemoryIsAnnounced) {
  int lost = 0;
  space.on_memory_gone([](void* p) { ++*static_cast<int*>(p); }, &lost);
  command(0, 0x70);
  command(0, 0x90);
  EXPECT_EQ(lost, 1);
  command(0, 0xff);
  EXPECT_EQ(lost, 1);
}

}  // namespace
}  // namespace quince::hw
