// Meanings of cpu/a64/isa/simd_fp.inc, Advanced SIMD floating point with operands of one format
// (Arm ARM DDI 0487, C7.2): three same, two-register miscellaneous, pairwise, across lanes.
//
// An instruction is an expression on the elements `a` (of Vn) and `b` (of Vm), `d` (of Vd) where it
// accumulates, and the context `k`; generic lambdas make it work for every format.  Names end in
// the arrangement: _8h, _4s, _2d for vectors (_8h and _4s with a field `q`, without which only the
// low half takes part), and _h, _s, _d for the scalar forms.
#pragma once

#include "cpu/a64/sem/fp_common.h"
#include "cpu/a64/sem/fp_host.h"

namespace quince::a64 {

namespace fpu {

/// The elements of format T that a vector of 64 or (`q`) 128 bits has.
template <class T>
constexpr unsigned elements(bool q) {
  return (q ? 16 : 8) / static_cast<unsigned>(sizeof(T));
}

/// Vd = op(Vn) for every element.  The unused half of Vd becomes zero, here and below.
template <class T, class F>
void lanes1(Vcpu& c, bool q, u32 rn, u32 rd, F f) {
  Scope s(c);
  const VReg a = c.s.v[rn];
  VReg r;
  for (unsigned i = 0; i < elements<T>(q); ++i)
    r.set_lane<T>(i, static_cast<T>(f(a.lane<T>(i), s.k)));
  c.s.v[rd] = r;
}

/// Vd = op(Vn, Vm) for every element.
template <class T, class F>
void lanes2(Vcpu& c, bool q, u32 rm, u32 rn, u32 rd, F f) {
  Scope s(c);
  const VReg a = c.s.v[rn], b = c.s.v[rm];
  VReg r;
  for (unsigned i = 0; i < elements<T>(q); ++i)
    r.set_lane<T>(i, static_cast<T>(f(a.lane<T>(i), b.lane<T>(i), s.k)));
  c.s.v[rd] = r;
}

/// Vd = op(Vd, Vn, Vm) for every element.
template <class T, class F>
void lanes3(Vcpu& c, bool q, u32 rm, u32 rn, u32 rd, F f) {
  Scope s(c);
  const VReg a = c.s.v[rn], b = c.s.v[rm], d = c.s.v[rd];
  VReg r;
  for (unsigned i = 0; i < elements<T>(q); ++i)
    r.set_lane<T>(i, static_cast<T>(f(d.lane<T>(i), a.lane<T>(i), b.lane<T>(i), s.k)));
  c.s.v[rd] = r;
}

/// Vd = op of each pair of neighbours in Vm:Vn, Vn's pairs first.
template <class T, class F>
void pairwise(Vcpu& c, bool q, u32 rm, u32 rn, u32 rd, F f) {
  Scope s(c);
  const VReg a = c.s.v[rn], b = c.s.v[rm];
  const unsigned half = elements<T>(q) / 2;
  VReg r;
  for (unsigned i = 0; i < half; ++i) {
    r.set_lane<T>(i, f(a.lane<T>(2 * i), a.lane<T>(2 * i + 1), s.k));
    r.set_lane<T>(half + i, f(b.lane<T>(2 * i), b.lane<T>(2 * i + 1), s.k));
  }
  c.s.v[rd] = r;
}

/// Vd = op of the two low elements of Vn, a scalar.
template <class T, class F>
void scalar_pairwise(Vcpu& c, u32 rn, u32 rd, F f) {
  Scope s(c);
  const VReg a = c.s.v[rn];
  put<T>(c, rd, f(a.lane<T>(0), a.lane<T>(1), s.k));
}

/// Reduce: the elements of Vn as a balanced tree, which is what decides between several NaNs.
template <class T, class F>
void reduce(Vcpu& c, bool q, u32 rn, u32 rd, F f) {
  Scope s(c);
  VReg v = c.s.v[rn];
  for (unsigned n = elements<T>(q); n > 1; n /= 2)
    for (unsigned i = 0; i < n / 2; ++i)
      v.set_lane<T>(i, f(v.lane<T>(2 * i), v.lane<T>(2 * i + 1), s.k));
  put<T>(c, rd, v.lane<T>(0));
}

}  // namespace fpu

// ---- Three registers of one format -------------------------------------------------------------

#define QUINCE_LAMBDA2(...)                                                                 \
  [](auto a, auto b, [[maybe_unused]] fp::Context& k) { return __VA_ARGS__; }
#define QUINCE_LAMBDA3(...) [](auto d, auto a, auto b, fp::Context& k) { return __VA_ARGS__; }

#define QUINCE_VN_VM fpu::load(c, rn), fpu::load(c, rm)

/// HOST(T, q) tries the host's arithmetic for vectors of singles and doubles.
#define QUINCE_VECTOR2(ID, HOST, ...)                                                       \
  inline void ID##_8h(Vcpu& c, bool q, u32 rm, u32 rn, u32 rd) {                            \
    fpu::lanes2<u16>(c, q, rm, rn, rd, QUINCE_LAMBDA2(__VA_ARGS__));                        \
  }                                                                                         \
  inline void ID##_4s(Vcpu& c, bool q, u32 rm, u32 rn, u32 rd) {                            \
    if (!HOST(u32, q)) fpu::lanes2<u32>(c, q, rm, rn, rd, QUINCE_LAMBDA2(__VA_ARGS__));     \
  }                                                                                         \
  inline void ID##_2d(Vcpu& c, u32 rm, u32 rn, u32 rd) {                                    \
    if (!HOST(u64, true))                                                                   \
      fpu::lanes2<u64>(c, true, rm, rn, rd, QUINCE_LAMBDA2(__VA_ARGS__));                   \
  }
