#include "hw/vmapple/avp_rtc.h"

#include "hw/core/archive.h"

namespace quince::hw {

// clang-format off
constexpr std::array<Reg<AvpRtc>, 6> AvpRtc::kRegs{{
    {{.offset = 0x00, .name = "TIME",       .size = 8, .access = 4 | 8}, Op::get<&AvpRtc::time>,       nullptr},
    {{.offset = 0x18, .name = "CONTROL",    .size = 8, .access = 4 | 8}, Op::get<&State::control>,     Op::set<&State::control>},
    {{.offset = 0x20, .name = "IRQ_ENABLE", .size = 8, .access = 4 | 8}, Op::get<&State::irq_enable>,  Op::set<&State::irq_enable>},
    {{.offset = 0x30, .name = "STATUS",     .size = 8, .access = 4 | 8}, Op::get<&State::status>,      nullptr},
    {{.offset = 0x38, .name = "ACK",        .size = 8, .access = 4 | 8}, nullptr,                      Op::w1c<&State::status>},
    {{.offset = 0x40, .name = "ID",         .size = 8, .access = 4 | 8}, Op::constant<0xf001>,         nullptr},
}};
// clang-format on

std::span<const Reg<AvpRtc>> AvpRtc::regs() {
  static_assert(well_formed(kRegs));
  return kRegs;
}

AvpRtc::AvpRtc(std::string_view name, IrqLine irq, TimerQueue& clock, u64 boot_us)
    : RegMapDevice(name), irq_(std::move(irq)), clock_(clock), boot_us_(boot_us) {
  reset();
}

/// Where there is no register, reads are zero and writes are ignored.
Bus AvpRtc::read(u64 off, Access a, u64& out) {
  const Bus b = RegMapDevice::read(off, a, out);
  if (b != Bus::BadRegister && b != Bus::WriteOnly) return b;
  out = 0;
  return Bus::Ok;
}

Bus AvpRtc::write(u64 off, Access a, u64 in) {
  const Bus b = RegMapDevice::write(off, a, in);
  return b == Bus::BadRegister || b == Bus::ReadOnly ? Bus::Ok : b;
}

void AvpRtc::sync() { irq_.set((s_.status & s_.irq_enable) != 0); }

void AvpRtc::reset() {
  s_ = {};
  restored();
}

void AvpRtc::restored() { sync(); }

void AvpRtc::snapshot(Archive& ar) {
  ar.field("control", s_.control);
  ar.field("irq_enable", s_.irq_enable);
  ar.field("status", s_.status);
}

}  // namespace quince::hw
