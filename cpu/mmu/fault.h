// The fault record of a memory access: what went wrong, at which level, and how the syndrome
// registers spell it.
//
// Arm ARM DDI 0487: FaultRecord and EncodeLDFSC() (J1), ESR_EL1 ISS encodings for Instruction and
// Data Aborts (D19.2.37).  Missing because the features are: level -1 (FEAT_LPA2), GPC faults
// (FEAT_RME), parity and ECC errors, and everything of stage 2.
#pragma once

#include "base/types.h"

namespace quince::cpu {

enum class FaultKind : u8 {
  None,
  AddressSize,
  Translation,
  AccessFlag,
  Permission,
  ExternalOnWalk,  ///< synchronous External abort on a translation table walk or update
  External,        ///< synchronous External abort on the access itself
  Alignment,
  TlbConflict,
  UnsupportedAtomic,  ///< exclusive or atomic access to memory that has no such thing
};
const char* to_string(FaultKind kind);

/// A fault, or none.
struct Fault {
  FaultKind kind = FaultKind::None;
  /// Of the lookup that failed, 0..3; meaningful for AddressSize to ExternalOnWalk only.
  u8 level = 0;
  /// ESR_EL1.ISS.WnR of a Data Abort: the access is a write, a cache maintenance or address
  /// translation instruction, or an atomic whose read alone would not have faulted.
  bool write = false;

  explicit operator bool() const { return kind != FaultKind::None; }
  bool operator==(const Fault&) const = default;

  /// The DFSC or IFSC of ESR_EL1, which is PAR_EL1.FST too; 0 where there is no fault.
  u8 fsc() const;
};

}  // namespace quince::cpu
