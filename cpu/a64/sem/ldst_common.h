// What the load and store meanings that are functions on Vcpu have in common.
#pragma once

#include "cpu/vcpu.h"

namespace quince::a64 {

/// The base address in Xn or SP; false, after an exception, where SP is misaligned.
inline bool base_address(cpu::Vcpu& c, u32 rn, u64& va) {
  if (rn == 31) {
    if (!c.check_sp_alignment()) return false;
    va = c.s.sp;
  } else {
    va = c.s.x[rn];
  }
  return true;
}

/// Writes the base register back.
inline void put_base(cpu::Vcpu& c, u32 rn, u64 va) {
  if (rn == 31)
    c.s.sp = va;
  else
    c.s.x[rn] = va;
}

/// Writes a general-purpose register; nothing where it is XZR.
inline void put_x(cpu::Vcpu& c, u32 r, u64 v) {
  c.s.x[r] = v;
  c.s.x[31] = 0;
}

}  // namespace quince::a64
