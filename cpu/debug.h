// Which breakpoints and watchpoints of self-hosted debug match.
//
// Arm ARM DDI 0487 D2.8 (breakpoints), D2.9 (watchpoints); pseudocode
// AArch64.BreakpointMatch(), AArch64.WatchpointMatch(), AArch64.StateMatch() (J1).  Modelled:
// address breakpoints, Context ID breakpoints and links to them, byte address select, address
// masks.  Missing because the rest is: address mismatch (AArch32), VMID and EL2 contexts,
// vector catch.  Where the architecture leaves a choice, a reserved combination never matches.
#pragma once

#include "cpu/state.h"

namespace quince::cpu {

/// The debug registers, how many there are, and the PSTATE.EL to match for.
struct DebugView {
  const SysRegs& regs;
  unsigned el;
  unsigned breakpoints;
  unsigned watchpoints;
  unsigned context_breakpoints;  ///< the highest-numbered ones compare CONTEXTIDR_EL1 too
};

/// True when breakpoint n matches an instruction at `pc`.  MDSCR_EL1 and the locks are not asked.
bool breakpoint_matches(const DebugView& d, unsigned n, u64 pc);

/// True when watchpoint n matches an access of `size` bytes at `va`; `address` is then the lowest
/// watched byte.  `unprivileged`: an LDTR-type access, which counts as EL0's.
bool watchpoint_matches(const DebugView& d, unsigned n, u64 va, unsigned size, bool write,
                        bool unprivileged, u64& address);

}  // namespace quince::cpu
