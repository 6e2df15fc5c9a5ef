#include "net/socket/stream_port.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "net/packet.h"

namespace quince::net {

namespace {

constexpr unsigned kReadsAtOnce = 16;  // others want the lock, too

s64 now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

/// A socket that a server before us left behind would be in the way; nothing else is removed.
void remove_old_socket(const std::string& path) {
  struct stat st {};
  if (::lstat(path.c_str(), &st) == 0 && S_ISSOCK(st.st_mode)) ::unlink(path.c_str());
}

}  // namespace

Result<std::unique_ptr<StreamPort>> StreamPort::create(const StreamOptions& options,
                                                       const Host& host) {
  std::unique_ptr<StreamPort> port(new StreamPort(options, host));
  TRY_VOID(port->start());
  port->watch_ = host.loop.add_poller(*port);
  return port;
}

StreamPort::~StreamPort() {
  watch_.reset();
  if (!unlink_.empty()) ::unlink(unlink_.c_str());
}

Result<void> StreamPort::start() {
  if (options_.address.type == Address::Type::Fd) {
    Fd fd = TRY(adopt_socket(options_.address.fd, SOCK_STREAM));
    if (options_.server)
      serve(std::move(fd));
    else
      connection_ = std::move(fd);
    return {};
  }
  addresses_ = TRY(resolve(options_.address, SOCK_STREAM, options_.server));
  if (options_.server) return listen();
  int error = ECONNREFUSED;
  for (std::size_t i = 0; i < addresses_.size(); ++i) {
    error = connect(true);
    if (error == 0 || error == EINPROGRESS) return {};
  }
  if (options_.reconnect_ms == 0)
    return fail("cannot connect to '{}': {}", describe(options_.address), std::strerror(error));
  return {};
}

Result<void> StreamPort::listen() {
  int error = EADDRNOTAVAIL;
  for (const SocketAddress& a : addresses_) {
    Fd fd = open_socket(a.family(), SOCK_STREAM);
    const int on = 1;
    if (a.family() == AF_UNIX) {
      if (!options_.address.abstract) remove_old_socket(options_.address.path);
    } else {
      ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    }
    if (!fd || ::bind(fd.get(), a.get(), a.size) != 0 || ::listen(fd.get(), 1) != 0) {
      error = errno;
      continue;
    }
    serve(std::move(fd));
    if (a.family() == AF_UNIX && !options_.address.abstract) unlink_ = options_.address.path;
    return {};
  }
  return fail("cannot listen on '{}': {}", describe(options_.address), std::strerror(error));
}

/// Takes a peer whenever there is none.
void StreamPort::serve(Fd listening) {
  listener_ = std::make_unique<Listener>(host_.loop, std::move(listening), [this](Fd peer) {
    host_.with_lock([&] {
      connection_ = std::move(peer);
      listener_->stop();
    });
  });
  listener_->start();
}

u16 StreamPort::listening_port() const {
  sockaddr_storage a{};
  socklen_t size = sizeof a;
  if (!listener_ || ::getsockname(listener_->fd(), reinterpret_cast<sockaddr*>(&a), &size) != 0)
    return 0;
  if (a.ss_family == AF_INET) return ntohs(reinterpret_cast<const sockaddr_in&>(a).sin_port);
  if (a.ss_family == AF_INET6) return ntohs(reinterpret_cast<const sockaddr_in6&>(a).sin6_port);
  return 0;
}

/// Tries the next address.  0, EINPROGRESS, or what went wrong; then another try is set.
int StreamPort::connect(bool at_start) {
  const SocketAddress& to = addresses_[next_address_ % addresses_.size()];
  ++next_address_;
  retry_at_ns_ = -1;
  const int error = at_start ? connect_at_start(to, connection_) : begin_connect(to, connection_);
  connecting_ = error == EINPROGRESS;
  if (error == 0 || connecting_) return error;
  connection_.reset();
  if (options_.reconnect_ms != 0) retry_at_ns_ = now_ns() + options_.reconnect_ms * s64{1'000'000};
  return error;
}

void StreamPort::connection_ended(const char* why) {
  connection_.reset();
  const bool refused = connecting_;
  connecting_ = deaf_ = input_waits_ = false;
  in_.clear();
  out_.clear();
  if (listener_) return listener_->start();
  for (; refused && next_address_ < addresses_.size();) {  // the name has more of them
    const int error = connect();
    if (error == 0 || error == EINPROGRESS) return;
  }
  if (options_.reconnect_ms != 0) {
    retry_at_ns_ = now_ns() + options_.reconnect_ms * s64{1'000'000};
    return;
  }
  host_.report(
      fmt::format("netdev: the connection to '{}' ended: {}", describe(options_.address), why));
}

void StreamPort::send(std::span<const u8> frame, const Offload& offload) {
  if (!connected() || deaf_) {
    ++dropped_;
    return;
  }
  const bool idle = out_.empty();
  const bool sound =
      finisher_.finish(frame, offload, features(), [this](std::span<const u8> f, const Offload&) {
        if (!out_.push(f)) ++dropped_;
      });
  if (!sound) host_.log.guest_error("net.stream", "stream: a frame contradicts its header");
  if (!idle) return;  // the loop waits already until more can be written
  flush();
  if (!out_.empty()) host_.loop.wake();
}

void StreamPort::flush() {
  while (!out_.empty()) {
    const std::span<const u8> data = out_.pending();
    const ssize_t n = ::send(connection_.get(), data.data(), data.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
    if (n < 0) {
      deaf_ = true;  // what the peer sent before it left is still to be read
      out_.clear();
      return;
    }
    out_.written(static_cast<std::size_t>(n));
  }
}

void StreamPort::attach(Receiver* receiver) {
  receiver_ = receiver;
  host_.loop.wake();
}

void StreamPort::accept_input() {
  if (input_waits_) host_.loop.wake();
}

/// Hands frames to the device.  False: it has no room for more.
bool StreamPort::deliver() {
  while (const auto frame = in_.next()) {
    // A frame too short to be one is none; without a device all are lost.
    if (receiver_ != nullptr && frame->size() >= kEthernetHeader &&
        !(receiver_->can_receive() && receiver_->receive(*frame, Offload{})))
      return false;
    in_.pop();
  }
  return true;
}

void StreamPort::read() {
  for (unsigned i = 0; i < kReadsAtOnce; ++i) {
    input_waits_ = !deliver();
    if (input_waits_) return;
    if (in_.broken()) return connection_ended("a frame's length makes no sense");
    const std::span<u8> space = in_.space();
    const ssize_t n = ::recv(connection_.get(), space.data(), space.size(), 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
    if (n < 0) return connection_ended(std::strerror(errno));
    if (n == 0) return connection_ended("closed by the other side");
    in_.filled(static_cast<std::size_t>(n));
  }
  input_waits_ = !deliver();
}

s64 StreamPort::prepare(std::vector<EventLoop::PollFd>& fds) {
  s64 wait = -1;
  host_.with_lock([&] { wait = prepare_locked(fds); });
  return wait;
}

s64 StreamPort::prepare_locked(std::vector<EventLoop::PollFd>& fds) {
  if (input_waits_) input_waits_ = !deliver();
  if (connection_) {
    unsigned events = connecting_ || !out_.empty() ? EventLoop::Writable : 0u;
    if (!connecting_ && !input_waits_) events |= EventLoop::Readable;
    // While the device has no room, not even the peer's leaving is news: what it sent before is
    // to be delivered first, and asking would never sleep.
    if (events != 0) fds.push_back({connection_.get(), events});
    return -1;
  }
  if (retry_at_ns_ < 0) return -1;
  return std::max<s64>(retry_at_ns_ - now_ns(), 0);
}

void StreamPort::ready(std::span<const EventLoop::PollFd> fds) {
  host_.with_lock([&] { ready_locked(fds); });
}

void StreamPort::ready_locked(std::span<const EventLoop::PollFd> fds) {
  if (!connection_) {
    if (retry_at_ns_ >= 0 && now_ns() >= retry_at_ns_) connect();
    return;
  }
  const unsigned events = fds.empty() ? 0u : fds[0].revents;
  if (events == 0) return;
  if (connecting_) {
    const int error = connect_result(connection_);
    if (error != 0) return connection_ended(std::strerror(error));
    connecting_ = false;
    return;
  }
  if ((events & EventLoop::Writable) != 0) flush();
  if ((events & (EventLoop::Readable | EventLoop::HangUp)) != 0) read();
}

}  // namespace quince::net
