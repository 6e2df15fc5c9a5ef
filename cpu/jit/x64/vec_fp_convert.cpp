// Floating point on vectors: rounding, and conversions between formats, integers and fixed-point numbers (Arm ARM DDI 0487,
// C7.2; Intel SDM, volume 2).  Arithmetic on halves, FCVTXN and FRINT32/64 stay calls, and so do conversions with AHP set
// (StateKey::fp_plain).
#include "cpu/jit/x64/vector_fp.h"

namespace quince::cpu::jit {

using namespace vector_fp;

namespace {

using R = HostRow;
constexpr u16 kFp = R::kFpPlain;
constexpr u16 kDn = R::kWd | R::kRn | kFp;

// ---- Rounding and integers ---------------------------------------------------------------------

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
/// xmm2 = the integers of `a` as numbers.
template <bool D, bool Unsigned>
void number_of(VectorCode& v, const Xmm& a) {
  if (Unsigned)
    D ? v.x.vcvtuqq2pd(kT2, a) : v.x.vcvtudq2ps(kT2, a);
  else
    D ? v.x.vcvtqq2pd(kT2, a) : v.x.vcvtdq2ps(kT2, a);
}
template <bool D, bool Unsigned>
bool from_integers(Emitter& e, u32 insn) {
  VectorCode v(e);
  const FpFields f(insn, D);
  if ((D || Unsigned) && !v.host.avx512) return false;
  v.begin_fp();
  number_of<D, Unsigned>(v, operand<D>(v, f, f.rn, 0));
  return done<D>(v, f, kT2);
}

// ---- Fixed-point numbers -----------------------------------------------------------------------

/// Bits behind the point: immh:immb is twice the element's width minus them.
template <bool D>
unsigned fraction_bits(u32 insn) {
  return (D ? 128 : 64) - (insn >> 16 & 0x7f);
}
/// 2^n in every element.
template <bool D>
u64 power_of_two(int n) {
  return FpFormat<D>::all(static_cast<u64>(1023 + n) << 52, static_cast<u64>(127 + n) << 23);
}

/// One rounding: the scale is exact, and nothing gets too small.
template <bool D, bool Unsigned>
bool from_fixed(Emitter& e, u32 insn) {
  VectorCode v(e);
  const FpFields f(insn, D);
  if ((D || Unsigned) && !v.host.avx512) return false;
  v.begin_fp();
  number_of<D, Unsigned>(v, operand<D>(v, f, f.rn, 0));
  const int bits = static_cast<int>(fraction_bits<D>(insn));
  op<D, &G::vmulpd, &G::vmulps>(v, kT2, kT2, v.literal(power_of_two<D>(-bits)));
  return done<D>(v, f, kT2);
}
/// What the scale could make infinite is too large anyway, and goes the slow way before.
template <bool D, bool Unsigned>
bool to_fixed(Emitter& e, u32 insn) {
  VectorCode v(e);
  const FpFields f(insn, D);
  if ((D || Unsigned) && !v.host.avx512) return false;
  v.begin_fp();
  const Xmm a = operand<D>(v, f, f.rn, 0);
  v.x.vandpd(kT3, a, v.literal(FpFormat<D>::kMagnitude));
  compare<D>(v, kT3, kT3, v.literal(power_of_two<D>(64)), kNotLess);
  any_goes_slow<D>(v, kT3);
  const int bits = static_cast<int>(fraction_bits<D>(insn));
  op<D, &G::vmulpd, &G::vmulps>(v, kT2, a, v.literal(power_of_two<D>(bits)));
  to_integers<D, Unsigned>(v, kT2);
  return done<D>(v, f, kT1);
}

// ---- Between formats ---------------------------------------------------------------------------

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
/// FCVTL, FCVTL2: halves to singles. All are exact.
bool fcvtl_half(Emitter& e, u32 insn) {
  VectorCode v(e);
  const VectorFields f(insn);
  v.begin_fp();
  Xmm a = v.in(f.rn, 0);
  if (f.q) {
    v.x.vpshufd(kT0, a, 0xee);
    a = kT0;
  }
  v.x.vcvtph2ps(kT2, a);
  nan_goes_slow<false>(v, kT2, kT2);
  v.finish(true, f.rd, kT2);
  v.slow_ends();
  return true;
}
/// xmm2 = the singles of `a` as halves; NaNs and the smallest normal number go the slow way.
void to_halves(VectorCode& v, const Xmm& a) {
  nan_goes_slow<false>(v, a, a);
  v.x.vcvtps2ph(kT2, a, 4);  // as MXCSR rounds
  v.x.vpand(kT3, kT2, v.literal(0x7fff'7fff'7fff'7fff));
  v.x.vpcmpeqw(kT3, kT3, v.literal(0x0400'0400'0400'0400));
  v.x.vptest(kT3, kT3);
  v.x.jnz(v.slow(), v.x.T_NEAR);
}
/// FCVTN, FCVTN2: singles to halves.
bool fcvtn_half(Emitter& e, u32 insn) {
  VectorCode v(e);
  const VectorFields f(insn);
  v.begin_fp();
  to_halves(v, v.in(f.rn, 0));
  finish_narrow(v, f.q, f.rd, kT2);
  v.slow_ends();
  return true;
}
/// FCVT between a half and a single.
bool half_to_single(Emitter& e, u32 insn) {
  VectorCode v(e);
  const VectorFields f(insn);
  v.begin_fp();
  v.x.vpmovzxwq(kT0, v.in(f.rn, 0));
  v.x.vmovq(kT0, kT0);
  v.x.vcvtph2ps(kT2, kT0);
  nan_goes_slow<false>(v, kT2, kT2);
  v.finish_scalar(2, f.rd, kT2);
  v.slow_ends();
  return true;
}
bool single_to_half(Emitter& e, u32 insn) {
  VectorCode v(e);
  const VectorFields f(insn);
  v.begin_fp();
  const Xmm a = v.in(f.rn, 0);
  v.x.vinsertps(kT0, a, a, 0x0e);
  to_halves(v, kT0);
  v.finish_scalar(1, f.rd, kT2);
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
    QUINCE_4("SCVTF_n", kDn, from_fixed, false),
    QUINCE_4("UCVTF_n", kDn, from_fixed, true),
    QUINCE_4("FCVTZS_n", kDn, to_fixed, false),
    QUINCE_4("FCVTZU_n", kDn, to_fixed, true),
    {"FCVTL_4s", fcvtl_half, kDn},
    {"FCVTN_4h", fcvtn_half, kDn | R::kRd},
    {"FCVT_s_h", half_to_single, kDn},
    {"FCVT_h_s", single_to_half, kDn},
};
#undef QUINCE_2
#undef QUINCE_SCALARS
#undef QUINCE_4

}  // namespace

std::span<const HostRow> host_rows_fp_convert() { return kRows; }

}  // namespace quince::cpu::jit
