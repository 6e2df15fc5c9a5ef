// Values that take part in all bits of their operands: high halves of products, quotients, CRC32.
#include "cpu/jit/x64/emitter.h"
#include "cpu/jit/x64/vector_code.h"

namespace quince::cpu::jit {

using namespace Xbyak::util;

/// A product in RDX and something else, with BMI2: without an effect on the flags. The low half goes to `to`, or the high one.
bool Emitter::eval_mulx(const Node& n, const Reg64& to, bool high) {
  if (!shared_.host.bmi2) return false;
  const bool wide = n.op == Op::Umulh || n.sf;
  const auto in_memory = [&](Val v) {
    return at(v).op == Op::Reg && at(v).sf && hosts_[at(v).n] < 0;
  };
  // One that is in memory is multiplied from there.
  Val first = n.a, second = n.b;
  if (in_memory(first) && !in_memory(second)) std::swap(first, second);
  const bool squared = at(first).op == Op::Reg && at(second).op == Op::Reg &&
                       at(first).n == at(second).n && at(first).sf == at(second).sf;
  const bool from_memory = wide && in_memory(second) && !squared;
  const bool to_rdx = to.getIdx() == 2;
  if (to_rdx ? !high : (taken_ & 4) != 0) return false;
  taken_ |= 4;
  const auto multiply = [&](const auto& by, const auto& narrow_by) {
    const Reg64& upper = high ? to : rdx;
    wide ? x_.mulx(upper, to, by) : x_.mulx(upper.cvt32(), to.cvt32(), narrow_by);
  };
  if (from_memory) {
    eval(first, rdx);
    const Xbyak::Address place = guest_memory(static_cast<unsigned>(at(second).n));
    multiply(place, place);
  } else {
    const Reg64 b = squared ? rdx : in_register(second);
    eval(first, rdx);
    multiply(b, b.cvt32());
    if (!squared && b.getIdx() != to.getIdx()) release(b);
  }
  if (!to_rdx) taken_ &= ~4u;
  return true;
}

void Emitter::eval_multiply_high(const Node& n, const Reg64& to) {
  const bool is_signed = n.op == Op::Smulh;
  if (!is_signed && eval_mulx(n, to, true)) return;
  // RDX takes part: the operands go there and to RAX, whatever `to` is.
  const Reg64 a = in_register(n.a), b = in_register(n.b);
  const bool rdx_taken =
      (taken_ & 4) != 0 && a.getIdx() != 2 && b.getIdx() != 2 && to.getIdx() != 2;
  if (rdx_taken) give_up();
  const bool rax_taken =
      (taken_ & 1) != 0 && a.getIdx() != 0 && b.getIdx() != 0 && to.getIdx() != 0;
  if (rax_taken) give_up();
  clobber_flags();
  const bool has_b = b.getIdx() == 0;
  if (!has_b && a.getIdx() != 0) x_.mov(rax, a);
  const Reg64& other = has_b ? a : b;
  is_signed ? x_.imul(other) : x_.mul(other);
  if (to.getIdx() != 2) x_.mov(to, rdx);
  for (const Reg64& r : {a, b})
    if (r.getIdx() != to.getIdx()) release(r);
}

void Emitter::eval_divide(const Node& n, const Reg64& to) {
  // The dividend in RDX:RAX, the divisor in RCX.
  clobber_flags();
  const bool is_signed = n.op == Op::Sdiv;
  if ((taken_ & ~(1u << to.getIdx()) & 7) != 0) give_up();
  const u32 before = taken_;
  taken_ |= 7;
  const auto wide = [&](Val v, const Reg64& r) { eval(v, r); };
  wide(n.a, rax);
  wide(n.b, rcx);
  if (is_signed && !n.sf) {
    // In 64 bits nothing overflows.
    x_.movsxd(rax, eax);
    x_.movsxd(rcx, ecx);
  }
  Label zero, negate, done;
  x_.test(rcx, rcx);
  x_.jz(zero, x_.T_NEAR);
  if (is_signed) {
    x_.cmp(rcx, -1);
    x_.je(negate, x_.T_NEAR);
    x_.cqo();
    x_.idiv(rcx);
  } else {
    x_.xor_(edx, edx);
    if (n.sf)
      x_.div(rcx);
    else
      x_.div(ecx);
  }
  x_.jmp(done, x_.T_NEAR);
  if (is_signed) {
    x_.L(negate);
    x_.neg(rax);
    x_.jmp(done, x_.T_NEAR);
  }
  x_.L(zero);
  x_.xor_(eax, eax);
  x_.L(done);
  if (!n.sf)
    x_.mov(to.cvt32(), eax);
  else if (to.getIdx() != 0)
    x_.mov(to, rax);
  taken_ = before;
}

void Emitter::eval_crc32(const Node& n, const Reg64& to) {
  const Reg64 data = in_register(n.b);
  const bool clash = data.getIdx() == to.getIdx();
  const Reg64 sum = clash ? temporary() : to;
  eval(n.a, sum);
  if ((n.n & Node::kCrc32Ieee) != 0) {
    if (!shared_.host.pclmul) give_up();
    VectorCode code(*this);
    crc32_ieee(code, sum, data, static_cast<unsigned>(n.n - Node::kCrc32Ieee));
  }
  switch (n.n) {
    case 1:
      x_.crc32(sum.cvt32(), data.cvt8());
      break;
    case 2:
      x_.crc32(sum.cvt32(), data.cvt16());
      break;
    case 4:
      x_.crc32(sum.cvt32(), data.cvt32());
      break;
    case 8:
      x_.crc32(sum, data);
      break;
    default:
      break;
  }
  if (clash) {
    x_.mov(to, sum);
    release(sum);
  } else {
    release(data);
  }
}

}  // namespace quince::cpu::jit
