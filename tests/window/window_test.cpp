// What a person sees in the window and does to it: pictures by the pixel, keys, clicks, hot keys.
#include <gtest/gtest.h>
#include <png.h>

#include <algorithm>
#include <filesystem>
#include <optional>

#include "tests/window/desktop.h"
#include "tests/window/pattern.h"
#include "ui/layout.h"

namespace quince::test {
namespace {

namespace fs = std::filesystem;
using ui::Size;

struct WindowTest : ::testing::Test {
  void SetUp() override {
    if (const std::string name = Desktop::missing(); !name.empty())
      GTEST_SKIP() << name << " is missing (scripts/install-deps.sh check)";
  }
  void start(const Args& args = {}) {
    Args program{WINDOW_PROBE};
    program.insert(program.end(), args.begin(), args.end());
    desktop_.emplace("probe");
    desktop_->run(program);
  }
  Desktop& desktop() { return *desktop_; }
  Process& probe() { return desktop_->program(); }
  std::string line() { return probe().read_line(); }
  /// The next line that is not about Ctrl or Alt, nor about where the mouse is.
  std::string next_but_modifiers() {
    std::string s = line();
    while (s.starts_with("key 224") || s.starts_with("key 226") || s.starts_with("position "))
      s = line();
    return s;
  }
  void key(const std::string& name) { desktop().xdotool({"key", name}); }
  std::string title() {
    const std::string t = desktop().xdotool({"getwindowname", desktop().window_id()});
    return t.substr(0, t.find('\n'));
  }

  /// Waits until the screen shows the pattern with each pixel as a square of `scale`, and its
  /// corner at `x`, `y`.
  ::testing::AssertionResult shows_pattern(Size size, u32 x, u32 y, u32 scale) {
    u32 bad_x = 0, bad_y = 0;
    const bool shown = desktop().wait_until([&] {
      for (bad_y = 0; bad_y < size.height * scale; ++bad_y)
        for (bad_x = 0; bad_x < size.width * scale; ++bad_x)
          if (desktop().pixel(x + bad_x, y + bad_y) != colour_at(bad_x / scale, bad_y / scale))
            return false;
      return true;
    });
    if (shown) return ::testing::AssertionSuccess();
    return ::testing::AssertionFailure()
           << "pixel " << bad_x << ' ' << bad_y << " is " << desktop().pixel(x + bad_x, y + bad_y);
  }
  ::testing::AssertionResult window_shows(Size size, u32 scale) {
    Desktop::Window w;
    const bool fits = desktop().wait_until([&] {
      w = desktop().window();
      return w.width == size.width * scale && w.height == size.height * scale;
    });
    if (!fits) return ::testing::AssertionFailure() << "the window is " << w.width << " wide";
    return shows_pattern(size, static_cast<u32>(w.x), static_cast<u32>(w.y), scale);
  }
  /// Clicks a point of the screen; the guest's pointer must be at this pixel then.
  void click_lands(Size picture, u32 screen_x, u32 screen_y, u32 x, u32 y) {
    desktop().xdotool(
        {"mousemove", std::to_string(screen_x), std::to_string(screen_y), "click", "1"});
    const ui::PositionInput p = ui::position_of(picture, x, y);
    const std::string place = "position " + std::to_string(p.x) + " " + std::to_string(p.y);
    std::string last, now = line();
    while (now.starts_with("position ")) {
      last = now;
      now = line();
    }
    EXPECT_EQ(last, place);
    EXPECT_EQ(now, "button 0 down");
    do now = line();
    while (now == place);
    EXPECT_EQ(now, "button 0 up");
  }

