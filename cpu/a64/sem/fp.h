// Meanings of cpu/a64/isa/fp.inc: moves, arithmetic and comparison of scalars (Arm ARM DDI 0487,
// C7.2).  Functions end in the format that they work on: _h half, _s single, _d double.
//
// The four operations, square root and comparison of singles and doubles try the host's
// arithmetic in line first; everything else, and whatever the host path declines, is cpu/fp's.
#pragma once

#include "cpu/a64/sem/fp_common.h"
#include "cpu/interp/interp.h"

namespace quince::a64 {

// ---- Moves -------------------------------------------------------------------------------------

#define QUINCE_FP_MOVE(ID, ...)                                                             \
  inline void ID##_h(Vcpu& c, u32 rn, u32 rd) {                                             \
    const u16 a = fpu::get<u16>(c, rn);                                                     \
    fpu::put<u16>(c, rd, __VA_ARGS__);                                                      \
  }                                                                                         \
  inline void ID##_s(Vcpu& c, u32 rn, u32 rd) {                                             \
    const u32 a = fpu::get<u32>(c, rn);                                                     \
    fpu::put<u32>(c, rd, __VA_ARGS__);                                                      \
  }                                                                                         \
  inline void ID##_d(Vcpu& c, u32 rn, u32 rd) {                                             \
    const u64 a = fpu::get<u64>(c, rn);                                                     \
    fpu::put<u64>(c, rd, __VA_ARGS__);                                                      \
  }
QUINCE_FP_MOVE(FMOV, a)
QUINCE_FP_MOVE(FABS, fp::FPAbs(a))
QUINCE_FP_MOVE(FNEG, fp::FPNeg(a))
#undef QUINCE_FP_MOVE

inline void FMOV_imm_h(Vcpu& c, u32 imm8, u32 rd) {
  fpu::put<u16>(c, rd, fpu::expand_imm<u16>(imm8));
}
inline void FMOV_imm_s(Vcpu& c, u32 imm8, u32 rd) {
  fpu::put<u32>(c, rd, fpu::expand_imm<u32>(imm8));
}
inline void FMOV_imm_d(Vcpu& c, u32 imm8, u32 rd) {
  fpu::put<u64>(c, rd, fpu::expand_imm<u64>(imm8));
}

namespace fpu {
/// Writes a general register; register 31 is ZR.
inline void put_x(Vcpu& c, u32 r, u64 v) {
  c.s.x[r] = v;
  c.s.x[31] = 0;
}
}  // namespace fpu

inline void FMOV_h_to_gen(Vcpu& c, bool, u32 rn, u32 rd) {
  fpu::put_x(c, rd, fpu::get<u16>(c, rn));
}
inline void FMOV_s_to_gen(Vcpu& c, u32 rn, u32 rd) { fpu::put_x(c, rd, fpu::get<u32>(c, rn)); }
inline void FMOV_d_to_gen(Vcpu& c, u32 rn, u32 rd) { fpu::put_x(c, rd, fpu::get<u64>(c, rn)); }
inline void FMOV_top_to_gen(Vcpu& c, u32 rn, u32 rd) { fpu::put_x(c, rd, c.s.v[rn].d[1]); }
inline void FMOV_gen_to_h(Vcpu& c, bool, u32 rn, u32 rd) {
  fpu::put<u16>(c, rd, static_cast<u16>(c.s.x[rn]));
}
inline void FMOV_gen_to_s(Vcpu& c, u32 rn, u32 rd) {
  fpu::put<u32>(c, rd, static_cast<u32>(c.s.x[rn]));
}
inline void FMOV_gen_to_d(Vcpu& c, u32 rn, u32 rd) { fpu::put<u64>(c, rd, c.s.x[rn]); }
/// The low half of the register stays.
inline void FMOV_gen_to_top(Vcpu& c, u32 rn, u32 rd) { c.s.v[rd].d[1] = c.s.x[rn]; }

// ---- Arithmetic --------------------------------------------------------------------------------

namespace fpu {

/// A two-operand instruction with a host path.
template <class T, auto Host, Binary<T> Op>
[[gnu::always_inline]] inline void hot2(Vcpu& c, u32 rm, u32 rn, u32 rd) {
  const T a = get<T>(c, rn), b = get<T>(c, rm);
  T result;
  Context k = kHostContext;
  if (host_ready(c) && Host(a, b, k, result)) [[likely]] {
    put<T>(c, rd, result);
    return;
  }
  Scope s(c);
  put<T>(c, rd, Op(a, b, s.k));
}

template <class T>
[[gnu::always_inline]] inline bool host_sub(T a, T b, Context& k, T& result) {
  return fp::host_add<T>(a, fp::FPNeg(b), k, result);
}

template <class T>
T FPNMul(T a, T b, Context& k) {
  return fp::FPNeg(fp::FPMul(a, b, k));
}

template <class T>
bool host_nmul(T a, T b, Context& k, T& result) {
  T product;
  if (!fp::host_mul(a, b, k, product)) return false;
  result = fp::FPNeg(product);
  return true;
}

template <class T>
void square_root(Vcpu& c, u32 rn, u32 rd) {
  const T a = get<T>(c, rn);
  T result;
  Context k = kHostContext;
  if (host_ready(c) && fp::host_sqrt(a, k, result)) [[likely]] {
    put<T>(c, rd, result);
    return;
  }
  Scope s(c);
  put<T>(c, rd, fp::FPSqrt(a, s.k));
}

}  // namespace fpu

