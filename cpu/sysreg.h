// System registers and system instructions: who may access what, and what happens then.
//
// Arm ARM DDI 0487 D19, C5.  The table is cpu/a64/sysreg.inc; the functions are in sysreg_*.cpp, by
// family.  Not here because the features are not: EL2, EL3, AArch32, FEAT_FGT, trace, RAS.
#pragma once

#include <span>
#include <string>

#include "cpu/features.h"
#include "cpu/model.h"
#include "cpu/state.h"
#include "hw/core/sysreg.h"

namespace quince::cpu {

class Vcpu;
struct SysRegRow;

/// When an access from EL0 is allowed.  Otherwise it is trapped to EL1 with class 0x18, apart
/// from No and (without FEAT_IDST) Ids, which are UNDEFINED.
enum class El0Rule : u8 {
  No,
  Yes,
  Ids,     ///< never: identification
  UCT,     ///< SCTLR_EL1.UCT
  DZE,     ///< SCTLR_EL1.DZE
  UCI,     ///< SCTLR_EL1.UCI
  UMA,     ///< SCTLR_EL1.UMA
  RCTX,    ///< SCTLR_EL1.EnRCTX
  TSCXT,   ///< SCTLR_EL1.TSCXT clear
  TDCC,    ///< MDSCR_EL1.TDCC clear
  CNTFRQ,  ///< CNTKCTL_EL1.EL0PCTEN or EL0VCTEN
  PCTEN,   ///< CNTKCTL_EL1.EL0PCTEN
  VCTEN,   ///< CNTKCTL_EL1.EL0VCTEN
  PTEN,    ///< CNTKCTL_EL1.EL0PTEN
  VTEN,    ///< CNTKCTL_EL1.EL0VTEN
  PMEN,    ///< PMUSERENR_EL0.EN
  PMSW,    ///< PMUSERENR_EL0.EN or SW
  PMCR,    ///< PMUSERENR_EL0.EN or CR
  PMER,    ///< PMUSERENR_EL0.EN or ER
};

/// Reads or writes through a row.  False: an exception was taken.
using SysRegRead = bool (*)(Vcpu& c, const SysRegRow& row, u64& out);
using SysRegWrite = bool (*)(Vcpu& c, const SysRegRow& row, u64 in);

/// One system register or (op0 1) system instruction.
struct SysRegRow {
  std::string name;
  hw::SysRegId id;
  Feature feature = Feature::Base;
  El0Rule el0_read = El0Rule::No, el0_write = El0Rule::No;
  u8 index = 0;                    ///< among registers that share their functions
  u64 SysRegs::*member = nullptr;  ///< plain storage
  u64 mask = 0;                    ///< bits of it that a write changes
  u64 reset = 0;
  SysRegRead read = nullptr;            ///< null: no reads
  SysRegWrite write = nullptr;          ///< null: no writes
  unsigned CpuModel::*limit = nullptr;  ///< registers with an index from this on do not exist
};

/// Every row, sorted by encoding.
std::span<const SysRegRow> sysreg_rows();
/// The row of an encoding, or null: UNDEFINED.
const SysRegRow* find_sysreg(hw::SysRegId id);

/// MRS and SYSL, MSR and SYS: with every access check of the current exception level.  `rt` is the
/// transfer register, for syndromes.  False: an exception was taken.
bool sysreg_read(Vcpu& c, hw::SysRegId id, unsigned rt, u64& out);
bool sysreg_write(Vcpu& c, hw::SysRegId id, unsigned rt, u64 in);

/// The bits of SPSR_EL1 that a CPU with these features has.
u64 spsr_writable(const FeatureSet& features);

/// Gives every register its reset value.  Where the architecture leaves it UNKNOWN, it is 0.
void reset_sysregs(Vcpu& c);

/// Brings the performance counters up to date.  Must be called before PSTATE.EL changes while
/// PMCR_EL0.E is set, because counters filter by exception level.
void pmu_sync(Vcpu& c);
/// The level of the overflow interrupt, from counters that are up to date.
bool pmu_interrupt(const Vcpu& c);
/// How many instructions can run before a counter overflows that then raises the interrupt; kNever
/// when none will.  From counters that are up to date.
u64 pmu_distance(const Vcpu& c);

}  // namespace quince::cpu
