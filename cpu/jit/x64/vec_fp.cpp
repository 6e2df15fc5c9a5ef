// Floating point on vectors, singles and doubles (Arm ARM DDI 0487, C7.2; Intel SDM, volume 2), and the scalar forms of
// the SIMD group that are not in vec_scalar.cpp.  Conversions are in vec_fp_convert.cpp; halves, complex numbers, FMULX
// and estimates stay calls.
#include "cpu/jit/x64/vector_fp.h"

namespace quince::cpu::jit {

using namespace vector_fp;

namespace {

using R = HostRow;
constexpr u16 kFp = R::kFpPlain;
constexpr u16 kDnm = R::kWd | R::kRn | R::kRm | kFp;
constexpr u16 kDdnm = kDnm | R::kRd;
constexpr u16 kDn = R::kWd | R::kRn | kFp;

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

// ---- Steps -------------------------------------------------------------------------------------

/// FRECPS and FRSQRTS: 2 - a * b, and (3 - a * b) / 2 with one rounding.  Infinity times zero is no exception there, and the
/// half of what is too large may be a number: operands of 2^63 and more (2^511) go the slow way.
template <bool D, bool Half>
bool step(Emitter& e, u32 insn) {
  using F = FpFormat<D>;
  VectorCode v(e);
  const FpFields f(insn, D);
  v.begin_fp();
  const Xmm a = operand<D>(v, f, f.rn, 0), b = operand<D>(v, f, f.rm, 1);
  const Xbyak::Address limit = v.literal(F::all(u64{0x5fe} << 52, 0x5f00'0000));
  v.x.vandpd(kT2, a, v.literal(F::kMagnitude));
  compare<D>(v, kT2, kT2, limit, kNotLess);
  v.x.vandpd(kT3, b, v.literal(F::kMagnitude));
  compare<D>(v, kT3, kT3, limit, kNotLess);
  v.x.vorpd(kT3, kT3, kT2);
  any_goes_slow<D>(v, kT3);
  v.x.vmovapd(kT2, v.literal(Half ? F::all(u64{0x4008} << 48, 0x4040'0000)
                                  : F::all(u64{0x4000} << 48, 0x4000'0000)));
  op<D, &G::vfnmadd231pd, &G::vfnmadd231ps>(v, kT2, a, b);
  // Exact: differences of such numbers are not that small.
  if (Half) op<D, &G::vmulpd, &G::vmulps>(v, kT2, kT2, v.literal(F::kHalf));
  return done<D>(v, f, kT2);
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
    QUINCE_4("FRECPS", kDnm, step, false),
    QUINCE_4("FRSQRTS", kDnm, step, true),
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
};
#undef QUINCE_2
#undef QUINCE_SCALARS
#undef QUINCE_4

}  // namespace

std::span<const HostRow> host_rows_fp() { return kRows; }

}  // namespace quince::cpu::jit