#define QUINCE_HOST_NO(T, q) false
#define QUINCE_HOST(OP, T, q) (fpu::host_lanes2<T, fpu::OP>(c, q, rd, QUINCE_VN_VM))
#define QUINCE_HOST_ADD(T, q) QUINCE_HOST(HostAdd, T, q)
#define QUINCE_HOST_SUB(T, q) QUINCE_HOST(HostSub, T, q)
#define QUINCE_HOST_MUL(T, q) QUINCE_HOST(HostMul, T, q)
#define QUINCE_HOST_DIV(T, q) QUINCE_HOST(HostDiv, T, q)
#define QUINCE_HOST_MAX(T, q) fpu::host_lanes_max<T>(c, q, false, rd, QUINCE_VN_VM)
#define QUINCE_HOST_MIN(T, q) fpu::host_lanes_max<T>(c, q, true, rd, QUINCE_VN_VM)
QUINCE_VECTOR2(FADD, QUINCE_HOST_ADD, fp::FPAdd(a, b, k))
QUINCE_VECTOR2(FSUB, QUINCE_HOST_SUB, fp::FPSub(a, b, k))
QUINCE_VECTOR2(FMUL, QUINCE_HOST_MUL, fp::FPMul(a, b, k))
QUINCE_VECTOR2(FDIV, QUINCE_HOST_DIV, fp::FPDiv(a, b, k))
QUINCE_VECTOR2(FMAX, QUINCE_HOST_MAX, fp::FPMax(a, b, k))
QUINCE_VECTOR2(FMIN, QUINCE_HOST_MIN, fp::FPMin(a, b, k))
QUINCE_VECTOR2(FMAXNM, QUINCE_HOST_MAX, fp::FPMaxNum(a, b, k))
QUINCE_VECTOR2(FMINNM, QUINCE_HOST_MIN, fp::FPMinNum(a, b, k))
#undef QUINCE_HOST_MIN
#undef QUINCE_HOST_MAX
#undef QUINCE_HOST_DIV
#undef QUINCE_HOST_MUL
#undef QUINCE_HOST_SUB
#undef QUINCE_HOST_ADD
#undef QUINCE_HOST

/// The instructions that have a scalar form in this group too.
#define QUINCE_BOTH2(ID, HOST, ...)                                                         \
  QUINCE_VECTOR2(ID, HOST, __VA_ARGS__)                                                     \
  inline void ID##_h(Vcpu& c, u32 rm, u32 rn, u32 rd) {                                     \
    fpu::scalar2<u16>(c, rm, rn, rd, QUINCE_LAMBDA2(__VA_ARGS__));                          \
  }                                                                                         \
  inline void ID##_s(Vcpu& c, u32 rm, u32 rn, u32 rd) {                                     \
    fpu::scalar2<u32>(c, rm, rn, rd, QUINCE_LAMBDA2(__VA_ARGS__));                          \
  }                                                                                         \
  inline void ID##_d(Vcpu& c, u32 rm, u32 rn, u32 rd) {                                     \
    fpu::scalar2<u64>(c, rm, rn, rd, QUINCE_LAMBDA2(__VA_ARGS__));                          \
  }
#define QUINCE_HOST(OP, T, q) \
  (fpu::host_lanes_compare<T, fpu::OP>(c, q, rd, QUINCE_VN_VM))
