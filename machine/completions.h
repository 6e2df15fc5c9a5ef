// How disks report to the machine thread.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string_view>

#include "block/block.h"
#include "hw/core/timer.h"
#include "machine/chardev/loop_task.h"

namespace quince::machine {

/// Through the event loop, as soon as it comes round.  wake() may come from any thread.
class LoopCompletions final : public block::Completions {
 public:
  LoopCompletions(EventLoop& loop, hw::IoLock& lock)
      : loop_(loop), shared_(std::make_shared<Shared>(lock)) {}
  void on_wake(std::function<void()> run) override { shared_->run = std::move(run); }
  void wake() override;

 private:
  struct Shared {
    explicit Shared(hw::IoLock& l) : lock(l) {}
    hw::IoLock& lock;
    std::function<void()> run;  // with the I/O lock held
    std::atomic<bool> posted{false};
  };
  EventLoop& loop_;
  std::shared_ptr<Shared> shared_;
};

/// In guest time, kLatency after the request: for deterministic runs, whose disks do their work in
/// submit().  Used with the I/O lock held.
class TimedCompletions final : public block::Completions {
 public:
  static constexpr u64 kLatency = 50 * hw::kMicrosecond;

  TimedCompletions(hw::TimerQueue& timers, std::string_view name)
      : timers_(timers), timer_(timers, name, &TimedCompletions::due, this) {}
  void on_wake(std::function<void()> run) override { run_ = std::move(run); }
  void wake() override {
    if (!timer_.armed()) timer_.arm(timers_.now_ns() + kLatency);
  }

 private:
  static void due(void* self) {
    if (auto& run = static_cast<TimedCompletions*>(self)->run_) run();
  }
  hw::TimerQueue& timers_;
  hw::Timer timer_;
  std::function<void()> run_;
};

}  // namespace quince::machine
