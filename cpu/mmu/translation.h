// A finished stage 1 translation, an access, and whether the one allows the other.
//
// Arm ARM DDI 0487: AArch64.S1DirectBasePermissions() and AArch64.S1HasPermissionsFault() (J1),
// memory access control (D8.4).  A Translation holds the permissions of both exception levels, so
// that one TLB entry serves them, PAN set or clear.  Missing because the features are: permission
// indirection and overlays (FEAT_S1PIE, FEAT_S1POE), FEAT_CMOW, MTE tags.
#pragma once

#include "base/addr.h"
#include "cpu/mmu/fault.h"

namespace quince::cpu {

enum class AccessKind : u8 { Read, Write, Execute };

/// Everything that a permission check needs to know about an access.
struct Stage1Access {
  AccessKind kind = AccessKind::Read;
  /// The effective privilege is EL0: PSTATE.EL is EL0, or an LDTR-type access with UAO clear, or
  /// AT S1E0x.
  bool el0 = false;
  /// PSTATE.PAN, where it applies to this access: not to data cache maintenance (DC ZVA is an
  /// ordinary write) and to AT only for S1E1RP and S1E1WP.  Ignored for EL0 and for Execute.
  bool pan = false;
  /// A read-modify-write, with kind Write: both permissions are needed.
  bool atomic = false;
  /// DC or IC by VA: kind Write for DC IVAC, which needs write permission, else kind Read.
  bool cache_maintenance = false;
  /// AT: never changes a descriptor.
  bool at_instruction = false;
  /// Aligned as Device memory demands it; false gives an Alignment fault there and nowhere else.
  /// SCTLR_EL1.A and what the instruction itself demands are the caller's, before translation.
  bool aligned = true;
};

/// The translation of one page or block.
struct Translation {
  PhysAddr pa{};       ///< of the page or block that holds the accessed address: aligned to its size
  u8 log2_size = 12;   ///< 12, 14 or 16 for a page; 21, 25, 29 or 30 for a block
  u8 level = 3;        ///< of the descriptor
  u8 attr = 0;         ///< the MAIR_EL1 byte
  u8 sh = 0;           ///< effective shareability as in PAR_EL1.SH: 0 none, 2 outer, 3 inner
  bool ng : 1 = false; ///< not global: belongs to one ASID
  // After AP, APTable, PXN, UXN, their table forms, WXN and hardware dirty state; before PAN.
  bool el0_r : 1 = false;
  bool el0_w : 1 = false;
  bool el0_x : 1 = false;
  bool el1_r : 1 = false;
  bool el1_w : 1 = false;
  bool el1_x : 1 = false;
  bool el1_pan : 1 = false;  ///< PSTATE.PAN forbids data accesses from EL1
  bool e0pd : 1 = false;     ///< TCR_EL1.E0PDx: accesses from EL0 are level 0 Translation faults
  /// Writable-clean: the permissions say writable, but AP[2] in memory is still set, and a walk
  /// for a write must clear it before the first write.
  bool dirty_needs_update : 1 = false;
  bool guarded : 1 = false;   ///< GP: a guarded page of FEAT_BTI
  bool device : 1 = false;    ///< any Device memory type; else Normal
  bool cacheable : 1 = true;  ///< a TLB may keep it: false with the MMU off and with AF clear

  /// Bytes that it maps.
  u64 size() const { return u64{1} << log2_size; }
  /// The physical address of a virtual one inside the page or block.
  PhysAddr output(VirtAddr va) const { return pa + va.page_offset(size()); }

  bool operator==(const Translation&) const = default;
};
static_assert(sizeof(Translation) == 16, "a set of the TLB is one cache line of these");

/// A fault of `access` at `level`, with WnR for a fault that a read would take too.
Fault make_fault(FaultKind kind, unsigned level, const Stage1Access& access);

/// The fault that `access` takes on a translated address: Alignment (Device memory), Permission,
/// a level 0 Translation fault from E0PD, or none.  A write that this allows may still have to
/// walk: see Translation::dirty_needs_update.
Fault check_permission(const Translation& t, const Stage1Access& access);

}  // namespace quince::cpu
