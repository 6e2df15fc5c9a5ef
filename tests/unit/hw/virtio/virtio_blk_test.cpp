#include "hw/virtio/virtio_blk.h"

#include <gtest/gtest.h>

#include "tests/support/fake_disk.h"
#include "tests/support/pin.h"
#include "tests/support/virtio_driver.h"

namespace quince::hw {
namespace {

using block::Op;
using test::DriverQueue;
using test::FakeDisk;
using test::GuestMemory;
using test::MmioDriverPort;
using test::Pin;
using test::VirtioDriver;
using Buffer = DriverQueue::Buffer;

constexpr u8 kOk = VIRTIO_BLK_S_OK, kIoErr = VIRTIO_BLK_S_IOERR, kUnsupp = VIRTIO_BLK_S_UNSUPP;
constexpr u8 kPending = 0xee;

struct VirtioBlkTest : ::testing::Test {
  static constexpr u64 kSectors = 64;
  GuestMemory memory;
  Pin pin;
  TimerQueue timers;
  FakeDisk disk{kSectors * 512};
  VirtioBlkConfig config;
  std::unique_ptr<VirtioBlk> blk;
  std::unique_ptr<VirtioMmio> slot;
  std::unique_ptr<MmioDriverPort> port;
  std::unique_ptr<VirtioDriver> driver;

  VirtioBlkTest() {
    for (std::size_t i = 0; i < disk.data.size(); ++i) disk.data[i] = static_cast<u8>(i / 512 + 1);
  }
  void start(u64 features = ~u64{0}, u16 size = 64) {
    ASSERT_TRUE(config.check());
    driver.reset();
    port.reset();
    slot = std::make_unique<VirtioMmio>("slot", pin.wire(), memory.port());
    blk = std::make_unique<VirtioBlk>("disk", config, disk, memory.log(), timers);
    slot->plug(*blk);
    port = std::make_unique<MmioDriverPort>(*slot);
    driver = std::make_unique<VirtioDriver>(*port, memory);
    ASSERT_TRUE(driver->start(features, size));
  }
  DriverQueue& q(unsigned n = 0) { return driver->queue(n); }

