#include "ui/cursor.h"

#include <gtest/gtest.h>

namespace quince::ui {
namespace {

CursorImage image() {
  return {.size = {2, 2},
          .hot_x = 1,
          .hot_y = 1,
          .argb = {0xff10'2030, 0x8040'2000, 0x0000'0000, 0x0100'0100}};
}

TEST(HostCursor, AlphaIsTakenOutOfTheColours) {
  const HostCursor c = host_cursor(image(), {640, 480}, {640, 480});
  EXPECT_EQ(c.size, (Size{2, 2}));
  EXPECT_EQ(c.hot_x, 1u);
  EXPECT_EQ(c.argb, (std::vector<u32>{0xff10'2030, 0x8080'4000, 0, 0x0100'ff00}));
}

TEST(HostCursor, ColoursOverTheirAlphaAreNoneOfTheNextChannel) {
  CursorImage wrong{.size = {1, 1}, .argb = {0x10ff'ffff}};
  EXPECT_EQ(host_cursor(wrong, {1, 1}, {1, 1}).argb, (std::vector<u32>{0x10ff'ffff}));
}

TEST(HostCursor, GrowsWithThePicture) {
  const HostCursor c = host_cursor(image(), {640, 480}, {1920, 1440});
  EXPECT_EQ(c.size, (Size{6, 6}));
  EXPECT_EQ(c.hot_x, 3u);
  EXPECT_EQ(c.argb[0], 0xff10'2030);
  EXPECT_EQ(c.argb[2], 0xff10'2030);
  EXPECT_EQ(c.argb[3], 0x8080'4000);
  EXPECT_EQ(c.argb[3 * 6], 0u);
}

TEST(HostCursor, HasABound) {
  EXPECT_EQ(host_cursor(image(), {1, 1}, {8192, 1}).size, (Size{CursorImage::kMaxSide, 2}));
  EXPECT_EQ(host_cursor(image(), {8192, 8192}, {1, 1}).size, (Size{1, 1}));
  EXPECT_TRUE(host_cursor({}, {1, 1}, {1, 1}).size.empty());
}

}  // namespace
}  // namespace quince::ui
