// Moves and permutations of vectors, pairs of elements and sums across (Arm ARM DDI 0487, C7.2).
#include <bit>

#include "cpu/a64/sem/simd_copy.h"
#include "cpu/jit/x64/vector_lanes.h"

namespace quince::cpu::jit {

using namespace Xbyak::util;

namespace {

using R = HostRow;
constexpr u16 kDnm = R::kWd | R::kRn | R::kRm;
constexpr u16 kDn = R::kWd | R::kRn;
constexpr u16 kDdn = kDn | R::kRd;

// ---- Elements ----------------------------------------------------------------------------------

/// imm5 of the copies: the lowest set bit is the size, what is above it the index.
struct Copy {
  explicit Copy(u32 insn) {
    const u32 imm5 = insn >> 16 & 31;
    size = static_cast<unsigned>(std::countr_zero(imm5 | 16));
    index = imm5 >> (size + 1);
  }
  unsigned size, index;
};

bool dup_element(Emitter& e, u32 insn) {
  VectorCode v(e);
  const VectorFields f(insn);
  const Copy c(insn);
  if (c.size > 3 || (c.size == 3 && !f.q)) return false;
  const Xmm d = v.target(f.rd);
  broadcast(v, d, v.in(f.rn, 0), c.size, c.index);
  return v.finish(f.q, f.rd, d), true;
}

bool dup_scalar(Emitter& e, u32 insn) {
  VectorCode v(e);
  const VectorFields f(insn);
  const Copy c(insn);
  if (c.size > 3) return false;
  Xmm from = v.in(f.rn, 0);
  if (c.index != 0) {
    v.x.vpsrldq(kT0, from, static_cast<u8>(c.index << c.size));
    from = kT0;
  }
  return v.finish_scalar(c.size, f.rd, from), true;
}

bool dup_general(Emitter& e, u32 insn) {
  VectorCode v(e);
  const VectorFields f(insn);
  const Copy c(insn);
  if (c.size > 3 || (c.size == 3 && !f.q)) return false;
  const Xmm d = v.target(f.rd);
  const Xbyak::Reg64 n = v.in_x(f.rn, rax);
  c.size == 3 ? v.x.vmovq(d, n) : v.x.vmovd(d, n.cvt32());
  broadcast(v, d, d, c.size, 0);
  return v.finish(f.q, f.rd, d), true;
}

void extract(VectorCode& v, const Xbyak::Reg64& to, const Xmm& from, unsigned size,
             unsigned index) {
  const u8 i = static_cast<u8>(index);
  switch (size) {
    case 0:
      return v.x.vpextrb(to.cvt32(), from, i);
    case 1:
      return v.x.vpextrw(to.cvt32(), from, i);
    case 2:
      return i == 0 ? v.x.vmovd(to.cvt32(), from) : v.x.vpextrd(to.cvt32(), from, i);
    default:
      return i == 0 ? v.x.vmovq(to, from) : v.x.vpextrq(to, from, i);
  }
}
void insert(VectorCode& v, const Xmm& d, const Xmm& old, const Xbyak::Reg64& from, unsigned size,
            unsigned index) {
  const u8 i = static_cast<u8>(index);
  switch (size) {
    case 0:
      return v.x.vpinsrb(d, old, from.cvt32(), i);
    case 1:
      return v.x.vpinsrw(d, old, from.cvt32(), i);
    case 2:
      return v.x.vpinsrd(d, old, from.cvt32(), i);
    default:
      return v.x.vpinsrq(d, old, from, i);
  }
}

bool umov(Emitter& e, u32 insn) {
  VectorCode v(e);
  const VectorFields f(insn);
  const Copy c(insn);
  if (c.size > 3 || (c.size == 3) != f.q) return false;
  const Xbyak::Reg64 d = v.begin_x(f.rd);
  extract(v, d, v.in(f.rn, 0), c.size, c.index);
  return v.finish_x(f.rd, d), true;
}

bool smov(Emitter& e, u32 insn) {
  VectorCode v(e);
  const VectorFields f(insn);
  const Copy c(insn);
  if (c.size > 2 || (c.size == 2 && !f.q)) return false;
  const Xbyak::Reg64 d = v.begin_x(f.rd);
  extract(v, rax, v.in(f.rn, 0), c.size, c.index);
  if (c.size == 2)
    v.x.movsxd(d, eax);
  else if (f.q)
    c.size == 0 ? v.x.movsx(d, al) : v.x.movsx(d, ax);
  else
    c.size == 0 ? v.x.movsx(d.cvt32(), al) : v.x.movsx(d.cvt32(), ax);
  return v.finish_x(f.rd, d), true;
}

bool insert_general(Emitter& e, u32 insn) {
  VectorCode v(e);
  const VectorFields f(insn);
  const Copy c(insn);
  if (c.size > 3) return false;
  const Xmm d = v.target(f.rd);
  insert(v, d, v.in(f.rd, 0), v.in_x(f.rn, rax), c.size, c.index);
  return v.finish(true, f.rd, d), true;
}

bool insert_element(Emitter& e, u32 insn) {
  VectorCode v(e);
  const VectorFields f(insn);
  const Copy c(insn);
  if (c.size > 3) return false;
  const unsigned from = (insn >> 11 & 15) >> c.size;
  const Xmm n = v.in(f.rn, 0), old = v.in(f.rd, 1), d = v.target(f.rd, 1);
  if (c.size == 2) {
    v.x.vinsertps(d, old, n, static_cast<u8>(from << 6 | c.index << 4));
  } else if (c.size == 3) {
    if (c.index == 0)
      from == 0 ? v.x.vpblendw(d, old, n, 0x0f) : v.x.vpunpckhqdq(d, n, old);
    else
      from == 0 ? v.x.vpunpcklqdq(d, old, n) : v.x.vpblendw(d, old, n, 0xf0);
  } else {
    extract(v, rax, n, c.size, from);
    insert(v, d, old, rax, c.size, c.index);
  }
  return v.finish(true, f.rd, d), true;
}

/// MOVI, MVNI, FMOV, and ORR and BIC with an immediate.
template <u32 CmodeHigh>
bool modified_immediate(Emitter& e, u32 insn) {
  VectorCode v(e);
  const VectorFields f(insn);
  const u32 op = insn >> 29 & 1, cmode = CmodeHigh | (insn >> 12 & 7);
  if (cmode == 15 && op == 1 && !f.q) return false;
  const u64 imm = a64::expand_immediate(op, cmode, (insn >> 16 & 7) << 5 | (insn >> 5 & 31));
  const bool logical = cmode < 12 && (cmode & 1) != 0;
  const Xmm d = v.target(f.rd);
  if (logical) {
    v.constant(kT1, op == 0 ? imm : ~imm);
    const Xmm old = v.in(f.rd, 0);
    op == 0 ? v.x.vpor(d, old, kT1) : v.x.vpand(d, old, kT1);
  } else {
    v.constant(d, op == 1 && cmode < 14 ? ~imm : imm);
  }
  return v.finish(f.q, f.rd, d), true;
}

// ---- Permutations ------------------------------------------------------------------------------

/// Even (or odd) elements of `a`, then of `b`, in `to`; `t` is used, too.  Both may be `b`, not `a`.
void unzip(VectorCode& v, const Xmm& to, const Xmm& t, const Xmm& a, const Xmm& b, unsigned size,
           bool odd) {
  auto& x = v.x;
  switch (size) {
    case 0:
      if (odd) {
        x.vpsrlw(t, b, 8);
        x.vpsrlw(to, a, 8);
      } else {
        x.vpsllw(t, b, 8);
        x.vpsrlw(t, t, 8);
        x.vpsllw(to, a, 8);
        x.vpsrlw(to, to, 8);
      }
      return x.vpackuswb(to, to, t);
    case 1:
      if (odd) {
        x.vpsrld(t, b, 16);
        x.vpsrld(to, a, 16);
      } else {
        x.vpslld(t, b, 16);
        x.vpsrld(t, t, 16);
        x.vpslld(to, a, 16);
        x.vpsrld(to, to, 16);
      }
      return x.vpackusdw(to, to, t);
    case 2:
      return x.vshufps(to, a, b, odd ? 0xdd : 0x88);
    default:
      return odd ? x.vpunpckhqdq(to, a, b) : x.vpunpcklqdq(to, a, b);
  }
}

template <bool Odd>
bool uzp(Emitter& e, u32 insn) {
  VectorCode v(e);
  const VectorFields f(insn);
  if (reserved(f)) return false;
  Xmm a = v.in(f.rn, 0), b = v.in(f.rm, 1);
  if (!f.q) {
    v.x.vpunpcklqdq(kT0, a, b);
    a = b = kT0;
  }
  unzip(v, kT2, kT3, a, b, f.size, Odd);
  return v.finish(f.q, f.rd, kT2), true;
}

template <bool Odd>
bool trn(Emitter& e, u32 insn) {
  VectorCode v(e);
  auto& x = v.x;
  const VectorFields f(insn);
  if (reserved(f)) return false;
  const Xmm a = v.in(f.rn, 0), b = v.in(f.rm, 1), d = v.target(f.rd);
  switch (f.size) {
    case 0:
      v.splat(kT3, 1, Odd ? 0xff00 : 0x00ff);
      Odd ? x.vpsrlw(kT2, a, 8) : x.vpsllw(kT2, b, 8);
      x.vpand(kT3, Odd ? b : a, kT3);
      x.vpor(d, kT2, kT3);
      break;
    case 1:
      Odd ? x.vpsrld(kT2, a, 16) : x.vpslld(kT2, b, 16);
      Odd ? x.vpblendw(d, kT2, b, 0xaa) : x.vpblendw(d, a, kT2, 0xaa);
      break;
    case 2:
      Odd ? x.vpsrlq(kT2, a, 32) : x.vpsllq(kT2, b, 32);
      Odd ? x.vpblendw(d, kT2, b, 0xcc) : x.vpblendw(d, a, kT2, 0xcc);
      break;
    default:
      Odd ? x.vpunpckhqdq(d, a, b) : x.vpunpcklqdq(d, a, b);
  }
  return v.finish(f.q, f.rd, d), true;
}

template <bool High>
bool zip(Emitter& e, u32 insn) {
  VectorCode v(e);
  const VectorFields f(insn);
  if (reserved(f)) return false;
  static constexpr Op3 kLow[] = {&G::vpunpcklbw, &G::vpunpcklwd, &G::vpunpckldq, &G::vpunpcklqdq};
  static constexpr Op3 kHigh[] = {&G::vpunpckhbw, &G::vpunpckhwd, &G::vpunpckhdq, &G::vpunpckhqdq};
  const Xmm d = v.target(f.rd), a = v.in(f.rn, 0), b = v.in(f.rm, 1);
  (v.x.*(High && f.q ? kHigh : kLow)[f.size])(d, a, b);
  if (High && !f.q) v.x.vpsrldq(d, d, 8);
  return v.finish(f.q, f.rd, d), true;
}

bool ext(Emitter& e, u32 insn) {
  VectorCode v(e);
  const VectorFields f(insn);
  const u8 by = static_cast<u8>(insn >> 11 & 15);
  const Xmm d = v.target(f.rd);
  if (f.q) {
    const Xmm b = v.in(f.rm, 1);
    v.with(f.rn, [&](const Xbyak::Operand& a) { v.x.vpalignr(d, b, a, by); });
  } else {
    if (by > 7) return false;
    v.x.vpunpcklqdq(d, v.in(f.rn, 0), v.in(f.rm, 1));
    v.x.vpsrldq(d, d, by);
  }
  return v.finish(f.q, f.rd, d), true;
}

/// Bytes are looked up in up to four registers.  VPSHUFB gives zero where bit 7 of the index is set: adding 0x70 with
/// saturation sets it from 16 on and keeps the low four bits below.
template <bool Keep>
bool table(Emitter& e, u32 insn) {
  VectorCode v(e);
  auto& x = v.x;
  const VectorFields f(insn);
  const u32 count = (insn >> 13 & 3) + 1;
  const Xmm index = v.in(f.rm, 1);
  for (u32 i = 0; i < count; ++i) {
    v.splat(kT3, 0, 0x70);
    if (i != 0) {
      v.splat(kT2, 0, 16 * i);
      x.vpsubb(kT2, index, kT2);
      x.vpaddusb(kT2, kT2, kT3);
    } else {
      x.vpaddusb(kT2, index, kT3);
    }
    const Xmm bytes = v.in((f.rn + i) & 31, 3);
    if (i == 0) {
      x.vpshufb(kT0, bytes, kT2);
    } else {
      x.vpshufb(kT3, bytes, kT2);
      x.vpor(kT0, kT0, kT3);
    }
  }
  if (Keep) {
    v.splat(kT2, 0, 0x80 - 16 * count);
    x.vpaddusb(kT2, index, kT2);
    x.vpblendvb(kT0, kT0, v.in(f.rd, 3), kT2);
  }
  return v.finish(f.q, f.rd, kT0), true;
}

/// Elements of `1 << log2` bytes backwards in groups of `group` bytes.
template <unsigned Group>
bool reverse(Emitter& e, u32 insn) {
  VectorCode v(e);
  const VectorFields f(insn);
  if ((1u << f.size) >= Group) return false;
  u64 half[2] = {0, 0};
  for (unsigned i = 0; i < 16; ++i) {
    const unsigned within = i % Group, element = within >> f.size,
                   offset = within & ((1u << f.size) - 1);
    const unsigned from = i - within + (((Group >> f.size) - 1 - element) << f.size) + offset;
    half[i / 8] |= u64{from} << (8 * (i % 8));
  }
  v.constant(kT2, half[0], half[1]);
  const Xmm d = v.target(f.rd);
  v.x.vpshufb(d, v.in(f.rn, 0), kT2);
  return v.finish(f.q, f.rd, d), true;
}

// ---- Bits --------------------------------------------------------------------------------------

bool cnt(Emitter& e, u32 insn) {
  VectorCode v(e);
  auto& x = v.x;
  const VectorFields f(insn);
  const Xmm a = v.in(f.rn, 0), d = v.target(f.rd);
  if (v.host.bitalg) {
    x.vpopcntb(d, a);
    return v.finish(f.q, f.rd, d), true;
  }
  v.splat(kT2, 0, 0x0f);
  x.vpsrlw(kT1, a, 4);
  x.vpand(kT1, kT1, kT2);
  x.vpand(kT0, a, kT2);
  v.constant(kT3, 0x0302'0201'0201'0100,
             0x0403'0302'0302'0201);  // bits of the numbers from 0 to 15
  x.vpshufb(kT2, kT3, kT0);
  x.vpshufb(kT3, kT3, kT1);
  x.vpaddb(d, kT2, kT3);
  return v.finish(f.q, f.rd, d), true;
}

bool rbit(Emitter& e, u32 insn) {
  VectorCode v(e);
  const VectorFields f(insn);
  if (!v.host.gfni) return false;
  v.constant(kT2, 0x8040'2010'0804'0201);  // the matrix that turns a byte round
  const Xmm d = v.target(f.rd);
  v.x.vgf2p8affineqb(d, v.in(f.rn, 0), kT2, 0);
  return v.finish(f.q, f.rd, d), true;
}

// ---- Pairs and across --------------------------------------------------------------------------

template <Op3 B, Op3 H, Op3 S, Op3 D>
bool pairs(Emitter& e, u32 insn) {
  VectorCode v(e);
  const VectorFields f(insn);
  static constexpr Op3 kOps[] = {B, H, S, D};
  if (reserved(f) || kOps[f.size] == nullptr) return false;
  Xmm a = v.in(f.rn, 0), b = v.in(f.rm, 1);
  if (!f.q) {
    v.x.vpunpcklqdq(kT0, a, b);
    a = b = kT0;
  }
  unzip(v, kT2, kT3, a, b, f.size, false);
  unzip(v, kT3, kT1, a, b, f.size, true);
  (v.x.*kOps[f.size])(kT2, kT2, kT3);
  return v.finish(f.q, f.rd, kT2), true;
}

bool addp_scalar(Emitter& e, u32 insn) {
  VectorCode v(e);
  const VectorFields f(insn);
  const Xmm a = v.in(f.rn, 0);
  v.x.vpshufd(kT1, a, 0xee);
  v.x.vpaddq(kT0, kT1, a);
  return v.finish(false, f.rd, kT0), true;
}

/// All elements of xmm0 become one, in its low place.
void across(VectorCode& v, Op3 op, unsigned size, bool q) {
  if (q) {
    v.x.vpshufd(kT1, kT0, 0xee);
    (v.x.*op)(kT0, kT0, kT1);
  }
  for (unsigned bytes = 4; bytes >= 1u << size; bytes /= 2) {
    v.x.vpsrlq(kT1, kT0, static_cast<u8>(8 * bytes));
    (v.x.*op)(kT0, kT0, kT1);
  }
}

template <Op3 B, Op3 H, Op3 S>
bool reduce(Emitter& e, u32 insn) {
  VectorCode v(e);
  const VectorFields f(insn);
  static constexpr Op3 kOps[] = {B, H, S};
  if (f.size == 2 && !f.q) return false;
  const Xmm a = v.in(f.rn, 0);
  if (a.getIdx() != 0) v.x.vmovdqa(kT0, a);
  across(v, kOps[f.size], f.size, f.q);
  return v.finish_scalar(f.size, f.rd, kT0), true;
}

/// Sums of neighbours, twice as wide.
void add_pairs(VectorCode& v, const Xmm& d, const Xmm& a, unsigned size, bool is_signed) {
  auto& x = v.x;
  if (size == 0) {
    v.splat(kT2, 0, 1);
    // The first operand is unsigned, the second signed.
    return is_signed ? x.vpmaddubsw(d, kT2, a) : x.vpmaddubsw(d, a, kT2);
  }
  const unsigned half = 8u << size;
  shift_right(v, kT2, a, size + 1, half, is_signed);
  shift_left(v, d, a, size + 1, half);
  shift_right(v, d, d, size + 1, half, is_signed);
  add_lanes(v, d, d, kT2, {size + 1, true});
}

template <bool IsSigned, bool Accumulate>
bool addlp(Emitter& e, u32 insn) {
  VectorCode v(e);
  const VectorFields f(insn);
  add_pairs(v, kT0, v.in(f.rn, 0), f.size, IsSigned);
  if (Accumulate) add_lanes(v, kT0, v.in(f.rd, 1), kT0, {f.size + 1, true});
  return v.finish(f.q, f.rd, kT0), true;
}

template <bool IsSigned>
bool addlv(Emitter& e, u32 insn) {
  VectorCode v(e);
  const VectorFields f(insn);
  if (f.size == 2 && !f.q) return false;
  static constexpr Op3 kAdd[] = {&G::vpaddw, &G::vpaddd, &G::vpaddq};
  add_pairs(v, kT0, v.in(f.rn, 0), f.size, IsSigned);
  across(v, kAdd[f.size], f.size + 1, f.q);
  return v.finish_scalar(f.size + 1, f.rd, kT0), true;
}

const R kRows[] = {
    {"DUP_elem", dup_element, kDn},
    {"DUP_s", dup_scalar, kDn},
    {"DUP_gen", dup_general, R::kWd | R::kXn},
    {"UMOV", umov, R::kXd | R::kRn},
    {"SMOV", smov, R::kXd | R::kRn},
    {"INS_gen", insert_general, R::kWd | R::kRd | R::kXn},
    {"INS_elem", insert_element, kDdn},
    {"MODIMM0_lo", modified_immediate<0>, R::kWd | R::kRd},
    {"MODIMM0_hi", modified_immediate<8>, R::kWd | R::kRd},
    {"MODIMM1_lo", modified_immediate<0>, R::kWd | R::kRd},
    {"MODIMM1_hi", modified_immediate<8>, R::kWd | R::kRd},
    {"UZP1", uzp<false>, kDnm},
    {"UZP2", uzp<true>, kDnm},
    {"TRN1", trn<false>, kDnm},
    {"TRN2", trn<true>, kDnm},
    {"ZIP1", zip<false>, kDnm},
    {"ZIP2", zip<true>, kDnm},
    {"EXT", ext, kDnm},
    {"TBL", table<false>, R::kWd | R::kTable | R::kRm},
    {"TBX", table<true>, R::kWd | R::kRd | R::kTable | R::kRm},
    {"REV64", reverse<8>, kDn, 7},
    {"REV32_vec", reverse<4>, kDn, 3},
    {"REV16_vec", reverse<2>, kDn, 1},
    {"CNT_vec", cnt, kDn},
    {"RBIT_vec", rbit, kDn},
    {"ADDP", pairs<&G::vpaddb, &G::vpaddw, &G::vpaddd, &G::vpaddq>, kDnm},
    {"SMAXP", pairs<&G::vpmaxsb, &G::vpmaxsw, &G::vpmaxsd, nullptr>, kDnm, 7},
    {"UMAXP", pairs<&G::vpmaxub, &G::vpmaxuw, &G::vpmaxud, nullptr>, kDnm, 7},
    {"SMINP", pairs<&G::vpminsb, &G::vpminsw, &G::vpminsd, nullptr>, kDnm, 7},
    {"UMINP", pairs<&G::vpminub, &G::vpminuw, &G::vpminud, nullptr>, kDnm, 7},
    {"ADDP_s", addp_scalar, kDn},
    {"ADDV", reduce<&G::vpaddb, &G::vpaddw, &G::vpaddd>, kDn, 7},
    {"SMAXV", reduce<&G::vpmaxsb, &G::vpmaxsw, &G::vpmaxsd>, kDn, 7},
    {"UMAXV", reduce<&G::vpmaxub, &G::vpmaxuw, &G::vpmaxud>, kDn, 7},
    {"SMINV", reduce<&G::vpminsb, &G::vpminsw, &G::vpminsd>, kDn, 7},
    {"UMINV", reduce<&G::vpminub, &G::vpminuw, &G::vpminud>, kDn, 7},
    {"SADDLP", addlp<true, false>, kDn, 7},
    {"UADDLP", addlp<false, false>, kDn, 7},
    {"SADALP", addlp<true, true>, kDdn, 7},
    {"UADALP", addlp<false, true>, kDdn, 7},
    {"SADDLV", addlv<true>, kDn, 7},
    {"UADDLV", addlv<false>, kDn, 7},
};

}  // namespace

std::span<const HostRow> host_rows_move() { return kRows; }

}  // namespace quince::cpu::jit
