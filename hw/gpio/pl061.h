// Arm PrimeCell General Purpose Input/Output, PL061 (Arm DDI 0190).
//
// Modelled: eight lines with direction, masked data access, edge, both-edge and level interrupts
// on the lines that are inputs, and the identification registers.  Nothing drives an input that is
// not connected: it reads as low, as with pull-down resistors.
//
// Deliberately missing: hardware control mode (GPIOAFSEL is kept but selects nothing), the eight
// separate interrupt outputs, and the integration test registers.
#pragma once

#include <array>

#include "hw/core/irq.h"
#include "hw/core/reg_map.h"

namespace quince::hw {

class Pl061 final : public RegMapDevice<Pl061>, private IrqSink {
 public:
  static constexpr unsigned kLines = 8;

  /// `irq` is GPIOINTR, the combined interrupt.
  Pl061(std::string_view name, IrqLine irq);

  /// Where the board connects what drives the lines, as sink lines 0 to kLines - 1.
  IrqSink& inputs() { return *this; }
  /// Connects what line `n` (0 to kLines - 1) drives while it is an output.
  void connect_output(unsigned n, IrqLine wire);

  void reset() override;
  void snapshot(Archive& ar) override;
  void restored() override;
  static std::span<const Reg<Pl061>> regs();
  void sync();  ///< the outputs from the state

 private:
  friend RegOps<Pl061>;
  struct State {
    u8 in = 0;   // what is driven from outside
    u8 out = 0;  // the data register of the outputs
    u8 dir = 0, is = 0, ibe = 0, iev = 0, ie = 0, afsel = 0;
    u8 edges = 0;  // the edge detection latches
  };

  void set_line(unsigned line, bool high) override;
  u8 data(unsigned mask) const;
  void set_data(unsigned mask, u32 v);
  u8 raw() const;
  u8 masked() const { return raw() & s_.ie; }
  using Op = RegOps<Pl061>;
  static const std::array<Reg<Pl061>, 13> kRegs;

  IrqLine irq_;
  std::array<IrqLine, kLines> outputs_;
  State s_;
};

}  // namespace quince::hw
