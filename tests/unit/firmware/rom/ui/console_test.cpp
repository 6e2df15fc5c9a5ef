#include <gtest/gtest.h>

#include <string>

#include "rom_ui.h"

namespace {

using quince::test::TestMemory;

std::string written;
void put(char c) { written += c; }

class ConsoleTest : public testing::Test {
 protected:
  void SetUp() override { written.clear(); }
  std::string row(u32 n) const {
    std::string text;
    for (u32 i = 0; i < c_.screen.columns; ++i)
      text += static_cast<char>(c_.screen.shown[n * c_.screen.columns + i].code);
    return text.substr(0, text.find_last_not_of(' ') + 1);
  }
  std::vector<u64> pixels_ = std::vector<u64>(640 * 400 / 2);
  Framebuffer fb_{reinterpret_cast<u64>(pixels_.data()), 640, 400, 2560, 640 * 400 * 4};
  TestMemory memory_{u64{1} << 20};
  Console c_{};
};

TEST_F(ConsoleTest, TextIsOnBothOrWhereItIsWanted) {
  console_open(&c_, put, &fb_, &memory_.arena);
  console_print(&c_, "both %u\n", 1u);
  console_write(&c_, kOnTerminal, kStyleText, "port\n");
  console_write(&c_, kOnScreen, kStyleText, "screen\n");
  EXPECT_EQ(written, "both 1\r\nport\r\n");
  EXPECT_EQ(row(0), "both 1");
  EXPECT_EQ(row(1), "screen");
}

TEST_F(ConsoleTest, WithoutADisplayThereIsThePort) {
  console_open(&c_, put, nullptr, &memory_.arena);
  console_page(&c_, "A page");
  console_print(&c_, "text\n");
  console_rest(&c_);
  EXPECT_NE(written.find("A page"), std::string::npos);
  EXPECT_NE(written.find("text\r\n"), std::string::npos);
}

TEST_F(ConsoleTest, APageHasATitleAndRoomForText) {
  console_open(&c_, put, &fb_, &memory_.arena);
  for (int i = 0; i < 40; ++i) console_print(&c_, "old\n");
  console_page(&c_, "A page");
  for (int i = 0; i < 40; ++i) console_print(&c_, "line %d\n", i);
  EXPECT_EQ(row(0), "  A page");
  EXPECT_EQ(row(1), "");
  EXPECT_EQ(row(23), "  line 39");
}

TEST_F(ConsoleTest, WithoutMemoryNothingIsWrittenAnywhere) {
  Arena none{8, 8};
  console_open(&c_, put, &fb_, &none);
  console_page(&c_, "A page");
  console_print(&c_, "text\n");
  console_rest(&c_);
  EXPECT_EQ(written, "");
}

}  // namespace
