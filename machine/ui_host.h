// How heads and front ends reach the machine thread.
#pragma once

#include <utility>

#include "base/event_loop.h"
#include "hw/core/io_lock.h"
#include "ui/host.h"

namespace quince::machine {

/// Through the event loop, which drops what it has not come to when it ends.
class UiHost final : public ui::Host {
 public:
  UiHost(EventLoop& loop, hw::IoLock& lock) : loop_(loop), lock_(lock) {}
  void post(std::function<void()> fn) override {
    loop_.post([&lock = lock_, fn = std::move(fn)] {
      const hw::IoLock::Guard held(lock);
      fn();
    });
  }

 private:
  EventLoop& loop_;
  hw::IoLock& lock_;
};

}  // namespace quince::machine
