// The soak's person and front end.
#pragma once

#include <chrono>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "tests/live/live_machine.h"
#include "tests/live/scenarios.h"
#include "tests/window/desktop.h"
#include "ui/sdl/front.h"

namespace quince::test {

/// Looks at every head all the time, as windows do; until it goes.
class Viewers {
 public:
  explicit Viewers(ui::Display& display);

 private:
  std::vector<std::jthread> threads_;
};

class Soak {
 public:
  /// `desktop`: where the machine's windows are; null without any.
  Soak(LiveMachine& live, const LiveOptions& options, Desktop* desktop);
  Result<void> run();

 private:
  using Clock = std::chrono::steady_clock;

  u64 below(u64 n) { return random_() % n; }
  std::string window(u64 number);
  Result<void> step();
  void resize();
  void type();
  void point();
  Result<void> plug();
  Result<void> plug_all();
  void look();
  Result<void> stop_and_go();
  Result<void> reset();
  Result<void> listen(int ms);
  Result<void> rest();
  void report();

  LiveMachine& live_;
  const LiveOptions& options_;
  Desktop* const desktop_;
  std::mt19937_64 random_;
  std::string output_;  // the end of what the guest said since it was reset
  bool up_ = false;     // and works
  u64 steps_ = 0, boots_ = 0, resets_ = 0, rests_ = 0, seen_ = 0;
  u64 heap_limit_ = 0, highest_first_ = 0, highest_second_ = 0, rests_first_ = 0;
  std::optional<Clock::duration> early_;  // after a reset: the next one comes so soon
  Clock::time_point start_, half_, came_up_, last_reset_, last_rest_, last_report_;
};

}  // namespace quince::test
