#include "machine/chardev/stream_port.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>

namespace quince::machine {

namespace {

bool is_socket(int fd) {
  struct stat st {};
  return ::fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode);
}

/// Whether a write of more than there is room for would wait.  Files never do for long.
bool may_block(int fd) {
  struct stat st {};
  if (::fstat(fd, &st) != 0 || S_ISREG(st.st_mode) || S_ISSOCK(st.st_mode)) return false;
  return (::fcntl(fd, F_GETFL) & O_NONBLOCK) == 0;
}

}  // namespace

Fd reopen_nonblocking(int fd, int access) {
  struct stat st {};
  if (::fstat(fd, &st) != 0 || (!S_ISFIFO(st.st_mode) && ::isatty(fd) == 0)) return {};
  const std::string path = fmt::format("/proc/self/fd/{}", fd);
  return Fd(::open(path.c_str(), access | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
}

bool wait_for_fd(int fd, short events, int timeout_ms) {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + std::chrono::milliseconds(timeout_ms);
  sigset_t mask;
  ::pthread_sigmask(SIG_SETMASK, nullptr, &mask);
  if (timeout_ms < 0)
    for (const int s : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) ::sigdelset(&mask, s);
  for (;;) {
    pollfd p{fd, events, 0};
    timespec left{};
    if (timeout_ms >= 0) {
      const auto ns =
          std::chrono::duration_cast<std::chrono::nanoseconds>(end - Clock::now()).count();
      left = {.tv_sec = ns > 0 ? ns / 1'000'000'000 : 0,
              .tv_nsec = ns > 0 ? ns % 1'000'000'000 : 0};
    }
    const int n = ::ppoll(&p, 1, timeout_ms < 0 ? nullptr : &left, &mask);
    if (n > 0) return true;
    if (n == 0 || errno != EINTR) return false;
  }
}

StreamPort::Ends StreamPort::Ends::one(Fd fd) {
  Ends e;
  e.in = e.out = fd.get();
  e.owned_in = std::move(fd);
  return e;
}

StreamPort::Ends StreamPort::Ends::two(Fd input, Fd output) {
  Ends e;
  e.in = input.get();
  e.out = output.get();
  e.owned_in = std::move(input);
  e.owned_out = std::move(output);
  return e;
}

StreamPort::StreamPort(const CharHost& host, OnFull on_full)
    : host_(host), on_full_(on_full), update_(host_.loop, host_.lock, [this] { update(); }) {}

void StreamPort::connect(Ends ends) {
  ends_ = std::move(ends);
  in_is_socket_ = ends_.in >= 0 && is_socket(ends_.in);
  out_is_socket_ = ends_.out >= 0 && is_socket(ends_.out);
  out_may_block_ = ends_.out >= 0 && may_block(ends_.out);
  in_open_ = ends_.in >= 0;
  connected_ = true;
  out_broken_ = stalled_ = false;
  announce();
  rearm();
}

void StreamPort::disconnect() {
  if (!connected_) return;
  flush();
  in_watch_.reset();
  out_watch_.reset();
  in_events_ = 0;
  ends_ = {};
  in_open_ = connected_ = false;
  dropped_ += output_.size();
  output_.clear();
  announce();
  if (told_full_) update_.request();
}

void StreamPort::announce() {
  const bool on = connected_ || (announced_ && !input_.empty());
  if (on == announced_) return;
  announced_ = on;
  if (receiver_ != nullptr) receiver_->connected(on);
}

// ---- Input -------------------------------------------------------------------------------------

void StreamPort::attach(hw::CharReceiver* receiver) {
  receiver_ = receiver;
  if (receiver_ != nullptr && !input_.empty()) update_.request();
}

void StreamPort::accept_input() {
  if (!input_.empty()) update_.request();
}

void StreamPort::on_input(unsigned events) {
  const hw::IoLock::Guard held(host_.lock);
  if (!in_open_) return;
  if ((events & (EventLoop::HangUp | EventLoop::PeerClosed)) != 0) {
    // All that the peer left, whether the guest reads or not: then the next peer can be served.
    while (read_once(kInputBound)) continue;
    if (in_open_) end_of_input();
  } else {
    read_once(kReadAhead);
  }
  settle();
}

/// Reads once, so that the queue holds at most `limit` bytes.  Whether there may be more.
bool StreamPort::read_once(std::size_t limit) {
  std::array<u8, kReadAhead> data;
  const std::size_t room = limit - std::min(limit, input_.size());
  // With the queue full and the peer gone, what is left is read to be counted as lost.
  const std::size_t want =
      room == 0 && limit == kInputBound ? data.size() : std::min(room, data.size());
  if (want == 0) return false;
  const ssize_t n = in_is_socket_ ? ::recv(ends_.in, data.data(), want, MSG_DONTWAIT)
                                  : ::read(ends_.in, data.data(), want);
  if (n < 0 && errno == EINTR) return true;
  if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return false;
  if (n <= 0) {
    end_of_input();
    return false;
  }
  const auto got = std::span(data).first(static_cast<std::size_t>(n));
  dropped_ += got.size() - input_.push(got);
  deliver();
  return true;
}

void StreamPort::end_of_input() {
  in_open_ = false;
  in_watch_.reset();
  in_events_ = 0;
  peer_closed();
}

void StreamPort::deliver() {
  while (receiver_ != nullptr && !input_.empty()) {
    const std::size_t n = std::min(receiver_->can_receive(), input_.size());
    if (n == 0) break;
    receiver_->receive(input_.front().first(n));
    input_.pop(n);
  }
}

// ---- Output ------------------------------------------------------------------------------------

std::size_t StreamPort::can_write() const {
  return connected_ && !out_broken_ ? output_.room() : ~std::size_t{0};
}

void StreamPort::write(std::span<const u8> data) {
  if (!connected_ || out_broken_ || ends_.out < 0) return;
  while (!data.empty() && output_.empty()) {
    const ssize_t n = write_some(data);
    if (n <= 0) break;
    data = data.subspan(static_cast<std::size_t>(n));
  }
  if (data.empty() || out_broken_) return;
  for (;;) {
    data = data.subspan(output_.push(data));
    if (data.empty()) break;
    if (on_full_ == OnFull::Drop || stalled_ || !wait_for_room()) {
      dropped_ += data.size();
      break;
    }
  }
  if (output_.room() < kOutputBound / 2) told_full_ = true;
  update_.request();
}

bool StreamPort::wait_for_room() {
  if (wait_for_fd(ends_.out, POLLOUT, kPatienceMs)) flush();
  stalled_ = output_.room() == 0;
  return !stalled_ && !out_broken_;
}

/// How many bytes went out: 0 when the host takes none now, and less than 0 when it never will.
ssize_t StreamPort::write_some(std::span<const u8> data) {
  for (;;) {
    ssize_t n = 0;
    if (out_is_socket_) {
      n = ::send(ends_.out, data.data(), data.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    } else if (out_may_block_) {
      // After POLLOUT a pipe takes this much at once.
      if (!wait_for_fd(ends_.out, POLLOUT, 0)) return 0;
      n = ::write(ends_.out, data.data(), std::min<std::size_t>(data.size(), PIPE_BUF));
    } else {
      n = ::write(ends_.out, data.data(), data.size());
    }
    if (n > 0) return n;
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS)) return 0;
    out_broken_ = true;
    dropped_ += output_.size();
    output_.clear();
    return -1;
  }
}

void StreamPort::flush() {
  while (!output_.empty()) {
    const ssize_t n = write_some(output_.front());
    if (n <= 0) return;
    output_.pop(static_cast<std::size_t>(n));
    stalled_ = false;
  }
}

void StreamPort::close() {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + std::chrono::milliseconds(kGraceMs);
  while (connected_ && !output_.empty()) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now()).count();
    const int limit = on_full_ == OnFull::Wait ? -1 : static_cast<int>(std::max<s64>(left, 0));
    if (!wait_for_fd(ends_.out, POLLOUT, limit)) break;
    flush();
  }
  in_watch_.reset();
  out_watch_.reset();
  connected_ = in_open_ = false;
}

void StreamPort::on_output() {
  const hw::IoLock::Guard held(host_.lock);
  settle();
}

// ---- Both --------------------------------------------------------------------------------------

void StreamPort::update() { settle(); }

/// Moves what can be moved, tells the device what changed, and waits for the rest.
void StreamPort::settle() {
  deliver();
  flush();
  announce();
  if (told_full_ && output_.room() >= kOutputBound / 2) {
    told_full_ = false;
    if (receiver_ != nullptr) receiver_->on_writable();
  }
  rearm();
}

void StreamPort::rearm() {
  const unsigned want = !in_open_                    ? 0
                        : input_.size() < kReadAhead ? EventLoop::Readable | EventLoop::PeerClosed
                                                     : EventLoop::PeerClosed;
  if (want != in_events_) {
    in_events_ = want;
    in_watch_.reset();
    if (want != 0)
      in_watch_ = host_.loop.watch(ends_.in, want, [this](unsigned events) { on_input(events); });
  }
  if (output_.empty())
    out_watch_.reset();
  else if (!out_watch_)
    out_watch_ =
        host_.loop.watch(ends_.out, EventLoop::Writable, [this](unsigned) { on_output(); });
}

}  // namespace quince::machine
