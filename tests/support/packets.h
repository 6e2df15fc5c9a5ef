// Packets for tests: written field by field, and judged by a checksum of the plainest kind.
#pragma once

#include <initializer_list>
#include <span>
#include <string_view>
#include <vector>

#include "base/types.h"
#include "net/packet.h"

namespace quince::net {

using Bytes = std::vector<u8>;

/// Bytes of hexadecimal text; blanks are skipped.
Bytes from_hex(std::string_view text);

/// RFC 1071 word by word, to judge `ones_sum`.
u16 plain_sum(std::span<const u8> data, u32 sum = 0);

/// What a test wants to know of an Ethernet frame with IP, TCP or UDP inside.
struct Packet {
  bool v6 = false;
  u8 protocol = 0;
  u32 ip_length = 0;  ///< what the IP header says of the packet with its headers
  u16 ip_id = 0;
  u32 seq = 0;
  u32 ack = 0;
  u16 source_port = 0;
  u16 target_port = 0;
  u8 flags = 0;
  u16 window = 0;
  u16 udp_length = 0;
  u16 l4_csum = 0;
  Bytes payload;
  bool ip_csum_ok = false;  ///< true for IPv6
  bool l4_csum_ok = false;
};

/// Takes a frame without VLAN tags and extension headers apart.
Packet parse_packet(std::span<const u8> frame);

/// The other direction.
struct Build {
  bool v6 = false;
  bool tcp = true;
  unsigned vlan_tags = 0;
  unsigned extensions = 0;  ///< IPv6 destination options of 8 bytes
  Bytes ip_options = {};    ///< IPv4, a multiple of 4
  Bytes tcp_options = {};   ///< a multiple of 4
  Bytes source_mac = {0x52, 0x54, 0, 0x12, 0x34, 0x56};
  Bytes target_mac = {0x52, 0x55, 10, 0, 2, 2};
  Bytes source = {10, 0, 2, 15};
  Bytes target = {10, 0, 2, 2};
  u16 source_port = 40000;
  u16 target_port = 80;
  u16 ip_id = 7;
  u32 seq = 1000;
  u32 ack = 0;
  u8 flags = 0x18;
  u16 window = 0xffff;
  Bytes payload = {};
  bool open_csum = false;  ///< the checksum field holds the pseudo header's sum only
};

/// Where the TCP or UDP header of the last built kind of frame begins.
std::size_t l4_offset(const Build& b);
Bytes build_packet(const Build& b);

/// Renews the checksum of a frame's IPv4 header.
void renew_ip_csum(Bytes& frame);
/// Makes a frame of IPv4 a fragment: where its payload belongs (a multiple of 8), and whether it is
/// not the last.  0 and false: none, and nothing that forbids it.
void set_fragment(Bytes& frame, std::size_t offset, bool more);
/// Cuts a frame of IPv4 into fragments of these many bytes of payload, from the beginning on.
std::vector<Bytes> fragments_of(const Bytes& frame, std::span<const std::size_t> sizes);
/// The same into fragments of `size` bytes, and a last one with the rest.
std::vector<Bytes> fragments_of(const Bytes& frame, std::size_t size);
inline std::vector<Bytes> fragments_of(const Bytes& frame,
                                       std::initializer_list<std::size_t> sizes) {
  return fragments_of(frame, std::span(sizes.begin(), sizes.size()));
}

}  // namespace quince::net
