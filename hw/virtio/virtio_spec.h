// Numbers of "Virtual I/O Device (VIRTIO) Version 1.2" (OASIS committee specification 01), in its
// spelling.  Section numbers in comments are of that document.
#pragma once

#include "base/bits.h"

namespace quince::hw {

/// Device types (5).
enum class VirtioId : u16 {
  None = 0,
  Net = 1,
  Blk = 2,
  Console = 3,
  Rng = 4,
  Balloon = 5,
  Scsi = 8,
  P9 = 9,
  Gpu = 16,
  Input = 18,
  Vsock = 19,
  Sound = 25,
  Fs = 26,
};

/// The vendor that QEMU's devices name in the MMIO VendorID register: "QEMU", what drivers expect
/// there.
inline constexpr u32 kVirtioMmioVendor = 0x554d'4551;

// Device status (2.1).
inline constexpr u8 VIRTIO_ACKNOWLEDGE = 1;
inline constexpr u8 VIRTIO_DRIVER = 2;
inline constexpr u8 VIRTIO_DRIVER_OK = 4;
inline constexpr u8 VIRTIO_FEATURES_OK = 8;
inline constexpr u8 VIRTIO_DEVICE_NEEDS_RESET = 64;
inline constexpr u8 VIRTIO_FAILED = 128;

// Feature bits that belong to no device type (6).
inline constexpr unsigned VIRTIO_F_INDIRECT_DESC = 28;
inline constexpr unsigned VIRTIO_F_EVENT_IDX = 29;
inline constexpr unsigned VIRTIO_F_VERSION_1 = 32;
inline constexpr unsigned VIRTIO_F_ACCESS_PLATFORM = 33;
inline constexpr unsigned VIRTIO_F_RING_PACKED = 34;
inline constexpr unsigned VIRTIO_F_RING_RESET = 40;

/// A mask of feature bits.
template <class... N>
constexpr u64 feature_bits(N... n) {
  return (u64{0} | ... | (u64{1} << n));
}

// Split virtqueues (2.7).
inline constexpr u16 VIRTQ_DESC_F_NEXT = 1;
inline constexpr u16 VIRTQ_DESC_F_WRITE = 2;
inline constexpr u16 VIRTQ_DESC_F_INDIRECT = 4;
inline constexpr u16 VIRTQ_USED_F_NO_NOTIFY = 1;
inline constexpr u16 VIRTQ_AVAIL_F_NO_INTERRUPT = 1;

/// struct virtq_desc.
struct VirtqDesc {
  u64 addr = 0;
  u32 len = 0;
  u16 flags = 0;
  u16 next = 0;
};
static_assert(sizeof(VirtqDesc) == 16);

/// The parts of a split ring of `n` descriptors, in bytes from their starts.
struct VirtqLayout {
  static constexpr u64 kDescAlign = 16, kAvailAlign = 2, kUsedAlign = 4;
  static constexpr u64 kFlags = 0, kIdx = 2, kRing = 4;  // of both rings
  static constexpr u64 desc_size(u64 n) { return 16 * n; }
  static constexpr u64 used_event(u64 n) { return kRing + 2 * n; }   // in the available ring
  static constexpr u64 avail_event(u64 n) { return kRing + 8 * n; }  // in the used ring
  static constexpr u64 avail_size(u64 n) { return used_event(n) + 2; }
  static constexpr u64 used_size(u64 n) { return avail_event(n) + 2; }
};

/// Whether an index that went from `old` to `now` passed `event` (2.7.7.2, vring_need_event).
constexpr bool virtq_need_event(u16 event, u16 now, u16 old) {
  return static_cast<u16>(now - event - 1) < static_cast<u16>(now - old);
}

// The ISR status of both transports (4.1.4.5, 4.2.2 InterruptStatus).
inline constexpr u8 VIRTIO_ISR_QUEUE = 1;
inline constexpr u8 VIRTIO_ISR_CONFIG = 2;

// Entropy device (5.4): no feature bits, no configuration.

// Network device (5.1).  HOST_USO and GSO_UDP_L4 are of version 1.3.
inline constexpr unsigned VIRTIO_NET_F_CSUM = 0;
inline constexpr unsigned VIRTIO_NET_F_GUEST_CSUM = 1;
inline constexpr unsigned VIRTIO_NET_F_CTRL_GUEST_OFFLOADS = 2;
inline constexpr unsigned VIRTIO_NET_F_MTU = 3;
inline constexpr unsigned VIRTIO_NET_F_MAC = 5;
inline constexpr unsigned VIRTIO_NET_F_GUEST_TSO4 = 7;
inline constexpr unsigned VIRTIO_NET_F_GUEST_TSO6 = 8;
inline constexpr unsigned VIRTIO_NET_F_GUEST_ECN = 9;
inline constexpr unsigned VIRTIO_NET_F_HOST_TSO4 = 11;
inline constexpr unsigned VIRTIO_NET_F_HOST_TSO6 = 12;
inline constexpr unsigned VIRTIO_NET_F_HOST_ECN = 13;
inline constexpr unsigned VIRTIO_NET_F_MRG_RXBUF = 15;
inline constexpr unsigned VIRTIO_NET_F_STATUS = 16;
inline constexpr unsigned VIRTIO_NET_F_CTRL_VQ = 17;
inline constexpr unsigned VIRTIO_NET_F_CTRL_RX = 18;
inline constexpr unsigned VIRTIO_NET_F_CTRL_VLAN = 19;
inline constexpr unsigned VIRTIO_NET_F_CTRL_RX_EXTRA = 20;
inline constexpr unsigned VIRTIO_NET_F_GUEST_ANNOUNCE = 21;
inline constexpr unsigned VIRTIO_NET_F_MQ = 22;
inline constexpr unsigned VIRTIO_NET_F_CTRL_MAC_ADDR = 23;
inline constexpr unsigned VIRTIO_NET_F_HOST_USO = 56;
inline constexpr unsigned VIRTIO_NET_F_SPEED_DUPLEX = 63;
inline constexpr u16 VIRTIO_NET_S_LINK_UP = 1;
inline constexpr u16 VIRTIO_NET_S_ANNOUNCE = 2;
inline constexpr u8 VIRTIO_NET_HDR_F_NEEDS_CSUM = 1;
inline constexpr u8 VIRTIO_NET_HDR_F_DATA_VALID = 2;
inline constexpr u8 VIRTIO_NET_HDR_GSO_NONE = 0;
inline constexpr u8 VIRTIO_NET_HDR_GSO_TCPV4 = 1;
inline constexpr u8 VIRTIO_NET_HDR_GSO_TCPV6 = 4;
inline constexpr u8 VIRTIO_NET_HDR_GSO_UDP_L4 = 5;
inline constexpr u8 VIRTIO_NET_HDR_GSO_ECN = 0x80;
inline constexpr u8 VIRTIO_NET_OK = 0;
inline constexpr u8 VIRTIO_NET_ERR = 1;
inline constexpr u8 VIRTIO_NET_CTRL_RX = 0;
inline constexpr u8 VIRTIO_NET_CTRL_RX_PROMISC = 0;
inline constexpr u8 VIRTIO_NET_CTRL_RX_ALLMULTI = 1;
inline constexpr u8 VIRTIO_NET_CTRL_RX_ALLUNI = 2;
inline constexpr u8 VIRTIO_NET_CTRL_RX_NOMULTI = 3;
inline constexpr u8 VIRTIO_NET_CTRL_RX_NOUNI = 4;
inline constexpr u8 VIRTIO_NET_CTRL_RX_NOBCAST = 5;
inline constexpr u8 VIRTIO_NET_CTRL_MAC = 1;
inline constexpr u8 VIRTIO_NET_CTRL_MAC_TABLE_SET = 0;
inline constexpr u8 VIRTIO_NET_CTRL_MAC_ADDR_SET = 1;
inline constexpr u8 VIRTIO_NET_CTRL_VLAN = 2;
inline constexpr u8 VIRTIO_NET_CTRL_VLAN_ADD = 0;
inline constexpr u8 VIRTIO_NET_CTRL_VLAN_DEL = 1;
inline constexpr u8 VIRTIO_NET_CTRL_ANNOUNCE = 3;
inline constexpr u8 VIRTIO_NET_CTRL_ANNOUNCE_ACK = 0;
inline constexpr u8 VIRTIO_NET_CTRL_MQ = 4;
inline constexpr u8 VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET = 0;
inline constexpr u8 VIRTIO_NET_CTRL_GUEST_OFFLOADS = 5;
inline constexpr u8 VIRTIO_NET_CTRL_GUEST_OFFLOADS_SET = 0;

/// struct virtio_net_hdr as every modern driver uses it (5.1.6).
struct VirtioNetHdr {
  u8 flags = 0;
  u8 gso_type = VIRTIO_NET_HDR_GSO_NONE;
  u16 hdr_len = 0, gso_size = 0;
  u16 csum_start = 0, csum_offset = 0;
  u16 num_buffers = 0;
};
static_assert(sizeof(VirtioNetHdr) == 12);

// Block device (5.2).
inline constexpr unsigned VIRTIO_BLK_F_SIZE_MAX = 1;
inline constexpr unsigned VIRTIO_BLK_F_SEG_MAX = 2;
inline constexpr unsigned VIRTIO_BLK_F_GEOMETRY = 4;
inline constexpr unsigned VIRTIO_BLK_F_RO = 5;
inline constexpr unsigned VIRTIO_BLK_F_BLK_SIZE = 6;
inline constexpr unsigned VIRTIO_BLK_F_FLUSH = 9;
inline constexpr unsigned VIRTIO_BLK_F_TOPOLOGY = 10;
inline constexpr unsigned VIRTIO_BLK_F_CONFIG_WCE = 11;
inline constexpr unsigned VIRTIO_BLK_F_MQ = 12;
inline constexpr unsigned VIRTIO_BLK_F_DISCARD = 13;
inline constexpr unsigned VIRTIO_BLK_F_WRITE_ZEROES = 14;
inline constexpr u32 VIRTIO_BLK_T_IN = 0;
inline constexpr u32 VIRTIO_BLK_T_OUT = 1;
inline constexpr u32 VIRTIO_BLK_T_FLUSH = 4;
inline constexpr u32 VIRTIO_BLK_T_GET_ID = 8;
inline constexpr u32 VIRTIO_BLK_T_DISCARD = 11;
inline constexpr u32 VIRTIO_BLK_T_WRITE_ZEROES = 13;
/// Of Apple's disks: what was written before it is durable before anything behind it begins.
inline constexpr u32 VIRTIO_BLK_T_APPLE_BARRIER = 0x10000;
inline constexpr u8 VIRTIO_BLK_S_OK = 0;
inline constexpr u8 VIRTIO_BLK_S_IOERR = 1;
inline constexpr u8 VIRTIO_BLK_S_UNSUPP = 2;
inline constexpr u32 VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP = 1;
inline constexpr u64 kVirtioBlkSector = 512;
inline constexpr u64 kVirtioBlkIdBytes = 20;

// Console device (5.3).
inline constexpr unsigned VIRTIO_CONSOLE_F_SIZE = 0;
inline constexpr unsigned VIRTIO_CONSOLE_F_MULTIPORT = 1;
inline constexpr unsigned VIRTIO_CONSOLE_F_EMERG_WRITE = 2;
inline constexpr u16 VIRTIO_CONSOLE_DEVICE_READY = 0;
inline constexpr u16 VIRTIO_CONSOLE_DEVICE_ADD = 1;
inline constexpr u16 VIRTIO_CONSOLE_DEVICE_REMOVE = 2;
inline constexpr u16 VIRTIO_CONSOLE_PORT_READY = 3;
inline constexpr u16 VIRTIO_CONSOLE_CONSOLE_PORT = 4;
inline constexpr u16 VIRTIO_CONSOLE_RESIZE = 5;
inline constexpr u16 VIRTIO_CONSOLE_PORT_OPEN = 6;
inline constexpr u16 VIRTIO_CONSOLE_PORT_NAME = 7;

/// struct virtio_console_control.
struct VirtioConsoleControl {
  u32 id = 0;
  u16 event = 0;
  u16 value = 0;
};

// Memory balloon device (5.5).
inline constexpr unsigned VIRTIO_BALLOON_F_MUST_TELL_HOST = 0;
inline constexpr unsigned VIRTIO_BALLOON_F_STATS_VQ = 1;
inline constexpr unsigned VIRTIO_BALLOON_F_DEFLATE_ON_OOM = 2;
inline constexpr unsigned VIRTIO_BALLOON_F_FREE_PAGE_HINT = 3;
inline constexpr unsigned VIRTIO_BALLOON_F_PAGE_POISON = 4;
inline constexpr unsigned VIRTIO_BALLOON_F_PAGE_REPORTING = 5;
inline constexpr u64 kVirtioBalloonPage = 4096;  ///< bytes that a page frame number stands for

}  // namespace quince::hw