#define QUINCE_HOST_EQ(T, q) QUINCE_HOST(HostEQ, T, q)
#define QUINCE_HOST_GE(T, q) QUINCE_HOST(HostGE, T, q)
#define QUINCE_HOST_GT(T, q) QUINCE_HOST(HostGT, T, q)
QUINCE_BOTH2(FABD, QUINCE_HOST_NO, fp::FPAbs(fp::FPSub(a, b, k)))
QUINCE_BOTH2(FMULX, QUINCE_HOST_NO, fp::FPMulX(a, b, k))
QUINCE_BOTH2(FRECPS, QUINCE_HOST_NO, fp::FPRecipStepFused(a, b, k))
QUINCE_BOTH2(FRSQRTS, QUINCE_HOST_NO, fp::FPRSqrtStepFused(a, b, k))
QUINCE_BOTH2(FCMEQ, QUINCE_HOST_EQ, fpu::mask_of<decltype(a)>(fp::FPCompareEQ(a, b, k)))
QUINCE_BOTH2(FCMGE, QUINCE_HOST_GE, fpu::mask_of<decltype(a)>(fp::FPCompareGE(a, b, k)))
QUINCE_BOTH2(FCMGT, QUINCE_HOST_GT, fpu::mask_of<decltype(a)>(fp::FPCompareGT(a, b, k)))
QUINCE_BOTH2(FACGE, QUINCE_HOST_NO,
             fpu::mask_of<decltype(a)>(fp::FPCompareGE(fp::FPAbs(a), fp::FPAbs(b), k)))
QUINCE_BOTH2(FACGT, QUINCE_HOST_NO,
             fpu::mask_of<decltype(a)>(fp::FPCompareGT(fp::FPAbs(a), fp::FPAbs(b), k)))
#undef QUINCE_HOST_GT
#undef QUINCE_HOST_GE
#undef QUINCE_HOST_EQ
#undef QUINCE_HOST
#undef QUINCE_HOST_NO
#undef QUINCE_BOTH2
#undef QUINCE_VECTOR2

#define QUINCE_VECTOR3(ID, negate, ...)                                                     \
  inline void ID##_8h(Vcpu& c, bool q, u32 rm, u32 rn, u32 rd) {                            \
    fpu::lanes3<u16>(c, q, rm, rn, rd, QUINCE_LAMBDA3(__VA_ARGS__));                        \
  }                                                                                         \
  inline void ID##_4s(Vcpu& c, bool q, u32 rm, u32 rn, u32 rd) {                            \
    if (!fpu::host_lanes_fma<u32>(c, q, negate, rd, QUINCE_VN_VM))                          \
      fpu::lanes3<u32>(c, q, rm, rn, rd, QUINCE_LAMBDA3(__VA_ARGS__));                      \
  }                                                                                         \
  inline void ID##_2d(Vcpu& c, u32 rm, u32 rn, u32 rd) {                                    \
    if (!fpu::host_lanes_fma<u64>(c, true, negate, rd, QUINCE_VN_VM))                       \
      fpu::lanes3<u64>(c, true, rm, rn, rd, QUINCE_LAMBDA3(__VA_ARGS__));                   \
  }
QUINCE_VECTOR3(FMLA, false, fp::FPMulAdd(d, a, b, k))
QUINCE_VECTOR3(FMLS, true, fp::FPMulAdd(d, fp::FPNeg(a), b, k))
#undef QUINCE_VECTOR3
#undef QUINCE_VN_VM

// ---- Pairwise and across lanes -----------------------------------------------------------------

#define QUINCE_PAIRWISE(ID, ...)                                                            \
  inline void ID##_8h(Vcpu& c, bool q, u32 rm, u32 rn, u32 rd) {                            \
    fpu::pairwise<u16>(c, q, rm, rn, rd, QUINCE_LAMBDA2(__VA_ARGS__));                      \
  }                                                                                         \
  inline void ID##_4s(Vcpu& c, bool q, u32 rm, u32 rn, u32 rd) {                            \
    fpu::pairwise<u32>(c, q, rm, rn, rd, QUINCE_LAMBDA2(__VA_ARGS__));                      \
  }                                                                                         \
  inline void ID##_2d(Vcpu& c, u32 rm, u32 rn, u32 rd) {                                    \
    fpu::pairwise<u64>(c, true, rm, rn, rd, QUINCE_LAMBDA2(__VA_ARGS__));                   \
  }                                                                                         \
  inline void ID##_h(Vcpu& c, u32 rn, u32 rd) {                                             \
    fpu::scalar_pairwise<u16>(c, rn, rd, QUINCE_LAMBDA2(__VA_ARGS__));                      \
  }                                                                                         \
  inline void ID##_s(Vcpu& c, u32 rn, u32 rd) {                                             \
    fpu::scalar_pairwise<u32>(c, rn, rd, QUINCE_LAMBDA2(__VA_ARGS__));                      \
  }                                                                                         \
  inline void ID##_d(Vcpu& c, u32 rn, u32 rd) {                                             \
    fpu::scalar_pairwise<u64>(c, rn, rd, QUINCE_LAMBDA2(__VA_ARGS__));                      \
  }
