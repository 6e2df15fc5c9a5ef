// Shifts by immediates and registers, narrowing and widening, pairs and sums across (Arm ARM DDI 0487, C7.2).
#include <bit>

#include "cpu/jit/x64/vector_lanes.h"

namespace quince::cpu::jit {

namespace {

using R = HostRow;
constexpr u16 kDnm = R::kWd | R::kRn | R::kRm;
constexpr u16 kDdnm = kDnm | R::kRd;
constexpr u16 kDn = R::kWd | R::kRn;
constexpr u16 kDdn = kDn | R::kRd;

/// What each element keeps of a logical shift of its neighbours too.
u64 byte_mask(unsigned bits) { return u64{0xff} >> (8 - bits); }

}  // namespace

bool shift_left(VectorCode& v, const Xmm& d, const Xmm& a, unsigned size, unsigned n) {
  const u8 by = static_cast<u8>(n);
  switch (size) {
    case 0:
      if (n == 0) return v.x.vmovdqa(d, a), true;
      v.splat(kT3, 0, u64{0xff} << n);
      v.x.vpsllw(d, a, by);
      return v.x.vpand(d, d, kT3), true;
    case 1:
      return v.x.vpsllw(d, a, by), true;
    case 2:
      return v.x.vpslld(d, a, by), true;
    default:
      return v.x.vpsllq(d, a, by), true;
  }
}

bool shift_right(VectorCode& v, const Xmm& d, const Xmm& a, unsigned size, unsigned n,
                 bool is_signed) {
  auto& x = v.x;
  const u8 by = static_cast<u8>(n);
  if (size == 1) return is_signed ? x.vpsraw(d, a, by) : x.vpsrlw(d, a, by), true;
  if (size == 2) return is_signed ? x.vpsrad(d, a, by) : x.vpsrld(d, a, by), true;
  if (size == 3) {
    if (!is_signed) return x.vpsrlq(d, a, by), true;
    if (v.host.avx512) return x.vpsraq(d, a, by), true;
    if (n > 63) n = 63;
    x.vpsrlq(d, a, static_cast<u8>(n));
    v.constant(kT3, u64{1} << (63 - n));  // where the sign is now
    x.vpxor(d, d, kT3);
    return x.vpsubq(d, d, kT3), true;
  }
  if (n == 8 && !is_signed) return v.zero(d), true;
  if (n == 8) n = 7;
  v.splat(kT3, 0, byte_mask(8 - n));
  x.vpsrlw(d, a, static_cast<u8>(n));
  x.vpand(d, d, kT3);
  if (!is_signed) return true;
  v.splat(kT3, 0, 0x80 >> n);
  x.vpxor(d, d, kT3);
  return x.vpsubb(d, d, kT3), true;
}

template <bool IsSigned>
void widening_mul(VectorCode& v, const Xmm& a, const Xmm& b, Shape s) {
  auto& x = v.x;
  switch (s.size) {
    case 0:
      widen(v, kT2, a, 0, s.q, IsSigned);
      widen(v, kT3, b, 0, s.q, IsSigned);
      return x.vpmullw(kT0, kT2, kT3);
    case 1:
      x.vpmullw(kT2, a, b);
      IsSigned ? x.vpmulhw(kT3, a, b) : x.vpmulhuw(kT3, a, b);
      return s.q ? x.vpunpckhwd(kT0, kT2, kT3) : x.vpunpcklwd(kT0, kT2, kT3);
    default:
      x.vpshufd(kT2, a, s.q ? 0xfa : 0x50);
      x.vpshufd(kT3, b, s.q ? 0xfa : 0x50);
      return IsSigned ? x.vpmuldq(kT0, kT2, kT3) : x.vpmuludq(kT0, kT2, kT3);
  }
}

template void widening_mul<false>(VectorCode& v, const Xmm& a, const Xmm& b, Shape s);
template void widening_mul<true>(VectorCode& v, const Xmm& a, const Xmm& b, Shape s);

namespace {

/// immh:immb of a shift by an immediate (C4.1.96).
struct Immediate {
  explicit Immediate(u32 insn) {
    const u32 imm = insn >> 16 & 0x7f;
    size = static_cast<unsigned>(std::bit_width(imm >> 3)) - 1;
    right = (16u << size) - imm;
    left = imm - (8u << size);
  }
  /// Scalars are of 64 bits, and there are no vectors of one of them.
  bool allocated(bool scalar, bool q) const { return scalar ? size == 3 : size < 3 || q; }
  unsigned size, right, left;
};

/// d = a >> n, rounded: the bit shifted out last is added.
void round_right(VectorCode& v, const Xmm& d, const Xmm& a, unsigned size, unsigned n,
                 bool is_signed) {
  shift_right(v, kT2, a, size, n - 1, false);
  v.splat(kT3, size, 1);
  v.x.vpand(kT2, kT2, kT3);
  shift_right(v, d, a, size, n, is_signed);
  add_lanes(v, d, d, kT2, {size, true});
}

template <bool IsSigned, bool Round, bool Accumulate, bool Scalar>
bool shift_right_imm(Emitter& e, u32 insn) {
  VectorCode v(e);
  const VectorFields f(insn);
  const Immediate i(insn);
  const bool q = !Scalar && f.q;
  if (!i.allocated(Scalar, f.q)) return false;
  const Xmm a = v.in(f.rn, 0);
  const Xmm d = Accumulate ? kT0 : v.target(f.rd);
  Round ? round_right(v, d, a, i.size, i.right, IsSigned)
        : static_cast<void>(shift_right(v, d, a, i.size, i.right, IsSigned));
  if (!Accumulate) return v.finish(q, f.rd, d), true;
  const Xmm sum = v.target(f.rd, 1);
  add_lanes(v, sum, v.in(f.rd, 1), kT0, {i.size, q});
  return v.finish(q, f.rd, sum), true;
}

template <bool Scalar>
bool shl(Emitter& e, u32 insn) {
  VectorCode v(e);
  const VectorFields f(insn);
  const Immediate i(insn);
  if (!i.allocated(Scalar, f.q)) return false;
  const Xmm d = v.target(f.rd);
  shift_left(v, d, v.in(f.rn, 0), i.size, i.left);
  return v.finish(!Scalar && f.q, f.rd, d), true;
}

/// SLI and SRI: the bits that nothing is shifted into stay.
template <bool Right, bool Scalar>
bool shift_insert(Emitter& e, u32 insn) {
  VectorCode v(e);
  const VectorFields f(insn);
  const Immediate i(insn);
  if (!i.allocated(Scalar, f.q)) return false;
  const unsigned bits = 8u << i.size, n = Right ? i.right : i.left;
  const u64 all = ~u64{0} >> (64 - bits);
  const u64 inserted = n == bits ? 0 : Right ? all >> n : all << n & all;
  if (n == bits) {
    v.zero(kT0);
  } else if (Right) {
    shift_right(v, kT0, v.in(f.rn, 0), i.size, n, false);
  } else {
    shift_left(v, kT0, v.in(f.rn, 0), i.size, n);
  }
  v.splat(kT2, i.size, ~inserted);
  v.x.vpand(kT2, v.in(f.rd, 3), kT2);
  const Xmm d = v.target(f.rd);
  v.x.vpor(d, kT2, kT0);
  return v.finish(!Scalar && f.q, f.rd, d), true;
}

template <bool IsSigned>
bool shift_left_long(Emitter& e, u32 insn) {
  VectorCode v(e);
  const VectorFields f(insn);
  const Immediate i(insn);
  if (i.size == 3) return false;
  const Xmm d = v.target(f.rd);
  widen(v, d, v.in(f.rn, 0), i.size, f.q, IsSigned);
  if (i.left != 0) shift_left(v, d, d, i.size + 1, i.left);
  return v.finish(true, f.rd, d), true;
}
bool shll(Emitter& e, u32 insn) {
  VectorCode v(e);
  const VectorFields f(insn);
  const Xmm d = v.target(f.rd);
  widen(v, d, v.in(f.rn, 0), f.size, f.q, false);
  shift_left(v, d, d, f.size + 1, 8u << f.size);
  return v.finish(true, f.rd, d), true;
}

/// The same of bytes, as words. Everything above bit 127 is zero again behind it.
template <bool IsSigned>
bool shift_bytes_by_register(VectorCode& v, const VectorFields& f) {
  auto& x = v.x;
  if (!v.host.avx512) return false;
  const Xbyak::Ymm a(0), left(1), right(2), t(3);
  x.vpmovsxbw(left, v.in(f.rm, 1));
  IsSigned ? x.vpmovsxbw(a, v.in(f.rn, 0)) : x.vpmovzxbw(a, v.in(f.rn, 0));
  x.vpxor(t, t, t);
  x.vpsubw(right, t, left);
  // Counts of 16 and more, which negative ones are too, leave zeros, or signs.
  IsSigned ? x.vpsravw(t, a, right) : x.vpsrlvw(t, a, right);
  x.vpsllvw(a, a, left);
  if (IsSigned) {
    x.vpsraw(left, left, 15);
    x.vpblendvb(a, a, t, left);
  } else {
    x.vpor(a, a, t);
  }
  x.vpmovwb(kT0, a);
  x.vzeroupper();
  return v.finish(f.q, f.rd, kT0), true;
}

/// By the low byte of each element of Vm, to the left, or to the right where that is negative.
template <bool IsSigned, bool Scalar>
bool shift_by_register(Emitter& e, u32 insn) {
  VectorCode v(e);
  auto& x = v.x;
  const VectorFields f(insn);
  if (!Scalar && reserved(f)) return false;
  if (f.size == 0) return shift_bytes_by_register<IsSigned>(v, f);
  const bool words = f.size == 1;
  if ((words || (IsSigned && f.size == 3)) && !v.host.avx512) return false;
  const Xmm a = v.in(f.rn, 0), b = v.in(f.rm, 1);
  const Shape s{f.size, true};
  v.splat(kT2, f.size, 0xff);
  x.vpand(kT2, b, kT2);
  v.splat(kT3, f.size, 0x80);
  x.vpxor(kT2, kT2, kT3);
  sub_lanes(v, kT2, kT2, kT3, s);
  v.zero(kT3);
  sub_lanes(v, kT3, kT3, kT2, s);  // to the right by
  static constexpr Op3 kLeft[] = {nullptr, &G::vpsllvw, &G::vpsllvd, &G::vpsllvq};
  static constexpr Op3 kLogical[] = {nullptr, &G::vpsrlvw, &G::vpsrlvd, &G::vpsrlvq};
  static constexpr Op3 kArithmetic[] = {nullptr, &G::vpsravw, &G::vpsravd, &G::vpsravq};
  const Xmm d = v.target(f.rd);
  // Counts of an element's width and more, which negative ones are too, leave zeros, or signs.
  (x.*(IsSigned ? kArithmetic : kLogical)[f.size])(kT3, a, kT3);
  (x.*kLeft[f.size])(kT1, a, kT2);
  if (IsSigned) {
    if (words) x.vpsraw(kT2, kT2, 15);
    words         ? x.vpblendvb(d, kT1, kT3, kT2)
    : f.size == 2 ? x.vblendvps(d, kT1, kT3, kT2)
                  : x.vblendvpd(d, kT1, kT3, kT2);
  } else {
    x.vpor(d, kT1, kT3);
  }
  return v.finish(!Scalar && f.q, f.rd, d), true;
}

// ---- Narrowing ---------------------------------------------------------------------------------

bool xtn(Emitter& e, u32 insn) {
  VectorCode v(e);
  const VectorFields f(insn);
  narrow(v, kT0, v.in(f.rn, 0), f.size);
  return finish_narrow(v, f.q, f.rd, kT0), true;
}

enum class Narrow { Signed, Unsigned, SignedToUnsigned };

/// The elements of `a`, which are as wide again as `size` says, saturated; QC.  The low 8 bytes of xmm0.
template <Narrow N>
void saturating_narrow(VectorCode& v, const Xmm& a, unsigned size) {
  auto& x = v.x;
  Xmm from = a;
  if (N == Narrow::Unsigned) {
    v.splat(kT2, size + 1, size == 0 ? 0xff : 0xffff);
    size == 0 ? x.vpminuw(kT2, a, kT2) : x.vpminud(kT2, a, kT2);
    from = kT2;
  }
  if (N == Narrow::Signed)
    size == 0 ? x.vpacksswb(kT1, from, from) : x.vpackssdw(kT1, from, from);
  else
    size == 0 ? x.vpackuswb(kT1, from, from) : x.vpackusdw(kT1, from, from);
  widen(v, kT2, kT1, size, false, N == Narrow::Signed);
  x.vpxor(kT2, kT2, a);
  v.saturated_unless_zero(kT2);
}

template <Narrow N>
bool sqxtn(Emitter& e, u32 insn) {
  VectorCode v(e);
  const VectorFields f(insn);
  saturating_narrow<N>(v, v.in(f.rn, 0), f.size);
  return finish_narrow(v, f.q, f.rd, kT1), true;
}

template <bool Round>
bool shrn(Emitter& e, u32 insn) {
  VectorCode v(e);
  const VectorFields f(insn);
  const Immediate i(insn);
  if (i.size == 3) return false;
  const Xmm a = v.in(f.rn, 0);
  Round ? round_right(v, kT0, a, i.size + 1, i.right, false)
        : static_cast<void>(shift_right(v, kT0, a, i.size + 1, i.right, false));
  narrow(v, kT0, kT0, i.size);
  return finish_narrow(v, f.q, f.rd, kT0), true;
}

template <Narrow N, bool Round>
bool sqshrn(Emitter& e, u32 insn) {
  VectorCode v(e);
  const VectorFields f(insn);
  const Immediate i(insn);
  if (i.size > 1) return false;
  const bool is_signed = N != Narrow::Unsigned;
  const Xmm a = v.in(f.rn, 0);
  Round ? round_right(v, kT0, a, i.size + 1, i.right, is_signed)
        : static_cast<void>(shift_right(v, kT0, a, i.size + 1, i.right, is_signed));
  saturating_narrow<N>(v, kT0, i.size);
  return finish_narrow(v, f.q, f.rd, kT1), true;
}

/// ADDHN, SUBHN: the high halves of sums; `Round`: with half of what is cut off added.
template <Lanes2 F, bool Round>
bool high_narrow(Emitter& e, u32 insn) {
  VectorCode v(e);
  const VectorFields f(insn);
  const Shape wide{f.size + 1, true};
  const unsigned half = 8u << f.size;
  F(v, kT0, v.in(f.rn, 0), v.in(f.rm, 1), wide);
  if (Round) {
    v.splat(kT2, wide.size, u64{1} << (half - 1));
    add_lanes(v, kT0, kT0, kT2, wide);
  }
  shift_right(v, kT0, kT0, wide.size, half, false);
  narrow(v, kT0, kT0, f.size);
  return finish_narrow(v, f.q, f.rd, kT0), true;
}

// ---- Widening ----------------------------------------------------------------------------------

/// A widening operation: xmm0 = F(Vn, Vm), where the operands are those of one half.
using Widening = void (*)(VectorCode& v, const Xmm& a, const Xmm& b, Shape s);

template <bool IsSigned, Lanes2 F>
void widening_sum(VectorCode& v, const Xmm& a, const Xmm& b, Shape s) {
  widen(v, kT2, a, s.size, s.q, IsSigned);
  widen(v, kT3, b, s.size, s.q, IsSigned);
  F(v, kT0, kT2, kT3, {s.size + 1, true});
}

template <bool IsSigned>
void widening_abd(VectorCode& v, const Xmm& a, const Xmm& b, Shape s) {
  static constexpr Op3 kMax[3] = {IsSigned ? &G::vpmaxsb : &G::vpmaxub,
                                  IsSigned ? &G::vpmaxsw : &G::vpmaxuw,
                                  IsSigned ? &G::vpmaxsd : &G::vpmaxud};
  static constexpr Op3 kMin[3] = {IsSigned ? &G::vpminsb : &G::vpminub,
                                  IsSigned ? &G::vpminsw : &G::vpminuw,
                                  IsSigned ? &G::vpminsd : &G::vpminud};
  const Op3 max = kMax[s.size], min = kMin[s.size];
  (v.x.*max)(kT2, a, b);
  (v.x.*min)(kT3, a, b);
  sub_lanes(v, kT2, kT2, kT3, s);
  widen(v, kT0, kT2, s.size, s.q, false);
}

template <Widening F>
bool widening(Emitter& e, u32 insn) {
  VectorCode v(e);
  const VectorFields f(insn);
  F(v, v.in(f.rn, 0), v.in(f.rm, 1), {f.size, f.q});
  return v.finish(true, f.rd, kT0), true;
}
template <Widening F, Lanes2 A>
bool widening_accumulate(Emitter& e, u32 insn) {
  VectorCode v(e);
  const VectorFields f(insn);
  F(v, v.in(f.rn, 0), v.in(f.rm, 1), {f.size, f.q});
  const Xmm d = v.target(f.rd, 1);
  A(v, d, v.in(f.rd, 1), kT0, {f.size + 1, true});
  return v.finish(true, f.rd, d), true;
}
template <Widening F>
bool widening_element(Emitter& e, u32 insn) {
  VectorCode v(e);
  const VectorFields f(insn);
  const Element m = element_of(insn, f.size);
  broadcast(v, kT1, v.in(m.r, 1), f.size, m.index);
  F(v, v.in(f.rn, 0), kT1, {f.size, f.q});
  return v.finish(true, f.rd, kT0), true;
}
template <Widening F, Lanes2 A>
bool widening_accumulate_element(Emitter& e, u32 insn) {
  VectorCode v(e);
  const VectorFields f(insn);
  const Element m = element_of(insn, f.size);
  broadcast(v, kT1, v.in(m.r, 1), f.size, m.index);
  F(v, v.in(f.rn, 0), kT1, {f.size, f.q});
  const Xmm d = v.target(f.rd, 1);
  A(v, d, v.in(f.rd, 1), kT0, {f.size + 1, true});
  return v.finish(true, f.rd, d), true;
}
/// SADDW and so on: only Vm is widened.
template <bool IsSigned, Lanes2 F>
bool wide_sum(Emitter& e, u32 insn) {
  VectorCode v(e);
  const VectorFields f(insn);
  widen(v, kT2, v.in(f.rm, 1), f.size, f.q, IsSigned);
  const Xmm d = v.target(f.rd);
  F(v, d, v.in(f.rn, 0), kT2, {f.size + 1, true});
  return v.finish(true, f.rd, d), true;
}

const R kRows[] = {
    {"SSHR", shift_right_imm<true, false, false, false>, kDn},
    {"USHR", shift_right_imm<false, false, false, false>, kDn},
    {"SSRA", shift_right_imm<true, false, true, false>, kDdn},
    {"USRA", shift_right_imm<false, false, true, false>, kDdn},
    {"SRSHR", shift_right_imm<true, true, false, false>, kDn},
    {"URSHR", shift_right_imm<false, true, false, false>, kDn},
    {"SRSRA", shift_right_imm<true, true, true, false>, kDdn},
    {"URSRA", shift_right_imm<false, true, true, false>, kDdn},
    {"SSHR_s", shift_right_imm<true, false, false, true>, kDn},
    {"USHR_s", shift_right_imm<false, false, false, true>, kDn},
    {"SSRA_s", shift_right_imm<true, false, true, true>, kDdn},
    {"USRA_s", shift_right_imm<false, false, true, true>, kDdn},
    {"SRSHR_s", shift_right_imm<true, true, false, true>, kDn},
    {"URSHR_s", shift_right_imm<false, true, false, true>, kDn},
    {"SRSRA_s", shift_right_imm<true, true, true, true>, kDdn},
    {"URSRA_s", shift_right_imm<false, true, true, true>, kDdn},
    {"SHL", shl<false>, kDn},
    {"SHL_s", shl<true>, kDn},
    {"SRI", shift_insert<true, false>, kDdn},
    {"SLI", shift_insert<false, false>, kDdn},
    {"SRI_s", shift_insert<true, true>, kDdn},
    {"SLI_s", shift_insert<false, true>, kDdn},
    {"SSHLL", shift_left_long<true>, kDn},
    {"USHLL", shift_left_long<false>, kDn},
    {"SHLL", shll, kDn, 7},
    {"SSHL", shift_by_register<true, false>, kDnm},
    {"USHL", shift_by_register<false, false>, kDnm},
    {"SSHL_s", shift_by_register<true, true>, kDnm},
    {"USHL_s", shift_by_register<false, true>, kDnm},
    {"XTN", xtn, kDdn, 7},
    {"SQXTN", sqxtn<Narrow::Signed>, kDdn, 3},
    {"UQXTN", sqxtn<Narrow::Unsigned>, kDdn, 3},
    {"SQXTUN", sqxtn<Narrow::SignedToUnsigned>, kDdn, 3},
    {"SHRN", shrn<false>, kDdn},
    {"RSHRN", shrn<true>, kDdn},
    {"SQSHRN", sqshrn<Narrow::Signed, false>, kDdn},
    {"SQRSHRN", sqshrn<Narrow::Signed, true>, kDdn},
    {"UQSHRN", sqshrn<Narrow::Unsigned, false>, kDdn},
    {"UQRSHRN", sqshrn<Narrow::Unsigned, true>, kDdn},
    {"SQSHRUN", sqshrn<Narrow::SignedToUnsigned, false>, kDdn},
    {"SQRSHRUN", sqshrn<Narrow::SignedToUnsigned, true>, kDdn},
    {"ADDHN", high_narrow<add_lanes, false>, kDdnm, 7},
    {"SUBHN", high_narrow<sub_lanes, false>, kDdnm, 7},
    {"RADDHN", high_narrow<add_lanes, true>, kDdnm, 7},
    {"RSUBHN", high_narrow<sub_lanes, true>, kDdnm, 7},
    {"SADDL", widening<widening_sum<true, add_lanes>>, kDnm, 7},
    {"UADDL", widening<widening_sum<false, add_lanes>>, kDnm, 7},
    {"SSUBL", widening<widening_sum<true, sub_lanes>>, kDnm, 7},
    {"USUBL", widening<widening_sum<false, sub_lanes>>, kDnm, 7},
    {"SADDW", wide_sum<true, add_lanes>, kDnm, 7},
    {"UADDW", wide_sum<false, add_lanes>, kDnm, 7},
    {"SSUBW", wide_sum<true, sub_lanes>, kDnm, 7},
    {"USUBW", wide_sum<false, sub_lanes>, kDnm, 7},
    {"SABDL", widening<widening_abd<true>>, kDnm, 7},
    {"UABDL", widening<widening_abd<false>>, kDnm, 7},
    {"SABAL", widening_accumulate<widening_abd<true>, add_lanes>, kDdnm, 7},
    {"UABAL", widening_accumulate<widening_abd<false>, add_lanes>, kDdnm, 7},
    {"SMULL", widening<widening_mul<true>>, kDnm, 7},
    {"UMULL", widening<widening_mul<false>>, kDnm, 7},
    {"SMLAL", widening_accumulate<widening_mul<true>, add_lanes>, kDdnm, 7},
    {"UMLAL", widening_accumulate<widening_mul<false>, add_lanes>, kDdnm, 7},
    {"SMLSL", widening_accumulate<widening_mul<true>, sub_lanes>, kDdnm, 7},
    {"UMLSL", widening_accumulate<widening_mul<false>, sub_lanes>, kDdnm, 7},
    {"SMULL_e", widening_element<widening_mul<true>>, kDn | R::kRmShort, 6},
    {"UMULL_e", widening_element<widening_mul<false>>, kDn | R::kRmShort, 6},
    {"SMLAL_e", widening_accumulate_element<widening_mul<true>, add_lanes>, kDdn | R::kRmShort, 6},
    {"UMLAL_e", widening_accumulate_element<widening_mul<false>, add_lanes>, kDdn | R::kRmShort, 6},
    {"SMLSL_e", widening_accumulate_element<widening_mul<true>, sub_lanes>, kDdn | R::kRmShort, 6},
    {"UMLSL_e", widening_accumulate_element<widening_mul<false>, sub_lanes>, kDdn | R::kRmShort, 6},
};

}  // namespace

std::span<const HostRow> host_rows_shift() { return kRows; }

}  // namespace quince::cpu::jit
