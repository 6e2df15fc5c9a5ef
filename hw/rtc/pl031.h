// Arm PrimeCell Real Time Clock, PL031 (Arm DDI 0224).
//
// Modelled: every register of the programmer's model.  The counter counts whole seconds of guest
// time from the seconds that the board passes in and never looks at the host's clock; the match
// interrupt is exact to the nanosecond at which the counter takes the value of RTCMR.
//
// Deliberately different: RTCCR always reads as started, because the machines that have this
// device hand it to their firmware running.  Deliberately missing: the integration test registers.
#pragma once

#include <array>

#include "hw/core/irq.h"
#include "hw/core/reg_map.h"
#include "hw/core/timer.h"

namespace quince::hw {

class Pl031 final : public RegMapDevice<Pl031> {
 public:
  /// `irq` is RTCINTR.  `boot_seconds` is the counter at guest time zero, in seconds since 1970.
  Pl031(std::string_view name, IrqLine irq, TimerQueue& clock, u32 boot_seconds);

  void reset() override;
  void snapshot(Archive& ar) override;
  void restored() override;
  static std::span<const Reg<Pl031>> regs();
  void sync();  ///< the outputs from the state

 private:
  friend RegOps<Pl031>;
  struct State {
    u32 base = 0;  // counter minus seconds of guest time; wraps like the counter
    u32 match = 0, load = 0;
    bool mask = false, raw = false;
    u64 match_ns = kNever;  // when the counter next becomes equal to `match`
  };

  u32 counter() const { return s_.base + static_cast<u32>(clock_.now_ns() / kSecond); }
  bool overdue() const { return s_.match_ns <= clock_.now_ns(); }
  bool raw() const { return s_.raw || overdue(); }
  bool masked() const { return raw() && s_.mask; }
  void set_match(u32 v);
  void set_load(u32 v);
  void set_mask(u32 v) { s_.mask = bit(v, 0); }
  void clear(u32 v);
  void catch_up();
  void compare();
  void schedule(u32 wait);
  void on_match();
  using Op = RegOps<Pl031>;
  static const std::array<Reg<Pl031>, 10> kRegs;

  IrqLine irq_;
  TimerQueue& clock_;
  const u32 boot_seconds_;
  Timer alarm_;
  State s_;
};

}  // namespace quince::hw
