// Regions, blocks, and the ways out of them.
#include "cpu/jit/x64/emitter.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "base/assert.h"
#include "cpu/jit/x64/host_rows.h"
#include "cpu/jit/x64/system.h"

namespace quince::cpu::jit {

using namespace Xbyak::util;

/// Both ends are in one buffer, which is smaller than 2 GiB.
void ExitRecord::patch(const u8* code) const {
  const s32 distance = static_cast<s32>(code - (jump + 5));
  std::memcpy(jump + 1, &distance, sizeof distance);
}

Emitter::Emitter(const Shared& shared) : x_(1, &nowhere_), shared_(shared) {}

/// Everything as for the first region, in memory that the last ones have left.
void Emitter::begin(const Region& region, const StateKey& key, u8* at, std::size_t room) {
  x_.restart(at, room);
  key_ = key;
  region_ = &region;
  insn_ = nullptr;
  failed_ = -1;
  hosts_.fill(-1);
  v_hosts_.fill(-1);
  v_mapped_ = v_written_ = dirty_ = v_dirty_ = 0;
  spill_all_vectors_ = reload_all_vectors_ = {};
  spills_all_ = reloads_all_ = absorbed_ = false;
  left_ = taken_ = 0;
  flags_ = {};
  labels_.assign(region.blocks.size(), {});
  flags_in_.assign(region.blocks.size(), std::nullopt);
  stubs_.shrink(0);
  tails_.clear();
  later_.shrink(0);
  if (literals_.empty()) return;
  literals_.clear();
  x_.reset();  // of the labels that xbyak knows
  x_.restart(at, room);
}

Stub& Emitter::stub(Stub::Kind kind) {
  Stub& s = stubs_.emplace_back();
  s.kind = kind;
  s.dirty = dirty_;
  s.v_dirty = v_dirty_;
  s.flags = flags_;
  s.flags.eflags = FlagState::Eflags::No;
  s.undone = left_;
  s.target = s.pc = pc_;
  return s;
}

Site& Emitter::site() {
  Site& s = out_->sites.emplace_back();
  s.pc = static_cast<u32>(pc_);
  s.left = left_;
  s.insn = insn_->word;
  s.call = insn_->row->call;
  return s;
}

void Emitter::note_part(const CodePart& part) { notes_->parts.push_back(part); }

void Emitter::mov_pc(const Reg64& to, u64 offset) {
  x_.mov(to, qword[r15 + shared_.at.page]);
  for (s64 left = static_cast<s64>(offset); left != 0;) {
    constexpr s64 kFar = std::numeric_limits<s32>::max();
    const s64 step = std::clamp(left, -kFar, kFar);
    x_.lea(to, ptr[to + static_cast<int>(step)]);
    left -= step;
  }
}

void Emitter::emit_literals() {
  if (literals_.empty()) return;
  x_.align(16);
  for (Literal& l : literals_) {
    x_.L(l.label);
    x_.dq(l.low);
    x_.dq(l.high);
  }
}

/// What runs first: interrupts and the end of the budget are looked at, then registers come in.
void Emitter::enter() {
  Stub& s = stub(Stub::Kind::Interrupt);
  s.spilled = s.entry = true;
  x_.mov(eax, dword[r15 + shared_.at.poll_mask]);
  x_.test(dword[r15 + shared_.at.pending], eax);
  x_.jnz(s.label, x_.T_NEAR);
  x_.test(r13, r13);
  x_.jle(s.label, x_.T_NEAR);
  if (region_->uses_fp) {
    // There is another region for this place, or there will be.
    Stub& other = stub(Stub::Kind::Other);
    x_.cmp(byte[r15 + shared_.at.fp_state], StateKey::fp_state(key_.fp_enabled, key_.fp_plain));
    x_.jne(other.label, x_.T_NEAR);
  }
  if (fp_dense_) arm_fp();
  reload(region_->blocks[region_->entry].live_in);
  for_each(v_mapped_, [&](unsigned r) { move_in(r); });
}

/// Makes MXCSR the guest's, unless it is.  It stays so until C++ code is called, which gives it back, or the region is left.
void Emitter::arm_fp() {
  Stub& s = stub(Stub::Kind::ArmFp);
  x_.cmp(dword[rsp + Frame::kFpLive], 0);
  x_.je(s.label, x_.T_NEAR);
  x_.L(s.back);
}

std::optional<Translated> Emitter::translate(const Region& region, const StateKey& key, u8* at,
                                             std::size_t room, Records& records) {
  using Kind = CodePart::Kind;
  const std::size_t exits = records.exits.size(), sites = records.sites.size();
  out_ = &records;
  begin(region, key, at, room);
  choose_registers(region);
  pc_ = 4ull * region.insns[region.blocks[region.entry].first].index;
  begin_part(Kind::Line, "enter", pc_);
  enter();
  if (region.entry != 0) x_.jmp(labels_[region.entry], x_.T_NEAR);
  for (std::size_t b = 0; b < region.blocks.size(); ++b) emit_block(region.blocks[b], b);
  emit_later();
  emit_stubs();
  begin_part(Kind::Away, "vectors", 0);
  emit_vector_routines();
  begin_part(Kind::Data, "constants", 0);
  emit_literals();
  const bool full = Xbyak::GetError() != Xbyak::ERR_NONE || x_.incomplete();
  Xbyak::ClearError();
  if (full || failed_ >= 0) {
    records.exits.shrink(exits);
    records.sites.shrink(sites);
    return std::nullopt;
  }
  return Translated{x_.getCode(), x_.getSize()};
}

void Emitter::emit_block(const Block& b, std::size_t number) {
  x_.L(labels_[number]);
  // From one predecessor that came before, flags may come in any form; else they are in memory.
  flags_ = flags_in_[number].value_or(FlagState{});
  begin_turn(b, number);
  dirty_ = b.dirty_in;
  v_dirty_ = b.v_dirty_in;
  fp_armed_ = fp_dense_;
  v_double_ = v_single_ = 0;
  sp_aligned_ = false;
  end_ = {};
  left_ = b.count;
  begin_part(CodePart::Kind::Line, "count", 4ull * region_->insns[b.first].index);
  if (flags_.eflags != FlagState::Eflags::No) {
    // LEA leaves EFLAGS alone.
    x_.lea(r13, ptr[r13 - static_cast<int>(b.count)]);
  } else {
    x_.sub(r13, static_cast<int>(b.count));
  }
  for (unsigned k = 0; k < b.count; ++k) {
    insn_ = &region_->insns[b.first + k];
    emit_insn(*insn_);
    --left_;
  }
  emit_end(b, number);
}

void Emitter::emit_insn(const Insn& i) {
  pc_ = 4ull * i.index;
  begin_part(CodePart::Kind::Insn, i.call ? "call" : i.bail ? "interpreter" : "", pc_);
  used_ = dead_ = 0;
  taken_ = 0;
  pending_ = -1;
  xmm_ = 0;
  accesses_ = 0;
  last_load_ = {};
  if (i.bail) return bail();
  if (i.special == Insn::Special::Fence) return fence();
  if (i.special == Insn::Special::Barrier) return barrier();
  if (i.special == Insn::Special::Synchronise) return synchronise();
  if (i.special == Insn::Special::Nothing) return;
  if (i.special == Insn::Special::ReadState)
    return put(i.word & 31, true, node(Op::State, true, {}, {}, i.member));
  if (i.special == Insn::Special::WriteState) return write_state(i);
  if (i.special == Insn::Special::Constant) return put(i.word & 31, true, imm(i.number));
  if (i.special == Insn::Special::System) return emit_system(*this, i.word);
  if (i.call) return emit_call(i);
  if (absorbed_) {
    absorbed_ = false;
    return;
  }
  forget_vector_operand();
  if (i.own_code) {
    if (!i.row->host->emit(*this, i.word)) give_up();
    return;
  }
  i.row->emit(*this, i.word);
  if (pending_ >= 0) eval_flags({static_cast<u8>(pending_)}, nullptr);
}

/// MSR of a register that is a member of CpuState.
void Emitter::write_state(const Insn& i) {
  const u32 rt = i.word & 31;
  const auto member = state(i.member);
  if (rt == 31) return x_.mov(member, 0);
  const bool all = i.number == ~u64{0};
  if (all && hosts_[rt] >= 0) return x_.mov(member, host(rt));
  if (!all) clobber_flags();
  if (hosts_[rt] >= 0)
    x_.mov(rax, host(rt));
  else
    x_.mov(rax, guest_memory(rt));
  if (!all) x_.and_(eax, static_cast<u32>(i.number));  // no such register has more
  x_.mov(member, rax);
}

/// Leaves this instruction to the interpreter.
void Emitter::bail() {
  Stub& s = stub(Stub::Kind::Bail);
  if (flags_.eflags != FlagState::Eflags::No && !flags_.in_memory && !flags_.again) {
    save_flags();
    s.flags = flags_;
  }
  x_.jmp(s.label, x_.T_NEAR);
  end_.kind = End::Kind::Left;
}

void Emitter::undefined() { bail(); }

void Emitter::emit_call(const Insn& i) {
  const bool small = !i.uses_x && i.row->kind == RowKind::FpCall;
  // A reserved encoding is UNDEFINED, and its exception saves NZCV inside the call.
  save_flags();
  if (!small) spill(dirty_, true);
  spill_vectors(v_dirty_);
  v_dirty_ = v_double_ = v_single_ = 0;
  Stub& s = stub(Stub::Kind::Redirected);
  s.spilled = !small;
  s.flags.in_memory = flags_.in_memory;
  // An exception that a call takes swaps the stack pointers in memory.
  if (small && (dirty_ >> kSp & 1) != 0 && hosts_[kSp] >= 0) x_.mov(guest_memory(kSp), host(kSp));
  load_constant(rcx, &site());
  x_.call(small ? shared_.small_call : shared_.call);
  x_.jnz(s.label, x_.T_NEAR);
  call_reload_vectors();
  if (!small) {
    reload(i.live_after);
    dirty_ = 0;
    sp_aligned_ = false;
  }
  flags_.eflags = FlagState::Eflags::No;
  // What a call writes of vectors, nobody says.
  if (flags_.op == Op::Fp) flags_.again = false;
  if (i.uses_nzcv || !small) flags_ = {};
}

void Emitter::branch(s64) { end_.kind = End::Kind::Direct; }

void Emitter::branch_if(Bool b, s64) {
  end_.kind = End::Kind::Conditional;
  end_.choice = b;
}

void Emitter::branch_reg(Val target, unsigned btype) {
  end_.kind = End::Kind::Indirect;
  end_.btype = static_cast<u8>(btype);
  // The last that this instruction does is to jump; its link is written already.
  eval(target, rax);
  taken_ |= 1;
}

// ---- The end of a block ------------------------------------------------------------------------

void Emitter::emit_end(const Block& b, std::size_t number) {
  const Insn& last = region_->insns[b.first + b.count - 1u];
  const u64 next = 4ull * last.index + 4;
  const u64 taken = 4ull * last.index + static_cast<u64>(last.facts.distance);
  switch (end_.kind) {
    case End::Kind::Left:
      return;
    case End::Kind::Indirect: {
      save_flags();
      spill(dirty_, true);
      spill_vectors(v_dirty_);
      taken_ = 0;
      return jump_by_cache(end_.btype);
    }
    case End::Kind::Conditional:
      return branch_end(b, number, taken, next);
    case End::Kind::Direct:
      return leave_for(b.taken, taken, number);
    case End::Kind::None:
      if (last.call && last.ends) {  // what was taken for granted may have changed
        save_flags();
        spill(dirty_, true);
        spill_vectors(v_dirty_);
        return leave_at(next, 0);
      }
      return leave_for(b.next, next, number);
  }
}

/// The successor comes later, and from here only.
bool Emitter::follows_alone(const Successor& s, std::size_t from) const {
  return s.block > static_cast<int>(from) &&
         region_->blocks[static_cast<std::size_t>(s.block)].predecessors == 1;
}

/// A conditional branch: the straight way on is the block that follows, whichever way leads there.
void Emitter::branch_end(const Block& b, std::size_t number, u64 taken, u64 next) {
  const Successor *s = &b.taken, *straight = &b.next;
  if (s->block == static_cast<int>(number) + 1 && straight->block != s->block) {
    end_.choice.invert = !end_.choice.invert;
    std::swap(s, straight);
    std::swap(taken, next);
  }
  const bool flags = end_.choice.kind == Bool::Kind::Cond;
  if (s->block < 0) {  // out of the region, behind everything else
    Later& out = later_.emplace_back();
    out.to = *s;
    out.target = taken;
    out.dirty = dirty_;
    out.v_dirty = v_dirty_;
    jump_if(end_.choice, out.label);
    out.flags = flags_;
    return leave_for(*straight, next, number);
  }
  const auto to = static_cast<std::size_t>(s->block);
  if (to > number) {
    // Blocks that are reached from several sides find the flags in memory.
    if (!follows_alone(*s, number) && region_->blocks[to].flags_needed_in) save_flags();
    jump_if(end_.choice, labels_[to]);
    if (follows_alone(*s, number)) flags_in_[to] = flags_;
    return leave_for(*straight, next, number);
  }
  const bool turns = turns_as_foreseen(to, number);
  if (region_->blocks[to].flags_needed_in && !turns) {
    save_flags();
  } else if (!flags && !flags_.in_memory && !flags_.again) {
    save_flags();
  }
  Label straight_on;
  Bool not_taken = end_.choice;
  not_taken.invert = !not_taken.invert;
  jump_if(not_taken, straight_on);
  const FlagState at_branch = flags_;
  check_loop(taken, turns ? turn_top_ : labels_[to], turns);
  x_.L(straight_on);
  flags_ = at_branch;
  leave_for(*straight, next, number);
}

/// ISB: what is pending comes before the next instruction.
void Emitter::synchronise() {
  clobber_flags();
  Stub& stop = stub(Stub::Kind::Interrupt);
  stop.target = pc_ + 4;
  stop.undone = left_ - 1;
  x_.mov(eax, dword[r15 + shared_.at.poll_mask]);
  x_.test(dword[r15 + shared_.at.pending], eax);
  x_.jnz(stop.label, x_.T_NEAR);
}

/// On the way back to the start of a loop: it can be left for an interrupt.
void Emitter::check_loop(u64 target, Label& top, bool turns) {
  if (!flags_.in_memory && !flags_.again) save_flags();
  if (turns) x_.mov(dword[rsp + Frame::kTurned], 1);
  Stub& stop = stub(Stub::Kind::Interrupt);
  stop.target = target;
  x_.mov(eax, dword[r15 + shared_.at.poll_mask]);
  x_.test(dword[r15 + shared_.at.pending], eax);
  x_.jnz(stop.label, x_.T_NEAR);
  x_.test(r13, r13);
  x_.jg(top, x_.T_NEAR);
  x_.jmp(stop.label, x_.T_NEAR);
  flags_.eflags = FlagState::Eflags::No;
}

void Emitter::leave_for(const Successor& s, u64 target, std::size_t from) {
  if (s.block >= 0) {
    const auto to = static_cast<std::size_t>(s.block);
    if (follows_alone(s, from))
      flags_in_[to] = flags_;
    else if (region_->blocks[to].flags_needed_in)
      save_flags();
    if (to <= from) return check_loop(target, labels_[to]);
    if (to != from + 1) x_.jmp(labels_[to], x_.T_NEAR);
    return;
  }
  begin_part(insn_ == nullptr ? CodePart::Kind::Away : CodePart::Kind::Line, "go on", target);
  save_flags();
  spill(dirty_, true);
  spill_vectors(v_dirty_);
  if (s.in_page) {
    ExitRecord& exit = out_->exits.emplace_back();
    exit.target = target;
    exit.key = key_.bits();
    Stub& out = stub(Stub::Kind::Exit);
    out.exit = &exit;
    out.spilled = true;
    exit.jump = const_cast<u8*>(x_.getCurr());
    x_.jmp(out.label, x_.T_NEAR);
    return;
  }
  // Another page: what it is mapped to may change, and the jump cache follows that.
  mov_pc(rax, target);
  jump_by_cache(0);
}

/// Leaves for the virtual address in RAX. Everything is in memory.
void Emitter::jump_by_cache(unsigned btype) {
  // Each PSTATE.BTYPE has a place of its own: whoever put an entry there has looked at the landing pad.
  const bool tagged = key_.bti && btype != 0;
  const int jumps = shared_.at.jumps[key_.el0 ? 0 : 1];
  x_.mov(ecx, eax);
  x_.and_(ecx, (Native::kJumps - 1) << 2);
  if (tagged) x_.xor_(ecx, Native::jump_salt(btype) << 2);
  x_.cmp(rax, ptr[r15 + rcx * 4 + jumps]);
  x_.jcc(kNe, shared_.jump_far[key_.el0 ? 0 : 1][tagged ? btype : 0]);
  if (tagged) {  // for an exception of the next instruction
    x_.mov(byte[r15 + shared_.at.begun_btype], btype);
    x_.mov(qword[r15 + shared_.at.begun], r13);
  }
  x_.and_(rax, -4096);
  x_.mov(qword[r15 + shared_.at.page], rax);
  x_.jmp(ptr[r15 + rcx * 4 + jumps + 8]);
}

void Emitter::emit_later() {
  insn_ = nullptr;
  for (std::size_t n = 0; n < later_.size(); ++n) {
    Later& l = later_[n];
    x_.L(l.label);
    taken_ = 0;
    flags_ = l.flags;
    dirty_ = l.dirty;
    v_dirty_ = l.v_dirty;
    pc_ = l.target;
    leave_for(l.to, l.target, 0);
  }
}

}  // namespace quince::cpu::jit
