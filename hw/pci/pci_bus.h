// A PCI bus: which functions are plugged in where, and what connects them to what is above.
#pragma once

#include <array>
#include <optional>
#include <span>

#include "base/log.h"
#include "base/result.h"
#include "hw/core/address_space.h"
#include "hw/core/irq.h"
#include "hw/pci/pci_function.h"

namespace quince::hw {

/// What is above a bus: the host bridge or a PCI-to-PCI bridge.
class PciUpstream {
 public:
  /// As the guest has numbered it.
  virtual u8 bus_number() const = 0;
  /// Memory accesses of the bus's functions are let through.
  virtual bool mastering() const = 0;
  /// A wire for pin 1 to 4 of a slot.
  virtual IrqLine intx(unsigned slot, unsigned pin) = 0;
  /// BARs or windows have moved.
  virtual void decode_changed() = 0;
  /// A function was plugged in or taken out.
  virtual void slots_changed() = 0;
  /// The machine has somewhere to send messages to; without, functions have no MSI and no MSI-X.
  virtual bool messages() const = 0;
  virtual AddressSpace& space() = 0;
  /// "pci.msi".
  virtual TracePoint& trace_msi() = 0;

 protected:
  ~PciUpstream() = default;
};

class PciBus {
 public:
  /// `name` is what options call it.  `slots`: 32, or 1 below a PCI Express port.
  PciBus(std::string_view name, PciUpstream& upstream, unsigned slots = pci::kSlots)
      : name_(name), upstream_(upstream), slots_(slots) {}
  PciBus(const PciBus&) = delete;

  const std::string& name() const { return name_; }
  PciUpstream& upstream() const { return upstream_; }
  unsigned slots() const { return slots_; }

  /// Ports for a function at a slot, or at the first slot that has none.  An error says why not.
  Result<FunctionPorts> claim(std::optional<unsigned> slot = {}, unsigned function = 0);
  /// By PciFunction's constructor and destructor.
  void attach(PciFunction& f);
  void detach(PciFunction& f);

  /// Null where there is none.
  PciFunction* at(u8 devfn) const { return functions_[devfn]; }
  /// True when a slot has other functions than 0.
  bool multifunction(unsigned slot) const;
  /// The function that a configuration access to a bus number reaches, below this bus; null when
  /// there is none.  `own`: the access has come down to this bus's number.
  PciFunction* route(u8 bus, u8 devfn, bool own);

  /// Adds what the functions decode, in order of devfn.
  void decode(PciDecode& map, std::span<const PciRange> memory, std::span<const PciRange> io);
  /// Tells every function, and those behind bridges.
  void upstream_changed();
  /// A reset of the bus: of every function on it and behind it.
  void reset_functions();

 private:
  void slot_changed(unsigned slot, const PciFunction* but);

  std::string name_;
  PciUpstream& upstream_;
  const unsigned slots_;
  std::array<PciFunction*, pci::kSlots * pci::kFunctions> functions_{};
};

}  // namespace quince::hw
