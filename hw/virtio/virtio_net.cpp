#include "hw/virtio/virtio_net.h"

#include <algorithm>
#include <bit>

#include "hw/virtio/net_flow.h"
#include "net/packet.h"

namespace quince::hw {

namespace {

using Segment = net::Offload::Segment;

// struct virtio_net_config (5.1.4).
constexpr std::size_t kMac = 0x00, kStatus = 0x06, kMaxVirtqueuePairs = 0x08, kMtu = 0x0a,
                      kSpeed = 0x0c, kDuplex = 0x10;
constexpr u32 kUnknownSpeed = 0xffff'ffff, kMaxSpeed = 0x7fff'ffff;
constexpr u8 kHalfDuplex = 0, kFullDuplex = 1, kUnknownDuplex = 0xff;
constexpr u16 kMinMtu = 68;
constexpr std::size_t kVlanTag = 4;

/// What a feature needs (5.1.3.1): one of `any`.  A need comes before what needs it.
struct Need {
  unsigned feature;
  u64 any;
};
constexpr Need kNeeds[] = {
    {VIRTIO_NET_F_HOST_TSO4, feature_bits(VIRTIO_NET_F_CSUM)},
    {VIRTIO_NET_F_HOST_TSO6, feature_bits(VIRTIO_NET_F_CSUM)},
    {VIRTIO_NET_F_HOST_USO, feature_bits(VIRTIO_NET_F_CSUM)},
    {VIRTIO_NET_F_HOST_ECN, feature_bits(VIRTIO_NET_F_HOST_TSO4, VIRTIO_NET_F_HOST_TSO6)},
    {VIRTIO_NET_F_GUEST_TSO4, feature_bits(VIRTIO_NET_F_GUEST_CSUM)},
    {VIRTIO_NET_F_GUEST_TSO6, feature_bits(VIRTIO_NET_F_GUEST_CSUM)},
    {VIRTIO_NET_F_GUEST_ECN, feature_bits(VIRTIO_NET_F_GUEST_TSO4, VIRTIO_NET_F_GUEST_TSO6)},
    {VIRTIO_NET_F_CTRL_RX, feature_bits(VIRTIO_NET_F_CTRL_VQ)},
    {VIRTIO_NET_F_CTRL_RX_EXTRA, feature_bits(VIRTIO_NET_F_CTRL_VQ)},
    {VIRTIO_NET_F_CTRL_VLAN, feature_bits(VIRTIO_NET_F_CTRL_VQ)},
    {VIRTIO_NET_F_CTRL_MAC_ADDR, feature_bits(VIRTIO_NET_F_CTRL_VQ)},
    {VIRTIO_NET_F_CTRL_GUEST_OFFLOADS, feature_bits(VIRTIO_NET_F_CTRL_VQ)},
    {VIRTIO_NET_F_GUEST_ANNOUNCE, feature_bits(VIRTIO_NET_F_CTRL_VQ)},
    {VIRTIO_NET_F_MQ, feature_bits(VIRTIO_NET_F_CTRL_VQ)},
};

bool queue_size_ok(u16 n) {
  return n >= VirtioNet::kMinQueueSize && n <= Virtqueue::kMaxQueueSize && std::has_single_bit(n);
}

std::span<u8> bytes_of(VirtioNetHdr& h) { return {reinterpret_cast<u8*>(&h), sizeof h}; }

/// The header of a received frame, but for num_buffers.
VirtioNetHdr header_for(const net::Offload& o, bool csum) {
  VirtioNetHdr h;
  if (o.needs_csum) {
    h.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
    h.csum_start = o.csum_start;
    h.csum_offset = o.csum_offset;
  } else if (o.csum_valid && csum) {
    h.flags = VIRTIO_NET_HDR_F_DATA_VALID;
  }
  if (o.segment == Segment::None) return h;
  h.gso_type = o.segment == Segment::Tcp4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6;
  if (o.ecn) h.gso_type |= VIRTIO_NET_HDR_GSO_ECN;
  h.gso_size = o.segment_size;
  h.hdr_len = o.header_length;
  return h;
}

}  // namespace

// ---- Configuration -----------------------------------------------------------------------------

Result<void> VirtioNetConfig::check() const {
  if ((mac[0] & 1) != 0 || mac == MacAddress{})
    return fail("mac: must be the address of one station");
  if (queue_pairs == 0 || queue_pairs > VirtioNet::kMaxPairs)
    return fail("queue-pairs: must be 1 to {}", VirtioNet::kMaxPairs);
  const bool mq = bit(offers, VIRTIO_NET_F_MQ);
  if (queue_pairs > 1 && !mq) return fail("mq: must be on for several queue-pairs");
  if (mq && !bit(offers, VIRTIO_NET_F_CTRL_VQ)) return fail("mq: needs ctrl_vq=on");
  for (const auto& [option, size] :
       {std::pair("rx_queue_size", rx_queue_size), std::pair("tx_queue_size", tx_queue_size)})
    if (!queue_size_ok(size))
      return fail("{}: must be a power of two from {} to {}", option, VirtioNet::kMinQueueSize,
                  Virtqueue::kMaxQueueSize);
  if (mtu != 0 && mtu < kMinMtu) return fail("host_mtu: must be {} to 65535", kMinMtu);
  if (speed.value_or(0) > kMaxSpeed) return fail("speed: must be at most {} Mbit/s", kMaxSpeed);
  return {};
}

u64 VirtioNet::all_features(const VirtioNetConfig& c) {
  u64 f = c.offers | feature_bits(VIRTIO_NET_F_MAC);
  for (const Need& n : kNeeds)
    if ((f & n.any) == 0) f &= ~feature_bits(n.feature);
  if (c.mtu != 0) f |= feature_bits(VIRTIO_NET_F_MTU);
  if (c.speed || c.full_duplex) f |= feature_bits(VIRTIO_NET_F_SPEED_DUPLEX);
  return f | c.features;
}

// receiveq1, transmitq1 and so on, and the control queue last (5.1.2).
std::vector<u16> VirtioNet::queue_sizes(const VirtioNetConfig& c) {
  std::vector<u16> sizes;
  for (unsigned pair = 0; pair < c.queue_pairs; ++pair) {
    sizes.push_back(c.rx_queue_size);
    sizes.push_back(c.tx_queue_size);
  }
  if (bit(c.offers, VIRTIO_NET_F_CTRL_VQ)) sizes.push_back(kControlQueueSize);
  return sizes;
}

VirtioNet::VirtioNet(std::string_view name, const VirtioNetConfig& config, net::Port* port,
                     Log& log, TimerQueue& timers)
    : VirtioDevice(name, VirtioId::Net, all_features(config), queue_sizes(config), log, timers),
      config_(config),
      port_(port) {
  s_.filter.mac = config_.mac;
  if (port_ != nullptr) port_->attach(this);
}

VirtioNet::~VirtioNet() {
  if (port_ != nullptr) port_->attach(nullptr);
}

void VirtioNet::reset_type() {
  s_ = {.plugged = s_.plugged};
  s_.link_up = link();
  s_.filter.mac = config_.mac;
}

void VirtioNet::negotiated() {
  s_.offloads = VirtioDevice::features() & kGuestOffloads;
  s_.filter.by_vlan = has_feature(VIRTIO_NET_F_CTRL_VLAN);
}

void VirtioNet::fill_config(std::span<u8> out) const {
  u8* const c = out.data();
  std::ranges::copy(s_.filter.mac, c + kMac);
  u16 status = s_.link_up ? VIRTIO_NET_S_LINK_UP : u16{0};
  if (s_.announce) status |= VIRTIO_NET_S_ANNOUNCE;
  if (bit(offered(), VIRTIO_NET_F_STATUS)) store_le<u16>(c + kStatus, status);
  if (bit(offered(), VIRTIO_NET_F_MQ)) store_le<u16>(c + kMaxVirtqueuePairs, config_.queue_pairs);
  store_le<u16>(c + kMtu, config_.mtu);
  if (!bit(offered(), VIRTIO_NET_F_SPEED_DUPLEX)) return;
  store_le<u32>(c + kSpeed, config_.speed.value_or(kUnknownSpeed));
  c[kDuplex] = !config_.full_duplex   ? kUnknownDuplex
               : *config_.full_duplex ? kFullDuplex
                                      : kHalfDuplex;
}

// ---- Link --------------------------------------------------------------------------------------

void VirtioNet::set_link(bool up) {
  s_.plugged = up;
  sync_link();
}

void VirtioNet::link_changed(bool up) {
  carrier_ = up;
  sync_link();
}

void VirtioNet::sync_link() {
  if (s_.link_up == link()) return;
  s_.link_up = link();
  if (bit(offered(), VIRTIO_NET_F_STATUS)) config_changed();
}

bool VirtioNet::announce() {
  if (!driver_ok() || !has_feature(VIRTIO_NET_F_GUEST_ANNOUNCE)) return false;
  s_.announce = true;
  config_changed();
  return true;
}

// ---- Queues ------------------------------------------------------------------------------------

bool VirtioNet::handle_queue(unsigned n) {
  const unsigned pairs = pairs_there();
  if (n == 2 * pairs) return has_feature(VIRTIO_NET_F_CTRL_VQ) && handle_control(n);
  if (n > 2 * pairs) return false;  // without VIRTIO_NET_F_MQ there is nothing
  return n % 2 == 0 ? handle_receive(n) : handle_transmit(n);
}

// ---- Sending -----------------------------------------------------------------------------------

bool VirtioNet::handle_transmit(unsigned n) {
  unsigned taken = 0;
  u64 bytes = 0;
  for (; taken < kBurst && bytes < kBurstBytes && next(n, element_); ++taken) {
    if (element_.readable_size() < sizeof(VirtioNetHdr)) {
      queue(n)->unpop(element_);
      needs_reset("a packet to send without a header");
      return false;
    }
    bytes += element_.readable_size();
    transmit(n / 2);
    push(n, element_, 0);
  }
  if (taken != 0) signal(n);
  return taken == kBurst || bytes >= kBurstBytes;
}

void VirtioNet::transmit(unsigned pair) {
  VirtioNetHdr h;
  element_.copy_out(0, bytes_of(h));
  const u64 length = element_.readable_size() - sizeof h;
  net::Offload offload;
  if (length < net::kEthernetHeader || length > net::kMaxFrame) {
    log().guest_error(name() + "length", "{}: a frame of {} bytes is dropped", name(), length);
    return;
  }
  // Without the feature the header says nothing, and drivers leave in it what they like.
  if (has_feature(VIRTIO_NET_F_CSUM) && !parse(h, length, offload)) {
    log().guest_error(name() + "header", "{}: a frame with a wrong header is dropped", name());
    return;
  }
  const std::span<const u8> frame = frame_of(element_, length, offload.needs_csum);
  if (s_.pairs > 1 && pair < s_.pairs)
    if (const auto flow = flow_hash(frame))
      s_.flows[*flow % s_.flows.size()] = static_cast<u8>(pair + 1);
  if (port_ != nullptr && link()) port_->send(frame, offload);
}

// 5.1.6.2.  False: the header contradicts the frame or the features.
bool VirtioNet::parse(const VirtioNetHdr& h, u64 length, net::Offload& out) const {
  if ((h.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) != 0) {
    if (u64{h.csum_start} + h.csum_offset + 2 > length) return false;
    out.needs_csum = true;
    out.csum_start = h.csum_start;
    out.csum_offset = h.csum_offset;
  }
  if (h.gso_type == VIRTIO_NET_HDR_GSO_NONE) return true;
  out.ecn = (h.gso_type & VIRTIO_NET_HDR_GSO_ECN) != 0;
  unsigned feature = 0;
  switch (h.gso_type & ~VIRTIO_NET_HDR_GSO_ECN) {
    case VIRTIO_NET_HDR_GSO_TCPV4:
      out.segment = Segment::Tcp4;
      feature = VIRTIO_NET_F_HOST_TSO4;
      break;
    case VIRTIO_NET_HDR_GSO_TCPV6:
      out.segment = Segment::Tcp6;
      feature = VIRTIO_NET_F_HOST_TSO6;
      break;
    case VIRTIO_NET_HDR_GSO_UDP_L4:
      out.segment = Segment::Udp;
      feature = VIRTIO_NET_F_HOST_USO;
      break;
    default:
      return false;
  }
  out.segment_size = h.gso_size;
  out.header_length = h.hdr_len;
  return h.gso_size != 0 && has_feature(feature) &&
         (!out.ecn || has_feature(VIRTIO_NET_F_HOST_ECN));
}

// What follows the header: where it is, if it is in one piece there and may change; else a copy.
std::span<const u8> VirtioNet::frame_of(const VirtqElement& e, u64 length, bool may_change) {
  const iovec& last = e.readable().back();
  if (may_change && last.iov_len >= length)
    return {static_cast<const u8*>(last.iov_base) + (last.iov_len - length), length};
  const std::span<u8> whole = std::span(gathered_).first(length);
  e.copy_out(sizeof(VirtioNetHdr), whole);
  return whole;
}

// ---- Receiving ---------------------------------------------------------------------------------

net::Features VirtioNet::features() const {
  constexpr u64 kSegments =
      feature_bits(VIRTIO_NET_F_GUEST_TSO4, VIRTIO_NET_F_GUEST_TSO6, VIRTIO_NET_F_GUEST_ECN);
  const bool csum = bit(s_.offloads, VIRTIO_NET_F_GUEST_CSUM);
  return {.csum = csum, .segments = csum && (s_.offloads & kSegments) == kSegments};
}

// There are new buffers.
bool VirtioNet::handle_receive(unsigned n) {
  sync_link();  // after a load
  // More of them are of no interest until a frame finds too few.
  queue(n)->suppress_notifications(dma(), true);
  if (port_ != nullptr) port_->accept_input();
  return false;
}

bool VirtioNet::wants(std::span<const u8> frame, const net::Offload& offload) const {
  if (!link() || frame.size() < net::kEthernetHeader || frame.size() > net::kMaxFrame) return false;
  const bool whole = offload.segment == Segment::None;
  // The driver may have changed its mind since the frame was made.
  const net::Features f = features();
  if ((offload.needs_csum && !f.csum) || offload.segment == Segment::Udp || (!whole && !f.segments))
    return false;
  if (whole && has_feature(VIRTIO_NET_F_MTU)) {
    const bool tagged = net::load_be16(&frame[net::kEthernetHeader - 2]) == net::kEtherVlan;
    if (frame.size() > net::kEthernetHeader + (tagged ? kVlanTag : 0) + config_.mtu) return false;
  }
  return s_.filter.accepts(frame);
}

unsigned VirtioNet::pair_for(std::span<const u8> frame) const {
  if (s_.pairs == 1) return 0;
  const std::optional<u32> flow = flow_hash(frame);
  if (!flow) return 0;
  const u8 learned = s_.flows[*flow % s_.flows.size()];
  return learned != 0 ? learned - 1u : *flow % s_.pairs;
}

bool VirtioNet::receive(std::span<const u8> frame, const net::Offload& offload) {
  if (!driver_ok()) return false;
  if (!wants(frame, offload)) return true;
  const unsigned n = 2 * pair_for(frame);
  if (!queue(n)->ready()) return true;
  VirtioNetHdr h = header_for(offload, features().csum);
  const u64 length = sizeof h + frame.size();
  const Room room = take_buffers(n, length);
  if (room != Room::Enough) {
    give_back(n);
    return room == Room::Never;
  }
  h.num_buffers = static_cast<u16>(taken_);
  const std::span<VirtqElement> buffers = std::span(buffers_).first(taken_);
  buffers[0].copy_in(0, bytes_of(h));
  u64 offset = sizeof h;
  for (VirtqElement& e : buffers) {
    frame = frame.subspan(e.copy_in(offset, frame));
    offset = 0;
  }
  push_together(n, buffers, length);
  signal(n);
  return true;
}

// Takes as many chains as `length` bytes need, into buffers_.
VirtioNet::Room VirtioNet::take_buffers(unsigned n, u64 length) {
  const unsigned most = has_feature(VIRTIO_NET_F_MRG_RXBUF) ? queue(n)->size() : 1;
  taken_ = 0;
  for (u64 room = 0; room < length;) {
    if (taken_ == most) {
      log().guest_error(name() + "small", "{}: {} bytes of receive buffers are too few for {}",
                        name(), room, length);
      return Room::Never;
    }
    if (taken_ == buffers_.size()) buffers_.emplace_back();
    VirtqElement& e = buffers_[taken_];
    if (!next(n, e)) {
      if (broken()) return Room::Never;
      queue(n)->suppress_notifications(dma(), false);
      if (!next(n, e)) return broken() ? Room::Never : Room::Wait;
    }
    ++taken_;
    if (e.writable_size() < (taken_ == 1 ? sizeof(VirtioNetHdr) : 1)) {
      needs_reset("a receive buffer is too small for anything");
      return Room::Never;
    }
    room += e.writable_size();
  }
  return Room::Enough;
}

void VirtioNet::give_back(unsigned n) {
  while (taken_ != 0) queue(n)->unpop(buffers_[--taken_]);
}

// ---- Snapshots ---------------------------------------------------------------------------------

void VirtioNet::snapshot_type(Archive& ar) {
  ar.field("plugged", s_.plugged);
  ar.field("link_up", s_.link_up);
  ar.field("announce", s_.announce);
  ar.field("pairs", s_.pairs);
  ar.field("offloads", s_.offloads);
  ar.field("flows", s_.flows);
  ar.section("filter", [this](Archive& a) { s_.filter.snapshot(a); });
  if (!ar.loading()) return;
  if (s_.pairs == 0 || s_.pairs > pairs_there()) {
    s_.pairs = 1;
    ar.refuse("pairs", "there are not as many");
  }
  if ((s_.offloads & ~(VirtioDevice::features() & kGuestOffloads)) != 0) {
    s_.offloads = 0;
    ar.refuse("offloads", "the driver does not take them");
  }
  if (std::ranges::max(s_.flows) > s_.pairs) {
    s_.flows = {};
    ar.refuse("flows", "there is no such pair");
  }
  // Every chain is given back in the call that took it.
  for (unsigned n = 0; n < queue_count(); ++n)
    if (queue(n)->in_flight_count() != 0) ar.refuse("in_flight", "there are never any");
}

void VirtioNet::restored_type() {
  if (s_.link_up == link()) return;
  // The cable is another one.  An interrupt would be lost while a machine loads.
  if (driver_ok())
    handle_later(0);
  else
    s_.link_up = link();
}

}  // namespace quince::hw
