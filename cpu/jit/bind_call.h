// Binds rows that are calls of their meanings to the translator.  Included by cpu/jit/groups/*.cpp only; it knows
// nothing of the emitter, so that those files, which take long to compile, change seldom.
#pragma once

#include <utility>

#include "cpu/a64/table.h"
#include "cpu/interp/interp.h"
#include "cpu/jit/rows.h"

namespace quince::cpu::jit {

/// Calls a meaning with the fields of `insn`, whichever the interpreter specialises on.
template <a64::Encoding E, auto Fn, class Engine>
void run_meaning(Engine& e, u32 insn) {
  [&]<std::size_t... I>(std::index_sequence<I...>) { Fn(e, a64::extract(insn, E.fields[I])...); }
  (std::make_index_sequence<E.n_fields>{});
}

}  // namespace quince::cpu::jit

/// A row whose meaning is a function on Vcpu.
#define QUINCE_JIT_CALL_ROW(kind, id, pattern)             \
  ::quince::cpu::jit::JitRow{                              \
      ::quince::cpu::jit::RowKind::kind, nullptr, nullptr, \
      &::quince::cpu::jit::run_meaning<::quince::a64::parse(pattern), &id, ::quince::cpu::Vcpu>},
