#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/unit/firmware/rom/ui/rom_ui.h"

extern "C" {
#include "firmware/rom/menu/menu.h"
}

namespace {

using quince::test::TestGrid;

int nothing(void*) { return kMenuAgain; }
const char* keep(void*, u32) { return nullptr; }

class MenuTest : public testing::Test {
 protected:
  void items(u32 count) {
    labels_.clear();
    for (u32 i = 0; i < count; ++i) labels_.push_back("item " + std::to_string(i + 1));
    items_.clear();
    for (const std::string& label : labels_)
      items_.push_back({label.c_str(), nullptr, nothing, nullptr});
    m_.items = items_.data();
    m_.count = count;
  }
  std::string line(u32 columns, u32 rows, u32 row) {
    TestGrid g(columns, rows);
    menu_draw(&m_, &g.grid);
    return g.line(row);
  }
  MenuDone key(u32 k) { return menu_key(&m_, k, &figures_); }

  std::vector<std::string> labels_;
  std::vector<MenuItem> items_;
  Menu m_{.title = "Quince boot ROM",
          .facts = "a machine",
          .items = nullptr,
          .count = 0,
          .usual = -1,
          .seconds = 0,
          .keep = nullptr,
          .keep_of = nullptr,
          .chosen = 0,
          .status = nullptr,
          .trouble = nullptr};
  u32 figures_ = 0;
};

TEST_F(MenuTest, LooksLikeThis) {
  items(2);
  items_[1].note = "a note";
  m_.usual = 1;
  m_.chosen = 1;
  m_.status = "in 5 seconds";
  m_.trouble = "no USB";
  TestGrid g(40, 12);
  menu_draw(&m_, &g.grid);
  const char* const lines[] = {
      "  Quince boot ROM",
      "  a machine",
      "",
      "  ┌─ What to do ─────────────────────┐",
      "  │   1  item 1                      │",
      "  │>  2* item 2               a note │",
      "  └──────────────────────────────────┘",
      "",
      "",
      "  no USB",
      "  in 5 seconds",
      "  Up, Down or a number: choose   Ente…",
  };
  for (u32 row = 0; row < 12; ++row) EXPECT_EQ(g.line(row), lines[row]) << row;
  EXPECT_EQ(g.at(5, 4).style, kStyleChosen);
  EXPECT_EQ(g.at(4, 10).style, kStyleText);
  EXPECT_EQ(g.at(9, 2).style, kStyleBad);
}

TEST_F(MenuTest, LongLabelsAreCutAndNotesBeforeThem) {
  items(2);
  items_[0].label = "a label that is far too long for its line";
  items_[0].note = "a note";
  items_[1].label = "a label of some size";
  items_[1].note = "a long note";
  EXPECT_EQ(line(40, 12, 4), "  │>  1  a label that is far too lo… │");
  EXPECT_EQ(line(40, 12, 5), "  │   2  a label of some size  a lo… │");
}

TEST_F(MenuTest, ALongListFollowsWhatIsChosen) {
  items(40);
  const u32 rows = 14;  // six items have room
  EXPECT_EQ(line(40, rows, 4), "  │>  1  item 1                      │");
  EXPECT_NE(line(40, rows, 10).find(" more "), std::string::npos);
  EXPECT_EQ(line(40, rows, 3).find(" more "), std::string::npos);
  m_.chosen = 39;
  EXPECT_EQ(line(40, rows, 9), "  │> 40  item 40                     │");
  EXPECT_NE(line(40, rows, 3).find(" more "), std::string::npos);
  EXPECT_EQ(line(40, rows, 10).find(" more "), std::string::npos);
  for (m_.chosen = 0; m_.chosen < m_.count; ++m_.chosen) {
    TestGrid g(40, rows);
    menu_draw(&m_, &g.grid);
    u32 marks = 0;
    for (u32 row = 4; row < 10; ++row) marks += g.at(row, 3).code == '>';
    EXPECT_EQ(marks, 1u) << m_.chosen;
  }
}

TEST_F(MenuTest, FitsIntoEverySize) {
  items(40);
  items_[3].label =
      "a label that is far too long for its line and for every other line of a terminal, too";
  items_[4].note =
      "a note that is far too long for its line and for every other line of a terminal, too";
  m_.status = m_.trouble = "some text that is longer than a small screen is wide";
  for (u32 columns = 1; columns < 130; ++columns)
    for (u32 rows = 1; rows < 60; rows += 3) {
      TestGrid g(columns, rows);
      menu_draw(&m_, &g.grid);  // the sanitizers are the judge
    }
}

TEST_F(MenuTest, CursorKeysMove) {
  items(20);
  EXPECT_EQ(key(kKeyDown), kMenuMoved);
  EXPECT_EQ(m_.chosen, 1u);
  key(kKeyUp);
  key(kKeyUp);
  EXPECT_EQ(m_.chosen, 19u);
  key(kKeyDown);
  EXPECT_EQ(m_.chosen, 0u);
  key(kKeyEnd);
  EXPECT_EQ(m_.chosen, 19u);
  key(kKeyPageUp);
  EXPECT_EQ(m_.chosen, 11u);
  key(kKeyPageDown);
  key(kKeyPageDown);
  EXPECT_EQ(m_.chosen, 19u);
  key(kKeyHome);
  EXPECT_EQ(m_.chosen, 0u);
  key(kKeyPageUp);
  EXPECT_EQ(m_.chosen, 0u);
  EXPECT_EQ(key(kKeyEscape), kMenuNothing);
  EXPECT_EQ(key(kKeyEnter), kMenuAct);
}

TEST_F(MenuTest, FiguresChoose) {
  items(20);
  EXPECT_EQ(key('7'), kMenuMoved);
  EXPECT_EQ(m_.chosen, 6u);
  key('1');  // 71 is no item
  EXPECT_EQ(m_.chosen, 0u);
  key('2');
  EXPECT_EQ(m_.chosen, 11u);
  EXPECT_EQ(key('0'), kMenuNothing);  // 120 is none, and neither is 0
  EXPECT_EQ(m_.chosen, 11u);
  key('1');
  key(kKeyDown);
  key('2');
  EXPECT_EQ(m_.chosen, 1u);
}

TEST_F(MenuTest, TheDefaultCanBeChosenWhereItIsKept) {
  items(2);
  EXPECT_EQ(key('d'), kMenuNothing);
  EXPECT_EQ(line(120, 12, 11).find("default"), std::string::npos);
  m_.keep = keep;
  EXPECT_EQ(key('d'), kMenuKeep);
  EXPECT_NE(line(120, 12, 11).find("default"), std::string::npos);
}

TEST_F(MenuTest, AnEmptyMenuHasNothingToDo) {
  EXPECT_EQ(key(kKeyDown), kMenuNothing);
  EXPECT_EQ(key(kKeyEnter), kMenuNothing);
}

}  // namespace
