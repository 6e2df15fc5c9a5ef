// A window without a machine behind it, for window_test.
//
// Arguments: scale=N, scaling=integer, full-screen, grab, keep (closing does not end), screenshot=F,
// kinds=N (of ui::InputKind).  Commands, a line each on stdin:
//   show W H      the picture of pattern.h, of this size
//   fill X Y W H C   a rectangle of one colour (hexadecimal)
//   blank         the guest shows nothing
//   cursor W H HX HY C   a cursor of one colour (premultiplied ARGB, hexadecimal)
//   kinds N       the input device understands these from now on
//   x11-error     an error of the X server, then "alive"
//   stop          ends the window
// Lines on stdout: "key USAGE down|up", "button N down|up", "position X Y", "motion DX DY",
// "wheel DX DY", "wish W H", and a button of the machine by its name.
#include <atomic>
#include <charconv>
#include <condition_variable>
#include <cstdio>
#include <deque>
#include <iostream>
#include <mutex>
#include <sstream>
#include <string>
#include <thread>

#include "tests/window/pattern.h"
#include "tests/window/x11_error.h"
#include "ui/sdl/front.h"

namespace quince {
namespace {

void say(const std::string& line) {
  std::puts(line.c_str());
  std::fflush(stdout);
}

/// A machine thread: does what is posted.
class Host final : public ui::Host {
 public:
  void post(std::function<void()> fn) override {
    {
      const std::lock_guard guard(lock_);
      posted_.push_back(std::move(fn));
    }
    changed_.notify_all();
  }
  void run() {
    std::unique_lock guard(lock_);
    for (;;) {
      changed_.wait(guard, [&] { return !posted_.empty() || ended_; });
      if (posted_.empty()) return;
      const auto fn = std::move(posted_.front());
      posted_.pop_front();
      guard.unlock();
      fn();
      guard.lock();
    }
  }
  void end() {
    post([this] {
      const std::lock_guard guard(lock_);
      ended_ = true;
    });
  }

 private:
  std::mutex lock_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> posted_;
  bool ended_ = false;
};

struct Say {
  static const char* way(bool down) { return down ? "down" : "up"; }
  void operator()(const ui::KeyInput& e) const {
    say("key " + std::to_string(e.usage) + " " + way(e.down));
  }
  void operator()(const ui::ButtonInput& e) const {
    say("button " + std::to_string(static_cast<unsigned>(e.button)) + " " + way(e.down));
  }
  void operator()(const ui::PositionInput& e) const {
    say("position " + std::to_string(e.x) + " " + std::to_string(e.y));
  }
  void operator()(const ui::MotionInput& e) const {
    say("motion " + std::to_string(e.dx) + " " + std::to_string(e.dy));
  }
  void operator()(const ui::WheelInput& e) const {
    say("wheel " + std::to_string(e.dx) + " " + std::to_string(e.dy));
  }
};

class Guest final : public ui::InputReceiver, public ui::ConsoleClient {
 public:
  explicit Guest(unsigned kinds) : kinds_(kinds) {}
  void listen_to(unsigned kinds) { kinds_ = kinds; }
  unsigned input_kinds() const override { return kinds_; }
  bool input_ready() const override { return true; }
  void input(std::span<const ui::InputEvent> events) override {
    for (const ui::InputEvent& e : events) std::visit(Say{}, e);
  }
  void size_wished(ui::Size s) override {
    say("wish " + std::to_string(s.width) + " " + std::to_string(s.height));
  }

 private:
  unsigned kinds_;
};

class Control final : public ui::Control {
 public:
  ui::MachineFacts facts() const override {
    return {.name = "probe",
            .board = "virt",
            .cpu = "1 × none",
            .memory_bytes = GiB,
            .boots = "pattern"};
  }
  ui::Status status() override { return {.running = running_}; }
  void reset() override { say("reset"); }
  void power_button() override { say("power"); }
  void pause() override {
    running_ = false;
    say("pause");
  }
  void resume() override {
    running_ = true;
    say("resume");
  }
  void quit() override { say("quit"); }

 private:
  std::atomic<bool> running_{true};
};

u32 number(std::string_view text, int base = 10) {
  u32 n = 0;
  std::from_chars(text.data(), text.data() + text.size(), n, base);
  return n;
}

/// One command, on the machine thread.
void obey(const std::string& line, ui::Display& display, Guest& guest) {
  ui::Console& console = display.consoles().front();
  std::istringstream in(line);
  std::string what, colour;
  in >> what;
  u32 n[4] = {};
  if (what == "show") {
    in >> n[0] >> n[1];
    const ui::Picture p = test::pattern({n[0], n[1]});
    console.set_size(p.size());
    console.draw(p.view(), ui::Rect::all(p.size()));
  } else if (what == "fill") {
    in >> n[0] >> n[1] >> n[2] >> n[3] >> colour;
    ui::Picture p({n[2], n[3]});
    p.fill(ui::Rect::all(p.size()), number(colour, 16));
    console.draw(p.view(), ui::Rect::all(p.size()), n[0], n[1]);
  } else if (what == "blank") {
    console.set_size({});
  } else if (what == "cursor") {
    in >> n[0] >> n[1] >> n[2] >> n[3] >> colour;
    auto image = std::make_shared<ui::CursorImage>();
    *image = {.size = {n[0], n[1]},
              .hot_x = n[2],
              .hot_y = n[3],
              .argb = std::vector<u32>(std::size_t{n[0]} * n[1], number(colour, 16))};
    console.set_cursor({.image = image, .x = 20, .y = 10});
  } else if (what == "x11-error") {
    if (test::make_x11_error()) say("alive");
  } else if (what == "kinds") {
    in >> n[0];
    guest.listen_to(n[0]);
    display.input().changed();
  }
}

int run(int argc, char** argv) {
  ui::WindowOptions options;
  unsigned kinds = ui::kKeys | ui::kAbsolute | ui::kRelative;
  for (int i = 1; i < argc; ++i) {
    const std::string_view a = argv[i];
    if (a == "full-screen") options.full_screen = true;
    if (a == "grab") options.grab = true;
    if (a == "keep") options.window_close = false;
    if (a == "scaling=integer") options.scaling = ui::Scaling::Integer;
    if (a.starts_with("scale=")) options.scale = number(a.substr(6));
    if (a.starts_with("kinds=")) kinds = number(a.substr(6));
    if (a.starts_with("screenshot=")) options.screenshot = a.substr(11);
  }
  Host host;
  ui::Display display(host);
  ui::Console& console = display.add_console("head");
  Guest guest(kinds);
  console.attach(&guest);
  display.input().add(guest);
  Control control;
  int status = 1;
  {
    auto front = ui::sdl::Front::create(display, control, options);
    if (!front) {
      std::fprintf(stderr, "probe: %s\n", front.error().message().c_str());
    } else {
      std::jthread machine([&] { host.run(); });
      std::jthread commands([&] {
        for (std::string line; std::getline(std::cin, line) && line != "stop";)
          host.post([&, line] { obey(line, display, guest); });
        (*front)->stop();
      });
      say("ready");
      (*front)->run();
      commands.join();
      host.end();
      status = 0;
    }
  }
  display.input().remove(guest);
  test::make_x11_error();  // the last of them come when SDL ends its connections
  return status;
}

}  // namespace
}  // namespace quince

int main(int argc, char** argv) { return quince::run(argc, argv); }
