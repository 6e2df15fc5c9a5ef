// Operations whose instructions change EFLAGS, written with others: for where NZCV is nowhere else, in the chains of
// ADCS and SBCS of long numbers.
#include <bit>

#include "cpu/jit/x64/emitter.h"

namespace quince::cpu::jit {

using namespace Xbyak::util;

bool Emitter::eval_beside_flags(const Node& n, const Reg64& to) {
  switch (n.op) {
    case Op::Mul:
      return eval_mulx(n, to, false);
    case Op::And:
      return low_bits(n, to);
    case Op::Or:
      return extract(n, to);
    case Op::Sub:
      return difference(n, to);
    default:
      return false;
  }
}

/// EXTR: of the two shifted values no bits meet, so that they can be added.
bool Emitter::extract(const Node& n, const Reg64& to) {
  if (!shared_.host.bmi2) return false;
  const Node low = at(n.a), high = at(n.b);
  const auto shifts = [&](const Node& x, a64::ShiftType type) {
    return x.op == Op::Shift && x.sf && x.n == static_cast<u64>(type) && at(x.b).op == Op::Imm;
  };
  if (!shifts(low, a64::ShiftType::Lsr) || !shifts(high, a64::ShiftType::Lsl)) return false;
  const unsigned right = static_cast<unsigned>(at(low.b).n),
                 left = static_cast<unsigned>(at(high.b).n);
  if (right + left != 64 || right == 0 || left == 0) return false;
  if (std::popcount(taken_ & 7) > 1) return false;  // two are wanted
  const Reg64 from = in_register(low.a), lower = temporary();
  x_.mov(lower.cvt32(), right);
  x_.shrx(lower, from, lower);
  release(from);
  const Reg64 upper = in_register(high.a);
  if (left <= 3) {
    x_.lea(to, ptr[lower + upper * (1 << left)]);
  } else {
    const bool free = to.getIdx() < 3;
    const Reg64 count = free ? to : temporary();
    x_.mov(count.cvt32(), left);
    x_.shlx(count, upper, count);
    x_.lea(to, ptr[lower + count]);
    if (!free) release(count);
  }
  release(upper);
  release(lower);
  return true;
}

/// AND with a mask of bits from 0 on, which PEXT leaves where they are.
bool Emitter::low_bits(const Node& n, const Reg64& to) {
  if (!shared_.host.fast_pext || extends(n) != 0) return false;
  const Node& mask = at(n.b);
  if (mask.op != Op::Imm || (mask.n & (mask.n + 1)) != 0) return false;
  if (std::popcount(taken_ & 7) > 1) return false;
  const Reg64 from = in_register(n.a);
  const Reg64 bits = temporary();
  mov_imm(bits, mask.n);
  x_.pext(to, from, bits);
  release(bits);
  if (from.getIdx() != to.getIdx()) release(from);
  return true;
}

/// a - b is a + ~b + 1.
bool Emitter::difference(const Node& n, const Reg64& to) {
  if (!n.sf || at(n.a).op != Op::Reg || !at(n.a).sf || !has_temporary()) return false;
  const unsigned guest = static_cast<unsigned>(at(n.a).n);
  const Reg64 inverted = temporary();
  eval(n.b, inverted);
  x_.not_(inverted);
  const bool direct = hosts_[guest] >= 0;
  if (!direct) x_.mov(to, guest_memory(guest));
  const Reg64 from = direct ? host(guest) : to;
  x_.lea(to, ptr[from + inverted + 1]);
  release(inverted);
  return true;
}

}  // namespace quince::cpu::jit
