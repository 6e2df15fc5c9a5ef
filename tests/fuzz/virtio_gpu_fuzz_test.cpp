// The GPU under a driver that is mostly honest and often is not (lying_driver.h): commands that fit
// to each other, wild ones, damaged rings, and windows that change their size meanwhile.
#include <fmt/core.h>
#include <gtest/gtest.h>

#include <memory>

#include "hw/virtio/gpu/virtio_gpu.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/lying_driver.h"
#include "tests/support/ui_host.h"
#include "ui/display.h"

namespace quince::test {
namespace {

using namespace hw;  // NOLINT: the names of protocol.h

constexpr u64 kHostmem = 64 * KiB;

/// A number that is small and sensible, or on the edge, or anything.
u32 number(u64 r, u32 usual) {
  if (r % 16 == 0) return static_cast<u32>(r * 0x9e37'79b9 >> 7);
  if (r % 16 == 1) return 0xffff'ffff;
  return static_cast<u32>((r >> 4) % (usual + 1));
}

VirtioGpuRect rect(u64 r) {
  return {number(r, 8), number(r >> 5, 8), number(r >> 11, 40), number(r >> 17, 40)};
}

template <class T>
void put_command(GuestMemory& memory, u64 at, u32 type, const T& body) {
  memory.put_object(at, VirtioGpuCtrlHdr{.type = type, .flags = type & 1, .fence_id = at});
  memory.put_object(at + sizeof(VirtioGpuCtrlHdr), body);
}

LyingDriver::To fill(GuestMemory& memory, unsigned queue, u64 at, u64 r) {
  const u32 id = number(r >> 4, 4);
  const u64 rest = r >> 12;
  if (queue == VirtioGpu::kCursor) {
    put_command(memory, at, VIRTIO_GPU_CMD_UPDATE_CURSOR + static_cast<u32>(r % 2),
                VirtioGpuUpdateCursor{.scanout_id = number(rest, 2),
                                      .x = number(rest >> 8, 99),
                                      .y = number(rest >> 16, 99),
                                      .resource_id = id,
                                      .hot_x = number(rest >> 20, 40)});
    return rest % 2 == 0 ? LyingDriver::To::Device : LyingDriver::To::Both;
  }
  constexpr u32 kFormats[] = {1, 2, 3, 4, 67, 68, 121, 134, 5};
  const u64 pixels = LyingDriver::kBuffers + rest % 0x4000;
  switch (r % 12) {
    case 0:
      put_command(memory, at, VIRTIO_GPU_CMD_GET_DISPLAY_INFO, u64{0});
      break;
    case 1:
    case 2:
      put_command(memory, at, VIRTIO_GPU_CMD_RESOURCE_CREATE_2D,
                  VirtioGpuResourceCreate2d{id, kFormats[rest % 9], number(rest >> 4, 40),
                                            number(rest >> 12, 40)});
      break;
    case 3:
      put_command(memory, at, VIRTIO_GPU_CMD_RESOURCE_UNREF, VirtioGpuResourceId{id});
      break;
    case 4:
    case 5:
      put_command(memory, at, VIRTIO_GPU_CMD_SET_SCANOUT,
                  VirtioGpuSetScanout{rect(rest), number(rest >> 24, 2), id});
      break;
    case 6:
      put_command(memory, at, VIRTIO_GPU_CMD_RESOURCE_FLUSH,
                  VirtioGpuResourceFlush{rect(rest), id});
      break;
    case 7:
    case 8:
      put_command(memory, at, VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D,
                  VirtioGpuTransferToHost2d{rect(rest), number(rest >> 20, 256), id});
      break;
    case 9:
      put_command(memory, at, VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING,
                  VirtioGpuResourceAttachBacking{id, 1 + number(rest >> 20, 1)});
      memory.put_object(at + 32, VirtioGpuMemEntry{pixels, number(rest >> 8, 0x4000)});
      memory.put_object(at + 48, VirtioGpuMemEntry{pixels + 0x100, number(rest >> 12, 0x4000)});
      break;
    case 10:
      put_command(memory, at, VIRTIO_GPU_CMD_RESOURCE_DETACH_BACKING, VirtioGpuResourceId{id});
      break;
    default:
      put_command(memory, at, VIRTIO_GPU_CMD_GET_EDID, VirtioGpuGetEdid{number(rest, 2)});
  }
  return LyingDriver::To::Both;
}

/// What one copy consists of besides its unit, in the order in which it must be destroyed backwards.
struct Rig {
  GuestMemory memory{LyingDriver::kMemory};
  UiHost host;
  ui::Display display{host};
  std::unique_ptr<VirtioGpu> gpu;
  std::unique_ptr<MmioDriverPort> port;
  std::unique_ptr<LyingDriver> driver;
};

u64 hash(const ui::Picture& p) {
  u64 h = p.size().width * 31 + p.size().height;
  for (u32 y = 0; y < p.size().height; ++y)
    for (u32 x = 0; x < p.size().width; ++x) h = (h ^ (p.at(x, y) & 0xff'ffff)) * 0x100'0000'01b3;
  return h;
}

struct Counts {
  u64 requests = 0, pictures = 0, pointers = 0;
};

void build(FuzzBench& b, Counts* counts) {
  Rig& rig = b.keep<Rig>();
  VirtioGpuConfig config{.max_hostmem = kHostmem, .heads = std::vector<VirtioGpuHeadConfig>(2)};
  ui::Console* const consoles[] = {&rig.display.add_console("a"), &rig.display.add_console("b")};
  rig.gpu = std::make_unique<VirtioGpu>("gpu", config, consoles, rig.memory.log(), b.timers());
  b.memory(rig.memory.bytes());
  auto& slot = b.unit<VirtioMmio>("slot", b.wire(0), rig.memory.port());
  slot.plug(*rig.gpu);
  b.window(slot, VirtioMmio::kSize);
  rig.port = std::make_unique<MmioDriverPort>(slot);
  rig.driver = std::make_unique<LyingDriver>(rig.memory, *rig.port, fill);
  b.on_event([&b, &rig, counts](u64 r) {
    if (r % 64 == 0) {
      rig.display.consoles()[(r >> 6) % 2].wish_size(
          {static_cast<u32>(r >> 8 & 0xffff), static_cast<u32>(r >> 24 & 0xffff)});
      rig.host.run();
    } else if (r % 4 == 1) {
      // A while without lies, so that there is something to spoil.
      FuzzRandom random(r);
      for (unsigned n = 0; n < 24; ++n) {
        const u64 one = random.next();
        rig.driver->request(one % 8 == 0 ? VirtioGpu::kCursor : VirtioGpu::kControl, one >> 3);
      }
    } else {
      counts->requests += rig.driver->event(b, r >> 6);
    }
    EXPECT_LE(rig.gpu->hostmem(), kHostmem);
    for (ui::Console& c : rig.display.consoles()) {
      const ui::Picture p = c.picture(true);
      counts->pictures += !p.size().empty();
      counts->pointers += c.cursor().image != nullptr;
      b.output(hash(p));
    }
  });
}

// The counts show that the driver was honest often enough.
TEST(VirtioFuzz, Gpu) {
  Counts n;
  fuzz("virtio-gpu-device", [&](FuzzBench& b) { build(b, &n); });
  fmt::print("virtio-gpu-device: {} events with answers, {} with a picture, {} with a pointer\n",
             n.requests, n.pictures, n.pointers);
  EXPECT_GT(n.requests, 50u);
  EXPECT_GT(n.pictures, 50u);
  EXPECT_GT(n.pointers, 5u);
}

}  // namespace
}  // namespace quince::test
