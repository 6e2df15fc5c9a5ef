// Scalar conversions between formats and integers, and rounding (Arm ARM DDI 0487, C7.2; Intel SDM, volume 2), singles and
// doubles.  FRINT32/64 and most of halves stay calls: vec_fp_convert.cpp has the rest.
#include "cpu/jit/x64/scalar_fp.h"

namespace quince::cpu::jit {

using namespace Xbyak::util;
using namespace scalar;

namespace {

using R = HostRow;
constexpr u16 kDn = R::kWd | R::kRn;

// ---- Conversion --------------------------------------------------------------------------------

bool single_to_double(Emitter& e, u32 insn) {
  VectorCode v(e);
  const VectorFields f(insn);
  v.begin_fp();
  const Xmm a = v.in(f.rn, 0);
  const bool clean = v.is_scalar(3, f.rn);
  const Xmm d = v.fresh(f.rd, {f.rn});
  v.x.vcvtss2sd(d, a, a);
  nan_goes_slow<true>(v, d);
  return done<true>(v, f.rd, d, clean);
}
bool double_to_single(Emitter& e, u32 insn) {
  VectorCode v(e);
  const VectorFields f(insn);
  v.begin_fp();
  const Xmm a = v.in(f.rn, 0);
  const Xmm d = v.fresh(f.rd, {f.rn});
  v.x.vcvtsd2ss(d, a, a);
  tiny_goes_slow<false>(v, d);
  return done<false>(v, f.rd, d);
}

/// d = the integer in RAX or EAX as a number.
template <bool D, bool Unsigned>
void from_integer(VectorCode& v, const Xmm& d, bool sf, const Xbyak::Reg64& n) {
  auto& x = v.x;
  v.zero(d);
  const auto convert = [&](const Xbyak::Reg& r) {
    D ? x.vcvtsi2sd(d, d, r) : x.vcvtsi2ss(d, d, r);
  };
  if (!Unsigned) return sf ? convert(n) : convert(n.cvt32());
  if (!sf) {
    x.mov(eax, n.cvt32());
    return convert(rax);
  }
  if (v.host.avx512) return D ? x.vcvtusi2sd(d, d, n) : x.vcvtusi2ss(d, d, n);
  x.test(n, n);
  x.js(v.slow(), x.T_NEAR);
  convert(n);
}
/// Bits behind the point: the field "scale" is 64 minus them, for 32 bits, too.
unsigned fraction_bits(u32 insn) { return 64 - (insn >> 10 & 63); }

/// 2^n of the format, in the low element.
template <bool D>
u64 power_of_two(int n) {
  return D ? static_cast<u64>(1023 + n) << 52 : static_cast<u64>(127 + n) << 23;
}

/// `Fixed`: of a fixed-point number.  One rounding: the scale is exact, and nothing gets too small.
template <bool D, bool Unsigned, bool Fixed>
bool int_to_fp(Emitter& e, u32 insn) {
  VectorCode v(e);
  const VectorFields f(insn);
  v.begin_fp();
  const Xmm d = v.target(f.rd, 2);
  from_integer<D, Unsigned>(v, d, insn >> 31 != 0, v.in_x(f.rn, rax));
  if (Fixed) {
    const Xbyak::Address scale =
        v.literal(power_of_two<D>(-static_cast<int>(fraction_bits(insn))), 0);
    D ? v.x.vmulsd(d, d, scale) : v.x.vmulss(d, d, scale);
  }
  v.finish_scalar(FpFormat<D>::kLog2, f.rd, d, true);
  v.slow_ends();
  return true;
}
/// The same with the integer in the vector register.
template <bool D, bool Unsigned>
bool int_to_fp_scalar(Emitter& e, u32 insn) {
  VectorCode v(e);
  const VectorFields f(insn);
  v.begin_fp();
  D ? v.x.vmovq(rax, v.in(f.rn, 0)) : v.x.vmovd(eax, v.in(f.rn, 0));
  const Xmm d = v.fresh(f.rd, {f.rn});
  from_integer<D, Unsigned>(v, d, D, rax);
  v.finish_scalar(FpFormat<D>::kLog2, f.rd, d, true);
  v.slow_ends();
  return true;
}

/// xmm2 = a, rounded; no flag is set.  Uses xmm1 and xmm3.
template <bool D, Round M>
void round_quietly(VectorCode& v, const Xmm& a) {
  using F = FpFormat<D>;
  auto& x = v.x;
  const auto round = [&](u8 mode) {
    D ? x.vroundsd(kT2, a, a, mode) : x.vroundss(kT2, a, a, mode);
  };
  if (M != Round::Away) return round(static_cast<u8>(M) | kQuiet);
  // Everything below is exact for numbers that may have a fraction.
  x.vandpd(kT3, a, v.literal(F::kMagnitude));
  compare<D>(v, kT3, v.literal(F::kIntegral));
  x.jp(v.slow(), x.T_NEAR);
  x.jae(v.slow(), x.T_NEAR);
  round(static_cast<u8>(Round::Zero) | kQuiet);
  op3<D, &G::vsubsd, &G::vsubss>(v, kT3, a, kT2);
  x.vandpd(kT3, kT3, v.literal(F::kMagnitude));
  D ? x.vcmpsd(kT3, kT3, v.literal(F::kHalf), kGeQuiet)
    : x.vcmpss(kT3, kT3, v.literal(F::kHalf), kGeQuiet);
  x.vandpd(kT3, kT3, v.literal(F::kOne));
  x.vandpd(kT1, a, v.literal(F::kSign));
  x.vorpd(kT3, kT3, kT1);
  op3<D, &G::vaddsd, &G::vaddss>(v, kT2, kT2, kT3);
}

/// FRINT*; `Exact`: FRINTX, which signals what is inexact.
template <bool D, Round M, bool Exact>
bool frint(Emitter& e, u32 insn) {
  VectorCode v(e);
  const VectorFields f(insn);
  v.begin_fp();
  const Xmm a = v.in(f.rn, 0);
  if (Exact)
    D ? v.x.vroundsd(kT2, a, a, 0) : v.x.vroundss(kT2, a, a, 0);
  else
    round_quietly<D, M>(v, a);
  nan_goes_slow<D>(v, kT2);
  return done<D>(v, f.rd, kT2);
}

/// RAX or EAX = xmm `t` as an integer, if it fits.  Truncates, and signals what is inexact.
template <bool D, bool Unsigned>
void to_integer(VectorCode& v, bool sf, const Xmm& t) {
  auto& x = v.x;
  const auto convert = [&](const auto& r) { D ? x.vcvttsd2si(r, t) : x.vcvttss2si(r, t); };
  if (!Unsigned) {
    // What does not fit becomes the smallest number, from which nothing can be taken.
    if (sf) {
      convert(rax);
      x.cmp(rax, 1);
    } else {
      convert(eax);
      x.cmp(eax, 1);
    }
    return x.jo(v.slow(), x.T_NEAR);
  }
  if (v.host.avx512) {
    if (sf) {
      D ? x.vcvttsd2usi(rax, t) : x.vcvttss2usi(rax, t);
      x.cmp(rax, ~0u);
    } else {
      D ? x.vcvttsd2usi(eax, t) : x.vcvttss2usi(eax, t);
      x.cmp(eax, ~0u);
    }
    return x.je(v.slow(), x.T_NEAR);
  }
  const u64 limit = D ? u64{sf ? 0x43eu : 0x41fu} << 52 : u64{sf ? 0x5f00'0000u : 0x4f80'0000u};
  compare<D>(v, t, v.literal(0));
  x.jb(v.slow(), x.T_NEAR);  // NaNs, too
  compare<D>(v, t, v.literal(limit, 0));
  x.jae(v.slow(), x.T_NEAR);
  convert(rax);
}

/// The integer in RAX that FCVT* makes of Vn.
template <bool D, Round M, bool Unsigned>
void fcvt(VectorCode& v, bool sf, const Xmm& a) {
  if (M == Round::Zero) return to_integer<D, Unsigned>(v, sf, a);
  round_quietly<D, M>(v, a);
  to_integer<D, Unsigned>(v, sf, kT2);
  // It fits: now for the flag.
  D ? v.x.vroundsd(kT3, a, a, static_cast<u8>(Round::Zero))
    : v.x.vroundss(kT3, a, a, static_cast<u8>(Round::Zero));
}
template <bool D, Round M, bool Unsigned>
bool fp_to_int(Emitter& e, u32 insn) {
  VectorCode v(e);
  const VectorFields f(insn);
  // In this order: what saves the flags that Xd is an operand of leaves them in EFLAGS, too.
  static_cast<void>(v.begin_x(f.rd));
  v.begin_fp();
  fcvt<D, M, Unsigned>(v, insn >> 31 != 0, v.in(f.rn, 0));
  v.finish_x(f.rd, rax);
  v.slow_ends();
  return true;
}
template <bool D, Round M, bool Unsigned>
bool fp_to_int_scalar(Emitter& e, u32 insn) {
  VectorCode v(e);
  const VectorFields f(insn);
  v.begin_fp();
  fcvt<D, M, Unsigned>(v, D, v.in(f.rn, 0));
  const Xmm d = v.target(f.rd);
  D ? v.x.vmovq(d, rax) : v.x.vmovd(d, eax);
  v.finish_scalar(FpFormat<D>::kLog2, f.rd, d, true);
  v.slow_ends();
  return true;
}

/// What the scale could make infinite is too large anyway, and goes the slow way before.
template <bool D, bool Unsigned>
bool fp_to_fixed(Emitter& e, u32 insn) {
  VectorCode v(e);
  const VectorFields f(insn);
  static_cast<void>(v.begin_x(f.rd));
  v.begin_fp();
  const Xmm a = v.in(f.rn, 0);
  v.x.vandpd(kT3, a, v.literal(FpFormat<D>::kMagnitude));
  compare<D>(v, kT3, v.literal(power_of_two<D>(64), 0));
  v.x.jp(v.slow(), v.x.T_NEAR);
  v.x.jae(v.slow(), v.x.T_NEAR);
  const Xbyak::Address scale = v.literal(power_of_two<D>(static_cast<int>(fraction_bits(insn))), 0);
  D ? v.x.vmulsd(kT2, a, scale) : v.x.vmulss(kT2, a, scale);
  to_integer<D, Unsigned>(v, insn >> 31 != 0, kT2);
  v.finish_x(f.rd, rax);
  v.slow_ends();
  return true;
}

constexpr u16 kFp = R::kFpPlain;

#define QUINCE_ROUND(id, mode, exact)                       \
  {id "_s", frint<false, Round::mode, exact>, kDn | kFp}, { \
    id "_d", frint<true, Round::mode, exact>, kDn | kFp     \
  }
#define QUINCE_FCVT(id, mode)                                                     \
  {id "S_int_s", fp_to_int<false, Round::mode, false>, R::kXd | R::kRn | kFp},    \
      {id "S_int_d", fp_to_int<true, Round::mode, false>, R::kXd | R::kRn | kFp}, \
      {id "U_int_s", fp_to_int<false, Round::mode, true>, R::kXd | R::kRn | kFp}, \
      {id "U_int_d", fp_to_int<true, Round::mode, true>, R::kXd | R::kRn | kFp},  \
      {id "S_s", fp_to_int_scalar<false, Round::mode, false>, kDn | kFp},         \
      {id "S_d", fp_to_int_scalar<true, Round::mode, false>, kDn | kFp},          \
      {id "U_s", fp_to_int_scalar<false, Round::mode, true>, kDn | kFp}, {        \
    id "U_d", fp_to_int_scalar<true, Round::mode, true>, kDn | kFp                \
  }
#define QUINCE_FIXED(id)                                                       \
  {"SCVTF_" id "_s", int_to_fp<false, false, true>, R::kWd | R::kXn | kFp},    \
      {"SCVTF_" id "_d", int_to_fp<true, false, true>, R::kWd | R::kXn | kFp}, \
      {"UCVTF_" id "_s", int_to_fp<false, true, true>, R::kWd | R::kXn | kFp}, \
      {"UCVTF_" id "_d", int_to_fp<true, true, true>, R::kWd | R::kXn | kFp},  \
      {"FCVTZS_" id "_s", fp_to_fixed<false, false>, R::kXd | R::kRn | kFp},   \
      {"FCVTZS_" id "_d", fp_to_fixed<true, false>, R::kXd | R::kRn | kFp},    \
      {"FCVTZU_" id "_s", fp_to_fixed<false, true>, R::kXd | R::kRn | kFp}, {  \
    "FCVTZU_" id "_d", fp_to_fixed<true, true>, R::kXd | R::kRn | kFp          \
  }

const R kRows[] = {
    {"FCVT_d_s", single_to_double, kDn | kFp},
    {"FCVT_s_d", double_to_single, kDn | kFp},
    {"SCVTF_int_s", int_to_fp<false, false, false>, R::kWd | R::kXn | kFp},
    {"SCVTF_int_d", int_to_fp<true, false, false>, R::kWd | R::kXn | kFp},
    {"UCVTF_int_s", int_to_fp<false, true, false>, R::kWd | R::kXn | kFp},
    {"UCVTF_int_d", int_to_fp<true, true, false>, R::kWd | R::kXn | kFp},
    {"SCVTF_s", int_to_fp_scalar<false, false>, kDn | kFp},
    {"SCVTF_d", int_to_fp_scalar<true, false>, kDn | kFp},
    {"UCVTF_s", int_to_fp_scalar<false, true>, kDn | kFp},
    {"UCVTF_d", int_to_fp_scalar<true, true>, kDn | kFp},
    QUINCE_ROUND("FRINTN", Nearest, false),
    QUINCE_ROUND("FRINTP", Up, false),
    QUINCE_ROUND("FRINTM", Down, false),
    QUINCE_ROUND("FRINTZ", Zero, false),
    QUINCE_ROUND("FRINTA", Away, false),
    QUINCE_ROUND("FRINTX", Nearest, true),
    QUINCE_ROUND("FRINTI", Nearest, false),
    QUINCE_FCVT("FCVTN", Nearest),
    QUINCE_FCVT("FCVTP", Up),
    QUINCE_FCVT("FCVTM", Down),
    QUINCE_FCVT("FCVTZ", Zero),
    QUINCE_FCVT("FCVTA", Away),
    QUINCE_FIXED("fixw"),
    QUINCE_FIXED("fixx"),
};
#undef QUINCE_ROUND
#undef QUINCE_FCVT
#undef QUINCE_FIXED

}  // namespace

std::span<const HostRow> host_rows_convert() { return kRows; }

}  // namespace quince::cpu::jit
