// Input devices, ramfb and what writes it, under guests and people who do anything.
#include <fmt/core.h>
#include <gtest/gtest.h>

#include <memory>

#include "hw/display/ramfb.h"
#include "hw/virtio/virtio_input.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/lying_driver.h"
#include "tests/support/ui_host.h"
#include "ui/display.h"

namespace quince::test {
namespace {

using namespace hw;  // NOLINT: as the other tests of virtio

LyingDriver::To fill(GuestMemory& memory, unsigned queue, u64 at, u64 r) {
  if (queue == VirtioInput::kEvents) return LyingDriver::To::Driver;
  memory.put_object(at,
                    VirtioInputEvent{static_cast<u16>(r % 4 == 0 ? r >> 8 : 0x11),
                                     static_cast<u16>((r >> 2) % 6), static_cast<u32>(r >> 6 & 1)});
  return LyingDriver::To::Device;
}

struct Rig {
  GuestMemory memory{LyingDriver::kMemory};
  UiHost host;
  ui::Input input{host};
  std::unique_ptr<VirtioInput> device;
  std::unique_ptr<MmioDriverPort> port;
  std::unique_ptr<LyingDriver> driver;
};

std::vector<ui::InputEvent> events(u64 r) {
  std::vector<ui::InputEvent> all;
  for (; r % 8 != 0; r >>= 12) {
    const u8 byte = static_cast<u8>(r >> 4);
    switch (r % 8) {
      case 1:
        all.push_back(ui::PositionInput{static_cast<u16>(r >> 4), byte});
        break;
      case 2:
        all.push_back(ui::MotionInput{static_cast<s32>(r >> 4), byte});
        break;
      case 3:
        all.push_back(ui::WheelInput{byte, static_cast<s32>(byte % 3) - 1});
        break;
      case 4:
        all.push_back(ui::ButtonInput{static_cast<ui::PointerButton>(byte % ui::kPointerButtons),
                                      byte % 2 == 0});
        break;
      default:
        all.push_back(ui::KeyInput{byte, r % 2 == 0});
    }
  }
  return all;
}

u64 run(const char* name, VirtioInputKind kind) {
  u64 answered = 0;
  fuzz(name, [&](FuzzBench& b) {
    Rig& rig = b.keep<Rig>();
    rig.device = std::make_unique<VirtioInput>("input", VirtioInputConfig{.kind = kind}, rig.input,
                                               rig.memory.log(), b.timers());
    b.memory(rig.memory.bytes());
    auto& slot = b.unit<VirtioMmio>("slot", b.wire(0), rig.memory.port());
    slot.plug(*rig.device);
    b.window(slot, VirtioMmio::kSize);
    rig.port = std::make_unique<MmioDriverPort>(slot);
    rig.driver = std::make_unique<LyingDriver>(rig.memory, *rig.port, fill);
    b.on_event([&](u64 r) {
      if (r % 4 == 0) {
        rig.input.send(events(r >> 2));
        rig.host.run();
      } else {
        answered += rig.driver->event(b, r >> 2);
      }
      b.output(u64{rig.input.kinds()} << 8 | rig.input.lights());
    });
  });
  fmt::print("{}: {} events with answers\n", name, answered);
  return answered;
}

// The counts show that the drivers were honest often enough.
TEST(VirtioFuzz, Keyboard) {
  EXPECT_GT(run("virtio-keyboard-device", VirtioInputKind::Keyboard), 50u);
}
TEST(VirtioFuzz, Tablet) { EXPECT_GT(run("virtio-tablet-device", VirtioInputKind::Tablet), 50u); }

// ---- ramfb -------------------------------------------------------------------------------------

struct Framebuffer {
  GuestMemory memory{LyingDriver::kMemory};
  UiHost host;
  ui::Display display{host};
};

TEST(DeviceFuzz, Ramfb) {
  u64 shown = 0;
  fuzz("ramfb", [&](FuzzBench& b) {
    Framebuffer& rig = b.keep<Framebuffer>();
    ui::Console& console = rig.display.add_console("ramfb");
    b.memory(rig.memory.bytes());
    auto& fb = b.unit<Ramfb>("ramfb", console, rig.memory.port(), rig.memory.log());
    auto& cfg = b.unit<FwCfg>("fw-cfg", b.timers(), rig.memory.port(), rig.memory.log());
    EXPECT_TRUE(cfg.add_file(Ramfb::kFile, fb));
    b.window(cfg, 0x18);
    b.on_event([&](u64 r) {
      constexpr u64 kBase = GuestMemory::kBase;
      const auto be32 = [](u64 v) { return __builtin_bswap32(static_cast<u32>(v)); };
      constexpr u32 kFormats[] = {0x5852'3234, 0x4752'3136, 0x4247'3234, 0};
      rig.memory.put<u32>(kBase, be32(u64{FwCfg::kFirstFile} << 16 | (r % 8 == 0 ? (r >> 4) & 0x1f : 0x18)));
      rig.memory.put<u32>(kBase + 4, be32(r % 16 == 0 ? (r >> 8) % 64 : Ramfb::kSize));
      rig.memory.put<u64>(kBase + 8, __builtin_bswap64(kBase + 0x100));
      const u64 edge = (r >> 4) % 8 == 0 ? LyingDriver::kMemory - 0x400 : 0x1000;
      rig.memory.put<u64>(kBase + 0x100, __builtin_bswap64(kBase + edge + (r >> 8) % 64 * 4));
      rig.memory.put<u32>(kBase + 0x108, kFormats[(r >> 14) % 4]);
      rig.memory.put<u32>(kBase + 0x110, be32((r >> 16) % 99));
      rig.memory.put<u32>(kBase + 0x114, be32((r >> 24) % 99));
      rig.memory.put<u32>(kBase + 0x118, be32((r >> 32) % 8 == 0 ? r >> 35 : (r >> 35) % 99 * 4));
      EXPECT_EQ(cfg.write(0x10, {8}, __builtin_bswap64(kBase)), Bus::Ok);
      const ui::Picture p = console.picture(true);
      shown += !p.size().empty();
      for (u32 y = 0; y < p.size().height; ++y)
        for (u32 x = 0; x < p.size().width; ++x) b.output(p.at(x, y) & 0xff'ffff);
    });
  });
  fmt::print("ramfb: shown {} times\n", shown);
  EXPECT_GT(shown, 50u);
}

}  // namespace
}  // namespace quince::test
