// A GPU, its consoles, and a driver that speaks its commands.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "hw/virtio/gpu/virtio_gpu.h"
#include "tests/support/pin.h"
#include "tests/support/ui_host.h"
#include "tests/support/virtio_driver.h"
#include "ui/display.h"

namespace quince::test {

struct GpuBench : ::testing::Test {
  static constexpr u64 kMemory = 64 * MiB;
  static constexpr u64 kHeap = GuestMemory::kBase + 16 * MiB;  // for pixels

  GuestMemory memory{kMemory};
  Pin pin;
  hw::TimerQueue timers;
  UiHost host;
  ui::Display display{host};
  hw::VirtioGpuConfig config;
  std::unique_ptr<hw::VirtioGpu> gpu;
  std::unique_ptr<hw::VirtioMmio> slot;
  std::unique_ptr<MmioDriverPort> port;
  std::unique_ptr<VirtioDriver> driver;

  GpuBench() {
    config.heads.resize(2);
    config.heads[0].enabled = true;
    config.heads[1].edid.serial = "2";
  }
  void start(u64 features = ~u64{0}) {
    if (gpu == nullptr) {
      std::vector<ui::Console*> consoles;
      for (unsigned n = 0; n < config.heads.size(); ++n)
        consoles.push_back(&display.add_console("head" + std::to_string(n)));
      gpu = std::make_unique<hw::VirtioGpu>("gpu", config, consoles, memory.log(), timers);
      slot = std::make_unique<hw::VirtioMmio>("slot", pin.wire(), memory.port());
      slot->plug(*gpu);
      port = std::make_unique<MmioDriverPort>(*slot);
      driver = std::make_unique<VirtioDriver>(*port, memory);
    }
    ASSERT_TRUE(driver->start(features));
  }
  ui::Console& console(unsigned n) { return display.consoles()[n]; }
  ui::Picture shown(unsigned n, bool pointer = false) { return console(n).picture(pointer); }
  /// A pixel of what is shown, without what is above its colours.
  u32 pixel(unsigned n, u32 x, u32 y, bool pointer = false) {
    return shown(n, pointer).at(x, y) & 0xff'ffff;
  }

  template <class T>
  static std::string bytes(const T& t) {
    return {reinterpret_cast<const char*>(&t), sizeof t};
  }
  /// Sends a command; `answer` gets what came back.  Returns the answer's type, 0 without one.
  u32 command(u32 type, const std::string& body, std::string* answer = nullptr,
              hw::VirtioGpuCtrlHdr hdr = {}, unsigned queue = hw::VirtioGpu::kControl,
              u32 space = 2048) {
    DriverQueue& q = driver->queue(queue);
    hdr.type = type;
    const auto out = q.buffer(bytes(hdr) + body);
    const auto in = q.space(space);
    q.add({out, in});
    driver->kick(queue);
    for (unsigned i = 0; i < 100 && timers.next_deadline() != hw::kNever; ++i) timers.run_due();
    const auto used = q.reap();
    if (!used || used->length < sizeof(hdr)) return 0;
    if (answer != nullptr) *answer = memory.text(in.address, used->length);
    return memory.get<u32>(in.address);
  }
  u32 create(u32 id, u32 width, u32 height, u32 format = hw::VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM) {
    return command(hw::VIRTIO_GPU_CMD_RESOURCE_CREATE_2D,
                   bytes(hw::VirtioGpuResourceCreate2d{id, format, width, height}));
  }
  u32 attach(u32 id, const std::vector<hw::VirtioGpuMemEntry>& pieces) {
    std::string body =
        bytes(hw::VirtioGpuResourceAttachBacking{id, static_cast<u32>(pieces.size())});
    for (const auto& p : pieces) body += bytes(p);
    return command(hw::VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING, body);
  }
  u32 by_id(u32 type, u32 id) { return command(type, bytes(hw::VirtioGpuResourceId{id})); }
  u32 set_scanout(u32 scanout, u32 id, hw::VirtioGpuRect r) {
    return command(hw::VIRTIO_GPU_CMD_SET_SCANOUT, bytes(hw::VirtioGpuSetScanout{r, scanout, id}));
  }
  u32 transfer(u32 id, hw::VirtioGpuRect r, u64 offset = 0) {
    return command(hw::VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D,
                   bytes(hw::VirtioGpuTransferToHost2d{r, offset, id}));
  }
  u32 flush(u32 id, hw::VirtioGpuRect r) {
    return command(hw::VIRTIO_GPU_CMD_RESOURCE_FLUSH, bytes(hw::VirtioGpuResourceFlush{r, id}));
  }
  u32 cursor(u32 type, const hw::VirtioGpuUpdateCursor& c) {
    return command(type, bytes(c), nullptr, {}, hw::VirtioGpu::kCursor);
  }
  /// A resource with `width` × `height` pixels of memory behind it, at kHeap plus `at`.
  void make(u32 id, u32 width, u32 height, u64 at = 0,
            u32 format = hw::VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM) {
    ASSERT_EQ(create(id, width, height, format), hw::VIRTIO_GPU_RESP_OK_NODATA);
    ASSERT_EQ(attach(id, {{kHeap + at, width * height * 4}}), hw::VIRTIO_GPU_RESP_OK_NODATA);
  }
  void put(u64 at, u32 index, u32 colour) { memory.put<u32>(kHeap + at + 4 * index, colour); }
};

}  // namespace quince::test
