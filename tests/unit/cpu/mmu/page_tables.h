// Page tables in plain memory, and the vocabulary that the MMU tests speak: ExpectMapped,
// ExpectReadOnly, ExpectFault.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <utility>

#include "base/bits.h"
#include "cpu/mmu/walk.h"

namespace quince::cpu::test {

// Descriptor bits, written out from the manual's figures and not from vmsa_spec.h.
inline constexpr u64 kValid = 1, kTableBit = 2, kAP1 = 1 << 6, kAP2 = 1 << 7, kAF = 1 << 10,
                     kNG = 1 << 11;
inline constexpr u64 kGP = u64{1} << 50, kDBM = u64{1} << 51, kContiguous = u64{1} << 52,
                     kPXN = u64{1} << 53, kUXN = u64{1} << 54;
inline constexpr u64 kPXNTable = u64{1} << 59, kUXNTable = u64{1} << 60;
/// A leaf that everyone may read and write and that has been accessed, less its type bits.
inline constexpr u64 kOpen = kAF | kAP1;

// TCR_EL1.
inline constexpr u64 kEPD0 = u64{1} << 7, kA1 = u64{1} << 22, kEPD1 = u64{1} << 23,
                     kAS = u64{1} << 36, kTBI0 = u64{1} << 37, kTBI1 = u64{1} << 38,
                     kHA = u64{1} << 39, kHD = u64{1} << 40, kHPD0 = u64{1} << 41,
                     kHPD1 = u64{1} << 42, kTBID0 = u64{1} << 51, kTBID1 = u64{1} << 52,
                     kE0PD0 = u64{1} << 55, kE0PD1 = u64{1} << 56;
// SCTLR_EL1.
inline constexpr u64 kM = 1, kI = 1 << 12, kWXN = 1 << 19, kEE = 1 << 25, kEPAN = u64{1} << 57;

/// Doublewords by address, zero until written; two sets of addresses that abort.
class SparseMemory final : public PhysMemory {
 public:
  bool read64(PhysAddr a, u64& out) override {
    ++reads;
    EXPECT_EQ(a.raw() % 8, 0u);
    if (bad_reads.contains(a.raw())) return false;
    out = word(a.raw());
    return true;
  }
  bool cas64(PhysAddr a, u64 expected, u64 desired, bool& swapped) override {
    ++swaps;
    if (bad_writes.contains(a.raw())) return false;
    if (race) race(*this, a.raw());
    swapped = word(a.raw()) == expected;
    if (swapped) words[a.raw()] = desired;
    return true;
  }
  u64 word(u64 a) const {
    const auto it = words.find(a);
    return it == words.end() ? 0 : it->second;
  }

  std::map<u64, u64> words;
  std::set<u64> bad_reads, bad_writes;
  /// Another observer: runs just before each compare-and-swap.
  void (*race)(SparseMemory&, u64 a) = nullptr;
  unsigned reads = 0, swaps = 0;
};

/// The levels of one granule, as the tables of D8.2 give them.
struct Granule {
  const char* name;
  unsigned bits;          // of a page
  u64 tg0, tg1;           // TCR_EL1 encodings
  unsigned level_lsb[4];  // the lowest VA bit that each level resolves; 0: no such level
  std::set<unsigned> block_levels;

