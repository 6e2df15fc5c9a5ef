// `-netdev` as a structure: what each type of back end can be told, in QEMU's spelling.
//
// Types: user, socket, stream, dgram, hubport.  Others are refused by name, and so is every key
// that a type does not know.
#pragma once

#include <netinet/in.h>

#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"
#include "net/hostfwd.h"

namespace quince::net {

/// A port of the guest's network that leads to something on the host.
struct GuestForward {
  in_addr server{};  ///< inside the guest's network
  u16 port = 0;
  std::string target;  ///< "cmd:COMMAND", "tcp:HOST:PORT", "unix:PATH" or another stream's name
  std::string rule;    ///< as it was written
};

/// type=user: a network of its own behind address translation.
struct UserOptions {
  bool ipv4 = true;
  bool ipv6 = true;
  bool restricted = false;  ///< the guest reaches only what is forwarded
  in_addr network{};
  in_addr netmask{};
  in_addr host{};
  in_addr dhcp_start{};
  in_addr dns{};
  in6_addr ipv6_prefix{};
  u8 ipv6_prefix_length = 64;
  in6_addr ipv6_host{};
  in6_addr ipv6_dns{};
  std::string hostname;
  std::string domain_name;
  std::vector<std::string> dns_search;
  std::string tftp;  ///< a folder
  std::string tftp_server_name;
  std::string bootfile;
  std::vector<HostForward> host_forwards;
  std::vector<GuestForward> guest_forwards;
};

/// Where a socket is.
struct Address {
  enum class Type : u8 { Inet, Unix, Fd };
  Type type = Type::Inet;
  std::string host;  ///< Inet; empty: any address
  std::string port;  ///< Inet: a number or a service's name
  bool ipv4 = true;  ///< Inet: which of a name's addresses may be used
  bool ipv6 = true;
  std::string path;       ///< Unix
  bool abstract = false;  ///< Unix: not in the file system
  int fd = -1;            ///< Fd
};

/// type=stream, and socket with listen= or connect=: frames in a stream, each after its length.
struct StreamOptions {
  Address address;
  bool server = false;
  u32 reconnect_ms = 0;  ///< 0: a lost or refused connection stays so
};

/// type=dgram, and socket with udp= or mcast=: a frame in each datagram.
struct DgramOptions {
  std::optional<Address> local;
  std::optional<Address> remote;  ///< Inet with a multicast address: the group is joined
  std::string interface_address;  ///< multicast: the interface to send on, by its address
};

/// socket with fd=: what the descriptor is decides.
struct SocketFdOptions {
  int fd = -1;
};

/// type=hubport: a socket of a hub.
struct HubportOptions {
  u32 hub = 0;
  std::string netdev;  ///< the back end that is plugged in, instead of a device
};

struct NetdevOptions {
  std::string id;
  std::variant<UserOptions, StreamOptions, DgramOptions, SocketFdOptions, HubportOptions> backend;
};

/// `-object filter-dump`: a file that gets a copy of each frame.
struct DumpOptions {
  std::string id;
  std::string netdev;
  std::string file;
  u32 max_length = 65536;  ///< bytes of each frame that are kept
  bool to_guest = true;    ///< queue=tx or all
  bool from_guest = true;  ///< queue=rx or all
  bool enabled = true;     ///< status=on
};

using OptionPairs = std::vector<std::pair<std::string, std::string>>;

/// `-netdev TYPE,id=...`; the type has the key "type".
Result<NetdevOptions> parse_netdev(const OptionPairs& pairs);

/// `-object filter-dump,id=...`, without the object's type.
Result<DumpOptions> parse_filter_dump(const OptionPairs& pairs);

/// The default network of type=user, as if nothing had been said.
UserOptions default_user_options();

}  // namespace quince::net
