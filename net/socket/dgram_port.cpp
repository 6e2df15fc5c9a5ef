#include "net/socket/dgram_port.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "net/packet.h"

namespace quince::net {

namespace {
constexpr unsigned kReadsAtOnce = 64;  // others want the lock, too
}

Result<std::unique_ptr<DgramPort>> DgramPort::create(const DgramOptions& options,
                                                     const Host& host) {
  std::unique_ptr<DgramPort> port(new DgramPort(host));
  TRY_VOID(port->start(options));
  port->watch_ = host.loop.add_poller(*port);
  return port;
}

DgramPort::~DgramPort() {
  watch_.reset();
  if (!unlink_.empty()) ::unlink(unlink_.c_str());
}

Result<void> DgramPort::start(const DgramOptions& o) {
  if (o.local && o.local->type == Address::Type::Fd) {
    fd_ = TRY(adopt_socket(o.local->fd, SOCK_DGRAM));
    return {};
  }
  const auto remotes = TRY(resolve(*o.remote, SOCK_DGRAM, false));
  remote_ = remotes.front();
  fd_ = open_socket(remote_->family(), SOCK_DGRAM);
  if (!fd_) return fail("cannot open a socket: {}", std::strerror(errno));
  if (remote_->is_multicast()) return join(*remote_, o.interface_address);
  if (!o.interface_address.empty() && !o.local) return fail("the local port is missing");
  if (!o.local) return {};  // the system chooses an address when the first frame is sent
  for (const SocketAddress& a : TRY(resolve(*o.local, SOCK_DGRAM, true)))
    if (a.family() == remote_->family()) {
      const bool in_files = a.family() == AF_UNIX && !o.local->abstract;
      struct stat st {};
      // What a process before us left behind would be in the way.
      if (in_files && ::lstat(o.local->path.c_str(), &st) == 0 && S_ISSOCK(st.st_mode))
        ::unlink(o.local->path.c_str());
      TRY_VOID(bind(a, describe(*o.local)));
      if (in_files) unlink_ = o.local->path;
      return {};
    }
  return fail("local and remote address are of different families");
}

Result<void> DgramPort::bind(const SocketAddress& a, const std::string& name) {
  const int on = 1;
  if (a.family() != AF_UNIX) ::setsockopt(fd_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(fd_.get(), a.get(), a.size) != 0)
    return fail("cannot bind to '{}': {}", name, std::strerror(errno));
  return {};
}

/// Joins a group: all who did share its address and port.
Result<void> DgramPort::join(const SocketAddress& group, const std::string& interface_address) {
  if (group.family() != AF_INET) return fail("only IPv4 groups can be joined");
  const auto& in = reinterpret_cast<const sockaddr_in&>(group.storage);
  ip_mreq request{};
  request.imr_multiaddr = in.sin_addr;
  if (!interface_address.empty() &&
      ::inet_pton(AF_INET, interface_address.c_str(), &request.imr_interface) != 1)
    return fail("interface {}: expected its IPv4 address", interface_address);
  if (!interface_address.empty() &&
      ::setsockopt(fd_.get(), IPPROTO_IP, IP_MULTICAST_IF, &request.imr_interface,
                   sizeof request.imr_interface) != 0)
    return fail("interface {}: {}", interface_address, std::strerror(errno));
  TRY_VOID(bind(group, fmt::format("{}:{}", to_string(in.sin_addr), ntohs(in.sin_port))));
  const int on = 1;
  if (::setsockopt(fd_.get(), IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, sizeof request) != 0)
    return fail("cannot join {}: {}", to_string(in.sin_addr), std::strerror(errno));
  ::setsockopt(fd_.get(), IPPROTO_IP, IP_MULTICAST_LOOP, &on, sizeof on);
  return {};
}

void DgramPort::send(std::span<const u8> frame, const Offload& offload) {
  auto send_one = [this](std::span<const u8> f, const Offload&) {
    const sockaddr* to = remote_ ? remote_->get() : nullptr;
    const socklen_t size = remote_ ? remote_->size : 0;
    // Whatever fails, the frame is lost, as on a cable: the peer may come back.
    if (::sendto(fd_.get(), f.data(), f.size(), MSG_NOSIGNAL | MSG_DONTWAIT, to, size) < 0)
      ++dropped_;
  };
  if (!finisher_.finish(frame, offload, features(), send_one))
    host_.log.guest_error("net.dgram", "dgram: a frame contradicts its header");
}

void DgramPort::attach(Receiver* receiver) {
  receiver_ = receiver;
  waiting_ = 0;
  host_.loop.wake();
}

void DgramPort::accept_input() {
  if (waiting_ != 0) host_.loop.wake();
}

/// Hands over the frame that waits.  False: the device has no room.
bool DgramPort::deliver() {
  if (waiting_ >= kEthernetHeader && receiver_ != nullptr &&
      !(receiver_->can_receive() &&
        receiver_->receive(std::span(buffer_).first(waiting_), Offload{})))
    return false;
  waiting_ = 0;
  return true;
}

void DgramPort::read() {
  for (unsigned i = 0; i < kReadsAtOnce && deliver(); ++i) {
    const ssize_t n = ::recv(fd_.get(), buffer_.data(), buffer_.size(), MSG_DONTWAIT);
    // An error is about a frame that was sent (nobody there), and read away with this.
    if (n <= 0) return;
    waiting_ = static_cast<std::size_t>(n);
  }
  deliver();
}

s64 DgramPort::prepare(std::vector<EventLoop::PollFd>& fds) {
  host_.with_lock([&] {
    // While one waits, the others wait in the kernel, which drops what is too much.
    if (waiting_ == 0 || deliver()) fds.push_back({fd_.get(), EventLoop::Readable});
  });
  return -1;
}

void DgramPort::ready(std::span<const EventLoop::PollFd> fds) {
  if (fds.empty() || fds[0].revents == 0) return;
  host_.with_lock([&] { read(); });
}

}  // namespace quince::net
