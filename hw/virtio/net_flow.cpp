#include "hw/virtio/net_flow.h"

#include "base/bits.h"
#include "net/packet.h"

namespace quince::hw {

namespace {

using net::load_be16;

constexpr std::size_t kIpv4Header = 20, kIpv6Header = 40, kPorts = 4;
constexpr u16 kFragmentBits = 0x3fff;  // more fragments, and the offset (RFC 791)

/// Spreads every bit over all others (the finalizer of MurmurHash3, in the public domain).
constexpr u32 mix(u32 h) {
  h = (h ^ (h >> 16)) * 0x85eb'ca6b;
  h = (h ^ (h >> 13)) * 0xc2b2'ae35;
  return h ^ (h >> 16);
}

/// One end of a flow.
u32 end_hash(std::span<const u8> address, u16 port) {
  u32 h = port;
  for (std::size_t i = 0; i + 4 <= address.size(); i += 4) h = mix(h + load_le<u32>(&address[i]));
  return h;
}

bool has_ports(u8 protocol) { return protocol == net::kIpTcp || protocol == net::kIpUdp; }

/// Both ends count alike, so that an answer has the number of its question.
u32 hash(std::span<const u8> frame, std::size_t addresses, std::size_t address_size,
         std::size_t ports, u8 protocol) {
  const bool seen = ports != 0 && ports + kPorts <= frame.size() && has_ports(protocol);
  const u16 from = seen ? load_be16(&frame[ports]) : u16{0};
  const u16 to = seen ? load_be16(&frame[ports + 2]) : u16{0};
  return mix(end_hash(frame.subspan(addresses, address_size), from) +
             end_hash(frame.subspan(addresses + address_size, address_size), to) + protocol);
}

}  // namespace

std::optional<u32> flow_hash(std::span<const u8> frame) {
  std::size_t at = net::kEthernetHeader - 2;
  u16 type = 0;
  for (unsigned tags = 0; at + 2 <= frame.size(); ++tags, at += 4) {
    type = load_be16(&frame[at]);
    if ((type != net::kEtherVlan && type != net::kEtherServiceVlan) || tags == 2) break;
  }
  const std::size_t ip = at + 2;
  if (type == net::kEtherIpv4 && ip + kIpv4Header <= frame.size()) {
    const bool fragment = (load_be16(&frame[ip + 6]) & kFragmentBits) != 0;
    const std::size_t header = std::size_t{4} * (frame[ip] & 0xf);
    return hash(frame, ip + 12, 4, fragment ? 0 : ip + header, frame[ip + 9]);
  }
  if (type == net::kEtherIpv6 && ip + kIpv6Header <= frame.size())
    return hash(frame, ip + 8, 16, ip + kIpv6Header, frame[ip + 6]);
  return std::nullopt;
}

}  // namespace quince::hw
