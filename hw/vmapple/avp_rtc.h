// The paravirtual clock of Apple's virtual platform ("avp-rtc").
//
// There is no public manual; the registers are known from a fork of QEMU that boots later guests with it
// (aquarat/qemu-reims-vgpu), and docs/platform.md has them.
//
// Modelled: the time, in microseconds since 1970, and the registers of its interrupt.  Deliberately
// missing: events, of which nothing is known but their bits.  None ever comes, so the interrupt stays low.
#pragma once

#include <array>

#include "hw/core/irq.h"
#include "hw/core/reg_map.h"
#include "hw/core/timer.h"

namespace quince::hw {

class AvpRtc final : public RegMapDevice<AvpRtc> {
 public:
  static constexpr u64 kSize = 0x1000;

  /// `boot_us` is the time at guest time zero, in microseconds since 1970.
  AvpRtc(std::string_view name, IrqLine irq, TimerQueue& clock, u64 boot_us);

  Bus read(u64 off, Access a, u64& out) override;
  Bus write(u64 off, Access a, u64 in) override;
  void reset() override;
  void snapshot(Archive& ar) override;
  void restored() override;
  static std::span<const Reg<AvpRtc>> regs();
  void sync();

 private:
  friend RegOps<AvpRtc>;
  using Op = RegOps<AvpRtc>;
  struct State {
    u64 control = 0, irq_enable = 0, status = 0;
  };
  u64 time() const { return boot_us_ + clock_.now_ns() / kMicrosecond; }
  static const std::array<Reg<AvpRtc>, 6> kRegs;

  IrqLine irq_;
  TimerQueue& clock_;
  const u64 boot_us_;
  State s_;
};

}  // namespace quince::hw
