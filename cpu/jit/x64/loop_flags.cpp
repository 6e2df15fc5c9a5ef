// NZCV from one turn of a loop to the next, where a block ends with a comparison and a branch back to itself.
//
// The next turn makes flags of its own. Until then nobody looks at those of the last turn but the exception of an access,
// and its code, away from the loop, can compare again. So the way back notes that there was a turn (Frame::kTurned) and
// nothing else; in the first turn the flags are in memory, as wherever a block is reached from several sides.
//
// Which comparison it will be must be known before the block's code is written. It is taken from the instruction's
// word; if the block turns out to end otherwise, the way back puts the flags into memory and is an entry like others.
#include "cpu/jit/x64/emitter.h"

namespace quince::cpu::jit {

using namespace Xbyak::util;

/// The flags of SUBS and CMP with a number, or with a register as it is, as remember() will have them.
bool Emitter::foresee_comparison(const Insn& i, FlagState& f) const {
  const u32 word = i.word, rd = word & 31, rn = word >> 5 & 31, rm = word >> 16 & 31;
  const bool number = (word & 0x7f80'0000) == 0x7100'0000;
  const bool registers = (word & 0x7fe0'fc00) == 0x6b00'0000;
  if ((!number && !registers) || i.own_code || rn == 31 || (registers && rm == 31)) return false;
  f = {};
  f.in_memory = false;
  f.again = true;
  f.sf = word >> 31 != 0;
  f.with_imm = number;
  f.a = static_cast<u8>(rn);
  f.b = static_cast<u8>(number ? rn : rm);
  f.imm = number ? (word >> 10 & 0xfff) << ((word >> 22 & 1) != 0 ? 12 : 0) : 0;
  f.uses = RegSet{1} << f.a | RegSet{1} << f.b;
  if (rd == 31) return true;
  if (hosts_[rd] < 0) return false;
  if ((f.uses >> rd & 1) == 0) return true;
  f.undo = 1;
  return number || (rd != rm && hosts_[rm] >= 0);
}

/// Finds what a block that leads back to itself compares at its end. False: there is nothing to gain.
bool Emitter::foresee_turn(const Block& b, std::size_t number) {
  if (!b.has_taken || b.taken.block != static_cast<int>(number) || !b.flags_needed_in) return false;
  RegSet written = 0;
  const Insn* const first = &region_->insns[b.first];
  const Insn* const end = first + b.count;
  const Insn* i = first;
  for (; i != end && !i->facts.writes_flags; ++i) {
    if (i->call || i->bail || i->facts.reads_flags) return false;
    if (i->flags_needed) written |= i->facts.writes;
  }
  return i != end && !i->call && !i->facts.reads_flags && foresee_comparison(*i, turn_) &&
         (turn_.uses & written) == 0;
}

/// Where a block begins: the flags of its last turn, if it has had one.
void Emitter::begin_turn(const Block& b, std::size_t number) {
  turns_ = foresee_turn(b, number);
  if (!turns_) return;
  x_.mov(dword[rsp + Frame::kTurned], 0);
  turn_top_ = {};
  x_.L(turn_top_);
  flags_ = turn_;
  flags_.of_last_turn = true;
}

/// The flags are those that were foreseen.
bool Emitter::turns_as_foreseen(std::size_t to, std::size_t from) const {
  const FlagState &f = flags_, &t = turn_;
  return turns_ && to == from && !f.in_memory && f.again && f.op == t.op && f.sf == t.sf &&
         f.with_imm == t.with_imm && f.a == t.a && f.b == t.b && f.undo == t.undo &&
         (!f.with_imm || f.imm == t.imm);
}

void Emitter::save_flags_of_last_turn() {
  Label there;
  x_.cmp(dword[rsp + Frame::kTurned], 0);
  x_.je(there, x_.T_NEAR);
  flags_.of_last_turn = false;
  compare_again();
  save_flags();
  x_.L(there);
  flags_.eflags = FlagState::Eflags::No;
}

}  // namespace quince::cpu::jit
