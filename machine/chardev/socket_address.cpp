#include "machine/chardev/socket_address.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <memory>

namespace quince::machine {

namespace {

constexpr int kBacklog = 16;
constexpr int kType = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;

const sockaddr* raw(const SocketAddress& a) {
  return reinterpret_cast<const sockaddr*>(&a.storage);
}

Result<SocketAddress> unix_address(const SocketOptions& o) {
  SocketAddress a;
  sockaddr_un un{};
  un.sun_family = AF_UNIX;
  const std::size_t first = o.abstract ? 1 : 0;
  constexpr std::size_t kRoom = sizeof un.sun_path;
  if (o.path.size() + 1 > kRoom)
    return fail("UNIX socket path '{}' is too long (at most {} bytes)", o.path, kRoom - 1);
  std::memcpy(un.sun_path + first, o.path.data(), o.path.size());
  std::memcpy(&a.storage, &un, sizeof un);
  a.size = static_cast<socklen_t>(
      o.abstract && o.tight ? offsetof(sockaddr_un, sun_path) + 1 + o.path.size() : sizeof un);
  return a;
}

Result<std::vector<SocketAddress>> inet_addresses(const SocketOptions& o) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_family = o.ipv4 && o.ipv6 ? AF_UNSPEC : o.ipv4 ? AF_INET : AF_INET6;
  hints.ai_flags = o.server ? AI_PASSIVE : 0;
  addrinfo* list = nullptr;
  const int error = ::getaddrinfo(o.host.empty() ? nullptr : o.host.c_str(),
                                  o.port.empty() ? "0" : o.port.c_str(), &hints, &list);
  if (error != 0)
    return fail("address resolution failed for '{}': {}", display_name(o), ::gai_strerror(error));
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(list, ::freeaddrinfo);
  std::vector<SocketAddress> out;
  for (const addrinfo* i = list; i != nullptr; i = i->ai_next) {
    if (i->ai_addrlen > sizeof(sockaddr_storage)) continue;
    SocketAddress a;
    std::memcpy(&a.storage, i->ai_addr, i->ai_addrlen);
    a.size = i->ai_addrlen;
    out.push_back(a);
  }
  if (out.empty()) return fail("address resolution failed for '{}': no address", display_name(o));
  return out;
}

void set_port(SocketAddress& a, u16 port) {
  if (a.family() == AF_INET) reinterpret_cast<sockaddr_in*>(&a.storage)->sin_port = htons(port);
  if (a.family() == AF_INET6) reinterpret_cast<sockaddr_in6*>(&a.storage)->sin6_port = htons(port);
}

u16 port_of(const SocketAddress& a) {
  if (a.family() == AF_INET)
    return ntohs(reinterpret_cast<const sockaddr_in*>(&a.storage)->sin_port);
  if (a.family() == AF_INET6)
    return ntohs(reinterpret_cast<const sockaddr_in6*>(&a.storage)->sin6_port);
  return 0;
}

/// Removes the socket file that an earlier run left.  Never another kind of file.
void remove_stale(const SocketOptions& o) {
  struct stat st {};
  if (o.is_unix() && !o.abstract && ::lstat(o.path.c_str(), &st) == 0 && S_ISSOCK(st.st_mode))
    ::unlink(o.path.c_str());
}

/// errno in `error` when it does not work.
Fd try_listen(const SocketAddress& a, int& error) {
  Fd fd(::socket(a.family(), kType, 0));
  const int on = 1;
  if (fd && a.family() != AF_UNIX) ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (fd && ::bind(fd.get(), raw(a), a.size) == 0 && ::listen(fd.get(), kBacklog) == 0) return fd;
  error = errno;
  return {};
}

}  // namespace

std::string display_name(const SocketOptions& o) {
  if (o.fd >= 0) return fmt::format("fd {}", o.fd);
  if (o.is_unix()) return o.abstract ? "@" + o.path : o.path;
  if (o.host.find(':') != std::string::npos) return fmt::format("[{}]:{}", o.host, o.port);
  return fmt::format("{}:{}", o.host, o.port);
}

std::string SocketAddress::text() const {
  if (family() == AF_UNIX) {
    const auto* un = reinterpret_cast<const sockaddr_un*>(&storage);
    constexpr std::size_t kHead = offsetof(sockaddr_un, sun_path);
    if (size <= kHead) return "unix:";
    const std::size_t n = size - kHead;
    if (un->sun_path[0] == 0)
      return "unix:@" + std::string(un->sun_path + 1, ::strnlen(un->sun_path + 1, n - 1));
    return "unix:" + std::string(un->sun_path, ::strnlen(un->sun_path, n));
  }
  std::array<char, INET6_ADDRSTRLEN> name{};
  if (family() == AF_INET) {
    ::inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(&storage)->sin_addr, name.data(),
                static_cast<socklen_t>(name.size()));
    return fmt::format("tcp:{}:{}", name.data(), port_of(*this));
  }
  if (family() == AF_INET6) {
    ::inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6*>(&storage)->sin6_addr, name.data(),
                static_cast<socklen_t>(name.size()));
    return fmt::format("tcp:[{}]:{}", name.data(), port_of(*this));
  }
  return "socket";
}

SocketAddress local_address(int fd) {
  SocketAddress a;
  a.size = sizeof a.storage;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&a.storage), &a.size) != 0) a.size = 0;
  return a;
}

Result<std::vector<SocketAddress>> resolve(const SocketOptions& o) {
  if (!o.is_unix()) return inet_addresses(o);
  return std::vector{TRY(unix_address(o))};
}

Result<Fd> listen_at(const SocketOptions& o, const std::vector<SocketAddress>& addresses) {
  remove_stale(o);
  int error = 0;
  const u32 first = port_of(addresses.front());
  for (u32 port = first; port <= std::max(first, o.to); ++port)
    for (SocketAddress a : addresses) {
      set_port(a, static_cast<u16>(port));
      if (Fd fd = try_listen(a, error)) return fd;
    }
  return fail("Failed to listen on '{}': {}", display_name(o), std::strerror(error));
}

Result<Fd> begin_connect(const SocketAddress& a, bool& pending) {
  Fd fd(::socket(a.family(), kType, 0));
  pending = false;
  if (fd && ::connect(fd.get(), raw(a), a.size) == 0) return fd;
  // A Unix server whose backlog is full says EAGAIN, and means that nothing has begun.
  if (fd && errno == EINPROGRESS) {
    pending = true;
    return fd;
  }
  return fail("{}", std::strerror(errno));
}

}  // namespace quince::machine