QUINCE_PAIRWISE(FADDP, fp::FPAdd(a, b, k))
QUINCE_PAIRWISE(FMAXP, fp::FPMax(a, b, k))
QUINCE_PAIRWISE(FMINP, fp::FPMin(a, b, k))
QUINCE_PAIRWISE(FMAXNMP, fp::FPMaxNum(a, b, k))
QUINCE_PAIRWISE(FMINNMP, fp::FPMinNum(a, b, k))
#undef QUINCE_PAIRWISE

#define QUINCE_ACROSS(ID, ...)                                                              \
  inline void ID##_8h(Vcpu& c, bool q, u32 rn, u32 rd) {                                    \
    fpu::reduce<u16>(c, q, rn, rd, QUINCE_LAMBDA2(__VA_ARGS__));                            \
  }                                                                                         \
  inline void ID##_4s(Vcpu& c, u32 rn, u32 rd) {                                            \
    fpu::reduce<u32>(c, true, rn, rd, QUINCE_LAMBDA2(__VA_ARGS__));                         \
  }
QUINCE_ACROSS(FMAXV, fp::FPMax(a, b, k))
QUINCE_ACROSS(FMINV, fp::FPMin(a, b, k))
QUINCE_ACROSS(FMAXNMV, fp::FPMaxNum(a, b, k))
QUINCE_ACROSS(FMINNMV, fp::FPMinNum(a, b, k))
#undef QUINCE_ACROSS

// ---- Two registers of one format ---------------------------------------------------------------

#define QUINCE_LAMBDA1(...)                                                                 \
  [](auto a, [[maybe_unused]] fp::Context& k) {                                             \
    using T [[maybe_unused]] = decltype(a);                                                 \
    return __VA_ARGS__;                                                                     \
  }

#define QUINCE_VECTOR1_SD(ID, ...)                                                          \
  inline void ID##_4s(Vcpu& c, bool q, u32 rn, u32 rd) {                                    \
    fpu::lanes1<u32>(c, q, rn, rd, QUINCE_LAMBDA1(__VA_ARGS__));                            \
  }                                                                                         \
  inline void ID##_2d(Vcpu& c, u32 rn, u32 rd) {                                            \
    fpu::lanes1<u64>(c, true, rn, rd, QUINCE_LAMBDA1(__VA_ARGS__));                         \
  }
#define QUINCE_VECTOR1(ID, ...)                                                             \
  inline void ID##_8h(Vcpu& c, bool q, u32 rn, u32 rd) {                                    \
    fpu::lanes1<u16>(c, q, rn, rd, QUINCE_LAMBDA1(__VA_ARGS__));                            \
  }                                                                                         \
  QUINCE_VECTOR1_SD(ID, __VA_ARGS__)
QUINCE_VECTOR1(FABS, fp::FPAbs(a))
QUINCE_VECTOR1(FNEG, fp::FPNeg(a))
QUINCE_VECTOR1(FSQRT, fp::FPSqrt(a, k))
QUINCE_VECTOR1(FRINTN, QUINCE_FRINT(fp::Rounding::TieEven, false))
QUINCE_VECTOR1(FRINTP, QUINCE_FRINT(fp::Rounding::PlusInf, false))
QUINCE_VECTOR1(FRINTM, QUINCE_FRINT(fp::Rounding::MinusInf, false))
QUINCE_VECTOR1(FRINTZ, QUINCE_FRINT(fp::Rounding::Zero, false))
QUINCE_VECTOR1(FRINTA, QUINCE_FRINT(fp::Rounding::TieAway, false))
QUINCE_VECTOR1(FRINTX, QUINCE_FRINT(k.rounding, true))
QUINCE_VECTOR1(FRINTI, QUINCE_FRINT(k.rounding, false))
QUINCE_VECTOR1_SD(FRINT32Z, QUINCE_FRINTTS(fp::Rounding::Zero, 32))
QUINCE_VECTOR1_SD(FRINT32X, QUINCE_FRINTTS(k.rounding, 32))
QUINCE_VECTOR1_SD(FRINT64Z, QUINCE_FRINTTS(fp::Rounding::Zero, 64))
QUINCE_VECTOR1_SD(FRINT64X, QUINCE_FRINTTS(k.rounding, 64))

