// The driver's side of an xHCI controller: contexts and rings in guest memory, commands, events over
// rings of several segments.  It works over any port that reads and writes registers and memory, so
// that a guest program can use it too, and it can lie about everything.
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "hw/usb/usb.h"
#include "hw/usb/xhci/xhci_spec.h"

namespace quince::test {

/// How the driver reaches registers (offsets in BAR 0) and memory.
class XhciDriverPort {
 public:
  virtual ~XhciDriverPort() = default;
  virtual u32 read(u64 off) = 0;
  virtual void write(u64 off, u32 value) = 0;
  virtual void read_memory(u64 address, std::span<u8> out) = 0;
  virtual void write_memory(u64 address, std::span<const u8> in) = 0;
};

/// A ring that the driver fills: one or more segments, joined by links.
class XhciProducerRing {
 public:
  XhciProducerRing() = default;
  /// Segments of `size` blocks each, the last of them a link.
  XhciProducerRing(XhciDriverPort& port, std::vector<u64> segments, u32 size);
  /// Puts a block in place and returns its address.  With `hold`, its cycle bit is wrong for now:
  /// release() makes it valid.
  u64 push(hw::xhci::Trb trb, bool hold = false);
  void release();
  void use(XhciDriverPort& port) { port_ = &port; }
  /// Where the next block goes, with the cycle bit in bit 0.
  u64 position() const { return here() | (cycle_ ? 1 : 0); }
  /// The start of the first segment, with the first cycle bit: for contexts.
  u64 start() const { return segments_.front() | 1; }

 private:
  u64 here() const { return segments_[segment_] + hw::xhci::kTrbSize * index_; }
  XhciDriverPort* port_ = nullptr;
  std::vector<u64> segments_;
  u32 size_ = 0;
  std::size_t segment_ = 0;
  u32 index_ = 0;
  bool cycle_ = true;
  std::optional<std::pair<u64, hw::xhci::Trb>> held_;
};

/// A ring that the driver empties.
class XhciEventRing {
 public:
  XhciEventRing() = default;
  /// `table` is where the segment table goes, with room for 16 bytes for each segment.
  XhciEventRing(XhciDriverPort& port, unsigned interrupter, u64 table, std::vector<u64> segments,
                u32 size);
  /// Writes ERSTSZ, ERDP and ERSTBA.
  void program();
  /// The next event, if there is one.  Does not tell the controller.
  std::optional<hw::xhci::Trb> next();
  /// Tells the controller what was read, and clears EHB.
  void acknowledge(bool clear_ehb = true);
  void use(XhciDriverPort& port) { port_ = &port; }
  u64 registers() const { return 0x1020 + 0x20 * number_; }
  u64 dequeue() const { return segments_[segment_] + hw::xhci::kTrbSize * index_; }

 private:
  XhciDriverPort* port_ = nullptr;
  unsigned number_ = 0;
  u64 table_ = 0;
  std::vector<u64> segments_;
  u32 size_ = 0;
  std::size_t segment_ = 0;
  u32 index_ = 0;
  bool cycle_ = true;
};

/// What an event says.
struct XhciEvent {
  hw::xhci::TrbType type{};
  hw::xhci::Code code{};
  u64 pointer = 0;
  u32 length = 0;
  unsigned slot = 0, endpoint = 0;
  bool event_data = false;
  static XhciEvent of(const hw::xhci::Trb& t) {
    return {t.type(),
            static_cast<hw::xhci::Code>(t.status >> 24),
            t.parameter,
            t.status & 0xff'ffff,
            t.slot(),
            static_cast<unsigned>(bits(t.control, 20, 16)),
            t.has(hw::xhci::kEventDataFlag)};
  }
};

class XhciDriver {
 public:
  // Registers, as offsets in BAR 0.
  static constexpr u64 kUsbcmd = 0x40, kUsbsts = 0x44, kCrcr = 0x58, kDcbaap = 0x70, kConfig = 0x78,
                       kPorts = 0x440, kMfindex = 0x1000, kDoorbells = 0x2000;
  static constexpr u32 kSegment = 16;  ///< blocks of a ring's segment

  /// `memory` is where the driver lays things out, `size` bytes of it.
  XhciDriver(XhciDriverPort& port, u64 memory, u64 size);

  /// Goes on with another controller, whose memory has the same contents.
  void use(XhciDriverPort& port);
  u64 allocate(u64 bytes, u64 align = 64);

