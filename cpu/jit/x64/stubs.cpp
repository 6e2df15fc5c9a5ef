// Code behind the region, for what happens seldom.
#include "cpu/jit/x64/emitter.h"

namespace quince::cpu::jit {

using namespace Xbyak::util;

constexpr u32 kFpsrQc = u32{1} << 27;

/// The address of an access, in RDX.
void Emitter::address_to_rdx(const Stub& s) {
  if (s.address != 2 || s.distance != 0) x_.lea(rdx, ptr[Reg64(s.address) + s.distance]);
}

void Emitter::restore_rdx(const Stub& s) {
  if (s.address == 2 && s.distance != 0) x_.lea(rdx, ptr[rdx - s.distance]);
}

/// What no look in line has found, routines may find: they know more pages. `and_load`: they do the load otherwise. False:
/// none is asked.
bool Emitter::look_again(Stub& s, bool and_load) {
  if (s.maybe_unaligned) {
    if (s.kept) x_.mov(page_pointer(s.slot, Native::kPointerPage), Native::kNoPage);
    if (s.leads) x_.mov(page_pointer(s.slot, Native::kPointerAddend), 0);
    return false;
  }
  const bool write = s.kind == Stub::Kind::Store;
  const Shared::Find& find = and_load ? shared_.find_or_load : shared_.find[write];
  Label& found = write ? s.found : s.back;
  if (s.loop) look_for_next_page(s, found);
  const bool kept = s.kept && !s.loop;
  // Who reads first what will be written looks for itself alone.
  const bool alone = s.to_write != write;
  if (s.leads && !kept && alone) x_.mov(page_pointer(s.slot, Native::kPointerAddend), 0);
  address_to_rdx(s);
  load_constant(rcx, s.site);
  x_.call(kept                   ? find.kept
          : s.leads && !alone    ? find.leads
          : s.slot >= 0          ? find.first
          : s.site->unprivileged ? find.unprivileged
                                 : find.recent);
  restore_rdx(s);
  if (s.keeps_flags) {
    Label missed;
    x_.jnz(missed);
    go_back(s, found);
    x_.L(missed);
  } else {
    x_.jz(found, x_.T_NEAR);
  }
  return true;
}

/// A loop has come to another page: the first level has it in most cases, and the loop goes on at `found`.
void Emitter::look_for_next_page(Stub& s, Label& found) {
  Label missed;
  probe(Reg64(s.address), s.distance + s.site->low, s.distance + s.site->high, s.to_write, false);
  x_.jne(missed);
  x_.mov(page_pointer(s.slot, Native::kPointerPage), rcx);
  x_.mov(rcx, tlb_entry(Native::kTlbAddend, false));
  x_.mov(page_pointer(s.slot, Native::kPointerAddend), rcx);
  go_back(s, found);
  x_.L(missed);
  x_.mov(page_pointer(s.slot, Native::kPointerPage), Native::kNoPage);
}

/// With EFLAGS as they were, where that is wanted: then they are in memory.
void Emitter::go_back(Stub& s, Label& to) {
  if (s.keeps_flags) {
    flags_to_eflags();
    if (s.flags.eflags == FlagState::Eflags::Borrow) x_.cmc();
    flags_.eflags = FlagState::Eflags::No;
  }
  x_.jmp(to, x_.T_NEAR);
}

/// Behind an exception of the stub's instruction: all but SP, which it has swapped, goes into memory. The same registers
/// are written by one piece of code for all stubs, which goes on with what another one has of them already. `there`: are
/// in memory.
void Emitter::leave_for_exception(const Stub& s, RegSet there) {
  RegSet dirty = 0;
  for_each(s.dirty & ~there & ~(RegSet{1} << kSp), [&](unsigned r) {
    if (hosts_[r] >= 0) dirty |= RegSet{1} << r;
  });
  if (s.undone != 1) x_.add(r13, static_cast<int>(s.undone - 1));
  RegSet others = 0;
  std::size_t rest = tails_.size();
  for (std::size_t n = 0; n < tails_.size(); ++n) {
    const RegSet has = tails_[n].dirty;
    if (has == dirty) return x_.jmp(tails_[n].label);
    if ((has & ~dirty) != 0 || (others & ~has) != 0) continue;
    others = has;
    rest = n;
  }
  x_.L(tails_.emplace_back(Tail{dirty, {}}).label);
  spill(dirty & ~others, false);
  if (rest + 1 < tails_.size()) return x_.jmp(tails_[rest].label);
  x_.xor_(eax, eax);
  x_.jmp(shared_.leave, x_.T_NEAR);
}

/// An exception swaps the stack pointers in memory.
void Emitter::spill_sp(const Stub& s) {
  if ((s.dirty >> kSp & 1) != 0 && hosts_[kSp] >= 0) x_.mov(guest_memory(kSp), host(kSp));
}

/// What a store that missed writes, into Vcpu::bounce_.
void Emitter::values_to_bounce(const Stub& s) {
  const unsigned size = 1u << s.site->log2;
  for (unsigned e = 0; e < s.site->elements; ++e) {
    const int at = shared_.at.bounce + static_cast<int>(e * size);
    const auto& v = s.values[e];
    switch (v.kind) {
      case Stub::Value::Kind::Zero:
        x_.mov(qword[r15 + at], 0);
        break;
      case Stub::Value::Kind::Vector:
        x_.vmovdqa(xmm2, state(offsetof(CpuState, v) + 16 * v.r, 16));
        x_.vmovdqu(ptr[r15 + at], xmm2);
        break;
      case Stub::Value::Kind::Temporary:
        x_.vmovdqu(ptr[r15 + at], Xbyak::Xmm(v.r));
        break;
      default:
        if (hosts_[v.r] >= 0) {
          x_.mov(qword[r15 + at], host(v.r));
        } else {
          x_.mov(rax, guest_memory(v.r));
          x_.mov(qword[r15 + at], rax);
        }
    }
  }
}

/// An access that the TLB does not let through, with an exception at its end.
void Emitter::emit_missed(Stub& s) {
  taken_ = 4;
  const bool write = s.kind == Stub::Kind::Store;
  if (s.keeps_flags) {
    save_flags();
    flags_.eflags = FlagState::Eflags::No;
  }
  if (!write && !s.maybe_unaligned && s.flags.in_memory && !has_vectors() && !s.keeps_flags) {
    spill_sp(s);
    look_again(s, true);
    return leave_for_exception(s);
  }
  const bool looked = look_again(s, false);
  save_flags();
  spill_sp(s);
  call_spill_vectors();
  if (write) values_to_bounce(s);
  if (!looked || s.address == 2) address_to_rdx(s);
  if (looked) {
    x_.call(write ? shared_.store_missed_again : shared_.load_missed_again);
  } else {
    load_constant(rcx, s.site);
    x_.call(write ? shared_.store_missed : shared_.load_missed);
  }
  restore_rdx(s);
  if (has_vectors() || s.keeps_flags) {
    Label redirected;
    x_.jnz(redirected);
    call_reload_vectors();
    go_back(s, s.back);
    x_.L(redirected);
  } else {
    x_.jz(s.back, x_.T_NEAR);
  }
  leave_for_exception(s);
}

/// A case that the code in line does not have: the instruction's meaning, with everything kept.
void Emitter::emit_slow(Stub& s) {
  const Facts& f = s.insn->facts;
  if (s.restored >= 0) x_.vmovapd(Xbyak::Xmm(s.restored), xmm2);
  call_spill_vectors();
  for (unsigned r = 0; r < 32; ++r)
    if ((f.reads >> r & 1) != 0 && hosts_[r] >= 0) x_.mov(guest_memory(r), host(r));
  load_constant(rcx, s.site);
  x_.call(shared_.small_call);
  call_reload_vectors();
  for (unsigned r = 0; r < 32; ++r)
    if ((f.writes >> r & 1) != 0 && hosts_[r] >= 0) x_.mov(host(r), guest_memory(r));
  x_.jmp(s.back, x_.T_NEAR);
}

/// The same for an instruction that may fault, which leaves. So may one that was done (STXR): its results are in memory, and
/// in front of it they were, too.
void Emitter::emit_faulting_call(Stub& s) {
  const Facts& f = s.insn->facts;
  const RegSet before = f.reads | (f.writes & s.dirty);
  save_flags();
  spill_sp(s);
  call_spill_vectors();
  for (unsigned r = 0; r < 31; ++r)
    if ((before >> r & 1) != 0 && hosts_[r] >= 0) x_.mov(guest_memory(r), host(r));
  load_constant(rcx, s.site);
  x_.call(shared_.small_call);
  Label redirected;
  x_.jnz(redirected);
  call_reload_vectors();
  for (unsigned r = 0; r < 31; ++r)
    if ((f.writes >> r & 1) != 0 && hosts_[r] >= 0) x_.mov(host(r), guest_memory(r));
  x_.jmp(s.back, x_.T_NEAR);
  x_.L(redirected);
  leave_for_exception(s, f.writes);
}

/// To the dispatcher, for a place in the page. Everything is in memory.
void Emitter::leave_at(u64 target, u32 undone) {
  if (undone != 0) x_.add(r13, static_cast<int>(undone));
  x_.mov(eax, static_cast<u32>(target));
  x_.jmp(shared_.leave_at, x_.T_NEAR);
}

Mem Emitter::btype_state() {
  return state(offsetof(CpuState, pstate) + offsetof(PState, btype), 1);
}

/// The region's first instruction did not begin after all.
void Emitter::restore_btype() {
  Label other;
  x_.cmp(r13, qword[r15 + shared_.at.begun]);
  x_.jne(other);
  x_.mov(al, byte[r15 + shared_.at.begun_btype]);
  x_.mov(btype_state(), al);
  x_.L(other);
}

const char* Emitter::name_of(Stub::Kind kind) {
  switch (kind) {
    case Stub::Kind::Load:
      return "load missed";
    case Stub::Kind::Store:
      return "store missed";
    case Stub::Kind::Bail:
      return "interpreter";
    case Stub::Kind::Exit:
      return "not linked";
    case Stub::Kind::Other:
      return "other FPCR or CPACR";
    case Stub::Kind::Interrupt:
      return "interrupt";
    case Stub::Kind::Redirected:
      return "exception";
    case Stub::Kind::Barrier:
      return "waits for others";
    case Stub::Kind::Slow:
      return "slow case";
    case Stub::Kind::FaultingCall:
      return "may fault";
    case Stub::Kind::Saturated:
      return "saturated";
    case Stub::Kind::ArmFp:
      return "floating point begins";
  }
  return "";
}

void Emitter::emit_stubs() {
  insn_ = nullptr;
  const auto leave = [&](u32 undone) {
    if (undone != 0) x_.add(r13, static_cast<int>(undone));
    x_.jmp(shared_.leave, x_.T_NEAR);
  };
  for (std::size_t n = 0; n < stubs_.size(); ++n) {
    Stub& s = stubs_[n];
    begin_part(CodePart::Kind::Away, name_of(s.kind), s.pc);
    x_.L(s.label);
    flags_ = s.flags;
    taken_ = 0;
    switch (s.kind) {
      case Stub::Kind::Load:
      case Stub::Kind::Store:
        emit_missed(s);
        break;
      case Stub::Kind::Redirected:
        if (!s.spilled) {
          save_flags();
          leave_for_exception(s);
        } else {
          x_.xor_(eax, eax);
          leave(s.undone - 1);
        }
        break;
      case Stub::Kind::Bail:
        save_flags();
        spill(s.dirty, true);
        spill_vectors(s.v_dirty);
        x_.mov(byte[r15 + shared_.at.interpret_one], 1);
        leave_at(s.target, s.undone);
        break;
      case Stub::Kind::Interrupt:
        if (!s.spilled) {
          save_flags();
          spill(s.dirty, true);
          spill_vectors(s.v_dirty);
        }
        if (s.entry && key_.bti) restore_btype();
        leave_at(s.target, s.undone);
        break;
      case Stub::Kind::Barrier:
        save_flags();
        spill(s.dirty, true);
        spill_vectors(s.v_dirty);
        load_constant(rcx, s.site);
        x_.call(shared_.call);
        leave_at(s.target, s.undone);
        break;
      case Stub::Kind::FaultingCall:
        if (s.key >= 0) {  // NZCV is not in EFLAGS here
          x_.cmp(byte[r15 + shared_.at.pac + static_cast<int>(offsetof(pauth::PacLayout, usable)) +
                      s.key],
                 pauth::PacLayout::kOff);
          x_.je(s.back, x_.T_NEAR);
        }
        emit_faulting_call(s);
        break;
      case Stub::Kind::Slow:
        emit_slow(s);
        break;
      case Stub::Kind::Saturated:
        x_.or_(state(offsetof(CpuState, fpsr), 4), kFpsrQc);
        x_.jmp(s.back, x_.T_NEAR);
        break;
      case Stub::Kind::ArmFp:
        x_.ldmxcsr(dword[rsp + Frame::kMxcsrClear]);
        x_.mov(dword[rsp + Frame::kFpLive], 1);
        x_.jmp(s.back, x_.T_NEAR);
        break;
      case Stub::Kind::Exit:
        load_constant(rax, s.exit);
        leave(0);
        break;
      case Stub::Kind::Other:
        if (key_.bti) restore_btype();
        mov_pc(rax, s.target);
        x_.mov(state(offsetof(CpuState, pc)), rax);
        x_.mov(eax, 1);
        leave(0);
        break;
    }
  }
}

}  // namespace quince::cpu::jit
