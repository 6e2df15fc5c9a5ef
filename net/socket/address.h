// Addresses of options as addresses of sockets, and sockets made of them.
#pragma once

#include <sys/socket.h>

#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "net/config.h"

namespace quince::net {

/// An address that the kernel takes.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;

  int family() const { return storage.ss_family; }
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  /// Whether it is an IPv4 or IPv6 group.
  bool is_multicast() const;
};

/// "host:port", "unix:path" or "fd:n", for messages.
std::string describe(const Address& address);

/// All that a name stands for, best first.  Asks the resolver, so it may take a while: for
/// start-up only.  `type` is SOCK_STREAM or SOCK_DGRAM; `passive`: to listen on.
Result<std::vector<SocketAddress>> resolve(const Address& address, int type, bool passive);

/// A socket that does not block; -1 inside and errno set if there is none.
Fd open_socket(int family, int type);

/// Makes a descriptor from outside ours: it must be a socket of `type`.  It is closed with us.
Result<Fd> adopt_socket(int fd, int type);

/// Begins to connect: 0 when done, EINPROGRESS, or what went wrong.  `fd` is the socket.
int begin_connect(const SocketAddress& to, Fd& fd);

/// The same at start-up, where an error that shows soon is worth waiting for: up to 100 ms.
int connect_at_start(const SocketAddress& to, Fd& fd);

/// How a connection attempt that was in progress ended: 0 or an error.
int connect_result(const Fd& fd);

}  // namespace quince::net
