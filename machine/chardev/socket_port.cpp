#include "machine/chardev/socket_port.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace quince::machine {

namespace {

Result<int> int_option(int fd, int name) {
  int value = 0;
  socklen_t size = sizeof value;
  if (::getsockopt(fd, SOL_SOCKET, name, &value, &size) != 0)
    return fail("{}", std::strerror(errno));
  return value;
}

}  // namespace

SocketPort::SocketPort(const CharHost& host, SocketOptions options)
    : StreamPort(host, OnFull::Drop), options_(std::move(options)) {}

SocketPort::~SocketPort() {
  struct stat st {};
  if (file_inode_ != 0 && ::lstat(options_.path.c_str(), &st) == 0 && st.st_ino == file_inode_ &&
      st.st_dev == file_device_)
    ::unlink(options_.path.c_str());
}

Result<std::unique_ptr<CharBackend>> SocketPort::open(const CharHost& host,
                                                      const SocketOptions& options) {
  std::unique_ptr<SocketPort> port(new SocketPort(host, options));
  if (options.fd >= 0)
    TRY_VOID(port->open_passed());
  else if (options.server)
    TRY_VOID(port->open_server());
  else
    TRY_VOID(port->open_client());
  return port;
}

std::string SocketPort::description() const {
  SocketAddress a;
  if (listener_)
    a = local_address(listener_->fd());
  else if (!addresses_.empty())
    a = addresses_.front();
  std::string text = a.size != 0 ? a.text() : display_name(options_);
  if (listener_) text += ",server=on";
  return is_streaming() ? text : "disconnected:" + text;
}

void SocketPort::adopt(Fd fd) {
  const int on = 1;
  if (options_.nodelay && local_address(fd.get()).family() != AF_UNIX)
    ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  connect(Ends::one(std::move(fd)));
}

void SocketPort::peer_closed() {
  disconnect();
  if (listener_) listener_->start();
  if (retry_timer_) retry_later();
}

Result<void> SocketPort::open_passed() {
  struct stat st {};
  if (::fstat(options_.fd, &st) != 0 || !S_ISSOCK(st.st_mode))
    return fail("fd={} is not an open socket", options_.fd);
  const bool listening = TRY(int_option(options_.fd, SO_ACCEPTCONN)) != 0;
  if (options_.server && !listening) return fail("fd={} is not a listening socket", options_.fd);
  if (!options_.server && listening)
    return fail("fd={} is a listening socket, which needs server=on", options_.fd);
  Fd fd(options_.fd);
  ::fcntl(fd.get(), F_SETFD, FD_CLOEXEC);
  if (!options_.server) {
    adopt(std::move(fd));
    return {};
  }
  ::fcntl(fd.get(), F_SETFL, ::fcntl(fd.get(), F_GETFL) | O_NONBLOCK);
  listen_on(std::move(fd));
  return wait_for_client();
}

// ---- Server ------------------------------------------------------------------------------------

Result<void> SocketPort::open_server() {
  addresses_ = TRY(resolve(options_));
  listen_on(TRY(listen_at(options_, addresses_)));
  struct stat st {};
  if (options_.is_unix() && !options_.abstract && ::lstat(options_.path.c_str(), &st) == 0) {
    file_device_ = st.st_dev;
    file_inode_ = st.st_ino;
  }
  return wait_for_client();
}

void SocketPort::listen_on(Fd listening) {
  listener_ = std::make_unique<Listener>(host().loop, std::move(listening), [this](Fd client) {
    const hw::IoLock::Guard held(host().lock);
    listener_->stop();
    adopt(std::move(client));
  });
}

/// The first client, if the machine is not to start without one.  While there is one, others wait in
/// the kernel.
Result<void> SocketPort::wait_for_client() {
  if (!options_.wait) {
    listener_->start();
    return {};
  }
  if (host().notice) host().notice(fmt::format("waiting for connection on: {}", description()));
  for (;;) {
    if (Fd client = listener_->accept()) {
      adopt(std::move(client));
      return {};
    }
    if (Listener::is_lasting(errno))
      return fail("could not accept a connection: {}", std::strerror(errno));
    if (!wait_for_fd(listener_->fd(), POLLIN, -1))
      return fail("could not wait for a connection: {}", std::strerror(errno));
  }
}

// ---- Client ------------------------------------------------------------------------------------

Result<void> SocketPort::open_client() {
  addresses_ = TRY(resolve(options_));
  if (options_.reconnect_ms != 0) {
    retry_timer_ = Fd(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
    if (!retry_timer_) return fail("could not create a timer: {}", std::strerror(errno));
    retry_watch_ = host().loop.watch(retry_timer_.get(), EventLoop::Readable,
                                     [this](unsigned) { on_retry(); });
    if (!try_connect()) retry_later();
    return {};
  }
  while (!is_streaming()) {
    if (!try_connect())
      return fail("Failed to connect to '{}': {}", display_name(options_), error_);
    if (!connecting_) break;
    if (!wait_for_fd(connecting_.get(), POLLOUT, -1)) error_ = std::strerror(errno);
    on_connecting(EventLoop::Writable);
  }
  return {};
}

/// Begins with the next address at which something begins: false when there is none left.
bool SocketPort::try_connect() {
  while (next_address_ < addresses_.size()) {
    bool pending = false;
    Result<Fd> fd = begin_connect(addresses_[next_address_++], pending);
    if (!fd) {
      error_ = fd.error().message();
      continue;
    }
    if (!pending) {
      next_address_ = 0;
      adopt(std::move(*fd));
      return true;
    }
    connecting_ = std::move(*fd);
    if (retry_timer_)
      connecting_watch_ =
          host().loop.watch(connecting_.get(), EventLoop::Writable, [this](unsigned events) {
            const hw::IoLock::Guard held(host().lock);
            on_connecting(events);
          });
    return true;
  }
  next_address_ = 0;
  return false;
}

/// The attempt has an outcome.
void SocketPort::on_connecting(unsigned) {
  connecting_watch_.reset();
  Fd fd = std::move(connecting_);
  const Result<int> error = int_option(fd.get(), SO_ERROR);
  if (error && *error == 0) {
    next_address_ = 0;
    return adopt(std::move(fd));
  }
  error_ = error ? std::strerror(*error) : error.error().message();
  if (retry_timer_ && !try_connect()) retry_later();
}

void SocketPort::retry_later() {
  itimerspec t{};
  t.it_value.tv_sec = static_cast<time_t>(options_.reconnect_ms / 1000);
  t.it_value.tv_nsec = static_cast<long>(options_.reconnect_ms % 1000 * 1'000'000);
  ::timerfd_settime(retry_timer_.get(), 0, &t, nullptr);
}

void SocketPort::on_retry() {
  u64 expirations = 0;
  if (::read(retry_timer_.get(), &expirations, sizeof expirations) < 0) return;
  const hw::IoLock::Guard held(host().lock);
  if (!is_streaming() && !connecting_ && !try_connect()) retry_later();
}

}  // namespace quince::machine
