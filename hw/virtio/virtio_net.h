// Network device (virtio 1.2, 5.1), over a net::Port.
//
// Modelled: checksums and segments left to the other side in both directions (host_uso is of
// virtio 1.3), merged receive buffers, link state, MTU, speed; the control queue with receive modes,
// address and VLAN tables, the address, offloads, announcements; several queue pairs, with each
// received packet on the pair that its flow was last sent from (automatic receive steering).
// Deliberately missing: UFO and receive USO, hash reports and RSS, notification coalescing, RSC,
// standby devices, the legacy interface.
//
// Frames that nobody has room for wait in the port, all behind the first one whatever pair it is
// for; a frame for a queue that the driver has stopped is dropped.  Large segments are handed to
// the driver when it takes TSO4, TSO6 and ECN; one that takes only some of them gets them cut.
//
// A frame in one piece whose checksum is still open is sent from guest memory, because whoever fills
// it in makes a copy, and copes with a guest that changes the frame meanwhile.  Every other frame is
// copied first: a network stack on the host may look at a field twice.
//
// Chains without a whole header need a reset, as in QEMU; headers that contradict themselves or the
// negotiated features cost their frame.
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "base/result.h"
#include "hw/virtio/net_filter.h"
#include "hw/virtio/virtio_device.h"
#include "net/net.h"

namespace quince::hw {

/// A feature that a user can switch off, by its option.
struct VirtioNetSwitch {
  const char* option;
  unsigned feature;  ///< VIRTIO_NET_F_
  const char* help;
};
inline constexpr std::array<VirtioNetSwitch, 19> kVirtioNetSwitches{{
    {"csum", VIRTIO_NET_F_CSUM, "the guest may leave checksums of what it sends open (on)"},
    {"guest_csum", VIRTIO_NET_F_GUEST_CSUM, "the guest may get open checksums (on)"},
    {"host_tso4", VIRTIO_NET_F_HOST_TSO4, "the guest may send large TCP segments, IPv4 (on)"},
    {"host_tso6", VIRTIO_NET_F_HOST_TSO6, "the same, IPv6 (on)"},
    {"host_ecn", VIRTIO_NET_F_HOST_ECN, "the same, with ECN (on)"},
    {"host_uso", VIRTIO_NET_F_HOST_USO, "the guest may send many UDP datagrams in one (on)"},
    {"guest_tso4", VIRTIO_NET_F_GUEST_TSO4, "the guest may get large TCP segments, IPv4 (on)"},
    {"guest_tso6", VIRTIO_NET_F_GUEST_TSO6, "the same, IPv6 (on)"},
    {"guest_ecn", VIRTIO_NET_F_GUEST_ECN, "the same, with ECN (on)"},
    {"mrg_rxbuf", VIRTIO_NET_F_MRG_RXBUF, "a packet may fill several receive buffers (on)"},
    {"status", VIRTIO_NET_F_STATUS, "the guest sees the state of the link (on)"},
    {"ctrl_vq", VIRTIO_NET_F_CTRL_VQ, "a control queue, which all that follow need (on)"},
    {"ctrl_rx", VIRTIO_NET_F_CTRL_RX, "receive modes and the table of addresses (on)"},
    {"ctrl_rx_extra", VIRTIO_NET_F_CTRL_RX_EXTRA, "more receive modes (on)"},
    {"ctrl_vlan", VIRTIO_NET_F_CTRL_VLAN, "the table of VLANs (on)"},
    {"ctrl_mac_addr", VIRTIO_NET_F_CTRL_MAC_ADDR, "the guest may change the address (on)"},
    {"ctrl_guest_offloads", VIRTIO_NET_F_CTRL_GUEST_OFFLOADS,
     "and switch guest_* at run time (on)"},
    {"guest_announce", VIRTIO_NET_F_GUEST_ANNOUNCE, "and be asked to announce itself (on)"},
    {"mq", VIRTIO_NET_F_MQ, "offer several queue pairs (on if there are several)"},
}};

struct VirtioNetConfig {
  static constexpr u64 kDefaultOffers = [] {
    u64 all = 0;
    for (const VirtioNetSwitch& s : kVirtioNetSwitches) all |= feature_bits(s.feature);
    return all & ~feature_bits(VIRTIO_NET_F_MQ);
  }();

