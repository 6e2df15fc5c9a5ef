// What forming a region knows of system instructions (Arm ARM DDI 0487, C5, D17): which have nothing to do, which are
// no more than a load or store of a member of CpuState, and behind which translated code may go on.
#pragma once

#include "cpu/jit/region.h"

namespace quince::cpu::jit {

/// Whether a row that is a call leaves the flow alone: everything that may change how instructions
/// are found, or what the translator took for granted, ends its block.
bool call_goes_on(RowTraits::Nature nature, u32 word);
/// A system instruction that needs no call: Insn::special and what belongs to it.
void look_at_system(const RegionSource& source, Insn& i);

}  // namespace quince::cpu::jit
