// Where the guest's NZCV is while translated code runs: flags.cpp, loop_flags.cpp and fp_flags.cpp change it.
#pragma once

#include "base/types.h"
#include "cpu/jit/facts.h"
#include "cpu/jit/x64/node.h"

namespace quince::cpu::jit {

/// In memory, in EFLAGS, or to be had again by a comparison; several of them may hold at once.
struct FlagState {
  /// Borrow: CF is C inverted, as x86 compares.  Fp: as COMISD leaves them; FpSwapped: with its operands swapped.
  enum class Eflags : u8 { No, Arm, Borrow, Fp, FpSwapped };
  bool in_memory = true;
  Eflags eflags = Eflags::No;
  // A comparison that gives the flags again: `op` with a guest's register and a register or number; Node::Op::Fp: vectors,
  // doubles where `sf`, the second one zero where `with_imm`.
  bool again = false;
  Node::Op op = Node::Op::SubS;
  bool sf = true, with_imm = false;
  u8 a = 0, b = 0;
  u64 imm = 0;
  RegSet uses = 0, v_uses = 0;
  // SUBS and ADDS whose result replaced an operand: that is got back first.
  s8 undo = 0;                ///< 1: a was the result plus imm or b, -1: minus imm
  bool of_last_turn = false;  ///< all this where Frame::kTurned says so; else they are in memory
};

}  // namespace quince::cpu::jit
