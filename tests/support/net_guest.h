// A guest of the user network, in a few lines: it answers ARP, sends UDP and pings and speaks just
// enough TCP for a connection over which nothing is lost.  What comes in fragments it puts together.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "net/net.h"
#include "tests/support/net_bench.h"

namespace quince::net {

/// One end of a TCP connection.
struct GuestTcp {
  u16 local = 0;
  u16 remote = 0;
  Bytes peer = {10, 0, 2, 2};
  Bytes peer_mac = {0x52, 0x55, 10, 0, 2, 2};
  u32 seq = 0x1000;    ///< of the next byte that we send
  u32 acked = 0x1000;  ///< the other side has everything before
  u32 ack = 0;         ///< of the next byte that we expect
  bool established = false;
  bool fin = false;  ///< the other side has said all
  bool reset = false;
  Bytes received;
};

class Guest {
 public:
  Guest(Bench& bench, Port& port);
  ~Guest();

  void send(const Bytes& frame, const Offload& offload = {});
  /// Asks for the hardware address of 10.0.2.`host`.
  void arp_request(u8 host);
  void udp(u16 from, const Bytes& to, u16 to_port, const Bytes& payload);
  /// The same in fragments of `size` bytes, the last one first.
  void udp_in_fragments(u16 from, const Bytes& to, u16 to_port, const Bytes& payload,
                        std::size_t size);
  /// An echo request in fragments, likewise.
  void ping(const Bytes& to, const Bytes& payload, std::size_t size);

  /// Begins a connection.  It is established later, or reset.
  GuestTcp& connect(const Bytes& to, u16 port);
  /// Accepts what comes for a port.
  void listen(u16 port) { listening_ = port; }
  GuestTcp* accepted() { return accepted_; }
  /// Sends data; with `segment_size` as one large segment that is to be cut.
  void write(GuestTcp& c, const Bytes& data, u16 segment_size = 0);
  void close(GuestTcp& c);

  TestDevice device;
  std::vector<Packet> udp_received;
  std::vector<Bytes> ping_replies;  ///< payloads
  unsigned fragments_received = 0;
  unsigned arp_replies = 0;

 private:
  void on_frame(const Bytes& frame);
  void on_packet(const Bytes& frame);
  void on_fragment(const Bytes& frame);
  void send_in_fragments(const Bytes& frame, std::size_t size);
  void on_arp(const Bytes& frame);
  void on_tcp(const Bytes& frame);
  Build segment(const GuestTcp& c, u8 flags) const;

  Bench& bench_;
  Port& port_;
  u16 next_port_ = 40000;
  u16 listening_ = 0;
  GuestTcp* accepted_ = nullptr;
  std::map<u16, GuestTcp> connections_;  ///< by our port, or the peer's if it called us
  std::map<u16, std::map<std::size_t, Bytes>> fragments_;  ///< by identification and offset
  u16 next_id_ = 100;
};

}  // namespace quince::net
