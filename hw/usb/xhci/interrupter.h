// An interrupter: its registers, its event ring, its moderation (xHCI 1.2, 4.9.4, 4.17, 5.5.2).
//
// Modelled: event rings of up to 16 segments that may grow at their end while they are in use; the
// Event Ring Full event; interrupt moderation with the counter that software may write; BEI.
// Choices: an event that finds no room is kept, up to kKept of them, and the rings that lead here
// stand still until there is room: nothing is lost.  IP is set whether IE is or not, and speaks when
// IE is.  A ring begins with the first event after ERSTBA was written, so the order in which a
// driver writes the registers does not matter.
#pragma once

#include <vector>

#include "hw/core/reg_map.h"
#include "hw/usb/xhci/xhci_core.h"

namespace quince::hw {

/// Who has the interrupters.
class XhciInterrupterOwner {
 public:
  /// asserts() may be different now.
  virtual void wire_changed() = 0;
  /// A ring that was full has room: what waited goes on, later.
  virtual void room_again() = 0;

 protected:
  ~XhciInterrupterOwner() = default;
};

class XhciInterrupter final : public RegMapDevice<XhciInterrupter> {
 public:
  static constexpr u64 kSize = 0x20;
  XhciInterrupter(XhciCore& core, unsigned number, XhciInterrupterOwner& owner);

  static std::span<const Reg<XhciInterrupter>> regs();
  void reset() override;
  void snapshot(Archive& ar) override;
  void restored() override { follow(); }
  /// IP where it is due, messages, the wire's part, the timer.
  void sync();

  /// Writes an event, or keeps it.  `quiet`: the transfer's Block Event Interrupt flag.
  void post(xhci::Trb event, bool quiet);
  /// The controller runs again: what was kept may go on.
  void restarted() {
    drain();
    sync();
  }
  /// Events are kept: who has more should wait.
  bool blocked() const { return !kept_.empty(); }
  /// Asks for the wire.
  bool asserts() const { return s_.ip && s_.ie; }

 private:
  friend RegOps<XhciInterrupter>;
  using Op = RegOps<XhciInterrupter>;
  static constexpr std::size_t kKept = 2048;

  struct State {
    bool ip = false, ie = false;
    u16 imodi = xhci::kImodDefault;
    u64 moderated_until_ns = 0;  // when IMODC is 0
    u32 erstsz = 0;
    u64 erstba = 0;
    u64 erdp = 0;  // with DESI, without EHB
    bool ehb = false;
    // The ring: where the next event goes.
    bool started = false;
    u32 segment = 0, index = 0;
    u64 base = 0;  // of the segment
    u32 size = 0;  // of the segment, in TRBs
    bool pcs = false;
    bool pending = false;  // IPE: there are events that software has not been told of (4.17.2)
  };
  struct Place {
    u32 segment, index;
    u64 base;
    u32 size;
    bool wrapped;
    u64 address() const { return base + xhci::kTrbSize * index; }
  };

  u32 iman() const { return (shows_ip() ? xhci::kIp : 0) | (s_.ie ? xhci::kIe : 0); }
  void set_iman(u32 v);
  u32 imod() const;
  void set_imod(u32 v);
  void set_erstsz(u32 v);
  u32 erstba_lo() const { return static_cast<u32>(s_.erstba); }
  u32 erstba_hi() const { return static_cast<u32>(s_.erstba >> 32); }
  void set_erstba_lo(u32 v);
  void set_erstba_hi(u32 v);
  u32 erdp_lo() const { return static_cast<u32>(s_.erdp) | (s_.ehb ? xhci::kEhb : 0); }
  u32 erdp_hi() const { return static_cast<u32>(s_.erdp >> 32); }
  void set_erdp_lo(u32 v);
  void set_erdp_hi(u32 v);

  u64 dequeue() const { return s_.erdp & ~u64{xhci::kErdpFlags}; }
  bool usable() const { return s_.erstsz != 0 && s_.erstba != 0; }
  bool read_segment(u32 n, u64& base, u32& size);
  bool start();
  bool dequeue_is_inside(bool complain);
  Place here() const { return {s_.segment, s_.index, s_.base, s_.size, false}; }
  bool advance(Place& p);
  bool put(xhci::Trb event, bool quiet);
  enum class Room : u8 { None, One, More, Broken };
  Room room(bool complain);
  void drain();
  void moved();
  void load_counter();
  bool due() const;
  /// The same whether the timer has come already or not.
  bool shows_ip() const { return s_.ip || (due() && !core_.signals.messages()); }
  void follow();

  static const std::array<Reg<XhciInterrupter>, 7> kRegs;
  XhciCore& core_;
  const unsigned number_;
  XhciInterrupterOwner& owner_;
  Timer moderation_;
  State s_;
  std::vector<std::pair<xhci::Trb, bool>> kept_;
};

}  // namespace quince::hw
