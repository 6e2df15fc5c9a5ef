#include <gtest/gtest.h>

#include "rom_ui.h"

namespace {

using quince::test::TestGrid;

TEST(Grid, LongTextEndsWithAnEllipsis) {
  TestGrid g(12, 3);
  EXPECT_EQ(grid_text(&g.grid, 0, 1, 6, kStyleText, "abcdef"), 6u);
  EXPECT_EQ(grid_text(&g.grid, 1, 1, 6, kStyleBad, "abcdefg"), 6u);
  EXPECT_EQ(grid_text(&g.grid, 2, 0, 4, kStyleText, "\xc3\xa4\xc3\xb6\xc3\xbc\xc3\x9f\xc3\xa4"),
            4u);
  EXPECT_EQ(g.line(0), " abcdef");
  EXPECT_EQ(g.line(1), " abcde…");
  EXPECT_EQ(g.line(2), "äöü…");
  EXPECT_EQ(g.at(1, 6).style, kStyleBad);
  EXPECT_EQ(g.at(1, 7).style, kStyleText);
}

TEST(Grid, ControlCharactersDoNotGetThrough) {
  TestGrid g(12, 1);
  grid_text(&g.grid, 0, 0, 12, kStyleText,
            "a\x1b[2J\nb\x7f\xc2\x9b"
            "c");
  EXPECT_EQ(g.line(0), "a\ufffd[2J\ufffdb\ufffd\ufffdc");
}

TEST(Grid, NothingIsWrittenOverTheEdges) {
  TestGrid g(8, 2);
  grid_text(&g.grid, 1, 5, 100, kStyleText, "abcdef");
  grid_blank(&g.grid, 0, 6, ~0u, kStyleBar);
  grid_put(&g.grid, 2, 0, 'x', kStyleText);
  grid_put(&g.grid, 0, 8, 'x', kStyleText);
  grid_box(&g.grid, 1, 4, 10, 40, "a title");
  EXPECT_EQ(g.line(0), "");
  EXPECT_EQ(g.at(0, 7).style, kStyleBar);
  EXPECT_EQ(g.line(1).substr(0, 4), "    ");
}

TEST(Grid, ABoxHasItsTitleInTheUpperLine) {
  TestGrid g(14, 3);
  grid_box(&g.grid, 0, 0, 3, 14, "a long title");
  EXPECT_EQ(g.line(0), "┌─ a long … ─┐");
  EXPECT_EQ(g.line(1), "│            │");
  EXPECT_EQ(g.line(2), "└────────────┘");
}

}  // namespace