#define QUINCE_FP_HOT2(ID, HOST, OP)                                                        \
  inline void ID##_h(Vcpu& c, u32 rm, u32 rn, u32 rd) {                                     \
    fpu::scalar2<u16>(c, rm, rn, rd, [](u16 a, u16 b, fp::Context& k) { return OP(a, b, k); }); \
  }                                                                                         \
  inline void ID##_s(Vcpu& c, u32 rm, u32 rn, u32 rd) {                                     \
    fpu::hot2<u32, HOST<u32>, OP<u32>>(c, rm, rn, rd);                                      \
  }                                                                                         \
  inline void ID##_d(Vcpu& c, u32 rm, u32 rn, u32 rd) {                                     \
    fpu::hot2<u64, HOST<u64>, OP<u64>>(c, rm, rn, rd);                                      \
  }
QUINCE_FP_HOT2(FADD, fp::host_add, fp::FPAdd)
QUINCE_FP_HOT2(FSUB, fpu::host_sub, fp::FPSub)
QUINCE_FP_HOT2(FMUL, fp::host_mul, fp::FPMul)
QUINCE_FP_HOT2(FDIV, fp::host_div, fp::FPDiv)
QUINCE_FP_HOT2(FNMUL, fpu::host_nmul, fpu::FPNMul)
#undef QUINCE_FP_HOT2

#define QUINCE_FP2(ID, OP)                                                                  \
  inline void ID##_h(Vcpu& c, u32 rm, u32 rn, u32 rd) {                                     \
    fpu::scalar2<u16>(c, rm, rn, rd, [](u16 a, u16 b, fp::Context& k) { return OP(a, b, k); }); \
  }                                                                                         \
  inline void ID##_s(Vcpu& c, u32 rm, u32 rn, u32 rd) {                                     \
    fpu::scalar2<u32>(c, rm, rn, rd, [](u32 a, u32 b, fp::Context& k) { return OP(a, b, k); }); \
  }                                                                                         \
  inline void ID##_d(Vcpu& c, u32 rm, u32 rn, u32 rd) {                                     \
    fpu::scalar2<u64>(c, rm, rn, rd, [](u64 a, u64 b, fp::Context& k) { return OP(a, b, k); }); \
  }
QUINCE_FP2(FMAX, fp::FPMax)
QUINCE_FP2(FMIN, fp::FPMin)
QUINCE_FP2(FMAXNM, fp::FPMaxNum)
QUINCE_FP2(FMINNM, fp::FPMinNum)
#undef QUINCE_FP2

inline void FSQRT_h(Vcpu& c, u32 rn, u32 rd) {
  fpu::scalar1<u16>(c, rn, rd, [](u16 a, fp::Context& k) { return fp::FPSqrt(a, k); });
}
inline void FSQRT_s(Vcpu& c, u32 rn, u32 rd) { fpu::square_root<u32>(c, rn, rd); }
inline void FSQRT_d(Vcpu& c, u32 rn, u32 rd) { fpu::square_root<u64>(c, rn, rd); }

/// On the addend `d`, the factors `a` and `b` and the context `k`.
#define QUINCE_FP3(ID, ...)                                                                 \
  inline void ID##_h(Vcpu& c, u32 rm, u32 ra, u32 rn, u32 rd) {                             \
    fpu::scalar3<u16>(c, rm, ra, rn, rd,                                                    \
                      [](u16 d, u16 a, u16 b, fp::Context& k) { return __VA_ARGS__; });     \
  }                                                                                         \
  inline void ID##_s(Vcpu& c, u32 rm, u32 ra, u32 rn, u32 rd) {                             \
    fpu::scalar3<u32>(c, rm, ra, rn, rd,                                                    \
                      [](u32 d, u32 a, u32 b, fp::Context& k) { return __VA_ARGS__; });     \
  }                                                                                         \
  inline void ID##_d(Vcpu& c, u32 rm, u32 ra, u32 rn, u32 rd) {                             \
    fpu::scalar3<u64>(c, rm, ra, rn, rd,                                                    \
                      [](u64 d, u64 a, u64 b, fp::Context& k) { return __VA_ARGS__; });     \
  }
QUINCE_FP3(FMADD, fp::FPMulAdd(d, a, b, k))
QUINCE_FP3(FMSUB, fp::FPMulAdd(d, fp::FPNeg(a), b, k))
QUINCE_FP3(FNMADD, fp::FPMulAdd(fp::FPNeg(d), fp::FPNeg(a), b, k))
QUINCE_FP3(FNMSUB, fp::FPMulAdd(fp::FPNeg(d), a, b, k))
#undef QUINCE_FP3

