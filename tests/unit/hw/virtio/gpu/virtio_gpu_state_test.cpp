// Snapshots of the GPU, whole and damaged.
#include "hw/core/archive.h"
#include "tests/unit/hw/virtio/gpu/gpu_bench.h"

namespace quince::hw {
namespace {

struct VirtioGpuStateTest : test::GpuBench {
  Archive save() {
    Archive ar(Archive::Mode::Save);
    slot->snapshot(ar);
    EXPECT_TRUE(ar.finish());
    ar.set_mode(Archive::Mode::Load);
    return ar;
  }
  Result<void> load(Archive& ar) {
    slot->snapshot(ar);
    auto done = ar.finish();
    if (done) slot->restored();
    return done;
  }
  void draw() {
    make(7, 40, 30);
    for (u32 i = 0; i < 40 * 30; ++i) put(0, i, i * 3);
    transfer(7, {0, 0, 40, 30});
    set_scanout(1, 7, {8, 4, 32, 20});
    make(9, 16, 16, MiB, VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM);
    put(MiB, 0, 0xff12'3456);
    transfer(9, {0, 0, 16, 16});
    cursor(VIRTIO_GPU_CMD_UPDATE_CURSOR,
           {.scanout_id = 1, .x = 5, .y = 6, .resource_id = 9, .hot_x = 1, .hot_y = 2});
    console(0).wish_size({640, 480});
    host.run();
  }
};

TEST_F(VirtioGpuStateTest, EverythingComesBack) {
  start();
  draw();
  Archive ar = save();
  const u64 held = gpu->hostmem();
  slot->reset();
  console(0).wish_size({800, 600});
  host.run();
  EXPECT_FALSE(console(1).shown());
  ASSERT_TRUE(load(ar));
  EXPECT_EQ(gpu->hostmem(), held);
  EXPECT_EQ(console(1).size(), (ui::Size{32, 20}));
  EXPECT_EQ(pixel(1, 0, 0), (40u * 4 + 8) * 3);
  EXPECT_EQ(pixel(1, 5, 6, true), 0x123456u);
  EXPECT_EQ(console(1).cursor().x, 6);
  EXPECT_FALSE(console(0).shown());
  std::string answer;
  command(VIRTIO_GPU_CMD_GET_DISPLAY_INFO, "", &answer);
  VirtioGpuRespDisplayInfo info;
  std::memcpy(&info, answer.data(), sizeof info);
  EXPECT_EQ(info.pmodes[0].r.width, 640u);
  EXPECT_EQ(port->read_config(0, 4), VIRTIO_GPU_EVENT_DISPLAY);
  // The memory behind it, too.
  put(0, 0, 0xabcdef);
  EXPECT_EQ(transfer(7, {8, 4, 1, 1}, 0), VIRTIO_GPU_RESP_OK_NODATA);
  flush(7, {8, 4, 1, 1});
  EXPECT_EQ(pixel(1, 0, 0), 0xabcdefu);
}

// What was moved to the resource and not flushed is not on the screen, also after a load.
TEST_F(VirtioGpuStateTest, PixelsWaitForTheirFlush) {
  start();
  draw();
  put(0, 40 * 4 + 8, 0xabcdef);
  ASSERT_EQ(transfer(7, {8, 4, 1, 1}, (40 * 4 + 8) * 4), VIRTIO_GPU_RESP_OK_NODATA);
  const u32 before = pixel(1, 0, 0);
  EXPECT_NE(before, 0xabcdefu);
  Archive ar = save();
  slot->reset();
  ASSERT_TRUE(load(ar));
  EXPECT_EQ(pixel(1, 0, 0), before);
  EXPECT_EQ(pixel(1, 1, 0), (40u * 4 + 9) * 3);
  flush(7, {8, 4, 1, 1});
  EXPECT_EQ(pixel(1, 0, 0), 0xabcdefu);
  EXPECT_FALSE(Archive::diff(save(), save()));
}

// Found by its place in the image of the archive: a name, a type, a length, and then the value.
TEST_F(VirtioGpuStateTest, DamagedOnesAreRefused) {
  start();
  draw();
  const std::vector<u8> good = save().encode();
  const auto damaged = [&](std::string_view field, u32 value) {
    std::vector<u8> image = good;
    const auto at = std::search(image.begin(), image.end(), field.begin(), field.end());
    EXPECT_NE(at, image.end()) << field;
    // Behind the name: the length of the type, "u32" or "s32", the length of the value.
    store_le<u32>(&*(at + static_cast<std::ptrdiff_t>(field.size()) + 8 + 3 + 8), value);
    auto ar = Archive::decode(image);
    EXPECT_TRUE(ar);
    ar->set_mode(Archive::Mode::Load);
    return load(*ar);
  };
  EXPECT_TRUE(damaged("head1.resource", 7));
  EXPECT_FALSE(damaged("head1.resource", 8));
  EXPECT_FALSE(damaged("head1.width", 33));
  EXPECT_FALSE(damaged("head1.width", 0));
  EXPECT_FALSE(damaged("head0.wished_width", 1));
  EXPECT_FALSE(damaged("head0.wished_height", 100'000));
  EXPECT_FALSE(damaged("head1.pointer.width", 17));
  EXPECT_FALSE(damaged("head1.pointer.hot_y", 16));
  EXPECT_FALSE(damaged("head1.pointer.x", 0x7fff'ffff));
  EXPECT_FALSE(damaged("resource0.width", 0x1'0000));
  EXPECT_FALSE(damaged("resource0.height", 31));
  EXPECT_FALSE(damaged("resource0.format", 99));
  EXPECT_FALSE(damaged("resource0.id", 0));
  EXPECT_FALSE(damaged("resource0.id", 9));  // there are two of it
  EXPECT_FALSE(damaged(".resources", 3));
  EXPECT_FALSE(damaged(".resources", 0xffff'ffff));
  EXPECT_TRUE(damaged("rows_done", 0xffff'ffff));  // a driver can do no better: harmless
  auto ar = Archive::decode(good);
  ar->set_mode(Archive::Mode::Load);
  EXPECT_TRUE(load(*ar));
  EXPECT_EQ(console(1).size(), (ui::Size{32, 20}));
}

TEST_F(VirtioGpuStateTest, AListOfTooMuchMemoryIsRefused) {
  config.max_hostmem = MiB;
  start();
  ASSERT_EQ(create(1, 256, 255), VIRTIO_GPU_RESP_OK_NODATA);
  ASSERT_EQ(attach(1, std::vector<VirtioGpuMemEntry>(20, {kHeap, 4096})),
            VIRTIO_GPU_RESP_OK_NODATA);
  Archive ar = save();
  ASSERT_TRUE(load(ar));
  EXPECT_EQ(gpu->hostmem(), 256u * 255 * 4 + GpuBacking::cost(20));
}

// Half of a large transfer is done when the snapshot is taken.
TEST_F(VirtioGpuStateTest, InTheMiddleOfACommand) {
  start();
  constexpr u32 kSide = 4200;  // a little more than a pass moves
  ASSERT_EQ(create(1, kSide, kSide), VIRTIO_GPU_RESP_OK_NODATA);
  ASSERT_EQ(attach(1, std::vector<VirtioGpuMemEntry>(68, {kHeap, MiB})), VIRTIO_GPU_RESP_OK_NODATA);
  put(0, 0, 0x111111);
  test::DriverQueue& q = driver->queue(0);
  q.add({q.buffer(bytes(VirtioGpuCtrlHdr{.type = VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D}) +
                  bytes(VirtioGpuTransferToHost2d{{0, 0, kSide, kSide}, 0, 1})),
         q.space(24)});
  driver->kick(0);
  EXPECT_FALSE(q.reap());
  Archive ar = save();
  slot->reset();
  put(0, 0, 0x222222);  // rows at the beginning are done
  ASSERT_TRUE(load(ar));
  timers.run_due();
  EXPECT_TRUE(q.reap());
  set_scanout(0, 1, {0, 0, 64, 64});
  EXPECT_EQ(pixel(0, 0, 0), 0x111111u);
}

}  // namespace
}  // namespace quince::hw