  u64 features = VirtioDevice::kCommonFeatures;  ///< of every type
  u64 offers = kDefaultOffers;  ///< of kVirtioNetSwitches; those whose need is off are off, too
  MacAddress mac{0x52, 0x54, 0x00, 0x12, 0x34, 0x56};
  u16 queue_pairs = 1;                   ///< more than 1 needs VIRTIO_NET_F_MQ in `offers`
  u16 rx_queue_size = 256;               ///< a power of two
  u16 tx_queue_size = 256;               ///< a power of two
  u16 mtu = 0;                           ///< bytes of payload; 0: not said
  std::optional<u32> speed = {};         ///< Mbit/s; nothing: not known
  std::optional<bool> full_duplex = {};  ///< nothing: not known

  /// What is wrong with it, in the words of its options.
  Result<void> check() const;
};

class VirtioNet final : public VirtioDevice, private net::Receiver {
 public:
  static constexpr unsigned kMaxPairs = 16;
  static constexpr u16 kMinQueueSize = 256;
  static constexpr u16 kControlQueueSize = 64;
  static constexpr u32 kConfigSize = 0x11;
  /// Bytes that one notification makes the device send; what is left waits as with kBurst.
  static constexpr u64 kBurstBytes = MiB;

  /// `config` passed check().  The port outlives the device; without one, nothing is sent and
  /// nothing comes.
  VirtioNet(std::string_view name, const VirtioNetConfig& config, net::Port* port, Log& log,
            TimerQueue& timers);
  ~VirtioNet() override;

  u32 config_size() const override { return kConfigSize; }
  /// Plugs the cable in or pulls it out.  While it is out nothing is sent or received.
  void set_link(bool up);
  bool link() const { return s_.plugged && carrier_; }
  /// Asks the driver to make itself known to the network, after the machine moved.  False: it
  /// cannot.
  bool announce();
  const MacAddress& mac() const { return s_.filter.mac; }

 private:
  // Flows share buckets; in a bucket, 0 or the pair that was sent from, plus 1.
  using Flows = std::array<u8, 256>;
  struct State {
    bool plugged = true;    // what set_link() said; outlives resets
    bool link_up = true;    // what the driver was told
    bool announce = false;  // the driver was asked
    u16 pairs = 1;          // in use
    u64 offloads = 0;       // VIRTIO_NET_F_GUEST_ that are switched on
    Flows flows{};
    NetFilter filter = {};
  };

  bool handle_queue(unsigned n) override;
  void reset_type() override;
  void negotiated() override;
  void snapshot_type(Archive& ar) override;
  void restored_type() override;
  void fill_config(std::span<u8> out) const override;

  // net::Receiver
  net::Features features() const override;
  bool can_receive() const override { return driver_ok(); }
  bool receive(std::span<const u8> frame, const net::Offload& offload) override;
  void link_changed(bool up) override;

  static constexpr u64 kGuestOffloads =
      feature_bits(VIRTIO_NET_F_GUEST_CSUM, VIRTIO_NET_F_GUEST_TSO4, VIRTIO_NET_F_GUEST_TSO6,
                   VIRTIO_NET_F_GUEST_ECN);

  static u64 all_features(const VirtioNetConfig& config);
  static std::vector<u16> queue_sizes(const VirtioNetConfig& config);
  unsigned pairs_there() const { return has_feature(VIRTIO_NET_F_MQ) ? config_.queue_pairs : 1; }
  void sync_link();

  // Sending
  bool handle_transmit(unsigned n);
  void transmit(unsigned pair);
  bool parse(const VirtioNetHdr& h, u64 length, net::Offload& out) const;
  std::span<const u8> frame_of(const VirtqElement& e, u64 length, bool may_change);

  // Receiving
  enum class Room : u8 { Enough, Wait, Never };
  bool handle_receive(unsigned n);
  bool wants(std::span<const u8> frame, const net::Offload& offload) const;
  unsigned pair_for(std::span<const u8> frame) const;
  Room take_buffers(unsigned n, u64 length);
  void give_back(unsigned n);

  // virtio_net_control.cpp
  using Command = bool (VirtioNet::*)(u8 command);
  bool handle_control(unsigned n);
  bool run_command();
  std::optional<u64> argument(std::size_t size) const;
  bool set_receive_mode(u8 command);
  bool set_mac(u8 command);
  bool set_mac_table();
  bool set_vlan(u8 command);
  bool acknowledge_announce(u8 command);
  bool set_pairs(u8 command);
  bool set_offloads(u8 command);

  const VirtioNetConfig config_;
  net::Port* const port_;
  bool carrier_ = true;  // what the port said
  State s_;
  // Scratch of one call.
  VirtqElement element_;
  std::vector<VirtqElement> buffers_;  // of one received frame: the first taken_
  unsigned taken_ = 0;
  std::array<u8, net::kMaxFrame> gathered_;
};

}  // namespace quince::hw
