// Packets between a network device and what it is plugged into.
#pragma once

#include <functional>
#include <span>

#include "base/types.h"

namespace quince::net {

/// The longest frame that travels: a segment of 64 KiB that is still to be cut, with its headers.
inline constexpr std::size_t kMaxFrame = 65536 + 256;

/// Work on a frame that its sender left to others, with the meaning of virtio_net_hdr (virtio 1.2
/// section 5.1.6): a checksum that covers from `csum_start` and is stored at `csum_start +
/// csum_offset` (it holds the pseudo header's sum), and a segment to be cut into pieces.
struct Offload {
  /// Udp: each piece becomes a datagram of its own (VIRTIO_NET_HDR_GSO_UDP_L4).
  enum class Segment : u8 { None, Tcp4, Tcp6, Udp };
  bool needs_csum = false;
  bool csum_valid = false;  ///< receive: checked already
  u16 csum_start = 0;       ///< bytes into the frame
  u16 csum_offset = 0;      ///< bytes after csum_start
  Segment segment = Segment::None;
  bool ecn = false;
  u16 segment_size = 0;   ///< payload bytes per piece
  u16 header_length = 0;  ///< bytes before the payload
};

/// Which work on a frame someone takes over.
struct Features {
  bool csum = false;      ///< frames that need a checksum
  bool segments = false;  ///< frames that need cutting (TCP over IPv4 and IPv6)
};

/// The device's side.  Called with the I/O lock held.
class Receiver {
 public:
  /// What the guest asked for; nobody hands over frames that need more.
  virtual Features features() const { return {}; }
  /// Whether receive() would take a frame now; a port keeps or drops frames until then.
  virtual bool can_receive() const = 0;
  /// Delivers one Ethernet frame without its FCS.  False: there was no room, and the port may try
  /// again after accept_input().
  virtual bool receive(std::span<const u8> frame, const Offload& offload) = 0;
  /// The cable was plugged in or pulled out.
  virtual void link_changed(bool up) = 0;

 protected:
  ~Receiver() = default;
};

/// The back end's side.  Called with the I/O lock held, on any thread; never blocks.  It calls its
/// receiver later, from the loop: never from inside one of these functions.
class Port {
 public:
  virtual ~Port() = default;
  /// What costs the port nothing; the rest it does itself in software (net/offload.h).
  virtual Features features() const { return {}; }
  /// Sends one Ethernet frame, with any offload; what the host cannot take in time is dropped.
  virtual void send(std::span<const u8> frame, const Offload& offload) = 0;
  /// Connects the device; there is at most one.  Null disconnects.
  virtual void attach(Receiver* receiver) = 0;
  /// The device has room again.
  virtual void accept_input() {}
};

/// Runs a function with the I/O lock held.  Back ends get it from the machine, because the lock is
/// nothing that they know.
using WithLock = std::function<void(const std::function<void()>&)>;

}  // namespace quince::net