// ---- Rounding to integral values ---------------------------------------------------------------

#define QUINCE_FP1_SD(ID, ...)                                                              \
  inline void ID##_s(Vcpu& c, u32 rn, u32 rd) {                                             \
    fpu::scalar1<u32>(c, rn, rd, [](u32 a, fp::Context& k) { return __VA_ARGS__; });        \
  }                                                                                         \
  inline void ID##_d(Vcpu& c, u32 rn, u32 rd) {                                             \
    fpu::scalar1<u64>(c, rn, rd, [](u64 a, fp::Context& k) { return __VA_ARGS__; });        \
  }
#define QUINCE_FP1(ID, ...)                                                                 \
  inline void ID##_h(Vcpu& c, u32 rn, u32 rd) {                                             \
    fpu::scalar1<u16>(c, rn, rd, [](u16 a, fp::Context& k) { return __VA_ARGS__; });        \
  }                                                                                         \
  QUINCE_FP1_SD(ID, __VA_ARGS__)
QUINCE_FP1(FRINTN, QUINCE_FRINT(fp::Rounding::TieEven, false))
QUINCE_FP1(FRINTP, QUINCE_FRINT(fp::Rounding::PlusInf, false))
QUINCE_FP1(FRINTM, QUINCE_FRINT(fp::Rounding::MinusInf, false))
QUINCE_FP1(FRINTZ, QUINCE_FRINT(fp::Rounding::Zero, false))
QUINCE_FP1(FRINTA, QUINCE_FRINT(fp::Rounding::TieAway, false))
QUINCE_FP1(FRINTX, QUINCE_FRINT(k.rounding, true))
QUINCE_FP1(FRINTI, QUINCE_FRINT(k.rounding, false))
QUINCE_FP1_SD(FRINT32Z, QUINCE_FRINTTS(fp::Rounding::Zero, 32))
QUINCE_FP1_SD(FRINT32X, QUINCE_FRINTTS(k.rounding, 32))
QUINCE_FP1_SD(FRINT64Z, QUINCE_FRINTTS(fp::Rounding::Zero, 64))
QUINCE_FP1_SD(FRINT64X, QUINCE_FRINTTS(k.rounding, 64))
#undef QUINCE_FP1
#undef QUINCE_FP1_SD

// ---- Comparison and selection ------------------------------------------------------------------

namespace fpu {

/// FPCompare into PSTATE.NZCV.
template <class T>
void compare(Vcpu& c, T a, T b, bool signal_nans) {
  u32 nzcv;
  if (!host_compare(a, b, nzcv)) {
    Scope s(c);
    nzcv = fp::FPCompare(a, b, signal_nans, s.k);
  }
  c.s.nzcv = nzcv;
}

inline bool holds(const Vcpu& c, u32 cond) {
  return ((cpu::kCondition[cond] >> c.s.nzcv) & 1) != 0;
}

template <class T>
void conditional_compare(Vcpu& c, u32 rm, u32 cond, u32 rn, bool signal_nans, u32 nzcv) {
  if (holds(c, cond))
    compare<T>(c, get<T>(c, rn), get<T>(c, rm), signal_nans);
  else
    c.s.nzcv = nzcv;
}

template <class T>
void select(Vcpu& c, u32 rm, u32 cond, u32 rn, u32 rd) {
  put<T>(c, rd, get<T>(c, holds(c, cond) ? rn : rm));
}

}  // namespace fpu

/// `signal` is the bit that tells FCMPE from FCMP: a quiet NaN is an invalid operation too.
#define QUINCE_FP_COMPARE(SUFFIX, T)                                                        \
  inline void FCMP_##SUFFIX(Vcpu& c, u32 rm, u32 rn, bool signal) {                         \
    fpu::compare<T>(c, fpu::get<T>(c, rn), fpu::get<T>(c, rm), signal);                     \
  }                                                                                         \
  inline void FCMP_zero_##SUFFIX(Vcpu& c, u32 rn, bool signal) {                            \
    fpu::compare<T>(c, fpu::get<T>(c, rn), T{0}, signal);                                   \
  }                                                                                         \
  inline void FCCMP_##SUFFIX(Vcpu& c, u32 rm, u32 cond, u32 rn, bool signal, u32 nzcv) {    \
    fpu::conditional_compare<T>(c, rm, cond, rn, signal, nzcv);                             \
  }                                                                                         \
  inline void FCSEL_##SUFFIX(Vcpu& c, u32 rm, u32 cond, u32 rn, u32 rd) {                   \
    fpu::select<T>(c, rm, cond, rn, rd);                                                    \
  }
QUINCE_FP_COMPARE(h, u16)
QUINCE_FP_COMPARE(s, u32)
QUINCE_FP_COMPARE(d, u64)
#undef QUINCE_FP_COMPARE

}  // namespace quince::a64
