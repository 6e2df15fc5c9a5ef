// Integer arithmetic, logic and comparison of vectors (Arm ARM DDI 0487, C7.2; Intel SDM, volume 2).
//
// Saturating arithmetic is in vec_saturating.cpp. Polynomial multiplication and products of matrices stay calls.
#include "cpu/jit/x64/vector_lanes.h"

namespace quince::cpu::jit {

// ---- Helpers of several files ------------------------------------------------------------------

Element element_of(u32 insn, unsigned size) {
  const unsigned l = insn >> 21 & 1, m = insn >> 20 & 1, h = insn >> 11 & 1;
  const u32 low = insn >> 16 & 15, whole = insn >> 16 & 31;
  if (size == 1) return {low, h << 2 | l << 1 | m};
  if (size == 2) return {whole, h << 1 | l};
  return {whole, h};
}

void broadcast(VectorCode& v, const Xmm& to, const Xmm& from, unsigned size, unsigned index) {
  auto& x = v.x;
  switch (size) {
    case 0:
      if (index == 0) return x.vpbroadcastb(to, from);
      x.vpsrldq(to, from, static_cast<u8>(index));
      return x.vpbroadcastb(to, to);
    case 1:
      if (index == 0) return x.vpbroadcastw(to, from);
      x.vpsrldq(to, from, static_cast<u8>(2 * index));
      return x.vpbroadcastw(to, to);
    case 2:
      return x.vpshufd(to, from, static_cast<u8>(index * 0x55));
    default:
      return index == 0 ? x.vpunpcklqdq(to, from, from) : x.vpunpckhqdq(to, from, from);
  }
}

bool abs_lanes(VectorCode& v, const Xmm& d, const Xmm& a, Shape s) {
  switch (s.size) {
    case 0:
      return v.x.vpabsb(d, a), true;
    case 1:
      return v.x.vpabsw(d, a), true;
    case 2:
      return v.x.vpabsd(d, a), true;
    default:
      v.zero(kT2);
      v.x.vpcmpgtq(kT2, kT2, a);
      v.x.vpxor(kT3, a, kT2);
      return v.x.vpsubq(d, kT3, kT2), true;
  }
}

void widen(VectorCode& v, const Xmm& to, const Xmm& a, unsigned size, bool upper, bool is_signed) {
  static constexpr Op2 kSigned[] = {&G::vpmovsxbw, &G::vpmovsxwd, &G::vpmovsxdq};
  static constexpr Op2 kUnsigned[] = {&G::vpmovzxbw, &G::vpmovzxwd, &G::vpmovzxdq};
  const Op2 op = is_signed ? kSigned[size] : kUnsigned[size];
  if (upper) v.x.vpshufd(to, a, 0xee);
  (v.x.*op)(to, upper ? to : a);
}

void narrow(VectorCode& v, const Xmm& to, const Xmm& a, unsigned size) {
  if (size == 2) return v.x.vpshufd(to, a, 0x88);
  if (size == 0)
    v.constant(kT3, 0x0e0c'0a08'0604'0200);
  else
    v.constant(kT3, 0x0d0c'0908'0504'0100);
  v.x.vpshufb(to, a, kT3);
}

void finish_narrow(VectorCode& v, bool q, u32 rd, const Xmm& t) {
  if (!q) return v.finish(false, rd, t);
  const int spare = t.getIdx() == 1 ? 0 : 1;
  const Xmm d = v.target(rd, spare);
  v.x.vpunpcklqdq(d, v.in(rd, spare), t);
  v.finish(true, rd, d);
}

namespace {

using R = HostRow;
constexpr u16 kDnm = R::kWd | R::kRn | R::kRm;
constexpr u16 kDdnm = kDnm | R::kRd;
constexpr u16 kDn = R::kWd | R::kRn;
constexpr u16 kDdn = kDn | R::kRd;
constexpr u16 kDne = kDn | R::kRmShort;
constexpr u16 kDdne = kDdn | R::kRmShort;

// ---- Logic -------------------------------------------------------------------------------------

template <Op3 Op>
bool plain(VectorCode& v, const Xmm& d, const Xmm& a, const Xmm& b, Shape) {
  (v.x.*Op)(d, a, b);
  return true;
}
bool bic(VectorCode& v, const Xmm& d, const Xmm& a, const Xmm& b, Shape) {
  v.x.vpandn(d, b, a);
  return true;
}
bool orn(VectorCode& v, const Xmm& d, const Xmm& a, const Xmm& b, Shape) {
  v.ones(kT2);
  v.x.vpxor(kT2, kT2, b);
  v.x.vpor(d, a, kT2);
  return true;
}

/// d = (yes & mask) | (no & ~mask); xmm2, which may be one of them, and xmm3 are used.
void choose(VectorCode& v, const Xmm& d, const Xmm& yes, const Xmm& no, const Xmm& mask) {
  v.x.vpandn(kT3, mask, no);
  v.x.vpand(kT2, yes, mask);
  v.x.vpor(d, kT2, kT3);
}
/// Which of Vd, Vn and Vm the others are selected by, and in which order.
enum class Select { Bsl, Bit, Bif };
template <Select S>
bool select(Emitter& e, u32 insn) {
  VectorCode v(e);
  const VectorFields f(insn);
  const Xmm n = v.in(f.rn, 0), m = v.in(f.rm, 1), old = v.in(f.rd, 2), d = v.target(f.rd, 2);
  if (v.host.avx512) {
    // The table of VPTERNLOG is indexed by destination, first, second operand: BSL d ? n : m, BIT m ? n : d,
    // BIF m ? d : n.
    const Xmm t = f.q ? d : kT2;
    if (t.getIdx() != old.getIdx()) v.x.vmovdqa(t, old);
    v.x.vpternlogd(t, n, m, S == Select::Bsl ? 0xca : S == Select::Bit ? 0xd8 : 0xe4);
    v.finish(f.q, f.rd, t);
    return true;
  }
  if (S == Select::Bsl) choose(v, d, n, m, old);
  if (S == Select::Bit) choose(v, d, n, old, m);
  if (S == Select::Bif) choose(v, d, old, n, m);
  v.finish(f.q, f.rd, d);
  return true;
}

/// Vd = F(Vn, Vm) on the whole register; where others have the size are bits of the operation.
template <Lanes2 F>
bool logic(Emitter& e, u32 insn) {
  VectorCode v(e);
  const VectorFields f(insn);
  const Xmm d = v.target(f.rd);
  F(v, d, v.in(f.rn, 0), v.in(f.rm, 1), {});
  v.finish(f.q, f.rd, d);
  return true;
}

bool not_lanes(VectorCode& v, const Xmm& d, const Xmm& a, Shape) {
  v.ones(kT2);
  v.x.vpxor(d, a, kT2);
  return true;
}

// ---- Comparison --------------------------------------------------------------------------------

constexpr Lanes2 eq = equal_lanes, gt = greater_lanes;
bool ge(VectorCode& v, const Xmm& d, const Xmm& a, const Xmm& b, Shape s) {
  gt(v, kT2, b, a, s);
  v.ones(kT3);
  v.x.vpxor(d, kT2, kT3);
  return true;
}
bool hi(VectorCode& v, const Xmm& d, const Xmm& a, const Xmm& b, Shape s) {
  // Signed, with both moved by half the range.
  v.splat(kT3, s.size, u64{1} << ((8u << s.size) - 1));
  v.x.vpxor(kT2, a, kT3);
  v.x.vpxor(kT3, b, kT3);
  return gt(v, d, kT2, kT3, s);
}
bool hs(VectorCode& v, const Xmm& d, const Xmm& a, const Xmm& b, Shape s) {
  if (s.size < 3) {
    each<&G::vpmaxub, &G::vpmaxuw, &G::vpmaxud, nullptr>(v, kT2, a, b, s);
    return eq(v, d, kT2, a, s);
  }
  hi(v, kT2, b, a, s);
  v.ones(kT3);
  v.x.vpxor(d, kT2, kT3);
  return true;
}
bool tst(VectorCode& v, const Xmm& d, const Xmm& a, const Xmm& b, Shape s) {
  v.x.vpand(kT2, a, b);
  v.zero(kT3);
  eq(v, kT2, kT2, kT3, s);
  v.ones(kT3);
  v.x.vpxor(d, kT2, kT3);
  return true;
}

enum class Zero { Gt, Ge, Eq, Le, Lt };
template <Zero Z>
bool zero_compare(VectorCode& v, const Xmm& d, const Xmm& a, Shape s) {
  v.zero(kT2);
  switch (Z) {
    case Zero::Gt:
      return gt(v, d, a, kT2, s);
    case Zero::Eq:
      return eq(v, d, a, kT2, s);
    case Zero::Lt:
      return gt(v, d, kT2, a, s);
    case Zero::Ge:
      gt(v, kT2, kT2, a, s);
      break;
    case Zero::Le:
      gt(v, kT2, a, kT2, s);
      break;
  }
  v.ones(kT3);
  v.x.vpxor(d, kT2, kT3);
  return true;
}

// ---- Arithmetic --------------------------------------------------------------------------------

bool max_s(VectorCode& v, const Xmm& d, const Xmm& a, const Xmm& b, Shape s) {
  return each<&G::vpmaxsb, &G::vpmaxsw, &G::vpmaxsd, nullptr>(v, d, a, b, s);
}
bool max_u(VectorCode& v, const Xmm& d, const Xmm& a, const Xmm& b, Shape s) {
  return each<&G::vpmaxub, &G::vpmaxuw, &G::vpmaxud, nullptr>(v, d, a, b, s);
}
bool min_s(VectorCode& v, const Xmm& d, const Xmm& a, const Xmm& b, Shape s) {
  return each<&G::vpminsb, &G::vpminsw, &G::vpminsd, nullptr>(v, d, a, b, s);
}
bool min_u(VectorCode& v, const Xmm& d, const Xmm& a, const Xmm& b, Shape s) {
  return each<&G::vpminub, &G::vpminuw, &G::vpminud, nullptr>(v, d, a, b, s);
}
template <bool IsSigned>
bool abd(VectorCode& v, const Xmm& d, const Xmm& a, const Xmm& b, Shape s) {
  (IsSigned ? max_s : max_u)(v, kT2, a, b, s);
  (IsSigned ? min_s : min_u)(v, kT3, a, b, s);
  return sub_lanes(v, d, kT2, kT3, s);
}

bool mul(VectorCode& v, const Xmm& d, const Xmm& a, const Xmm& b, Shape s) {
  auto& x = v.x;
  if (s.size == 1) return x.vpmullw(d, a, b), true;
  if (s.size == 2) return x.vpmulld(d, a, b), true;
  if (s.size == 3) return false;
  // Even bytes as the low halves of words, odd bytes as the high ones.
  x.vpsrlw(kT2, a, 8);
  x.vpsrlw(kT3, b, 8);
  x.vpmullw(kT2, kT2, kT3);
  x.vpsllw(kT2, kT2, 8);
  x.vpmullw(d, a, b);
  x.vpsllw(d, d, 8);
  x.vpsrlw(d, d, 8);
  x.vpor(d, d, kT2);
  return true;
}

/// (a + b) >> 1 without losing the carry; `Round`: upwards.
template <bool IsSigned, bool Round>
bool halving_add(VectorCode& v, const Xmm& d, const Xmm& a, const Xmm& b, Shape s) {
  auto& x = v.x;
  if (Round && !IsSigned && s.size < 2)
    return s.size == 0 ? x.vpavgb(d, a, b) : x.vpavgw(d, a, b), true;
  x.vpxor(kT2, a, b);
  Round ? x.vpor(d, a, b) : x.vpand(d, a, b);
  if (!shift_right(v, kT2, kT2, s.size, 1, IsSigned)) return false;
  return Round ? sub_lanes(v, d, d, kT2, s) : add_lanes(v, d, d, kT2, s);
}

/// (a - b) >> 1 with the borrow: the bits that differ count half, those of b alone as a whole.
template <bool IsSigned>
bool halving_sub(VectorCode& v, const Xmm& d, const Xmm& a, const Xmm& b, Shape s) {
  v.x.vpxor(kT2, a, b);
  v.x.vpandn(d, a, b);
  shift_right(v, kT2, kT2, s.size, 1, IsSigned);
  return sub_lanes(v, d, kT2, d, s);
}

/// Of each byte, the zeros above its highest bit. Uses xmm1 to xmm3; `d` is none of them.
void count_byte_zeros(VectorCode& v, const Xmm& d, const Xmm& a) {
  auto& x = v.x;
  const Xbyak::Address low_nibbles = v.literal(0x0f0f'0f0f'0f0f'0f0f);
  x.vpand(kT2, a, low_nibbles);
  x.vpsrlw(kT3, a, 4);
  x.vpand(kT3, kT3, low_nibbles);
  // By nibbles: the low one, were the high one zero; and the high one, 8 for zero.
  v.constant(kT1, 0x0505'0505'0606'0708, 0x0404'0404'0404'0404);
  x.vpshufb(kT2, kT1, kT2);
  v.constant(kT1, 0x0101'0101'0202'0308, 0);
  x.vpshufb(kT3, kT1, kT3);
  x.vpminub(d, kT2, kT3);
}
/// The same of wider elements: twice as wide from step to step.
bool clz(VectorCode& v, const Xmm& d, const Xmm& a, Shape s) {
  auto& x = v.x;
  if (s.size == 2 && v.host.avx512) return x.vplzcntd(d, a), true;
  count_byte_zeros(v, d, a);
  for (unsigned size = 1; size <= s.size; ++size) {
    const unsigned half = 4u << size;  // bits
    shift_right(v, kT2, d, size, half, false);
    v.splat(kT1, size, half);
    eq(v, kT1, kT1, kT2, {size, true});
    // What the lower half has counts where the upper one is zero.
    x.vpand(kT1, kT1, d);
    v.splat(kT3, size, (u64{1} << half) - 1);
    x.vpand(kT1, kT1, kT3);
    add_lanes(v, d, kT1, kT2, {size, true});
  }
  return true;
}
/// Bits that are as the highest one, that not counted.
bool cls(VectorCode& v, const Xmm& d, const Xmm& a, Shape s) {
  v.zero(kT2);
  gt(v, kT2, kT2, a, s);
  v.x.vpxor(kT0, a, kT2);
  clz(v, d, kT0, s);
  v.ones(kT2);
  return add_lanes(v, d, d, kT2, s);
}

bool neg_lanes(VectorCode& v, const Xmm& d, const Xmm& a, Shape s) {
  v.zero(kT2);
  return sub_lanes(v, d, kT2, a, s);
}

/// Dot products of four bytes: pairs of words by VPMADDWD, even and odd bytes apart.
template <bool ASigned, bool BSigned>
bool dot(VectorCode& v, const Xmm& d, const Xmm& a, const Xmm& b, Shape) {
  auto& x = v.x;
  const auto odd = [&](const Xmm& to, const Xmm& from, bool is_signed) {
    is_signed ? x.vpsraw(to, from, 8) : x.vpsrlw(to, from, 8);
  };
  odd(kT2, a, ASigned);
  odd(kT3, b, BSigned);
  x.vpmaddwd(kT2, kT2, kT3);
  x.vpsllw(kT3, b, 8);
  odd(kT3, kT3, BSigned);
  x.vpsllw(d, a, 8);
  odd(d, d, ASigned);
  x.vpmaddwd(d, d, kT3);
  x.vpaddd(d, d, kT2);
  return true;
}
bool add_words(VectorCode& v, const Xmm& d, const Xmm& a, const Xmm& b, Shape) {
  return v.x.vpaddd(d, a, b), true;
}
template <bool ASigned, bool BSigned>
bool dot_element(Emitter& e, u32 insn) {
  VectorCode v(e);
  const VectorFields f(insn);
  const Element m = element_of(insn, 2);
  broadcast(v, kT1, v.in(m.r, 1), 2, m.index);
  dot<ASigned, BSigned>(v, kT0, v.in(f.rn, 0), kT1, {});
  const Xmm d = v.target(f.rd, 1);
  v.x.vpaddd(d, v.in(f.rd, 1), kT0);
  v.finish(f.q, f.rd, d);
  return true;
}

const R kRows[] = {
    {"ADD_vec", three_same<add_lanes>, kDnm},
    {"SUB_vec", three_same<sub_lanes>, kDnm},
    {"ADD_s", three_same_d<add_lanes>, kDnm},
    {"SUB_s", three_same_d<sub_lanes>, kDnm},
    {"AND_vec", logic<plain<&G::vpand>>, kDnm},
    {"BIC_vec", logic<bic>, kDnm},
    {"ORR_vec", logic<plain<&G::vpor>>, kDnm},
    {"ORN_vec", logic<orn>, kDnm},
    {"EOR_vec", logic<plain<&G::vpxor>>, kDnm},
    {"BSL", select<Select::Bsl>, kDdnm},
    {"BIT", select<Select::Bit>, kDdnm},
    {"BIF", select<Select::Bif>, kDdnm},
    {"NOT_vec", two_same<not_lanes>, kDn},
    {"CMEQ", three_same<eq>, kDnm},
    {"CMGT", three_same<gt>, kDnm},
    {"CMGE", three_same<ge>, kDnm},
    {"CMHI", three_same<hi>, kDnm},
    {"CMHS", three_same<hs>, kDnm},
    {"CMTST", three_same<tst>, kDnm},
    {"CMEQ_s", three_same_d<eq>, kDnm},
    {"CMGT_s", three_same_d<gt>, kDnm},
    {"CMGE_s", three_same_d<ge>, kDnm},
    {"CMHI_s", three_same_d<hi>, kDnm},
    {"CMHS_s", three_same_d<hs>, kDnm},
    {"CMTST_s", three_same_d<tst>, kDnm},
    {"CMGT_z", two_same<zero_compare<Zero::Gt>>, kDn},
    {"CMGE_z", two_same<zero_compare<Zero::Ge>>, kDn},
    {"CMEQ_z", two_same<zero_compare<Zero::Eq>>, kDn},
    {"CMLE_z", two_same<zero_compare<Zero::Le>>, kDn},
    {"CMLT_z", two_same<zero_compare<Zero::Lt>>, kDn},
    {"CMGT_zs", two_same_d<zero_compare<Zero::Gt>>, kDn},
    {"CMGE_zs", two_same_d<zero_compare<Zero::Ge>>, kDn},
    {"CMEQ_zs", two_same_d<zero_compare<Zero::Eq>>, kDn},
    {"CMLE_zs", two_same_d<zero_compare<Zero::Le>>, kDn},
    {"CMLT_zs", two_same_d<zero_compare<Zero::Lt>>, kDn},
    {"SMAX", three_same<max_s>, kDnm, 7},
    {"UMAX", three_same<max_u>, kDnm, 7},
    {"SMIN", three_same<min_s>, kDnm, 7},
    {"UMIN", three_same<min_u>, kDnm, 7},
    {"SABD", three_same<abd<true>>, kDnm, 7},
    {"UABD", three_same<abd<false>>, kDnm, 7},
    {"SABA", accumulate<abd<true>, add_lanes>, kDdnm, 7},
    {"UABA", accumulate<abd<false>, add_lanes>, kDdnm, 7},
    {"MUL_vec", three_same<mul>, kDnm, 7},
    {"MLA", accumulate<mul, add_lanes>, kDdnm, 7},
    {"MLS", accumulate<mul, sub_lanes>, kDdnm, 7},
    {"MUL_e", by_element<mul>, kDne, 6},
    {"MLA_e", accumulate_by_element<mul, add_lanes>, kDdne, 6},
    {"MLS_e", accumulate_by_element<mul, sub_lanes>, kDdne, 6},
    {"SHADD", three_same<halving_add<true, false>>, kDnm, 7},
    {"UHADD", three_same<halving_add<false, false>>, kDnm, 7},
    {"SRHADD", three_same<halving_add<true, true>>, kDnm, 7},
    {"URHADD", three_same<halving_add<false, true>>, kDnm, 7},
    {"SHSUB", three_same<halving_sub<true>>, kDnm, 7},
    {"UHSUB", three_same<halving_sub<false>>, kDnm, 7},
    {"CLZ_vec", two_same<clz>, kDn, 7},
    {"CLS_vec", two_same<cls>, kDn, 7},
    {"ABS_vec", two_same<abs_lanes>, kDn},
    {"NEG_vec", two_same<neg_lanes>, kDn},
    {"ABS_s", two_same_d<abs_lanes>, kDn},
    {"NEG_s", two_same_d<neg_lanes>, kDn},
    {"SDOT", accumulate<dot<true, true>, add_words>, kDdnm},
    {"UDOT", accumulate<dot<false, false>, add_words>, kDdnm},
    {"USDOT", accumulate<dot<false, true>, add_words>, kDdnm},
    {"SDOT_e", dot_element<true, true>, kDdn | R::kRm},
    {"UDOT_e", dot_element<false, false>, kDdn | R::kRm},
    {"USDOT_e", dot_element<false, true>, kDdn | R::kRm},
    {"SUDOT_e", dot_element<true, false>, kDdn | R::kRm},
};

}  // namespace

std::span<const HostRow> host_rows_int() { return kRows; }

}  // namespace quince::cpu::jit
