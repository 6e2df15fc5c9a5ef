#include "ui/layout.h"

#include <gtest/gtest.h>

namespace quince::ui {
namespace {

WindowOptions with(Scaling scaling, u32 scale = 0) {
  WindowOptions o;
  o.scaling = scaling;
  o.scale = scale;
  return o;
}

constexpr Size kPicture{640, 480};

TEST(Layout, SmoothFillsTheWindowInOneDirection) {
  const WindowOptions o = with(Scaling::Smooth);
  EXPECT_EQ(place(kPicture, {640, 480}, o), (Rect{0, 0, 640, 480}));
  EXPECT_EQ(place(kPicture, {1920, 1080}, o), (Rect{240, 0, 1440, 1080}));
  EXPECT_EQ(place(kPicture, {700, 900}, o), (Rect{0, 187, 700, 525}));
  EXPECT_EQ(place(kPicture, {320, 480}, o), (Rect{0, 120, 320, 240}));
}

TEST(Layout, IntegerTakesTheLargestWholeMultiple) {
  const WindowOptions o = with(Scaling::Integer);
  EXPECT_EQ(place(kPicture, {1920, 1080}, o), (Rect{320, 60, 1280, 960}));
  EXPECT_EQ(place(kPicture, {1279, 2000}, o), (Rect{319, 760, 640, 480}));
  // There is no multiple that fits: smaller, and not cut off.
  EXPECT_EQ(place(kPicture, {320, 480}, o), (Rect{0, 120, 320, 240}));
}

TEST(Layout, AFixedScaleIsKeptAsLongAsItFits) {
  const WindowOptions o = with(Scaling::Smooth, 2);
  EXPECT_EQ(place(kPicture, {1280, 960}, o), (Rect{0, 0, 1280, 960}));
  EXPECT_EQ(place(kPicture, {1920, 1440}, o), (Rect{320, 240, 1280, 960}));
  EXPECT_EQ(place(kPicture, {960, 960}, o), (Rect{0, 120, 960, 720}));
}

TEST(Layout, NothingIsShownOfNothingAndInNothing) {
  EXPECT_TRUE(place({}, {640, 480}, {}).empty());
  EXPECT_TRUE(place(kPicture, {}, {}).empty());
  EXPECT_FALSE(place({8192, 1}, {100, 100}, {}).empty());  // one pixel high at least
}

TEST(Layout, WholeMultiplesNeedNoSmoothing) {
  EXPECT_TRUE(is_whole_multiple(kPicture, kPicture));
  EXPECT_TRUE(is_whole_multiple(kPicture, {1920, 1440}));
  EXPECT_FALSE(is_whole_multiple(kPicture, {1920, 1439}));
  EXPECT_FALSE(is_whole_multiple(kPicture, {1280, 1440}));
  EXPECT_FALSE(is_whole_multiple(kPicture, {320, 240}));
}

TEST(Layout, EveryPointOfAWindowIsThePixelThatIsShownThere) {
  for (const Size window : {Size{3, 2}, Size{30, 20}, Size{100, 90}, Size{7, 11}}) {
    const Size picture{30, 20};
    const Rect shown = place(picture, window, {});
    for (u32 y = 0; y < window.height; ++y)
      for (u32 x = 0; x < window.width; ++x) {
        const PicturePoint p =
            picture_point(shown, picture, static_cast<s32>(x), static_cast<s32>(y));
        const bool inside =
            x >= shown.x && x < shown.x + shown.width && y >= shown.y && y < shown.y + shown.height;
        ASSERT_EQ(p.inside, inside);
        if (!inside) continue;
        // The point's middle, in halves, is within the pixel.
        const u32 middle_x = (2 * (x - shown.x) + 1) * picture.width;
        const u32 middle_y = (2 * (y - shown.y) + 1) * picture.height;
        ASSERT_EQ(p.x, middle_x / (2 * shown.width));
        ASSERT_EQ(p.y, middle_y / (2 * shown.height));
      }
  }
}

TEST(Layout, PointsBesideThePictureAreItsNearestPixels) {
  const Rect shown{100, 50, 640, 480};
  const auto at = [&](s32 x, s32 y) {
    const PicturePoint p = picture_point(shown, kPicture, x, y);
    EXPECT_FALSE(p.inside);
    return std::pair(p.x, p.y);
  };
  EXPECT_EQ(at(0, 0), std::pair(0u, 0u));
  EXPECT_EQ(at(-5, 60), std::pair(0u, 10u));
  EXPECT_EQ(at(740, 529), std::pair(639u, 479u));
  EXPECT_EQ(at(100'000, -100'000), std::pair(639u, 0u));
}

/// Guests scale a tablet's range in one of these ways.
TEST(Layout, GuestsFindThePixelHoweverTheyRound) {
  for (const u32 width : {1u, 2u, 640u, 1366u, 1920u, 3840u}) {
    for (u32 x = 0; x < width; ++x) {
      const u32 position = position_of({width, 1}, x, 0).x;
      ASSERT_LE(position, PositionInput::kMax);
      ASSERT_EQ(position * width / 0x8000, x);                    // a range of 0x8000 values
      ASSERT_EQ(u64{position} * width / PositionInput::kMax, x);  // of 0x7fff
    }
  }
  EXPECT_EQ(position_of({10, 10}, 99, 0), position_of({10, 10}, 9, 0));
}

}  // namespace
}  // namespace quince::ui
