#include "tests/support/net_guest.h"

#include <algorithm>

namespace quince::net {

namespace {
constexpr u8 kFin = 1, kSyn = 2, kRst = 4, kPsh = 8, kAck = 16;
const Bytes kMac = {0x52, 0x54, 0, 0x12, 0x34, 0x56};
const Bytes kAddress = {10, 0, 2, 15};

Bytes arp(u8 operation, const Bytes& target_mac, const Bytes& target) {
  Bytes f = operation == 1 ? Bytes(6, 0xff) : target_mac;
  const auto add = [&f](const Bytes& b) { f.insert(f.end(), b.begin(), b.end()); };
  add(kMac);
  add({8, 6, 0, 1, 8, 0, 6, 4, 0, operation});
  add(kMac);
  add(kAddress);
  add(target_mac);
  add(target);
  return f;
}
}  // namespace

Guest::Guest(Bench& bench, Port& port) : device(bench), bench_(bench), port_(port) {
  device.on_frame = [this](const Bytes& f) { on_frame(f); };
  bench_.guest([&] { port_.attach(&device); });
}

Guest::~Guest() {
  bench_.guest([&] { port_.attach(nullptr); });
}

void Guest::send(const Bytes& frame, const Offload& offload) {
  bench_.guest([&] { port_.send(frame, offload); });
}

void Guest::arp_request(u8 host) { send(arp(1, Bytes(6, 0), {10, 0, 2, host})); }

void Guest::udp(u16 from, const Bytes& to, u16 to_port, const Bytes& payload) {
  Build b;
  b.tcp = false;
  b.target = to;
  b.source_port = from;
  b.target_port = to_port;
  b.payload = payload;
  send(build_packet(b));
}

void Guest::send_in_fragments(const Bytes& frame, std::size_t size) {
  auto pieces = fragments_of(frame, size);
  std::reverse(pieces.begin(), pieces.end());
  for (const Bytes& f : pieces) send(f);
}

void Guest::udp_in_fragments(u16 from, const Bytes& to, u16 to_port, const Bytes& payload,
                             std::size_t size) {
  send_in_fragments(build_packet({.tcp = false,
                                  .target = to,
                                  .source_port = from,
                                  .target_port = to_port,
                                  .ip_id = next_id_++,
                                  .payload = payload}),
                    size);
}

void Guest::ping(const Bytes& to, const Bytes& payload, std::size_t size) {
  Bytes f = build_packet({.tcp = false, .target = to, .ip_id = next_id_++, .payload = payload});
  f[23] = 1;  // ICMP: its header is as long as UDP's
  renew_ip_csum(f);
  const std::span<u8> icmp = std::span(f).subspan(34);
  const Bytes echo = {8, 0, 0, 0, 0x12, 0x34, 0, 1};
  std::copy(echo.begin(), echo.end(), icmp.begin());
  store_be16(&icmp[2], static_cast<u16>(~plain_sum(icmp)));
  send_in_fragments(f, size);
}

Build Guest::segment(const GuestTcp& c, u8 flags) const {
  Build b;
  b.target_mac = c.peer_mac;
  b.target = c.peer;
  b.source_port = c.local;
  b.target_port = c.remote;
  b.seq = c.seq;
  b.ack = c.ack;
  b.flags = flags;
  return b;
}

GuestTcp& Guest::connect(const Bytes& to, u16 port) {
  GuestTcp& c = connections_[++next_port_];
  c.local = next_port_;
  c.remote = port;
  c.peer = to;
  Build b = segment(c, kSyn);
  b.tcp_options = {2, 4, 5, 0xb4};  // MSS 1460
  ++c.seq;
  send(build_packet(b));
  return c;
}

void Guest::write(GuestTcp& c, const Bytes& data, u16 segment_size) {
  Build b = segment(c, kAck | kPsh);
  b.payload = data;
  Offload o;
  if (segment_size != 0) {
    b.open_csum = true;
    o.needs_csum = true;
    o.csum_start = static_cast<u16>(l4_offset(b));
    o.csum_offset = 16;
    o.segment = Offload::Segment::Tcp4;
    o.segment_size = segment_size;
  }
  c.seq += static_cast<u32>(data.size());
  send(build_packet(b), o);
}

void Guest::close(GuestTcp& c) {
  const Build b = segment(c, kAck | kFin);
  ++c.seq;
  send(build_packet(b));
}

void Guest::on_frame(const Bytes& frame) {
  const u16 type = load_be16(&frame[12]);
  // Answers are sent by the loop, because nobody may call a port from inside receive().
  if (type == kEtherArp) return on_arp(frame);
  if (type != kEtherIpv4) return;
  if ((load_be16(&frame[20]) & 0x3fff) != 0) return on_fragment(frame);
  on_packet(frame);
}

void Guest::on_fragment(const Bytes& frame) {
  ++fragments_received;
  EXPECT_EQ(plain_sum({&frame[14], 20}), 0xffff);
  EXPECT_LE(frame.size(), kEthernetHeader + 1500);
  auto& pieces = fragments_[load_be16(&frame[18])];
  pieces[std::size_t{8} * (load_be16(&frame[20]) & 0x1fff)] = frame;
  Bytes whole(&frame[0], &frame[34]);
  for (const auto& [offset, piece] : pieces) {
    if (offset != whole.size() - 34) return;
    whole.insert(whole.end(), piece.begin() + 34, piece.end());
  }
  if ((load_be16(&pieces.rbegin()->second[20]) & 0x2000) != 0) return;
  fragments_.erase(load_be16(&frame[18]));
  store_be16(&whole[16], static_cast<u16>(whole.size() - kEthernetHeader));
  set_fragment(whole, 0, false);
  on_packet(whole);
}

void Guest::on_packet(const Bytes& frame) {
  const Packet p = parse_packet(frame);
  EXPECT_TRUE(p.ip_csum_ok && (p.l4_csum_ok || p.protocol == 1));
  if (p.protocol == 1 && frame[34] == 0) ping_replies.push_back(p.payload);
  if (p.protocol == kIpUdp) udp_received.push_back(p);
  if (p.protocol == kIpTcp) on_tcp(frame);
}

void Guest::on_arp(const Bytes& frame) {
  if (frame[21] == 2) {
    ++arp_replies;
    return;
  }
  if (!std::equal(kAddress.begin(), kAddress.end(), &frame[38])) return;
  const Bytes reply = arp(2, Bytes(&frame[22], &frame[28]), Bytes(&frame[28], &frame[32]));
  bench_.loop().post([this, reply] { send(reply); });
}

void Guest::on_tcp(const Bytes& frame) {
  const Packet p = parse_packet(frame);
  const bool called = p.target_port == listening_;
  GuestTcp& c = connections_[called ? p.source_port : p.target_port];
  if ((p.flags & kRst) != 0) {
    c.reset = true;
    return;
  }
  if ((p.flags & kSyn) != 0) {
    c.ack = p.seq + 1;
    if (called) {
      c.local = p.target_port;
      c.remote = p.source_port;
      c.peer.assign(&frame[26], &frame[30]);
      c.peer_mac.assign(&frame[6], &frame[12]);
      accepted_ = &c;
      const Bytes answer = build_packet(segment(c, kSyn | kAck));
      ++c.seq;
      bench_.loop().post([this, answer] { send(answer); });
      return;
    }
  } else if (p.seq != c.ack) {
    return;  // said before
  }
  if ((p.flags & kAck) != 0) {
    c.established = true;
    c.acked = p.ack;
  }
  c.received.insert(c.received.end(), p.payload.begin(), p.payload.end());
  c.ack += static_cast<u32>(p.payload.size());
  if ((p.flags & kFin) != 0) {
    c.fin = true;
    ++c.ack;
  }
  if (!p.payload.empty() || (p.flags & (kFin | kSyn)) != 0)
    bench_.loop().post([this, &c] { send(build_packet(segment(c, kAck))); });
}

}  // namespace quince::net
