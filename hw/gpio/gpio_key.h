// A push button on a general purpose input: pressed by the user interface or the monitor, it holds
// its wire high long enough for a guest to see, whether it waits for the edge or polls the level.
#pragma once

#include "hw/core/device.h"
#include "hw/core/irq.h"
#include "hw/core/timer.h"

namespace quince::hw {

class GpioKey final : public Device {
 public:
  /// How long a press lasts, in nanoseconds of guest time.
  static constexpr u64 kPressNs = 100 * kMillisecond;

  /// `wire` goes to a GPIO input; high means pressed.
  GpioKey(std::string_view name, IrqLine wire, TimerQueue& clock);

  /// Presses the key and releases it kPressNs later.  A press while it is down prolongs that one.
  void press();

  void reset() override;
  void snapshot(Archive& ar) override;
  void restored() override;

 private:
  struct State {
    u64 release_ns = kNever;  // kNever: the key is up
  };
  void sync();
  void on_release();

  IrqLine wire_;
  TimerQueue& clock_;
  Timer release_;
  State s_;
};

}  // namespace quince::hw
