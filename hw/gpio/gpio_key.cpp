#include "hw/gpio/gpio_key.h"

#include <utility>

#include "hw/core/archive.h"

namespace quince::hw {

GpioKey::GpioKey(std::string_view name, IrqLine wire, TimerQueue& clock)
    : Device(name),
      wire_(std::move(wire)),
      clock_(clock),
      release_(clock, std::string(name) + "/release", &Bind<&GpioKey::on_release>::call, this) {}

void GpioKey::press() {
  s_.release_ns = clock_.now_ns() + kPressNs;
  sync();
}

void GpioKey::on_release() {
  s_.release_ns = kNever;
  sync();
}

void GpioKey::reset() {
  s_ = {};
  restored();
}

void GpioKey::restored() { sync(); }

void GpioKey::snapshot(Archive& ar) { ar.field("release_ns", s_.release_ns); }

void GpioKey::sync() {
  if (release_.deadline() != s_.release_ns) release_.arm(s_.release_ns);
  wire_.set(s_.release_ns != kNever);
}

}  // namespace quince::hw
