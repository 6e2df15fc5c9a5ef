// Stand-in until the real one lands: remembers nothing.
#pragma once

#include "cpu/mmu/walk.h"

namespace quince::cpu {

struct TlbInvalidation {};

class Tlb2 {
 public:
  const Translation* lookup(VirtAddr, u16) { return nullptr; }
  void insert(VirtAddr, u16, const Translation&) {}
  void invalidate(const TlbInvalidation&) {}
  void invalidate_all() {}
};

}  // namespace quince::cpu
