// Meanings of cpu/a64/isa/fp.inc: moves, arithmetic and comparison of scalars (Arm ARM DDI 0487,
// C7.2).  Functions end in the format that they work on: _h half, _s single, _d double.
//
// What compilers emit all the time tries the host's arithmetic first (fp_host.h); everything else,
// and whatever the host path declines, is cpu/fp's.
#pragma once

#include "cpu/a64/sem/fp_common.h"
#include "cpu/a64/sem/fp_host.h"
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

template <class T, class Op, class F>
[[gnu::always_inline]] inline void hot2(Vcpu& c, u32 rm, u32 rn, u32 rd, F f) {
  if (!host_scalar2<T, Op>(c, rm, rn, rd)) [[unlikely]] scalar2<T>(c, rm, rn, rd, f);
}

template <class T, class F>
void maximum(Vcpu& c, bool smaller, u32 rm, u32 rn, u32 rd, F f) {
  if (!host_max<T>(c, smaller, rm, rn, rd)) scalar2<T>(c, rm, rn, rd, f);
}

template <class T>
void square_root(Vcpu& c, u32 rn, u32 rd) {
  if (host_sqrt<T>(c, rn, rd)) return;
  scalar1<T>(c, rn, rd, [](T a, Context& k) { return fp::FPSqrt(a, k); });
}

/// Vd = (-)Va + (-)Vn * Vm.
template <class T>
void mul_add(Vcpu& c, bool negate_addend, bool negate_product, u32 rm, u32 ra, u32 rn, u32 rd) {
  T d = get<T>(c, ra), a = get<T>(c, rn);
  const T b = get<T>(c, rm);
  if (negate_addend) d = fp::FPNeg(d);
  if (negate_product) a = fp::FPNeg(a);
  if constexpr (sizeof(T) != 2) {
    if (host_ready(c) && has_host_fma()) {
      if (const T r = host_fma(d, a, b); is_safe(r)) return put<T>(c, rd, r);
    }
  }
  Scope s(c);
  put<T>(c, rd, fp::FPMulAdd(d, a, b, s.k));
}

}  // namespace fpu

#define QUINCE_LAMBDA2(...) [](auto a, auto b, fp::Context& k) { return __VA_ARGS__; }

#define QUINCE_FP2(ID, OP, ...)                                                             \
  inline void ID##_h(Vcpu& c, u32 rm, u32 rn, u32 rd) {                                     \
    fpu::scalar2<u16>(c, rm, rn, rd, QUINCE_LAMBDA2(__VA_ARGS__));                          \
  }                                                                                         \
  inline void ID##_s(Vcpu& c, u32 rm, u32 rn, u32 rd) {                                     \
    fpu::hot2<u32, fpu::OP>(c, rm, rn, rd, QUINCE_LAMBDA2(__VA_ARGS__));                    \
  }                                                                                         \
  inline void ID##_d(Vcpu& c, u32 rm, u32 rn, u32 rd) {                                     \
    fpu::hot2<u64, fpu::OP>(c, rm, rn, rd, QUINCE_LAMBDA2(__VA_ARGS__));                    \
  }
QUINCE_FP2(FADD, HostAdd, fp::FPAdd(a, b, k))
QUINCE_FP2(FSUB, HostSub, fp::FPSub(a, b, k))
QUINCE_FP2(FMUL, HostMul, fp::FPMul(a, b, k))
QUINCE_FP2(FDIV, HostDiv, fp::FPDiv(a, b, k))
QUINCE_FP2(FNMUL, HostNMul, fp::FPNeg(fp::FPMul(a, b, k)))
#undef QUINCE_FP2

#define QUINCE_FP_MAX(ID, smaller, ...)                                                     \
  inline void ID##_h(Vcpu& c, u32 rm, u32 rn, u32 rd) {                                     \
    fpu::scalar2<u16>(c, rm, rn, rd, QUINCE_LAMBDA2(__VA_ARGS__));                          \
  }                                                                                         \
  inline void ID##_s(Vcpu& c, u32 rm, u32 rn, u32 rd) {                                     \
    fpu::maximum<u32>(c, smaller, rm, rn, rd, QUINCE_LAMBDA2(__VA_ARGS__));                 \
  }                                                                                         \
  inline void ID##_d(Vcpu& c, u32 rm, u32 rn, u32 rd) {                                     \
    fpu::maximum<u64>(c, smaller, rm, rn, rd, QUINCE_LAMBDA2(__VA_ARGS__));                 \
  }
QUINCE_FP_MAX(FMAX, false, fp::FPMax(a, b, k))
QUINCE_FP_MAX(FMIN, true, fp::FPMin(a, b, k))
QUINCE_FP_MAX(FMAXNM, false, fp::FPMaxNum(a, b, k))
QUINCE_FP_MAX(FMINNM, true, fp::FPMinNum(a, b, k))
#undef QUINCE_FP_MAX
#undef QUINCE_LAMBDA2

