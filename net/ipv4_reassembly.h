// Datagrams of IPv4 put together again from their fragments (RFC 791 section 3.2, RFC 1122 section
// 3.3.2), for who takes whole datagrams only.
//
// Fragments are told apart by source, destination, protocol and identification, and may come in any
// order.  A datagram whose fragments overlap or contradict each other is refused with all that
// belongs to it, as RFC 5722 has it for IPv6, but for copies that change nothing (RFC 8200 section
// 4.5).  The whole has the first fragment's headers with length, flags, offset and checksum renewed;
// "don't fragment" is not kept, because its sender did fragment.
//
// The standards leave open how much is kept: kMaxOpen datagrams, of which the oldest gives way.  They
// live for 30 seconds, as in Linux, and not for the 60 to 120 of RFC 1122, because identifications
// come back sooner than that today (RFC 4963).  Missing on purpose: the ICMP message about a
// datagram whose time is up.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "base/types.h"

namespace quince::net {

/// Knows no clock: time is what its caller says, and must not run backwards.
class Ipv4Reassembler {
 public:
  static constexpr std::size_t kMaxOpen = 32;
  static constexpr s64 kLifetimeNs = 30'000'000'000;  ///< from a datagram's first fragment

  Ipv4Reassembler();
  ~Ipv4Reassembler();
  Ipv4Reassembler(const Ipv4Reassembler&) = delete;
  Ipv4Reassembler& operator=(const Ipv4Reassembler&) = delete;

  /// Takes an Ethernet frame with IPv4 inside, without VLAN tags.  Returns `frame` itself if it is
  /// no fragment; a frame with the whole datagram if this was the last piece of it, which is valid
  /// until the next call; else an empty one.
  std::span<const u8> take(std::span<const u8> frame, s64 now_ns);

  /// Forgets all fragments.
  void clear();

  /// Datagrams that are waited for, and those that are refused until their time is up.
  std::size_t open() const { return open_.size(); }
  /// The host's memory that is in use; at most kMaxOpen + 1 times that of one datagram (67 KiB).
  std::size_t held_bytes() const;

 private:
  struct Fragment;
  class Datagram;

  static bool parse(std::span<const u8> frame, Fragment& out);
  std::span<const u8> add(const Fragment& fragment, s64 now_ns);

  std::vector<std::unique_ptr<Datagram>> open_;  ///< the oldest first
  std::unique_ptr<Datagram> whole_;              ///< what was returned last
};

}  // namespace quince::net
