// Binds the rows of one group to the translator.  Included by cpu/jit/groups/*.cpp only.
#pragma once

#include "cpu/interp/interp.h"
#include "cpu/jit/rows.h"
#include "cpu/jit/x64/emitter.h"

namespace quince::cpu::jit {

/// Calls a meaning with the fields of `insn`, whichever the interpreter specialises on.
template <a64::Encoding E, auto Fn, class Engine>
void run_meaning(Engine& e, u32 insn) {
  [&]<std::size_t... I>(std::index_sequence<I...>) { Fn(e, a64::extract(insn, E.fields[I])...); }
  (std::make_index_sequence<E.n_fields>{});
}

/// A meaning over an engine, for one instruction that does not branch.
template <a64::Encoding E, auto Fn>
void interpret_one(Vcpu& c, u32 insn) {
  Interp e{c, nullptr, nullptr};
  run_meaning<E, Fn>(e, insn);
}

}  // namespace quince::cpu::jit

/// A row whose meaning is a template over the engine.
#define QUINCE_JIT_ENGINE_ROW(kind, id, pattern)                                                   \
  ::quince::cpu::jit::JitRow{                                                                      \
      ::quince::cpu::jit::RowKind::kind,                                                           \
      &::quince::cpu::jit::run_meaning<::quince::a64::parse(pattern),                              \
                                       &id<::quince::cpu::jit::Scout>, ::quince::cpu::jit::Scout>, \
      &::quince::cpu::jit::run_meaning<::quince::a64::parse(pattern),                              \
                                       &id<::quince::cpu::jit::Emitter>,                           \
                                       ::quince::cpu::jit::Emitter>,                               \
      &::quince::cpu::jit::interpret_one<::quince::a64::parse(pattern),                            \
                                         &id<::quince::cpu::Interp>>},
/// A row whose meaning is a function on Vcpu.
#define QUINCE_JIT_CALL_ROW(kind, id, pattern)             \
  ::quince::cpu::jit::JitRow{                              \
      ::quince::cpu::jit::RowKind::kind, nullptr, nullptr, \
      &::quince::cpu::jit::run_meaning<::quince::a64::parse(pattern), &id, ::quince::cpu::Vcpu>},