  /// A request in the ring; its status byte is at the address that comes back.
  u64 add(u32 type, u64 sector, std::vector<Buffer> data, unsigned queue = 0,
          DriverQueue::How how = DriverQueue::How::Direct) {
    const u64 header = memory.alloc(16);
    memory.put<u32>(header, type);
    memory.put<u64>(header + 8, sector);
    const u64 status = memory.alloc(1);
    memory.put<u8>(status, kPending);
    data.insert(data.begin(), {header, 16, false});
    data.push_back({status, 1, true});
    q(queue).add(data, how);
    return status;
  }
  u8 status(u64 at) { return memory.get<u8>(at); }
  /// A request from beginning to end.
  u8 run(u32 type, u64 sector, std::vector<Buffer> data) {
    const u64 s = add(type, sector, std::move(data));
    driver->kick(0);
    disk.finish_all();
    EXPECT_TRUE(q().reap());
    return status(s);
  }
  /// Saves device and memory, lets what is in flight end, and goes back.
  template <class F>
  void save_and_load(F saved) {
    Archive ar(Archive::Mode::Save);
    slot->snapshot(ar);
    ASSERT_TRUE(ar.finish());
    saved();
    const std::vector<u8> then(memory.bytes().begin(), memory.bytes().end());
    disk.finish_all();
    port->set_status(0);
    std::ranges::copy(then, memory.bytes().begin());
    ar.set_mode(Archive::Mode::Load);
    slot->snapshot(ar);
    ASSERT_TRUE(ar.finish());
    slot->restored();
  }
  Buffer segment(u64 sector, u32 count, u32 flags) {
    const u64 at = memory.alloc(16);
    memory.put<u64>(at, sector);
    memory.put<u32>(at + 8, count);
    memory.put<u32>(at + 12, flags);
    return {at, 16, false};
  }
};

TEST_F(VirtioBlkTest, ConfigurationIsTheStructureOfTheSpecification) {
  config = {.queues = 2, .physical_block = 4096, .min_io = 4096, .opt_io = 8192};
  start();
  EXPECT_EQ(port->rd(0x08), 2u);
  EXPECT_EQ(port->read_config(0x00, 8), kSectors);
  EXPECT_EQ(port->read_config(0x0c, 4), 254u);     // seg_max
  EXPECT_EQ(port->read_config(0x12, 2), 0x3f10u);  // heads, sectors
  EXPECT_EQ(port->read_config(0x14, 4), 512u);
  EXPECT_EQ(port->read_config(0x18, 1), 3u);
  EXPECT_EQ(port->read_config(0x1a, 2), 8u);
  EXPECT_EQ(port->read_config(0x1c, 4), 16u);
  EXPECT_EQ(port->read_config(0x20, 1), 1u);  // writeback
  EXPECT_EQ(port->read_config(0x22, 2), 2u);
  EXPECT_EQ(port->read_config(0x24, 4), 0x3f'ffffu);
  EXPECT_EQ(port->read_config(0x28, 4), 1u);
  EXPECT_EQ(port->read_config(0x2c, 4), 1u);
  EXPECT_EQ(port->read_config(0x38, 1), 1u);
  EXPECT_EQ(driver->queue_count(), 2u);
  EXPECT_EQ(driver->features() & 0xff'ffff,
            feature_bits(VIRTIO_BLK_F_SEG_MAX, VIRTIO_BLK_F_GEOMETRY, VIRTIO_BLK_F_BLK_SIZE,
                         VIRTIO_BLK_F_FLUSH, VIRTIO_BLK_F_TOPOLOGY, VIRTIO_BLK_F_CONFIG_WCE,
                         VIRTIO_BLK_F_MQ, VIRTIO_BLK_F_DISCARD, VIRTIO_BLK_F_WRITE_ZEROES));
}

TEST_F(VirtioBlkTest, ReadsAndWrites) {
  start();
  const Buffer a = q().space(512), b = q().space(1024);
  const u64 s = add(VIRTIO_BLK_T_IN, 3, {a, b}, 0, DriverQueue::How::Indirect);
  driver->kick(0);
  EXPECT_EQ(status(s), kPending);  // nothing waits for the disk
  EXPECT_FALSE(pin.high);
  disk.finish();
  EXPECT_EQ(status(s), kOk);
  EXPECT_TRUE(pin.high);
  EXPECT_EQ(q().reap()->length, 1537u);
  EXPECT_EQ(memory.get<u8>(a.address), 4);
  EXPECT_EQ(memory.get<u8>(b.address + 512), 6);
  EXPECT_EQ(run(VIRTIO_BLK_T_OUT, 62,
                {q().buffer(std::string(700, 'x')), q().buffer(std::string(324, 'y'))}),
            kOk);
  EXPECT_EQ(disk.data[62 * 512], 'x');
  EXPECT_EQ(disk.data[62 * 512 + 700], 'y');
  EXPECT_EQ(disk.data[61 * 512 + 511], 62);
}

TEST_F(VirtioBlkTest, RequestsEndInTheDisksOrder) {
  start();
  std::vector<u64> s;
  for (u64 i = 0; i < 3; ++i) s.push_back(add(VIRTIO_BLK_T_IN, i, {q().space(512)}));
  driver->kick(0);
  ASSERT_EQ(disk.waiting.size(), 3u);
  disk.finish(2);
  EXPECT_EQ(status(s[0]), kPending);
  EXPECT_EQ(status(s[2]), kOk);
  disk.finish(1);
  disk.finish(0);
  EXPECT_EQ(status(s[0]), kOk);
}

TEST_F(VirtioBlkTest, RangesAndLengthsAreChecked) {
  config.logical_block = config.physical_block = 1024;
  start();
  const auto bytes = [&](u32 n) { return std::vector<Buffer>{q().space(n)}; };
  EXPECT_EQ(run(VIRTIO_BLK_T_IN, 62, bytes(1024)), kOk);
  EXPECT_EQ(run(VIRTIO_BLK_T_IN, 62, bytes(2048)), kIoErr);
  EXPECT_EQ(run(VIRTIO_BLK_T_IN, 64, bytes(1024)), kIoErr);
  EXPECT_EQ(run(VIRTIO_BLK_T_IN, ~u64{0}, bytes(1024)), kIoErr);
  EXPECT_EQ(run(VIRTIO_BLK_T_IN, u64{1} << 55, bytes(1024)), kIoErr);
  EXPECT_EQ(run(VIRTIO_BLK_T_IN, 1, bytes(1024)), kIoErr);  // not on a block
  EXPECT_EQ(run(VIRTIO_BLK_T_IN, 0, bytes(512)), kIoErr);   // not a block
  EXPECT_EQ(run(VIRTIO_BLK_T_IN, 0, bytes(1023)), kIoErr);
  EXPECT_EQ(run(VIRTIO_BLK_T_IN, 0, {}), kOk);
  EXPECT_EQ(run(VIRTIO_BLK_T_OUT, 0, {q().buffer("short")}), kIoErr);
  EXPECT_EQ(disk.done.size(), 1u);
}

TEST_F(VirtioBlkTest, ErrorsOfTheDiskAreAnswers) {
  start();
  disk.fail = std::errc::io_error;
  EXPECT_EQ(run(VIRTIO_BLK_T_IN, 0, {q().space(512)}), kIoErr);
  disk.fail = std::errc::no_space_on_device;
  EXPECT_EQ(run(VIRTIO_BLK_T_OUT, 0, {q().buffer(std::string(512, 'x'))}), kIoErr);
  disk.fail = std::errc::not_supported;
  EXPECT_EQ(run(VIRTIO_BLK_T_FLUSH, 0, {}), kUnsupp);
}

TEST_F(VirtioBlkTest, FlushSerialAndUnknownTypes) {
  config.serial = "QUINCE-1";
  start();
  EXPECT_EQ(run(VIRTIO_BLK_T_FLUSH, 0, {}), kOk);
  EXPECT_EQ(disk.done, std::vector{Op::Flush});
  const Buffer id = q().space(20);
  EXPECT_EQ(run(VIRTIO_BLK_T_GET_ID, 0, {id}), kOk);
  EXPECT_EQ(memory.text(id.address, 20), std::string("QUINCE-1") + std::string(12, '\0'));
  const Buffer small = q().space(3);
  EXPECT_EQ(run(VIRTIO_BLK_T_GET_ID, 0, {small}), kOk);
  EXPECT_EQ(memory.text(small.address, 4), std::string("QUI\0", 4));
  for (const u32 type : {2u, 10u, 14u, 16u, 0x1'0000u, 0xffff'ffffu})
    EXPECT_EQ(run(type, 0, {q().space(64)}), kUnsupp) << type;
}

TEST_F(VirtioBlkTest, DiscardAndWriteZeroes) {
  start();
  EXPECT_EQ(run(VIRTIO_BLK_T_WRITE_ZEROES, 0, {segment(4, 2, 1)}), kOk);
  EXPECT_EQ(disk.data[4 * 512 - 1], 4);
  EXPECT_EQ(disk.data[4 * 512], 0);
  EXPECT_EQ(disk.data[6 * 512 - 1], 0);
  EXPECT_EQ(disk.data[6 * 512], 7);
  EXPECT_EQ(run(VIRTIO_BLK_T_DISCARD, 0, {segment(8, 1, 0)}), kOk);
  EXPECT_EQ(disk.done, (std::vector{Op::WriteZeroes, Op::Discard}));
  EXPECT_EQ(run(VIRTIO_BLK_T_DISCARD, 0, {segment(8, 1, 1)}), kUnsupp);  // unmap
  EXPECT_EQ(run(VIRTIO_BLK_T_WRITE_ZEROES, 0, {segment(8, 1, 2)}), kUnsupp);
  EXPECT_EQ(run(VIRTIO_BLK_T_WRITE_ZEROES, 0, {segment(64, 1, 0)}), kIoErr);
  EXPECT_EQ(run(VIRTIO_BLK_T_WRITE_ZEROES, 0, {segment(0, 0xffff'ffff, 0)}), kIoErr);
  EXPECT_EQ(run(VIRTIO_BLK_T_DISCARD, 0, {segment(~u64{0}, 1, 0)}), kIoErr);
  EXPECT_EQ(run(VIRTIO_BLK_T_DISCARD, 0, {segment(0, 1, 0), segment(2, 1, 0)}), kUnsupp);
  EXPECT_EQ(run(VIRTIO_BLK_T_DISCARD, 0, {q().buffer("short")}), kIoErr);
  EXPECT_EQ(run(VIRTIO_BLK_T_DISCARD, 0, {}), kIoErr);
  EXPECT_EQ(disk.done.size(), 2u);
  disk.discards = false;
  start();
  EXPECT_EQ(driver->features() & feature_bits(VIRTIO_BLK_F_DISCARD), 0u);
  EXPECT_EQ(run(VIRTIO_BLK_T_DISCARD, 0, {segment(8, 1, 0)}), kUnsupp);
}

TEST_F(VirtioBlkTest, AReadOnlyDiskSaysSoAndStaysSo) {
  disk.is_read_only = true;
  start();
  EXPECT_TRUE(bit(driver->features(), VIRTIO_BLK_F_RO));
  EXPECT_EQ(run(VIRTIO_BLK_T_OUT, 0, {q().buffer(std::string(512, 'x'))}), kIoErr);
  EXPECT_EQ(run(VIRTIO_BLK_T_WRITE_ZEROES, 0, {segment(4, 2, 1)}), kUnsupp);
  EXPECT_EQ(disk.data[0], 1);
  EXPECT_EQ(run(VIRTIO_BLK_T_IN, 0, {q().space(512)}), kOk);
}

TEST_F(VirtioBlkTest, WithoutAWriteCacheWritesAreDurableWhenTheyEnd) {
  start();
  port->write_config(0x20, 1, 0);
  EXPECT_EQ(port->read_config(0x20, 1), 0u);
  const u64 s = add(VIRTIO_BLK_T_OUT, 0, {q().buffer(std::string(512, 'x'))});
  driver->kick(0);
  disk.finish();
  EXPECT_EQ(status(s), kPending);
  disk.finish();
  EXPECT_EQ(status(s), kOk);
  EXPECT_EQ(disk.done, (std::vector{Op::Write, Op::Flush}));
  start(feature_bits(VIRTIO_F_VERSION_1));  // a driver that has never heard of flushes
  EXPECT_EQ(run(VIRTIO_BLK_T_OUT, 0, {q().buffer(std::string(512, 'x'))}), kOk);
  EXPECT_EQ(disk.done.back(), Op::Flush);
  port->write_config(0x20, 1, 1);  // not negotiated
  EXPECT_EQ(port->read_config(0x20, 1), 0u);
}

TEST_F(VirtioBlkTest, ChainsWithoutHeaderOrStatusNeedAReset) {
  start();
  for (const std::vector<Buffer>& chain :
       {std::vector<Buffer>{q().buffer("fifteen bytes.."), q().space(1)},
        {q().buffer(std::string(16, '\0'))},
        {q().space(513)}}) {
    q().add(chain);
    driver->kick(0);
    EXPECT_TRUE(driver->needs_reset());
    EXPECT_EQ(blk->in_flight(), 0u);
    ASSERT_TRUE(driver->start(~u64{0}));
    EXPECT_EQ(run(VIRTIO_BLK_T_IN, 0, {q().space(512)}), kOk);
  }
}

TEST_F(VirtioBlkTest, RequestsInFlightAreBoundedAndTheRestWaits) {
  config.queues = 2;
  start(~u64{0}, 256);
  std::vector<u64> s;
  const Buffer space = q().space(512);
  for (unsigned n = 0; n < 2; ++n)
    for (unsigned i = 0; i < 70; ++i) s.push_back(add(VIRTIO_BLK_T_IN, 0, {space}, n));
  driver->kick(0);
  driver->kick(1);
  EXPECT_EQ(disk.waiting.size(), VirtioBlk::kMaxInFlight);
  disk.finish();
  EXPECT_EQ(disk.waiting.size(), VirtioBlk::kMaxInFlight);
  disk.finish_all();
  for (const u64 at : s) EXPECT_EQ(status(at), kOk);
}

TEST_F(VirtioBlkTest, AResetEndsWhatIsInFlightWithoutAnAnswer) {
  start();
  const u64 s = add(VIRTIO_BLK_T_OUT, 0, {q().buffer(std::string(512, 'x'))});
  driver->kick(0);
  port->set_status(0);
  EXPECT_TRUE(disk.waiting.empty());
  EXPECT_EQ(disk.data[0], 'x');  // the disk had it
  EXPECT_EQ(status(s), kPending);
  EXPECT_EQ(q().used_idx(), 0u);
  EXPECT_FALSE(pin.high);
}

TEST_F(VirtioBlkTest, ResetOfOneQueueLetsTheOtherGoOn) {
  config.queues = 2;
  start(~u64{0}, 256);
  const Buffer space = q().space(512);
  std::vector<u64> s[2];
  for (unsigned n = 0; n < 2; ++n)
    for (unsigned i = 0; i < 70; ++i) s[n].push_back(add(VIRTIO_BLK_T_IN, 0, {space}, n));
  driver->kick(0);
  driver->kick(1);  // some of it waits for a slot
  port->reset_queue(0);
  timers.run_due();
  disk.finish_all();
  for (const u64 at : s[0]) EXPECT_EQ(status(at), kPending);
  for (const u64 at : s[1]) EXPECT_EQ(status(at), kOk);
}

TEST_F(VirtioBlkTest, ASnapshotInTheMiddleLosesNothing) {
  start();
  std::vector<u64> s;
  for (u64 i = 0; i < 3; ++i) s.push_back(add(VIRTIO_BLK_T_IN, i, {q().space(512)}));
  driver->kick(0);
  disk.finish(1);
  save_and_load([&] { EXPECT_EQ(disk.waiting.size(), 2u) << "saving disturbs nothing"; });
  EXPECT_EQ(status(s[0]), kPending);
  EXPECT_EQ(disk.finish_all(), 2u);
  for (const u64 at : s) EXPECT_EQ(status(at), kOk);
  EXPECT_EQ(q().used_idx(), 3u);
  EXPECT_EQ(blk->in_flight(), 0u);
}

// ---- Apple's disks -----------------------------------------------------------------------------

TEST_F(VirtioBlkTest, AnAppleDiskSaysWhichOneItIs) {
  for (const AppleDisk which : {AppleDisk::Root, AppleDisk::Aux}) {
    config.apple = which;
    start();
    EXPECT_EQ(blk->config_size(), 96u);
    EXPECT_EQ(port->read_config(0x3c, 4), static_cast<u32>(which));
    EXPECT_EQ(port->read_config(0x5c, 4), 0u);
  }
}

TEST_F(VirtioBlkTest, ABarrierIsUnknownToOrdinaryDisks) {
  start();
  EXPECT_EQ(run(VIRTIO_BLK_T_APPLE_BARRIER, 0, {}), kUnsupp);
}

// 001f: what was written before a barrier is durable before anything behind it begins, whichever queue
// it is on and in whatever order the disk works.
TEST_F(VirtioBlkTest, ABarrierSeparatesWhatIsBeforeItFromWhatIsBehind) {
  config.apple = AppleDisk::Root;
  config.queues = 2;
  start();
  const auto write = [&](unsigned queue) {
    return add(VIRTIO_BLK_T_OUT, 0, {q(queue).buffer(std::string(512, 'x'))}, queue);
  };
  const u64 a = write(0), b = write(1);
  driver->kick(1);
  const u64 barrier = add(VIRTIO_BLK_T_APPLE_BARRIER, 0, {});
  const u64 behind = write(0);
  driver->kick(0);
  const u64 behind_too = write(1);
  driver->kick(1);
  // Both writes from before are at the disk, and nothing else.
  ASSERT_EQ(disk.waiting.size(), 2u);
  disk.finish(1);
  ASSERT_EQ(disk.waiting.size(), 1u);
  disk.finish(0);
  EXPECT_EQ(status(a), kOk);
  EXPECT_EQ(status(b), kOk);
  ASSERT_EQ(disk.waiting.size(), 1u);
  EXPECT_EQ(disk.waiting[0]->op, Op::Flush);
  EXPECT_EQ(status(barrier), kPending);
  disk.finish();
  EXPECT_EQ(status(barrier), kOk);
  EXPECT_EQ(disk.waiting.size(), 2u);
  EXPECT_EQ(status(behind), kPending);
  disk.finish_all();
  EXPECT_EQ(status(behind), kOk);
  EXPECT_EQ(status(behind_too), kOk);
  EXPECT_EQ(disk.done, (std::vector<Op>{Op::Write, Op::Write, Op::Flush, Op::Write, Op::Write}));
}

TEST_F(VirtioBlkTest, ABarrierThatCannotFlushIsAnError) {
  config.apple = AppleDisk::Aux;
  start();
  EXPECT_EQ(run(VIRTIO_BLK_T_APPLE_BARRIER, 0, {}), kOk);
  disk.fail = std::errc::io_error;
  EXPECT_EQ(run(VIRTIO_BLK_T_APPLE_BARRIER, 0, {}), kIoErr);
  disk.fail = {};
  EXPECT_EQ(run(VIRTIO_BLK_T_IN, 0, {q().space(512)}), kOk);
}

TEST_F(VirtioBlkTest, ResetsWhileABarrierWaitsOrFlushes) {
  config.apple = AppleDisk::Root;
  config.queues = 2;
  start();
  for (const bool flushes : {false, true})
    for (const unsigned reset : {0u, 1u, 2u}) {  // 2: all of it
      port->set_status(0);
      ASSERT_TRUE(driver->start(~u64{0}));
      const u64 before = add(VIRTIO_BLK_T_OUT, 0, {q(1).buffer(std::string(512, 'x'))}, 1);
      driver->kick(1);
      add(VIRTIO_BLK_T_APPLE_BARRIER, 0, {});
      driver->kick(0);
      if (flushes) disk.finish();
      if (reset == 2)
        port->set_status(0);
      else
        port->reset_queue(reset);
      timers.run_due();
      disk.finish_all();
      EXPECT_EQ(blk->in_flight(), 0u) << flushes << reset;
      EXPECT_EQ(status(before), reset == 0 || flushes ? kOk : kPending) << flushes << reset;
    }
}

TEST_F(VirtioBlkTest, ASnapshotWhileABarrierWaits) {
  config.apple = AppleDisk::Root;
  start();
  const u64 barrier = add(VIRTIO_BLK_T_APPLE_BARRIER, 0, {});
  const u64 behind = add(VIRTIO_BLK_T_OUT, 1, {q().buffer(std::string(512, 'y'))});
  driver->kick(0);
  save_and_load([] {});
  timers.run_due();
  ASSERT_EQ(disk.waiting.size(), 1u);
  EXPECT_EQ(disk.waiting[0]->op, Op::Flush);
  disk.finish_all();
  EXPECT_EQ(status(barrier), kOk);
  EXPECT_EQ(status(behind), kOk);
  EXPECT_EQ(blk->in_flight(), 0u);
}

TEST_F(VirtioBlkTest, AnotherSizeIsAnnounced) {
  start();
  disk.data.resize(128 * 512);
  blk->disk_resized();
  EXPECT_EQ(port->take_interrupts(), VIRTIO_ISR_CONFIG);
  EXPECT_EQ(port->read_config(0, 8), 128u);
  EXPECT_EQ(run(VIRTIO_BLK_T_IN, 127, {q().space(512)}), kOk);
}

TEST_F(VirtioBlkTest, BadConfigurationsNameTheirOption) {
  const auto why = [](const VirtioBlkConfig& c) {
    const auto r = c.check();
    return r ? std::string("fine") : r.error().message().substr(0, r.error().message().find(':'));
  };
  EXPECT_EQ(why({}), "fine");
  EXPECT_EQ(why({.queues = 0}), "num-queues");
  EXPECT_EQ(why({.queue_size = 100}), "queue-size");
  EXPECT_EQ(why({.serial = std::string(21, 'x')}), "serial");
  EXPECT_EQ(why({.logical_block = 500}), "logical_block_size");
  EXPECT_EQ(why({.logical_block = 4096}), "physical_block_size");
  EXPECT_EQ(why({.min_io = 100}), "min_io_size");
  EXPECT_EQ(why({.opt_io = 100}), "opt_io_size");
}

}  // namespace
}  // namespace quince::hw
