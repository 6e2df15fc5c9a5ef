#include "base/listener.h"

#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <utility>

namespace quince {

namespace {

s64 now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace

Listener::Listener(EventLoop& loop, Fd socket, std::function<void(Fd)> on_client, s64 rest_ns)
    : socket_(std::move(socket)),
      on_client_(std::move(on_client)),
      rest_ns_(rest_ns),
      watch_(loop.add_poller(*this)) {}

Listener::~Listener() { watch_.reset(); }

void Listener::start() { started_ = true; }

void Listener::stop() { started_ = false; }

Fd Listener::accept() {
  return Fd(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
}

bool Listener::is_lasting(int error) {
  return error != EAGAIN && error != EINTR && error != ECONNABORTED;
}

s64 Listener::prepare(std::vector<EventLoop::PollFd>& fds) {
  if (!started_) return -1;
  if (const s64 left = rests_until_ns_ - now_ns(); left > 0) return left;
  fds.push_back({socket_.get(), EventLoop::Readable});
  return -1;
}

void Listener::ready(std::span<const EventLoop::PollFd> fds) {
  if (!started_ || fds.empty() || fds[0].revents == 0) return;
  Fd client = accept();
  if (client) return on_client_(std::move(client));
  if (!is_lasting(errno)) return;
  ++failures_;
  rests_until_ns_ = now_ns() + rest_ns_;
}

}  // namespace quince
