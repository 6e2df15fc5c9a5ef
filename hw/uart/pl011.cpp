#include "hw/uart/pl011.h"

#include <utility>

#include "hw/core/archive.h"
#include "hw/primecell.h"

namespace quince::hw {

using namespace pl011;

namespace {
constexpr u8 kAny = 1 | 2 | 4;  // drivers use byte, halfword and word accesses
// 115200 baud, for a guest that never programmed the baud rate generator.
constexpr u64 kDefaultDivisor = 13 * 64 + 1;
}  // namespace

// clang-format off
constexpr std::array<Reg<Pl011>, 16> Pl011::kRegs{{
    {{.offset = 0x000, .name = "UARTDR", .access = kAny, .read_effect = true},
     Op::get<&Pl011::read_data>, Op::set<&Pl011::write_data>},
    {{0x004, "UARTRSR",   4, kAny}, Op::get<&State::rsr>,     Op::set<&Pl011::clear_errors>},
    {{0x018, "UARTFR",    4, kAny}, Op::get<&Pl011::flags>,   nullptr},
    {{0x020, "UARTILPR",  4, kAny}, Op::get<&State::ilpr>,    Op::set<&State::ilpr>},
    {{0x024, "UARTIBRD",  4, kAny}, Op::get<&State::ibrd>,    Op::set<&State::ibrd>},
    {{0x028, "UARTFBRD",  4, kAny}, Op::get<&State::fbrd>,    Op::set_masked<&State::fbrd, 0x3f>},
    {{0x02c, "UARTLCR_H", 4, kAny}, Op::get<&State::lcr_h>,   Op::set<&Pl011::set_lcr_h>},
    {{0x030, "UARTCR",    4, kAny}, Op::get<&State::cr>,      Op::set<&Pl011::set_cr>},
    {{0x034, "UARTIFLS",  4, kAny}, Op::get<&State::ifls>,    Op::set_masked<&State::ifls, 0x3f>},
    {{0x038, "UARTIMSC",  4, kAny}, Op::get<&State::imsc>,    Op::set_masked<&State::imsc, kIntAll>},
    {{0x03c, "UARTRIS",   4, kAny}, Op::get<&State::ris>,     nullptr},
    {{0x040, "UARTMIS",   4, kAny}, Op::get<&Pl011::masked>,  nullptr},
    {{0x044, "UARTICR",   4, kAny}, nullptr,                  Op::set<&Pl011::clear_interrupts>},
    {{0x048, "UARTDMACR", 4, kAny}, Op::get<&State::dmacr>,   Op::set_masked<&State::dmacr, 7>},
    primecell_periph_id<Pl011, 0x0014'1011>("UARTPeriphID"),
    primecell_cell_id<Pl011>("UARTPCellID"),
}};
// clang-format on

std::span<const Reg<Pl011>> Pl011::regs() {
  static_assert(well_formed(kRegs));
  return kRegs;
}

Pl011::Pl011(std::string_view name, IrqLine irq, TimerQueue& clock, CharPort& port)
    : RegMapDevice(name),
      irq_(std::move(irq)),
      clock_(clock),
      port_(port),
      timeout_(clock, std::string(name) + "/timeout", &Bind<&Pl011::on_timeout>::call, this),
      resume_(clock, std::string(name) + "/resume", &Bind<&Pl011::on_resume>::call, this) {
  port_.attach(this);
}

Pl011::~Pl011() { port_.attach(nullptr); }

void Pl011::reset() {
  s_ = {};
  restored();
}

// There may be room now that the back end does not know of.  It is told when time runs again: what
// it delivers is an event, and there must be none while other units are still being restored.
void Pl011::restored() {
  sync();
  resume_.arm(clock_.now_ns());
}

void Pl011::snapshot(Archive& ar) {
  ar.field("fifo", s_.fifo);
  ar.field("first", s_.first);
  ar.field("count", s_.count);
  ar.field("overrun", s_.overrun);
  ar.field("rsr", s_.rsr);
  ar.field("ilpr", s_.ilpr);
  ar.field("fbrd", s_.fbrd);
  ar.field("lcr_h", s_.lcr_h);
  ar.field("ifls", s_.ifls);
  ar.field("dmacr", s_.dmacr);
  ar.field("ibrd", s_.ibrd);
  ar.field("cr", s_.cr);
  ar.field("imsc", s_.imsc);
  ar.field("ris", s_.ris);
  ar.field("timeout_ns", s_.timeout_ns);
  const bool waits = (s_.ris & kIntRT) != 0 || s_.timeout_ns != kNever;
  if (ar.loading() && (s_.first >= kFifoDepth || s_.count > depth() || (s_.count != 0 && !waits))) {
    ar.refuse("count", "the receive FIFO cannot be like this");
    s_ = {};
  }
}

void Pl011::sync() {
  if (timeout_.deadline() != s_.timeout_ns) timeout_.arm(s_.timeout_ns);
  irq_.set(masked() != 0);
}

void Pl011::on_timeout() {
  s_.timeout_ns = kNever;
  raise(kIntRT);
  sync();
}

void Pl011::on_resume() {
  if (can_receive() != 0) port_.accept_input();
}

// In loopback the receiver is disconnected from the outside; what waits there waits on.
std::size_t Pl011::can_receive() const { return loopback() ? 0 : depth() - s_.count; }

void Pl011::receive(std::span<const u8> data) {
  if (loopback()) return;
  for (const u8 c : data) push(c);
  sync();
}

void Pl011::receive_break() {
  if (loopback()) return;
  push(kDrBE);
  sync();
}

unsigned Pl011::trigger_level() const {
  if (depth() == 1) return 1;
  constexpr std::array<u8, 8> kLevels{2, 4, 8, 12, 14, 14, 14, 14};  // the last three are reserved
  return kLevels[bits(s_.ifls, 5, 3)];
}

/// 32 bit periods.  The divisor counts in 64ths of 16 cycles of UARTCLK.
u64 Pl011::timeout_period_ns() const {
  const u64 divisor = s_.ibrd != 0 ? u64{s_.ibrd} * 64 + s_.fbrd : kDefaultDivisor;
  return 32 * divisor * kSecond * 16 / 64 / kUartClockHz;
}

// Puts a character behind the last one.  The overrun status travels with the first character that
// finds room again (DDI 0183, "Overrun bit"); UARTRSR and UARTOEINTR have it at once.
void Pl011::push(u16 character) {
  if (s_.count >= depth()) {
    s_.overrun = true;
    s_.rsr |= kRsrOE;
    raise(kIntOE);
    return;
  }
  if (s_.overrun) character |= kDrOE;
  s_.overrun = false;
  s_.fifo[(s_.first + s_.count) % kFifoDepth] = character;
  ++s_.count;
  if ((character & kDrBE) != 0) raise(kIntBE);
  if (s_.count >= trigger_level()) raise(kIntRX);
  if ((s_.ris & kIntRT) == 0) s_.timeout_ns = clock_.now_ns() + timeout_period_ns();
}

void Pl011::flush() {
  s_.first = s_.count = 0;
  s_.overrun = false;
  s_.timeout_ns = kNever;
  lower(kIntRX | kIntRT);
}

u32 Pl011::read_data() {
  if (s_.count == 0) return 0;
  const bool was_full = s_.count == depth();
  const u16 character = s_.fifo[s_.first];
  s_.first = static_cast<u8>((s_.first + 1) % kFifoDepth);
  --s_.count;
  s_.rsr = static_cast<u8>((s_.rsr & kRsrOE) | (character >> 8));
  if (s_.count < trigger_level()) lower(kIntRX);
  if (s_.count == 0) {
    lower(kIntRT);
    s_.timeout_ns = kNever;
  }
  sync();
  if (was_full && !loopback()) port_.accept_input();  // last: it may call receive()
  return character;
}

void Pl011::write_data(u32 v) {
  const u8 byte = static_cast<u8>(v);
  port_.write({&byte, 1});
  if (loopback()) push(byte);
  raise(kIntTX);
}

u16 Pl011::modem_lines() const {
  if (!loopback()) return 0;
  u16 fr = 0;
  if ((s_.cr & kCrOut2) != 0) fr |= kFrRI;
  if ((s_.cr & kCrOut1) != 0) fr |= kFrDCD;
  if ((s_.cr & kCrRTS) != 0) fr |= kFrCTS;
  if ((s_.cr & kCrDTR) != 0) fr |= kFrDSR;
  return fr;
}

u32 Pl011::flags() const {
  u32 fr = kFrTXFE | modem_lines();
  if (s_.count == 0) fr |= kFrRXFE;
  if (s_.count == depth()) fr |= kFrRXFF;
  return fr;
}

void Pl011::set_lcr_h(u32 v) {
  const bool broken = break_looped();
  const bool flushes = ((v ^ s_.lcr_h) & kLcrFEN) != 0;
  s_.lcr_h = static_cast<u8>(v);
  if (flushes) flush();
  if (break_looped() && !broken) push(kDrBE);
  sync();
  if (flushes && can_receive() != 0) port_.accept_input();
}

void Pl011::set_cr(u32 v) {
  const bool broken = break_looped(), looped = loopback();
  const u16 lines = modem_lines();
  s_.cr = static_cast<u16>(v & kCrWritable);
  const u16 changed = lines ^ modem_lines();
  if ((changed & kFrRI) != 0) raise(kIntRI);
  if ((changed & kFrCTS) != 0) raise(kIntCTS);
  if ((changed & kFrDCD) != 0) raise(kIntDCD);
  if ((changed & kFrDSR) != 0) raise(kIntDSR);
  if (break_looped() && !broken) push(kDrBE);
  sync();
  if (looped && can_receive() != 0) port_.accept_input();
}

void Pl011::clear_interrupts(u32 v) {
  lower(static_cast<u16>(v));
  if ((v & kIntRT) != 0 && s_.count != 0 && s_.timeout_ns == kNever)
    s_.timeout_ns = clock_.now_ns() + timeout_period_ns();
}

}  // namespace quince::hw
