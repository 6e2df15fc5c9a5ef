// Binds the rows of one group to the translator.  Included by cpu/jit/groups/*.cpp only.
#pragma once

#include "cpu/jit/bind_call.h"
#include "cpu/jit/x64/emitter.h"

namespace quince::cpu::jit {

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