#define QUINCE_SCALAR1(ID, ...)                                                             \
  inline void ID##_h(Vcpu& c, u32 rn, u32 rd) {                                             \
    fpu::scalar1<u16>(c, rn, rd, QUINCE_LAMBDA1(__VA_ARGS__));                              \
  }                                                                                         \
  inline void ID##_s(Vcpu& c, u32 rn, u32 rd) {                                             \
    fpu::scalar1<u32>(c, rn, rd, QUINCE_LAMBDA1(__VA_ARGS__));                              \
  }                                                                                         \
  inline void ID##_d(Vcpu& c, u32 rn, u32 rd) {                                             \
    fpu::scalar1<u64>(c, rn, rd, QUINCE_LAMBDA1(__VA_ARGS__));                              \
  }
#define QUINCE_BOTH1(ID, ...)                                                               \
  QUINCE_VECTOR1(ID, __VA_ARGS__)                                                           \
  QUINCE_SCALAR1(ID, __VA_ARGS__)

QUINCE_SCALAR1(FRECPX, fp::FPRecpX(a, k))
QUINCE_BOTH1(FRECPE, fp::FPRecipEstimate(a, k))
QUINCE_BOTH1(FRSQRTE, fp::FPRSqrtEstimate(a, k))
QUINCE_BOTH1(FCMEQ_zero, fpu::mask_of<T>(fp::FPCompareEQ(a, T{0}, k)))
QUINCE_BOTH1(FCMGE_zero, fpu::mask_of<T>(fp::FPCompareGE(a, T{0}, k)))
QUINCE_BOTH1(FCMGT_zero, fpu::mask_of<T>(fp::FPCompareGT(a, T{0}, k)))
QUINCE_BOTH1(FCMLE_zero, fpu::mask_of<T>(fp::FPCompareGE(T{0}, a, k)))
QUINCE_BOTH1(FCMLT_zero, fpu::mask_of<T>(fp::FPCompareGT(T{0}, a, k)))

// ---- Conversion from and to integers of the same size ------------------------------------------

#define QUINCE_TO_INTEGER(rounding, is_unsigned) \
  fp::FPToFixed(a, 0, is_unsigned, fp::Rounding::rounding, fp::FormatOf<T>::kBits, k)
QUINCE_BOTH1(FCVTNS, QUINCE_TO_INTEGER(TieEven, false))
QUINCE_BOTH1(FCVTNU, QUINCE_TO_INTEGER(TieEven, true))
QUINCE_BOTH1(FCVTPS, QUINCE_TO_INTEGER(PlusInf, false))
QUINCE_BOTH1(FCVTPU, QUINCE_TO_INTEGER(PlusInf, true))
QUINCE_BOTH1(FCVTMS, QUINCE_TO_INTEGER(MinusInf, false))
QUINCE_BOTH1(FCVTMU, QUINCE_TO_INTEGER(MinusInf, true))
QUINCE_BOTH1(FCVTZS, QUINCE_TO_INTEGER(Zero, false))
QUINCE_BOTH1(FCVTZU, QUINCE_TO_INTEGER(Zero, true))
QUINCE_BOTH1(FCVTAS, QUINCE_TO_INTEGER(TieAway, false))
QUINCE_BOTH1(FCVTAU, QUINCE_TO_INTEGER(TieAway, true))
#undef QUINCE_TO_INTEGER

#define QUINCE_FROM_INTEGER(is_unsigned) \
  fp::FixedToFP<T>(a, 0, is_unsigned, fp::FormatOf<T>::kBits, k.rounding, k)
QUINCE_BOTH1(SCVTF, QUINCE_FROM_INTEGER(false))
QUINCE_BOTH1(UCVTF, QUINCE_FROM_INTEGER(true))
#undef QUINCE_FROM_INTEGER
#undef QUINCE_BOTH1
#undef QUINCE_SCALAR1
#undef QUINCE_VECTOR1
#undef QUINCE_VECTOR1_SD
#undef QUINCE_LAMBDA1
#undef QUINCE_LAMBDA2
#undef QUINCE_LAMBDA3

}  // namespace quince::a64
