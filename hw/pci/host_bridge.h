// A PCI Express host bridge with ECAM: the generic kind that device trees call
// "pci-host-ecam-generic" (PCI Express Base 4.0, section 7.2.2).
//
// Modelled: bus 0 with the bridge's own function at 00.0, configuration of up to 256 buses, windows
// for 32-bit memory, 64-bit memory and I/O, INTx over any number of wires.  Bus and CPU addresses
// are the same; I/O ports begin at 0.  What no BAR claims reads as all ones and takes writes, as a
// master abort does; so does a function that is not there.
//
// BARs are not windows of the AddressSpace but are decoded here, as the hardware does: a guest may
// place them outside the windows (nothing reaches them), over each other (decode.h) or over memory
// (memory wins, for the windows do not overlap it), and moving one costs no other CPU anything.
#pragma once

#include <deque>

#include "base/log.h"
#include "hw/core/address_space.h"
#include "hw/core/irq.h"
#include "hw/core/stateless.h"
#include "hw/pci/pci_bus.h"

namespace quince::hw {

class PciHostBridge final : public Device, private PciUpstream {
 public:
  /// `wires`: pin n (INTA = 0) of slot s of bus 0 is wire (s + n) modulo their number.
  /// `messages`: there is a doorbell; without, functions have no MSI and no MSI-X capability.
  /// Functions hold references: they must go before the bridge.
  PciHostBridge(std::string_view name, AddressSpace& space, std::vector<IrqLine> wires,
                bool messages = true);
  ~PciHostBridge() override;

  void reset() override;
  void snapshot(Archive& ar) override;
  void restored() override;

  /// "pcie.0".
  PciBus& root() { return root_; }
  /// Configuration space: bus << 20 | device << 15 | function << 12 | register.
  MmioDevice& ecam() { return ecam_; }
  /// The window's device for memory at CPU addresses from `base` on.  Made once for each window.
  MmioDevice& memory_window(std::string_view name, PhysAddr base);
  /// The device for I/O ports from 0 on.
  MmioDevice& io_window(std::string_view name);

  /// What is decoded now.
  const PciDecode& decoded();

 private:
  class Ecam final : public Stateless<> {
   public:
    Ecam(std::string_view name, PciHostBridge& host) : Stateless(name), host_(host) {}
    Bus read(u64 off, Access a, u64& out) override;
    Bus write(u64 off, Access a, u64 in) override;

   private:
    PciFunction* function(u64 off) const;
    PciHostBridge& host_;
  };
  class Window final : public Stateless<> {
   public:
    Window(std::string_view name, PciHostBridge& host, u64 base, bool io)
        : Stateless(name), host_(host), base_(base), io_(io) {}
    Bus read(u64 off, Access a, u64& out) override;
    Bus write(u64 off, Access a, u64 in) override;
    std::string reg_name(u64 off) const override;

   private:
    PciFunction::Target target(u64 off) const;
    PciHostBridge& host_;
    const u64 base_;
    const bool io_;
  };

  u8 bus_number() const override { return 0; }
  bool mastering() const override { return true; }
  IrqLine intx(unsigned slot, unsigned pin) override;
  void decode_changed() override { stale_ = true; }
  void slots_changed() override { stale_ = true; }
  bool messages() const override { return messages_; }
  AddressSpace& space() override { return space_; }
  TracePoint& trace_msi() override { return trace_msi_; }

  AddressSpace& space_;
  const bool messages_;
  TracePoint trace_msi_;
  TracePoint trace_config_;
  std::deque<SharedIrq> wires_;
  PciBus root_;
  Ecam ecam_;
  std::deque<Window> windows_;
  PciDecode decode_;  // from the functions' state, when stale_ says so
  bool stale_ = true;
  std::unique_ptr<PciFunction> self_;
};

}  // namespace quince::hw
