// NZCV in translated code.
//
// It is computed only where somebody sees it.  Behind a comparison it is in EFLAGS, which other code
// overwrites; but while the operands of the comparison are unchanged it can be done again, in the
// code that takes an exception or leaves the region, and costs nothing where neither happens.
#include <bit>

#include "base/assert.h"
#include "cpu/jit/x64/emitter.h"

namespace quince::cpu::jit {

using namespace Xbyak::util;

namespace {

/// SF, ZF, CF and OF where LAHF and SETO AL put them (Vcpu::flag_mask_).
constexpr u32 kFlagImage = 1u << 15 | 1u << 14 | 1u << 8 | 1u;

}  // namespace

/// Puts NZCV into EFLAGS, unless it is there.
void Emitter::flags_to_eflags() {
  if (flags_.eflags == FlagState::Eflags::No && flags_.again) compare_again();
  if (in_fp_form()) {
    fp_flags_to_nzcv(true);
    flags_.eflags = FlagState::Eflags::Arm;
  }
  if (flags_.eflags != FlagState::Eflags::No) return;
  if (!flags_.in_memory) give_up();
  // Bits 15, 14, 8 and 0 of AX: where LAHF has SF, ZF and CF, and OF.
  const bool keep = (taken_ & 1) != 0;
  if (keep) x_.push(rax);
  if (shared_.host.fast_pext) {
    x_.mov(eax, state(offsetof(CpuState, nzcv), 4));
    x_.pdep(eax, eax, dword[r15 + shared_.at.flag_mask]);
  } else {
    // No two of the products meet in a bit, so that nothing is carried.
    x_.imul(eax, state(offsetof(CpuState, nzcv), 4), 1 << 12 | 1 << 7 | 1);
    x_.and_(eax, kFlagImage);
  }
  x_.add(al, 0x7f);
  x_.sahf();
  if (keep) x_.pop(rax);
  flags_.eflags = FlagState::Eflags::Arm;
}

/// CF = C, or the borrow. In EFLAGS there may be nothing else of NZCV behind it.
void Emitter::carry_to_cf(bool borrow) {
  if (only_in_memory()) {
    x_.bt(state(offsetof(CpuState, nzcv), 4), 1);
    if (borrow) x_.cmc();
    return;
  }
  flags_to_eflags();
  if ((flags_.eflags == FlagState::Eflags::Borrow) != borrow) x_.cmc();
}

/// From EFLAGS, which stay where the host has PEXT, or by comparing again.
void Emitter::save_flags() {
  if (flags_.in_memory) return;
  if (flags_.of_last_turn) return save_flags_of_last_turn();
  if (flags_.eflags == FlagState::Eflags::No) compare_again();
  if (in_fp_form()) return fp_flags_to_nzcv(false);
  if (flags_.eflags == FlagState::Eflags::Borrow) {
    x_.cmc();
    flags_.eflags = FlagState::Eflags::Arm;
  }
  const bool keep = (taken_ & 1) != 0;
  if (keep) x_.push(rax);
  x_.lahf();
  x_.seto(al);
  if (shared_.host.fast_pext) {
    x_.pext(eax, eax, dword[r15 + shared_.at.flag_mask]);
  } else {
    // SF, ZF, CF and OF get to bits 15 to 12; what else the product has there is nothing, and
    // below them no two bits meet.
    x_.and_(eax, kFlagImage);
    x_.imul(eax, eax, 1 << 12 | 1 << 5 | 1);
    x_.shr(eax, 12);
    x_.and_(eax, 15);
    flags_.eflags = FlagState::Eflags::No;
  }
  x_.mov(state(offsetof(CpuState, nzcv), 4), eax);
  if (keep) x_.pop(rax);
  flags_.in_memory = true;
}

bool Emitter::flags_would_be_saved() const {
  return flags_.eflags != FlagState::Eflags::No && !flags_.in_memory && !flags_.again &&
         insn_ != nullptr && insn_->flags_needed_before;
}

void Emitter::clobber_flags() {
  if (flags_would_be_saved()) save_flags();
  flags_.eflags = FlagState::Eflags::No;
}

/// Registers are about to be written, and flags may not be got back from them any longer.  `keeps_flags`: what comes then
/// says so before it changes EFLAGS.
void Emitter::forget_operand(RegSet written, bool keeps_flags) {
  if (!flags_.again || (flags_.uses & written) == 0) return;
  const bool seen = insn_->facts.writes_flags ? false : insn_->flags_needed;
  // While EFLAGS has them, there is no hurry.
  if (flags_.eflags == FlagState::Eflags::No && !flags_.in_memory && seen) {
    if (keeps_flags && !flags_.of_last_turn)
      compare_again();
    else
      save_flags();
  }
  flags_.again = false;
}

/// The comparison once more.
void Emitter::compare_again() {
  if (!flags_.again) give_up();
  const FlagState& f = flags_;
  if (f.op == Op::Fp) return compare_fp_again();
  std::optional<Reg64> t;
  const auto need_temporary = [&] {
    if (!t) t = temporary();
    return *t;
  };
  const auto sized = [&](const Reg64& r) {
    return f.sf ? static_cast<Xbyak::Reg>(r) : static_cast<Xbyak::Reg>(r.cvt32());
  };
  const auto place = [&](unsigned guest) {
    return state(guest == kSp ? offsetof(CpuState, sp) : offsetof(CpuState, x) + 8 * guest,
                 f.sf ? 8 : 4);
  };
  const u32 number = static_cast<u32>(f.imm);
  // The first operand, in a register of its own where it will be changed.
  const bool changed = f.undo != 0 || f.op == Op::AddS;
  Reg64 a = rax;
  if (!changed && hosts_[f.a] >= 0) {
    a = host(f.a);
  } else {
    a = need_temporary();
    if (hosts_[f.a] >= 0)
      x_.mov(a, host(f.a));
    else
      x_.mov(sized(a), place(f.a));
  }
  if (f.undo != 0) {
    const auto old =
        f.with_imm ? a + (f.undo > 0 ? 1 : -1) * static_cast<int>(f.imm) : a + host(f.b);
    f.sf ? x_.lea(a, ptr[old]) : x_.lea(a.cvt32(), ptr[old]);
  }
  switch (f.op) {
    case Op::SubS:
      if (f.with_imm)
        x_.cmp(sized(a), number);
      else if (hosts_[f.b] >= 0)
        x_.cmp(sized(a), sized(host(f.b)));
      else
        x_.cmp(sized(a), place(f.b));
      flags_.eflags = FlagState::Eflags::Borrow;
      break;
    case Op::AddS:
      if (f.with_imm)
        x_.add(sized(a), number);
      else if (hosts_[f.b] >= 0)
        x_.add(sized(a), sized(host(f.b)));
      else
        x_.add(sized(a), place(f.b));
      flags_.eflags = FlagState::Eflags::Arm;
      break;
    default:  // LogicS
      if (f.with_imm)
        x_.test(sized(a), number);
      else if (hosts_[f.b] >= 0)
        x_.test(sized(a), sized(host(f.b)));
      else
        x_.test(place(f.b), sized(a));
      flags_.eflags = FlagState::Eflags::Arm;
      break;
  }
  if (t) release(*t);
}

/// Notes how the flags of a node come about again, after it was evaluated; rd: where its result is,
/// -1 for nowhere.
void Emitter::remember(const Node& n, int rd) {
  flags_.in_memory = false;
  flags_.again = flags_.of_last_turn = false;
  flags_.undo = 0;
  flags_.op = n.op;
  flags_.sf = n.sf;
  if (n.op == Op::AdcS || n.op == Op::SbcS) return;
  const auto plain = [&](const Node& x) { return x.op == Op::Reg; };
  if (n.op == Op::LogicS) {
    // N and Z of the result alone; or of two operands, where there is none.
    const Node& v = at(n.a);
    if (rd >= 0) {
      flags_.a = flags_.b = static_cast<u8>(rd);
      flags_.with_imm = false;
      flags_.uses = RegSet{1} << rd;
      flags_.again = true;
    } else if (v.op == Op::And && plain(at(v.a)) &&
               (plain(at(v.b)) || (at(v.b).op == Op::Imm && (!n.sf || fits(at(v.b).n))))) {
      flags_.a = static_cast<u8>(at(v.a).n);
      flags_.with_imm = at(v.b).op == Op::Imm;
      flags_.imm = at(v.b).n;
      flags_.b = flags_.with_imm ? flags_.a : static_cast<u8>(at(v.b).n);
      flags_.uses = RegSet{1} << flags_.a | RegSet{1} << flags_.b;
      flags_.again = true;
    }
    return;
  }
  const Node &a = at(n.a), &b = at(n.b);
  if (!plain(a)) return;
  const bool with_imm = b.op == Op::Imm && (!n.sf || fits(b.n));
  if (!with_imm && !plain(b)) return;
  flags_.a = static_cast<u8>(a.n);
  flags_.with_imm = with_imm;
  flags_.imm = b.n;
  flags_.b = with_imm ? flags_.a : static_cast<u8>(b.n);
  flags_.uses = RegSet{1} << flags_.a | RegSet{1} << flags_.b;
  const bool overwritten = rd >= 0 && (flags_.uses & (RegSet{1} << rd)) != 0;
  if (overwritten) {
    // A number can be taken back, and another register that was subtracted.
    if (with_imm ? b.n > 0x7fff'ffff : n.op != Op::SubS || flags_.b == rd || hosts_[flags_.b] < 0)
      return;
    flags_.undo = n.op == Op::SubS ? 1 : -1;
  }
  flags_.again = true;
}

Emitter::Val Emitter::flags_node(Op op, bool sf, Val a, Val b) {
  const Val v = node(op, sf, a, b);
  pending_ = static_cast<s8>(v.node);
  return v;
}

Emitter::Val Emitter::add_with_carry(bool sf, Val a, Val b, Val) {
  // ADCS, and SBCS with the second operand inverted.
  const bool inverted = at(b).op == Op::Not;
  return inverted ? flags_node(Op::SbcS, sf, a, at(b).a) : flags_node(Op::AdcS, sf, a, b);
}

/// Sets the flags, and `to` where there is one.
void Emitter::eval_flags(Val v, const Reg64* to) {
  const Node n = at(v);
  pending_ = -1;
  const auto sized = [&](const Reg64& r) {
    return n.sf ? static_cast<Xbyak::Reg>(r) : static_cast<Xbyak::Reg>(r.cvt32());
  };
  int rd = -1;
  if (to != nullptr)
    for (unsigned r = 0; r < 32; ++r)
      if (hosts_[r] == to->getIdx()) rd = static_cast<int>(r);
  if (n.op == Op::LogicS) {
    const Node x = at(n.a);
    if (to == nullptr && x.op == Op::And) {
      const Reg64 a = in_register(x.a);
      const Node& b = at(x.b);
      if (b.op == Op::Imm && (!n.sf || fits(b.n))) {
        x_.test(sized(a), static_cast<u32>(b.n));
      } else {
        const Reg64 other = in_register(x.b);
        x_.test(sized(a), sized(other));
        release(other);
      }
      release(a);
    } else {
      const Reg64 result = to != nullptr ? *to : temporary();
      eval(n.a, result);
      if (x.op != Op::And || extends(x) != 0 || narrow(x) == n.sf)
        x_.test(sized(result), sized(result));
      if (to == nullptr) release(result);
    }
    flags_.eflags = FlagState::Eflags::Arm;
    return remember(n, rd);
  }
  // The second operand first: it may be a tree.
  const Node& b = at(n.b);
  const bool number =
      b.op == Op::Imm && (!n.sf || fits(b.n)) && n.op != Op::AdcS && n.op != Op::SbcS;
  std::optional<Reg64> other;
  if (!number) {
    other = at(n.b).op == Op::Reg && hosts_[b.n] >= 0 ? host(static_cast<unsigned>(b.n))
                                                      : in_register(n.b);
    if (to != nullptr && other->getIdx() == to->getIdx() &&
        !(at(n.a).op == Op::Reg && hosts_[at(n.a).n] == to->getIdx())) {
      const Reg64 t = temporary();
      x_.mov(t, *other);
      other = t;
    }
  }
  const bool compare = n.op == Op::SubS && to == nullptr;
  Reg64 a = rax;
  if (compare) {
    const Node& first = at(n.a);
    a = first.op == Op::Reg && hosts_[first.n] >= 0 ? host(static_cast<unsigned>(first.n))
                                                    : in_register(n.a);
  } else {
    a = to != nullptr ? *to : temporary();
    const Node& first = at(n.a);
    if (!(first.op == Op::Reg && hosts_[first.n] == a.getIdx())) eval(n.a, a);
  }
  if (n.op == Op::AdcS || n.op == Op::SbcS) carry_to_cf(n.op == Op::SbcS);
  const auto apply = [&](auto op) {
    number ? op(sized(a), static_cast<u32>(b.n), true) : op(sized(a), 0u, false);
  };
  apply([&](const Xbyak::Reg& r, u32 value, bool with_number) {
    switch (n.op) {
      case Op::AddS:
        with_number ? x_.add(r, value) : x_.add(r, sized(*other));
        break;
      case Op::AdcS:
        x_.adc(r, sized(*other));
        break;
      case Op::SbcS:
        x_.sbb(r, sized(*other));
        break;
      default:
        if (compare)
          with_number ? x_.cmp(r, value) : x_.cmp(r, sized(*other));
        else
          with_number ? x_.sub(r, value) : x_.sub(r, sized(*other));
    }
  });
  const bool borrows = n.op == Op::SubS || n.op == Op::SbcS;
  flags_.eflags = borrows ? FlagState::Eflags::Borrow : FlagState::Eflags::Arm;
  if (other) release(*other);
  if (compare || to == nullptr) release(a);
  remember(n, rd);
  // A register in memory is written behind this, and then its old value is gone.
  if (to != nullptr && rd < 0) flags_.again = false;
}

/// CCMP and CCMN, and what writes NZCV by itself.
void Emitter::set_nzcv(Val v) {
  const Node n = at(v);
  if (n.op == Op::Select && pending_ >= 0 && at(n.a).op == Op::Nzcv && at(n.b).op == Op::Imm) {
    const Node f = nodes_[static_cast<std::size_t>(pending_)];
    const u64 value = at(n.b).n;
    pending_ = -1;
    const auto sized = [&](const Reg64& r) {
      return f.sf ? static_cast<Xbyak::Reg>(r) : static_cast<Xbyak::Reg>(r.cvt32());
    };
    const bool subtracts = f.op == Op::SubS;
    const auto operand = [&](Val x) {
      return at(x).op == Op::Reg && hosts_[at(x).n] >= 0 ? host(static_cast<unsigned>(at(x).n))
                                                         : in_register(x);
    };
    Reg64 a = operand(f.a);
    const bool number = at(f.b).op == Op::Imm;
    const Reg64 b = number ? a : operand(f.b);
    if (!subtracts && a.getIdx() > 2) {  // ADD writes its operand
      const Reg64 t = temporary();
      x_.mov(t, a);
      a = t;
    }
    Label otherwise, done;
    Bool not_choice = n.choice;
    not_choice.invert = !not_choice.invert;
    if (n.choice.n < 14) jump_if_flags(not_choice.n ^ (not_choice.invert ? 1u : 0u), otherwise);
    const u32 imm5 = static_cast<u32>(at(f.b).n);
    if (subtracts)
      number ? x_.cmp(sized(a), imm5) : x_.cmp(sized(a), sized(b));
    else
      number ? x_.add(sized(a), imm5) : x_.add(sized(a), sized(b));
    if (n.choice.n < 14) {
      x_.jmp(done, x_.T_NEAR);
      x_.L(otherwise);
      const u64 carry = (value >> 1 & 1) ^ (subtracts ? 1 : 0);
      const u32 image = static_cast<u32>((value >> 3 & 1) << 15 | (value >> 2 & 1) << 14 |
                                         carry << 8 | (value & 1));
      const bool keep = (taken_ & 1) != 0 && a.getIdx() != 0 && b.getIdx() != 0;
      if (keep) give_up();
      x_.mov(eax, image);
      x_.add(al, 0x7f);
      x_.sahf();
      x_.L(done);
    }
    release(a);
    release(b);
    flags_ = {};
    flags_.in_memory = false;
    flags_.eflags = subtracts ? FlagState::Eflags::Borrow : FlagState::Eflags::Arm;
    return;
  }
  const Reg64 t = temporary();
  eval(v, t);
  x_.and_(t.cvt32(), 15);
  x_.mov(state(offsetof(CpuState, nzcv), 4), t.cvt32());
  release(t);
  flags_ = {};
}

/// Puts NZCV into EFLAGS, in whichever form; gives the number of the host's condition for `cc`.
void Emitter::flags_for(unsigned cc, unsigned& x86) {
  if (only_in_memory()) return test_memory(cc, x86);
  flags_to_any_eflags();
  if (in_fp_form()) {
    if (fp_condition(cc, x86)) return;
    flags_to_eflags();
  }
  condition_of(cc, x86);
}

/// The number of the host's condition for `cc`, with CF the right way round.
void Emitter::condition_of(unsigned cc, unsigned& x86) {
  const bool higher = (cc & ~1u) == 8, carry = (cc & ~1u) == 2;
  if (higher && flags_.eflags == FlagState::Eflags::Arm) {
    x_.cmc();
    flags_.eflags = FlagState::Eflags::Borrow;
  }
  static constexpr unsigned kConditions[] = {kE,  kNe, kAe, kB,  kS, kNs, kO,
                                             kNo, kA,  kBe, kGe, kL, kG,  kLe};
  x86 = kConditions[cc];
  if (carry && flags_.eflags == FlagState::Eflags::Arm) x86 ^= 1;
}

/// One condition of NZCV in memory. EFLAGS are not the guest's behind it: who asks again looks again. That is less than to
/// move all of NZCV to where SAHF has it, and between the turns of a loop it is waited for.
void Emitter::test_memory(unsigned cc, unsigned& x86) {
  constexpr u32 kN = 8, kZ = 4, kC = 2, kV = 1;
  static constexpr u32 kFlags[] = {kZ, kC, kN, kV, 0, kN | kV};
  const bool keep = (taken_ & 1) != 0;
  const auto nzcv = [](unsigned bytes) { return state(offsetof(CpuState, nzcv), bytes); };
  unsigned holds = kNe;
  switch (cc / 2) {
    case 4:  // HI
    case 6:  // GT
      if (keep) x_.push(rax);
      x_.mov(eax, nzcv(4));
      if (cc / 2 == 4) {
        x_.and_(eax, kC | kZ);
        x_.cmp(eax, kC);
      } else {  // N over V
        x_.shr(eax, 3);
        x_.xor_(eax, nzcv(4));
        x_.test(eax, kZ | kV);
      }
      if (keep) x_.pop(rax);
      holds = kE;
      break;
    case 5:  // GE: the parity of both
      holds = kP;
      [[fallthrough]];
    default:
      x_.test(nzcv(1), kFlags[cc / 2]);
  }
  x86 = holds ^ (cc & 1);
}

void Emitter::jump_if_flags(unsigned cc, Label& label) {
  if (!only_in_memory()) {
    flags_to_any_eflags();
    if (jump_if_fp_flags(cc, label)) return;
  }
  unsigned x86 = 0;
  flags_for(cc, x86);
  x_.jcc(x86, label, x_.T_NEAR);
}

void Emitter::jump_if(Bool b, Label& label) {
  switch (b.kind) {
    case Bool::Kind::Cond:
      if (b.n >= 14) {
        if (!b.invert) x_.jmp(label, x_.T_NEAR);
        return;
      }
      return jump_if_flags(b.n ^ (b.invert ? 1u : 0u), label);
    case Bool::Kind::Zero: {
      const Node& v = at(b.value);
      const Reg64 r = v.op == Op::Reg && hosts_[v.n] >= 0 ? host(static_cast<unsigned>(v.n))
                                                          : in_register(b.value);
      clobber_flags();
      b.sf ? x_.test(r, r) : x_.test(r.cvt32(), r.cvt32());
      release(r);
      return b.invert ? x_.jnz(label, x_.T_NEAR) : x_.jz(label, x_.T_NEAR);
    }
    case Bool::Kind::Bit: {
      const Node& v = at(b.value);
      const Reg64 r = v.op == Op::Reg && hosts_[v.n] >= 0 ? host(static_cast<unsigned>(v.n))
                                                          : in_register(b.value);
      clobber_flags();
      if (b.n < 31)
        x_.test(r.cvt32(), u32{1} << b.n);
      else
        x_.bt(r, b.n);
      release(r);
      if (b.n < 31) return b.invert ? x_.jz(label, x_.T_NEAR) : x_.jnz(label, x_.T_NEAR);
      return b.invert ? x_.jnc(label, x_.T_NEAR) : x_.jc(label, x_.T_NEAR);
    }
  }
}

}  // namespace quince::cpu::jit
