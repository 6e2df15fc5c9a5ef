// Saturating arithmetic (Arm ARM DDI 0487, C7.2).  FPSR.QC is set, out of line, where an element was too large.
//
// Stay calls: SUQADD and USQADD, accumulation with rounding (SQRDMLAH), shifts to the left and by registers that saturate.
#include "cpu/jit/x64/vector_lanes.h"

namespace quince::cpu::jit {

namespace {

using R = HostRow;
constexpr u16 kDnm = R::kWd | R::kRn | R::kRm;
constexpr u16 kDdnm = kDnm | R::kRd;
constexpr u16 kDn = R::kWd | R::kRn;
constexpr u16 kDdn = kDn | R::kRd;

/// Of scalars: the lowest elements are moved to the top, above zeros, for which nothing here saturates.
template <Lanes2 F>
bool scalar_three_same(Emitter& e, u32 insn) {
  VectorCode v(e);
  const VectorFields f(insn);
  const u8 up = static_cast<u8>(16 - (1u << f.size));
  v.x.vpslldq(kT0, v.in(f.rn, 0), up);
  v.x.vpslldq(kT1, v.in(f.rm, 1), up);
  if (!F(v, kT0, kT0, kT1, {f.size, true})) return false;
  v.x.vpsrldq(kT0, kT0, up);
  v.finish(true, f.rd, kT0);
  return true;
}
template <Lanes1 F>
bool scalar_two_same(Emitter& e, u32 insn) {
  VectorCode v(e);
  const VectorFields f(insn);
  const u8 up = static_cast<u8>(16 - (1u << f.size));
  v.x.vpslldq(kT0, v.in(f.rn, 0), up);
  if (!F(v, kT0, kT0, {f.size, true})) return false;
  v.x.vpsrldq(kT0, kT0, up);
  v.finish(true, f.rd, kT0);
  return true;
}

/// Bytes and halfwords: some element differs from the result that wraps.
template <Lanes2 Saturating, Lanes2 Wrapping>
bool saturate(VectorCode& v, const Xmm& d, const Xmm& a, const Xmm& b, Shape s) {
  Wrapping(v, kT2, a, b, s);
  Saturating(v, kT3, a, b, s);
  v.x.vpxor(kT2, kT2, kT3);
  if (!s.q) v.x.vmovq(kT2, kT2);
  v.saturated_unless_zero(kT2);
  v.x.vmovdqa(d, kT3);
  return true;
}

/// Words and doublewords: d = xmm2, or d where the highest bit of an element of xmm3 is set, which is QC.
bool choose_saturated(VectorCode& v, const Xmm& d, Shape s) {
  auto& x = v.x;
  s.size == 2 ? x.vblendvps(d, kT2, d, kT3) : x.vblendvpd(d, kT2, d, kT3);
  x.vpand(kT3, kT3, v.literal(s.size == 2 ? 0x8000'0000'8000'0000 : u64{1} << 63));
  if (!s.q) x.vmovq(kT3, kT3);
  v.saturated_unless_zero(kT3);
  return true;
}
/// A sum is below an operand where the other one is negative, and only there, unless it wraps; a difference above.
template <bool Subtract>
bool saturate_signed(VectorCode& v, const Xmm& d, const Xmm& a, const Xmm& b, Shape s) {
  auto& x = v.x;
  (Subtract ? sub_lanes : add_lanes)(v, kT2, a, b, s);
  Subtract ? greater_lanes(v, kT3, kT2, a, s) : greater_lanes(v, kT3, a, kT2, s);
  x.vpxor(kT3, kT3, b);
  // The operands are done with: the largest number where the result is negative, else the smallest.
  v.zero(d);
  greater_lanes(v, d, d, kT2, s);
  x.vpxor(d, d, v.literal(s.size == 2 ? 0x8000'0000'8000'0000 : u64{1} << 63));
  return choose_saturated(v, d, s);
}
/// The carry, or the borrow, out of the highest bit.
template <bool Subtract>
bool saturate_unsigned(VectorCode& v, const Xmm& d, const Xmm& a, const Xmm& b, Shape s) {
  auto& x = v.x;
  (Subtract ? sub_lanes : add_lanes)(v, kT2, a, b, s);
  if (Subtract) {
    x.vpxor(kT3, a, b);
    x.vpandn(kT3, kT3, kT2);
    x.vpandn(d, a, b);
  } else {
    x.vpor(kT3, a, b);
    x.vpandn(kT3, kT2, kT3);
    x.vpand(d, a, b);
  }
  x.vpor(kT3, kT3, d);
  Subtract ? v.zero(d) : v.ones(d);
  return choose_saturated(v, d, s);
}

template <Lanes2 Narrow, Lanes2 Wrapping, Lanes2 Wide>
bool by_size(VectorCode& v, const Xmm& d, const Xmm& a, const Xmm& b, Shape s) {
  return s.size < 2 ? saturate<Narrow, Wrapping>(v, d, a, b, s) : Wide(v, d, a, b, s);
}
constexpr Lanes2 kSqadd =
    by_size<each<&G::vpaddsb, &G::vpaddsw, nullptr, nullptr>, add_lanes, saturate_signed<false>>;
constexpr Lanes2 kUqadd = by_size<each<&G::vpaddusb, &G::vpaddusw, nullptr, nullptr>, add_lanes,
                                  saturate_unsigned<false>>;
constexpr Lanes2 kSqsub =
    by_size<each<&G::vpsubsb, &G::vpsubsw, nullptr, nullptr>, sub_lanes, saturate_signed<true>>;
constexpr Lanes2 kUqsub =
    by_size<each<&G::vpsubusb, &G::vpsubusw, nullptr, nullptr>, sub_lanes, saturate_unsigned<true>>;

/// xmm2 is right unless it is the smallest number, which is to be the largest.
void saturate_smallest(VectorCode& v, const Xmm& d, Shape s) {
  v.splat(kT3, s.size, u64{1} << ((8u << s.size) - 1));
  equal_lanes(v, kT3, kT3, kT2, s);
  v.x.vpxor(kT2, kT2, kT3);
  if (!s.q) v.x.vmovq(kT3, kT3);
  v.saturated_unless_zero(kT3);
  v.x.vmovdqa(d, kT2);
}
bool sqabs(VectorCode& v, const Xmm& d, const Xmm& a, Shape s) {
  if (s.size == 3) {
    v.zero(kT2);
    v.x.vpcmpgtq(kT2, kT2, a);
    v.x.vpxor(kT3, a, kT2);
    v.x.vpsubq(kT2, kT3, kT2);
  } else {
    abs_lanes(v, kT2, a, s);
  }
  saturate_smallest(v, d, s);
  return true;
}
bool sqneg(VectorCode& v, const Xmm& d, const Xmm& a, Shape s) {
  v.zero(kT2);
  sub_lanes(v, kT2, kT2, a, s);
  saturate_smallest(v, d, s);
  return true;
}

/// SQDMULH and SQRDMULH.  The one product that overflows, of the smallest numbers, comes out as the smallest number,
/// and nothing else does.
template <bool Round>
bool doubling_high(VectorCode& v, const Xmm& d, const Xmm& a, const Xmm& b, Shape s) {
  auto& x = v.x;
  if (s.size == 1) {
    if (Round) {
      x.vpmulhrsw(kT2, a, b);
    } else {
      x.vpmullw(kT3, a, b);
      x.vpmulhw(kT2, a, b);
      x.vpsrlw(kT3, kT3, 15);
      x.vpaddw(kT2, kT2, kT2);
      x.vpor(kT2, kT2, kT3);
    }
  } else {
    x.vpsrlq(kT2, a, 32);
    x.vpsrlq(kT3, b, 32);
    x.vpmuldq(kT2, kT2, kT3);
    x.vpmuldq(kT3, a, b);
    x.vpaddq(kT2, kT2, kT2);
    x.vpaddq(kT3, kT3, kT3);
    if (Round) {
      // The operands are done with.
      v.constant(kT1, 0x8000'0000);
      x.vpaddq(kT2, kT2, kT1);
      x.vpaddq(kT3, kT3, kT1);
    }
    x.vpsrlq(kT3, kT3, 32);
    x.vpblendw(kT2, kT3, kT2, 0xcc);
  }
  saturate_smallest(v, d, s);
  return true;
}

/// xmm0 = twice the product of the elements of one half; likewise.
void doubling_product(VectorCode& v, const Xmm& a, const Xmm& b, Shape s) {
  const Shape wide{s.size + 1, true};
  widening_mul<true>(v, a, b, s);
  add_lanes(v, kT2, kT0, kT0, wide);
  saturate_smallest(v, kT0, wide);
}
/// SQDMULL, and SQDMLAL and SQDMLSL with what accumulates; `b` comes from `operand`.
template <class Operand>
void doubling_long(VectorCode& v, const VectorFields& f, Lanes2 accumulate, Operand operand) {
  const Xmm b = operand();
  doubling_product(v, v.in(f.rn, 0), b, {f.size, f.q});
  if (accumulate == nullptr) return v.finish(true, f.rd, kT0);
  const Xmm d = v.target(f.rd, 1);
  accumulate(v, d, v.in(f.rd, 1), kT0, {f.size + 1, true});
  v.finish(true, f.rd, d);
}
template <Lanes2 Accumulate>
bool sqdmull(Emitter& e, u32 insn) {
  VectorCode v(e);
  const VectorFields f(insn);
  doubling_long(v, f, Accumulate, [&] { return v.in(f.rm, 1); });
  return true;
}
template <Lanes2 Accumulate>
bool sqdmull_element(Emitter& e, u32 insn) {
  VectorCode v(e);
  const VectorFields f(insn);
  const Element m = element_of(insn, f.size);
  doubling_long(v, f, Accumulate, [&] {
    broadcast(v, kT1, v.in(m.r, 1), f.size, m.index);
    return kT1;
  });
  return true;
}

const R kRows[] = {
    {"SQADD", three_same<kSqadd>, kDnm},
    {"UQADD", three_same<kUqadd>, kDnm},
    {"SQSUB", three_same<kSqsub>, kDnm},
    {"UQSUB", three_same<kUqsub>, kDnm},
    {"SQADD_s", scalar_three_same<kSqadd>, kDnm},
    {"UQADD_s", scalar_three_same<kUqadd>, kDnm},
    {"SQSUB_s", scalar_three_same<kSqsub>, kDnm},
    {"UQSUB_s", scalar_three_same<kUqsub>, kDnm},
    {"SQABS", two_same<sqabs>, kDn},
    {"SQNEG", two_same<sqneg>, kDn},
    {"SQABS_s", scalar_two_same<sqabs>, kDn},
    {"SQNEG_s", scalar_two_same<sqneg>, kDn},
    {"SQDMULH", three_same<doubling_high<false>>, kDnm, 6},
    {"SQRDMULH", three_same<doubling_high<true>>, kDnm, 6},
    {"SQDMULH_s", scalar_three_same<doubling_high<false>>, kDnm, 6},
    {"SQRDMULH_s", scalar_three_same<doubling_high<true>>, kDnm, 6},
    {"SQDMULH_e", by_element<doubling_high<false>>, kDn | R::kRmShort, 6},
    {"SQRDMULH_e", by_element<doubling_high<true>>, kDn | R::kRmShort, 6},
    {"SQDMULL", sqdmull<nullptr>, kDnm, 6},
    {"SQDMLAL", sqdmull<kSqadd>, kDdnm, 6},
    {"SQDMLSL", sqdmull<kSqsub>, kDdnm, 6},
    {"SQDMULL_e", sqdmull_element<nullptr>, kDn | R::kRmShort, 6},
    {"SQDMLAL_e", sqdmull_element<kSqadd>, kDdn | R::kRmShort, 6},
    {"SQDMLSL_e", sqdmull_element<kSqsub>, kDdn | R::kRmShort, 6},
};

}  // namespace

std::span<const HostRow> host_rows_saturating() { return kRows; }

}  // namespace quince::cpu::jit
