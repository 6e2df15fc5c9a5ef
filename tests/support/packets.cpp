#include "tests/support/packets.h"

namespace quince::net {

namespace {

void append(Bytes& to, std::span<const u8> from) { to.insert(to.end(), from.begin(), from.end()); }
void append16(Bytes& to, unsigned v) {
  to.push_back(static_cast<u8>(v >> 8));
  to.push_back(static_cast<u8>(v));
}
void append32(Bytes& to, u32 v) {
  append16(to, v >> 16);
  append16(to, v & 0xffff);
}

u32 pseudo_sum(std::span<const u8> addresses, u8 protocol, std::size_t length) {
  return u32{plain_sum(addresses)} + protocol + static_cast<u32>(length);
}

u16 fold(u32 sum) {
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<u16>(sum);
}

Bytes ip_header(const Build& b, std::size_t l4_size) {
  const u8 protocol = b.tcp ? kIpTcp : kIpUdp;
  Bytes ip;
  if (b.v6) {
    append32(ip, 0x60000000);
    append16(ip, static_cast<unsigned>(8 * b.extensions + l4_size));
    ip.push_back(b.extensions != 0 ? 60 : protocol);
    ip.push_back(64);
    append(ip, b.source);
    append(ip, b.target);
    for (unsigned i = 0; i < b.extensions; ++i)
      append(ip, Bytes{i + 1 < b.extensions ? u8{60} : protocol, 0, 1, 4, 0, 0, 0, 0});
    return ip;
  }
  const std::size_t header = 20 + b.ip_options.size();
  ip.push_back(static_cast<u8>(0x40 | header / 4));
  ip.push_back(0);
  append16(ip, static_cast<unsigned>(header + l4_size));
  append16(ip, b.ip_id);
  append16(ip, 0x4000);
  ip.push_back(64);
  ip.push_back(protocol);
  append16(ip, 0);
  append(ip, b.source);
  append(ip, b.target);
  append(ip, b.ip_options);
  store_be16(&ip[10], static_cast<u16>(~plain_sum(ip)));
  return ip;
}

Bytes l4_header(const Build& b) {
  Bytes l4;
  append16(l4, b.source_port);
  append16(l4, b.target_port);
  if (!b.tcp) {
    append16(l4, static_cast<unsigned>(8 + b.payload.size()));
    append16(l4, 0);
    return l4;
  }
  append32(l4, b.seq);
  append32(l4, b.ack);
  l4.push_back(static_cast<u8>((20 + b.tcp_options.size()) / 4 << 4));
  l4.push_back(b.flags);
  append16(l4, b.window);
  append32(l4, 0);
  append(l4, b.tcp_options);
  return l4;
}

}  // namespace

Bytes from_hex(std::string_view text) {
  Bytes out;
  unsigned digits = 0;
  u8 value = 0;
  for (const char c : text) {
    if (c == ' ') continue;
    const int d = c <= '9' ? c - '0' : c - 'a' + 10;
    value = static_cast<u8>(value << 4 | d);
    if (++digits % 2 == 0) out.push_back(value);
  }
  return out;
}

u16 plain_sum(std::span<const u8> data, u32 sum) {
  for (std::size_t i = 0; i < data.size(); i += 2) {
    sum += static_cast<u32>(data[i]) << 8;
    if (i + 1 < data.size()) sum += data[i + 1];
    sum = (sum & 0xffff) + (sum >> 16);
  }
  return fold(sum);
}

Packet parse_packet(std::span<const u8> frame) {
  Packet p;
  const u8* ip = &frame[kEthernetHeader];
  p.v6 = load_be16(&frame[12]) == kEtherIpv6;
  const std::size_t header = p.v6 ? 40 : std::size_t{4} * (ip[0] & 0xf);
  p.protocol = p.v6 ? ip[6] : ip[9];
  p.ip_length = p.v6 ? 40u + load_be16(ip + 4) : load_be16(ip + 2);
  p.ip_id = p.v6 ? u16{0} : load_be16(ip + 4);
  p.ip_csum_ok = p.v6 || plain_sum({ip, header}) == 0xffff;
  const u8* l4 = ip + header;
  const std::size_t length = p.ip_length - header;
  p.source_port = load_be16(l4);
  p.target_port = load_be16(l4 + 2);
  std::size_t l4_header_size = 8;
  if (p.protocol == kIpTcp) {
    p.seq = load_be32(l4 + 4);
    p.ack = load_be32(l4 + 8);
    l4_header_size = std::size_t{4} * (l4[12] >> 4);
    p.flags = l4[13];
    p.window = load_be16(l4 + 14);
    p.l4_csum = load_be16(l4 + 16);
  } else {
    p.udp_length = load_be16(l4 + 4);
    p.l4_csum = load_be16(l4 + 6);
  }
  p.payload.assign(l4 + l4_header_size, l4 + length);
  const std::span<const u8> addresses(p.v6 ? ip + 8 : ip + 12, p.v6 ? 32 : 8);
  p.l4_csum_ok = plain_sum({l4, length}, pseudo_sum(addresses, p.protocol, length)) == 0xffff;
  return p;
}

std::size_t l4_offset(const Build& b) {
  return kEthernetHeader + 4 * b.vlan_tags +
         (b.v6 ? 40 + 8 * b.extensions : 20 + b.ip_options.size());
}

Bytes build_packet(const Build& b) {
  Bytes l4 = l4_header(b);
  append(l4, b.payload);
  Bytes addresses = b.source;
  append(addresses, b.target);
  const u32 pseudo = pseudo_sum(addresses, b.tcp ? kIpTcp : kIpUdp, l4.size());
  store_be16(&l4[b.tcp ? 16 : 6],
             b.open_csum ? fold(pseudo) : static_cast<u16>(~plain_sum(l4, pseudo)));
  Bytes frame = b.target_mac;
  append(frame, b.source_mac);
  for (unsigned i = 0; i < b.vlan_tags; ++i) append32(frame, 0x81000005);
  append16(frame, b.v6 ? kEtherIpv6 : kEtherIpv4);
  append(frame, ip_header(b, l4.size()));
  append(frame, l4);
  return frame;
}

void renew_ip_csum(Bytes& frame) {
  u8* ip = &frame[kEthernetHeader];
  store_be16(ip + 10, 0);
  store_be16(ip + 10, static_cast<u16>(~plain_sum({ip, std::size_t{4} * (ip[0] & 0xf)})));
}

void set_fragment(Bytes& frame, std::size_t offset, bool more) {
  store_be16(&frame[kEthernetHeader + 6], static_cast<u16>(offset / 8 | (more ? 0x2000 : 0)));
  renew_ip_csum(frame);
}

std::vector<Bytes> fragments_of(const Bytes& frame, std::span<const std::size_t> sizes) {
  const std::size_t headers = kEthernetHeader + std::size_t{4} * (frame[kEthernetHeader] & 0xf);
  std::vector<Bytes> out;
  std::size_t offset = 0;
  for (const std::size_t size : sizes) {
    Bytes f(&frame[0], &frame[0] + headers);
    append(f, std::span(frame).subspan(headers + offset, size));
    store_be16(&f[kEthernetHeader + 2], static_cast<u16>(f.size() - kEthernetHeader));
    set_fragment(f, offset, headers + offset + size < frame.size());
    out.push_back(f);
    offset += size;
  }
  return out;
}

std::vector<Bytes> fragments_of(const Bytes& frame, std::size_t size) {
  std::size_t left =
      frame.size() - kEthernetHeader - std::size_t{4} * (frame[kEthernetHeader] & 0xf);
  std::vector<std::size_t> sizes;
  for (; left > size; left -= size) sizes.push_back(size);
  sizes.push_back(left);
  return fragments_of(frame, sizes);
}

}  // namespace quince::net
