// Translation tables that nobody wrote: each doubleword of memory is a descriptor that a seed and
// its address decide, so that a walk may go anywhere and two copies of the memory are alike.
#pragma once

#include <array>
#include <initializer_list>

#include "base/bits.h"
#include "cpu/mmu/walk.h"

namespace quince::cpu::test {

/// splitmix64: the same numbers everywhere, and cheap to seed.
class Random {
 public:
  explicit Random(u64 seed) : state_(seed) {}
  u64 operator()() {
    u64 z = state_ += 0x9e37'79b9'7f4a'7c15;
    z = (z ^ (z >> 30)) * 0xbf58'476d'1ce4'e5b9;
    z = (z ^ (z >> 27)) * 0x94d0'49bb'1331'11eb;
    return z ^ (z >> 31);
  }
  /// 0..n-1.
  u64 below(u64 n) { return (*this)() % n; }
  /// True once in n.
  bool once_in(u64 n) { return below(n) == 0; }
  template <class T>
  T of(std::initializer_list<T> list) {
    return list.begin()[below(list.size())];
  }

 private:
  u64 state_;
};

class MadeUpTables final : public PhysMemory {
 public:
  /// How the tables are: the share of odd things among them.
  struct Kind {
    u64 seed = 0;
    bool big_endian = false;
    unsigned address_bits = 48;  ///< output addresses are below; now and then one is not
    unsigned races = 0;          ///< swaps that another observer is faster than
    bool aborts = false;         ///< some addresses do not answer, some do not take a write
  };
  explicit MadeUpTables(const Kind& kind) : kind_(kind) {}

  bool read64(PhysAddr a, u64& out) override {
    ++reads;
    if (kind_.aborts && Random(kind_.seed ^ a.raw() ^ 1).once_in(12)) return false;
    out = word(a.raw());
    return true;
  }
  bool cas64(PhysAddr a, u64 expected, u64 desired, bool& swapped) override {
    if (kind_.aborts && Random(kind_.seed ^ a.raw() ^ 2).once_in(4)) return false;
    if (swaps++ < kind_.races) put(a.raw(), made_up(kind_.seed + swaps, a.raw()));
    swapped = word(a.raw()) == expected;
    if (swapped) put(a.raw(), desired);
    return true;
  }
  u64 word(u64 a) const {
    for (std::size_t i = 0; i < changed_n_; ++i)
      if (changed_[i].a == a) return changed_[i].value;
    return made_up(kind_.seed, a);
  }
  /// The changes so far, in the order of the first one at each address.
  bool same_changes(const MadeUpTables& o) const {
    if (changed_n_ != o.changed_n_ || swaps != o.swaps) return false;
    for (std::size_t i = 0; i < changed_n_; ++i)
      if (changed_[i].a != o.changed_[i].a || changed_[i].value != o.changed_[i].value)
        return false;
    return true;
  }

  unsigned reads = 0, swaps = 0;

 private:
  struct Change {
    u64 a = 0, value = 0;
  };

  void put(u64 a, u64 value) {
    for (std::size_t i = 0; i < changed_n_; ++i)
      if (changed_[i].a == a) {
        changed_[i].value = value;
        return;
      }
    if (changed_n_ < changed_.size()) changed_[changed_n_++] = {a, value};
  }

  /// Every bit is random; then bits 1:0 lean towards what goes on, AF towards set, and the output
  /// address towards what exists.
  u64 made_up(u64 seed, u64 a) const {
    Random random(seed * 0x1000'0001b3 ^ a);
    u64 d = random() & ~u64{3};
    d |= random.of<u64>({3, 3, 3, 3, 3, 3, 3, 3, 1, 1, 1, 0, 2});
    if (!random.once_in(4)) d |= u64{1} << 10;
    if (!random.once_in(4)) d &= ~(u64{0x1f} << 59);
    if (!random.once_in(16)) d &= ~(low_mask(48) & ~low_mask(kind_.address_bits));
    if (!random.once_in(4)) d &= ~u64{0xf000};
    return kind_.big_endian ? __builtin_bswap64(d) : d;
  }

  Kind kind_;
  std::array<Change, 8> changed_{};
  std::size_t changed_n_ = 0;
};

}  // namespace quince::cpu::test
