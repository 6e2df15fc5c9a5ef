// The boot ROM's menu with USB keyboards that come and go (xHCI 1.2, 4.19.2 and 4.3), with interrupts of
// every kind.
#include <gtest/gtest.h>

#include <chrono>

#include "tests/live/live_machine.h"
#include "ui/input.h"

namespace {

using namespace quince;
using namespace quince::test;

using Clock = std::chrono::steady_clock;
constexpr u8 k2 = 0x1f, kHome = 0x4a;
constexpr int kLookMs = 400;

class RomKeyboard : public testing::TestWithParam<const char*> {
 protected:
  void start(const std::vector<std::string>& keyboards) {
    std::vector<std::string> args{"-M",   "vmapple,usb=off", "-m",      "128M", "-display",
                                  "none", "-device",         GetParam()};
    for (const std::string& name : keyboards)
      args.insert(args.end(), {"-device", "usb-kbd,id=" + name});
    auto made = LiveMachine::start(std::move(args));
    ASSERT_TRUE(made) << made.error().message();
    live_ = std::move(*made);
    expect("Power off");  // of the lines
    expect("Power off");  // of the menu
  }
  void expect(const std::string& text) {
    const auto line = live_->expect(text);
    ASSERT_TRUE(line) << line.error().message();
  }
  void on_machine(const std::function<Result<void>()>& fn) {
    const auto result = std::make_shared<Result<void>>();
    const auto done = live_->on_machine([result, fn] { *result = fn(); });
    ASSERT_TRUE(done) << done.error().message();
    ASSERT_TRUE(*result) << result->error().message();
  }
  void unplug(const std::string& name) {
    on_machine([m = &live_->machine(), name] { return m->unplug_usb(name); });
  }
  void replug(const std::string& name) {
    on_machine([m = &live_->machine(), name] { return m->replug_usb(name); });
  }
  void key(u8 usage, bool down) {
    on_machine([m = &live_->machine(), usage, down]() -> Result<void> {
      m->display().input().send({ui::KeyInput{.usage = usage, .down = down}});
      return {};
    });
  }
  void press(u8 usage) {
    key(usage, true);
    key(usage, false);
  }
  /// Types until the menu moves: a keyboard that was plugged in just now takes no keys.
  void await_keys() {
    // What a terminal is told to change the second item's line.
    const std::string moved = "\x1b[6;4H";
    std::string said;
    const auto end = Clock::now() + std::chrono::seconds(patience_seconds());
    while (said.find(moved) == std::string::npos) {
      ASSERT_LT(Clock::now(), end) << "the ROM does not take the keyboard: " << said;
      press(k2);
      press(kHome);
      // Until it is quiet: a keyboard holds few keys that nobody has read yet.
      for (std::string more = "?"; !more.empty(); said += more) more = live_->read_for(kLookMs);
    }
  }
  /// The keyboard chooses the map of memory, and comes back.
  void expect_works() {
    press(k2);
    press(ui::key::kEnter);
    expect("vmapple-cfg");
    expect("Any key goes back to the menu.");
    press(kHome);
    expect("Power off");
  }

  std::unique_ptr<LiveMachine> live_;
};

TEST_P(RomKeyboard, ComesAndGoes) {
  ASSERT_NO_FATAL_FAILURE(start({"one"}));
  ASSERT_NO_FATAL_FAILURE(await_keys());
  ASSERT_NO_FATAL_FAILURE(expect_works());
  for (int n = 0; n < 6; ++n) {
    ASSERT_NO_FATAL_FAILURE(unplug("one"));
    ASSERT_NO_FATAL_FAILURE(replug("one"));
    ASSERT_NO_FATAL_FAILURE(await_keys());
    ASSERT_NO_FATAL_FAILURE(expect_works()) << "after " << n + 1 << " times";
  }
}

TEST_P(RomKeyboard, AnyOfSeveral) {
  ASSERT_NO_FATAL_FAILURE(start({"one", "two", "three"}));
  ASSERT_NO_FATAL_FAILURE(await_keys());
  ASSERT_NO_FATAL_FAILURE(expect_works());
  for (const char* name : {"three", "one"}) {
    ASSERT_NO_FATAL_FAILURE(unplug(name));
    ASSERT_NO_FATAL_FAILURE(await_keys());
    ASSERT_NO_FATAL_FAILURE(expect_works()) << "without " << name;
  }
}

TEST_P(RomKeyboard, AKeyThatWasHeldIsReleasedWithItsKeyboard) {
  ASSERT_NO_FATAL_FAILURE(start({"one"}));
  ASSERT_NO_FATAL_FAILURE(await_keys());
  ASSERT_NO_FATAL_FAILURE(key(k2, true));
  ASSERT_NO_FATAL_FAILURE(unplug("one"));
  ASSERT_NO_FATAL_FAILURE(replug("one"));
  ASSERT_NO_FATAL_FAILURE(await_keys());
  ASSERT_NO_FATAL_FAILURE(expect_works());
}

INSTANTIATE_TEST_SUITE_P(Controllers, RomKeyboard,
                         testing::Values("qemu-xhci,slots=4", "qemu-xhci,intrs=4,msix=off,msi=on",
                                         "nec-usb-xhci", "qemu-xhci,msix=off,msi=off"));

}  // namespace
