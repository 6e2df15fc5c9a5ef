#include "net/socket/address.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <memory>

namespace quince::net {

namespace {

Result<SocketAddress> unix_address(const Address& a) {
  SocketAddress out;
  auto& un = reinterpret_cast<sockaddr_un&>(out.storage);
  const std::size_t extra = 1;  // the zero after a path, or the one before an abstract name
  if (a.path.size() + extra > sizeof un.sun_path)
    return fail("the path '{}' is longer than the {} bytes of a Unix socket's", a.path,
                sizeof un.sun_path - extra);
  un.sun_family = AF_UNIX;
  std::copy(a.path.begin(), a.path.end(), un.sun_path + (a.abstract ? 1 : 0));
  out.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + a.path.size() + extra);
  return out;
}

}  // namespace

bool SocketAddress::is_multicast() const {
  if (family() == AF_INET)
    return IN_MULTICAST(ntohl(reinterpret_cast<const sockaddr_in&>(storage).sin_addr.s_addr));
  if (family() == AF_INET6)
    return reinterpret_cast<const sockaddr_in6&>(storage).sin6_addr.s6_addr[0] == 0xff;
  return false;
}

std::string describe(const Address& a) {
  switch (a.type) {
    case Address::Type::Inet:
      return fmt::format("{}:{}", a.host, a.port);
    case Address::Type::Unix:
      return fmt::format("unix:{}", a.path);
    case Address::Type::Fd:
      break;
  }
  return fmt::format("fd:{}", a.fd);
}

Result<std::vector<SocketAddress>> resolve(const Address& a, int type, bool passive) {
  std::vector<SocketAddress> out;
  if (a.type == Address::Type::Unix) {
    out.push_back(TRY(unix_address(a)));
    return out;
  }
  if (a.type == Address::Type::Fd) return out;
  addrinfo hints{};
  hints.ai_family = !a.ipv6 ? AF_INET : !a.ipv4 ? AF_INET6 : AF_UNSPEC;
  hints.ai_socktype = type;
  hints.ai_flags = passive ? AI_PASSIVE : 0;
  addrinfo* list = nullptr;
  const char* host = a.host.empty() ? nullptr : a.host.c_str();
  if (const int error = ::getaddrinfo(host, a.port.c_str(), &hints, &list); error != 0)
    return fail("cannot resolve '{}': {}", describe(a), ::gai_strerror(error));
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(list, &::freeaddrinfo);
  for (const addrinfo* i = list; i != nullptr; i = i->ai_next) {
    SocketAddress s;
    std::memcpy(&s.storage, i->ai_addr, i->ai_addrlen);
    s.size = i->ai_addrlen;
    out.push_back(s);
  }
  // Without a host the wildcard of IPv4 is what QEMU listens on.
  if (host == nullptr)
    std::stable_partition(out.begin(), out.end(),
                          [](const SocketAddress& s) { return s.family() == AF_INET; });
  return out;
}

Fd open_socket(int family, int type) {
  return Fd(::socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

Result<Fd> adopt_socket(int fd, int type) {
  int is = 0;
  socklen_t size = sizeof is;
  if (::getsockopt(fd, SOL_SOCKET, SO_TYPE, &is, &size) != 0)
    return fail("fd {}: {}", fd, std::strerror(errno));
  if (is != type)
    return fail("fd {}: not a {} socket", fd, type == SOCK_STREAM ? "stream" : "datagram");
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
    return fail("fd {}: {}", fd, std::strerror(errno));
  ::fcntl(fd, F_SETFD, FD_CLOEXEC);
  return Fd(fd);
}

int begin_connect(const SocketAddress& to, Fd& fd) {
  fd = open_socket(to.family(), SOCK_STREAM);
  if (!fd) return errno;
  if (to.family() != AF_UNIX) {
    const int on = 1;
    ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  return ::connect(fd.get(), to.get(), to.size) == 0 ? 0 : errno;
}

int connect_at_start(const SocketAddress& to, Fd& fd) {
  constexpr int kPatience = 100;  // ms; a peer on this host answers at once
  if (const int error = begin_connect(to, fd); error != EINPROGRESS) return error;
  pollfd p{fd.get(), POLLOUT, 0};
  return ::poll(&p, 1, kPatience) > 0 ? connect_result(fd) : EINPROGRESS;
}

int connect_result(const Fd& fd) {
  int error = 0;
  socklen_t size = sizeof error;
  return ::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

}  // namespace quince::net
