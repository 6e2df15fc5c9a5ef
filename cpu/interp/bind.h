// Binds the rows of one group to the interpreter.  Included by cpu/interp/groups/*.cpp only.
#pragma once

#include "cpu/a64/table.h"
#include "cpu/interp/interp.h"

namespace quince::cpu {

/// What an engine must do around the rows of a group.
enum class GroupKind : u8 {
  Straight,    ///< meaning over an engine; control goes on at the next instruction
  Branch,      ///< meaning over an engine; may branch
  FpStraight,  ///< as Straight, after the CPACR_EL1.FPEN check; every encoding is allocated
  Helper,      ///< a function on Vcpu
  FpHelper,    ///< a function on Vcpu's registers alone, with the CPACR_EL1.FPEN check
};

/// Makes the handler for an instruction word: rows with specialised fields have several.
using MakeHandler = Handler (*)(u32 insn);

/// One row, bound.
struct InterpRow {
  a64::RowInfo info;
  MakeHandler make;
};

template <a64::Encoding E, auto Fn, GroupKind K, u32 Variant>
const Op* handle(Vcpu& c, const Op* op) {
  constexpr u32 kFixed = a64::fixed_bits(E, Variant);
  c.cur_ = op;
  // Nothing is redirected between instructions; the compiler then drops the check below from
  // every instruction that cannot fault.
  if (c.redirect_) __builtin_unreachable();
  if constexpr (K == GroupKind::FpStraight) {
    if (!c.fp_access_check()) [[unlikely]] return c.redirected(op);
  }
  if constexpr (K == GroupKind::FpHelper) {
    // An unallocated encoding is UNDEFINED before it is an access to trap (D1.3.5), and only the
    // meaning knows: it runs, and what it did to the registers is undone.
    const bool trapped = !c.fp_enabled();
    if (trapped) [[unlikely]]
      c.hold_registers();
    a64::call<E, Fn, kFixed>(c, op->insn);
    if (trapped) [[unlikely]]
      c.trap_fp_unless_undefined();
    if (c.redirect_) [[unlikely]]
      return c.redirected(op);
    return op + 1;
  } else if constexpr (K == GroupKind::Helper) {
    a64::call<E, Fn, kFixed>(c, op->insn);
    if (c.redirect_) [[unlikely]] return c.redirected(op);
    return op + 1;
  } else {
    Interp e{c, op, op + 1};
    a64::call<E, Fn, kFixed>(e, op->insn);
    if (c.redirect_) [[unlikely]] return c.redirected(op);
    if constexpr (K == GroupKind::Branch) {
      if (e.next == nullptr) [[unlikely]] return c.go_on();
    }
    return e.next;
  }
}

/// Not inline, or its stack frame becomes the first try's too.
template <a64::Encoding E, auto Fn, u32 Variant>
[[gnu::noinline, gnu::cold]] const Op* handle_missed(Vcpu& c, const Op* op) {
  return handle<E, Fn, GroupKind::Straight, Variant>(c, op);
}

/// A load or store: on the first-level TLB alone if that will do.
template <a64::Encoding E, auto Fast, auto Fn, u32 Variant>
const Op* handle_memory(Vcpu& c, const Op* op) {
  FastMemory e{{c, op, op + 1}};
  a64::call<E, Fast, a64::fixed_bits(E, Variant)>(e, op->insn);
  if (e.missed) [[unlikely]] return handle_missed<E, Fn, Variant>(c, op);
  return op + 1;
}

template <a64::Encoding E, auto Fast, auto Fn>
Handler make_memory_handler(u32 insn) {
  static constexpr auto kHandlers = []<std::size_t... V>(std::index_sequence<V...>) {
    return std::array<Handler, sizeof...(V)>{&handle_memory<E, Fast, Fn, static_cast<u32>(V)>...};
  }(std::make_index_sequence<a64::variants(E)>{});
  return kHandlers[a64::variant_of(E, insn)];
}

template <a64::Encoding E, auto Fn, GroupKind K>
Handler make_handler(u32 insn) {
  constexpr u32 kVariants = a64::variants(E);
  if constexpr (kVariants == 1) {
    return &handle<E, Fn, K, 0>;
  } else {
    static constexpr auto kHandlers = []<std::size_t... V>(std::index_sequence<V...>) {
      return std::array<Handler, kVariants>{&handle<E, Fn, K, static_cast<u32>(V)>...};
    }(std::make_index_sequence<kVariants>{});
    return kHandlers[a64::variant_of(E, insn)];
  }
}

/// The rows of every group, in the order of a64::rows().
std::span<const InterpRow> group_dp_imm();
std::span<const InterpRow> group_dp_reg();
std::span<const InterpRow> group_branch();
std::span<const InterpRow> group_system();
std::span<const InterpRow> group_ldst();
std::span<const InterpRow> group_ldst_atomic();
std::span<const InterpRow> group_ldst_simd();
std::span<const InterpRow> group_fp();
std::span<const InterpRow> group_simd_int();
std::span<const InterpRow> group_simd_fp();
std::span<const InterpRow> group_crypto();

}  // namespace quince::cpu

/// A row of a group whose meanings are templates over the engine.
#define QUINCE_ENGINE_ROW(group, kind, id, pattern_, text_, feature_)                             \
  ::quince::cpu::InterpRow{{#id, group, ::quince::a64::parse(pattern_), pattern_, text_,          \
                            ::quince::Feature::feature_},                                         \
                           &::quince::cpu::make_handler<::quince::a64::parse(pattern_),           \
                                                        &id<::quince::cpu::Interp>,               \
                                                        ::quince::cpu::GroupKind::kind>},
/// A row of a group of Straight loads and stores that FastMemory may try first.
#define QUINCE_MEMORY_ROW(group, id, pattern_, text_, feature_)                                   \
  ::quince::cpu::InterpRow{{#id, group, ::quince::a64::parse(pattern_), pattern_, text_,          \
                            ::quince::Feature::feature_},                                         \
                           &::quince::cpu::make_memory_handler<::quince::a64::parse(pattern_),    \
                                                               &id<::quince::cpu::FastMemory>,    \
                                                               &id<::quince::cpu::Interp>>},
/// A row of a group whose meanings are functions on Vcpu.
#define QUINCE_HELPER_ROW(group, kind, id, pattern_, text_, feature_)                             \
  ::quince::cpu::InterpRow{{#id, group, ::quince::a64::parse(pattern_), pattern_, text_,          \
                            ::quince::Feature::feature_},                                         \
                           &::quince::cpu::make_handler<::quince::a64::parse(pattern_), &id,      \
                                                        ::quince::cpu::GroupKind::kind>},
