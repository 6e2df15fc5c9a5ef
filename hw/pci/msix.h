// The MSI-X capability of a function, its table and its pending bits (PCI Local Bus 3.0, section
// 6.8.2).
//
// Modelled: 1 to 2048 vectors, the function mask, per-vector masks, pending bits that are delivered
// once when the mask goes; the table and the PBA in any BAR at any offset.  Accesses of four and
// eight bytes, as the specification allows.
// Choice: when the guest disables MSI-X, what is pending is over, so that a driver that is loaded
// again does not get an interrupt of the one before.
#pragma once

#include <vector>

#include "base/log.h"
#include "hw/core/stateless.h"
#include "hw/pci/msi.h"

namespace quince::hw {

/// Where the table and the pending bits are.  Offsets are multiples of 8.
struct MsixLayout {
  unsigned vectors = 1;
  unsigned table_bar = 0;
  u32 table_offset = 0;
  unsigned pba_bar = 0;
  u32 pba_offset = 0;

  u64 table_size() const { return vectors * pci::kMsixEntrySize; }
  u64 pba_size() const { return (vectors + 63) / 64 * 8; }
  /// The usual arrangement: both in one BAR of their own, the PBA in its upper half.
  static MsixLayout own_bar(unsigned vectors, unsigned bar);
  /// The size of that BAR: a power of two, at least 4 KiB.
  static u64 own_bar_size(unsigned vectors);
};

class Msix {
 public:
  /// Adds the capability.  `name` is the function's, for the log.
  Msix(std::string_view name, ConfigSpace& config, MsiSender& sender, Log& log,
       const MsixLayout& layout);

  const MsixLayout& layout() const { return layout_; }
  MmioDevice& table() { return table_; }
  MmioDevice& pba() { return pba_; }

  bool enabled() const { return (control() & pci::kMsixEnable) != 0; }
  /// The guest wants this vector to be held back now, by its own mask or the function's.
  bool masked(unsigned vector) const;
  /// Sends a vector, or remembers it while it is masked.  Nothing while MSI-X is not enabled; a
  /// vector that does not exist is logged and dropped.
  void signal(unsigned vector);
  /// After a change of the capability: sends what is pending and no longer masked, each once.
  void changed();
  bool holds(unsigned off, unsigned size) const {
    return off < at_ + pci::kMsixSize && off + size > at_;
  }

  void reset();
  void snapshot(Archive& ar);

 private:
  struct Entry {
    u32 address = 0, address_upper = 0, data = 0, control = 1;  // masked after reset
  };
  static constexpr unsigned kWords = 4;

  class Table final : public Stateless<> {
   public:
    Table(std::string_view name, Msix& msix) : Stateless(name), msix_(msix) {}
    Bus read(u64 off, Access a, u64& out) override;
    Bus write(u64 off, Access a, u64 in) override;
    std::size_t reg_count() const override { return kWords; }
    RegInfo reg_info(std::size_t i) const override;

   private:
    Msix& msix_;
  };
  class Pba final : public Stateless<> {
   public:
    Pba(std::string_view name, Msix& msix) : Stateless(name), msix_(msix) {}
    Bus read(u64 off, Access a, u64& out) override;
    Bus write(u64 off, Access a, u64 in) override;
    std::size_t reg_count() const override { return 1; }
    RegInfo reg_info(std::size_t i) const override;

   private:
    Msix& msix_;
  };

  u16 control() const { return config_.get<u16>(at_ + pci::kMsixControl); }
  static u32& word(Entry& e, unsigned n);
  static u32 writable(unsigned n);
  void write_word(unsigned vector, unsigned n, u32 value);
  void deliver(unsigned vector);
  bool pending(unsigned vector) const { return bit(pending_[vector / 64], vector % 64); }

  ConfigSpace& config_;
  MsiSender& sender_;
  Log& log_;
  const std::string name_;
  const MsixLayout layout_;
  const unsigned at_;
  std::vector<Entry> entries_;
  std::vector<u64> pending_;  // what the PBA shows
  Table table_;
  Pba pba_;
};

}  // namespace quince::hw
