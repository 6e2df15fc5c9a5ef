#include "hw/rtc/pl031.h"

#include <utility>

#include "hw/core/archive.h"
#include "hw/primecell.h"

namespace quince::hw {

// clang-format off
constexpr std::array<Reg<Pl031>, 10> Pl031::kRegs{{
    {{0x000, "RTCDR"},   Op::get<&Pl031::counter>, nullptr},
    {{0x004, "RTCMR"},   Op::get<&State::match>,   Op::set<&Pl031::set_match>},
    {{0x008, "RTCLR"},   Op::get<&State::load>,    Op::set<&Pl031::set_load>},
    {{0x00c, "RTCCR"},   Op::constant<1>,          Op::ignore},
    {{0x010, "RTCIMSC"}, Op::get<&State::mask>,    Op::set<&Pl031::set_mask>},
    {{0x014, "RTCRIS"},  Op::get<&Pl031::raw>,     nullptr},
    {{0x018, "RTCMIS"},  Op::get<&Pl031::masked>,  nullptr},
    {{0x01c, "RTCICR"},  nullptr,                  Op::set<&Pl031::clear>},
    primecell_periph_id<Pl031, 0x0014'1031>("RTCPeriphID"),
    primecell_cell_id<Pl031>("RTCPCellID"),
}};
// clang-format on

std::span<const Reg<Pl031>> Pl031::regs() {
  static_assert(well_formed(kRegs));
  return kRegs;
}

Pl031::Pl031(std::string_view name, IrqLine irq, TimerQueue& clock, u32 boot_seconds)
    : RegMapDevice(name),
      irq_(std::move(irq)),
      clock_(clock),
      boot_seconds_(boot_seconds),
      alarm_(clock, std::string(name) + "/match", &Bind<&Pl031::on_match>::call, this) {
  reset();
}

void Pl031::reset() {
  s_ = {.base = boot_seconds_};  // guest time goes on over a reset, so the counter does too
  schedule(s_.match - counter());
  restored();
}

void Pl031::restored() { sync(); }

void Pl031::snapshot(Archive& ar) {
  ar.field("base", s_.base);
  ar.field("match", s_.match);
  ar.field("load", s_.load);
  ar.field("mask", s_.mask);
  ar.field("raw", s_.raw);
  ar.field("match_ns", s_.match_ns);
}

void Pl031::sync() {
  if (alarm_.deadline() != s_.match_ns) alarm_.arm(s_.match_ns);
  irq_.set(s_.raw && s_.mask);
}

// Guest time may have passed the match before the machine ran the timer.  What the guest sees must
// not depend on that, so every register whose handler looks at the match takes it first.
void Pl031::catch_up() {
  if (overdue()) on_match();
}

void Pl031::on_match() {
  s_.raw = true;
  schedule(s_.match - counter());
  sync();
}

// The next second at which the counter steps onto the match value is `wait` seconds after this
// one began; now equal means a whole turn of the counter from now.
void Pl031::schedule(u32 wait) {
  const u64 second = clock_.now_ns() / kSecond + (wait != 0 ? wait : u64{1} << 32);
  s_.match_ns = second <= kNever / kSecond ? second * kSecond : kNever;
}

// After the guest moved the counter or the match: equal at once is a match too.
void Pl031::compare() {
  const u32 wait = s_.match - counter();
  if (wait == 0) s_.raw = true;
  schedule(wait);
}

void Pl031::set_match(u32 v) {
  catch_up();
  s_.match = v;
  compare();
}

void Pl031::set_load(u32 v) {
  catch_up();
  s_.load = v;
  s_.base += v - counter();
  compare();
}

void Pl031::clear(u32 v) {
  catch_up();
  if (bit(v, 0)) s_.raw = false;
}

}  // namespace quince::hw
