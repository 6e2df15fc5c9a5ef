// What the architecture lets a TLB hold: every translation that a vCPU could have walked to since
// the last maintenance that names it (Arm ARM DDI 0487, D8.16: translations may be cached at any
// time while they can be walked to, and stay until a TLBI and its DSB; faults are never cached).
//
// Only leaf entries are modelled.  The architecture also permits cached table descriptors, which
// would permit more; the product has none, so the model is the stricter judge.
#pragma once

#include <functional>
#include <vector>

#include "base/types.h"

namespace quince::cpu::test {

/// A leaf descriptor and where it maps.
struct LeafEntry {
  u64 va = 0;  ///< of the page's or block's first byte
  unsigned log2_size = 12;
  u64 descriptor = 0;
  u16 asid = 0;  ///< 0 in a global entry
  bool global() const { return (descriptor >> 11 & 1) == 0; }
  bool holds(u64 a) const { return (a ^ va) >> log2_size == 0; }
};

/// One TLBI, as its instruction asks for it.
struct Invalidation {
  enum class What : u8 { All, Asid, Va, VaAllAsids };
  What what = What::All;
  u64 first = 0, last = 0;  ///< inclusive: any address of an entry in here makes it go
  u16 asid = 0;
  unsigned level = 0;  ///< TTL: entries of other levels may stay; 0: none may

  bool names(const LeafEntry& e) const {
    const u64 end = e.va + (u64{1} << e.log2_size) - 1;
    const unsigned entry_level = e.log2_size == 12 ? 3 : 2;
    switch (what) {
      case What::All:
        return true;
      case What::Asid:
        return !e.global() && e.asid == asid;
      case What::Va:
        if (!e.global() && e.asid != asid) return false;
        break;
      case What::VaAllAsids:
        break;
    }
    return e.va <= last && end >= first && (level == 0 || level == entry_level);
  }
};

/// What one vCPU's TLB may hold.
class TlbModel {
 public:
  /// `e` can be walked to at time `now`.
  void walkable(const LeafEntry& e, u64 now) {
    for (Held& h : held_)
      if (h.entry.va == e.va && h.entry.log2_size == e.log2_size && h.entry.asid == e.asid &&
          h.entry.descriptor == e.descriptor) {
        h.last = now;
        return;
      }
    held_.push_back({e, now});
  }
  /// A TLBI of time `issued` is complete: what could still be walked to after it may have come back.
  void completed(const Invalidation& i, u64 issued) {
    std::erase_if(held_, [&](const Held& h) { return h.last < issued && i.names(h.entry); });
  }
  /// Everything that may translate `va` for `asid`.
  void each(u64 va, u16 asid, const std::function<void(const LeafEntry&)>& fn) const {
    for (const Held& h : held_)
      if (h.entry.holds(va) && (h.entry.global() || h.entry.asid == asid)) fn(h.entry);
  }
  std::size_t size() const { return held_.size(); }

 private:
  struct Held {
    LeafEntry entry;
    u64 last;
  };
  std::vector<Held> held_;
};

}  // namespace quince::cpu::test
