// Transfer descriptors, and the packets that devices see of them (xHCI 1.2, 3.2.8, 4.11).
#pragma once

#include <vector>

#include "hw/usb/usb.h"
#include "hw/usb/xhci/endpoint.h"

namespace quince::hw {

/// A transfer descriptor: its blocks, without links.
struct XhciTd {
  struct Block {
    xhci::Trb trb;
    u64 address;
  };
  std::vector<Block> blocks;
  u32 length = 0;       ///< bytes of all buffers
  XhciRingPlace start;  ///< of its first block
  XhciRingPlace end;    ///< behind its last one

  xhci::TrbType type() const { return blocks.front().trb.type(); }
};

/// Most blocks of a descriptor, and most bytes.  The specification has no limit; drivers stay far
/// below.  What is longer is a TRB Error.
inline constexpr std::size_t kMaxTdBlocks = 1024;
inline constexpr u32 kMaxTdBytes = 16 * 1024 * 1024;

/// Whether a block has a buffer that counts.
inline bool has_buffer(const xhci::Trb& t) {
  switch (t.type()) {
    case xhci::TrbType::Normal:
    case xhci::TrbType::DataStage:
    case xhci::TrbType::Isoch:
      return true;
    default:
      return false;
  }
}

enum class XhciTdResult : u8 {
  Td,
  Empty,    ///< none, or not all of it is there yet
  Blocked,  ///< an event ring that it leads to has no room
  Bad,      ///< rules are broken: TRB Error at blocks.back(), or at `start` without blocks
  Fault,    ///< the controller has halted
};

class XhciTransfers;

/// A descriptor that a device works on.
class XhciTransfer final : public UsbPacket {
 public:
  explicit XhciTransfer(XhciTransfers& engine, XhciCore& core) : engine_(engine), core_(core) {}
  ~XhciTransfer() = default;

  /// Over the buffers of `td`; `length` bytes of them, at most td.length.
  void begin(bool in, u8 endpoint, u16 stream, u32 length) {
    cursor_ = 0;
    cursor_start_ = 0;
    UsbPacket::start(in, endpoint, stream, length);
  }

  XhciTd td;
  UsbDevice* device = nullptr;
  unsigned slot = 0, dci = 0;
  bool busy = false;    ///< not free for another descriptor
  bool flying = false;  ///< the device has it

 private:
  bool put(u32 at, std::span<const u8> bytes) override;
  bool get(u32 at, std::span<u8> bytes) override;
  void completed(UsbStatus status) override;
  /// Calls f(block, offset in it, part of the bytes) for each buffer of a range.
  template <class F>
  bool each(u32 at, std::size_t n, F&& f);

  XhciTransfers& engine_;
  XhciCore& core_;
  std::size_t cursor_ = 0;  // the block that has the running position
  u32 cursor_start_ = 0;    // the position of its first byte
};

}  // namespace quince::hw
