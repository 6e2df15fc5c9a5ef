// The VMSAv8-64 stage 1 translation table walk of the EL1&0 regime, as a pure function: no CPU
// object, so page tables in a std::vector test it.
//
// Arm ARM DDI 0487 chapter D8; pseudocode AArch64.S1Translate(), AArch64.S1Walk(),
// AArch64.S1DisabledOutput(), AArch64.GetS1TTWParams() (J1).  Modelled: 4, 16 and 64 KiB granules,
// 48-bit addresses, hierarchical attributes, access flag and dirty state by hardware, TBI and TBID,
// EPD, E0PD, PAN, WXN, GP.  Missing on purpose: EL2, EL3 and Secure state, stage 2, 52-bit
// addresses (FEAT_LVA, FEAT_LPA, FEAT_LPA2), 128-bit descriptors, FEAT_HAFT, FEAT_BBM's nT, NFD,
// MTE.  SCTLR_EL1.C and .I change no address and no permission: what C makes of the memory type is
// data_attributes(), for AT, and what I makes of it nothing can see.
//
// Where the architecture leaves a choice:
//  * TxSZ out of range acts as the nearest value in range;
//  * a reserved or unimplemented TG acts as the smallest granule implemented;
//  * a reserved IPS, or one above the implemented size, acts as the implemented size;
//  * TTBR bits below the table's alignment, and OA bits below a block's size, count as zero;
//  * the Contiguous bit is ignored: every descriptor speaks for its own page only, so a group that
//    the guest describes inconsistently still maps what each descriptor says;
//  * SH = 0b01 acts as Outer Shareable;
//  * hardware sets AF only for accesses that are permitted; AT, DC and IC neither set AF nor fault
//    for it when hardware management is on, and DC and IC do fault for it when that is off.
#pragma once

#include "base/addr.h"
#include "cpu/mmu/translation.h"

namespace quince::cpu {

/// The EL1 registers that the EL1&0 stage 1 regime depends on, as plain values.
struct Stage1Regs {
  u64 sctlr = 0;
  u64 tcr = 0;
  u64 ttbr0 = 0;
  u64 ttbr1 = 0;
  u64 mair = 0;
};

/// What the CPU implements, from its ID registers.  A register field of a feature that is off here
/// is RES0: ignored.
struct Stage1Features {
  u8 pa_bits = 40;  ///< ID_AA64MMFR0_EL1.PARange, 32..48
  bool gran4 = true;
  bool gran16 = true;
  bool gran64 = true;
  bool asid16 = false;        ///< ID_AA64MMFR0_EL1.ASIDBits
  bool mixed_endian = false;  ///< ID_AA64MMFR0_EL1.BigEnd: SCTLR_EL1.EE is writable
  bool hafdbs_af = false;     ///< FEAT_HAFDBS: TCR_EL1.HA
  bool hafdbs_dbm = false;    ///< the same with dirty state: TCR_EL1.HD
  bool hpds = true;           ///< FEAT_HPDS: TCR_EL1.HPDn
  bool pan = true;            ///< FEAT_PAN
  bool epan = false;          ///< FEAT_PAN3: SCTLR_EL1.EPAN
  bool e0pd = false;          ///< FEAT_E0PD
  bool ttst = false;          ///< FEAT_TTST: TxSZ up to 48 (47 with 64 KiB)
  bool tbid = true;           ///< FEAT_PAuth: TCR_EL1.TBIDn
  bool bti = true;            ///< FEAT_BTI: the GP bit
};

/// Physical memory as the table walker sees it.  Addresses are 8-byte aligned.
class PhysMemory {
 public:
  virtual ~PhysMemory() = default;
  /// A single-copy atomic read of a little-endian doubleword.  False: External abort.
  virtual bool read64(PhysAddr a, u64& out) = 0;
  /// Writes `desired` if the doubleword is `expected`, atomically; `swapped` tells which.  False:
  /// External abort, with nothing written.
  virtual bool cas64(PhysAddr a, u64 expected, u64 desired, bool& swapped) = 0;
};

/// A translation, valid where `fault` is none.
struct WalkResult {
  Fault fault;
  Translation t;
};

/// Translates `va` for `access`: the walk, the permission check, and the hardware update of AF and
/// AP[2] where TCR_EL1.HA and .HD ask for it.  Reads at most 4 descriptors per attempt and makes a
/// bounded number of attempts; after losing every race for a descriptor it faults as if hardware
/// management were off, which software has to handle anyway.
///
/// With SCTLR_EL1.M clear the translation is flat, its attributes depend on the kind of access,
/// and it is not cacheable.
WalkResult stage1_walk(const Stage1Regs& regs, const Stage1Features& features, VirtAddr va,
                       const Stage1Access& access, PhysMemory& memory);

/// The memory type and shareability of a data access, as PAR_EL1 has them: with SCTLR_EL1.C clear
/// Normal memory is Non-cacheable (D8.5.4; the end of AArch64.S1Translate()).
struct MemoryAttributes {
  u8 attr;  ///< as a byte of MAIR_EL1
  u8 sh;
};
MemoryAttributes data_attributes(u64 sctlr_el1, const Translation& t);

/// The ASID of the current regime: from TTBR0_EL1 or TTBR1_EL1 as TCR_EL1.A1 says, 8 or 16 bits as
/// TCR_EL1.AS says.
u16 current_asid(const Stage1Regs& regs, const Stage1Features& features);

/// `va` without the top byte where TBI ignores it: bits 63:56 become copies of bit 55.  This is the
/// address that a TLB is asked for.
VirtAddr strip_tag(const Stage1Regs& regs, const Stage1Features& features, VirtAddr va,
                   AccessKind kind);

}  // namespace quince::cpu
