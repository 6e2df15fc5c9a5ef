// What a window costs: a picture that changes as a whole 60 times a second, for some seconds.
//
//   present_bench WIDTH HEIGHT SECONDS
//
// Prints one line of JSON: pictures drawn and presented, and CPU seconds of the window's thread and
// of the thread that draws.  bench/present.py starts it on an X server of its own.
#include <fmt/format.h>
#include <time.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <thread>

#include "ui/sdl/front.h"

namespace quince {
namespace {

using namespace std::chrono_literals;

double cpu_seconds(clockid_t clock) {
  timespec t{};
  ::clock_gettime(clock, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

/// Does at once what is posted: nothing here has a machine thread.
struct Host final : ui::Host {
  void post(std::function<void()> fn) override { fn(); }
};

struct Control final : ui::Control {
  ui::MachineFacts facts() const override {
    return {.name = "present_bench", .board = "", .cpu = "", .boots = ""};
  }
  ui::Status status() override { return {.running = true}; }
  void reset() override {}
  void power_button() override {}
  void pause() override {}
  void resume() override {}
  void quit() override {}
};

int run(ui::Size size, unsigned seconds) {
  Host host;
  ui::Display display(host);
  ui::Console& console = display.add_console("head");
  console.set_size(size);
  Control control;
  auto front = ui::sdl::Front::create(display, control, {});
  if (!front) {
    std::fprintf(stderr, "present_bench: %s\n", front.error().message().c_str());
    return 1;
  }
  ui::Picture pictures[2] = {ui::Picture(size), ui::Picture(size)};
  for (u32 n = 0; n < 2; ++n)
    for (u32 y = 0; y < size.height; ++y)
      for (u32 x = 0; x < size.width; ++x) pictures[n].row(y)[x] = (x ^ y) * 0x10305 + n * 0x808080;
  const unsigned frames = seconds * 60;
  double draw_cpu = 0;
  const double before = cpu_seconds(CLOCK_THREAD_CPUTIME_ID);
  {
    const std::jthread guest([&] {
      auto next = std::chrono::steady_clock::now();
      for (unsigned n = 0; n < frames; ++n) {
        console.draw(pictures[n % 2].view(), ui::Rect::all(size));
        next += std::chrono::nanoseconds(1s) / 60;
        std::this_thread::sleep_until(next);
      }
      draw_cpu = cpu_seconds(CLOCK_THREAD_CPUTIME_ID);
      (*front)->stop();
    });
    (*front)->run();
  }
  const double cpu = cpu_seconds(CLOCK_THREAD_CPUTIME_ID) - before;
  std::puts(
      fmt::format(R"({{"width": {}, "height": {}, "seconds": {}, "drawn": {}, "presented": {}, )"
                  R"("window_cpu": {:.3f}, "draw_cpu": {:.3f}}})",
                  size.width, size.height, seconds, frames, (*front)->frames(), cpu, draw_cpu)
          .c_str());
  return 0;
}

}  // namespace
}  // namespace quince

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fputs("usage: present_bench WIDTH HEIGHT SECONDS\n", stderr);
    return 1;
  }
  const auto number = [&](int i) {
    return static_cast<quince::u32>(std::strtoul(argv[i], nullptr, 10));
  };
  return quince::run({number(1), number(2)}, number(3));
}
