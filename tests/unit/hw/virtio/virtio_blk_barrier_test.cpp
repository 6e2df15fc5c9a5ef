// 001f: barriers of Apple's disks on a disk that loses what was not flushed (fault_image.h), with threads that
// do requests in whatever order.
#include <gtest/gtest.h>

#include "block/disk.h"
#include "hw/virtio/virtio_blk.h"
#include "tests/support/fault_image.h"
#include "tests/support/pin.h"
#include "tests/support/virtio_driver.h"

namespace quince::test {
namespace {

constexpr u64 kSector = 512, kParts = 8, kCommit = kParts;

/// A guest that writes parts, a barrier, and then a record that says which parts there are.
struct Guest {
  Guest() {
    slot.plug(blk);
    EXPECT_TRUE(driver.start(~u64{0}, 64));
  }
  void add(u32 type, u64 sector, u8 fill) {
    const u64 header = memory.alloc(16), status = memory.alloc(1);
    memory.put<u32>(header, type);
    memory.put<u64>(header + 8, sector);
    memory.put<u8>(status, 0xee);
    std::vector<DriverQueue::Buffer> chain{{header, 16, false}};
    if (type == hw::VIRTIO_BLK_T_OUT)
      chain.push_back(driver.queue(0).buffer(std::string(kSector, static_cast<char>(fill))));
    chain.push_back({status, 1, true});
    driver.queue(0).add(chain);
    driver.kick(0);
  }

  GuestMemory memory{16 * MiB};
  Pin pin;
  hw::TimerQueue timers;
  TestCompletions completions;
  FaultImage* image = nullptr;
  std::unique_ptr<block::Disk> disk = [this] {
    auto made = std::make_unique<FaultImage>(Bytes((kParts + 1) * kSector));
    image = made.get();
    return block::make_threaded_disk(std::move(made), false, completions);
  }();
  hw::VirtioBlk blk{"disk", {.apple = hw::AppleDisk::Root}, *disk, memory.log(), timers};
  hw::VirtioMmio slot{"slot", pin.wire(), memory.port()};
  MmioDriverPort port{slot};
  VirtioDriver driver{port, memory};
};

TEST(VirtioBlkBarrier, NoRecordSurvivesWithoutWhatItSpeaksOf) {
  Guest g;
  std::mt19937_64 random(11);
  unsigned crashes = 0, half_done = 0;
  for (u8 generation = 1; generation <= 40; ++generation) {
    for (u64 n = 0; n < kParts; ++n) g.add(hw::VIRTIO_BLK_T_OUT, n, generation);
    g.add(hw::VIRTIO_BLK_T_APPLE_BARRIER, 0, 0);
    g.add(hw::VIRTIO_BLK_T_OUT, kCommit, generation);
    const auto crash = [&] {
      g.image->shuffle(random);
      const Bytes disk = g.image->crash(random);
      const u8 record = disk[kCommit * kSector];
      for (u64 n = 0; n < kParts; ++n) {
        EXPECT_GE(disk[n * kSector], record) << "part " << n;
        half_done += disk[n * kSector] != record;
      }
      ++crashes;
    };
    crash();
    while (g.blk.in_flight() != 0) {
      g.completions.run_once();
      crash();
    }
    while (g.driver.queue(0).reap()) {
    }
  }
  EXPECT_GT(crashes, 80u);
  EXPECT_GT(half_done, 40u) << "crashes came between";
}

}  // namespace
}  // namespace quince::test
