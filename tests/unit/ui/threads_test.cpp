// A device that draws and front ends that look, each on a thread of its own.  001o
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "tests/support/ui_host.h"
#include "ui/display.h"

namespace quince::ui {
namespace {

constexpr unsigned kRounds = 100;

/// Every row is one colour: a torn row would show that a copy was made while it was drawn.
bool rows_are_whole(const Picture& p) {
  for (u32 y = 0; y < p.size().height; ++y)
    for (u32 x = 1; x < p.size().width; ++x)
      if (p.at(x, y) != p.at(0, y)) return false;
  return true;
}

TEST(ConsoleThreads, ADeviceDrawsAndResizesWhileViewersFetch) {
  test::UiHost host;
  Display display(host);
  Console& console = display.add_console("head");
  std::atomic<bool> done{false};
  std::atomic<u64> fetched{0};
  const auto look = [&] {
    Console::Viewer viewer(console);
    Picture copy;
    while (!done) {
      if (viewer.fetch(copy).any()) ++fetched;
      ASSERT_TRUE(rows_are_whole(copy));
      console.wish_size({640, 480});
      console.picture(true);
      display.input().send({KeyInput{key::kA, true}});
    }
    viewer.fetch(copy);
    EXPECT_EQ(copy, console.picture(false));
  };
  std::jthread first(look), second(look);
  auto image = std::make_shared<CursorImage>();
  *image = {.size = {2, 2}, .argb = std::vector<u32>(4, 0xffff'ffff)};
  Size size;
  for (unsigned n = 0; n < kRounds; ++n) {
    if (n % 3 == 0) {
      size = {16 + n % 7, 8 + n % 5};
      console.set_size(size);
    }
    Picture p(size);
    p.fill(Rect::all(size), n);
    console.draw(p.view(), {0, 0, size.width, size.height});
    if (n % 11 == 0) console.set_size({});
    console.set_cursor({.image = n % 2 == 0 ? image : nullptr, .x = 100});  // not over the picture
    host.run();
    std::this_thread::yield();
  }
  while (fetched == 0) std::this_thread::yield();
  done = true;
}

}  // namespace
}  // namespace quince::ui
