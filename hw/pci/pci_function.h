// One function of a PCI device: configuration space, BARs, interrupts and bus mastering.
//
// PCI Local Bus 3.0, chapters 2 (interrupts) and 6 (configuration); PCI Express Base 4.0, sections
// 7.5 and 7.8.  A device derives from PciFunction, describes itself in its constructor (add_bar,
// add_msix, ...) and is then driven by the bus.
//
// Modelled: type 0 headers (pci_bridge.h has type 1), memory and I/O BARs that move and switch off
// at any time, INTx with Interrupt Disable and Interrupt Status, MSI, MSI-X, Bus Master Enable.
// Deliberately missing: expansion ROMs, power states, function-level reset, BARs of guest memory
// (they would have to be sections of the AddressSpace), error reporting.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <vector>

#include "hw/core/dma.h"
#include "hw/core/irq.h"
#include "hw/core/mmio.h"
#include "hw/pci/config_space.h"
#include "hw/pci/decode.h"
#include "hw/pci/express.h"
#include "hw/pci/msi.h"
#include "hw/pci/msix.h"
#include "hw/pci/pci_spec.h"

namespace quince::hw {

class PciBus;

/// What a function is.
struct PciIdentity {
  u16 vendor = 0, device = 0;
  u16 subsystem_vendor = 0, subsystem = 0;
  u8 revision = 0;
  u32 class_code = 0;    ///< base class, sub-class, programming interface: 0xbbsspp
  u8 interrupt_pin = 1;  ///< 1 to 4 for INTA to INTD; 0: none
  bool express = false;  ///< 4096 bytes of configuration space
};

/// What a bus gives to a function that is plugged in: PciBus::claim makes it.
struct FunctionPorts {
  PciBus* bus = nullptr;
  u8 devfn = 0;                ///< slot * 8 + function
  bool intx = true;            ///< the user's intx=off takes the pin away
  bool multifunction = false;  ///< says so in the header even when no other function is there
};

enum class BarType : u8 { Io, Mem32, Mem64, Mem64Prefetchable };

class PciFunction : public Device, private MsiSender {
 public:
  PciFunction(std::string_view name, const PciIdentity& identity, const FunctionPorts& ports);
  ~PciFunction() override;

  /// A derived class that overrides one of these calls it first.
  void reset() override;
  void snapshot(Archive& ar) override;
  void restored() override;

  // ---- For the device.

  /// Moves with the guest's numbering of buses: bus << 8 | devfn.
  u16 requester() const;
  u8 devfn() const { return devfn_; }
  /// The way to memory; closed while Bus Master Enable is clear here or in a bridge above.
  DmaPort& dma() { return dma_; }
  /// The level of the interrupt condition.  It reaches the pin unless the guest uses messages or
  /// has set Interrupt Disable.
  void set_intx(bool high);
  /// Signals a vector by MSI-X or else MSI, whichever the guest has enabled.  False when neither
  /// is: then the device speaks through set_intx.
  bool notify(unsigned vector);
  /// The guest has enabled MSI-X or MSI.
  bool message_signalled() const;
  const Msi* msi() const { return msi_ ? &*msi_ : nullptr; }
  const Msix* msix() const { return msix_ ? &*msix_ : nullptr; }
  const ConfigSpace& config() const { return config_; }
  /// Where a BAR is decoded now; nothing while it is switched off.
  std::optional<u64> bar_address(unsigned index) const;

  // ---- For the bus.

  /// Configuration accesses of 1, 2 or 4 bytes, naturally aligned.  `debug`: no side effects.
  u32 config_read(unsigned off, unsigned size, bool debug);
  void config_write(unsigned off, unsigned size, u32 value);
  /// What answers at an offset of a BAR, and at which offset of that; null for a hole.
  struct Target {
    MmioDevice* device = nullptr;
    u64 offset = 0;
  };
  Target bar_target(unsigned index, u64 offset) const;
  /// Adds what the function decodes now.  `memory` and `io`: what reaches its bus.
  virtual void decode(PciDecode& map, std::span<const PciRange> memory,
                      std::span<const PciRange> io);
  /// The bus behind a bridge.
  virtual PciBus* secondary() { return nullptr; }
  /// The bus says that something above or beside has changed: the bus number, mastering, or that
  /// the slot has more functions now.
  void upstream_changed();

 protected:
  PciBus& bus() const { return bus_; }
  /// Offset of the PCI Express capability, or 0.
  unsigned express() const { return express_; }
  /// The configuration space, to add capabilities and registers of the device's own.
  ConfigSpace& config_space() { return config_; }
  AddressSpace& space() const;
  Log& log() const;

  // In the constructor only.

  /// A BAR of `size` bytes: a power of two, at least 16 for memory and 4 for I/O.  64-bit BARs take
  /// the next index too.
  void add_bar(unsigned index, BarType type, u64 size);
  /// The same with one device from its start.
  void add_bar(unsigned index, BarType type, u64 size, MmioDevice& device);
  /// Puts a device into a BAR; what was put there first answers.
  void map_in_bar(unsigned index, u64 offset, u64 size, MmioDevice& device);
  /// A PCI Express capability.  An endpoint on the root bus becomes an integrated one.
  void add_express(ExpressType type = ExpressType::Endpoint);
  /// MSI and MSI-X; nothing on a machine without a doorbell.
  void add_msi(unsigned vectors, bool maskable = true);
  /// Table and PBA into BARs that are there already, before the device's own windows in them.
  void add_msix(const MsixLayout& layout);
  /// MSI-X with a 32-bit BAR of its own.
  void add_msix(unsigned vectors, unsigned bar);

  /// The guest is about to read configuration registers, or has written some: for registers of the
  /// device's own.  Not called for a debugger.
  virtual void config_reading(unsigned, unsigned) {}
  virtual void config_written(unsigned, unsigned) {}
  /// bar_address(index) is another one now.
  virtual void bar_moved(unsigned) {}
  /// Outputs from the state: after every configuration write, reset and load.
  virtual void sync();

  /// For bridges: a type 1 header has fewer BARs and no subsystem ids.
  struct BridgeHeader {};
  PciFunction(std::string_view name, const PciIdentity& identity, const FunctionPorts& ports,
              BridgeHeader);

 private:
  struct Region {
    u64 offset, size;
    MmioDevice* device;
  };
  struct Bar {
    BarType type = BarType::Mem32;
    u64 size = 0;  // 0: there is none
    std::vector<Region> regions;
  };

  PciFunction(std::string_view name, const PciIdentity& identity, const FunctionPorts& ports,
              u8 header_type);
  u16 command() const { return config_.get<u16>(pci::kCommand); }
  void send_message(const MsiMessage& m, unsigned vector) override;
  void bars_changed();

  PciBus& bus_;
  const u8 devfn_;
  const bool multifunction_;
  ConfigSpace config_;
  unsigned bar_count_;
  std::array<Bar, pci::kBars> bars_;
  std::array<std::optional<u64>, pci::kBars> decoded_;  // what bar_moved was last told
  unsigned express_ = 0;
  std::optional<Msi> msi_;
  std::optional<Msix> msix_;
  DmaPort dma_;
  IrqLine line_;
  bool intx_ = false;  // the device's condition
};

}  // namespace quince::hw
