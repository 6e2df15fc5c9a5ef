#include "net/socket/tcp_stream.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "net/socket/address.h"

namespace quince::net {

namespace {
constexpr std::size_t kReadSize = 64 * KiB;
}

Result<std::unique_ptr<TcpStream>> TcpStream::connect(const std::string& target, const Host& host) {
  const std::size_t colon = target.rfind(':');
  if (colon == std::string::npos) return fail("tcp:{}: expected tcp:HOST:PORT", target);
  Address address;
  address.host = target.substr(0, colon);
  address.port = target.substr(colon + 1);
  std::unique_ptr<TcpStream> s(new TcpStream(target, host));
  int error = EADDRNOTAVAIL;
  for (const SocketAddress& a : TRY(resolve(address, SOCK_STREAM, false))) {
    error = connect_at_start(a, s->fd_);
    if (error == 0 || error == EINPROGRESS) break;
  }
  if (error != 0 && error != EINPROGRESS)
    return fail("cannot connect to '{}': {}", target, std::strerror(error));
  s->connecting_ = error == EINPROGRESS;
  s->watch_ = host.loop.add_poller(*s);
  return s;
}

TcpStream::~TcpStream() { watch_.reset(); }

void TcpStream::end(const char* why) {
  host_.report(fmt::format("guestfwd: the connection to '{}' ended: {}", target_, why));
  fd_.reset();
  out_.clear();
}

void TcpStream::write(std::span<const u8> data) {
  if (!fd_) return;
  const std::size_t room = kMaxBuffered - out_.size();
  if (data.size() > room && !complained_) {
    complained_ = true;
    host_.report(fmt::format("guestfwd: '{}' is too slow, data is lost", target_));
  }
  data = data.first(std::min(room, data.size()));
  const bool idle = out_.empty();
  out_.insert(out_.end(), data.begin(), data.end());
  if (idle) host_.loop.wake();
}

void TcpStream::flush() {
  std::size_t done = 0;
  while (done < out_.size()) {
    const ssize_t n = ::send(fd_.get(), out_.data() + done, out_.size() - done, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK) return end(std::strerror(errno));
    if (n <= 0) break;
    done += static_cast<std::size_t>(n);
  }
  out_.erase(out_.begin(), out_.begin() + static_cast<std::ptrdiff_t>(done));
}

void TcpStream::resume() {
  if (in_.empty() || take_ == nullptr) return;
  const std::size_t n = take_(in_);
  in_.erase(in_.begin(), in_.begin() + static_cast<std::ptrdiff_t>(n));
}

s64 TcpStream::prepare(std::vector<EventLoop::PollFd>& fds) {
  host_.with_lock([&] {
    if (!fd_) return;
    unsigned events = connecting_ || !out_.empty() ? EventLoop::Writable : 0u;
    if (!connecting_ && in_.empty()) events |= EventLoop::Readable;
    if (events != 0) fds.push_back({fd_.get(), events});
  });
  return -1;
}

void TcpStream::ready(std::span<const EventLoop::PollFd> fds) {
  if (fds.empty()) return;
  host_.with_lock([&] { ready_locked(fds[0].revents); });
}

void TcpStream::ready_locked(unsigned events) {
  if (!fd_ || events == 0) return;
  if (connecting_) {
    if (const int error = connect_result(fd_); error != 0) return end(std::strerror(error));
    connecting_ = false;
    return;
  }
  if ((events & EventLoop::Writable) != 0) flush();
  if (!fd_ || !in_.empty() || (events & (EventLoop::Readable | EventLoop::HangUp)) == 0) return;
  in_.resize(kReadSize);
  const ssize_t n = ::recv(fd_.get(), in_.data(), in_.size(), 0);
  const int error = errno;
  in_.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
  if (n == 0) return end("closed by the other side");
  if (n < 0 && error != EINTR && error != EAGAIN && error != EWOULDBLOCK)
    return end(std::strerror(error));
  resume();
}

}  // namespace quince::net
