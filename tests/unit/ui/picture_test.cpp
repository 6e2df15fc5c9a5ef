#include "ui/picture.h"

#include <gtest/gtest.h>

namespace quince::ui {
namespace {

PixelView view_of(std::span<const u8> bytes, Size size, u32 stride, PixelFormat format) {
  return {bytes.data(), stride, size, format};
}

TEST(Picture, StartsBlack) {
  const Picture p({3, 2});
  EXPECT_EQ(p.size(), (Size{3, 2}));
  for (u32 y = 0; y < 2; ++y)
    for (u32 x = 0; x < 3; ++x) EXPECT_EQ(p.at(x, y), 0u);
}

TEST(Picture, FormatsAreConvertedFromTheirBytesInMemory) {
  // One pixel, whose red is 0x12, green 0x34 and blue 0x56.
  const struct {
    PixelFormat format;
    std::array<u8, 4> bytes;
  } kCases[] = {
      {PIXMAN_x8r8g8b8, {0x56, 0x34, 0x12, 0xff}}, {PIXMAN_b8g8r8x8, {0xff, 0x12, 0x34, 0x56}},
      {PIXMAN_x8b8g8r8, {0x12, 0x34, 0x56, 0xff}}, {PIXMAN_r8g8b8x8, {0xff, 0x56, 0x34, 0x12}},
      {PIXMAN_r8g8b8, {0x56, 0x34, 0x12, 0}},
  };
  for (const auto& c : kCases) {
    Picture p({1, 1});
    p.copy(view_of(c.bytes, {1, 1}, 4, c.format), {0, 0, 1, 1}, 0, 0);
    EXPECT_EQ(p.at(0, 0) & 0xff'ffff, 0x12'3456u) << std::hex << c.format;
  }
}

TEST(Picture, CopiesAreCutAtBothEdges) {
  Picture from({4, 4}), to({3, 3});
  from.fill(Rect::all({4, 4}), 7);
  to.copy(from.view(), {3, 3, 100, 100}, 2, 2);  // one pixel is left of it
  to.copy(from.view(), {0, 0, 4, 4}, 3, 0);      // outside
  to.copy(from.view(), {9, 0, 1, 1}, 0, 0);      // nothing there
  unsigned set = 0;
  for (u32 y = 0; y < 3; ++y)
    for (u32 x = 0; x < 3; ++x) set += to.at(x, y) == 7;
  EXPECT_EQ(set, 1u);
  EXPECT_EQ(to.at(2, 2), 7u);
}

TEST(Picture, RectanglesNearTheEndOfNumbersAreClipped) {
  const Rect r = Rect{0xffff'fff0, 1, 0xffff'ffff, 0xffff'ffff}.clipped({10, 10});
  EXPECT_TRUE(r.empty());
  EXPECT_EQ((Rect{1, 1, 0xffff'ffff, 0xffff'ffff}.clipped({10, 10})), (Rect{1, 1, 9, 9}));
}

TEST(Picture, BlendingUsesAlphaAndMayReachOver) {
  Picture p({2, 2});
  p.fill(Rect::all({2, 2}), 0xff'ffff);
  const std::vector<u32> argb = {0xff00'0000, 0, 0x8000'0000, 0xff00'ff00};
  p.blend(argb, {2, 2}, 0, 0);
  EXPECT_EQ(p.at(0, 0) & 0xff'ffff, 0u);
  EXPECT_EQ(p.at(1, 0) & 0xff'ffff, 0xff'ffffu);
  EXPECT_NEAR(p.at(0, 1) & 0xff, 0x7f, 1);
  EXPECT_EQ(p.at(1, 1) & 0xff'ffff, 0x00'ff00u);
  p.blend(argb, {2, 2}, -1, -1);
  EXPECT_EQ(p.at(0, 0) & 0xff'ffff, 0x00'ff00u);
  p.blend(argb, {2, 2}, 2, 0);
  p.blend(argb, {2, 2}, -2000000, 2000000000);
}

TEST(PixelView, FitsRefusesWhatPixmanOrMemoryCannotTake) {
  PixelView v{nullptr, 40, {10, 10}, kXrgb8888};
  EXPECT_TRUE(v.fits(400));
  EXPECT_FALSE(v.fits(399));
  v.stride = 39;
  EXPECT_FALSE(v.fits(1000));
  v.stride = 36;
  EXPECT_FALSE(v.fits(1000));
  v.stride = 0xffff'fffc;
  EXPECT_FALSE(v.fits(u64{0xffff'fffc} * 9));
  EXPECT_TRUE(v.fits(u64{0xffff'fffc} * 9 + 40));
  v = {nullptr, 4 * (kMaxSide + 1), {kMaxSide + 1, 1}, kXrgb8888};
  EXPECT_FALSE(v.fits(~u64{0}));
  v.size = {};
  EXPECT_FALSE(v.fits(~u64{0}));
}

TEST(Damage, RectanglesAreUnitedAndTheirNumberHasABound) {
  Damage d;
  EXPECT_TRUE(d.empty());
  d.add({0, 0, 4, 4});
  d.add({2, 0, 4, 4});
  d.add({});
  EXPECT_EQ(d.rects(), (std::vector<Rect>{{0, 0, 6, 4}}));
  d.clear();
  EXPECT_TRUE(d.empty());
  for (u32 n = 0; n < 200; ++n) d.add({n * 2, n * 2, 1, 1});
  EXPECT_LE(d.rects().size(), static_cast<std::size_t>(Damage::kMaxRects));
  u64 last = 0;
  for (const Rect& r : d.rects()) last = std::max<u64>(last, r.x + r.width);
  EXPECT_EQ(last, 399u);
}

}  // namespace
}  // namespace quince::ui
