// The code that all regions share: into and out of translated code, and calls of the emulator.
#pragma once

#include "cpu/jit/x64/emitter.h"

namespace quince::cpu::jit {

/// Each takes the Vcpu, an address, where the call comes from, and the budget behind its block.
struct ThunkTargets {
  u64 (*load_missed)(Vcpu* c, u64 va, const Site* site, s64 budget);
  u64 (*store_missed)(Vcpu* c, u64 va, const Site* site, s64 budget);
  u64 (*call)(Vcpu* c, u64 va, const Site* site, s64 budget);
  u64 (*small_call)(Vcpu* c, u64 va, const Site* site,
                    s64 budget);         ///< registers are not all there
  const u8* (*next)(Vcpu* c, u64 from);  ///< where to go on, or null to leave
};

/// Writes them to `at`, and what regions use of them to `shared`.
struct Thunks {
  Thunks(u8* at, std::size_t room, Shared& shared, const ThunkTargets& targets,
         const FeatureSet& features);
  /// To be called as void(void* state, const u8* code, const void* tlb, s64 budget), where it runs.
  const u8* enter = nullptr;
  const u8* unknown = nullptr;  ///< RAX is a target that the jump cache does not know
  std::size_t bytes = 0;
};

/// Writes the routine of Shared::pac for key IA (0) or IB (1) (pauth.cpp).
const u8* pauth_routine(Xbyak::CodeGenerator& x, const Shared& s, unsigned key, bool authenticates);
/// Writes a routine of Shared::exclusive (exclusives.cpp).
const u8* exclusive_routine(Xbyak::CodeGenerator& x, const Shared& s, unsigned log2, bool store,
                            bool several);

/// Writes Shared::supervisor_call or, `returns`, exception_return (exceptions.cpp).
const u8* exception_routine(Xbyak::CodeGenerator& x, const Shared& s, const FeatureSet& features,
                            bool returns);

/// Writes Shared::find and Shared::find_or_load (find_page.cpp).
void find_routines(Xbyak::CodeGenerator& x, Shared& s);

}  // namespace quince::cpu::jit
