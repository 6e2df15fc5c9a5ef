// The registers of vmapple's devices under random guests.
#include "hw/vmapple/gpu.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/ui_host.h"
#include "tests/support/virtio_driver.h"
#include "ui/display.h"

namespace quince::test {
namespace {

struct Rig {
  GuestMemory memory{64 * KiB};
  UiHost host;
  ui::Display display{host};
};

TEST(DeviceFuzz, VmappleGpu) {
  u64 shown = 0;
  fuzz("vmapple-gpu", [&](FuzzBench& b) {
    Rig& rig = b.keep<Rig>();
    ui::Console& console = rig.display.add_console("gpu");
    b.memory(rig.memory.bytes());
    auto& gpu = b.unit<hw::VmappleGpu>(
        "gpu", hw::VmappleGpuConfig{.mode = {60, 40}, .framebuffer = GuestMemory::kBase}, b.wire(0),
        console, rig.memory.port());
    b.window(gpu, hw::VmappleGpu::kSize);
    // A framebuffer that can be, now and then: random numbers never are one.
    b.on_event([&](u64 r) {
      const u64 off = r % 2 == 0 ? 0x1228 : 0x1210;
      const u64 value = r % 2 == 0 ? (r >> 2) % 100 * 4 : GuestMemory::kBase + (r >> 2) % 0x10000;
      EXPECT_EQ(gpu.write(off, {r % 2 == 0 ? 4u : 8u}, value), hw::Bus::Ok);
      rig.memory.put<u32>(GuestMemory::kBase + (r >> 16) % 0x3fff * 4, static_cast<u32>(r >> 32));
      const ui::Picture p = console.picture(true);
      shown += !p.size().empty();
      u64 h = p.size().width;
      for (u32 y = 0; y < p.size().height; ++y)
        for (u32 x = 0; x < p.size().width; ++x) h = h * 31 + (p.at(x, y) & 0xff'ffff);
      b.output(h);
    });
  });
  fmt::print("vmapple-gpu: shown {} times\n", shown);
  EXPECT_GT(shown, 50u);
}

}  // namespace
}  // namespace quince::test
