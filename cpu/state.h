// The architectural state of one vCPU: one plain struct that every engine works on.
#pragma once

#include <array>
#include <cstddef>

#include "base/bits.h"
#include "base/types.h"
#include "hw/core/exclusives.h"

namespace quince::cpu {

/// A 128-bit vector register as little-endian bytes; lane access copies, never aliases.
struct alignas(16) VReg {
  u64 d[2] = {0, 0};

  template <class T>
  T lane(unsigned i) const {
    T v;
    std::memcpy(&v, reinterpret_cast<const u8*>(d) + i * sizeof(T), sizeof v);
    return v;
  }
  template <class T>
  void set_lane(unsigned i, T v) {
    std::memcpy(reinterpret_cast<u8*>(d) + i * sizeof(T), &v, sizeof v);
  }
  bool operator==(const VReg&) const = default;
};

/// NZCV as a nibble: N = 8, Z = 4, C = 2, V = 1.
inline constexpr u32 kFlagN = 8, kFlagZ = 4, kFlagC = 2, kFlagV = 1;

/// PSTATE apart from NZCV.  The members are 0 or 1 unless noted.
struct PState {
  u8 el = 1;     ///< current exception level, 0 or 1
  u8 spsel = 1;  ///< SP_EL1 (1) or SP_EL0 (0) at EL1
  // From here to `dit` in the order of SPSR_EL1, so that PEXT and PDEP make one of the other (cpu/jit/x64/exceptions.cpp).
  u8 daif = 0xf;  ///< D = 8, A = 4, I = 2, F = 1
  u8 btype = 0;  ///< 0..3
  u8 ssbs = 0, pan = 0, uao = 0, dit = 0;
  u8 ss = 0;     ///< software step
  u8 il = 0;     ///< illegal execution state
};

/// System registers with plain storage (see cpu/a64/sysreg.inc for what each is).
struct SysRegs {
  u64 sctlr_el1 = 0, cpacr_el1 = 0;
  u64 ttbr0_el1 = 0, ttbr1_el1 = 0, tcr_el1 = 0, mair_el1 = 0;
  u64 vbar_el1 = 0, rvbar_el1 = 0, esr_el1 = 0, far_el1 = 0, par_el1 = 0, elr_el1 = 0, spsr_el1 = 0;
  u64 contextidr_el1 = 0;
  u64 tpidr_el0 = 0, tpidrro_el0 = 0, tpidr_el1 = 0, scxtnum_el0 = 0, scxtnum_el1 = 0;
  u64 csselr_el1 = 0, cntkctl_el1 = 0, cntfrq_el0 = 0;
  u64 event_stream_seen = 0;  ///< how many events of the stream the event register has had
  u64 mdscr_el1 = 0, oslar_locked = 0, osdlr_el1 = 0, mdccint_el1 = 0, oseccr_el1 = 0;
  u64 osdtrrx_el1 = 0, osdtrtx_el1 = 0, dbgclaim = 0, dbgprcr_el1 = 0;
  std::array<u64, 16> dbgbvr{}, dbgbcr{}, dbgwvr{}, dbgwcr{};
  std::array<u64, 10> apkeys{};  ///< APIA, APIB, APDA, APDB, APGA: low half, high half
  u64 pmcr_el0 = 0, pmcnten = 0, pmuserenr_el0 = 0, pmselr_el0 = 0, pminten = 0, pmovs = 0;
  u64 pmccfiltr_el0 = 0;
  u64 pmccntr_el0 = 0;
  std::array<u64, 31> pmevcntr{}, pmevtyper{};
  u64 pmu_synced = 0;  ///< Vcpu::instructions() up to which the counters have counted
};

/// What a sleeping vCPU waits for.
enum class Wait : u8 { No, Interrupt, Event };

/// What of a vCPU the guest can see.  Hot fields first, so that generated code reaches them with
/// short displacements.
struct alignas(64) CpuState {
  std::array<u64, 32> x{};  ///< X0..X30; x[31] is always zero (XZR)
  u64 sp = 0;               ///< the selected stack pointer
  u64 pc = 0;
  u32 nzcv = 0;             ///< nibble, see kFlagN
  u32 fpcr = 0;
  u32 fpsr = 0;
  PState pstate;
  std::array<VReg, 32> v{};
  std::array<u64, 2> sp_bank{};  ///< SP_EL0, SP_EL1; the selected one is stale here, see `sp`

  // The local exclusive monitor: what LDXR read.
  bool excl_valid = false;
  u8 excl_log2 = 0;         ///< log2 of the bytes, 0..4
  u64 excl_va = 0;
  u64 excl_pa = 0;
  u64 excl_data[2] = {0, 0};
  hw::ExclusiveMonitors::Token excl_token;  ///< of a watched page: nobody has written there since

  bool event_register =
      false;                ///< as a snapshot has it; Vcpu keeps it where other threads reach it
  bool powered_on = true;   ///< PSCI power state
  Wait waiting = Wait::No;  ///< where vCPUs share a thread: asleep

  SysRegs sys;

  /// Index in sp_bank of the stack pointer that `sp` is.
  unsigned sp_index() const { return pstate.el == 0 || pstate.spsel == 0 ? 0 : 1; }
};
static_assert(offsetof(CpuState, x) + 15 * 8 < 128, "x0-x15 take one-byte displacements");

}  // namespace quince::cpu
