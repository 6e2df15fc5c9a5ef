#include "cpu/jit/x64/vector_code.h"

#include <bit>

namespace quince::cpu::jit {

using namespace Xbyak::util;

void VectorCode::finish_scalar(unsigned log2, u32 r, const Xmm& v) {
  const Xmm to = result(r, v);
  switch (log2) {
    case 3:
      x.vmovq(to, v);
      break;
    case 2:
      x.vinsertps(to, v, v, 0x0e);
      break;  // lanes 1 to 3 are zeroed
    default:
      // Up to the top of the register, and back.
      x.vpslldq(to, v, static_cast<u8>(16 - (1u << log2)));
      x.vpsrldq(to, to, static_cast<u8>(16 - (1u << log2)));
  }
  wrote(r, to, log2);
}

VectorCode::Reg64 VectorCode::in_x(u32 r, const Reg64& t) {
  if (r == 31) {
    x.mov(t.cvt32(), 0);  // leaves EFLAGS alone
    return t;
  }
  if (e_.hosts_[r] >= 0) return e_.host(r);
  x.mov(t, e_.guest_memory(r));
  return t;
}

VectorCode::Reg64 VectorCode::begin_x(u32 r) {
  if (r == 31) return rax;
  e_.forget_operand(RegSet{1} << r);
  return e_.hosts_[r] >= 0 ? e_.host(r) : rax;
}

void VectorCode::finish_x(u32 r, const Reg64& v) {
  if (r == 31) return;
  if (e_.hosts_[r] < 0) {
    x.mov(e_.guest_memory(r), v);
    return;
  }
  if (e_.hosts_[r] != v.getIdx()) x.mov(e_.host(r), v);
  e_.dirty_ |= RegSet{1} << r;
}

void VectorCode::load(const Xmm& to, Emitter::Val va, unsigned offset, unsigned bytes,
                      unsigned element) {
  const Emitter::Val at = offset == 0 ? va : e_.add(true, va, e_.imm(offset));
  const Emitter::Address address = e_.address_of(at);
  e_.look_up(address, static_cast<unsigned>(std::countr_zero(bytes)), 1, false, {});
  e_.out_->sites.back().piece_log2 = static_cast<u8>(element);
  const Mem place = e_.at_host(address, 0, bytes);
  switch (bytes) {
    case 1:
      x.movzx(eax, place);
      x.vmovd(to, eax);
      break;
    case 2:
      x.movzx(eax, place);
      x.vmovd(to, eax);
      break;
    case 4:
      x.vmovd(to, place);
      break;
    case 8:
      x.vmovq(to, place);
      break;
    default:
      x.vmovdqu(to, place);
  }
  e_.taken_ &= ~2u;
}

void VectorCode::store(u32 r, Emitter::Val va, unsigned offset, bool q, unsigned element) {
  const Emitter::Val at = offset == 0 ? va : e_.add(true, va, e_.imm(offset));
  q ? static_cast<void>(e_.store_v(at, e_.v(r))) : static_cast<void>(e_.store(at, 3, e_.get_fp(r)));
  e_.out_->sites.back().piece_log2 = static_cast<u8>(element);
}

void VectorCode::store(const Xmm& from, Emitter::Val va, unsigned offset, unsigned bytes,
                       unsigned element) {
  const Emitter::Val at = offset == 0 ? va : e_.add(true, va, e_.imm(offset));
  const Emitter::Address address = e_.address_of(at);
  Stub& s = e_.look_up(address, static_cast<unsigned>(std::countr_zero(bytes)), 1, true, {});
  e_.out_->sites.back().piece_log2 = static_cast<u8>(element);
  s.values[0] = {.kind = Stub::Value::Kind::Temporary, .r = static_cast<u8>(from.getIdx())};
  const Mem place = e_.at_host(address, 0, bytes);
  switch (bytes) {
    case 1:
      x.vpextrb(place, from, 0);
      break;
    case 2:
      x.vpextrw(place, from, 0);
      break;
    case 4:
      x.vmovd(place, from);
      break;
    case 8:
      x.vmovq(place, from);
      break;
    default:
      x.vmovdqu(place, from);
  }
  x.L(s.back);
  e_.taken_ &= ~2u;
}

Xbyak::Address VectorCode::literal(u64 low, u64 high) {
  for (Emitter::Literal& l : e_.literals_)
    if (l.low == low && l.high == high) return xword[rip + l.label];
  Emitter::Literal& l = e_.literals_.emplace_back(Emitter::Literal{low, high, {}});
  return xword[rip + l.label];
}

void VectorCode::constant(const Xmm& to, u64 low, u64 high) {
  if ((low | high) == 0) return zero(to);
  if ((low & high) == ~u64{0}) return ones(to);
  x.vmovdqa(to, literal(low, high));
}

void VectorCode::splat(const Xmm& to, unsigned size, u64 n) {
  static constexpr u64 kRepeat[] = {0x0101'0101'0101'0101, 0x0001'0001'0001'0001,
                                    0x0000'0001'0000'0001, 1};
  static constexpr u64 kMask[] = {0xff, 0xffff, 0xffff'ffff, ~u64{0}};
  constant(to, (n & kMask[size]) * kRepeat[size]);
}

Label& VectorCode::slow() {
  if (slow_ == nullptr) {
    slow_ = &e_.stub(Stub::Kind::Slow);
    slow_->site = &e_.site();
    slow_->insn = e_.insn_;
  }
  return slow_->label;
}

void VectorCode::compared_fp(bool doubles, bool swapped, u32 rn, int rm) {
  using Flags = FlagState;
  Flags& f = e_.flags_ = {};
  const bool zero = rm < 0;
  const u32 b = zero ? rn : static_cast<u32>(rm);
  f.in_memory = false;
  f.eflags = swapped ? Flags::Eflags::FpSwapped : Flags::Eflags::Fp;
  f.again = e_.v_hosts_[rn] >= 0 && e_.v_hosts_[b] >= 0;
  f.op = Node::Op::Fp;
  f.sf = doubles;
  f.with_imm = zero;
  f.a = static_cast<u8>(rn);
  f.b = static_cast<u8>(b);
  f.v_uses = RegSet{1} << rn | RegSet{1} << b;
}

VectorCode::Xmm VectorCode::fresh(u32 rd, std::initializer_list<u32> sources) const {
  for (const u32 r : sources)
    if (r == rd) return Xmm(2);
  return target(rd, 2);
}

VectorCode::Xmm VectorCode::in_place(u32 rd) {
  const Xmm d = in(rd, 2);
  if (d.getIdx() == 2) return d;  // the old value is elsewhere
  x.vmovapd(Xmm(2), d);
  slow();
  slow_->restored = static_cast<s8>(d.getIdx());
  return d;
}

void VectorCode::saturated_unless_zero(const Xmm& v) {
  clobber_flags();
  Stub& s = e_.stub(Stub::Kind::Saturated);
  x.vptest(v, v);
  x.jnz(s.label, x.T_NEAR);
  x.L(s.back);
}

void VectorCode::begin_fp() {
  clobber_flags();
  if (e_.fp_armed_) return;
  e_.fp_armed_ = true;
  e_.arm_fp();
}

}  // namespace quince::cpu::jit
