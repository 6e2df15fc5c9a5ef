// What translated code takes for granted: everything outside of the instructions that the emitter
// looked at is in the key, and whatever changes it leaves translated code.
#pragma once

#include "base/types.h"

namespace quince::cpu::jit {

struct StateKey {
  bool el0 = false;         ///< PSTATE.EL
  bool fp_enabled = true;   ///< CPACR_EL1.FPEN at this level
  bool fp_plain = true;     ///< FPCR: rounding to nearest, no flushing, halves as IEEE 754 has them
  bool sp_checked = false;  ///< SCTLR_EL1.SA or SA0
  bool aligned = false;     ///< SCTLR_EL1.A
  bool bti = false;         ///< PSTATE.BTYPE is kept
  bool guarded = false;     ///< the page is guarded
  bool own_sp = false;      ///< PSTATE.SPSel, at EL1
  bool several = false;     ///< there are other CPUs
  bool uao = false;         ///< PSTATE.UAO: LDTR and STTR are plain accesses

  using Bits = u16;
  static constexpr Bits kGuarded = 1 << 5;
  /// What regions without floating point do not depend on; the others look at it where they begin (Vcpu::fp_state_).
  static constexpr Bits kFp = 1 << 1 | 1 << 8;
  /// Vcpu::fp_state_, by the members of these names.
  static u8 fp_state(bool fp_enabled, bool fp_plain) {
    return static_cast<u8>(fp_enabled | fp_plain << 1);
  }
  /// All of it as a number.
  Bits bits() const {
    return static_cast<Bits>(el0 | fp_enabled << 1 | sp_checked << 2 | aligned << 3 | bti << 4 |
                             (guarded ? kGuarded : 0) | several << 6 | own_sp << 7 | fp_plain << 8 |
                             uao << 9);
  }
};

/// What of StateKey may differ between jumps to the same place at one exception level: the registers that it is made of,
/// which are sooner looked at.
struct JumpKey {
  static_assert(sizeof(StateKey) == 10, "a member that a guest changes belongs here, too");
  static constexpr u32 kAlways = 1, kSpsel = 1 << 8, kUao = 1 << 9;
  /// The bits of SCTLR_EL1: A, and SA0 or SA.
  static constexpr u32 controls(unsigned level) { return 1u << 1 | 1u << (level == 0 ? 4 : 3); }
};

}  // namespace quince::cpu::jit
