// What drivers may not do with resources, and what a driver can make the host allocate.
#include "hw/virtio/gpu/resource.h"

#include "tests/unit/hw/virtio/gpu/gpu_bench.h"

namespace quince::hw {
namespace {

using GpuResourceTest = test::GpuBench;
using test::DriverQueue;
constexpr u32 kOk = VIRTIO_GPU_RESP_OK_NODATA;
constexpr u32 kMax = 0xffff'ffff;

TEST_F(GpuResourceTest, SizesAndNumbers) {
  start();
  EXPECT_EQ(create(0, 16, 16), VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
  EXPECT_EQ(create(kMax, 16, 16), kOk);
  EXPECT_EQ(create(kMax, 16, 16), VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
  EXPECT_EQ(create(1, 0, 16), VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER);
  EXPECT_EQ(create(1, 16, 0), VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER);
  EXPECT_EQ(create(1, kMax, kMax), VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER);
  EXPECT_EQ(create(1, GpuResource::kMaxSide + 1, 1), VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER);
  EXPECT_EQ(create(1, GpuResource::kMaxSide, GpuResource::kMaxSide),
            VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY);
  EXPECT_EQ(create(1, GpuResource::kMaxSide, 1), kOk);
}

TEST_F(GpuResourceTest, HostMemoryHasALimit) {
  config.max_hostmem = 2 * MiB;
  start();
  EXPECT_EQ(create(1, 512, 513), kOk);
  EXPECT_EQ(create(2, 512, 512), VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY);
  EXPECT_EQ(create(2, 512, 511), kOk);
  EXPECT_EQ(gpu->hostmem(), 2 * MiB);
  EXPECT_EQ(attach(1, {{kHeap, 4096}}), VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY);
  by_id(VIRTIO_GPU_CMD_RESOURCE_UNREF, 2);
  EXPECT_EQ(attach(1, {{kHeap, 4096}}), kOk);
  u32 made = 0;
  while (made < 1000 && create(100 + made, 1, 1) == kOk) ++made;
  EXPECT_GT(made, 200u);  // a page each, at least
  EXPECT_LT(made, 260u);
  EXPECT_LE(gpu->hostmem(), 2 * MiB);
}

TEST_F(GpuResourceTest, WhatConsolesHoldHasALimitToo) {
  config.max_hostmem = 2 * MiB;
  start();
  ASSERT_EQ(create(1, 600, 600), kOk);
  EXPECT_EQ(set_scanout(0, 1, {0, 0, 600, 600}), kOk);
  EXPECT_EQ(set_scanout(1, 1, {0, 0, 600, 600}), VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY);
  EXPECT_EQ(set_scanout(0, 1, {0, 0, 600, 600}), kOk);
  EXPECT_EQ(set_scanout(1, 1, {0, 0, 100, 600}), kOk);
}

TEST_F(GpuResourceTest, BackingMustBeMemory) {
  start();
  ASSERT_EQ(create(1, 64, 64), kOk);
  const u64 end = test::GuestMemory::kBase + kMemory;
  EXPECT_EQ(attach(1, {{0, 4096}}), VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER);
  EXPECT_EQ(attach(1, {{kHeap, 4096}, {end - 4096, 4097}}), VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER);
  EXPECT_EQ(attach(1, {{~u64{0} - 10, kMax}}), VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER);
  EXPECT_EQ(attach(2, {{kHeap, 4096}}), VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
  EXPECT_EQ(attach(1, {}), VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER);
  EXPECT_EQ(transfer(1, {0, 0, 1, 1}), VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER);
  // More entries are announced than there are.
  const std::string one = bytes(VirtioGpuMemEntry{kHeap, 4096});
  EXPECT_EQ(command(VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING,
                    bytes(VirtioGpuResourceAttachBacking{1, 2}) + one),
            VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER);
  EXPECT_EQ(command(VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING,
                    bytes(VirtioGpuResourceAttachBacking{1, kMax}) + one),
            VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY);
  EXPECT_EQ(attach(1, {{end - 4096, 4096}, {kHeap, 3 * 4096}}), kOk);
  EXPECT_EQ(transfer(1, {0, 0, 64, 64}), kOk);
  EXPECT_FALSE(driver->needs_reset());
}

TEST_F(GpuResourceTest, AbsurdRectanglesAndOffsets) {
  start();
  make(1, 64, 64);
  constexpr u32 kBad = VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
  const VirtioGpuRect rects[] = {{0, 0, 0, 1},    {0, 0, 1, 0},    {0, 0, 65, 1},
                                 {0, 0, 1, 65},   {64, 0, 1, 1},   {0, 64, 1, 1},
                                 {63, 0, 2, 1},   {kMax, 0, 2, 1}, {0, kMax, 1, 2},
                                 {1, 1, kMax, 1}, {1, 1, 1, kMax}, {kMax, kMax, kMax, kMax}};
  for (const VirtioGpuRect& r : rects) {
    EXPECT_EQ(transfer(1, r), kBad) << r.x << ' ' << r.y << ' ' << r.width << ' ' << r.height;
    EXPECT_EQ(flush(1, r), kBad) << r.x << ' ' << r.y << ' ' << r.width << ' ' << r.height;
    EXPECT_EQ(set_scanout(0, 1, r), kBad) << r.x << ' ' << r.y;
  }
  EXPECT_EQ(transfer(1, {0, 0, 64, 64}, 1), kBad);
  EXPECT_EQ(transfer(1, {0, 0, 64, 64}, ~u64{0}), kBad);
  EXPECT_EQ(transfer(1, {0, 63, 64, 1}, 64 * 64 * 4), kBad);
  EXPECT_EQ(transfer(1, {0, 0, 1, 1}, 64 * 64 * 4 - 3), kBad);
  EXPECT_EQ(transfer(1, {0, 0, 1, 1}, 64 * 64 * 4 - 4), kOk);
  EXPECT_EQ(transfer(2, {0, 0, 1, 1}), VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
  EXPECT_EQ(flush(2, {0, 0, 1, 1}), VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
  EXPECT_EQ(set_scanout(0, 2, {0, 0, 1, 1}), VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
  EXPECT_EQ(set_scanout(2, 1, {0, 0, 1, 1}), VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID);
  EXPECT_FALSE(console(0).shown());
}

TEST_F(GpuResourceTest, ScanoutsAreNotLargerThanPicturesMayBe) {
  start();
  ASSERT_EQ(create(1, ui::kMaxSide + 8, 16), kOk);
  EXPECT_EQ(set_scanout(0, 1, {0, 0, ui::kMaxSide + 8, 16}), VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER);
  EXPECT_EQ(set_scanout(0, 1, {8, 0, ui::kMaxSide, 16}), kOk);
}

TEST_F(GpuResourceTest, CommandsThatAreNone) {
  start();
  EXPECT_EQ(command(0, ""), VIRTIO_GPU_RESP_ERR_UNSPEC);
  EXPECT_EQ(command(VIRTIO_GPU_CMD_GET_CAPSET_INFO, std::string(64, '\0')),
            VIRTIO_GPU_RESP_ERR_UNSPEC);
  EXPECT_EQ(command(0x0200, std::string(64, '\0')), VIRTIO_GPU_RESP_ERR_UNSPEC);
  for (const u32 type : {VIRTIO_GPU_CMD_RESOURCE_CREATE_2D, VIRTIO_GPU_CMD_RESOURCE_UNREF,
                         VIRTIO_GPU_CMD_SET_SCANOUT, VIRTIO_GPU_CMD_RESOURCE_FLUSH,
                         VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D, VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING,
                         VIRTIO_GPU_CMD_RESOURCE_DETACH_BACKING, VIRTIO_GPU_CMD_GET_EDID})
    EXPECT_EQ(command(type, "abc"), VIRTIO_GPU_RESP_ERR_UNSPEC) << type;  // too short
  // Not even a header, and no room for all of an answer.
  DriverQueue& q = driver->queue(0);
  q.add({q.buffer("abc"), q.space(24)});
  q.add({q.buffer(bytes(VirtioGpuCtrlHdr{.type = VIRTIO_GPU_CMD_GET_DISPLAY_INFO})), q.space(30)});
  q.add({q.space(24)});
  driver->kick(0);
  EXPECT_EQ(q.reap()->length, 24u);
  EXPECT_EQ(q.reap()->length, 30u);
  EXPECT_EQ(q.reap()->length, 24u);
  EXPECT_FALSE(driver->needs_reset());
}

TEST_F(GpuResourceTest, OneNotificationMovesABoundedNumberOfBytes) {
  start();
  constexpr u32 kSide = 4096;  // 64 MiB: more than there is memory, which is why rows repeat
  ASSERT_EQ(create(1, kSide, kSide), kOk);
  std::vector<VirtioGpuMemEntry> pieces(64, {kHeap, MiB});
  ASSERT_EQ(attach(1, pieces), kOk);
  DriverQueue& q = driver->queue(0);
  const std::string body = bytes(VirtioGpuCtrlHdr{.type = VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D}) +
                           bytes(VirtioGpuTransferToHost2d{{0, 0, kSide, kSide}, 0, 1});
  q.add({q.buffer(body), q.space(24)});
  q.add({q.buffer(body), q.space(24)});
  driver->kick(0);
  EXPECT_TRUE(q.reap());
  EXPECT_FALSE(q.reap());  // waits for the machine thread
  timers.run_due();
  EXPECT_TRUE(q.reap());
  while (timers.next_deadline() != kNever) timers.run_due();
}

}  // namespace
}  // namespace quince::hw
