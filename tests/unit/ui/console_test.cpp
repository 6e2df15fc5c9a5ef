#include "ui/console.h"

#include <gtest/gtest.h>

#include "tests/support/ui_host.h"

namespace quince::ui {
namespace {

struct Bench {
  test::UiHost host;
  Console console{"head", host};
  Picture copy;
};

Picture filled(Size size, u32 colour) {
  Picture p(size);
  p.fill(Rect::all(size), colour);
  return p;
}

TEST(Console, ShowsNothingBeforeTheDeviceHasASize) {
  Bench b;
  EXPECT_FALSE(b.console.shown());
  Console::Viewer viewer(b.console);
  viewer.fetch(b.copy);
  EXPECT_TRUE(b.copy.size().empty());
  b.console.set_size({4, 0});
  EXPECT_FALSE(b.console.shown());
  b.console.set_size({4, 3});
  EXPECT_TRUE(b.console.shown());
}

TEST(Console, AViewerGetsTheWholePictureFirstAndThenWhatChanged) {
  Bench b;
  b.console.set_size({8, 8});
  const Picture red = filled({8, 8}, 0xff'0000);
  b.console.draw(red.view(), Rect::all({8, 8}));
  Console::Viewer viewer(b.console);
  const auto first = viewer.fetch(b.copy);
  EXPECT_TRUE(first.resized);
  EXPECT_EQ(b.copy, b.console.picture(false));
  EXPECT_FALSE(viewer.fetch(b.copy).any());
  const Picture blue = filled({8, 8}, 0x00'00ff);
  b.console.draw(blue.view(), {2, 3, 2, 1});
  const auto second = viewer.fetch(b.copy);
  EXPECT_FALSE(second.resized);
  EXPECT_EQ(second.changed, (std::vector<Rect>{{2, 3, 2, 1}}));
  EXPECT_EQ(b.copy.at(2, 3) & 0xff'ffff, 0x00'00ffu);
  EXPECT_EQ(b.copy.at(1, 3) & 0xff'ffff, 0xff'0000u);
}

TEST(Console, EachViewerHasAMemoryOfItsOwn) {
  Bench b;
  b.console.set_size({4, 4});
  Picture other;
  Console::Viewer one(b.console), two(b.console);
  one.fetch(b.copy);
  b.console.draw(filled({4, 4}, 5).view(), {0, 0, 1, 1});
  EXPECT_TRUE(one.fetch(b.copy).any());
  EXPECT_TRUE(two.fetch(other).resized);
  EXPECT_EQ(b.copy, other);
}

TEST(Console, AScannedPictureIsComparedWhenSomebodyLooks) {
  Bench b;
  Picture memory({4, 6});
  b.console.scan(memory.view());
  EXPECT_EQ(b.console.size(), (Size{4, 6}));
  Console::Viewer viewer(b.console);
  viewer.fetch(b.copy);
  EXPECT_FALSE(viewer.fetch(b.copy).any());
  memory.row(1)[2] = 9;
  memory.row(2)[0] = 9;
  memory.row(5)[3] = 9;
  EXPECT_EQ(viewer.fetch(b.copy).changed, (std::vector<Rect>{{0, 1, 4, 2}, {0, 5, 4, 1}}));
  EXPECT_EQ(b.copy, memory);
  EXPECT_EQ(b.console.picture(false), memory);
  // Another place of the same size is no new size.
  Picture page({4, 6});
  b.console.scan(page.view());
  const auto update = viewer.fetch(b.copy);
  EXPECT_FALSE(update.resized);
  EXPECT_EQ(b.copy, page);
  b.console.set_size({});
  EXPECT_TRUE(viewer.fetch(b.copy).resized);
}

TEST(Console, AScannedPictureInAnotherFormatIsConverted) {
  Bench b;
  const u16 pixels[] = {0xf800, 0x07e0, 0x001f, 0xffff};  // RGB565
  b.console.scan({reinterpret_cast<const u8*>(pixels), 4, {2, 2}, PIXMAN_r5g6b5});
  const Picture p = b.console.picture(false);
  EXPECT_EQ(p.at(0, 0) & 0xff'ffff, 0xff'0000u);
  EXPECT_EQ(p.at(1, 0) & 0xff'ffff, 0x00'ff00u);
  EXPECT_EQ(p.at(0, 1) & 0xff'ffff, 0x00'00ffu);
  EXPECT_EQ(p.at(1, 1) & 0xff'ffff, 0xff'ffffu);
}

TEST(Console, TheCursorIsInAPictureOnlyWhenAskedFor) {
  Bench b;
  b.console.set_size({8, 8});
  const auto image = std::make_shared<CursorImage>(CursorImage{
      .size = {2, 2}, .hot_x = 1, .hot_y = 1, .argb = std::vector<u32>(4, 0xffff'ffff)});
  b.console.set_cursor({image, 1, 1});
  b.console.move_cursor(5, 4);
  EXPECT_EQ(b.console.cursor().x, 5);
  EXPECT_EQ(b.console.picture(false), Picture({8, 8}));
  const Picture p = b.console.picture(true);
  EXPECT_EQ(p.at(4, 3) & 0xff'ffff, 0xff'ffffu);
  EXPECT_EQ(p.at(5, 4) & 0xff'ffff, 0xff'ffffu);
  EXPECT_EQ(p.at(6, 5) & 0xff'ffff, 0u);
}

struct Client final : ConsoleClient {
  void size_wished(Size s) override { wished.push_back(s); }
  std::vector<Size> wished;
};

TEST(Console, WishesReachTheDeviceThatIsThereThen) {
  Bench b;
  b.console.wish_size({1, 1});
  b.host.run();
  Client client;
  b.console.attach(&client);
  b.console.wish_size({640, 480});
  EXPECT_TRUE(client.wished.empty());
  b.host.run();
  EXPECT_EQ(client.wished, (std::vector<Size>{{640, 480}}));
  b.console.wish_size({2, 2});
  b.console.attach(nullptr);
  b.host.run();
  EXPECT_EQ(client.wished.size(), 1u);
}

TEST(Console, AWishThatComesAfterTheConsoleIsGoneDoesNothing) {
  test::UiHost host;
  Client client;
  {
    Console console("head", host);
    console.attach(&client);
    console.wish_size({2, 2});
  }
  EXPECT_EQ(host.run(), 1u);
  EXPECT_TRUE(client.wished.empty());
}

}  // namespace
}  // namespace quince::ui