inline void FSQRT_h(Vcpu& c, u32 rn, u32 rd) {
  fpu::scalar1<u16>(c, rn, rd, [](u16 a, fp::Context& k) { return fp::FPSqrt(a, k); });
}
inline void FSQRT_s(Vcpu& c, u32 rn, u32 rd) { fpu::square_root<u32>(c, rn, rd); }
inline void FSQRT_d(Vcpu& c, u32 rn, u32 rd) { fpu::square_root<u64>(c, rn, rd); }

#define QUINCE_FP3(ID, negate_addend, negate_product)                                       \
  inline void ID##_h(Vcpu& c, u32 rm, u32 ra, u32 rn, u32 rd) {                             \
    fpu::mul_add<u16>(c, negate_addend, negate_product, rm, ra, rn, rd);                    \
  }                                                                                         \
  inline void ID##_s(Vcpu& c, u32 rm, u32 ra, u32 rn, u32 rd) {                             \
    fpu::mul_add<u32>(c, negate_addend, negate_product, rm, ra, rn, rd);                    \
  }                                                                                         \
  inline void ID##_d(Vcpu& c, u32 rm, u32 ra, u32 rn, u32 rd) {                             \
    fpu::mul_add<u64>(c, negate_addend, negate_product, rm, ra, rn, rd);                    \
  }
QUINCE_FP3(FMADD, false, false)
QUINCE_FP3(FMSUB, false, true)
QUINCE_FP3(FNMADD, true, true)
QUINCE_FP3(FNMSUB, true, false)
#undef QUINCE_FP3

// ---- Rounding to integral values ---------------------------------------------------------------

namespace fpu {
template <class T>
void round(Vcpu& c, Rounding rounding, bool exact, u32 rn, u32 rd) {
  if constexpr (sizeof(T) != 2) {
    if (host_round<T>(c, rounding, exact, rn, rd)) return;
  }
  scalar1<T>(c, rn, rd, [&](T a, Context& k) { return QUINCE_FRINT(rounding, exact); });
}
inline Rounding current_rounding(const Vcpu& c) {
  return fp::context_from_fpcr(c.s.fpcr).rounding;
}
}  // namespace fpu

#define QUINCE_FP_ROUND(ID, rounding, exact)                                                \
  inline void ID##_h(Vcpu& c, u32 rn, u32 rd) { fpu::round<u16>(c, rounding, exact, rn, rd); } \
  inline void ID##_s(Vcpu& c, u32 rn, u32 rd) { fpu::round<u32>(c, rounding, exact, rn, rd); } \
  inline void ID##_d(Vcpu& c, u32 rn, u32 rd) { fpu::round<u64>(c, rounding, exact, rn, rd); }
QUINCE_FP_ROUND(FRINTN, fp::Rounding::TieEven, false)
QUINCE_FP_ROUND(FRINTP, fp::Rounding::PlusInf, false)
QUINCE_FP_ROUND(FRINTM, fp::Rounding::MinusInf, false)
QUINCE_FP_ROUND(FRINTZ, fp::Rounding::Zero, false)
QUINCE_FP_ROUND(FRINTA, fp::Rounding::TieAway, false)
QUINCE_FP_ROUND(FRINTX, fpu::current_rounding(c), true)
QUINCE_FP_ROUND(FRINTI, fpu::current_rounding(c), false)
#undef QUINCE_FP_ROUND

#define QUINCE_FP_ROUND_N(ID, rounding, size)                                               \
  inline void ID##_s(Vcpu& c, u32 rn, u32 rd) {                                             \
    fpu::scalar1<u32>(c, rn, rd,                                                            \
                      [](u32 a, fp::Context& k) { return QUINCE_FRINTTS(rounding, size); }); \
  }                                                                                         \
  inline void ID##_d(Vcpu& c, u32 rn, u32 rd) {                                             \
    fpu::scalar1<u64>(c, rn, rd,                                                            \
                      [](u64 a, fp::Context& k) { return QUINCE_FRINTTS(rounding, size); }); \
  }
QUINCE_FP_ROUND_N(FRINT32Z, fp::Rounding::Zero, 32)
QUINCE_FP_ROUND_N(FRINT32X, k.rounding, 32)
QUINCE_FP_ROUND_N(FRINT64Z, fp::Rounding::Zero, 64)
QUINCE_FP_ROUND_N(FRINT64X, k.rounding, 64)
#undef QUINCE_FP_ROUND_N

// ---- Comparison and selection ------------------------------------------------------------------

namespace fpu {

/// FPCompare into PSTATE.NZCV.
template <class T>
void compare(Vcpu& c, T a, T b, bool signal_nans) {
  if constexpr (sizeof(T) != 2) {
    if (host_compare(c, a, b, c.s.nzcv)) return;
  }
  Scope s(c);
  c.s.nzcv = fp::FPCompare(a, b, signal_nans, s.k);
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
