#include "hw/virtio/net_filter.h"

#include <algorithm>

#include "base/bits.h"
#include "hw/core/archive.h"
#include "net/packet.h"

namespace quince::hw {

namespace {

constexpr u8 kGroupBit = 1;  // of an address's first byte (IEEE 802)
constexpr MacAddress kBroadcast{0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
constexpr u16 kVlanIdBits = 0xfff;  // of the tag control information (IEEE 802.1Q)

}  // namespace

void NetFilter::set_vlan(u16 id, bool pass) {
  u64& word = vlans[id / 64];
  word = with_bits(word, id % 64, id % 64, pass);
}

bool NetFilter::accepts(std::span<const u8> frame) const {
  if (promisc) return true;
  constexpr std::size_t kType = net::kEthernetHeader - 2;
  if (by_vlan && frame.size() >= net::kEthernetHeader + 2 &&
      net::load_be16(&frame[kType]) == net::kEtherVlan) {
    const unsigned id = net::load_be16(&frame[kType + 2]) & kVlanIdBits;
    if (!bit(vlans[id / 64], id % 64)) return false;
  }
  MacAddress to;
  std::copy_n(frame.begin(), to.size(), to.begin());
  const auto listed = [&](std::size_t first, std::size_t count) {
    const auto begin = macs.begin() + static_cast<std::ptrdiff_t>(first);
    const auto end = begin + static_cast<std::ptrdiff_t>(count);
    return std::find(begin, end, to) != end;
  };
  if (to == kBroadcast) return !nobcast;
  if ((to[0] & kGroupBit) != 0)
    return !nomulti && (allmulti || multicast_overflow || listed(unicast, multicast));
  return !nouni && (alluni || unicast_overflow || to == mac || listed(0, unicast));
}

void NetFilter::snapshot(Archive& ar) {
  ar.field("promisc", promisc);
  ar.field("allmulti", allmulti);
  ar.field("alluni", alluni);
  ar.field("nomulti", nomulti);
  ar.field("nouni", nouni);
  ar.field("nobcast", nobcast);
  ar.field("by_vlan", by_vlan);
  ar.field("mac", mac);
  ar.field("unicast", unicast);
  ar.field("multicast", multicast);
  ar.field("unicast_overflow", unicast_overflow);
  ar.field("multicast_overflow", multicast_overflow);
  ar.field("macs", macs);
  ar.field("vlans", vlans);
  if (!ar.loading() || std::size_t{unicast} + multicast <= kMaxMacs) return;
  unicast = multicast = 0;
  ar.refuse("unicast", "there are more addresses than fit");
}

}  // namespace quince::hw
