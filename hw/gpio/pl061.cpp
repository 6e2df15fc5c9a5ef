#include "hw/gpio/pl061.h"

#include <utility>

#include "base/assert.h"
#include "hw/core/archive.h"
#include "hw/primecell.h"

namespace quince::hw {

namespace {
constexpr u8 kAny = 1 | 2 | 4;  // drivers use byte as well as word accesses
}

// clang-format off
constexpr std::array<Reg<Pl061>, 13> Pl061::kRegs{{
    // Address bits 9:2 are the mask of the lines that an access to GPIODATA touches.
    {{.offset = 0x000, .name = "GPIODATA", .access = kAny, .count = 256},
     Op::get<&Pl061::data>, Op::set<&Pl061::set_data>},
    {{0x400, "GPIODIR",   4, kAny}, Op::get<&State::dir>,     Op::set<&State::dir>},
    {{0x404, "GPIOIS",    4, kAny}, Op::get<&State::is>,      Op::set<&State::is>},
    {{0x408, "GPIOIBE",   4, kAny}, Op::get<&State::ibe>,     Op::set<&State::ibe>},
    {{0x40c, "GPIOIEV",   4, kAny}, Op::get<&State::iev>,     Op::set<&State::iev>},
    {{0x410, "GPIOIE",    4, kAny}, Op::get<&State::ie>,      Op::set<&State::ie>},
    {{0x414, "GPIORIS",   4, kAny}, Op::get<&Pl061::raw>,     nullptr},
    {{0x418, "GPIOMIS",   4, kAny}, Op::get<&Pl061::masked>,  nullptr},
    {{0x41c, "GPIOIC",    4, kAny}, nullptr,                  Op::w1c<&State::edges>},
    {{0x420, "GPIOAFSEL", 4, kAny}, Op::get<&State::afsel>,   Op::set<&State::afsel>},
    // Reserved identification registers that drivers read with the others.
    {{.offset = 0xfd0, .name = "Reserved", .access = kAny, .count = 4},
     Op::constant<0>, nullptr},
    primecell_periph_id<Pl061, 0x0004'1061>("GPIOPeriphID"),
    primecell_cell_id<Pl061>("GPIOPCellID"),
}};
// clang-format on

std::span<const Reg<Pl061>> Pl061::regs() {
  static_assert(well_formed(kRegs));
  return kRegs;
}

Pl061::Pl061(std::string_view name, IrqLine irq) : RegMapDevice(name), irq_(std::move(irq)) {}

void Pl061::connect_output(unsigned n, IrqLine wire) {
  QUINCE_ASSERT(n < kLines);
  outputs_[n] = std::move(wire);
  sync();
}

void Pl061::reset() {
  s_ = {.in = s_.in};  // others drive the inputs, and go on doing so
  restored();
}

void Pl061::restored() { sync(); }

void Pl061::snapshot(Archive& ar) {
  ar.field("in", s_.in);
  ar.field("out", s_.out);
  ar.field("dir", s_.dir);
  ar.field("is", s_.is);
  ar.field("ibe", s_.ibe);
  ar.field("iev", s_.iev);
  ar.field("ie", s_.ie);
  ar.field("afsel", s_.afsel);
  ar.field("edges", s_.edges);
}

void Pl061::sync() {
  for (unsigned n = 0; n < kLines; ++n) outputs_[n].set(bit(s_.out & s_.dir, n));
  irq_.set(masked() != 0);
}

void Pl061::set_line(unsigned line, bool high) {
  QUINCE_ASSERT(line < kLines);
  if (bit(s_.in, line) == high) return;
  s_.in = static_cast<u8>(s_.in ^ (1u << line));
  const bool watched = !bit(s_.dir, line) && !bit(s_.is, line);
  if (watched && (bit(s_.ibe, line) || bit(s_.iev, line) == high))
    s_.edges = static_cast<u8>(s_.edges | (1u << line));
  sync();
}

u8 Pl061::data(unsigned mask) const {
  return static_cast<u8>(((s_.in & ~s_.dir) | (s_.out & s_.dir)) & mask);
}

// Only lines that are outputs already take the value: drivers know, and write it once more after
// they changed the direction.
void Pl061::set_data(unsigned mask, u32 v) {
  const unsigned lines = mask & s_.dir;
  s_.out = static_cast<u8>((s_.out & ~lines) | (v & lines));
}

// A level is not latched: GPIOIC does not clear it, and it goes when the level does.
u8 Pl061::raw() const {
  const unsigned levels = ~(s_.in ^ s_.iev) & ~s_.dir;
  return static_cast<u8>((s_.edges & ~s_.is) | (levels & s_.is));
}

}  // namespace quince::hw
