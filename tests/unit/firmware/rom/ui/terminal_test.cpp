#include <gtest/gtest.h>

#include <regex>
#include <string>

#include "rom_ui.h"

namespace {

using quince::test::TestGrid;
using quince::test::TestMemory;

std::string written;
void put(char c) { written += c; }

/// A terminal that understands what terminal.c uses of ECMA-48, and nothing else.
class Reader {
 public:
  void take(const std::string& bytes) {
    for (std::size_t at = 0; at < bytes.size();) {
      if (bytes[at] == '\x1b') {
        static const std::regex sequence("\x1b\\[([?]?)([0-9;]*)([A-Za-z])");
        std::smatch m;
        ASSERT_TRUE(std::regex_search(bytes.begin() + static_cast<long>(at), bytes.end(), m,
                                      sequence, std::regex_constants::match_continuous));
        control(m[2], m[3]);
        at += static_cast<std::size_t>(m.length());
      } else if (bytes[at] == '\r') {
        column_ = 0;
        ++at;
      } else if (bytes[at] == '\n') {
        ASSERT_LT(row_ + 1, kTerminalRows) << "the terminal would scroll";
        ++row_;
        ++at;
      } else {
        const char* from = bytes.c_str() + at;
        const char* to = from;
        const u32 code = utf8_next(&to);
        at += static_cast<std::size_t>(to - from);
        ASSERT_LT(column_, kTerminalColumns);
        grid_put(&screen.grid, row_, column_++, code, inverse_ ? kStyleBar : kStyleText);
      }
    }
  }
  TestGrid screen{kTerminalColumns, kTerminalRows};

 private:
  void control(const std::string& parameters, const std::string& final) {
    if (final == "H") {
      row_ = column_ = 0;
      if (!parameters.empty()) {
        row_ = static_cast<u32>(std::stoul(parameters)) - 1;
        column_ = static_cast<u32>(std::stoul(parameters.substr(parameters.find(';') + 1))) - 1;
      }
    } else if (final == "J") {
      grid_clear(&screen.grid);
    } else if (final == "m") {
      inverse_ = (";" + parameters + ";").find(";7;") != std::string::npos;
    } else {
      ASSERT_TRUE(final == "h" || final == "l") << final;
    }
  }
  u32 row_ = 0, column_ = 0;
  bool inverse_ = false;
};

class TerminalTest : public testing::Test {
 protected:
  void SetUp() override {
    written.clear();
    ASSERT_TRUE(terminal_open(&t_, put, &memory_.arena));
    EXPECT_EQ(written, "");
  }
  /// Shows the grid and has the reader look.
  void show() {
    const std::size_t before = written.size();
    terminal_show(&t_, &g_.grid);
    last_ = written.substr(before);
    reader_.take(last_);
  }
  void expect_same() {
    for (u32 row = 0; row < kTerminalRows; ++row)
      ASSERT_EQ(reader_.screen.line(row), g_.line(row)) << row;
  }

  Terminal t_{};
  TestMemory memory_{65536};
  TestGrid g_{kTerminalColumns, kTerminalRows};
  Reader reader_;
  std::string last_;
};

TEST_F(TerminalTest, WhatIsShownIsTheGrid) {
  grid_text(&g_.grid, 0, 0, 80, kStyleBar, "A title");
  grid_box(&g_.grid, 2, 4, 5, 60, "A box");
  grid_text(&g_.grid, 23, 0, 80, kStyleBarDim, "The last line");
  show();
  expect_same();
  EXPECT_EQ(reader_.screen.at(0, 0).style, kStyleBar);
  grid_text(&g_.grid, 3, 10, 20, kStyleChosen, "changed");
  grid_text(&g_.grid, 23, 70, 10, kStyleText, "0123456789");
  show();
  expect_same();
}

TEST_F(TerminalTest, ALogReadsWell) {
  grid_text(&g_.grid, 0, 0, 80, kStyleText, "first");
  grid_text(&g_.grid, 1, 2, 80, kStyleText, "second");
  grid_text(&g_.grid, 23, 0, 80, kStyleText, "last");
  show();
  // Lines, and no run of empty ones.
  const std::string text = std::regex_replace(last_, std::regex("\x1b\\[[?0-9;]*[A-Za-z]"), "");
  EXPECT_EQ(text, "first\r\n  second\r\nlast");
}

TEST_F(TerminalTest, OnlyWhatDiffersIsWritten) {
  grid_text(&g_.grid, 5, 5, 20, kStyleText, "countdown 9");
  show();
  show();
  EXPECT_EQ(last_, "");
  grid_text(&g_.grid, 5, 5, 20, kStyleText, "countdown 8");
  show();
  EXPECT_EQ(last_, "\x1b[6;16H8");
}

TEST_F(TerminalTest, TextIsLinesWithoutControlCharacters) {
  for (const u32 code : {0x61u, 0x1bu, 0x9bu, 0xe4u, 0x0au}) terminal_put(&t_, code, kStyleText);
  EXPECT_EQ(written, "a\xef\xbf\xbd\xef\xbf\xbd\xc3\xa4\r\n");
}

TEST_F(TerminalTest, AttributesEndWithTheLine) {
  terminal_put(&t_, 'x', kStyleGood);
  terminal_put(&t_, '\n', kStyleGood);
  EXPECT_EQ(written, "\x1b[0;32mx\x1b[0m\r\n");
}

TEST_F(TerminalTest, RestIsBelowWhatWasDrawn) {
  show();
  written.clear();
  terminal_rest(&t_);
  EXPECT_EQ(written, "\x1b[24;1H\x1b[?25h\r\n");
  written.clear();
  terminal_rest(&t_);
  EXPECT_EQ(written, "");
}

}  // namespace
