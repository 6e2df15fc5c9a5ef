// Who answers at an address of a PCI bus: a sorted picture of all BARs that are decoded now.
//
// Guests may place BARs over each other, or where nothing reaches them; neither may hurt.  Where
// BARs overlap, the one that was added first answers: the bus adds them by function number, then
// by BAR, and what lies behind a bridge in the bridge's place.
#pragma once

#include <algorithm>
#include <vector>

#include "base/types.h"

namespace quince::hw {

class PciFunction;

/// Addresses `first` to `last`, inclusive: a 64-bit BAR may end at the very end.
struct PciRange {
  u64 first = 0;
  u64 last = ~u64{0};

  bool empty() const { return first > last; }
  PciRange operator&(const PciRange& o) const {
    return {std::max(first, o.first), std::min(last, o.last)};
  }
};

/// One kind of address space, memory or I/O.
class DecodeMap {
 public:
  struct Entry {
    PciRange range;
    PciFunction* function;
    unsigned bar;
    u64 offset;  ///< in the BAR, of range.first
  };

  /// Adds a part of a BAR; where something answers already, that stays.
  void add(PciRange range, PciFunction& function, unsigned bar, u64 offset);
  /// The entry that holds an address, or null.
  const Entry* find(u64 address) const;
  void clear() { entries_.clear(); }
  const std::vector<Entry>& entries() const { return entries_; }

 private:
  std::vector<Entry> entries_;  // sorted, disjoint
};

/// Both kinds.
struct PciDecode {
  DecodeMap memory, io;
};

}  // namespace quince::hw
