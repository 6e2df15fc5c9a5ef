// The second-level TLB of one vCPU: finished stage 1 translations, tagged with ASIDs.  It backs the
// small direct-mapped first level that an engine owns.
//
// Arm ARM DDI 0487 D8.16 (Translation Lookaside Buffers).  It holds leaf translations only, so
// the last-level forms of TLBI do no less than the others.  Entries that overlap differently sized
// ones live side by side until they are invalidated: software that changes a size without
// break-before-make gets either, as the architecture lets it.
//
// Two banks of 4-way sets, one for pages and one for blocks.  An entry sits in the set that its own
// size selects and its tag names that size, so a lookup probes one set per size that is in use
// in that half of the address space: one to three in practice.  ASIDs are in the tag but not in
// the index, so invalidation for all ASIDs is a probe too.
//
// Costs: lookup, insert and invalidation of one VA are a few probes.  A range is one probe per page
// or one scan of the tags, whichever is less.  An ASID that has no entries costs nothing, and a
// scan stops with the last entry that can match.
#pragma once

#include <array>
#include <vector>

#include "base/addr.h"
#include "cpu/mmu/tlbi.h"
#include "cpu/mmu/translation.h"

namespace quince::cpu {

/// For one vCPU's thread only; invalidations of other vCPUs are delivered to that thread.
class Tlb2 {
 public:
  Tlb2();
  Tlb2(const Tlb2&) = delete;
  Tlb2& operator=(const Tlb2&) = delete;

  /// The translation of `va` (after strip_tag) for the current ASID, or null: walk then.  Null too
  /// for a Write that must first update the descriptor's dirty state.  The caller still checks
  /// permissions.  Valid until the next call that is not a lookup.
  const Translation* lookup(VirtAddr va, u16 asid, AccessKind kind) const;

  /// Keeps a translation that stage1_walk made for `va`, in place of the one that lookup would have
  /// found.  Ignores what is not cacheable.
  void insert(VirtAddr va, u16 asid, const Translation& t);

  /// Drops every entry that a TLBI covers.
  void invalidate(const TlbInvalidation& what);
  void invalidate_all();

  /// Live entries.
  unsigned size() const { return pages_.live + blocks_.live; }

 private:
  static constexpr unsigned kWays = 4;
  static constexpr unsigned kPageSets = 4096;
  static constexpr unsigned kBlockSets = 64;
  static constexpr unsigned kClasses = 7;  // page and block sizes
  static constexpr unsigned kPageClasses = 3;

  // Valid, size class, global, ASID and VA<48:12>, packed: see tlb.cpp.  Zero is an empty way.
  using Tag = u64;

  struct Bank {
    explicit Bank(unsigned n) : sets(n), tags(n), data(n), victim(n) {}
    unsigned sets;
    unsigned live = 0;
    std::vector<std::array<Tag, kWays>> tags;
    std::vector<std::array<Translation, kWays>> data;
    std::vector<u8> victim;  // the way to lose next
  };

  Bank& bank(unsigned size_class) { return size_class < kPageClasses ? pages_ : blocks_; }
  const Bank& bank(unsigned size_class) const {
    return size_class < kPageClasses ? pages_ : blocks_;
  }
  void drop(Bank& b, Tag& tag);
  void count(Tag tag, int change);
  void drop_va(unsigned size_class, VirtAddr va, const TlbInvalidation& what);
  void invalidate_range(const TlbInvalidation& what);
  void scan(Bank& b, const TlbInvalidation& what);

  Bank pages_{kPageSets};
  Bank blocks_{kBlockSets};
  std::array<u32, 2> active_{};                             // size classes in use, per half of VA
  std::array<std::array<u32, kClasses>, 2> class_live_{};   // entries, per half and size class
  std::array<u32, 256> asid_live_{};                        // non-global entries, per ASID<7:0>
};

}  // namespace quince::cpu
