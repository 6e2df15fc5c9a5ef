// What translated code and the dispatcher share of a Vcpu: distances from its CpuState.
#pragma once

#include <cstddef>

#include "cpu/vcpu.h"

namespace quince::cpu::jit {

/// Opens the Vcpu to the translator: it works on its innards as the interpreter's handlers do.
struct Native {
  struct Calls;  ///< what translated code calls (jit.cpp)
  struct Probe;  ///< what tests look at
  struct Distances {
    int vcpu, l1_base, poll_mask, pending, redirect, budget, interpret_one, bounce, jumps[2];
    int flag_mask, begun, begun_btype, l1_el0, page, pac, fp_state, page_pointers[2], all_mask, far;
    int l1, l1_number, recent_base, recent_el0, stamps, pages_left, blocks_left;
    int private_pages, private_fills, private_filled;
    int monitored_pages, maintenance_sent;
    int levels, el1_number, sp_alignment_mask, fp_enabled, space_changed, exceptions_told;
  };
  /// `blind`: no access may find the first-level TLB.
  static Distances distances(const Vcpu& c, bool blind);
  // The columns of a FirstLevel.
  static constexpr int kTlbRead = offsetof(FirstLevel, read);
  static constexpr int kTlbWrite = offsetof(FirstLevel, write);
  static constexpr int kTlbAddend = offsetof(FirstLevel, addend);
  static constexpr u32 kWatchedWrite = TlbEntry::kWatchedWrite;
  static constexpr unsigned kMonitoredPages = Vcpu::kMonitoredPages,
                            kMonitoredBytes = sizeof(MonitoredPage);
  static constexpr int kMonitoredPage = offsetof(MonitoredPage, page);
  static constexpr int kMonitoredSlot = offsetof(MonitoredPage, slot);
  static constexpr int kMonitoredEpoch = offsetof(MonitoredPage, epoch);
  static constexpr unsigned kPagePointers = Vcpu::kPagePointers;
  static constexpr int kPointerPage = offsetof(FoundPage, page);
  static constexpr int kPointerAddend = offsetof(FoundPage, addend);
  static constexpr int kPointerBytes = sizeof(FoundPage);
  static constexpr int kLevelBytes = sizeof(LevelControls);
  static constexpr int kLevelL1 = offsetof(LevelControls, l1_base);
  static constexpr int kLevelRecent = offsetof(LevelControls, recent_base);
  static constexpr int kLevelSpMask = offsetof(LevelControls, sp_alignment_mask);
  static constexpr int kLevelFp = offsetof(LevelControls, fp_enabled);
  static constexpr int kTlbPaPage = offsetof(FirstLevel, pa_page);
  static constexpr u64 kPrivate = TlbEntry::kPrivate;
  static constexpr int kPrivateFills = std::tuple_size_v<decltype(Vcpu::private_fills_)>;
  static constexpr u64 kNoPage = cpu::kNoPage;
  /// What may be pending: kinds of interrupts, what is looked for whatever their masks are, and besides by the
  /// interpreter.
  static constexpr u32 kIrq = Vcpu::kIrq, kFiq = Vcpu::kFiq, kEvent = Vcpu::kEvent;
  static constexpr u32 kAlways = Vcpu::kExit | Vcpu::kMaintenance, kTranslate = Vcpu::kTranslate;
  static constexpr unsigned kJumps = Vcpu::kJumps;
  /// What PSTATE.BTYPE changes of an entry's place in the jump cache.
  static constexpr u32 jump_salt(unsigned btype) { return btype * 0x155 & (kJumps - 1); }
};

}  // namespace quince::cpu::jit
