#include "hw/vmapple/gpu.h"

#include <gtest/gtest.h>

#include <fstream>
#include <memory>
#include <string>

#include "hw/core/archive.h"
#include "tests/support/pin.h"
#include "tests/support/temp_dir.h"
#include "tests/support/ui_host.h"
#include "ui/display.h"

namespace quince::hw {
namespace {

constexpr u64 kRam = 0x1'7000'0000, kRamSize = 4 * MiB, kPixels = kRam + MiB;

struct VmappleGpuTest : ::testing::Test {
  VmappleGpuTest() { EXPECT_TRUE(space.map_ram(PhysAddr(kRam), *ram)); }
  void make(u64 framebuffer = 0) {
    gpu = std::make_unique<VmappleGpu>(
        "gpu", VmappleGpuConfig{.mode = {100, 40}, .framebuffer = framebuffer}, pin.wire(), console,
        DmaPort(space, 0), log);
  }
  u64 rd(u64 off, unsigned size = 4) {
    u64 v = ~u64{0};
    EXPECT_EQ(gpu->read(off, {size}, v), Bus::Ok) << off;
    return v;
  }
  void wr(u64 off, u64 v, unsigned size = 4) { EXPECT_EQ(gpu->write(off, {size}, v), Bus::Ok); }
  void put(u64 address, u32 v) { store_le(ram->data() + (address - kRam), v); }
  u32 pixel(u32 x, u32 y) { return console.picture(false).at(x, y) & 0xff'ffff; }

  Log log;
  AddressSpace space{log};
  std::unique_ptr<GuestRam> ram = std::move(GuestRam::create("ram", kRamSize).value());
  test::Pin pin;
  test::UiHost host;
  ui::Display display{host};
  ui::Console& console = display.add_console("gpu");
  std::unique_ptr<VmappleGpu> gpu;
};

TEST_F(VmappleGpuTest, WhatAGuestFinds) {
  make();
  EXPECT_EQ(rd(0x0000), 0u);
  EXPECT_EQ(rd(0x0ffc), 0u);
  wr(0x0800, 5);
  EXPECT_EQ(rd(0x0800), 0u);
  EXPECT_EQ(rd(0x1204), 1u);
  EXPECT_EQ(rd(0x120c), 100u << 16 | 40);
  EXPECT_EQ(rd(0x1224), 64u);
  EXPECT_EQ(rd(0x122c), 1u);
  EXPECT_EQ(rd(0x1234), 1u);
  wr(0x1034, 62);  // the version: none that we speak
  EXPECT_EQ(rd(0x1034), 0u);
  EXPECT_EQ(rd(0x1210, 8), 0u);
  EXPECT_FALSE(console.shown());
  u64 v = 0;
  EXPECT_EQ(gpu->read(0x1204, {2}, v), Bus::BadSize);
  EXPECT_EQ(gpu->write(0x1204, {4}, 9), Bus::ReadOnly);
  EXPECT_EQ(gpu->read(0x4000, {4}, v), Bus::BadRegister);
}

TEST_F(VmappleGpuTest, WhatIsNotKnownIsStorage) {
  make();
  for (const u64 off : {0x1038, 0x11fc, 0x1230, 0x1238, 0x1ffc, 0x2000, 0x3ffc, 0x1208, 0x121c}) {
    EXPECT_EQ(rd(off), 0u) << off;
    wr(off, off * 3);
  }
  for (const u64 off : {0x1038, 0x11fc, 0x1230, 0x1238, 0x1ffc, 0x2000, 0x3ffc, 0x1208, 0x121c})
    EXPECT_EQ(rd(off), off * 3) << off;
  wr(0x2000, 0x1111'2222'3333'4444, 8);  // two registers
  EXPECT_EQ(rd(0x2004), 0x1111'2222u);
  gpu->reset();
  EXPECT_EQ(rd(0x1038), 0u);
}

TEST_F(VmappleGpuTest, TheFramebuffersAddressHas64Bits) {
  make();
  wr(0x1214, 77);  // FB_LENGTH, at the place of its upper half
  wr(0x1210, kPixels, 8);
  EXPECT_EQ(rd(0x1210, 8), kPixels);
  EXPECT_EQ(rd(0x1210), kPixels & 0xffff'ffff);
  EXPECT_EQ(rd(0x1214), 77u);
  EXPECT_TRUE(console.shown());
  wr(0x1210, (kPixels + 0x1000) & 0xffff'ffff);  // the low half only
  EXPECT_EQ(rd(0x1210, 8), kPixels + 0x1000);
  wr(0x1030, 0x12'3456'789a, 8);
  EXPECT_EQ(rd(0x1030, 8), 0x12'3456'789au);
  EXPECT_EQ(rd(0x1034), 0u);
}

TEST_F(VmappleGpuTest, MemoryIsShownWhileThereIsAFramebuffer) {
  make();
  put(kPixels + 400 * 39 + 4 * 99, 0xff12'3456);
  wr(0x1210, kPixels, 8);
  EXPECT_EQ(console.size(), (ui::Size{100, 40}));
  EXPECT_EQ(pixel(99, 39), 0x123456u);  // without a stride: rows without gaps
  wr(0x1228, 448);
  put(kPixels + 448 * 39, 0x00ff00);
  EXPECT_EQ(pixel(0, 39), 0x00ff00u);
  wr(0x1210, 0, 8);
  EXPECT_FALSE(console.shown());
}

TEST_F(VmappleGpuTest, FramebuffersThatCannotBeShowNothing) {
  make();
  for (const u64 start : {u64{0x1000}, kRam + kRamSize - 400, ~u64{0} & ~u64{3}, kPixels + 1}) {
    wr(0x1210, kPixels, 8);
    EXPECT_TRUE(console.shown());
    wr(0x1210, start, 8);
    EXPECT_FALSE(console.shown()) << start;
    EXPECT_EQ(rd(0x1210, 8), start);
  }
  wr(0x1210, kPixels, 8);
  for (const u32 stride : {396u, 402u, 0xffff'fffcu}) {
    wr(0x1228, stride);
    EXPECT_FALSE(console.shown()) << stride;
    wr(0x1228, 0);
    EXPECT_TRUE(console.shown());
  }
}

TEST_F(VmappleGpuTest, FirmwareMayHaveSetItUp) {
  make(kPixels);
  EXPECT_EQ(rd(0x1210, 8), kPixels);
  EXPECT_EQ(rd(0x1228), 448u);
  EXPECT_EQ(rd(0x1214), 448u * 40);
  EXPECT_EQ(rd(0x1218), 32u);
  put(kPixels + 448 * 2 + 4, 0x0000ff);
  EXPECT_EQ(pixel(1, 2), 0x0000ffu);
  wr(0x1210, 0, 8);
  gpu->reset();
  EXPECT_EQ(pixel(1, 2), 0x0000ffu);
}

TEST_F(VmappleGpuTest, InterruptsArePulses) {
  make();
  EXPECT_EQ(pin.edges, 0);
  wr(0x1220, 3);
  EXPECT_FALSE(pin.high);
  EXPECT_EQ(pin.edges, 1);
  wr(0x1220, 31);
  wr(0x1220, 32);  // no such bit
  u64 v = 0;
  EXPECT_EQ(gpu->read(0x1014, {.size = 4, .debug = true}, v), Bus::WriteOnly);
  wr(0x1014, 8);  // written ones are cleared
  EXPECT_EQ(rd(0x1014), 0x8000'0000u);
  EXPECT_EQ(rd(0x1014), 0u);  // so is what was read
  EXPECT_EQ(rd(0x1018), 0u);
}

TEST_F(VmappleGpuTest, NothingTakesCommands) {
  make();
  wr(0x1000, 1);
  wr(0x1004, 0x1000);
  wr(0x1008, 0x40);
  wr(0x1024, 1);
  EXPECT_EQ(rd(0x100c), 0u);
  EXPECT_EQ(rd(0x1008), 0x40u);
}

TEST_F(VmappleGpuTest, AGuestThatGoesFurtherIsInTheLog) {
  const test::TempDir folder;
  ASSERT_TRUE(log.open(folder / "log"));
  log.enable(LogCategory::Unimp);
  make();
  for (int n = 0; n < 100; ++n) wr(0x1008, 0x40);
  wr(0x1020, 5);
  std::ifstream file(folder / "log");
  std::string first, line;
  std::getline(file, first);
  EXPECT_EQ(first, "gpu: FIFO_WRITTEN = 0x40: nothing takes the commands of the FIFO");
  unsigned lines = 1;
  while (std::getline(file, line)) ++lines;
  EXPECT_LE(lines, Log::kBurst + 1);
}

TEST_F(VmappleGpuTest, ASnapshot) {
  make();
  wr(0x1210, kPixels, 8);
  wr(0x1220, 3);
  wr(0x3000, 5);
  Archive ar(Archive::Mode::Save);
  gpu->snapshot(ar);
  gpu->reset();
  EXPECT_FALSE(console.shown());
  ar.set_mode(Archive::Mode::Load);
  gpu->snapshot(ar);
  ASSERT_TRUE(ar.finish());
  gpu->restored();
  EXPECT_TRUE(console.shown());
  EXPECT_EQ(rd(0x1014), 8u);
  EXPECT_EQ(rd(0x3000), 5u);
}

}  // namespace
}  // namespace quince::hw
