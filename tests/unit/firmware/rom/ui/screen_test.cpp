// The picture, against the window's own text (ui/text.h), which is another implementation with the same font.
#include <gtest/gtest.h>

#include "rom_ui.h"
#include "ui/text.h"

namespace {

using quince::test::TestGrid;
using quince::test::TestMemory;

/// A framebuffer in host memory, with a margin that nobody may write to.
class ScreenTest : public testing::Test {
 protected:
  static constexpr u64 kGuard = 0x5a5a5a5a5a5a5a5a;

  void open(u32 width, u32 height, u32 stride) {
    pixels_.assign(stride / 8 * height + 16, kGuard);
    fb_ = {reinterpret_cast<u64>(pixels_.data() + 8), width, height, stride, u64{stride} * height};
    ASSERT_TRUE(screen_open(&s_, &fb_, &memory_.arena));
  }
  void TearDown() override {
    for (u32 i = 0; i < 8; ++i) {
      EXPECT_EQ(pixels_[i], kGuard);
      EXPECT_EQ(pixels_[pixels_.size() - 1 - i], kGuard);
    }
  }
  u32 pixel(u32 x, u32 y) const {
    return reinterpret_cast<const u32*>(fb_.start + u64{y} * fb_.stride)[x];
  }
  /// Whether a character's place shows its glyph in two colours.
  void expect_glyph(u32 row, u32 column, char32_t code) const {
    const quince::ui::Glyph& glyph = quince::ui::glyph_of(code);
    const u32 width = 8 * s_.scale, height = 16 * s_.scale;
    const u32 left = s_.left + column * width, top = s_.top + row * height;
    u32 front = 0, back = 0;
    for (u32 y = 0; y < height; ++y)
      for (u32 x = 0; x < width; ++x) {
        const bool set = glyph[y / s_.scale] >> (7 - x / s_.scale) & 1;
        u32& colour = set ? front : back;
        if (colour == 0) colour = pixel(left + x, top + y);
        ASSERT_EQ(pixel(left + x, top + y), colour) << x << ' ' << y << " of " << u32{code};
      }
    EXPECT_NE(front, back);
  }
  void write(const char* text) {
    while (const u32 code = utf8_next(&text)) screen_put(&s_, code, kStyleText);
  }

  std::vector<u64> pixels_;
  Framebuffer fb_{};
  Screen s_{};
  TestMemory memory_{u64{1} << 20};
};

TEST_F(ScreenTest, LargeModesHaveLargeCharacters) {
  struct {
    u32 width, height, scale, columns, rows;
  } const cases[] = {{640, 400, 1, 80, 25},    {1024, 768, 1, 128, 48},  {1280, 800, 1, 160, 50},
                     {1920, 1080, 2, 120, 33}, {2560, 1440, 2, 160, 45}, {3840, 2160, 4, 120, 33},
                     {64, 64, 1, 8, 4},        {8192, 64, 1, 240, 4}};
  for (const auto& c : cases) {
    memory_ = TestMemory(u64{1} << 20);
    open(c.width, c.height, (c.width * 4 + 63) / 64 * 64);
    EXPECT_EQ(s_.scale, c.scale) << c.width;
    EXPECT_EQ(s_.columns, c.columns) << c.width;
    EXPECT_EQ(s_.rows, c.rows) << c.width;
  }
}

TEST_F(ScreenTest, EveryGlyphIsTheFontsAtEveryScale) {
  struct {
    u32 width, height;
  } const modes[] = {{1024, 768}, {1920, 1080}, {2880, 1600}, {3841, 2161}};
  for (const auto& m : modes) {
    memory_ = TestMemory(u64{1} << 20);
    open(m.width, m.height, (m.width * 4 + 63) / 64 * 64);
    TestGrid g(s_.columns, s_.rows);
    const u32 codes[] = {'A', 'g', '~', '@', 0xe4, 0x2500, 0x250c, 0x2026, 0xfffd};
    u32 column = 0;
    for (const u32 code : codes) grid_put(&g.grid, 2, column++, code, kStyleText);
    grid_put(&g.grid, s_.rows - 1, s_.columns - 1, 'Z', kStyleText);
    screen_show(&s_, &g.grid);
    column = 0;
    for (const u32 code : codes) expect_glyph(2, column++, code);
    expect_glyph(s_.rows - 1, s_.columns - 1, 'Z');
  }
}

TEST_F(ScreenTest, StylesHaveColours) {
  open(640, 400, 2560);
  TestGrid g(s_.columns, s_.rows);
  for (u32 style = 0; style < kStyles; ++style)
    grid_put(&g.grid, 1, style, 'M', static_cast<Style>(style));
  screen_show(&s_, &g.grid);
  for (u32 style = 0; style < kStyles; ++style) expect_glyph(1, style, 'M');
  EXPECT_NE(pixel(8 * kStyleText, 16), pixel(8 * kStyleChosen, 16));  // the backgrounds
}

TEST_F(ScreenTest, OnlyWhatDiffersIsDrawn) {
  open(640, 400, 2560);
  TestGrid g(s_.columns, s_.rows);
  grid_text(&g.grid, 3, 5, 10, kStyleText, "abc");
  screen_show(&s_, &g.grid);
  // Somebody else's pixel stays until its character changes.
  u32* const there = reinterpret_cast<u32*>(fb_.start + 48 * fb_.stride) + 40;
  *there = 0x123456;
  screen_show(&s_, &g.grid);
  EXPECT_EQ(*there, 0x123456u);
  grid_put(&g.grid, 3, 5, 'x', kStyleText);
  screen_show(&s_, &g.grid);
  EXPECT_NE(*there, 0x123456u);
  expect_glyph(3, 5, 'x');
  expect_glyph(3, 6, 'b');
}

TEST_F(ScreenTest, TextMovesUpBelowThePagesTitle) {
  open(640, 410, 2560);
  ASSERT_EQ(s_.rows, 25u);
  TestGrid g(s_.columns, s_.rows);
  grid_text(&g.grid, 0, 0, 10, kStyleBar, "Title");
  screen_show(&s_, &g.grid);
  screen_page(&s_, 2, 2);
  for (char c = 'a'; c <= 'z'; ++c) {
    write(std::string(1, c).c_str());
    write("\n");
  }
  expect_glyph(0, 0, 'T');
  // 26 lines and the empty one at the end: 23 have room.
  expect_glyph(2, 2, 'e');
  expect_glyph(23, 2, 'z');
  EXPECT_EQ(s_.row, 24u);
  EXPECT_EQ(s_.shown[2 * s_.columns + 2].code, 'e');
  EXPECT_EQ(s_.shown[24 * s_.columns + 2].code, ' ');
  const u32 back = pixel(639, 200);
  for (u32 x = 0; x < 640; ++x) ASSERT_EQ(pixel(x, s_.top + 24 * 16 + 8), back);
}

TEST_F(ScreenTest, LongLinesGoOnInTheNextWithinTheMargin) {
  open(640, 400, 2560);
  screen_page(&s_, 2, 2);
  write((std::string(76, 'm') + "w").c_str());
  expect_glyph(2, 77, 'm');
  EXPECT_EQ(s_.shown[2 * s_.columns + 78].code, ' ');
  expect_glyph(3, 2, 'w');
  write("\x1b");
  expect_glyph(3, 3, 0xfffd);
}

TEST_F(ScreenTest, WithoutMemoryThereIsNone) {
  open(640, 400, 2560);
  Arena none{0, 0};
  Screen other;
  EXPECT_FALSE(screen_open(&other, &fb_, &none));
}

}  // namespace
