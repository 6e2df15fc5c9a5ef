// Scalar floating point, singles and doubles (Arm ARM DDI 0487, C7.2; Intel SDM, volume 2).  Conversions are in
// vec_convert.cpp; halves and estimates stay calls.
#include "cpu/a64/sem/fp_common.h"
#include "cpu/jit/x64/scalar_fp.h"

namespace quince::cpu::jit {

using namespace Xbyak::util;
using namespace scalar;

namespace {

using R = HostRow;
constexpr u16 kDnm = R::kWd | R::kRn | R::kRm;
constexpr u16 kDn = R::kWd | R::kRn;

// ---- Arithmetic --------------------------------------------------------------------------------

enum class After : u8 { Sum, Product, Negate };
template <bool D, auto Double, auto Single, After A, bool Commutes>
bool arithmetic(Emitter& e, u32 insn) {
  VectorCode v(e);
  const VectorFields f(insn);
  v.begin_fp();
  // What is above the result comes from the first operand: best zeros.
  const bool n_clean = v.is_scalar(FpFormat<D>::kLog2, f.rn),
             m_clean = v.is_scalar(FpFormat<D>::kLog2, f.rm);
  const bool swap = Commutes && !n_clean && m_clean;
  const Xmm a = v.in(f.rn, 0), b = v.in(f.rm, 1), d = v.fresh(f.rd, {f.rn, f.rm});
  op3<D, Double, Single>(v, d, swap ? b : a, swap ? a : b);
  A == After::Sum ? nan_goes_slow<D>(v, d) : tiny_goes_slow<D>(v, d);
  if (A == After::Negate) v.x.vxorpd(d, d, v.literal(D ? u64{1} << 63 : 0x8000'0000, 0));
  return done<D>(v, f.rd, d, n_clean || swap);
}

/// Two forms of the instruction: the destination is the addend, or a factor.  Whichever has zeros above it is best.
template <bool D, auto Double, auto Single, auto DoubleFactor, auto SingleFactor>
bool mul_add(Emitter& e, u32 insn) {
  VectorCode v(e);
  const VectorFields f(insn);
  v.begin_fp();
  constexpr unsigned kLog2 = FpFormat<D>::kLog2;
  const bool n_clean = v.is_scalar(kLog2, f.rn), m_clean = v.is_scalar(kLog2, f.rm);
  const bool a_clean = v.is_scalar(kLog2, f.ra), as_addend = a_clean || !(n_clean || m_clean);
  const Xmm n = v.in(f.rn, 0), m = v.in(f.rm, 1);
  if (f.rd == f.ra && as_addend) {
    const Xmm d = v.in_place(f.rd);
    op3<D, Double, Single>(v, d, n, m);
    tiny_goes_slow<D>(v, d);
    return done<D>(v, f.rd, d, a_clean);
  }
  const Xmm addend = v.in(f.ra, 3), d = v.fresh(f.rd, {f.rn, f.rm, f.ra});
  if (as_addend) {
    v.x.vmovapd(d, addend);
    op3<D, Double, Single>(v, d, n, m);
  } else {
    v.x.vmovapd(d, n_clean ? n : m);
    op3<D, DoubleFactor, SingleFactor>(v, d, n_clean ? m : n, addend);
  }
  tiny_goes_slow<D>(v, d);
  return done<D>(v, f.rd, d, a_clean || n_clean || m_clean);
}

template <bool D>
bool square_root(Emitter& e, u32 insn) {
  VectorCode v(e);
  const VectorFields f(insn);
  v.begin_fp();
  const Xmm a = v.in(f.rn, 0);
  const bool clean = v.is_scalar(FpFormat<D>::kLog2, f.rn);
  const Xmm d = v.fresh(f.rd, {f.rn});
  op3<D, &G::vsqrtsd, &G::vsqrtss>(v, d, a, a);
  nan_goes_slow<D>(v, d);
  return done<D>(v, f.rd, d, clean);
}

/// x86 gives the second operand where both are zeros; taken both ways, the signs decide.
template <bool D, bool Min>
bool maximum(Emitter& e, u32 insn) {
  VectorCode v(e);
  const VectorFields f(insn);
  v.begin_fp();
  const Xmm a = v.in(f.rn, 0), b = v.in(f.rm, 1);
  compare<D>(v, a, b);
  v.x.jp(v.slow(), v.x.T_NEAR);
  Min ? op3<D, &G::vminsd, &G::vminss>(v, kT2, a, b) : op3<D, &G::vmaxsd, &G::vmaxss>(v, kT2, a, b);
  Min ? op3<D, &G::vminsd, &G::vminss>(v, kT3, b, a) : op3<D, &G::vmaxsd, &G::vmaxss>(v, kT3, b, a);
  Min ? v.x.vorpd(kT2, kT2, kT3) : v.x.vandpd(kT2, kT2, kT3);
  return done<D>(v, f.rd, kT2);
}

enum class Sign : u8 { Keep, Clear, Flip };
template <bool D, Sign S>
bool move(Emitter& e, u32 insn) {
  VectorCode v(e);
  const VectorFields f(insn);
  Xmm a = v.in(f.rn, 0);
  if (S == Sign::Clear) v.x.vandpd(kT0, a, v.literal(FpFormat<D>::kMagnitude));
  if (S == Sign::Flip) v.x.vxorpd(kT0, a, v.literal(D ? u64{1} << 63 : 0x8000'0000, 0));
  const bool clean = v.is_scalar(FpFormat<D>::kLog2, f.rn);
  v.finish_scalar(FpFormat<D>::kLog2, f.rd, S == Sign::Keep ? a : kT0, clean);
  return true;
}

template <bool D>
bool move_immediate(Emitter& e, u32 insn) {
  VectorCode v(e);
  const VectorFields f(insn);
  const u32 imm8 = insn >> 13 & 0xff;
  const Xmm d = v.target(f.rd);
  v.constant(d, D ? a64::fpu::expand_imm<u64>(imm8) : a64::fpu::expand_imm<u32>(imm8), 0);
  v.finish_scalar(FpFormat<D>::kLog2, f.rd, d, true);
  return true;
}

enum class Part : u8 { Half, Single, Double, Top };
template <Part P>
bool move_to_general(Emitter& e, u32 insn) {
  VectorCode v(e);
  const VectorFields f(insn);
  const Xbyak::Reg64 d = v.begin_x(f.rd);
  const Xmm n = v.in(f.rn, 0);
  switch (P) {
    case Part::Half:
      v.x.vpextrw(d.cvt32(), n, 0);
      break;
    case Part::Single:
      v.x.vmovd(d.cvt32(), n);
      break;
    case Part::Double:
      v.x.vmovq(d, n);
      break;
    case Part::Top:
      v.x.vpextrq(d, n, 1);
      break;
  }
  v.finish_x(f.rd, d);
  return true;
}
template <Part P>
bool move_from_general(Emitter& e, u32 insn) {
  VectorCode v(e);
  const VectorFields f(insn);
  const Xbyak::Reg64 n = v.in_x(f.rn, rax);
  const Xmm d = v.target(f.rd);
  switch (P) {
    case Part::Half:
      v.x.movzx(eax, n.cvt16());
      v.x.vmovd(d, eax);
      break;
    case Part::Single:
      v.x.vmovd(d, n.cvt32());
      break;
    case Part::Double:
      v.x.vmovq(d, n);
      break;
    case Part::Top:
      v.x.vpinsrq(d, v.in(f.rd, 0), n, 1);
      break;
  }
  P == Part::Top ? v.finish(true, f.rd, d)
                 : v.finish_scalar(P == Part::Double ? 3 : 2, f.rd, d, true);
  return true;
}

// ---- Comparison --------------------------------------------------------------------------------

/// NZCV as LAHF would put it into AX, with V in bit 0.
constexpr u32 flag_image(u32 nzcv) {
  return (nzcv >> 3 & 1) << 15 | (nzcv >> 2 & 1) << 14 | (nzcv >> 1 & 1) << 8 | (nzcv & 1);
}

/// Compares `a` with Vm, or zero, and leaves the image of NZCV in AX.  Signalling comparisons set Invalid for every
/// NaN, as FCMPE does.
template <bool D>
void compare_to_image(VectorCode& v, const Xmm& a, const Xmm& b, bool signalling) {
  auto& x = v.x;
  x.mov(eax, flag_image(2));
  x.mov(ecx, flag_image(8));
  if (signalling)
    D ? x.vcomisd(a, b) : x.vcomiss(a, b);
  else
    compare<D>(v, a, b);
  x.cmovb(eax, ecx);
  x.mov(ecx, flag_image(6));
  x.cmove(eax, ecx);
  x.mov(ecx, flag_image(3));
  x.cmovp(eax, ecx);
}
void image_to_flags(VectorCode& v) {
  v.x.add(al, 0x7f);
  v.x.sahf();
  v.flags_set_in_eflags();
}

template <bool D, bool Zero>
bool fcmp(Emitter& e, u32 insn) {
  VectorCode v(e);
  const VectorFields f(insn);
  v.begin_fp();
  Xmm a = v.in(f.rn, 0), b = kT1;
  if (Zero)
    v.zero(kT1);
  else
    b = v.in(f.rm, 1);
  const bool swapped = v.wants_swapped_fp();
  if (swapped) std::swap(a, b);
  if ((insn >> 4 & 1) != 0)
    D ? v.x.vcomisd(a, b) : v.x.vcomiss(a, b);
  else
    compare<D>(v, a, b);
  v.compared_fp(D, swapped, f.rn, Zero ? -1 : static_cast<int>(f.rm));
  return true;
}

template <bool D>
bool fccmp(Emitter& e, u32 insn) {
  VectorCode v(e);
  const VectorFields f(insn);
  const u32 cond = insn >> 12 & 15;
  v.begin_fp();
  const Xmm a = v.in(f.rn, 0), b = v.in(f.rm, 1);
  Label otherwise, end;
  v.jump_unless(cond, otherwise);
  compare_to_image<D>(v, a, b, (insn >> 4 & 1) != 0);
  if (cond < 14) {
    v.x.jmp(end, v.x.T_NEAR);
    v.x.L(otherwise);
    v.x.mov(eax, flag_image(insn & 15));
    v.x.L(end);
  }
  image_to_flags(v);
  return true;
}

template <bool D>
bool fcsel(Emitter& e, u32 insn) {
  VectorCode v(e);
  const VectorFields f(insn);
  const u32 cond = insn >> 12 & 15;
  const Xmm a = v.in(f.rn, 0), b = v.in(f.rm, 1);
  if (cond >= 14) {
    v.finish_scalar(FpFormat<D>::kLog2, f.rd, a);
    return true;
  }
  const unsigned x86 = v.host_condition(cond);
  v.x.vmovq(rcx, b);
  v.x.vmovq(rax, a);
  // CMOVcc RCX, RAX by the condition's number (Intel SDM, volume 2, appendix B).
  for (const unsigned byte : {0x48u, 0x0fu, 0x40u | x86, 0xc8u}) v.x.db(static_cast<u8>(byte));
  const Xmm d = v.target(f.rd);
  D ? v.x.vmovq(d, rcx) : v.x.vmovd(d, ecx);
  v.finish_scalar(FpFormat<D>::kLog2, f.rd, d, true);
  return true;
}

constexpr u16 kFp = R::kFpPlain;

#define QUINCE_ARITHMETIC(id, op, after, commutes)                                            \
  {id "_s", arithmetic<false, &G::op##sd, &G::op##ss, After::after, commutes>, kDnm | kFp}, { \
    id "_d", arithmetic<true, &G::op##sd, &G::op##ss, After::after, commutes>, kDnm | kFp     \
  }
#define QUINCE_MUL_ADD(id, op)                                                          \
  {id "_s", mul_add<false, &G::op##231sd, &G::op##231ss, &G::op##213sd, &G::op##213ss>, \
   kDnm | R::kRa | kFp},                                                                \
  {                                                                                     \
    id "_d", mul_add<true, &G::op##231sd, &G::op##231ss, &G::op##213sd, &G::op##213ss>, \
        kDnm | R::kRa | kFp                                                             \
  }
#define QUINCE_MAX(id, min) \
  {id "_s", maximum<false, min>, kDnm | kFp}, { id "_d", maximum<true, min>, kDnm | kFp }
const R kRows[] = {
    QUINCE_ARITHMETIC("FADD", vadd, Sum, true),
    QUINCE_ARITHMETIC("FSUB", vsub, Sum, false),
    QUINCE_ARITHMETIC("FMUL", vmul, Product, true),
    QUINCE_ARITHMETIC("FNMUL", vmul, Negate, true),
    QUINCE_ARITHMETIC("FDIV", vdiv, Product, false),
    QUINCE_MUL_ADD("FMADD", vfmadd),
    QUINCE_MUL_ADD("FMSUB", vfnmadd),
    QUINCE_MUL_ADD("FNMADD", vfnmsub),
    QUINCE_MUL_ADD("FNMSUB", vfmsub),
    {"FSQRT_s", square_root<false>, kDn | kFp},
    {"FSQRT_d", square_root<true>, kDn | kFp},
    QUINCE_MAX("FMAX", false),
    QUINCE_MAX("FMAXNM", false),
    QUINCE_MAX("FMIN", true),
    QUINCE_MAX("FMINNM", true),
    {"FMOV_s", move<false, Sign::Keep>, kDn},
    {"FMOV_d", move<true, Sign::Keep>, kDn},
    {"FABS_s", move<false, Sign::Clear>, kDn},
    {"FABS_d", move<true, Sign::Clear>, kDn},
    {"FNEG_s", move<false, Sign::Flip>, kDn},
    {"FNEG_d", move<true, Sign::Flip>, kDn},
    {"FMOV_imm_s", move_immediate<false>, R::kWd},
    {"FMOV_imm_d", move_immediate<true>, R::kWd},
    {"FMOV_h_to_gen", move_to_general<Part::Half>, R::kXd | R::kRn},
    {"FMOV_s_to_gen", move_to_general<Part::Single>, R::kXd | R::kRn},
    {"FMOV_d_to_gen", move_to_general<Part::Double>, R::kXd | R::kRn},
    {"FMOV_top_to_gen", move_to_general<Part::Top>, R::kXd | R::kRn},
    {"FMOV_gen_to_h", move_from_general<Part::Half>, R::kWd | R::kXn},
    {"FMOV_gen_to_s", move_from_general<Part::Single>, R::kWd | R::kXn},
    {"FMOV_gen_to_d", move_from_general<Part::Double>, R::kWd | R::kXn},
    {"FMOV_gen_to_top", move_from_general<Part::Top>, R::kWd | R::kRd | R::kXn},
    {"FCMP_s", fcmp<false, false>, R::kRn | R::kRm | R::kSetsFlags | kFp},
    {"FCMP_d", fcmp<true, false>, R::kRn | R::kRm | R::kSetsFlags | kFp},
    {"FCMP_zero_s", fcmp<false, true>, R::kRn | R::kSetsFlags | kFp},
    {"FCMP_zero_d", fcmp<true, true>, R::kRn | R::kSetsFlags | kFp},
    {"FCCMP_s", fccmp<false>, R::kRn | R::kRm | R::kSetsFlags | R::kReadsFlags | kFp},
    {"FCCMP_d", fccmp<true>, R::kRn | R::kRm | R::kSetsFlags | R::kReadsFlags | kFp},
    {"FCSEL_s", fcsel<false>, kDnm | R::kReadsFlags},
    {"FCSEL_d", fcsel<true>, kDnm | R::kReadsFlags},
};
#undef QUINCE_ARITHMETIC
#undef QUINCE_MUL_ADD
#undef QUINCE_MAX

}  // namespace

std::span<const HostRow> host_rows_scalar() { return kRows; }

}  // namespace quince::cpu::jit
