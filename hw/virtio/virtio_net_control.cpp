// The control queue of a network device (virtio 1.2, 5.1.6.5).
#include <algorithm>

#include "hw/virtio/virtio_net.h"

namespace quince::hw {

namespace {

constexpr u64 kCommandHeader = 2;  // struct virtio_net_ctrl: class and command

/// Reads one list of struct virtio_net_ctrl_mac at `at`, which moves behind it.  Keeps what fits
/// at `macs[used]` and says how many that are.  Nothing: the list is not all there.
std::optional<u8> read_macs(const VirtqElement& e, u64& at, std::span<MacAddress> macs,
                            std::size_t used, bool& overflow) {
  std::array<u8, 4> entries;
  if (e.copy_out(at, entries) != entries.size()) return std::nullopt;
  const u32 count = load_le<u32>(entries.data());
  at += entries.size();
  if (count > (e.readable_size() - at) / sizeof(MacAddress)) return std::nullopt;
  overflow = count > macs.size() - used;
  if (!overflow)
    for (u32 i = 0; i < count; ++i) e.copy_out(at + i * sizeof(MacAddress), macs[used + i]);
  at += u64{count} * sizeof(MacAddress);
  return overflow ? u8{0} : static_cast<u8>(count);
}

}  // namespace

bool VirtioNet::handle_control(unsigned n) {
  unsigned taken = 0;
  for (; taken < kBurst && next(n, element_); ++taken) {
    if (element_.readable_size() < kCommandHeader || element_.writable_size() == 0) {
      queue(n)->unpop(element_);
      needs_reset("a command without a header or an ack byte");
      return false;
    }
    const u8 ack = run_command() ? VIRTIO_NET_OK : VIRTIO_NET_ERR;
    element_.copy_in(0, {&ack, 1});
    push(n, element_, 1);
  }
  if (taken != 0) signal(n);
  return taken == kBurst;
}

// The command in element_.  A class whose feature was not negotiated is unknown.
bool VirtioNet::run_command() {
  struct Class {
    u8 number;
    Command run;
  };
  static constexpr Class kClasses[] = {
      {VIRTIO_NET_CTRL_RX, &VirtioNet::set_receive_mode},
      {VIRTIO_NET_CTRL_MAC, &VirtioNet::set_mac},
      {VIRTIO_NET_CTRL_VLAN, &VirtioNet::set_vlan},
      {VIRTIO_NET_CTRL_ANNOUNCE, &VirtioNet::acknowledge_announce},
      {VIRTIO_NET_CTRL_MQ, &VirtioNet::set_pairs},
      {VIRTIO_NET_CTRL_GUEST_OFFLOADS, &VirtioNet::set_offloads},
  };
  std::array<u8, kCommandHeader> header;
  element_.copy_out(0, header);
  for (const Class& c : kClasses)
    if (c.number == header[0]) return (this->*c.run)(header[1]);
  return false;
}

// The first `size` bytes of the command's argument, when it has as many.
std::optional<u64> VirtioNet::argument(std::size_t size) const {
  std::array<u8, 8> bytes{};
  if (element_.readable_size() < kCommandHeader + size) return std::nullopt;
  element_.copy_out(kCommandHeader, std::span(bytes).first(size));
  return load_le<u64>(bytes.data());
}

bool VirtioNet::set_receive_mode(u8 command) {
  NetFilter& f = s_.filter;
  bool* const modes[] = {&f.promisc, &f.allmulti, &f.alluni, &f.nomulti, &f.nouni, &f.nobcast};
  static_assert(VIRTIO_NET_CTRL_RX_PROMISC == 0 && VIRTIO_NET_CTRL_RX_NOBCAST == 5);
  const bool extra = command > VIRTIO_NET_CTRL_RX_ALLMULTI;
  const std::optional<u64> on = argument(1);
  if (!on || command >= std::size(modes) ||
      !has_feature(extra ? VIRTIO_NET_F_CTRL_RX_EXTRA : VIRTIO_NET_F_CTRL_RX))
    return false;
  *modes[command] = *on != 0;
  return true;
}

bool VirtioNet::set_mac(u8 command) {
  if (command == VIRTIO_NET_CTRL_MAC_TABLE_SET)
    return has_feature(VIRTIO_NET_F_CTRL_RX) && set_mac_table();
  MacAddress mac;
  if (command != VIRTIO_NET_CTRL_MAC_ADDR_SET || !has_feature(VIRTIO_NET_F_CTRL_MAC_ADDR) ||
      element_.readable_size() != kCommandHeader + mac.size())
    return false;
  element_.copy_out(kCommandHeader, mac);
  s_.filter.mac = mac;
  return true;
}

// Two lists, of stations and of groups.  All or nothing.
bool VirtioNet::set_mac_table() {
  NetFilter next = s_.filter;
  u64 at = kCommandHeader;
  const auto unicast = read_macs(element_, at, next.macs, 0, next.unicast_overflow);
  if (!unicast) return false;
  const auto multicast = read_macs(element_, at, next.macs, *unicast, next.multicast_overflow);
  if (!multicast || at != element_.readable_size()) return false;
  next.unicast = *unicast;
  next.multicast = *multicast;
  s_.filter = next;
  return true;
}

bool VirtioNet::set_vlan(u8 command) {
  const std::optional<u64> id = argument(2);
  if (!id || *id >= NetFilter::kVlans || !has_feature(VIRTIO_NET_F_CTRL_VLAN) ||
      (command != VIRTIO_NET_CTRL_VLAN_ADD && command != VIRTIO_NET_CTRL_VLAN_DEL))
    return false;
  s_.filter.set_vlan(static_cast<u16>(*id), command == VIRTIO_NET_CTRL_VLAN_ADD);
  return true;
}

bool VirtioNet::acknowledge_announce(u8 command) {
  if (command != VIRTIO_NET_CTRL_ANNOUNCE_ACK || !s_.announce) return false;
  s_.announce = false;
  return true;
}

bool VirtioNet::set_pairs(u8 command) {
  const std::optional<u64> pairs = argument(2);
  if (command != VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET || !has_feature(VIRTIO_NET_F_MQ) || !pairs ||
      *pairs == 0 || *pairs > pairs_there())
    return false;
  s_.pairs = static_cast<u16>(*pairs);
  s_.flows = {};
  return true;
}

bool VirtioNet::set_offloads(u8 command) {
  const std::optional<u64> offloads = argument(8);
  if (command != VIRTIO_NET_CTRL_GUEST_OFFLOADS_SET ||
      !has_feature(VIRTIO_NET_F_CTRL_GUEST_OFFLOADS) || !offloads ||
      (*offloads & ~(VirtioDevice::features() & kGuestOffloads)) != 0)
    return false;
  s_.offloads = *offloads;
  return true;
}

}  // namespace quince::hw
