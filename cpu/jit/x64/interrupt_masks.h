// Which kinds of interrupts a vCPU takes, by PSTATE.DAIF (Arm ARM DDI 0487, C5.2.2).
#pragma once

#include "cpu/jit/native.h"
#include "cpu/jit/x64/assembler.h"
#include "cpu/jit/x64/shared.h"

namespace quince::cpu::jit {

/// Writes code that makes the vCPU's interrupt masks those of DAIF, whose four bits are the lowest of `daif`.  It changes
/// `daif` and EFLAGS.
inline void emit_interrupt_masks(Xbyak::CodeGenerator& x, const Shared& s,
                                 const Xbyak::Reg32& daif) {
  using Xbyak::util::r15;
  // I is bit 1 and F is bit 0, IRQ is kind 1 and FIQ is kind 2: they change places.
  static_assert(Native::kIrq == 1 && Native::kFiq == 2);
  const Xbyak::Reg64 wide = daif.cvt64();
  x.not_(daif);
  x.and_(daif, 3);
  x.lea(daif, ptr[wide + wide * 4]);
  x.shr(daif, 1);
  x.and_(daif, 3);
  x.or_(daif, Native::kAlways);
  x.mov(dword[r15 + s.at.poll_mask], daif);
  x.or_(daif, Native::kTranslate);
  x.mov(dword[r15 + s.at.all_mask], daif);
}

}  // namespace quince::cpu::jit
