#include "net/offload.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <optional>

#include "base/bits.h"
#include "net/packet.h"

namespace quince::net {

namespace {

constexpr std::size_t kIpv4Header = 20;
constexpr std::size_t kIpv6Header = 40;
constexpr std::size_t kTcpHeader = 20;
constexpr std::size_t kUdpHeader = 8;

// TCP flags (RFC 9293 section 3.1, RFC 3168)
constexpr u8 kFin = 0x01;
constexpr u8 kPsh = 0x08;
constexpr u8 kCwr = 0x80;

u16 fold(u64 sum) {
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<u16>(sum);
}

/// A checksum field for a sum.  0 means "no checksum" in UDP, so the other zero is used.
u16 checksum_field(u64 sum) {
  const u16 c = static_cast<u16>(~fold(sum));
  return c == 0 ? u16{0xffff} : c;
}

/// Where the headers of a frame are.
struct Layout {
  std::size_t ip = 0;       ///< offset of the IP header
  std::size_t l4 = 0;       ///< of the TCP or UDP header
  std::size_t payload = 0;  ///< of what comes after it
  std::size_t end = 0;      ///< of the IP packet; padding may follow
  bool v6 = false;
  bool tcp = false;

  std::size_t csum_field() const { return l4 + (tcp ? 16 : 6); }
};

/// Skips the IPv6 extension headers that may come before TCP or UDP.  The offset of the latter
/// (`at` of the first header's), and its protocol number in `next`.
std::optional<std::size_t> skip_extensions(std::span<const u8> frame, std::size_t at, u8& next) {
  constexpr u8 kHopByHop = 0, kRouting = 43, kDestination = 60;
  while (next == kHopByHop || next == kRouting || next == kDestination) {
    if (at + 8 > frame.size()) return std::nullopt;
    // The checksum covers the last address of a route; only where that is reached do we know it.
    if (next == kRouting && frame[at + 3] != 0) return std::nullopt;
    next = frame[at];
    at += 8 + std::size_t{8} * frame[at + 1];
  }
  return at;
}

/// Finds IPv4 or IPv6 behind Ethernet and VLAN tags: fills `ip`, `v6`, `l4` and `end`.  The
/// protocol number in `protocol`.
bool find_ip(std::span<const u8> frame, Layout& at, u8& protocol) {
  std::size_t type = kEthernetHeader - 2;
  for (unsigned tags = 0; type + 2 <= frame.size() && tags < 2; ++tags, type += 4) {
    const u16 t = load_be16(&frame[type]);
    if (t != kEtherVlan && t != kEtherServiceVlan) break;
  }
  if (type + 2 + kIpv4Header > frame.size()) return false;
  at.ip = type + 2;
  const u8* ip = &frame[at.ip];
  at.end = frame.size();
  if (load_be16(&frame[type]) == kEtherIpv4) {
    const std::size_t header = std::size_t{4} * (ip[0] & 0xf);
    const bool fragment = (load_be16(ip + 6) & 0x3fff) != 0;
    if (ip[0] >> 4 != 4 || header < kIpv4Header || fragment) return false;
    protocol = ip[9];
    at.l4 = at.ip + header;
    // Some senders leave the length of a packet that is to be cut at zero.
    if (const u16 length = load_be16(ip + 2); length != 0)
      at.end = std::min(at.end, at.ip + length);
    return true;
  }
  if (load_be16(&frame[type]) != kEtherIpv6 || ip[0] >> 4 != 6 ||
      at.ip + kIpv6Header > frame.size())
    return false;
  at.v6 = true;
  protocol = ip[6];
  if (const u16 length = load_be16(ip + 4); length != 0)
    at.end = std::min(at.end, at.ip + kIpv6Header + length);
  const auto l4 = skip_extensions(frame, at.ip + kIpv6Header, protocol);
  at.l4 = l4.value_or(0);
  return l4.has_value();
}

/// The headers of a frame that is to be cut as `kind` says, if they are what it says.
std::optional<Layout> find_headers(std::span<const u8> frame, Offload::Segment kind) {
  using Segment = Offload::Segment;
  Layout at;
  u8 protocol = 0;
  if (!find_ip(frame, at, protocol)) return std::nullopt;
  if ((kind == Segment::Tcp4 && at.v6) || (kind == Segment::Tcp6 && !at.v6)) return std::nullopt;
  at.tcp = kind != Segment::Udp;
  if (protocol != (at.tcp ? kIpTcp : kIpUdp)) return std::nullopt;
  std::size_t header = kUdpHeader;
  if (at.tcp) {
    if (at.l4 + kTcpHeader > at.end) return std::nullopt;
    header = std::size_t{4} * (frame[at.l4 + 12] >> 4);
    if (header < kTcpHeader) return std::nullopt;
  }
  at.payload = at.l4 + header;
  if (at.payload > at.end) return std::nullopt;
  return at;
}

/// Makes pieces of one frame, in place: the headers are written once and changed for each piece.
class Cutter {
 public:
  Cutter(const Layout& at, std::span<const u8> frame, u8* out) : at_(at), frame_(frame), out_(out) {
    std::memcpy(out_, frame.data(), at.payload);
    ip_id_ = at.v6 ? u16{0} : load_be16(out_ + at.ip + 4);
    seq_ = at.tcp ? load_be32(out_ + at.l4 + 4) : 0;
    flags_ = at.tcp ? out_[at.l4 + 13] : u8{0};
    // A UDP sender may do without a checksum over IPv4; then the pieces do, too.
    wants_csum_ = at.tcp || at.v6 || load_be16(out_ + at.csum_field()) != 0;
  }

