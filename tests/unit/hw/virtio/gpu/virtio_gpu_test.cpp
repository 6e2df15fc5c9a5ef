#include "hw/virtio/gpu/virtio_gpu.h"

#include "tests/unit/hw/virtio/gpu/gpu_bench.h"

namespace quince::hw {
namespace {

using VirtioGpuTest = test::GpuBench;
constexpr u32 kOk = VIRTIO_GPU_RESP_OK_NODATA;

// ---- What the display is -----------------------------------------------------------------------

TEST_F(VirtioGpuTest, Identity) {
  start();
  EXPECT_EQ(port->rd(0x08), 16u);
  EXPECT_EQ(driver->queue_count(), 2u);
  EXPECT_EQ(port->device_features() & 0xff, 1u << VIRTIO_GPU_F_EDID);
  EXPECT_EQ(port->read_config(8, 4), 2u);   // num_scanouts
  EXPECT_EQ(port->read_config(12, 4), 0u);  // num_capsets
}

TEST_F(VirtioGpuTest, OnlyTheFirstHeadIsOnAtFirst) {
  config.heads[1].edid.modes = {{1024, 768, 60}};
  start();
  std::string answer;
  EXPECT_EQ(command(VIRTIO_GPU_CMD_GET_DISPLAY_INFO, "", &answer), VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
  ASSERT_EQ(answer.size(), sizeof(VirtioGpuRespDisplayInfo));
  VirtioGpuRespDisplayInfo info;
  std::memcpy(&info, answer.data(), sizeof info);
  EXPECT_EQ(info.pmodes[0].enabled, 1u);
  EXPECT_EQ(info.pmodes[0].r.width, 1280u);
  EXPECT_EQ(info.pmodes[0].r.height, 800u);
  EXPECT_EQ(info.pmodes[1].enabled, 0u);
  EXPECT_EQ(info.pmodes[1].r.width, 1024u);
  EXPECT_EQ(info.pmodes[2].r.width, 0u);
}

TEST_F(VirtioGpuTest, ASizeThatIsWishedReachesTheDriver) {
  start();
  console(1).wish_size({1111, 777});
  EXPECT_EQ(port->read_config(0, 4), 0u);  // not on the front end's thread
  host.run();
  EXPECT_EQ(port->take_interrupts(), VIRTIO_ISR_CONFIG);
  EXPECT_EQ(port->read_config(0, 4), VIRTIO_GPU_EVENT_DISPLAY);
  port->write_config(4, 4, VIRTIO_GPU_EVENT_DISPLAY);
  EXPECT_EQ(port->read_config(0, 4), 0u);
  console(1).wish_size({1111, 777});  // nothing new
  console(1).wish_size({});
  host.run();
  EXPECT_EQ(port->read_config(0, 4), 0u);
  std::string answer;
  command(VIRTIO_GPU_CMD_GET_DISPLAY_INFO, "", &answer);
  VirtioGpuRespDisplayInfo info;
  std::memcpy(&info, answer.data(), sizeof info);
  EXPECT_EQ(info.pmodes[1].enabled, 1u);
  EXPECT_EQ(info.pmodes[1].r.width, 1111u);
  // The EDID follows, and neither is the driver's to reset.
  slot->reset();
  start();
  EXPECT_EQ(command(VIRTIO_GPU_CMD_GET_EDID, bytes(VirtioGpuGetEdid{1}), &answer),
            VIRTIO_GPU_RESP_OK_EDID);
  const auto* e = reinterpret_cast<const u8*>(answer.data()) + 32;
  EXPECT_EQ(e[54 + 2] | (e[54 + 4] >> 4) << 8, 1111);
  EXPECT_EQ(e[54 + 5] | (e[54 + 7] >> 4) << 8, 777);
}

TEST_F(VirtioGpuTest, WishesHaveBounds) {
  start();
  console(0).wish_size({1, 1'000'000});
  host.run();
  std::string answer;
  command(VIRTIO_GPU_CMD_GET_DISPLAY_INFO, "", &answer);
  VirtioGpuRespDisplayInfo info;
  std::memcpy(&info, answer.data(), sizeof info);
  EXPECT_EQ(info.pmodes[0].r.width, DisplayMode::kMinSide);
  EXPECT_EQ(info.pmodes[0].r.height, DisplayMode::kMaxSide);
}

TEST_F(VirtioGpuTest, EveryHeadHasItsEdid) {  // 001k
  start();
  std::string one, two;
  EXPECT_EQ(command(VIRTIO_GPU_CMD_GET_EDID, bytes(VirtioGpuGetEdid{0}), &one),
            VIRTIO_GPU_RESP_OK_EDID);
  EXPECT_EQ(command(VIRTIO_GPU_CMD_GET_EDID, bytes(VirtioGpuGetEdid{1}), &two),
            VIRTIO_GPU_RESP_OK_EDID);
  EXPECT_NE(one, two);
  ASSERT_EQ(one.size(), sizeof(VirtioGpuRespEdid));
  EXPECT_EQ(load_le<u32>(reinterpret_cast<const u8*>(one.data()) + 24), 128u);
  EXPECT_EQ(command(VIRTIO_GPU_CMD_GET_EDID, bytes(VirtioGpuGetEdid{2})),
            VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID);
  start(~feature_bits(VIRTIO_GPU_F_EDID));
  EXPECT_EQ(command(VIRTIO_GPU_CMD_GET_EDID, bytes(VirtioGpuGetEdid{0})),
            VIRTIO_GPU_RESP_ERR_UNSPEC);
}

TEST_F(VirtioGpuTest, EdidCanBeSwitchedOff) {
  config.edid = false;
  start();
  EXPECT_EQ(port->device_features() & 0xff, 0u);
}

// ---- Pictures ----------------------------------------------------------------------------------

TEST_F(VirtioGpuTest, APictureFromGuestToConsole) {
  start();
  make(1, 100, 50);
  put(0, 0, 0x112233);
  put(0, 100 * 49 + 99, 0x445566);
  EXPECT_FALSE(console(0).shown());
  EXPECT_EQ(set_scanout(0, 1, {0, 0, 100, 50}), kOk);
  EXPECT_EQ(console(0).size(), (ui::Size{100, 50}));
  EXPECT_EQ(pixel(0, 0, 0), 0u);
  EXPECT_EQ(transfer(1, {0, 0, 100, 50}), kOk);
  EXPECT_EQ(pixel(0, 0, 0), 0u);  // until it is flushed
  EXPECT_EQ(flush(1, {0, 0, 100, 50}), kOk);
  EXPECT_EQ(pixel(0, 0, 0), 0x112233u);
  EXPECT_EQ(pixel(0, 99, 49), 0x445566u);
  EXPECT_FALSE(console(1).shown());
  EXPECT_EQ(set_scanout(0, 0, {}), kOk);
  EXPECT_FALSE(console(0).shown());
}

TEST_F(VirtioGpuTest, OnlyTheRectangleIsMoved) {
  start();
  make(1, 64, 64);
  set_scanout(0, 1, {0, 0, 64, 64});
  for (u32 i = 0; i < 64 * 64; ++i) put(0, i, i);
  EXPECT_EQ(transfer(1, {10, 20, 5, 3}, 4 * (64 * 20 + 10)), kOk);
  ui::Console::Viewer viewer(console(0));
  ui::Picture copy;
  viewer.fetch(copy);
  EXPECT_EQ(flush(1, {8, 18, 20, 20}), kOk);
  const auto update = viewer.fetch(copy);
  ASSERT_EQ(update.changed.size(), 1u);
  EXPECT_EQ(update.changed[0], (ui::Rect{8, 18, 20, 20}));
  for (u32 y = 0; y < 64; ++y)
    for (u32 x = 0; x < 64; ++x) {
      const bool in = x >= 10 && x < 15 && y >= 20 && y < 23;
      ASSERT_EQ(copy.at(x, y) & 0xff'ffff, in ? 64 * y + x : 0) << x << ' ' << y;
    }
  // The offset is where the first row begins, wherever that is.
  EXPECT_EQ(transfer(1, {0, 0, 2, 2}, 4), kOk);
  flush(1, {0, 0, 64, 64});
  EXPECT_EQ(pixel(0, 1, 1), 64u + 2);
}

TEST_F(VirtioGpuTest, PartsOfOnePictureOnTwoHeads) {
  start();
  make(1, 96, 32);
  EXPECT_EQ(set_scanout(0, 1, {0, 0, 64, 32}), kOk);
  EXPECT_EQ(set_scanout(1, 1, {48, 8, 48, 16}), kOk);
  for (u32 i = 0; i < 96 * 32; ++i) put(0, i, i);
  transfer(1, {0, 0, 96, 32});
  EXPECT_EQ(flush(1, {0, 0, 96, 32}), kOk);
  EXPECT_EQ(pixel(0, 63, 31), 96u * 31 + 63);
  EXPECT_EQ(console(1).size(), (ui::Size{48, 16}));
  EXPECT_EQ(pixel(1, 0, 0), 96u * 8 + 48);
  EXPECT_EQ(pixel(1, 47, 15), 96u * 23 + 95);
  put(0, 96 * 8 + 50, 0xffffff);
  transfer(1, {50, 8, 1, 1}, 4 * (96 * 8 + 50));
  flush(1, {50, 8, 1, 1});
  EXPECT_EQ(pixel(0, 50, 8), 0xffffffu);
  EXPECT_EQ(pixel(1, 2, 0), 0xffffffu);
}

TEST_F(VirtioGpuTest, EveryFormat) {
  start();
  struct Case {
    u32 format;
    u8 bytes[4];  // red 0x11, green 0x22, blue 0x33
  };
  const Case cases[] = {
      {VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM, {0x33, 0x22, 0x11, 0x44}},
      {VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, {0x33, 0x22, 0x11, 0x44}},
      {VIRTIO_GPU_FORMAT_A8R8G8B8_UNORM, {0x44, 0x11, 0x22, 0x33}},
      {VIRTIO_GPU_FORMAT_X8R8G8B8_UNORM, {0x44, 0x11, 0x22, 0x33}},
      {VIRTIO_GPU_FORMAT_R8G8B8A8_UNORM, {0x11, 0x22, 0x33, 0x44}},
      {VIRTIO_GPU_FORMAT_X8B8G8R8_UNORM, {0x44, 0x33, 0x22, 0x11}},
      {VIRTIO_GPU_FORMAT_A8B8G8R8_UNORM, {0x44, 0x33, 0x22, 0x11}},
      {VIRTIO_GPU_FORMAT_R8G8B8X8_UNORM, {0x11, 0x22, 0x33, 0x44}},
  };
  u32 id = 1;
  for (const Case& c : cases) {
    make(id, 16, 16, 0, c.format);
    std::memcpy(memory.host(kHeap), c.bytes, 4);
    transfer(id, {0, 0, 16, 16});
    EXPECT_EQ(set_scanout(0, id, {0, 0, 16, 16}), kOk);  // shows what is there, too
    EXPECT_EQ(pixel(0, 0, 0), 0x112233u) << c.format;
    EXPECT_EQ(cursor(VIRTIO_GPU_CMD_UPDATE_CURSOR, {.resource_id = id}), kOk);
    const bool alpha = c.format == VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM ||
                       c.format == VIRTIO_GPU_FORMAT_A8R8G8B8_UNORM ||
                       c.format == VIRTIO_GPU_FORMAT_R8G8B8A8_UNORM ||
                       c.format == VIRTIO_GPU_FORMAT_A8B8G8R8_UNORM;
    EXPECT_EQ(console(0).cursor().image->argb[0], alpha ? 0x4411'2233u : 0xff11'2233u) << c.format;
    ++id;
  }
  EXPECT_EQ(create(100, 16, 16, 5), VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER);
}

TEST_F(VirtioGpuTest, BackingInPieces) {
  start();
  ASSERT_EQ(create(1, 32, 32), kOk);
  std::vector<VirtioGpuMemEntry> pieces;
  for (u32 i = 0; i < 32; ++i)  // backwards, and some are empty
    pieces.push_back({kHeap + (31 - i) * 4096, i % 2 == 0 ? 100u : i == 1 ? 0u : 200u});
  ASSERT_EQ(attach(1, pieces), kOk);
  u32 n = 0;
  std::vector<u8> all;
  for (const auto& p : pieces)
    for (u32 i = 0; i < p.length; ++i)
      all.push_back(*memory.host(p.addr + i) = static_cast<u8>(n++ * 37));
  all.resize(32 * 32 * 4);
  EXPECT_EQ(transfer(1, {0, 0, 32, 32}), n >= 4096 ? kOk : VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER);
  ASSERT_GE(n, 4096u);
  set_scanout(0, 1, {0, 0, 32, 32});
  for (u32 i = 0; i < 32 * 32; ++i)
    ASSERT_EQ(pixel(0, i % 32, i / 32), load_le<u32>(&all[4 * i]) & 0xff'ffff) << i;
}

TEST_F(VirtioGpuTest, FencesComeBack) {
  start();
  std::string answer;
  command(VIRTIO_GPU_CMD_GET_DISPLAY_INFO, "", &answer,
          {.flags = VIRTIO_GPU_FLAG_FENCE, .fence_id = 0x1234'5678'9abc, .ctx_id = 5});
  VirtioGpuCtrlHdr h;
  std::memcpy(&h, answer.data(), sizeof h);
  EXPECT_EQ(h.flags, VIRTIO_GPU_FLAG_FENCE);
  EXPECT_EQ(h.fence_id, 0x1234'5678'9abcu);
  EXPECT_EQ(h.ctx_id, 5u);
  command(VIRTIO_GPU_CMD_GET_DISPLAY_INFO, "", &answer, {.fence_id = 7});
  std::memcpy(&h, answer.data(), sizeof h);
  EXPECT_EQ(h.flags, 0u);
  EXPECT_EQ(h.fence_id, 0u);
}

// ---- The end of things -------------------------------------------------------------------------

TEST_F(VirtioGpuTest, AResourceThatGoesTakesItsPictureAlong) {
  start();
  make(1, 64, 64);
  set_scanout(0, 1, {0, 0, 64, 64});
  EXPECT_GE(gpu->hostmem(), 64u * 64 * 4);
  EXPECT_EQ(by_id(VIRTIO_GPU_CMD_RESOURCE_UNREF, 1), kOk);
  EXPECT_FALSE(console(0).shown());
  EXPECT_EQ(gpu->hostmem(), 0u);
  EXPECT_EQ(by_id(VIRTIO_GPU_CMD_RESOURCE_UNREF, 1), VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
}

TEST_F(VirtioGpuTest, ResetForgetsEverything) {
  start();
  make(1, 64, 64);
  set_scanout(0, 1, {0, 0, 64, 64});
  cursor(VIRTIO_GPU_CMD_UPDATE_CURSOR, {.x = 3, .resource_id = 1});
  port->set_status(0);
  EXPECT_FALSE(console(0).shown());
  EXPECT_EQ(console(0).cursor(), ui::Cursor{});
  EXPECT_EQ(gpu->hostmem(), 0u);
  start();
  EXPECT_EQ(create(1, 16, 16), kOk);
}

TEST_F(VirtioGpuTest, DetachedMemoryIsNotReadAgain) {
  start();
  make(1, 16, 16);
  EXPECT_EQ(attach(1, {{kHeap, 1024}}), VIRTIO_GPU_RESP_ERR_UNSPEC);  // it has some
  EXPECT_EQ(by_id(VIRTIO_GPU_CMD_RESOURCE_DETACH_BACKING, 1), kOk);
  EXPECT_EQ(by_id(VIRTIO_GPU_CMD_RESOURCE_DETACH_BACKING, 1), VIRTIO_GPU_RESP_ERR_UNSPEC);
  EXPECT_EQ(transfer(1, {0, 0, 16, 16}), VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER);
  EXPECT_EQ(attach(1, {{kHeap, 1024}}), kOk);
  EXPECT_EQ(transfer(1, {0, 0, 16, 16}), kOk);
}

// ---- The pointer -------------------------------------------------------------------------------

TEST_F(VirtioGpuTest, ThePointer) {
  start();
  make(1, 100, 100);
  make(2, 64, 64, MiB, VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM);
  set_scanout(0, 1, {0, 0, 100, 100});
  for (u32 i = 0; i < 64 * 64; ++i) put(MiB, i, i % 64 < 4 ? 0xff00'ff00 : 0);
  transfer(2, {0, 0, 64, 64});
  EXPECT_EQ(cursor(VIRTIO_GPU_CMD_UPDATE_CURSOR,
                   {.x = 10, .y = 20, .resource_id = 2, .hot_x = 2, .hot_y = 3}),
            kOk);
  const ui::Cursor c = console(0).cursor();
  ASSERT_NE(c.image, nullptr);
  EXPECT_EQ(c.image->size, (ui::Size{64, 64}));
  EXPECT_EQ(c.x, 12);  // of the hot spot; the driver says where the corner is
  EXPECT_EQ(c.y, 23);
  EXPECT_EQ(pixel(0, 10, 20, true), 0x00ff00u);
  EXPECT_EQ(pixel(0, 14, 20, true), 0u);
  EXPECT_EQ(pixel(0, 10, 20, false), 0u);
  EXPECT_EQ(cursor(VIRTIO_GPU_CMD_MOVE_CURSOR, {.x = static_cast<u32>(-2), .y = 0}), kOk);
  EXPECT_EQ(pixel(0, 1, 5, true), 0x00ff00u);
  EXPECT_EQ(pixel(0, 2, 5, true), 0u);
  // The image is a copy.
  by_id(VIRTIO_GPU_CMD_RESOURCE_UNREF, 2);
  EXPECT_EQ(pixel(0, 1, 5, true), 0x00ff00u);
  EXPECT_EQ(cursor(VIRTIO_GPU_CMD_UPDATE_CURSOR, {}), kOk);
  EXPECT_EQ(pixel(0, 1, 5, true), 0u);
  EXPECT_FALSE(console(1).cursor().image);
}

TEST_F(VirtioGpuTest, PointersThatCannotBe) {
  start();
  ASSERT_EQ(create(1, 257, 4), kOk);
  EXPECT_EQ(cursor(VIRTIO_GPU_CMD_UPDATE_CURSOR, {.resource_id = 1}),
            VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER);
  EXPECT_EQ(cursor(VIRTIO_GPU_CMD_UPDATE_CURSOR, {.resource_id = 9}),
            VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
  EXPECT_EQ(cursor(VIRTIO_GPU_CMD_UPDATE_CURSOR, {.scanout_id = 2}),
            VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID);
  EXPECT_EQ(cursor(VIRTIO_GPU_CMD_SET_SCANOUT, {}), VIRTIO_GPU_RESP_ERR_UNSPEC);
  ASSERT_EQ(create(2, 8, 8), kOk);
  EXPECT_EQ(
      cursor(
          VIRTIO_GPU_CMD_UPDATE_CURSOR,
          {.x = 0x7fff'ffff, .y = 0x8000'0000, .resource_id = 2, .hot_x = 0xffff'ffff, .hot_y = 8}),
      kOk);
  EXPECT_EQ(console(0).cursor().image->hot_x, 7u);
  EXPECT_EQ(console(0).cursor().image->hot_y, 7u);
  // Linux's commands have no room for an answer.
  {
    auto& q = driver->queue(VirtioGpu::kCursor);
    q.add({q.buffer(bytes(VirtioGpuCtrlHdr{.type = VIRTIO_GPU_CMD_MOVE_CURSOR}) +
                    bytes(VirtioGpuUpdateCursor{.x = 1, .y = 1}))});
    driver->kick(VirtioGpu::kCursor);
    const auto used = q.reap();
    ASSERT_TRUE(used);
    EXPECT_EQ(used->length, 0u);
    EXPECT_EQ(console(0).cursor().x, 1 + 7);
  }
}

}  // namespace
}  // namespace quince::hw
