// "quince-irq-testdev": a function that does with interrupts and memory what a test tells it to.
//
// It is of our own making; this comment is its specification.  BAR 0 (memory, 4 KiB) has:
//
//   0x000 ID            RO  0x51495251
//   0x004 INTX          RW  bit 0: the level of the interrupt condition
//   0x008 NOTIFY        WO  signals a vector by MSI-X or else MSI
//   0x00c MESSAGES      RO  how many of those found MSI-X or MSI enabled
//   0x010 DMA_SOURCE    RW  64 bits; also as two halves
//   0x018 DMA_TARGET    RW  64 bits
//   0x020 DMA_LENGTH    RW  bytes, at most 4096
//   0x024 DMA_START     WO  any value: copies at once
//   0x028 DMA_STATUS    RO  0 nothing done yet, 1 done, 2 refused: not memory, mastering is off, or
//                           too long
//   0x100 SHADOW_ADDR_LO RW, 0x140 SHADOW_ADDR_HI RW, 0x180 SHADOW_DATA RW, 0x1c0 SHADOW_ENABLE RW
//                           (bit 0): twelve slots, four bytes each
//   0x200 SHADOW_FIRE   WO  sends slot n, when it exists and is enabled
//
// The shadow slots stand for devices whose embedded controller keeps a copy of the message that the
// guest has programmed and fires it as an ordinary write, whatever the capability says.  BAR 1 has
// the MSI-X table; both MSI and MSI-X have 32 vectors.  The vendor id is one that emulators use for
// devices that do not exist.
#pragma once

#include <array>

#include "hw/core/reg_map.h"
#include "hw/core/stateless.h"
#include "hw/pci/pci_function.h"

namespace quince::hw {

class IrqTestdev final : public PciFunction {
 public:
  static constexpr u16 kVendor = 0x1234, kDevice = 0x5149;
  static constexpr unsigned kVectors = 32, kShadows = 12;
  static constexpr u32 kMaxCopy = 4096;

  IrqTestdev(std::string_view name, const FunctionPorts& ports);

  void reset() override;
  void snapshot(Archive& ar) override;
  void restored() override;

 private:
  enum class DmaStatus : u8 { None, Done, Refused };
  struct State {
    bool intx = false;
    u32 messages = 0;
    u64 source = 0, target = 0;
    u32 length = 0;
    DmaStatus status = DmaStatus::None;
    std::array<u32, kShadows> address_lo{}, address_hi{}, data{};
    std::array<bool, kShadows> enabled{};
  };

  class Registers final : public Stateless<RegMapDevice<Registers>> {
   public:
    Registers(std::string_view name, IrqTestdev& dev) : Stateless(name), s_(dev.s_), dev_(dev) {}
    static std::span<const Reg<Registers>> regs();
    void sync() { dev_.set_intx(s_.intx); }

   private:
    friend RegOps<Registers>;
    using Op = RegOps<Registers>;
    void signal(u32 vector);
    void copy(u32);
    void fire(u32 slot);
    static const std::array<Reg<Registers>, 14> kRegs;
    State& s_;
    IrqTestdev& dev_;
  };

  DmaStatus copy();

  State s_;
  Registers registers_;
};

}  // namespace quince::hw