  /// The piece of `size` bytes of payload from `offset`, the `index`th.
  std::span<const u8> piece(std::size_t offset, std::size_t size, unsigned index) {
    const std::size_t payload = at_.end - at_.payload;
    std::memcpy(out_ + at_.payload, frame_.data() + at_.payload + offset, size);
    const std::size_t end = at_.payload + size;
    set_ip(end, index);
    u8* const l4 = out_ + at_.l4;
    if (at_.tcp) {
      store_be32(l4 + 4, seq_ + static_cast<u32>(offset));
      u8 flags = flags_;
      if (offset + size < payload) flags = static_cast<u8>(flags & ~(kFin | kPsh));
      if (offset != 0) flags = static_cast<u8>(flags & ~kCwr);
      l4[13] = flags;
    } else {
      store_be16(l4 + 4, static_cast<u16>(end - at_.l4));
    }
    set_csum(end);
    return {out_, end};
  }

 private:
  void set_ip(std::size_t end, unsigned index) {
    u8* const ip = out_ + at_.ip;
    if (at_.v6) {
      store_be16(ip + 4, static_cast<u16>(end - at_.ip - kIpv6Header));
      return;
    }
    store_be16(ip + 2, static_cast<u16>(end - at_.ip));
    store_be16(ip + 4, static_cast<u16>(ip_id_ + index));
    store_be16(ip + 10, 0);
    store_be16(ip + 10, static_cast<u16>(~ones_sum({ip, std::size_t{4} * (ip[0] & 0xf)})));
  }

  void set_csum(std::size_t end) {
    u8* const field = out_ + at_.csum_field();
    store_be16(field, 0);
    if (!wants_csum_) return;
    // The pseudo header: both addresses, the protocol and the length (RFC 9293, RFC 8200 8.1).
    const u8* const ip = out_ + at_.ip;
    const std::size_t length = end - at_.l4;
    u64 sum = at_.v6 ? ones_sum({ip + 8, 32}) : ones_sum({ip + 12, 8});
    sum += length;
    sum += at_.tcp ? kIpTcp : kIpUdp;
    sum += ones_sum({out_ + at_.l4, length});
    store_be16(field, checksum_field(sum));
  }

  const Layout& at_;
  std::span<const u8> frame_;
  u8* out_;
  u16 ip_id_ = 0;
  u32 seq_ = 0;
  u8 flags_ = 0;
  bool wants_csum_ = true;
};

}  // namespace

u16 ones_sum(std::span<const u8> data) {
  // The order of the bytes does not matter for the sum but for its own (RFC 1071 section 2), so
  // it is taken in the host's, 32 bits at a time.
  u64 sum = 0;
  while (data.size() >= 4) {
    const std::size_t words = std::min<std::size_t>(data.size() / 4, 1 << 20);
    for (std::size_t i = 0; i < words; ++i) sum += load_le<u32>(data.data() + 4 * i);
    data = data.subspan(4 * words);
    sum = (sum & 0xffff'ffff) + (sum >> 32);
  }
  for (unsigned i = 0; i < data.size(); ++i) sum += u64{data[i]} << (8 * i);
  const u16 s = fold(sum);
  return static_cast<u16>(s << 8 | s >> 8);
}

bool Finisher::finish_to(std::span<const u8> frame, const Offload& offload, Features features,
                         Take take, void* context) {
  using Segment = Offload::Segment;
  if (frame.size() > kMaxFrame) return false;
  const std::size_t field = std::size_t{offload.csum_start} + offload.csum_offset;
  if (offload.needs_csum && field + 2 > frame.size()) return false;

  if (offload.segment == Segment::None) {
    if (!offload.needs_csum || features.csum) {
      take(context, frame, offload);
      return true;
    }
    std::memcpy(scratch_.data(), frame.data(), frame.size());
    const std::span<u8> out(scratch_.data(), frame.size());
    store_be16(&out[field], checksum_field(ones_sum(out.subspan(offload.csum_start))));
    Offload done;
    done.csum_valid = true;
    take(context, out, done);
    return true;
  }

  const bool takes_segment = features.segments && offload.segment != Segment::Udp;
  if (offload.segment_size < kMinSegmentSize) return false;
  const auto at = find_headers(frame, offload.segment);
  if (!at) return false;
  if (takes_segment && (features.csum || !offload.needs_csum)) {
    take(context, frame, offload);
    return true;
  }
  // One that takes segments but no open checksums gets the whole in one piece, as far as the
  // length fields of IP reach.
  const std::size_t headers = at->payload - at->ip;
  const std::size_t limit = 0xffff + (at->v6 ? kIpv6Header : 0);
  if (headers + kMinSegmentSize > limit) return false;
  const std::size_t room = limit - headers;
  const std::size_t largest =
      takes_segment ? room : std::min<std::size_t>(offload.segment_size, room);
  Cutter cutter(*at, frame, scratch_.data());
  const std::size_t payload = at->end - at->payload;
  Offload done;
  done.csum_valid = true;
  std::size_t offset = 0;
  unsigned index = 0;
  do {
    const std::size_t size = std::min(largest, payload - offset);
    take(context, cutter.piece(offset, size, index++), done);
    offset += size;
  } while (offset < payload);
  return true;
}

}  // namespace quince::net
