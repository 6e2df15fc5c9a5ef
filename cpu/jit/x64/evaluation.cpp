// The code that puts a value into a register (Intel SDM, volume 2).  Flags are touched only behind
// clobber_flags(), and temporaries that are taken stay as they are.
#include "cpu/jit/x64/vector_code.h"

namespace quince::cpu::jit {

using namespace Xbyak::util;

void Emitter::eval(Val v, const Reg64& to) {
  const Node& n = at(v);
  switch (n.op) {
    case Op::Imm:
      return mov_imm(to, n.n);
    case Op::Pc:
      return mov_pc(to, n.n);
    case Op::Reg:
      if (hosts_[n.n] < 0) {
        if (n.sf)
          x_.mov(to, guest_memory(static_cast<unsigned>(n.n)));
        else
          x_.mov(to.cvt32(),
                 state(n.n == kSp ? offsetof(CpuState, sp) : offsetof(CpuState, x) + 8 * n.n, 4));
      } else if (!n.sf) {
        x_.mov(to.cvt32(), host(static_cast<unsigned>(n.n)).cvt32());
      } else if (hosts_[n.n] != to.getIdx()) {
        x_.mov(to, host(static_cast<unsigned>(n.n)));
      }
      return;
    case Op::Host:
      if (static_cast<int>(n.n) != to.getIdx()) x_.mov(to, Reg64(static_cast<int>(n.n)));
      return;
    case Op::State:
      return x_.mov(to, state(n.n));
    case Op::Lane:
      return n.n == 0 ? x_.vmovq(to, lanes()) : x_.vpextrq(to, lanes(), 1);
    case Op::Fp:
      if (v_hosts_[n.n] >= 0) return x_.vmovq(to, v_host(static_cast<unsigned>(n.n)));
      return x_.mov(to, v_memory(static_cast<unsigned>(n.n)));
    case Op::Loaded:
      return eval_loaded(n, to, false);
    default:
      return eval_tree(v, to);
  }
}

void Emitter::eval_tree(Val v, const Reg64& to) {
  const Node n = at(v);  // which may become others meanwhile
  switch (n.op) {
    case Op::Add:
      return eval_add(n, to);
    case Op::Sub:
    case Op::And:
    case Op::Or:
    case Op::Xor:
    case Op::Mul:
      if (flags_would_be_saved() && eval_beside_flags(n, to)) return;
      return n.op == Op::Sub ? eval_sub(n, to) : eval_binary(n, to);
    case Op::Not:
      eval(n.a, to);
      return n.sf ? x_.not_(to) : x_.not_(to.cvt32());
    case Op::Umulh:
    case Op::Smulh:
      return eval_multiply_high(n, to);
    case Op::Udiv:
    case Op::Sdiv:
      return eval_divide(n, to);
    case Op::Shift:
      return eval_shift(n, to);
    case Op::Sext:
      return eval_sext(n, to);
    case Op::Zext:
      return eval_zext(n, to);
    case Op::Trunc:
      eval(n.a, to);
      return x_.mov(to.cvt32(), to.cvt32());
    case Op::Clz:
    case Op::Ctz:
      eval(n.a, to);
      return count_zeros(n.sf, n.op == Op::Clz, to);
    case Op::Bswap:
      eval(n.a, to);
      return n.sf ? x_.bswap(to) : x_.bswap(to.cvt32());
    case Op::Rbit:
      eval(n.a, to);
      return reverse_bits(n.sf, to);
    case Op::Crc32c:
      return eval_crc32(n, to);
    case Op::Carry:
      if (only_in_memory()) {
        carry_to_cf(false);
        x_.setb(to.cvt8());
        return x_.movzx(to.cvt32(), to.cvt8());
      }
      flags_to_eflags();
      return carry_to(to);
    case Op::Nzcv:
      if (!flags_.in_memory) save_flags();
      return x_.mov(to.cvt32(), state(offsetof(CpuState, nzcv), 4));
    case Op::Select:
      return eval_select(n, to);
    case Op::AddS:
    case Op::SubS:
    case Op::AdcS:
    case Op::SbcS:
    case Op::LogicS:
      return eval_flags(v, &to);
    default:
      return;
  }
}

/// C, which is in EFLAGS.
void Emitter::carry_to(const Reg64& to) {
  if (flags_.eflags == FlagState::Eflags::Borrow)
    x_.setae(to.cvt8());
  else
    x_.setb(to.cvt8());
  x_.movzx(to.cvt32(), to.cvt8());
}

/// How many bits an AND leaves as a zero extension does, which keeps the flags; or 0.
unsigned Emitter::extends(const Node& n) {
  if (n.op != Op::And || at(n.b).op != Op::Imm) return 0;
  for (const unsigned bits : {8u, 16u, 32u})
    if (at(n.b).n == (u64{1} << bits) - 1) return bits;
  return 0;
}

void Emitter::eval_binary(const Node& node, const Reg64& to) {
  Node n = node;
  if (const unsigned bits = extends(n)) {
    n.n = bits;
    return eval_zext(n, to);
  }
  const bool w = narrow(n);
  const auto is_to = [&](Val v) { return at(v).op == Op::Reg && hosts_[at(v).n] == to.getIdx(); };
  if (is_to(n.b) && !is_to(n.a)) std::swap(n.a, n.b);  // all of them are commutative
  // What the second operand needs must not be overwritten by the first.
  std::optional<Reg64> other;
  const Node& b = at(n.b);
  const bool number = b.op == Op::Imm && (w ? true : fits(b.n));
  const bool plain = b.op == Op::Reg && (b.sf || w);
  if (!number && !plain) {
    other = in_register(n.b);
  } else if (plain && hosts_[b.n] == to.getIdx() && !is_to(n.a)) {
    other = temporary();
    x_.mov(*other, to);
  }
  if (!(is_to(n.a) && (at(n.a).sf || w))) eval(n.a, to);
  clobber_flags();
  const auto apply = [&](const auto& operand, const auto& narrow_operand) {
    switch (n.op) {
      case Op::And:
        return w ? x_.and_(to.cvt32(), narrow_operand) : x_.and_(to, operand);
      case Op::Or:
        return w ? x_.or_(to.cvt32(), narrow_operand) : x_.or_(to, operand);
      case Op::Xor:
        return w ? x_.xor_(to.cvt32(), narrow_operand) : x_.xor_(to, operand);
      default:
        return w ? x_.imul(to.cvt32(), narrow_operand) : x_.imul(to, operand);
    }
  };
  if (other) {
    apply(*other, other->cvt32());
    release(*other);
  } else if (number) {
    const u32 value = static_cast<u32>(b.n);
    const Xbyak::Reg reg = w ? static_cast<Xbyak::Reg>(to.cvt32()) : static_cast<Xbyak::Reg>(to);
    switch (n.op) {
      case Op::And:
        x_.and_(reg, value);
        break;
      case Op::Or:
        x_.or_(reg, value);
        break;
      case Op::Xor:
        x_.xor_(reg, value);
        break;
      default:
        x_.imul(reg, reg, static_cast<int>(value));
        break;
    }
  } else if (hosts_[b.n] >= 0) {
    apply(host(static_cast<unsigned>(b.n)), host(static_cast<unsigned>(b.n)).cvt32());
  } else {
    const std::size_t place = b.n == kSp ? offsetof(CpuState, sp) : offsetof(CpuState, x) + 8 * b.n;
    apply(state(place), state(place, 4));
  }
}

void Emitter::eval_add(const Node& n, const Reg64& to) {
  // ADC and SBC: (x + y) + carry.
  if (at(n.b).op == Op::Carry && at(n.a).op == Op::Add) {
    const Node sum = at(n.a);
    const bool inverted = at(sum.b).op == Op::Not;
    const Reg64 y = in_register(inverted ? at(sum.b).a : sum.b);
    const bool clash = y.getIdx() == to.getIdx();
    const Reg64 target = clash ? temporary() : to;
    eval(sum.a, target);
    if (!only_in_memory()) flags_to_eflags();
    if (!flags_.in_memory && !flags_.again && insn_->flags_needed) {
      if (!inverted && has_temporary()) {
        const Reg64 carry = temporary();
        carry_to(carry);
        n.sf ? x_.lea(target, ptr[target + y]) : x_.lea(target.cvt32(), ptr[target + y]);
        n.sf ? x_.lea(target, ptr[target + carry]) : x_.lea(target.cvt32(), ptr[target + carry]);
        release(carry);
        if (!clash) return release(y);
        x_.mov(to, target);
        return release(target);
      }
      save_flags();
      flags_to_eflags();  // without PEXT they are gone
    }
    carry_to_cf(inverted);
    flags_.eflags = FlagState::Eflags::No;
    if (inverted)
      n.sf ? x_.sbb(target, y) : x_.sbb(target.cvt32(), y.cvt32());
    else
      n.sf ? x_.adc(target, y) : x_.adc(target.cvt32(), y.cvt32());
    if (clash) {
      x_.mov(to, target);
      release(target);
    } else {
      release(y);
    }
    return;
  }
  if (at(n.b).op == Op::Imm) {
    const u64 number =
        n.sf ? at(n.b).n : static_cast<u64>(static_cast<s64>(static_cast<s32>(at(n.b).n)));
    const Node& a = at(n.a);
    const bool direct = a.op == Op::Reg && hosts_[a.n] >= 0 && (a.sf || !n.sf);
    const Reg64 from = direct ? host(static_cast<unsigned>(a.n)) : to;
    if (!direct) eval(n.a, to);
    if (fits(number)) {
      const auto sum = ptr[from + static_cast<int>(number)];
      return n.sf ? x_.lea(to, sum) : x_.lea(to.cvt32(), sum);
    }
    const Reg64 t = temporary();
    mov_imm(t, number);
    x_.lea(to, ptr[from + t]);
    return release(t);
  }
  // base + (index << 1..3)
  const Node& b = at(n.b);
  Val index = n.b;
  unsigned scale = 1;
  if (b.op == Op::Shift && b.n == static_cast<u64>(a64::ShiftType::Lsl) && at(b.b).op == Op::Imm &&
      at(b.b).n <= 3 && (b.sf == n.sf || !n.sf)) {
    index = b.a;
    scale = 1u << at(b.b).n;
  }
  const auto direct = [&](Val v) {
    const Node& x = at(v);
    return (x.op == Op::Reg && hosts_[x.n] >= 0 && (x.sf || !n.sf)) || x.op == Op::Host;
  };
  const auto reg_of = [&](Val v) {
    return at(v).op == Op::Host ? Reg64(static_cast<int>(at(v).n))
                                : host(static_cast<unsigned>(at(v).n));
  };
  const bool index_direct = direct(index);
  const Reg64 i = index_direct ? reg_of(index) : temporary();
  if (!index_direct) eval(index, i);
  const bool base_direct = direct(n.a);
  const bool clash = !base_direct && i.getIdx() == to.getIdx();
  const Reg64 base = base_direct ? reg_of(n.a) : clash ? temporary() : to;
  if (!base_direct) eval(n.a, base);
  const auto sum = scale == 1 ? ptr[base + i] : ptr[base + i * static_cast<int>(scale)];
  n.sf ? x_.lea(to, sum) : x_.lea(to.cvt32(), sum);
  if (!index_direct) release(i);
  if (clash) release(base);
}

void Emitter::eval_sub(const Node& n, const Reg64& to) {
  if (is_imm(n.a, 0)) {  // the flags stay: -b = ~b + 1
    eval(n.b, to);
    x_.not_(to);
    return n.sf ? x_.lea(to, ptr[to + 1]) : x_.lea(to.cvt32(), ptr[to + 1]);
  }
  const Node& bn = at(n.b);
  const bool direct = bn.op == Op::Reg && hosts_[bn.n] >= 0 && (bn.sf || !n.sf);
  Reg64 b = direct ? host(static_cast<unsigned>(bn.n)) : temporary();
  if (!direct) eval(n.b, b);
  if (b.getIdx() == to.getIdx()) {
    const Reg64 t = temporary();
    x_.mov(t, b);
    b = t;
  }
  eval(n.a, to);
  clobber_flags();
  n.sf ? x_.sub(to, b) : x_.sub(to.cvt32(), b.cvt32());
  release(b);
}

/// How many bits of `to` are zero above the highest that is not, or below the lowest.
void Emitter::count_zeros(bool sf, bool from_the_top, const Reg64& to) {
  clobber_flags();
  const Xbyak::Reg32e r = sf ? static_cast<const Xbyak::Reg32e&>(to) : to.cvt32();
  if (from_the_top ? shared_.host.lzcnt : shared_.host.bmi1)
    return from_the_top ? x_.lzcnt(r, r) : x_.tzcnt(r, r);
  // BSR and BSF give the number of a bit, and ZF where there is none: then it is one that makes the result the width.
  const u32 last = sf ? 63 : 31;
  const Reg64 none = temporary();
  x_.mov(none.cvt32(), from_the_top ? 2 * last + 1 : last + 1);
  from_the_top ? x_.bsr(r, r) : x_.bsf(r, r);
  x_.cmovz(r, sf ? static_cast<const Xbyak::Reg32e&>(none) : none.cvt32());
  if (from_the_top) x_.xor_(to.cvt32(), last);
  release(none);
}

/// RBIT, when CLZ of the result comes next: there is no other instruction for the number of zeros at the lower end.
bool Emitter::absorb_clz() {
  constexpr u32 kSf = 1u << 31, kClz = 0x5ac0'1000;
  const u32 rd = insn_->word & 31;
  if (left_ < 2 || insn_[1].call || rd == 31) return false;
  if (insn_[1].word != (kClz | (insn_->word & kSf) | rd << 5 | rd)) return false;
  return absorbed_ = true;
}

/// Reverses `to`: within its bytes, and these.
void Emitter::reverse_bits(bool sf, const Reg64& to) {
  const Xbyak::Reg32e r = sf ? static_cast<const Xbyak::Reg32e&>(to) : to.cvt32();
  if (shared_.host.gfni && shared_.host.avx2) {
    constexpr u64 kTurned = 0x8040'2010'0804'0201;  // the matrix that turns a byte round
    x_.vmovq(xmm0, to);
    x_.vgf2p8affineqb(xmm0, xmm0, VectorCode(*this).literal(kTurned, kTurned), 0);
    x_.vmovq(to, xmm0);
    return x_.bswap(r);
  }
  clobber_flags();
  const Reg64 high = temporary(), mask = temporary();
  for (const auto& [by, low] : {std::pair{1, 0x5555'5555'5555'5555},
                                {2, 0x3333'3333'3333'3333},
                                {4, 0x0f0f'0f0f'0f0f'0f0f}}) {
    mov_imm(mask, sf ? static_cast<u64>(low) : static_cast<u32>(low));
    x_.mov(high, to);
    x_.shr(high, by);
    x_.and_(high, mask);
    x_.and_(to, mask);
    x_.shl(to, by);
    x_.or_(to, high);
  }
  x_.bswap(r);
  release(high);
  release(mask);
}

void Emitter::eval_sext(const Node& n, const Reg64& to) {
  const Node a = at(n.a);
  if (a.op == Op::Loaded && n.n == 8u << a.n) return eval_loaded(a, to, true);
  const bool direct = a.op == Op::Reg && hosts_[a.n] >= 0;
  const Reg64 from = direct ? host(static_cast<unsigned>(a.n)) : to;
  if (!direct) eval(n.a, to);
  switch (n.n) {
    case 8:
      return x_.movsx(to, from.cvt8());
    case 16:
      return x_.movsx(to, from.cvt16());
    case 32:
      return x_.movsxd(to, from.cvt32());
    default:
      break;
  }
  if (direct && from.getIdx() != to.getIdx()) x_.mov(to, from);
  clobber_flags();
  x_.shl(to, static_cast<int>(64 - n.n));
  x_.sar(to, static_cast<int>(64 - n.n));
}

void Emitter::eval_zext(const Node& n, const Reg64& to) {
  const Node& a = at(n.a);
  const bool direct = a.op == Op::Reg && hosts_[a.n] >= 0;
  const Reg64 from = direct ? host(static_cast<unsigned>(a.n)) : to;
  if (!direct) eval(n.a, to);
  switch (n.n) {
    case 8:
      return x_.movzx(to.cvt32(), from.cvt8());
    case 16:
      return x_.movzx(to.cvt32(), from.cvt16());
    case 32:
      return x_.mov(to.cvt32(), from.cvt32());
    default:
      break;
  }
  clobber_flags();
  if (n.n < 32) {
    if (direct && from.getIdx() != to.getIdx()) x_.mov(to.cvt32(), from.cvt32());
    return x_.and_(to.cvt32(), (u32{1} << n.n) - 1);
  }
  if (direct && from.getIdx() != to.getIdx()) x_.mov(to, from);
  x_.shl(to, static_cast<int>(64 - n.n));
  x_.shr(to, static_cast<int>(64 - n.n));
}

void Emitter::eval_select(const Node& n, const Reg64& to) {
  const Bool& b = n.choice;
  Val yes = n.a, no = n.b;
  if (b.kind == Bool::Kind::Cond) {
    if (b.n >= 14) return eval(b.invert ? no : yes, to);
    const Node &y = at(yes), &z = at(no);
    const unsigned cc = b.n ^ (b.invert ? 1u : 0u);
    unsigned x86 = 0;
    if (y.op == Op::Imm && z.op == Op::Imm && ((y.n == 1 && z.n == 0) || (y.n == 0 && z.n == 1))) {
      flags_for(y.n == 1 ? cc : cc ^ 1, x86);
      // SETcc and CMOVcc by their numbers (Intel SDM, volume 2, appendix B).
      x_.db(to.getIdx() >= 8 ? 0x41 : 0x40);
      x_.db(0x0f);
      x_.db(static_cast<u8>(0x90 | x86));
      x_.db(static_cast<u8>(0xc0 | (to.getIdx() & 7)));
      return x_.movzx(to.cvt32(), to.cvt8());
    }
    // The one that is `to` already stays there.
    const auto is_to = [&](Val v) {
      return at(v).op == Op::Reg && at(v).sf && hosts_[at(v).n] == to.getIdx();
    };
    bool other_way = is_to(yes);
    if (other_way) std::swap(yes, no);
    const Reg64 chosen = in_register(yes);
    const bool clash = chosen.getIdx() == to.getIdx();
    const Reg64 result = clash ? temporary() : to;
    if (!is_to(no) || clash) eval(no, result);
    flags_for(other_way ? cc ^ 1 : cc, x86);
    const int d = result.getIdx(), s = chosen.getIdx();
    x_.db(static_cast<u8>(0x48 | (d >= 8 ? 4 : 0) | (s >= 8 ? 1 : 0)));
    x_.db(0x0f);
    x_.db(static_cast<u8>(0x40 | x86));
    x_.db(static_cast<u8>(0xc0 | (d & 7) << 3 | (s & 7)));
    if (clash) {
      x_.mov(to, result);
      release(result);
    } else {
      release(chosen);
    }
    return;
  }
  // A test of a value: rare, so by a branch.
  const Reg64 result = temporary();
  Label otherwise, done;
  Bool not_b = b;
  not_b.invert = !b.invert;
  jump_if(not_b, otherwise);
  eval(yes, result);
  x_.jmp(done, x_.T_NEAR);
  x_.L(otherwise);
  eval(no, result);
  x_.L(done);
  if (result.getIdx() != to.getIdx()) x_.mov(to, result);
  release(result);
}

Mem Emitter::loaded_from(const Node& n, unsigned bytes) {
  Mem m = n.address >= 0 ? rcx + Reg64(n.address) + n.distance : rcx + n.distance;
  m.bits = static_cast<u16>(8 * bytes);
  return m;
}

void Emitter::eval_loaded(const Node& n, const Reg64& to, bool sign) {
  switch (n.n) {
    case 0:
      return sign ? x_.movsx(to, loaded_from(n, 1)) : x_.movzx(to.cvt32(), loaded_from(n, 1));
    case 1:
      return sign ? x_.movsx(to, loaded_from(n, 2)) : x_.movzx(to.cvt32(), loaded_from(n, 2));
    case 2:
      return sign ? x_.movsxd(to, loaded_from(n, 4)) : x_.mov(to.cvt32(), loaded_from(n, 4));
    default:
      return x_.mov(to, loaded_from(n, 8));
  }
}

}  // namespace quince::cpu::jit
