// A listening socket on the loop (POSIX listen and accept).
//
// accept() fails without taking the connection when the process or the host has no descriptor or
// memory left (EMFILE, ENFILE, ENOBUFS, ENOMEM).  The socket stays readable then, and a loop that
// waits for it would do nothing else: it rests for a while, and the client waits in the kernel.
#pragma once

#include <functional>

#include "base/event_loop.h"
#include "base/fd.h"

namespace quince {

/// Hands over connections one by one.  Used, made and destroyed on the loop's thread.
class Listener final : private EventLoop::Poller {
 public:
  static constexpr s64 kRestNs = 500'000'000;

  /// `socket` listens already and does not block.  `on_client`, which must not destroy the listener,
  /// gets connections that do not block and are closed on exec.  Stopped at first.
  Listener(EventLoop& loop, Fd socket, std::function<void(Fd)> on_client, s64 rest_ns = kRestNs);
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  /// Waits for clients from now on.
  void start();
  /// Leaves those who come from now on to wait in the kernel.
  void stop();

  /// Takes a connection now, started or not.  Without one, `errno` says why: EAGAIN when nobody is
  /// there.
  Fd accept();
  /// Whether accept() may fail again for the same reason as soon as it is called: anything but that
  /// there is nobody, or no more.
  static bool is_lasting(int error);

  int fd() const { return socket_.get(); }
  u64 failures() const { return failures_; }  ///< of accept() on the loop, after which it rested

 private:
  s64 prepare(std::vector<EventLoop::PollFd>& fds) override;
  void ready(std::span<const EventLoop::PollFd> fds) override;

  Fd socket_;
  std::function<void(Fd)> on_client_;
  s64 rest_ns_;
  s64 rests_until_ns_ = 0;  ///< of the host's monotonic clock
  bool started_ = false;
  u64 failures_ = 0;
  EventLoop::Watch watch_;
};

}  // namespace quince
