// The host side's one main loop: file descriptors, timers on the host clock and work posted by
// other threads.  A thin face over GLib, so that libraries with GLib integration can share it.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "base/types.h"

namespace quince {

/// A loop that one thread runs; `post` and `wake` may be called from any thread.
class EventLoop {
 public:
  EventLoop();
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  /// What to wait for on a file descriptor.
  enum Event : unsigned {
    Readable = 1,
    Writable = 2,
    HangUp = 4,  ///< both directions are closed, or an error; reported whether asked for or not
    Error = 8,   ///< reported only, and with HangUp: it is an error
    PeerClosed = 16,  ///< a socket's peer sends no more, though what it sent may not be read yet
  };

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

  /// A descriptor to wait for, and after the wait what holds for it.
  struct PollFd {
    int fd = -1;
    unsigned events = 0;   ///< of Event; HangUp is always looked for
    unsigned revents = 0;  ///< of Event
  };

  /// Something whose descriptors and deadline change all the time, also on other threads, so that
  /// it is asked for them before each wait.  Whoever changes them on another thread calls wake().
  class Poller {
   public:
    /// Adds the descriptors to wait for to `fds`, which is empty.  Returns for how many
    /// nanoseconds at most (negative: no limit; zero: ready() follows at once).
    virtual s64 prepare(std::vector<PollFd>& fds) = 0;
    /// After a wait in which one of the descriptors got ready, or which took as long as
    /// prepare() said; `fds` is what it said then, with `revents`.
    virtual void ready(std::span<const PollFd> fds) = 0;

   protected:
    ~Poller() = default;
  };

  /// Asks `poller`, on the loop's thread, until the watch is destroyed, which neither of its
  /// functions may do.
  [[nodiscard]] Watch add_poller(Poller& poller);

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
