// The rows of the instruction table as the translator uses them.
#pragma once

#include <span>

#include "cpu/a64/table.h"
#include "cpu/jit/facts.h"

namespace quince::cpu::jit {

class Emitter;
struct HostRow;

/// How a row is translated.
enum class RowKind : u8 {
  Engine,    ///< its meaning over the Emitter
  FpEngine,  ///< likewise, and CPACR_EL1 must let it through
  Call,      ///< a call of its meaning on the Vcpu
  FpCall,    ///< likewise; it uses no memory, and CPACR_EL1 must let it through
};

/// What forming a region has to know of a row besides, and asks for each instruction.
struct RowTraits {
  enum class Nature : u8 {
    None,       ///< no system instruction
    Plain,      ///< what follows it runs next
    Nothing,    ///< there is nothing to do
    PauthHint,  ///< nothing without FEAT_PAuth
    Isb,
    Dsb,
    Dmb,
    Mrs,
    Msr,   ///< of a register
    Sys,   ///< DC, AT, IC, TLBI
    Ends,  ///< may change how instructions are found, or what is taken for granted
  } nature = Nature::None;
  bool uses_x = true;     ///< a call that uses general registers
  bool uses_nzcv = true;  ///< a call that uses NZCV
  Feature feature = Feature::Base;
};

struct JitRow {
  RowKind kind;
  void (*scout)(Scout& e, u32 insn);   ///< Engine rows
  void (*emit)(Emitter& e, u32 insn);  ///< Engine rows
  void (*call)(Vcpu& c, u32 insn);     ///< one instruction, by the interpreter's meaning
  const HostRow* host = nullptr;       ///< calls that have code of their own, too
  RowTraits traits = {};
};

/// By the number that a64::decode_row() gives.
const JitRow& row(int number);

/// The rows of every group, in the order of a64::rows().
std::span<const JitRow> group_dp_imm();
std::span<const JitRow> group_dp_reg();
std::span<const JitRow> group_branch();
std::span<const JitRow> group_system();
std::span<const JitRow> group_ldst();
std::span<const JitRow> group_ldst_atomic();
std::span<const JitRow> group_ldst_simd();
std::span<const JitRow> group_fp();
std::span<const JitRow> group_simd_int();
std::span<const JitRow> group_simd_fp();
std::span<const JitRow> group_crypto();

}  // namespace quince::cpu::jit
