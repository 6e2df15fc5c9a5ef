// What the two files of floating point on vectors share.
//
// An instruction that works on the low half of its operands gets them with the upper half cleared, for which no
// operation of theirs sets a flag.
#pragma once

#include "cpu/jit/x64/fp_code.h"

namespace quince::cpu::jit::vector_fp {

template <bool D, auto Double, auto Single, class... Args>
void op(VectorCode& v, const Args&... args) {
  if constexpr (D)
    (v.x.*Double)(args...);
  else
    (v.x.*Single)(args...);
}
template <bool D>
void compare(VectorCode& v, const Xmm& d, const Xmm& a, const Xbyak::Operand& b,
             Compare predicate) {
  D ? v.x.vcmppd(d, a, b, predicate) : v.x.vcmpps(d, a, b, predicate);
}
/// Slow if an element of `mask` is set.
template <bool D>
void any_goes_slow(VectorCode& v, const Xmm& mask) {
  D ? v.x.vtestpd(mask, mask) : v.x.vtestps(mask, mask);
  v.x.jnz(v.slow(), v.x.T_NEAR);
}
/// Both use xmm3.
template <bool D>
void nan_goes_slow(VectorCode& v, const Xmm& a, const Xmm& b) {
  compare<D>(v, kT3, a, b, kUnordered);
  any_goes_slow<D>(v, kT3);
}
template <bool D>
void tiny_goes_slow(VectorCode& v, const Xmm& r) {
  using F = FpFormat<D>;
  v.x.vandpd(kT3, r, v.literal(F::kMagnitude));
  compare<D>(v, kT3, kT3, v.literal(F::kSmallestNormal), kEqOrUnordered);
  any_goes_slow<D>(v, kT3);
}

/// Rows of doubles are of whole registers.  The scalars of this group have bits 31:30 = 01.
struct FpFields : VectorFields {
  FpFields(u32 insn, bool doubles) : VectorFields(insn), scalar((insn >> 28 & 1) != 0) {
    if (doubles) q = true;
    if (scalar) q = false;
  }
  bool scalar;
};

/// The operand of an instruction: the elements that take part, all others zero.
template <bool D>
Xmm operand(VectorCode& v, const FpFields& f, u32 r, int t) {
  if (!f.scalar || D) return v.in_part(f.q, r, t);
  v.x.vinsertps(Xmm(t), v.in(r, t), v.in(r, t), 0x0e);
  return Xmm(t);
}
template <bool D>
bool done(VectorCode& v, const FpFields& f, const Xmm& r) {
  if (f.scalar)
    v.finish_scalar(FpFormat<D>::kLog2, f.rd, r);
  else
    v.finish(f.q, f.rd, r);
  v.slow_ends();
  return true;
}

}  // namespace quince::cpu::jit::vector_fp
