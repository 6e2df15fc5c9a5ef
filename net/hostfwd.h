// Rules of `hostfwd=`: a port of the host that leads to a port of the guest.  QEMU's spelling:
// [tcp|udp]:[hostaddr]:hostport-[guestaddr]:guestport, with IPv4 addresses.
#pragma once

#include <netinet/in.h>

#include <string>

#include "base/result.h"
#include "base/types.h"

namespace quince::net {

struct HostForward {
  bool udp = false;
  in_addr host{};     ///< any address of the host if 0
  u16 host_port = 0;  ///< 0 in a rule: a free one is chosen
  in_addr guest{};    ///< the first address that DHCP gives out if 0
  u16 guest_port = 0;
  std::string rule;  ///< as it was written
};

/// "tcp::2222-:22" and the like.
Result<HostForward> parse_hostfwd(const std::string& rule);

/// The left side alone ("tcp::2222"), as `hostfwd_remove` takes it; guest fields stay 0.
Result<HostForward> parse_hostfwd_removal(const std::string& rule);

/// "tcp 127.0.0.1:40123 -> :22", for people.
std::string describe(const HostForward& forward);

/// "a.b.c.d"
std::string to_string(in_addr address);

}  // namespace quince::net
