// The MSI capability of a function (PCI Local Bus 3.0, section 6.8.1).
//
// Modelled: 1 to 32 vectors, 64-bit addresses, per-vector masks and pending bits.  All of its state
// is in configuration space.  Choice: a function with more vectors than the guest has enabled sends
// vector v as v modulo that number, a power of two, which is also how the low bits of the data are
// made.
#pragma once

#include "base/addr.h"
#include "hw/pci/config_space.h"
#include "hw/pci/pci_spec.h"

namespace quince::hw {

/// A message: a write of four bytes.
struct MsiMessage {
  PhysAddr address;
  u32 data = 0;
};

/// What sends messages: the function.
class MsiSender {
 public:
  virtual void send_message(const MsiMessage& m, unsigned vector) = 0;

 protected:
  ~MsiSender() = default;
};

class Msi {
 public:
  /// Adds the capability; `vectors` is a power of two up to 32.
  Msi(ConfigSpace& config, MsiSender& sender, unsigned vectors, bool maskable);

  unsigned vectors() const { return vectors_; }
  bool enabled() const { return (control() & pci::kMsiEnable) != 0; }
  /// How many vectors the guest uses: 1 to vectors().
  unsigned allocated() const;
  /// Sends a vector, or remembers it while it is masked.  Nothing while MSI is not enabled.
  void signal(unsigned vector);
  /// After a change of the capability: sends what is pending and no longer masked, each once.
  void changed();
  /// True when the registers from `off` on, `size` bytes, are this capability's.
  bool holds(unsigned off, unsigned size) const;

 private:
  u16 control() const { return config_.get<u16>(at_ + pci::kMsiControl); }
  u32 mask() const { return maskable_ ? config_.get<u32>(at_ + pci::kMsiMask) : 0; }
  u32 pending() const { return maskable_ ? config_.get<u32>(at_ + pci::kMsiPending) : 0; }
  void set_pending(u32 bits);
  MsiMessage message(unsigned vector) const;

  ConfigSpace& config_;
  MsiSender& sender_;
  const unsigned vectors_;
  const bool maskable_;
  const unsigned at_;
};

}  // namespace quince::hw
