// "pci-testdev" (QEMU's specification of that name, docs/specs/pci-testdev): a function that counts
// writes, for kvm-unit-tests.
//
// Modelled: tests 0 to 2 in a memory BAR and in an I/O BAR, and the optional large BAR 2.  Choice:
// every matching write is counted, also in the tests that QEMU gives an event descriptor.
#pragma once

#include <array>

#include "hw/core/reg_map.h"
#include "hw/core/stateless.h"
#include "hw/pci/pci_function.h"

namespace quince::hw {

class PciTestdev final : public PciFunction {
 public:
  /// `membar`: the size of BAR 2, a power of two from 4 KiB on, or 0.
  PciTestdev(std::string_view name, const FunctionPorts& ports, u64 membar = 0);

  void reset() override;
  void snapshot(Archive& ar) override;

 private:
  static constexpr unsigned kTests = 3;
  static constexpr unsigned kNone = 2 * kTests;  // no test is selected

  /// One of the BARs: the header of the selected test, and the bytes that are written to.
  template <bool Io>
  class Window final : public Stateless<RegMapDevice<Window<Io>>> {
   public:
    Window(std::string_view name, PciTestdev& dev) : Window::Stateless(name), dev_(dev) {}
    static std::span<const Reg<Window<Io>>> regs();
    void sync() {}

   private:
    friend RegOps<Window<Io>>;
    u8 test() const { return static_cast<u8>(dev_.selected() ? dev_.test_ : 0); }
    void select(u8 n) { dev_.select(n < kTests ? n + (Io ? kTests : 0) : kNone); }
    u8 width() const { return dev_.selected() ? 1 : 0; }
    u32 offset() const { return dev_.selected() ? offset_of(dev_.test_) : 0; }
    u32 data() const { return dev_.selected() ? data_of(dev_.test_) : 0; }
    u32 count() const { return dev_.selected() ? dev_.count_[dev_.test_] : 0; }
    u8 name_byte(unsigned i) const { return dev_.name_byte(i); }
    void hit(unsigned i, u8 value) { dev_.hit((Io ? kTests : 0) + i, value); }
    PciTestdev& dev_;
  };

  static constexpr u64 kMemorySize = 4096, kIoSize = 256;
  static u32 offset_of(unsigned test);
  static u32 data_of(unsigned test);
  bool selected() const { return test_ < kNone; }
  void select(unsigned test);
  u8 name_byte(unsigned i) const;
  void hit(unsigned test, u8 value);

  Window<false> memory_;
  Window<true> io_;
  u8 test_ = kNone;
  std::array<u32, 2 * kTests> count_{};
};

}  // namespace quince::hw
