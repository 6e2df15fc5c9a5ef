#include "hw/display/ramfb.h"

#include <gtest/gtest.h>

#include "hw/core/archive.h"
#include "tests/support/ui_host.h"
#include "ui/display.h"

namespace quince::hw {
namespace {

constexpr u64 kRam = 0x4000'0000, kPixels = kRam + MiB, kRamSize = 4 * MiB;
constexpr u32 kXr24 = 0x3432'5258, kRg16 = 0x3631'4752, kBg24 = 0x3432'4742;

struct RamfbTest : ::testing::Test {
  RamfbTest() {
    EXPECT_TRUE(space.map_ram(PhysAddr(kRam), *ram));
    EXPECT_TRUE(cfg.add_file(Ramfb::kFile, fb));
    cfg.reset();
    fb.reset();
  }
  /// Writes the description as a guest does; returns the control word of the request.
  u32 describe(u64 addr, u32 fourcc, u32 width, u32 height, u32 stride, u32 length = Ramfb::kSize) {
    u8* p = host(kRam + 0x100);
    store_le(p, __builtin_bswap64(addr));
    store_le(p + 8, __builtin_bswap32(fourcc));
    store_le(p + 12, u32{0});
    store_le(p + 16, __builtin_bswap32(width));
    store_le(p + 20, __builtin_bswap32(height));
    store_le(p + 24, __builtin_bswap32(stride));
    return dma(u32{FwCfg::kFirstFile} << 16 | 0x18, length, kRam + 0x100);  // select and write
  }
  u32 dma(u32 control, u32 length, u64 address) {
    u8* p = host(kRam);
    store_le(p, __builtin_bswap32(control));
    store_le(p + 4, __builtin_bswap32(length));
    store_le(p + 8, __builtin_bswap64(address));
    EXPECT_EQ(cfg.write(0x10, {8}, __builtin_bswap64(kRam)), Bus::Ok);
    return __builtin_bswap32(load_le<u32>(host(kRam)));
  }
  u8* host(u64 address) { return ram->data() + (address - kRam); }
  u32 pixel(u32 x, u32 y) { return console.picture(false).at(x, y) & 0xff'ffff; }

  Log log;
  AddressSpace space{log};
  std::unique_ptr<GuestRam> ram = std::move(GuestRam::create("ram", kRamSize).value());
  TimerQueue timers;
  test::UiHost ui;
  ui::Display display{ui};
  ui::Console& console = display.add_console("ramfb");
  FwCfg cfg{"fw-cfg", timers, DmaPort(space, 0), log};
  Ramfb fb{"ramfb", console, DmaPort(space, 0), log};
};

TEST_F(RamfbTest, MemoryIsWhatIsShown) {
  EXPECT_FALSE(console.shown());
  EXPECT_EQ(describe(kPixels, kXr24, 64, 32, 300), 0u);
  EXPECT_EQ(console.size(), (ui::Size{64, 32}));
  store_le<u32>(host(kPixels + 300 * 31 + 4 * 63), 0x123456);
  EXPECT_EQ(pixel(63, 31), 0x123456u);
  store_le<u32>(host(kPixels), 0xff00ff);  // without a further word to the device
  EXPECT_EQ(pixel(0, 0), 0xff00ffu);
}

TEST_F(RamfbTest, RowsWithoutGaps) {
  EXPECT_EQ(describe(kPixels, kXr24, 64, 32, 0), 0u);
  store_le<u32>(host(kPixels + 4 * (64 * 31 + 63)), 0x123456);
  EXPECT_EQ(pixel(63, 31), 0x123456u);
}

TEST_F(RamfbTest, OtherFormats) {
  describe(kPixels, kRg16, 64, 32, 128);
  store_le<u16>(host(kPixels + 128), 0xf800);
  EXPECT_EQ(pixel(0, 1), 0xff0000u);
  describe(kPixels, kBg24, 64, 32, 192);
  host(kPixels)[0] = 0x11;  // the first byte is red
  host(kPixels)[1] = 0x22;
  host(kPixels)[2] = 0x33;
  EXPECT_EQ(pixel(0, 0), 0x112233u);
}

TEST_F(RamfbTest, WhatCannotBeShowsNothing) {
  struct {
    u64 addr;
    u32 fourcc, width, height, stride;
  } const cases[] = {
      {kPixels, 0, 64, 32, 256},                      // no format
      {kPixels, kXr24, 0, 32, 256},                   // no pixels
      {kPixels, kXr24, 64, 0, 256},                   //
      {kPixels, kXr24, 64, 32, 252},                  // rows overlap
      {kPixels, kXr24, 64, 32, 258},                  // words would not be aligned
      {kPixels + 2, kXr24, 64, 32, 256},              //
      {kPixels, kXr24, 8193, 1, 0},                   // too large
      {kPixels, kXr24, 0xffff'ffff, 0xffff'ffff, 0},  //
      {kPixels, kXr24, 64, 32, 0xffff'fffc},          // not all of it is memory
      {kRam + kRamSize - 256, kXr24, 64, 2, 256},     //
      {kRam - 256, kXr24, 64, 2, 256},                //
      {0xffff'ffff'ffff'fff0, kXr24, 64, 32, 0},      //
  };
  for (const auto& c : cases) {
    describe(kPixels, kXr24, 64, 32, 0);
    ASSERT_TRUE(console.shown());
    EXPECT_EQ(describe(c.addr, c.fourcc, c.width, c.height, c.stride), 0u);
    EXPECT_FALSE(console.shown()) << c.width << 'x' << c.height << ' ' << c.stride;
  }
  EXPECT_EQ(describe(kRam + kRamSize - 512, kXr24, 64, 2, 256), 0u);
  EXPECT_TRUE(console.shown());
}

TEST_F(RamfbTest, TheFileHasItsSize) {
  describe(kPixels, kXr24, 64, 32, 0);
  EXPECT_EQ(describe(kPixels, kXr24, 32, 32, 0, Ramfb::kSize + 1), 1u);  // an error
  EXPECT_EQ(console.size(), (ui::Size{64, 32}));
  EXPECT_EQ(dma(0x10, 1, kRam + 0x100), 0u);  // write goes on where select left off
  EXPECT_EQ(dma(0x10, 28, kRam + 0x100), 1u);
  EXPECT_EQ(dma(u32{FwCfg::kFirstFile} << 16 | 0x18, 28, 0x1000), 1u);     // from no memory
  EXPECT_EQ(dma(u32{FwCfg::kFileDir} << 16 | 0x18, 4, kRam + 0x100), 1u);  // not one to be written
  // It reads as it was written, in both ways, and is listed with its size.
  EXPECT_EQ(dma(u32{FwCfg::kFirstFile} << 16 | 0x0a, 28, kRam + 0x200), 0u);
  EXPECT_EQ(load_le<u64>(host(kRam + 0x200)), __builtin_bswap64(kPixels));
  EXPECT_EQ(dma(u32{FwCfg::kFileDir} << 16 | 0x0a, 8, kRam + 0x200), 0u);
  EXPECT_EQ(load_le<u32>(host(kRam + 0x204)), __builtin_bswap32(28));
}

TEST_F(RamfbTest, ResetAndSnapshot) {
  describe(kPixels, kXr24, 64, 32, 0);
  store_le<u32>(host(kPixels), 0x445566);
  Archive ar(Archive::Mode::Save);
  fb.snapshot(ar);
  fb.reset();
  EXPECT_FALSE(console.shown());
  ar.set_mode(Archive::Mode::Load);
  fb.snapshot(ar);
  ASSERT_TRUE(ar.finish());
  fb.restored();
  EXPECT_EQ(pixel(0, 0), 0x445566u);
}

}  // namespace
}  // namespace quince::hw
