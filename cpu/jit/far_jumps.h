// The second level of the jump caches: where a virtual address leads to, for more addresses than the first level
// (Vcpu::jumps_) has room for, and for address spaces that come back.
//
// An entry counts while its generation is that of its exception level. EL0's generation belongs to the address space: a
// switch of TTBR0_EL1 selects another one, and nothing is cleared. Code that the first level sends here looks by itself
// (x64/thunks.cpp).
#pragma once

#include <array>
#include <bitset>
#include <cstddef>

#include "base/types.h"

namespace quince::cpu::jit {

class FarJumps {
 public:
  static constexpr unsigned kEntries = 1 << 14;  ///< for each level
  static constexpr unsigned kGenerationShift = 48;

  /// Code for a target, by which PSTATE.BTYPE it is entered with.
  const u8* find(unsigned level, u64 va, unsigned btype) const {
    const Entry& e = tables_[level][index(va, btype)];
    return e.va == va && e.code >> kGenerationShift == generations_[level]
               ? reinterpret_cast<const u8*>(e.code & ((u64{1} << kGenerationShift) - 1))
               : nullptr;
  }
  void put(unsigned level, u64 va, unsigned btype, const u8* code);
  /// Nothing of a level counts any more, in no address space.
  void forget(unsigned level);
  void forget();
  /// Nor this target, in whichever address space.
  void forget(unsigned level, u64 va, unsigned btype) {
    Entry& e = tables_[level][index(va, btype)];
    if (e.va == va) e = {};
  }
  /// Whether there may be an entry of an address from `first` to `last`.
  bool may_have(unsigned level, u64 first, u64 last) const;

  /// EL0 will have another address space. It does not run before enter_space().
  void leave_space() { generations_[0] = kNone; }
  void enter_space(u64 ttbr0, u16 asid);
  /// What is of one ASID has changed; `here`: it is the current one.
  void forget_space(u16 asid, bool here);

  static constexpr u32 salt(unsigned btype) { return btype * 0x2aa5 & (kEntries - 1); }
  static constexpr unsigned kShift =
      14;  ///< to the bits of an address that select its place besides 2 and up
  // Where translated code finds things.
  static int table_offset(unsigned level) {
    return static_cast<int>(offsetof(FarJumps, tables_) + level * sizeof(Table));
  }
  static int generation_offset(unsigned level) {
    return static_cast<int>(offsetof(FarJumps, generations_) + level * sizeof(u32));
  }
  /// A byte that says that the first level has entries.
  static int used_offset(unsigned level) {
    return static_cast<int>(offsetof(FarJumps, used_) + level);
  }
  /// The JumpKey of all entries of a level, here and in the first level; 0: of none yet.
  static int key_offset(unsigned level) {
    return static_cast<int>(offsetof(FarJumps, keys_) + level * sizeof(u32));
  }
  u32 key(unsigned level) const { return keys_[level]; }
  void set_key(unsigned level, u32 key) { keys_[level] = key; }
  bool used(unsigned level) const { return used_[level] != 0; }
  void set_used(unsigned level, bool on) { used_[level] = on ? 1 : 0; }

 private:
  struct Entry {
    u64 va = ~u64{0};
    u64 code = 0;  ///< with the generation above it
  };
  using Table = std::array<Entry, kEntries>;
  struct Space {
    u64 ttbr0 = 0;
    u16 asid = 0;
    u32 generation = 0;  ///< 0: unused
    u64 entered = 0;
  };
  static constexpr u32 kLastGeneration = 0xffff;
  static constexpr u32 kNone = kLastGeneration + 1;  ///< no entry has this one

  static unsigned index(u64 va, unsigned btype) {
    return static_cast<unsigned>((va >> 2 ^ va >> (kShift + 2) ^ salt(btype)) & (kEntries - 1));
  }
  static std::size_t page(u64 va) { return (va >> 12 ^ va >> 24) & 4095; }
  u32 fresh();

  // Code knows where these are.
  std::array<Table, 2> tables_{};
  std::array<u32, 2> generations_{1, 1};
  std::array<u32, 2> keys_{};
  std::array<u8, 2> used_{};

  u32 last_ = 1;
  std::array<Space, 16> spaces_{};
  u64 switches_ = 0;
  struct Range {
    u64 first = ~u64{0}, last = 0;
  };
  std::array<Range, 2> ranges_{};
  std::array<std::bitset<4096>, 2> pages_{};  ///< that had entries since the level was forgotten
};

}  // namespace quince::cpu::jit
