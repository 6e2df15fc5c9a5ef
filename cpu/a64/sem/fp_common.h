// What the meanings of scalar and vector floating point share: registers, FPCR and FPSR, and
// expressions (Arm ARM DDI 0487, C7 and A1.5).
#pragma once

#include "base/bits.h"
#include "base/types.h"
#include "cpu/fp/fp.h"
#include "cpu/vcpu.h"

namespace quince::a64 {

using cpu::Vcpu;
using cpu::VReg;

namespace fpu {

using fp::Context;
using fp::Rounding;

/// The low element of a vector register.
template <class T>
T get(const Vcpu& c, u32 r) {
  return static_cast<T>(c.s.v[r].d[0]);
}
/// Writes a scalar: the rest of the register becomes zero.
template <class T>
void put(Vcpu& c, u32 r, T v) {
  c.s.v[r].d[0] = v;
  c.s.v[r].d[1] = 0;
}
/// Writes a general register; register 31 is ZR.
inline void put_x(Vcpu& c, u32 r, u64 v) {
  c.s.x[r] = v;
  c.s.x[31] = 0;
}

/// FPCR and FPSR for one instruction: operations work on `k`, and the flags go back at the end.
/// FPSR.QC comes along untouched.
class Scope {
 public:
  explicit Scope(Vcpu& c) : k(fp::context_from_fpcr(c.s.fpcr, c.s.fpsr)), c_(c) {}
  ~Scope() { c_.s.fpsr = k.flags; }
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

  Context k;

 private:
  Vcpu& c_;
};

/// Vd = op(Vn), a scalar.
template <class T, class F>
void scalar1(Vcpu& c, u32 rn, u32 rd, F f) {
  Scope s(c);
  put<T>(c, rd, static_cast<T>(f(get<T>(c, rn), s.k)));
}
/// Vd = op(Vn, Vm), scalars.
template <class T, class F>
void scalar2(Vcpu& c, u32 rm, u32 rn, u32 rd, F f) {
  Scope s(c);
  put<T>(c, rd, static_cast<T>(f(get<T>(c, rn), get<T>(c, rm), s.k)));
}

/// All ones or zeros: the result of a vector comparison.
template <class T>
constexpr T mask_of(bool holds) {
  return static_cast<T>(u64{0} - u64{holds});
}

/// VFPExpandImm: the 8-bit immediate of FMOV as a number of format T.
template <class T>
constexpr T expand_imm(u32 imm8) {
  using F = fp::FormatOf<T>;
  const u64 sign = (imm8 >> 7) & 1;
  const bool b6 = ((imm8 >> 6) & 1) != 0;
  const u64 exp = (u64{!b6} << (F::kExpBits - 1)) |
                  ((b6 ? low_mask(F::kExpBits - 3) : 0) << 2) | ((imm8 >> 4) & 3);
  return static_cast<T>((sign << (F::kBits - 1)) | (exp << F::kFracBits) |
                        (u64{imm8 & 15} << (F::kFracBits - 4)));
}

}  // namespace fpu

// Expressions that scalar and vector instructions share, on an element `a` and the context `k`.
#define QUINCE_FRINT(rounding, exact) fp::FPRoundInt(a, rounding, exact, k)
#define QUINCE_FRINTTS(rounding, size) fp::FPRoundIntN(a, rounding, size, k)

}  // namespace quince::a64
