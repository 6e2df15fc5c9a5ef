// System instructions that have code in line, though their meanings are functions on Vcpu: the interrupt masks, DC ZVA.
// (What is no more than a load or store of a member of CpuState is in system_insns.cpp and emitter.cpp.)
#pragma once

#include <optional>

#include "cpu/jit/facts.h"

namespace quince::cpu::jit {

class Emitter;
struct RegionSource;

/// What a system instruction uses, if it has code in line here.
std::optional<Facts> system_facts(u32 word, const RegionSource& source);
/// Writes that code.
void emit_system(Emitter& e, u32 word);

}  // namespace quince::cpu::jit
