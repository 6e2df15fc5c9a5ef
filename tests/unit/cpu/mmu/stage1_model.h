// A second VMSAv8-64 stage 1 translation of the EL1&0 regime, written to be read beside the manual
// and not to be fast.  The product's walker is compared with it.
//
// Arm ARM DDI 0487, J1: AArch64.S1Translate(), AArch64.S1Walk(), AArch64.S1DisabledOutput(),
// AArch64.S1DirectBasePermissions(), AArch64.S1CheckPermissions(); D8.2 for the bits that each level
// resolves, D8.3 for descriptors.  It shares the types of values with cpu/mmu (registers, features,
// accesses, kinds of fault) and no code.  Missing: what the product's models lack too (52-bit
// addresses, stage 2, permission indirection and overlays, 128-bit descriptors).
//
// Where the architecture leaves a choice, the model makes the one that cpu/mmu/walk.h names; each
// place says "choice".
#pragma once

#include "cpu/mmu/walk.h"

namespace quince::cpu::test {

/// What one access to one address comes to.
struct ModelResult {
  Fault fault;
  // Without a fault:
  u64 pa = 0;              ///< of the byte that is accessed
  unsigned level = 0;      ///< of the leaf descriptor
  unsigned page_bits = 0;  ///< log2 of the page's or block's size
  u8 attr = 0;             ///< as MAIR_EL1.Attr<n>, after SCTLR_EL1.C for what is no fetch
  u8 sh = 0;               ///< as PAR_EL1.SH
  bool device = false;
  bool ng = false;
  bool guarded = false;
};

/// One access, with the hardware's updates of the descriptor in `memory`.
ModelResult model_translate(const Stage1Regs& regs, const Stage1Features& features, u64 va,
                            const Stage1Access& access, PhysMemory& memory);

}  // namespace quince::cpu::test