  /// Reset; DCBAA, command ring, `rings` event rings of `segments` segments; running.
  void start(unsigned rings = 1, unsigned segments = 2);

  // ---- Registers and rings.

  u32 rd(u64 off) { return port_->read(off); }
  void wr(u64 off, u32 v) { port_->write(off, v); }
  void wr64(u64 off, u64 v) {
    wr(off, static_cast<u32>(v));
    wr(off + 4, static_cast<u32>(v >> 32));
  }
  u32 portsc(unsigned port) { return rd(kPorts + 0x10 * (port - 1)); }
  void set_portsc(unsigned port, u32 v) { wr(kPorts + 0x10 * (port - 1), v | hw::xhci::kPp); }
  void doorbell(unsigned slot, unsigned dci, u16 stream = 0) {
    wr(kDoorbells + 4 * slot, dci | u32{stream} << 16);
  }
  XhciEventRing& events(unsigned n = 0) { return events_[n]; }
  XhciProducerRing& commands() { return commands_; }
  /// Every event that is there, in order, acknowledged.
  std::vector<XhciEvent> take(unsigned ring = 0);

  // ---- Commands.

  /// Posts one and rings; returns its completion, and drops events before it.
  XhciEvent command(hw::xhci::TrbType type, u32 control = 0, u64 parameter = 0, u32 status = 0);
  XhciEvent command_on(hw::xhci::TrbType type, unsigned slot, unsigned dci = 0, u64 parameter = 0,
                       u32 status = 0) {
    return command(type, slot << 24 | dci << 16, parameter, status);
  }

  /// An endpoint to configure.
  struct Endpoint {
    unsigned dci;
    hw::xhci::EpType type;
    u16 max_packet;
    u8 interval = 0;
    u8 max_pstreams = 0;
    bool lsa = false;
  };
  /// Enable Slot, context, Address Device.  Returns the slot; `code` is how the last of them went.
  unsigned address(unsigned root_port, u32 route, hw::UsbSpeed speed, bool block_request = false,
                   hw::xhci::Code* code = nullptr, unsigned interrupter = 0);
  hw::xhci::Code configure(unsigned slot, std::vector<Endpoint> endpoints, u32 drop = 0);
  /// Reset of the port, address, SET_CONFIGURATION(1).
  unsigned enumerate(unsigned root_port, hw::UsbSpeed speed);

  u64 device_context(unsigned slot) const { return contexts_[slot]; }
  u32 context_word(unsigned slot, unsigned dci, unsigned word);
  hw::xhci::EpState endpoint_state(unsigned slot, unsigned dci) {
    return static_cast<hw::xhci::EpState>(context_word(slot, dci, 0) & 7);
  }
  hw::xhci::SlotState slot_state(unsigned slot) {
    return static_cast<hw::xhci::SlotState>(context_word(slot, 0, 3) >> 27);
  }
  XhciProducerRing& ring(unsigned slot, unsigned dci) { return rings_[slot][dci]; }
  /// Input context of the last address() or configure(): to change and use again.
  u64 input() const { return input_; }

  // ---- Transfers.

  struct Buffer {
    u64 address;
    u32 length;
  };
  /// One Normal block; returns its address.
  u64 push_normal(unsigned slot, unsigned dci, Buffer b, u32 flags = hw::xhci::kIoc,
                  unsigned interrupter = 0);
  /// A whole control transfer, with IOC on its status stage only.
  void push_control(unsigned slot, std::array<u8, 8> setup, Buffer b = {});
  /// A control transfer, and its event.
  XhciEvent control(unsigned slot, std::array<u8, 8> setup, Buffer b = {});

  void write(u64 address, std::span<const u8> bytes) { port_->write_memory(address, bytes); }
  std::vector<u8> read(u64 address, std::size_t n);
  u64 read64(u64 address);
  void write64(u64 address, u64 v);
  void write32(u64 address, u32 v);

 private:
  void put_slot_context(unsigned root_port, u32 route, hw::UsbSpeed speed, unsigned entries,
                        unsigned interrupter);
  void put_endpoint(unsigned slot, const Endpoint& e);

  XhciDriverPort* port_;
  u64 next_, end_;
  u64 dcbaa_ = 0, input_ = 0;
  XhciProducerRing commands_;
  std::vector<XhciEventRing> events_;
  std::array<u64, 65> contexts_{};
  std::array<std::array<XhciProducerRing, 32>, 65> rings_;
};

}  // namespace quince::test
