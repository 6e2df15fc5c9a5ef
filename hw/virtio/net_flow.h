// Which packets belong together: a number for each flow, the same in both directions.
//
// A flow is what two addresses and two ports of TCP or UDP have in common (RFC 9293, RFC 768), or
// two addresses of IP where there are no ports to see (other protocols, fragments, IPv6 extension
// headers).  The number has no secret in it: who chooses addresses and ports can make flows meet,
// which costs their speed and nothing else.
#pragma once

#include <optional>
#include <span>

#include "base/types.h"

namespace quince::hw {

/// The number of an Ethernet frame's flow, also behind up to two VLAN tags; nothing when it is not
/// IP.  The frame may change meanwhile: it can be guest memory.
std::optional<u32> flow_hash(std::span<const u8> frame);

}  // namespace quince::hw
