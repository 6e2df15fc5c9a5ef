// The host side's one main loop: file descriptors, timers on the host clock and work posted by
// other threads.  A thin face over GLib, so that libraries with GLib integration can share it.
#pragma once

#include <functional>
#include <memory>

#include "base/types.h"

namespace quince {

/// A loop that one thread runs; `post`, `wake` and `quit` may be called from any thread.
class EventLoop {
 public:
  EventLoop();
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  /// What to wait for on a file descriptor.
  enum Event : unsigned { Readable = 1, Writable = 2, HangUp = 4 };

  /// Removes its watch when destroyed.  Must not outlive the loop.
  class Watch {
   public:
    Watch() = default;
    Watch(Watch&& other) noexcept;
    Watch& operator=(Watch&& other) noexcept;
    ~Watch();
    void reset();
    explicit operator bool() const { return source_ != nullptr; }

   private:
    friend class EventLoop;
    void* source_ = nullptr;
  };

  /// Calls `fn(events)` on the loop's thread whenever one of `events` holds.
  [[nodiscard]] Watch watch(int fd, unsigned events, std::function<void(unsigned)> fn);

  /// Runs `fn` once on the loop's thread, in the order of posting.
  void post(std::function<void()> fn);

  /// Waits for the next events for at most `timeout_ns` (negative: for ever) and handles them.
  void run_once(s64 timeout_ns);

  /// Ends a waiting run_once.
  void wake();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace quince
