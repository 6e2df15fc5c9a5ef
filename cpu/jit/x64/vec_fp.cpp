// Floating point on vectors, singles and doubles (Arm ARM DDI 0487, C7.2; Intel SDM, volume 2), and the scalar forms of
// the SIMD group that are not in vec_scalar.cpp.
//
// An instruction that works on the low half of its operands gets them with the upper half cleared, for which no
// operation here sets a flag.  Halves, complex numbers, FMULX, estimates and steps stay calls.
#include "cpu/jit/x64/fp_code.h"

namespace quince::cpu::jit {

using namespace Xbyak::util;

namespace {

using R = HostRow;
constexpr u16 kFp = R::kFpPlain;
constexpr u16 kDnm = R::kWd | R::kRn | R::kRm | kFp;
constexpr u16 kDdnm = kDnm | R::kRd;
constexpr u16 kDn = R::kWd | R::kRn | kFp;

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

// ---- Arithmetic --------------------------------------------------------------------------------

enum class Arithmetic : u8 { Add, Sub, Mul, Div, Abd };
template <bool D, Arithmetic A>
void arithmetic_code(VectorCode& v, const FpFields& f, const Xmm& d, const Xmm& a, Xmm b) {
  using F = FpFormat<D>;
  switch (A) {
    case Arithmetic::Add:
      op<D, &G::vaddpd, &G::vaddps>(v, d, a, b);
      break;
    case Arithmetic::Mul:
      op<D, &G::vmulpd, &G::vmulps>(v, d, a, b);
      break;
    case Arithmetic::Div:
      if (!f.q) {  // zero divided by one
        v.x.vorpd(kT1, b, v.literal(0, F::kOne));
        b = kT1;
      }
      op<D, &G::vdivpd, &G::vdivps>(v, d, a, b);
      break;
    default:
      op<D, &G::vsubpd, &G::vsubps>(v, d, a, b);
  }
  if (A == Arithmetic::Mul || A == Arithmetic::Div)
    tiny_goes_slow<D>(v, d);
  else
    nan_goes_slow<D>(v, d, d);
  if (A == Arithmetic::Abd) v.x.vandpd(d, d, v.literal(F::kMagnitude));
}
template <bool D, Arithmetic A>
bool arithmetic(Emitter& e, u32 insn) {
  VectorCode v(e);
  const FpFields f(insn, D);
  v.begin_fp();
  const Xmm a = operand<D>(v, f, f.rn, 0), b = operand<D>(v, f, f.rm, 1);
  const Xmm d = v.fresh(f.rd, {f.rn, f.rm});
  arithmetic_code<D, A>(v, f, d, a, b);
  return done<D>(v, f, d);
}

/// The element of Vm that an instruction names, in every element that takes part of xmm1.
template <bool D>
void element_operand(VectorCode& v, const FpFields& f, u32 insn) {
  const Element m = element_of(insn, D ? 3 : 2);
  broadcast(v, kT1, v.in(m.r, 1), D ? 3 : 2, m.index);
  if (f.scalar && !D)
    v.x.vinsertps(kT1, kT1, kT1, 0x0e);
  else if (!f.q)
    v.x.vmovq(kT1, kT1);
}
template <bool D>
bool mul_element(Emitter& e, u32 insn) {
  VectorCode v(e);
  const FpFields f(insn, D);
  v.begin_fp();
  element_operand<D>(v, f, insn);
  const Xmm d = v.fresh(f.rd, {f.rn, element_of(insn, D ? 3 : 2).r});
  arithmetic_code<D, Arithmetic::Mul>(v, f, d, operand<D>(v, f, f.rn, 0), kT1);
  return done<D>(v, f, d);
}

/// FMLA and FMLS; `Element`: of one element of Vm.
template <bool D, bool Subtract, bool Element>
bool mul_add(Emitter& e, u32 insn) {
  VectorCode v(e);
  const FpFields f(insn, D);
  v.begin_fp();
  if (Element) element_operand<D>(v, f, insn);
  const Xmm b = Element ? kT1 : operand<D>(v, f, f.rm, 1), a = operand<D>(v, f, f.rn, 0);
  // What does not take part is not to be computed with.
  const Xmm d = f.q ? v.in_place(f.rd) : operand<D>(v, f, f.rd, 2);
  if (Subtract)
    op<D, &G::vfnmadd231pd, &G::vfnmadd231ps>(v, d, a, b);
  else
    op<D, &G::vfmadd231pd, &G::vfmadd231ps>(v, d, a, b);
  tiny_goes_slow<D>(v, d);
  return done<D>(v, f, d);
}

template <bool D>
bool square_root(Emitter& e, u32 insn) {
  VectorCode v(e);
  const FpFields f(insn, D);
  v.begin_fp();
  const Xmm a = operand<D>(v, f, f.rn, 0);
  const Xmm d = v.fresh(f.rd, {f.rn});
  op<D, &G::vsqrtpd, &G::vsqrtps>(v, d, a);
  nan_goes_slow<D>(v, d, d);
  return done<D>(v, f, d);
}

template <bool D, bool Flip>
bool sign(Emitter& e, u32 insn) {
  VectorCode v(e);
  const FpFields f(insn, D);
  const Xmm d = v.target(f.rd), a = v.in(f.rn, 0);
  Flip ? v.x.vxorpd(d, a, v.literal(FpFormat<D>::kSign))
       : v.x.vandpd(d, a, v.literal(FpFormat<D>::kMagnitude));
  v.finish(f.q, f.rd, d);
  return true;
}

/// xmm2 = the larger (or smaller) of numbers that are no NaNs, as in vec_scalar.cpp.
template <bool D, bool Min>
void maximum_code(VectorCode& v, const Xmm& a, const Xmm& b) {
  if (Min) {
    op<D, &G::vminpd, &G::vminps>(v, kT3, a, b);
    op<D, &G::vminpd, &G::vminps>(v, kT2, b, a);
    v.x.vorpd(kT2, kT2, kT3);
  } else {
    op<D, &G::vmaxpd, &G::vmaxps>(v, kT3, a, b);
    op<D, &G::vmaxpd, &G::vmaxps>(v, kT2, b, a);
    v.x.vandpd(kT2, kT2, kT3);
  }
}
template <bool D, bool Min>
bool maximum(Emitter& e, u32 insn) {
  VectorCode v(e);
  const FpFields f(insn, D);
  v.begin_fp();
  const Xmm a = operand<D>(v, f, f.rn, 0), b = operand<D>(v, f, f.rm, 1);
  nan_goes_slow<D>(v, a, b);
  maximum_code<D, Min>(v, a, b);
  return done<D>(v, f, kT2);
}

// ---- Pairs and across --------------------------------------------------------------------------

/// Even elements of Vn and Vm in xmm2, odd ones in xmm1.
template <bool D>
void pair_operands(VectorCode& v, const FpFields& f) {
  Xmm a = v.in(f.rn, 0), b = v.in(f.rm, 1);
  if (!f.q) {
    v.x.vpunpcklqdq(kT0, a, b);
    a = b = kT0;
  }
  if (D) {
    v.x.vunpcklpd(kT2, a, b);
    v.x.vunpckhpd(kT1, a, b);
  } else {
    v.x.vshufps(kT2, a, b, 0x88);
    v.x.vshufps(kT1, a, b, 0xdd);
  }
}
template <bool D>
bool add_pairs(Emitter& e, u32 insn) {
  VectorCode v(e);
  const FpFields f(insn, D);
  v.begin_fp();
  pair_operands<D>(v, f);
  op<D, &G::vaddpd, &G::vaddps>(v, kT2, kT2, kT1);
  nan_goes_slow<D>(v, kT2, kT2);
  return done<D>(v, f, kT2);
}
template <bool D, bool Min>
bool maximum_pairs(Emitter& e, u32 insn) {
  VectorCode v(e);
  const FpFields f(insn, D);
  v.begin_fp();
  pair_operands<D>(v, f);
  nan_goes_slow<D>(v, kT2, kT1);
  v.x.vmovapd(kT0, kT2);
  maximum_code<D, Min>(v, kT0, kT1);
  return done<D>(v, f, kT2);
}

/// The two low elements of Vn in xmm0 and xmm1, all others zero.
template <bool D>
void split(VectorCode& v, const Xmm& a) {
  if (D) {
    v.x.vpsrldq(kT1, a, 8);
    v.x.vmovq(kT0, a);
  } else {
    v.x.vinsertps(kT1, a, a, 0x4e);
    v.x.vinsertps(kT0, a, a, 0x0e);
  }
}
template <bool D>
bool add_pair_scalar(Emitter& e, u32 insn) {
  VectorCode v(e);
  const FpFields f(insn, false);
  v.begin_fp();
  split<D>(v, v.in(f.rn, 0));
  op<D, &G::vaddpd, &G::vaddps>(v, kT2, kT0, kT1);
  nan_goes_slow<D>(v, kT2, kT2);
  return done<D>(v, f, kT2);
}
template <bool D, bool Min>
bool maximum_pair_scalar(Emitter& e, u32 insn) {
  VectorCode v(e);
  const FpFields f(insn, false);
  v.begin_fp();
  split<D>(v, v.in(f.rn, 0));
  nan_goes_slow<D>(v, kT0, kT1);
  maximum_code<D, Min>(v, kT0, kT1);
  return done<D>(v, f, kT2);
}
template <bool Min>
bool maximum_across(Emitter& e, u32 insn) {
  VectorCode v(e);
  const VectorFields f(insn);
  v.begin_fp();
  const Xmm a = v.in(f.rn, 0);
  nan_goes_slow<false>(v, a, a);
  v.x.vpshufd(kT1, a, 0xb1);
  maximum_code<false, Min>(v, a, kT1);
  v.x.vmovapd(kT0, kT2);
  v.x.vpshufd(kT1, kT0, 0x4e);
  maximum_code<false, Min>(v, kT0, kT1);
  v.finish_scalar(2, f.rd, kT2);
  v.slow_ends();
  return true;
}

// ---- Comparison --------------------------------------------------------------------------------

/// Predicates that are quiet or signal as FPCompareEQ, GE and GT do.
template <bool D, Compare P, bool Absolute>
bool fcm(Emitter& e, u32 insn) {
  VectorCode v(e);
  const FpFields f(insn, D);
  v.begin_fp();
  Xmm a = operand<D>(v, f, f.rn, 0), b = operand<D>(v, f, f.rm, 1);
  if (Absolute) {
    v.x.vandpd(kT0, a, v.literal(FpFormat<D>::kMagnitude));
    v.x.vandpd(kT1, b, v.literal(FpFormat<D>::kMagnitude));
    a = kT0;
    b = kT1;
  }
  compare<D>(v, kT2, a, b, P);
  return done<D>(v, f, kT2);
}
template <bool D, Compare P, bool Swap>
bool fcm_zero(Emitter& e, u32 insn) {
  VectorCode v(e);
  const FpFields f(insn, D);
  v.begin_fp();
  const Xmm a = operand<D>(v, f, f.rn, 0);
  v.zero(kT1);
  Swap ? compare<D>(v, kT2, kT1, a, P) : compare<D>(v, kT2, a, kT1, P);
  return done<D>(v, f, kT2);
}

// ---- Conversion --------------------------------------------------------------------------------

/// xmm2 = a, rounded, without a flag; as in vec_scalar.cpp.
template <bool D, Round M>
void round_quietly(VectorCode& v, const Xmm& a) {
  using F = FpFormat<D>;
  const auto round = [&](u8 mode) { D ? v.x.vroundpd(kT2, a, mode) : v.x.vroundps(kT2, a, mode); };
  if (M != Round::Away) return round(static_cast<u8>(M) | kQuiet);
  v.x.vandpd(kT3, a, v.literal(F::kMagnitude));
  compare<D>(v, kT3, kT3, v.literal(F::kIntegral), kNotLess);
  any_goes_slow<D>(v, kT3);
  round(static_cast<u8>(Round::Zero) | kQuiet);
  op<D, &G::vsubpd, &G::vsubps>(v, kT3, a, kT2);
  v.x.vandpd(kT3, kT3, v.literal(F::kMagnitude));
  compare<D>(v, kT3, kT3, v.literal(F::kHalf), kGeQuiet);
  v.x.vandpd(kT3, kT3, v.literal(F::kOne));
  v.x.vandpd(kT1, a, v.literal(F::kSign));
  v.x.vorpd(kT3, kT3, kT1);
  op<D, &G::vaddpd, &G::vaddps>(v, kT2, kT2, kT3);
}
template <bool D, Round M, bool Exact>
bool frint(Emitter& e, u32 insn) {
  VectorCode v(e);
  const FpFields f(insn, D);
  v.begin_fp();
  const Xmm a = operand<D>(v, f, f.rn, 0);
  if (Exact)
    D ? v.x.vroundpd(kT2, a, 0) : v.x.vroundps(kT2, a, 0);
  else
    round_quietly<D, M>(v, a);
  nan_goes_slow<D>(v, kT2, kT2);
  return done<D>(v, f, kT2);
}

/// xmm1 = t as integers, if all fit: others come out as the smallest, or the largest without a sign.
template <bool D, bool Unsigned>
void to_integers(VectorCode& v, const Xmm& t) {
  auto& x = v.x;
  if (Unsigned) {
    D ? x.vcvttpd2uqq(kT1, t) : x.vcvttps2udq(kT1, t);
    v.ones(kT3);
  } else {
    D ? x.vcvttpd2qq(kT1, t) : x.vcvttps2dq(kT1, t);
    x.vmovdqa(kT3, v.literal(FpFormat<D>::kSign));
  }
  D ? x.vpcmpeqq(kT3, kT3, kT1) : x.vpcmpeqd(kT3, kT3, kT1);
  any_goes_slow<D>(v, kT3);
}
template <bool D, Round M, bool Unsigned>
bool fcvt(Emitter& e, u32 insn) {
  VectorCode v(e);
  const FpFields f(insn, D);
  if ((D || Unsigned) && !v.host.avx512) return false;
  v.begin_fp();
  const Xmm a = operand<D>(v, f, f.rn, 0);
  if (M == Round::Zero) {
    to_integers<D, Unsigned>(v, a);
  } else {
    round_quietly<D, M>(v, a);
    to_integers<D, Unsigned>(v, kT2);
    // All fit: now for the flag.
    const u8 mode = static_cast<u8>(Round::Zero);
    D ? v.x.vroundpd(kT3, a, mode) : v.x.vroundps(kT3, a, mode);
  }
  return done<D>(v, f, kT1);
}
template <bool D, bool Unsigned>
bool from_integers(Emitter& e, u32 insn) {
  VectorCode v(e);
  const FpFields f(insn, D);
  if ((D || Unsigned) && !v.host.avx512) return false;
  v.begin_fp();
  const Xmm a = operand<D>(v, f, f.rn, 0);
  if (Unsigned)
    D ? v.x.vcvtuqq2pd(kT2, a) : v.x.vcvtudq2ps(kT2, a);
  else
    D ? v.x.vcvtqq2pd(kT2, a) : v.x.vcvtdq2ps(kT2, a);
  return done<D>(v, f, kT2);
}

/// FCVTL, FCVTL2: singles of one half to doubles.
bool fcvtl(Emitter& e, u32 insn) {
  VectorCode v(e);
  const VectorFields f(insn);
  v.begin_fp();
  Xmm a = v.in(f.rn, 0);
  if (f.q) {
    v.x.vpshufd(kT0, a, 0xee);
    a = kT0;
  }
  v.x.vcvtps2pd(kT2, a);
  nan_goes_slow<true>(v, kT2, kT2);
  v.finish(true, f.rd, kT2);
  v.slow_ends();
  return true;
}
bool fcvtn(Emitter& e, u32 insn) {
  VectorCode v(e);
  const VectorFields f(insn);
  v.begin_fp();
  v.x.vcvtpd2ps(kT2, v.in(f.rn, 0));
  tiny_goes_slow<false>(v, kT2);
  finish_narrow(v, f.q, f.rd, kT2);
  v.slow_ends();
  return true;
}

// Both formats of an instruction.
#define QUINCE_2(id, uses, fn, ...) \
  {id "_4s", fn<false, __VA_ARGS__>, uses}, { id "_2d", fn<true, __VA_ARGS__>, uses }
#define QUINCE_SCALARS(id, uses, fn, ...) \
  {id "_s", fn<false, __VA_ARGS__>, uses}, { id "_d", fn<true, __VA_ARGS__>, uses }
#define QUINCE_4(id, uses, fn, ...) \
  QUINCE_2(id, uses, fn, __VA_ARGS__), QUINCE_SCALARS(id, uses, fn, __VA_ARGS__)

const R kRows[] = {
    QUINCE_2("FADD", kDnm, arithmetic, Arithmetic::Add),
    QUINCE_2("FSUB", kDnm, arithmetic, Arithmetic::Sub),
    QUINCE_2("FMUL", kDnm, arithmetic, Arithmetic::Mul),
    QUINCE_2("FDIV", kDnm, arithmetic, Arithmetic::Div),
    QUINCE_4("FABD", kDnm, arithmetic, Arithmetic::Abd),
    QUINCE_2("FMLA", kDdnm, mul_add, false, false),
    QUINCE_2("FMLS", kDdnm, mul_add, true, false),
    QUINCE_4("FMLA_elem", kDdnm, mul_add, false, true),
    QUINCE_4("FMLS_elem", kDdnm, mul_add, true, true),
    {"FMUL_elem_4s", mul_element<false>, kDnm},
    {"FMUL_elem_2d", mul_element<true>, kDnm},
    {"FMUL_elem_s", mul_element<false>, kDnm},
    {"FMUL_elem_d", mul_element<true>, kDnm},
    {"FSQRT_4s", square_root<false>, kDn},
    {"FSQRT_2d", square_root<true>, kDn},
    {"FABS_4s", sign<false, false>, R::kWd | R::kRn},
    {"FABS_2d", sign<true, false>, R::kWd | R::kRn},
    {"FNEG_4s", sign<false, true>, R::kWd | R::kRn},
    {"FNEG_2d", sign<true, true>, R::kWd | R::kRn},
    QUINCE_2("FMAX", kDnm, maximum, false),
    QUINCE_2("FMIN", kDnm, maximum, true),
    QUINCE_2("FMAXNM", kDnm, maximum, false),
    QUINCE_2("FMINNM", kDnm, maximum, true),
    {"FADDP_4s", add_pairs<false>, kDnm},
    {"FADDP_2d", add_pairs<true>, kDnm},
    {"FADDP_s", add_pair_scalar<false>, kDn},
    {"FADDP_d", add_pair_scalar<true>, kDn},
    QUINCE_2("FMAXP", kDnm, maximum_pairs, false),
    QUINCE_2("FMINP", kDnm, maximum_pairs, true),
    QUINCE_2("FMAXNMP", kDnm, maximum_pairs, false),
    QUINCE_2("FMINNMP", kDnm, maximum_pairs, true),
    QUINCE_SCALARS("FMAXP", kDn, maximum_pair_scalar, false),
    QUINCE_SCALARS("FMINP", kDn, maximum_pair_scalar, true),
    QUINCE_SCALARS("FMAXNMP", kDn, maximum_pair_scalar, false),
    QUINCE_SCALARS("FMINNMP", kDn, maximum_pair_scalar, true),
    {"FMAXV_4s", maximum_across<false>, kDn},
    {"FMINV_4s", maximum_across<true>, kDn},
    {"FMAXNMV_4s", maximum_across<false>, kDn},
    {"FMINNMV_4s", maximum_across<true>, kDn},
    QUINCE_4("FCMEQ", kDnm, fcm, kEqQuiet, false),
    QUINCE_4("FCMGE", kDnm, fcm, kGe, false),
    QUINCE_4("FCMGT", kDnm, fcm, kGt, false),
    QUINCE_4("FACGE", kDnm, fcm, kGe, true),
    QUINCE_4("FACGT", kDnm, fcm, kGt, true),
    QUINCE_4("FCMEQ_zero", kDn, fcm_zero, kEqQuiet, false),
    QUINCE_4("FCMGE_zero", kDn, fcm_zero, kGe, false),
    QUINCE_4("FCMGT_zero", kDn, fcm_zero, kGt, false),
    QUINCE_4("FCMLE_zero", kDn, fcm_zero, kGe, true),
    QUINCE_4("FCMLT_zero", kDn, fcm_zero, kGt, true),
    QUINCE_2("FRINTN", kDn, frint, Round::Nearest, false),
    QUINCE_2("FRINTP", kDn, frint, Round::Up, false),
    QUINCE_2("FRINTM", kDn, frint, Round::Down, false),
    QUINCE_2("FRINTZ", kDn, frint, Round::Zero, false),
    QUINCE_2("FRINTA", kDn, frint, Round::Away, false),
    QUINCE_2("FRINTX", kDn, frint, Round::Nearest, true),
    QUINCE_2("FRINTI", kDn, frint, Round::Nearest, false),
    QUINCE_2("FCVTNS", kDn, fcvt, Round::Nearest, false),
    QUINCE_2("FCVTNU", kDn, fcvt, Round::Nearest, true),
    QUINCE_2("FCVTPS", kDn, fcvt, Round::Up, false),
    QUINCE_2("FCVTPU", kDn, fcvt, Round::Up, true),
    QUINCE_2("FCVTMS", kDn, fcvt, Round::Down, false),
    QUINCE_2("FCVTMU", kDn, fcvt, Round::Down, true),
    QUINCE_2("FCVTZS", kDn, fcvt, Round::Zero, false),
    QUINCE_2("FCVTZU", kDn, fcvt, Round::Zero, true),
    QUINCE_2("FCVTAS", kDn, fcvt, Round::Away, false),
    QUINCE_2("FCVTAU", kDn, fcvt, Round::Away, true),
    QUINCE_2("SCVTF", kDn, from_integers, false),
    QUINCE_2("UCVTF", kDn, from_integers, true),
    {"FCVTL_2d", fcvtl, kDn},
    {"FCVTN_2s", fcvtn, kDn | R::kRd},
};
#undef QUINCE_2
#undef QUINCE_SCALARS
#undef QUINCE_4

}  // namespace

std::span<const HostRow> host_rows_fp() { return kRows; }

}  // namespace quince::cpu::jit
