// Work on frames that their sender left to others, done in software: checksums (RFC 1071) and the
// cutting of large segments into pieces.
//
// Cut are TCP over IPv4 and IPv6 and UDP datagrams (one datagram for each piece), also behind VLAN
// tags and IPv6 extension headers.  Missing on purpose: IP fragmentation (VIRTIO_NET_HDR_GSO_UDP),
// which drivers no longer ask for, and tunnels.
#pragma once

#include <array>
#include <span>
#include <type_traits>

#include "base/types.h"
#include "net/net.h"

namespace quince::net {

/// The one's complement sum of `data` as big-endian 16-bit words, an odd last byte padded with
/// zero (RFC 1071); not inverted, and not 0 unless all bytes are.
u16 ones_sum(std::span<const u8> data);

/// The fewest bytes of payload that a piece may have: what is left of the smallest segment with
/// all of the options (Linux sends no smaller ones).  It bounds the pieces of a frame.
inline constexpr u16 kMinSegmentSize = 8;

/// Brings frames into the form that their receiver takes.  Holds the memory that this needs.
class Finisher {
 public:
  /// Calls `sink(frame, offload)` for each frame that comes of `frame`, which is the frame itself
  /// if `features` allow it.  False: the frame contradicts `offload`, and nothing came out.
  template <class Sink>
  [[nodiscard]] bool finish(std::span<const u8> frame, const Offload& offload, Features features,
                            Sink&& sink) {
    using S = std::remove_reference_t<Sink>;
    return finish_to(
        frame, offload, features,
        [](void* s, std::span<const u8> f, const Offload& o) { (*static_cast<S*>(s))(f, o); },
        &sink);
  }

 private:
  using Take = void (*)(void* context, std::span<const u8> frame, const Offload& offload);
  bool finish_to(std::span<const u8> frame, const Offload& offload, Features features, Take take,
                 void* context);

  std::array<u8, kMaxFrame> scratch_;
};

}  // namespace quince::net
