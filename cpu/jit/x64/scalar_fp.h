// What the two files of scalar floating point share.
#pragma once

#include "cpu/jit/x64/fp_code.h"

namespace quince::cpu::jit::scalar {

/// The instruction of each format.
template <bool D, auto Double, auto Single>
void op3(VectorCode& v, const Xmm& d, const Xmm& a, const Xmm& b) {
  if constexpr (D)
    (v.x.*Double)(d, a, b);
  else
    (v.x.*Single)(d, a, b);
}
template <bool D>
void compare(VectorCode& v, const Xmm& a, const Xbyak::Operand& b) {
  D ? v.x.vucomisd(a, b) : v.x.vucomiss(a, b);
}

template <bool D>
void nan_goes_slow(VectorCode& v, const Xmm& r) {
  compare<D>(v, r, r);
  v.x.jp(v.slow(), v.x.T_NEAR);
}
/// NaNs, and the smallest normal number.  Uses xmm3.
template <bool D>
void tiny_goes_slow(VectorCode& v, const Xmm& r) {
  using F = FpFormat<D>;
  v.x.vandpd(kT3, r, v.literal(F::kMagnitude));
  compare<D>(v, kT3, v.literal(F::kSmallestNormal));
  v.x.jz(v.slow(), v.x.T_NEAR);  // ZF is set for NaNs, too
}

template <bool D>
bool done(VectorCode& v, u32 rd, const Xmm& r, bool clean = false) {
  v.finish_scalar(FpFormat<D>::kLog2, rd, r, clean);
  v.slow_ends();
  return true;
}

}  // namespace quince::cpu::jit::scalar
