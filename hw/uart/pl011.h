// Arm PrimeCell UART, PL011 (Arm DDI 0183).
//
// Modelled: the programmer's model with a 16-deep receive FIFO (one character without FEN), break
// and overrun, receive level and timeout interrupts, modem status interrupts, and loopback of data,
// break and modem lines.
//
// Receiving.  A character is in the FIFO, and visible in UARTFR, at the moment at which the back
// end delivers it; it is accepted whatever UARTEN and RXE say, because firmware and kernels hand
// the port over without agreeing on them.  The interrupts are the manual's: UARTRXINTR when a
// character arrives and the fill is at or above the trigger level of UARTIFLS, UARTRTINTR when the
// FIFO holds something and nothing arrived for 32 bit periods of guest time at the programmed rate.
// While the FIFO is not empty, UARTRTINTR is asserted or its time is running, even after a driver
// cleared interrupts with data left, so an interrupt-driven guest cannot lose the last characters
// of a line.
//
// Transmitting takes no time: UARTTXFF and BUSY are never set, and each write asserts UARTTXINTR as
// the FIFO falling through its trigger level would.  So a driver that fills, enables the interrupt
// and waits for it goes on, and one that cleared it starts it again by writing.
//
// Deliberately missing: word lengths, parity and framing errors, IrDA, DMA and the test registers
// (their configuration is kept and does nothing), and modem lines outside loopback (not asserted).
#pragma once

#include <array>

#include "hw/core/char_port.h"
#include "hw/core/irq.h"
#include "hw/core/reg_map.h"
#include "hw/core/timer.h"
#include "hw/uart/pl011_spec.h"

namespace quince::hw {

class Pl011 final : public RegMapDevice<Pl011>, private CharReceiver {
 public:
  /// `irq` is UARTINTR, the combined interrupt.  Attaches itself to `port`, which outlives it.
  Pl011(std::string_view name, IrqLine irq, TimerQueue& clock, CharPort& port);
  ~Pl011() override;

  void reset() override;
  void snapshot(Archive& ar) override;
  void restored() override;
  static std::span<const Reg<Pl011>> regs();
  void sync();  ///< the outputs from the state

 private:
  friend RegOps<Pl011>;
  struct State {
    std::array<u16, pl011::kFifoDepth> fifo{};  // data and error bits as in UARTDR
    u8 first = 0, count = 0;
    bool overrun = false;  // to be stored with the next character that finds room
    u8 rsr = 0, ilpr = 0, fbrd = 0, lcr_h = 0, ifls = 0x12, dmacr = 0;
    u16 ibrd = 0, cr = pl011::kCrTXE | pl011::kCrRXE, imsc = 0, ris = 0;
    u64 timeout_ns = kNever;  // when UARTRTINTR becomes asserted
  };

  // CharReceiver
  std::size_t can_receive() const override;
  void receive(std::span<const u8> data) override;
  void receive_break() override;

  // register handlers
  u32 read_data();
  void write_data(u32 v);
  void clear_errors(u32) { s_.rsr = 0; }
  u32 flags() const;
  void set_lcr_h(u32 v);
  void set_cr(u32 v);
  u32 masked() const { return s_.ris & s_.imsc; }
  void clear_interrupts(u32 v);

  bool loopback() const { return (s_.cr & pl011::kCrLBE) != 0; }
  bool break_looped() const { return loopback() && (s_.lcr_h & pl011::kLcrBRK) != 0; }
  unsigned depth() const { return (s_.lcr_h & pl011::kLcrFEN) != 0 ? pl011::kFifoDepth : 1; }
  unsigned trigger_level() const;
  u16 modem_lines() const;
  u64 timeout_period_ns() const;
  void push(u16 character);
  void flush();
  void raise(u16 interrupts) { s_.ris = static_cast<u16>(s_.ris | interrupts); }
  void lower(u16 interrupts) { s_.ris = static_cast<u16>(s_.ris & ~interrupts); }
  void on_timeout();
  void on_resume();
  using Op = RegOps<Pl011>;
  static const std::array<Reg<Pl011>, 16> kRegs;

  IrqLine irq_;
  TimerQueue& clock_;
  CharPort& port_;
  Timer timeout_;
  Timer resume_;
  State s_;
};

}  // namespace quince::hw
