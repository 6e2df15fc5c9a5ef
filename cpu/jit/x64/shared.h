// What the code of regions shares, and what it and the dispatcher know of each other.
#pragma once

#include <array>

#include "cpu/jit/native.h"
#include "cpu/jit/state_key.h"
#include "cpu/jit/x64/host_features.h"
#include "cpu/jit/x64/pool.h"

namespace quince::cpu::jit {

/// Where translated code leaves for a place that it knows, for the dispatcher to link.
struct ExitRecord {
  u64 target = 0;          ///< in the page
  u8* jump = nullptr;      ///< a JMP rel32, to its stub until it is patched; where it is written
  StateKey::Bits key = 0;  ///< StateKey::bits() of its region

  /// `code` and `jump` are addresses of one view of the code (CodeBuffer).
  void patch(const u8* code) const;
};

/// A place where translated code calls the emulator: which instruction that is.
struct Site {
  u32 pc = 0;    ///< in its page
  u32 left = 0;  ///< instructions of the block from this one on
  u32 insn = 0;
  void (*call)(Vcpu& c, u32 insn) = nullptr;
  u8 log2 = 0;  ///< of the access's elements
  u8 elements = 1;
  u8 last = 0;  ///< bytes of the access less one
  bool ordered = false, unprivileged = false;
  /// Log2 of the accesses that the manual makes of an element, where they are smaller: what Device memory wants
  /// aligned, and what a fault is of.
  u8 piece_log2 = 0xff;
  s16 low = 0, high = 0;  ///< of a page pointer, behind the access's address
  s32 pointer = 0;        ///< where that is, of an access that leads
};

/// Code that all regions share, and offsets of what they use.
struct Shared {
  Native::Distances at;
  HostFeatures host;
  const u8* leave = nullptr;  ///< to the dispatcher; RAX: an ExitRecord or null
  const u8* leave_at =
      nullptr;  ///< the same, for what is in EAX from the start of the page; there is no ExitRecord
  /// RDX: address, RCX: Site; ZF: the page is known, and RCX is what to add to the address. Others than RAX stay.
  struct Find {
    const u8* first = nullptr;         ///< looks into the first-level TLB, and then
    const u8* recent = nullptr;        ///< into RecentPages
    const u8* unprivileged = nullptr;  ///< likewise, for LDTR and STTR
    /// Into RecentPages for all from Site::low to Site::high, which goes into the page pointer; then `first`, and the page
    /// pointer says nothing any more.
    const u8* leads = nullptr;
    /// Into the first-level TLB, to be written, likewise; then for the access alone.
    const u8* kept = nullptr;
  };
  std::array<Find, 2> find;  ///< to be read, and to be written
  Find find_or_load;         ///< find[0], and then load_missed
  /// RAX: a target that the jump cache of an exception level has not, by PSTATE.BTYPE.
  std::array<std::array<const u8*, 4>, 2> jump_far{};
  // ZF: it does not go on elsewhere. `again`: behind `find`, whose Site is still known.
  const u8* load_missed = nullptr;   ///< RDX: address, RCX: Site; RCX: what to add to the address
  const u8* store_missed = nullptr;  ///< the same, the value in Vcpu::bounce_; done when it returns
  const u8 *load_missed_again = nullptr, *store_missed_again = nullptr;
  const u8* call = nullptr;  ///< RCX: Site
  /// RAX: a pointer, RDX: a modifier; RAX: signed, or authenticated and ZF. For keys IA and IB: twice the key, and one more
  /// to authenticate. Others than RAX, RCX and RDX stay.
  std::array<const u8*, 4> pac{};
  /// LDXR and STXR of 2^log2 bytes, with several CPUs or one: [several][store][log2] (exclusives.cpp).
  std::array<std::array<std::array<const u8*, 4>, 2>, 2> exclusive{};
  /// SVC at EL0, and ERET at EL1 with SPSel = 1 and UAO = 0, to be jumped to. RCX: Site; everything is in memory. Null: they are calls.
  const u8 *supervisor_call = nullptr, *exception_return = nullptr;
  const u8* small_call = nullptr;  ///< the same, and registers are kept
};

/// What translated code has on the stack, from RSP.
struct Frame {
  static constexpr int kFpLive =
      0;  ///< 32 bits: not 0 while MXCSR gathers what FPSR is still to get
  static constexpr int kMxcsrClear = 4;  ///< MXCSR with nothing gathered
  static constexpr int kMxcsrNow = 8;    ///< for looking at it
  static constexpr int kTurned = 12;  ///< 32 bits: whether a loop is in its second turn, or later
  static constexpr int kSite = 16;    ///< 64 bits: of the last look by Shared::find
  static constexpr int kBytes =
      24;  ///< with six registers and the return address that keeps it at 16 bytes
  static constexpr u32 kMxcsrDefault =
      0x1f80;  ///< Intel SDM, volume 1, 10.2.3: all masked, to nearest
};

/// What code has the addresses of: it lives as long as the code.
struct Records {
  Pool<ExitRecord> exits;
  Pool<Site> sites;
};

}  // namespace quince::cpu::jit
