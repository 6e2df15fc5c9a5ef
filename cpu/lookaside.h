// What a vCPU keeps so that it need not look the same thing up again. None of it is state: each entry says what holds
// now, and is forgotten when that changes.
#pragma once

#include "base/types.h"
#include "cpu/first_level.h"
#include "cpu/interp/code_page.h"

namespace quince::cpu {

/// The page that instructions of a virtual page are in, for Vcpu::fetch().
struct FetchEntry {
  u64 va = kNoPage;
  CodePage* page = nullptr;
  bool guarded = false;
  bool is_private = false;  ///< as TlbEntry::kPrivate
  u8 log2_size = 12;        ///< of the page or block
};

/// Decoded instructions by physical page.
struct KnownPage {
  u64 pa = kNoPage;
  CodePage* page = nullptr;
};

/// A page that translated code has found, and what to add to its addresses; 0: it is to look again.
struct FoundPage {
  u64 page = kNoPage, addend = 0;
};

/// A page with exclusive monitors, by what Vcpu::hold_monitored() found out of it, which holds while its slot has this
/// epoch and nothing of the address space changes: whoever makes the page one that is not watched changes the epoch.
struct alignas(32) MonitoredPage {
  u64 page = kNoPage;  ///< physical
  const void* slot = nullptr;
  u32 epoch = 0;
};

/// The translated code of a virtual address; PSTATE.BTYPE selects the place (jit::Native::jump_salt).
struct JumpEntry {
  u64 tag = ~u64{0};
  const u8* code = nullptr;
};

/// What of a vCPU depends on the translation regime: derived by Vcpu::controls_changed(), used by Vcpu::el_changed()
/// and by translated code.
struct alignas(32) LevelControls {
  const FirstLevel* l1_base = nullptr;
  const RecentPages::Table* recent_base = nullptr;
  u64 sp_alignment_mask = 0;
  bool fp_enabled = true;
};

}  // namespace quince::cpu
