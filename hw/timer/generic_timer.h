// Arm generic timer of one PE (Arm DDI 0487, the Generic Timer in AArch64 state): the EL1 physical
// and virtual timers, and the counter that they compare with.
//
// Modelled: CNTFRQ_EL0, CNTPCT_EL0, CNTVCT_EL0 and both timers' CTL, CVAL and TVAL.  There is no
// EL2, so CNTVOFF_EL2 is zero and both counts are the same.
// Deliberately missing: CNTKCTL_EL1 and the event stream, which belong to the CPU; the
// self-synchronising views (FEAT_ECV); the EL2, EL3 and memory-mapped timers.
#pragma once

#include <array>
#include <string_view>

#include "base/types.h"
#include "hw/core/archive.h"
#include "hw/core/device.h"
#include "hw/core/irq.h"
#include "hw/core/sysreg.h"
#include "hw/core/timer.h"

namespace quince::hw {

class GenericTimer final : public Device, public SysRegTarget {
 public:
  /// `frequency_hz`: counts per second of guest time, 1 to 2^32-1.  `virt` and `phys` are the wires
  /// of CNTV and CNTP, high while the timer's condition is met and not masked: INTIDs 27 and 30.
  GenericTimer(std::string_view name, TimerQueue& queue, u64 frequency_hz, IrqLine virt,
               IrqLine phys);

  void reset() override;
  void snapshot(Archive& ar) override;
  void restored() override { sync(); }

  Bus sysreg_read(SysRegId id, u64& out) override;
  Bus sysreg_write(SysRegId id, u64 in) override;

  u64 frequency() const { return frequency_; }

  /// The count at a guest time: floor(ns * freq / 10^9), modulo 2^64, for freq below 2^32.  Pure:
  /// the CPU reads CNTVCT_EL0 through it without any lock.
  static constexpr u64 count_at(u64 ns, u64 freq) {
    // Split at the second, exact without 128-bit division: the rest is below 10^9 * 2^32.
    return ns / kSecond * freq + ns % kSecond * freq / kSecond;
  }

  /// The earliest guest time at which count_at is `count` or more; kNever if 64 bits cannot say.
  static constexpr u64 time_of(u64 count, u64 freq) {
    const u64 seconds = count / freq;
    if (seconds >= kNever / kSecond) return kNever;
    return seconds * kSecond + (count % freq * kSecond + freq - 1) / freq;
  }

  static constexpr u64 kCtlEnable = 1u << 0;
  static constexpr u64 kCtlImask = 1u << 1;
  static constexpr u64 kCtlIstatus = 1u << 2;

 private:
  enum Which : unsigned { kVirtual, kPhysical, kTimers };
  struct Compare {
    u8 ctl = 0;  // ENABLE and IMASK; ISTATUS is derived
    u64 cval = 0;
  };
  struct State {
    u32 cntfrq = 0;  // what software stored there; it does not change the counter
    std::array<Compare, kTimers> timer;
  };

  u64 count() const { return count_at(queue_.now_ns(), frequency_); }
  u64 read_timer(const Compare& t, unsigned op2) const;
  void write_timer(Compare& t, unsigned op2, u64 in);
  void on_deadline() { sync(); }
  void sync();

  TimerQueue& queue_;
  const u64 frequency_;
  std::array<IrqLine, kTimers> irq_;
  Timer virtual_deadline_, physical_deadline_;
  State s_;
};

}  // namespace quince::hw
