// Work that a device asks for in the middle of an access and the loop's thread does later.
#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "base/event_loop.h"
#include "hw/core/io_lock.h"

namespace quince::machine {

/// A function that runs on the loop's thread with the I/O lock held, once for any number of
/// requests made before it ran.  Destroyed on the loop's thread; a request that is still out then
/// does nothing.
class LoopTask {
 public:
  LoopTask(EventLoop& loop, hw::IoLock& lock, std::function<void()> fn)
      : loop_(loop), shared_(std::make_shared<Shared>(lock, std::move(fn))) {}
  LoopTask(const LoopTask&) = delete;
  LoopTask& operator=(const LoopTask&) = delete;

  /// With the I/O lock held, or before other threads know the owner.
  void request() {
    if (std::exchange(shared_->requested, true)) return;
    loop_.post([weak = std::weak_ptr(shared_)] {
      const std::shared_ptr<Shared> shared = weak.lock();
      if (shared == nullptr) return;
      const hw::IoLock::Guard held(shared->lock);
      shared->requested = false;
      shared->fn();
    });
  }

 private:
  struct Shared {
    Shared(hw::IoLock& l, std::function<void()> f) : lock(l), fn(std::move(f)) {}
    hw::IoLock& lock;
    std::function<void()> fn;
    bool requested = false;
  };
  EventLoop& loop_;
  std::shared_ptr<Shared> shared_;
};

}  // namespace quince::machine
