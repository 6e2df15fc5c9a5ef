// Which frames a network device passes on (virtio 1.2, 5.1.6.5.1 to 5.1.6.5.3): receive modes, the
// tables of addresses and VLANs.
//
// Chosen where the specification leaves it open, as QEMU does: after a reset everything passes
// until the driver says otherwise; promiscuous mode passes every VLAN, too; a table with more
// addresses than there is room for passes all of its kind.
#pragma once

#include <array>
#include <span>

#include "base/mac_address.h"
#include "base/types.h"

namespace quince {
class Archive;
}

namespace quince::hw {

/// Plain data: a part of a device's state.
struct NetFilter {
  static constexpr std::size_t kMaxMacs = 64;  ///< of both kinds together
  static constexpr unsigned kVlans = 4096;

  bool promisc = true;
  bool allmulti = false, alluni = false;                 ///< pass whatever the table says
  bool nomulti = false, nouni = false, nobcast = false;  ///< drop whatever the table says
  bool by_vlan = false;                                  ///< VLAN tags are looked at
  MacAddress mac{};                                      ///< the device's own address
  u8 unicast = 0, multicast = 0;                         ///< entries of `macs`, in this order
  bool unicast_overflow = false, multicast_overflow = false;
  std::array<MacAddress, kMaxMacs> macs{};
  std::array<u64, kVlans / 64> vlans{};  ///< a bit for each VLAN that passes

  /// A frame with a whole Ethernet header.
  bool accepts(std::span<const u8> frame) const;
  /// `id` is below kVlans.
  void set_vlan(u16 id, bool pass);
  void snapshot(Archive& ar);
};

}  // namespace quince::hw
