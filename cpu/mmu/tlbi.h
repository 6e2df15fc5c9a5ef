// What each TLB invalidation instruction of EL1 asks for, decoded from its operand.
//
// Arm ARM DDI 0487: TLBI instructions (C5.5), TLBIRange() (J1), FEAT_TLBIRANGE.  The shareability
// (IS, OS) and nXS forms take the same operand; who must hear of them is the caller's concern.
// The TTL and level hints are ignored, which only ever invalidates more than was asked for.
// Missing on purpose: EL2 and EL3 forms, and the operand layout of TCR_EL1.DS (FEAT_LPA2).
#pragma once

#include "base/addr.h"

namespace quince::cpu {

/// The TLBI instructions, less their shareability.
enum class TlbiOp : u8 {
  VMALLE1,
  VAE1,
  ASIDE1,
  VAAE1,
  VALE1,
  VAALE1,
  RVAE1,
  RVAAE1,
  RVALE1,
  RVAALE1,
};

/// A set of TLB entries.
struct TlbInvalidation {
  enum class Kind : u8 {
    None,  ///< nothing: a reserved operand
    All,
    Asid,  ///< the non-global entries of `asid`
    Va,    ///< what translates any address of first..last, for `asid` or globally
  };
  Kind kind = Kind::None;
  VirtAddr first{};  ///< page aligned and sign-extended
  VirtAddr last{};   ///< inclusive, so that the end of the address space has a name
  u16 asid = 0;
  bool any_asid = false;         ///< Va: `asid` does not matter
  bool last_level_only = false;  ///< Va: entries of table descriptors may stay

  bool operator==(const TlbInvalidation&) const = default;

  /// Whether an entry belongs to the set: a page or block of 2^log2_size bytes that begins at `va`
  /// (sign-extended), with the ASID of a non-global one.  For any TLB, of any level.
  bool covers(VirtAddr va, unsigned log2_size, bool ng, u16 entry_asid) const;
};

/// Decodes Xt (ignored by VMALLE1).  `asid16`: ASIDs have 16 bits now, which is TCR_EL1.AS where
/// that is implemented; the upper half of an 8-bit ASID is ignored.
TlbInvalidation decode_tlbi(TlbiOp op, u64 xt, bool asid16);

}  // namespace quince::cpu
