// What looking for page pointers needs memory for, kept from one region to the next (page_pointers.cpp).
#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include "base/types.h"

namespace quince::cpu::jit {

struct PagePointerSpace {
  /// What a register has: an unknown number, and a constant.
  struct Symbol {
    u16 number = 0;
    s32 distance = 0;
  };
  using Symbols = std::array<Symbol, 32>;
  /// A symbol that is the sum of two, the second one in a form of NearAccess's.
  struct Sum {
    u16 base, index;
    u8 form;
    s32 distance;  ///< of the second one, where the form does not keep it apart
    u16 number;
  };
  struct Group {
    s32 low = 0, high = 0;  ///< from the symbol's value
    u16 first = 0, last = 0;
    u16 members = 0;  ///< accesses
    u16 block = 0;    ///< of the first
    bool write = false;
    bool kept = false;
    bool loop = false;  ///< begins in a long loop
    s8 slot = -1;
  };
  struct Member {
    u16 insn, group;
    s32 at;  ///< from the symbol's value
  };

  std::vector<std::size_t> before;  ///< of blocks: the one that always runs before, or itself
  std::vector<std::size_t>
      from;                   ///< of blocks: the first in front of it that leads there, or itself
  std::vector<Symbols> ends;  ///< of blocks
  std::vector<Sum> sums;
  std::vector<Group> groups;
  std::vector<Member> members;
  std::vector<s16> open;  ///< by symbol: its group
};

}  // namespace quince::cpu::jit
