// Addresses of Unix and TCP sockets: made from text, listened at, connected to.
#pragma once

#include <sys/socket.h>

#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace quince::machine {

/// A socket as the properties of `-chardev socket` describe it.
struct SocketOptions {
  std::string path;        ///< Unix
  bool abstract = false;   ///< Unix: a name in the abstract namespace
  bool tight = true;       ///< Unix, abstract: the address ends with the name
  std::string host, port;  ///< TCP; an empty host is any address to listen at, or this host
  bool ipv4 = true, ipv6 = true;
  u32 to = 0;   ///< TCP server: the last port to try; 0: only `port`
  int fd = -1;  ///< a socket that was passed to the program
  bool server = false;
  bool wait = true;      ///< server: the machine starts when a client has come
  bool nodelay = false;  ///< TCP_NODELAY
  u64 reconnect_ms = 0;  ///< client: pause before the next attempt; 0: no other attempt

  bool is_unix() const { return !path.empty(); }
};

/// An address that was resolved.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
  int family() const { return storage.ss_family; }
  /// "unix:/tmp/s", "tcp:127.0.0.1:4444", "tcp:[::1]:4444".
  std::string text() const;
};

/// All addresses that the options name; at least one.  Looks names up, which may take its time.
Result<std::vector<SocketAddress>> resolve(const SocketOptions& options);

/// The address that a socket has, or that its peer has.
SocketAddress local_address(int fd);

/// A listening, non-blocking socket.  A socket file that is left over at a Unix address is
/// replaced; another kind of file is not.
Result<Fd> listen_at(const SocketOptions& options, const std::vector<SocketAddress>& addresses);

/// A non-blocking socket that is connected, or is connecting (`pending`).
Result<Fd> begin_connect(const SocketAddress& address, bool& pending);

/// The names that messages use: "/tmp/s", "host:port".
std::string display_name(const SocketOptions& options);

}  // namespace quince::machine