  std::optional<Desktop> desktop_;
};

constexpr Size kPicture{640, 400};

TEST_F(WindowTest, PixelsAreThoseOfTheGuest) {
  start();
  probe().write_line("show 640 400");
  EXPECT_TRUE(window_shows(kPicture, 1));
  const Desktop::Window w = desktop().window();
  const auto at = [&](u32 x, u32 y) {
    return desktop().pixel(static_cast<u32>(w.x) + x, static_cast<u32>(w.y) + y);
  };
  probe().write_line("fill 100 50 3 2 ff8000");
  EXPECT_TRUE(desktop().wait_until([&] { return at(102, 51) == 0xff8000; }));
  EXPECT_EQ(at(103, 51), colour_at(103, 51));
  EXPECT_EQ(at(102, 52), colour_at(102, 52));
  EXPECT_EQ(at(99, 50), colour_at(99, 50));
}

TEST_F(WindowTest, AFixedScaleMakesSquares) {
  start({"scale=2"});
  probe().write_line("show 640 400");
  EXPECT_TRUE(window_shows(kPicture, 2));
}

TEST_F(WindowTest, FullScreenIsCentredAndWhole) {
  start({"scaling=integer", "full-screen"});
  probe().write_line("show 640 400");
  EXPECT_EQ(line(), "wish 1600 1000");
  EXPECT_TRUE(shows_pattern(kPicture, 160, 100, 2));
  EXPECT_EQ(desktop().pixel(159, 500), 0u);
  click_lands(kPicture, 160 + 2 * 639 + 1, 100 + 2 * 17, 639, 17);
  click_lands(kPicture, 160, 100, 0, 0);
}

TEST_F(WindowTest, FullScreenAndBack) {
  start();
  probe().write_line("show 640 400");
  ASSERT_TRUE(window_shows(kPicture, 1));
  key("ctrl+alt+f");
  EXPECT_EQ(next_but_modifiers(), "wish 1600 1000");
  // The grab of the keyboard is in the title, and the picture is smoothed: 2.5 times as large.
  EXPECT_TRUE(
      desktop().wait_until([&] { return title().ends_with(" releases keyboard and mouse"); }));
  click_lands(kPicture, 800, 500, 320, 200);
  key("ctrl+alt+f");
  EXPECT_TRUE(window_shows(kPicture, 1));
  probe().write_line("show 320 200");  // nobody chose the window's size
  EXPECT_TRUE(window_shows({320, 200}, 1));
}

TEST_F(WindowTest, ClicksLandOnThePixelInWindows) {
  start();
  probe().write_line("show 640 400");
  ASSERT_TRUE(window_shows(kPicture, 1));
  const Desktop::Window w = desktop().window();
  for (const auto& [x, y] : {std::pair(0u, 0u), std::pair(639u, 399u), std::pair(321u, 77u)})
    click_lands(kPicture, static_cast<u32>(w.x) + x, static_cast<u32>(w.y) + y, x, y);
}

TEST_F(WindowTest, ClicksLandOnThePixelInScaledWindows) {
  start({"scale=3"});
  probe().write_line("show 320 200");
  ASSERT_TRUE(window_shows({320, 200}, 3));
  const Desktop::Window w = desktop().window();
  for (const auto& [x, y] : {std::pair(0u, 0u), std::pair(959u, 599u), std::pair(301u, 100u)})
    click_lands({320, 200}, static_cast<u32>(w.x) + x, static_cast<u32>(w.y) + y, x / 3, y / 3);
}

TEST_F(WindowTest, TheGuestIsToldOfTheWindowsSize) {
  start();
  probe().write_line("show 640 400");
  ASSERT_TRUE(window_shows(kPicture, 1));
  desktop().xdotool({"windowsize", desktop().window_id(), "900", "700"});
  EXPECT_EQ(line(), "wish 900 700");
  probe().write_line("show 900 700");
  EXPECT_TRUE(window_shows({900, 700}, 1));
  // Somebody chose this size: a smaller picture does not change it.
  probe().write_line("show 300 100");
  const Desktop::Window w = desktop().window();
  EXPECT_TRUE(shows_pattern({300, 100}, static_cast<u32>(w.x), static_cast<u32>(w.y) + 200, 3));
  EXPECT_EQ(desktop().window().width, 900u);
  key("ctrl+alt+u");
  EXPECT_TRUE(window_shows({300, 100}, 1));
}

TEST_F(WindowTest, KeysAreUsages) {
  start();
  probe().write_line("show 640 400");
  ASSERT_TRUE(window_shows(kPicture, 1));
  // X11's codes are those of Linux's input-event-codes.h and 8: what a keyboard sends, whatever the
  // layout makes of it.
  const struct {
    unsigned linux_code, usage;
  } kCases[] = {
      {30, 0x04},                                         // A
      {28, 0x28},  {88, 0x45},  {105, 0x50}, {76, 0x5d},  // Enter, F12, Left, keypad 5
      {86, 0x64},  {127, 0x65},                           // left of Z, Menu
      {89, 0x87},  {93, 0x88},  {124, 0x89},              // Ro, Katakana/Hiragana, Yen
      {92, 0x8a},  {94, 0x8b},                            // Henkan, Muhenkan
      {122, 0x90}, {123, 0x91},                           // Hangul, Hanja
      {125, 0xe3}, {100, 0xe6},                           // left GUI, right Alt
  };
  for (const auto& c : kCases) {
    key(std::to_string(c.linux_code + 8));
    EXPECT_EQ(line(), "key " + std::to_string(c.usage) + " down") << c.linux_code;
    EXPECT_EQ(line(), "key " + std::to_string(c.usage) + " up");
  }
}

TEST_F(WindowTest, HeldKeysGoUpWithTheFocus) {
  start();
  probe().write_line("show 640 400");
  ASSERT_TRUE(window_shows(kPicture, 1));
  desktop().xdotool({"keydown", "a"});
  EXPECT_EQ(line(), "key 4 down");
  desktop().xdotool({"windowminimize", desktop().window_id()});
  EXPECT_EQ(line(), "key 4 up");  // and no repeats before
}

TEST_F(WindowTest, HotKeysPressTheMachinesButtons) {
  start();
  probe().write_line("show 640 400");
  ASSERT_TRUE(window_shows(kPicture, 1));
  const auto next = [&] { return next_but_modifiers(); };
  key("ctrl+alt+r");
  EXPECT_EQ(next(), "reset");
  key("ctrl+alt+p");
  EXPECT_EQ(next(), "power");
  key("ctrl+alt+q");
  EXPECT_EQ(next(), "quit");
  key("ctrl+alt+End");
  EXPECT_EQ(next(), "key 76 down");
  EXPECT_EQ(next(), "key 76 up");
}

/// The pixels of a PNG file.
std::optional<ui::Picture> read_png(const std::string& path) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  if (png_image_begin_read_from_file(&image, path.c_str()) == 0) return {};
  image.format = PNG_FORMAT_BGRA;
  std::vector<u8> bytes(PNG_IMAGE_SIZE(image));
  if (png_image_finish_read(&image, nullptr, bytes.data(), 0, nullptr) == 0) return {};
  ui::Picture p({image.width, image.height});
  for (u32 y = 0; y < image.height; ++y)
    for (u32 x = 0; x < image.width; ++x) {
      const u8* at = bytes.data() + (std::size_t{y} * image.width + x) * 4;
      p.row(y)[x] = u32{at[2]} << 16 | u32{at[1]} << 8 | at[0];
    }
  return p;
}

TEST_F(WindowTest, ScreenshotsAreOfTheGuestsPicture) {
  start({"scale=2"});
  probe().write_line("show 640 400");
  ASSERT_TRUE(window_shows(kPicture, 2));
  key("ctrl+alt+s");
  std::string path;
  EXPECT_TRUE(desktop().wait_until([&] {
    for (const auto& f : fs::directory_iterator(desktop().folder()))
      if (f.path().extension() == ".png") path = f.path();
    return !path.empty();
  }));
  EXPECT_TRUE(fs::path(path).filename().string().starts_with("quince-20")) << path;
  EXPECT_EQ(read_png(path), pattern(kPicture));
}

TEST_F(WindowTest, TheTitleNamesTheKeyThatReleasesAGrab) {
  start({"kinds=5"});  // keys and motions: no tablet
  probe().write_line("show 640 400");
  ASSERT_TRUE(window_shows(kPicture, 1));
  EXPECT_EQ(title(), "probe - quince");
  const Desktop::Window w = desktop().window();
  desktop().xdotool(
      {"mousemove", std::to_string(w.x + 300), std::to_string(w.y + 200), "click", "1"});
  const std::string grabbed = "probe - quince - Ctrl+Alt+G releases keyboard and mouse";
  EXPECT_TRUE(desktop().wait_until([&] { return title() == grabbed; })) << title();
  // The click that grabbed was not the guest's; motions are now.
  desktop().xdotool({"mousemove_relative", "--", "7", "-3"});
  EXPECT_EQ(line(), "motion 7 -3");
  desktop().xdotool({"click", "3"});
  EXPECT_EQ(line(), "button 1 down");
  EXPECT_EQ(line(), "button 1 up");
  desktop().xdotool({"click", "4"});
  EXPECT_EQ(line(), "wheel 0 1");
  key("ctrl+alt+g");
  EXPECT_TRUE(desktop().wait_until([&] { return title() == "probe - quince"; })) << title();
}

TEST_F(WindowTest, TheSplashStaysUntilTheGuestDraws) {
  start();
  const Desktop::Window w = desktop().window();
  const auto corner = [&] {
    return desktop().pixel(static_cast<u32>(w.x) + 2, static_cast<u32>(w.y) + 2);
  };
  EXPECT_TRUE(desktop().wait_until([&] { return corner() == 0x141a21; }));
  probe().write_line("show 1280 800");
  EXPECT_TRUE(window_shows({1280, 800}, 1));
  probe().write_line("blank");
  EXPECT_TRUE(desktop().wait_until([&] { return corner() == 0x141a21; }));
}

TEST_F(WindowTest, ClosingItEndsTheMachine) {
  start();
  probe().write_line("show 640 400");
  ASSERT_TRUE(window_shows(kPicture, 1));
  key("alt+F4");  // the desktop's
  EXPECT_EQ(next_but_modifiers(), "quit");
}

TEST_F(WindowTest, ClosingItCanBeForbidden) {
  start({"keep"});
  probe().write_line("show 640 400");
  ASSERT_TRUE(window_shows(kPicture, 1));
  key("alt+F4");
  key("a");
  EXPECT_EQ(next_but_modifiers(), "key 4 down");
}

TEST_F(WindowTest, AnErrorOfTheXServerEndsNothing) {
  start();
  for (int n = 0; n < 2; ++n) {
    probe().write_line("x11-error");
    EXPECT_EQ(next_but_modifiers(), "alive");
  }
}

TEST_F(WindowTest, StopEndsItWithNothingLeftOver) {
  start({"grab", "full-screen"});
  probe().write_line("show 640 400");
  probe().write_line("stop");
  EXPECT_EQ(probe().wait(), 0);
}

}  // namespace
}  // namespace quince::test