  /// The level at which a walk of 2^ia_bits starts.
  unsigned start_level(unsigned ia_bits) const {
    for (unsigned level = 0; level < 3; ++level)
      if (level_lsb[level] != 0 && ia_bits > level_lsb[level]) return level;
    return 3;
  }
  bool is_leaf_level(unsigned level) const { return level == 3 || block_levels.contains(level); }
};
inline const Granule kGranules[] = {
    {"4K", 12, 0, 2, {39, 30, 21, 12}, {1, 2}},
    {"16K", 14, 2, 1, {47, 36, 25, 14}, {2}},
    {"64K", 16, 1, 3, {0, 42, 29, 16}, {2}},
};
inline const Granule& k4K = kGranules[0];
inline const Granule& k16K = kGranules[1];
inline const Granule& k64K = kGranules[2];

inline Stage1Access read_access() { return {.kind = AccessKind::Read}; }
inline Stage1Access write_access() { return {.kind = AccessKind::Write}; }
inline Stage1Access fetch_access() { return {.kind = AccessKind::Execute}; }
inline Stage1Access as_el0(Stage1Access a) {
  a.el0 = true;
  return a;
}

/// One half of an address space: its registers and its tables.
class World {
 public:
  World(const Granule& g, unsigned txsz, unsigned half = 0)
      : g_(g), half_(half), ia_bits_(64 - txsz) {
    regs.sctlr = kM;
    regs.mair = 0x0C08'044F'00BB'44FF;  // XNU's
    regs.tcr = (u64{txsz} << (half * 16)) | (g.tg0 << 14) | (g.tg1 << 30) | (u64{5} << 32);
    (half == 0 ? regs.ttbr0 : regs.ttbr1) = root_;
    features.pa_bits = 48;
  }

  /// Bits that an address of this half has above the input size.
  u64 high() const { return half_ == 0 ? 0 : ~low_mask(ia_bits_); }
  unsigned start() const { return g_.start_level(ia_bits_); }
  unsigned leaf_log2(unsigned level) const { return g_.level_lsb[level]; }

  /// The address of the descriptor that `va` uses at `level`; makes the tables above it.
  u64 descriptor_at(u64 va, unsigned level) {
    u64 table = root_;
    for (unsigned l = start();; ++l) {
      const unsigned top = (l == start() ? ia_bits_ : g_.level_lsb[l - 1]) - 1;
      const u64 entry = table + 8 * bits(va, top, g_.level_lsb[l]);
      if (l == level) return entry;
      if (mem.word(entry) == 0) {
        mem.words[entry] = next_table_ | table_attributes | kTableBit | kValid;
        next_table_ += u64{1} << 16;
      }
      table = bits(mem.word(entry), 47, g_.bits) << g_.bits;
    }
  }
  /// Maps the page or block of `level` at `va` to `pa`; gives the address of its descriptor.
  u64 map(u64 va, u64 pa, unsigned level = 3, u64 attributes = kOpen) {
    const u64 at = descriptor_at(va, level);
    mem.words[at] = pa | attributes | (level == 3 ? kTableBit : 0) | kValid;
    return at;
  }

  WalkResult walk(u64 va, const Stage1Access& a = read_access()) {
    return stage1_walk(regs, features, VirtAddr(va), a, mem);
  }

  Stage1Regs regs;
  Stage1Features features;
  SparseMemory mem;
  u64 table_attributes = 0;  // of tables that descriptor_at makes

 private:
  const Granule& g_;
  unsigned half_;
  unsigned ia_bits_;
  u64 root_ = 0x4000'0000;
  u64 next_table_ = 0x4001'0000;
};

/// `va` reads, and its byte is at `pa`.
inline void ExpectMapped(World& w, u64 va, u64 pa, const Stage1Access& a = read_access()) {
  const WalkResult r = w.walk(va, a);
  ASSERT_EQ(r.fault.kind, FaultKind::None) << to_string(r.fault.kind) << " at " << +r.fault.level;
  EXPECT_EQ(r.t.output(VirtAddr(va)).raw(), pa);
  EXPECT_TRUE(is_aligned(r.t.pa.raw(), r.t.size()));
}

inline void ExpectFault(World& w, u64 va, FaultKind kind, unsigned level,
                        const Stage1Access& a = read_access()) {
  const Fault f = w.walk(va, a).fault;
  EXPECT_EQ(f.kind, kind) << to_string(f.kind) << " instead of " << to_string(kind);
  EXPECT_EQ(f.level, level);
}

/// `va` reads at `pa`, and does not write.
inline void ExpectReadOnly(World& w, u64 va, u64 pa, unsigned level, bool el0 = false) {
  Stage1Access a = read_access();
  a.el0 = el0;
  ExpectMapped(w, va, pa, a);
  a.kind = AccessKind::Write;
  ExpectFault(w, va, FaultKind::Permission, level, a);
}

}  // namespace quince::cpu::test
