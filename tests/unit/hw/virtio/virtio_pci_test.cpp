// The transport of virtio 1.2, 4.1, with a disk behind it.
#include "hw/virtio/virtio_pci.h"

#include <gtest/gtest.h>

#include "hw/virtio/virtio_blk.h"
#include "hw/virtio/virtio_rng.h"
#include "tests/support/fake_disk.h"
#include "tests/support/virtio_pci_driver.h"
#include "tests/unit/hw/pci/pci_bench.h"

namespace quince::hw {
namespace {

using test::Doorbell;
using test::DriverQueue;
using test::FakeDisk;
using test::GuestMemory;
using test::PciDriverPort;
using test::PciSlots;
using test::VirtioDriver;

struct VirtioPciTest : ::testing::Test {
  static constexpr u64 kDoorbell = 0x1fff'0000;
  GuestMemory memory;
  PciSlots slots{memory};
  TimerQueue timers;
  FakeDisk disk{64 * 512};
  VirtioBlkConfig config;
  std::unique_ptr<VirtioBlk> blk;
  std::unique_ptr<VirtioPci> function;
  std::unique_ptr<PciDriverPort> port;
  std::unique_ptr<VirtioDriver> driver;
  Doorbell doorbell{"doorbell"};

  VirtioPciTest() {
    for (std::size_t i = 0; i < disk.data.size(); ++i) disk.data[i] = static_cast<u8>(i / 512);
    EXPECT_TRUE(memory.space().map_doorbell(PhysAddr(kDoorbell), 0x1000, doorbell));
  }
  void plug(const VirtioPciConfig& c = {}) {
    blk = std::make_unique<VirtioBlk>("disk", config, disk, memory.log(), timers);
    function = std::make_unique<VirtioPci>("disk", *blk, c, slots.claim(3));
    function->reset();
    port = std::make_unique<PciDriverPort>(slots, 3);
    driver = std::make_unique<VirtioDriver>(*port, memory);
  }
  /// Reads a sector; the first byte of it, or -1 without an answer.
  int read_sector(u64 sector, unsigned queue = 0) {
    DriverQueue& q = driver->queue(queue);
    const u64 header = memory.alloc(16);
    memory.put<u64>(header + 8, sector);
    const auto data = q.space(512);
    q.add({{header, 16, false}, data, q.space(1)});
    driver->kick(queue);
    disk.finish_all();
    return q.reap() ? memory.get<u8>(data.address) : -1;
  }
};

TEST_F(VirtioPciTest, Identity) {
  plug();
  EXPECT_EQ(port->cfg(0x00, 4), 0x1042'1af4u);
  EXPECT_EQ(port->cfg(0x08, 4), 0x0100'0001u);
  EXPECT_EQ(port->cfg(0x2c, 4), 0x1100'1af4u);
  EXPECT_EQ(port->cfg(0x3d, 1), 1u);
  EXPECT_EQ(VirtioPci::identity(VirtioId::Rng).device, 0x1044);
  EXPECT_EQ(VirtioPci::identity(VirtioId::Net).class_code, 0x02'00'00u);
}

TEST_F(VirtioPciTest, OtherIdsForOtherDrivers) {
  PciIdentity other = VirtioPci::identity(VirtioId::Blk);
  other.vendor = 0x106b;
  other.device = 0x1a00;
  plug({.identity = other});
  EXPECT_EQ(port->cfg(0x00, 4), 0x1a00'106bu);
}

TEST_F(VirtioPciTest, StructuresAreWhereQemuHasThem) {
  plug();
  const struct {
    u8 type;
    u64 offset, length;
  } kExpected[] = {{1, 0, 0x1000}, {3, 0x1000, 0x1000}, {4, 0x2000, 0x1000}, {2, 0x3000, 0x1000}};
  for (const auto& e : kExpected) {
    const unsigned at = port->find_virtio(e.type);
    ASSERT_NE(at, 0u);
    EXPECT_EQ(port->cfg(at + 4, 1), 4u);
    EXPECT_EQ(port->cfg(at + 8, 4), e.offset);
    EXPECT_EQ(port->cfg(at + 12, 4), e.length);
  }
  EXPECT_EQ(port->cfg(port->find_virtio(2) + 16, 4), 4u);
  port->set_cfg(0x20, 4, 0xffff'ffff);
  EXPECT_EQ(port->cfg(0x20, 4), 0xffff'c00cu);  // 16 KiB, 64-bit, prefetchable
}

TEST_F(VirtioPciTest, WorksWithInTxAndTheIsr) {
  plug();
  ASSERT_TRUE(driver->start(~u64{0}));
  EXPECT_EQ(read_sector(5), 5);
  EXPECT_TRUE(slots.pin.high);
  EXPECT_EQ(port->take_interrupts(), VIRTIO_ISR_QUEUE);
  EXPECT_FALSE(slots.pin.high);
  EXPECT_EQ(port->take_interrupts(), 0u);
  blk->disk_resized();
  EXPECT_TRUE(slots.pin.high);
  EXPECT_EQ(port->take_interrupts(), VIRTIO_ISR_CONFIG);
  EXPECT_TRUE(doorbell.rings.empty());
}

TEST_F(VirtioPciTest, WorksWithMsiX) {
  config.queues = 2;
  plug();
  for (unsigned v = 0; v < 3; ++v) port->set_vector(v, kDoorbell, 100 + v);
  port->enable_msix(true);
  port->wr(0x10, 2, 0);
  port->queue_vector = 2;
  ASSERT_TRUE(driver->start(~u64{0}));
  port->wr(0x10, 2, 0);  // the reset took it away
  port->wr(0x16, 2, 0);
  port->wr(0x1a, 2, 1);
  EXPECT_EQ(read_sector(5, 0), 5);
  EXPECT_EQ(read_sector(6, 1), 6);
  blk->disk_resized();
  ASSERT_EQ(doorbell.rings.size(), 3u);
  EXPECT_EQ(doorbell.rings[0], (Doorbell::Ring{3 << 3, 0, 101, 4}));
  EXPECT_EQ(doorbell.rings[1].data, 102u);
  EXPECT_EQ(doorbell.rings[2].data, 100u);
  EXPECT_FALSE(slots.pin.high);
  EXPECT_EQ(port->take_interrupts(), VIRTIO_ISR_CONFIG);  // queues do not use it
  port->wr(0x16, 2, 1);
  port->wr(0x1a, 2, VirtioPci::VIRTIO_MSI_NO_VECTOR);
  EXPECT_EQ(read_sector(7, 1), 7);
  EXPECT_EQ(doorbell.rings.size(), 3u);
}

TEST_F(VirtioPciTest, VectorsThatDoNotExistAreNotTaken) {
  plug();  // two vectors
  for (const u64 off : {0x10u, 0x1au}) {
    EXPECT_EQ(port->rd(off, 2), 0xffffu);
    port->wr(off, 2, 1);
    EXPECT_EQ(port->rd(off, 2), 1u);
    port->wr(off, 2, 2);
    EXPECT_EQ(port->rd(off, 2), 0xffffu);
  }
  port->wr(0x16, 2, 77);  // a queue that does not exist
  port->wr(0x1a, 2, 1);
  EXPECT_EQ(port->rd(0x1a, 2), 0xffffu);
  EXPECT_EQ(port->rd(0x18, 2), 0u);
}

TEST_F(VirtioPciTest, WithoutVectorsThereIsNoMsiX) {
  plug({.vectors = 0});
  EXPECT_EQ(function->msix(), nullptr);
  ASSERT_TRUE(driver->start(~u64{0}));
  EXPECT_EQ(read_sector(5), 5);
  EXPECT_TRUE(slots.pin.high);
}

// 003g: a driver that is loaded again and again, with MSI-X on and off.
TEST_F(VirtioPciTest, MsiXAndInTxTakeTurns) {
  plug();
  port->set_vector(0, kDoorbell, 7);
  port->queue_vector = 0;
  for (unsigned i = 0; i < 200; ++i) {
    const bool msix = i % 2 != 0;
    port->enable_msix(msix);
    ASSERT_TRUE(driver->start(~u64{0}, 4));
    ASSERT_EQ(read_sector(i % 64), static_cast<int>(i % 64));
    ASSERT_EQ(doorbell.rings.size(), (i + 1) / 2);
    ASSERT_EQ(slots.pin.high, !msix);
    ASSERT_EQ(port->take_interrupts(), msix ? 0u : 1u);
  }
}

TEST_F(VirtioPciTest, TheConfigurationAccessCapabilityReachesTheRegisters) {
  plug();
  ASSERT_TRUE(driver->start(~u64{0}));
  const unsigned at = port->find_virtio(5);
  ASSERT_NE(at, 0u);
  const auto point = [&](u64 offset, unsigned size) {
    port->set_cfg(at + 4, 1, 4);
    port->set_cfg(at + 8, 4, offset);
    port->set_cfg(at + 12, 4, size);
  };
  point(0x14, 1);
  EXPECT_EQ(port->cfg(at + 16, 1), 15u);  // device_status
  point(0x2000, 4);
  EXPECT_EQ(port->cfg(at + 16, 4), 64u);  // capacity
  point(0x08, 4);
  port->set_cfg(at + 16, 4, 1);  // driver_feature_select
  EXPECT_EQ(port->rd(0x08, 4), 1u);
  for (const auto& [offset, size] : {std::pair{0x4000u, 4u}, {0x2u, 4u}, {0x0u, 8u}, {0x0u, 0u}}) {
    point(offset, size);
    (void)port->cfg(at + 16, 4);
    port->set_cfg(at + 16, 4, 0);
  }
  EXPECT_EQ(port->rd(0x08, 4), 1u);
}

TEST_F(VirtioPciTest, WithoutBusMasteringNothingMoves) {
  plug();
  ASSERT_TRUE(driver->start(~u64{0}));
  port->set_cfg(pci::kCommand, 2, pci::kMemorySpaceEnable);
  EXPECT_EQ(read_sector(5), -1);
  EXPECT_FALSE(driver->needs_reset());
  port->set_cfg(pci::kCommand, 2, pci::kMemorySpaceEnable | pci::kBusMasterEnable);
  driver->kick(0);
  disk.finish_all();
  EXPECT_TRUE(driver->queue(0).reap());
}

TEST_F(VirtioPciTest, BarsMayMoveWhileItRuns) {
  plug();
  ASSERT_TRUE(driver->start(~u64{0}));
  port->move(PciSlots::kMmio + 0x80'0000);
  EXPECT_EQ(read_sector(5), 5);
}

TEST_F(VirtioPciTest, OneQueueIsResetAlone) {
  config.queues = 2;
  plug();
  ASSERT_TRUE(driver->start(~u64{0}));
  port->wr(0x16, 2, 0);
  port->wr(0x1c, 2, 0);  // is no way to stop it
  EXPECT_TRUE(port->queue_running(0));
  port->reset_queue(0);
  EXPECT_FALSE(port->queue_running(0));
  EXPECT_EQ(port->rd(0x3a, 2), 0u);
  EXPECT_EQ(read_sector(5, 1), 5);
  driver->start_queue(0);
  EXPECT_EQ(read_sector(6, 0), 6);
}

TEST_F(VirtioPciTest, ASnapshotRestoresAllOfIt) {
  plug();
  port->set_vector(1, kDoorbell, 9);
  port->enable_msix(true);
  port->queue_vector = 1;
  ASSERT_TRUE(driver->start(~u64{0}));
  Archive ar(Archive::Mode::Save);
  function->snapshot(ar);
  ASSERT_TRUE(ar.finish());
  function->reset();
  EXPECT_FALSE(function->dma().enabled());
  ar.set_mode(Archive::Mode::Load);
  function->snapshot(ar);
  ASSERT_TRUE(ar.finish());
  function->restored();
  EXPECT_EQ(read_sector(5), 5);
  ASSERT_EQ(doorbell.rings.size(), 1u);
  EXPECT_EQ(doorbell.rings[0].data, 9u);
}

}  // namespace
}  // namespace quince::hw
