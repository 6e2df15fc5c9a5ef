// Meanings of cpu/a64/isa/simd_fp.inc: by-element forms, half-precision products added to singles,
// complex numbers and BFloat16 (Arm ARM DDI 0487, C7.2; FEAT_FHM, FEAT_FCMA, FEAT_BF16).
#pragma once

#include "cpu/a64/sem/simd_fp.h"

namespace quince::a64 {

// ---- By element --------------------------------------------------------------------------------

namespace fpu {

/// Vd = op(Vd, Vn, Vm[index]) for every element.
template <class T, class F>
void by_element(Vcpu& c, bool q, u32 rm, u32 index, u32 rn, u32 rd, F f) {
  const T b = c.s.v[rm].lane<T>(index);
  lanes2<T>(c, q, rd, rn, rd, [b, f](T a, T d, Context& k) { return f(d, a, b, k); });
}

/// The scalar form.
template <class T, class F>
void scalar_by_element(Vcpu& c, u32 rm, u32 index, u32 rn, u32 rd, F f) {
  const T b = c.s.v[rm].lane<T>(index);
  scalar2<T>(c, rd, rn, rd, [b, f](T a, T d, Context& k) { return f(d, a, b, k); });
}

/// An element in every place.
template <class T>
Halves broadcast(const Vcpu& c, u32 r, u32 index) {
  const u64 v = c.s.v[r].lane<T>(index);
  const u64 half = sizeof(T) == 8 ? v : v << 32 | v;
  return Halves{half, half};
}

// The forms for singles and doubles that try the host's arithmetic first.
template <class T, class F>
void fmla_element(Vcpu& c, bool q, bool negate, u32 rm, u32 index, u32 rn, u32 rd, F f) {
  if (!host_lanes_fma<T>(c, q, negate, rd, load(c, rn), broadcast<T>(c, rm, index)))
    by_element<T>(c, q, rm, index, rn, rd, f);
}
template <class T, class F>
void fmul_element(Vcpu& c, bool q, u32 rm, u32 index, u32 rn, u32 rd, F f) {
  if (!host_lanes2<T, HostMul>(c, q, rd, load(c, rn), broadcast<T>(c, rm, index)))
    by_element<T>(c, q, rm, index, rn, rd, f);
}

}  // namespace fpu

#define QUINCE_LAMBDA3(...)                                                                 \
  [](auto d [[maybe_unused]], auto a, auto b, fp::Context& k) { return __VA_ARGS__; }

/// The index is h:l:m for halves, h:l for singles and h for doubles.  VECTOR(T, q, index, f) does
/// the vector forms of singles and doubles.
#define QUINCE_BY_ELEMENT(ID, VECTOR, ...)                                                  \
  inline void ID##_elem_8h(Vcpu& c, bool q, u32 l, u32 m, u32 rm, u32 h, u32 rn, u32 rd) {  \
    fpu::by_element<u16>(c, q, rm, h * 4 + l * 2 + m, rn, rd, QUINCE_LAMBDA3(__VA_ARGS__)); \
  }                                                                                         \
  inline void ID##_elem_4s(Vcpu& c, bool q, u32 l, u32 rm, u32 h, u32 rn, u32 rd) {         \
    VECTOR(u32, q, h * 2 + l, QUINCE_LAMBDA3(__VA_ARGS__));                                 \
  }                                                                                         \
  inline void ID##_elem_2d(Vcpu& c, u32 rm, u32 h, u32 rn, u32 rd) {                        \
    VECTOR(u64, true, h, QUINCE_LAMBDA3(__VA_ARGS__));                                      \
  }                                                                                         \
  inline void ID##_elem_h(Vcpu& c, u32 l, u32 m, u32 rm, u32 h, u32 rn, u32 rd) {           \
    fpu::scalar_by_element<u16>(c, rm, h * 4 + l * 2 + m, rn, rd,                           \
                                QUINCE_LAMBDA3(__VA_ARGS__));                               \
  }                                                                                         \
  inline void ID##_elem_s(Vcpu& c, u32 l, u32 rm, u32 h, u32 rn, u32 rd) {                  \
    fpu::scalar_by_element<u32>(c, rm, h * 2 + l, rn, rd, QUINCE_LAMBDA3(__VA_ARGS__));     \
  }                                                                                         \
  inline void ID##_elem_d(Vcpu& c, u32 rm, u32 h, u32 rn, u32 rd) {                         \
    fpu::scalar_by_element<u64>(c, rm, h, rn, rd, QUINCE_LAMBDA3(__VA_ARGS__));             \
  }
#define QUINCE_FMLA(T, q, index, ...) \
  fpu::fmla_element<T>(c, q, false, rm, index, rn, rd, __VA_ARGS__)
#define QUINCE_FMLS(T, q, index, ...) \
  fpu::fmla_element<T>(c, q, true, rm, index, rn, rd, __VA_ARGS__)
#define QUINCE_FMUL(T, q, index, ...) fpu::fmul_element<T>(c, q, rm, index, rn, rd, __VA_ARGS__)
#define QUINCE_FMULX(T, q, index, ...) fpu::by_element<T>(c, q, rm, index, rn, rd, __VA_ARGS__)
QUINCE_BY_ELEMENT(FMLA, QUINCE_FMLA, fp::FPMulAdd(d, a, b, k))
QUINCE_BY_ELEMENT(FMLS, QUINCE_FMLS, fp::FPMulAdd(d, fp::FPNeg(a), b, k))
QUINCE_BY_ELEMENT(FMUL, QUINCE_FMUL, fp::FPMul(a, b, k))
QUINCE_BY_ELEMENT(FMULX, QUINCE_FMULX, fp::FPMulX(a, b, k))
#undef QUINCE_FMULX
#undef QUINCE_FMUL
#undef QUINCE_FMLS
#undef QUINCE_FMLA
#undef QUINCE_BY_ELEMENT
#undef QUINCE_LAMBDA3

// ---- Half-precision products added to singles (FEAT_FHM) ---------------------------------------

namespace fpu {

/// FMLAL and relatives.  `upper`: of the factors' halves, the upper ones; `negate`: subtract.
/// The second factor is the vector's corresponding element, or with `index` >= 0 always that one.
inline void mul_add_long(Vcpu& c, bool q, bool upper, bool negate, u32 rm, int index, u32 rn,
                         u32 rd) {
  Scope s(c);
  const VReg a = c.s.v[rn], b = c.s.v[rm];
  VReg r;
  const unsigned n = elements<u32>(q);
  for (unsigned i = 0; i < n; ++i) {
    const unsigned from = (upper ? n : 0) + i;
    const u16 x = a.lane<u16>(from);
    const u16 y = b.lane<u16>(index < 0 ? from : static_cast<unsigned>(index));
    r.set_lane<u32>(i, fp::FPMulAddH(c.s.v[rd].lane<u32>(i), negate ? fp::FPNeg(x) : x, y, s.k));
  }
  c.s.v[rd] = r;
}

}  // namespace fpu

#define QUINCE_FHM(ID, upper, negate)                                                       \
  inline void ID##_4s(Vcpu& c, bool q, u32 rm, u32 rn, u32 rd) {                            \
    fpu::mul_add_long(c, q, upper, negate, rm, -1, rn, rd);                                 \
  }                                                                                         \
  inline void ID##_elem_4s(Vcpu& c, bool q, u32 l, u32 m, u32 rm, u32 h, u32 rn, u32 rd) {  \
    fpu::mul_add_long(c, q, upper, negate, rm, static_cast<int>(h * 4 + l * 2 + m), rn, rd); \
  }
QUINCE_FHM(FMLAL, false, false)
QUINCE_FHM(FMLAL2, true, false)
QUINCE_FHM(FMLSL, false, true)
QUINCE_FHM(FMLSL2, true, true)
#undef QUINCE_FHM

// ---- Complex numbers (FEAT_FCMA) ---------------------------------------------------------------
//
// Pairs of elements are (real, imaginary).  `rot` counts quarter turns of the second operand.

namespace fpu {

/// The half-precision forms need FEAT_FP16 as well.
template <class T>
bool complex_allowed(Vcpu& c) {
  if (sizeof(T) != 2 || c.has(Feature::FP16)) return true;
  c.undefined();
  return false;
}

/// Vd += Vn * Vm, the part that `rot` selects: with `index` >= 0 always that pair of Vm.
template <class T>
void complex_mul_add(Vcpu& c, bool q, u32 rm, int index, u32 rot, u32 rn, u32 rd) {
  if (!complex_allowed<T>(c)) return;
  Scope s(c);
  const VReg a = c.s.v[rn], b = c.s.v[rm], d = c.s.v[rd];
  const bool crossed = (rot & 1) != 0;  // of Vn, the imaginary part takes part
  VReg r;
  for (unsigned i = 0; i < elements<T>(q); i += 2) {
    const unsigned j = index < 0 ? i : static_cast<unsigned>(index) * 2;
    const T factor = a.lane<T>(crossed ? i + 1 : i);
    T to_real = b.lane<T>(crossed ? j + 1 : j);
    T to_imaginary = b.lane<T>(crossed ? j : j + 1);
    if (rot == 1 || rot == 2) to_real = fp::FPNeg(to_real);
    if (rot == 2 || rot == 3) to_imaginary = fp::FPNeg(to_imaginary);
    r.set_lane<T>(i, fp::FPMulAdd(d.lane<T>(i), factor, to_real, s.k));
    r.set_lane<T>(i + 1, fp::FPMulAdd(d.lane<T>(i + 1), factor, to_imaginary, s.k));
  }
  c.s.v[rd] = r;
}

/// Vd = Vn + Vm turned by 90 degrees, or with `three` by 270.
template <class T>
void complex_add(Vcpu& c, bool q, u32 rm, bool three, u32 rn, u32 rd) {
  if (!complex_allowed<T>(c)) return;
  Scope s(c);
  const VReg a = c.s.v[rn], b = c.s.v[rm];
  VReg r;
  for (unsigned i = 0; i < elements<T>(q); i += 2) {
    const T real = b.lane<T>(i), imaginary = b.lane<T>(i + 1);
    r.set_lane<T>(i, fp::FPAdd(a.lane<T>(i), three ? imaginary : fp::FPNeg(imaginary), s.k));
    r.set_lane<T>(i + 1, fp::FPAdd(a.lane<T>(i + 1), three ? fp::FPNeg(real) : real, s.k));
  }
  c.s.v[rd] = r;
}

}  // namespace fpu

inline void FCMLA_8h(Vcpu& c, bool q, u32 rm, u32 rot, u32 rn, u32 rd) {
  fpu::complex_mul_add<u16>(c, q, rm, -1, rot, rn, rd);
}
inline void FCMLA_4s(Vcpu& c, bool q, u32 rm, u32 rot, u32 rn, u32 rd) {
  fpu::complex_mul_add<u32>(c, q, rm, -1, rot, rn, rd);
}
inline void FCMLA_2d(Vcpu& c, u32 rm, u32 rot, u32 rn, u32 rd) {
  fpu::complex_mul_add<u64>(c, true, rm, -1, rot, rn, rd);
}
inline void FCMLA_elem_4h(Vcpu& c, u32 l, u32 rm, u32 rot, u32 rn, u32 rd) {
  fpu::complex_mul_add<u16>(c, false, rm, static_cast<int>(l), rot, rn, rd);
}
inline void FCMLA_elem_8h(Vcpu& c, u32 l, u32 rm, u32 rot, u32 h, u32 rn, u32 rd) {
  fpu::complex_mul_add<u16>(c, true, rm, static_cast<int>(h * 2 + l), rot, rn, rd);
}
inline void FCMLA_elem_4s(Vcpu& c, u32 rm, u32 rot, u32 h, u32 rn, u32 rd) {
  fpu::complex_mul_add<u32>(c, true, rm, static_cast<int>(h), rot, rn, rd);
}
inline void FCADD_8h(Vcpu& c, bool q, u32 rm, bool rot, u32 rn, u32 rd) {
  fpu::complex_add<u16>(c, q, rm, rot, rn, rd);
}
inline void FCADD_4s(Vcpu& c, bool q, u32 rm, bool rot, u32 rn, u32 rd) {
  fpu::complex_add<u32>(c, q, rm, rot, rn, rd);
}
inline void FCADD_2d(Vcpu& c, u32 rm, bool rot, u32 rn, u32 rd) {
  fpu::complex_add<u64>(c, true, rm, rot, rn, rd);
}

// ---- BFloat16 (FEAT_BF16) ----------------------------------------------------------------------

namespace fpu {

/// BFDOT, with Vm's corresponding pair or with `index` >= 0 always that one.  No FPCR, no FPSR.
inline void bf_dot(Vcpu& c, bool q, u32 rm, int index, u32 rn, u32 rd) {
  const VReg a = c.s.v[rn], b = c.s.v[rm];
  VReg r;
  for (unsigned i = 0; i < elements<u32>(q); ++i) {
    const unsigned j = index < 0 ? i : static_cast<unsigned>(index);
    r.set_lane<u32>(i, fp::BFDotAdd(c.s.v[rd].lane<u32>(i), a.lane<u16>(2 * i),
                                    a.lane<u16>(2 * i + 1), b.lane<u16>(2 * j),
                                    b.lane<u16>(2 * j + 1)));
  }
  c.s.v[rd] = r;
}

/// BFMLALB and, with `top`, BFMLALT.
inline void bf_mul_add(Vcpu& c, bool top, u32 rm, int index, u32 rn, u32 rd) {
  Scope s(c);
  const VReg a = c.s.v[rn], b = c.s.v[rm];
  VReg r;
  for (unsigned i = 0; i < 4; ++i) {
    const unsigned from = 2 * i + (top ? 1 : 0);
    const u16 y = b.lane<u16>(index < 0 ? from : static_cast<unsigned>(index));
    r.set_lane<u32>(i, fp::BFMulAdd(c.s.v[rd].lane<u32>(i), a.lane<u16>(from), y, s.k));
  }
  c.s.v[rd] = r;
}

}  // namespace fpu

inline void BFDOT(Vcpu& c, bool q, u32 rm, u32 rn, u32 rd) { fpu::bf_dot(c, q, rm, -1, rn, rd); }
inline void BFDOT_elem(Vcpu& c, bool q, u32 l, u32 rm, u32 h, u32 rn, u32 rd) {
  fpu::bf_dot(c, q, rm, static_cast<int>(h * 2 + l), rn, rd);
}
inline void BFMLAL(Vcpu& c, bool q, u32 rm, u32 rn, u32 rd) {
  fpu::bf_mul_add(c, q, rm, -1, rn, rd);
}
inline void BFMLAL_elem(Vcpu& c, bool q, u32 l, u32 m, u32 rm, u32 h, u32 rn, u32 rd) {
  fpu::bf_mul_add(c, q, rm, static_cast<int>(h * 4 + l * 2 + m), rn, rd);
}

/// Vd, a 2 by 2 matrix of singles, += Vn (2 by 4) times Vm (4 by 2, stored by columns).
inline void BFMMLA(Vcpu& c, u32 rm, u32 rn, u32 rd) {
  const VReg a = c.s.v[rn], b = c.s.v[rm];
  VReg r;
  for (unsigned row = 0; row < 2; ++row)
    for (unsigned column = 0; column < 2; ++column) {
      u32 sum = c.s.v[rd].lane<u32>(2 * row + column);
      for (unsigned i = 0; i < 4; i += 2)
        sum = fp::BFDotAdd(sum, a.lane<u16>(4 * row + i), a.lane<u16>(4 * row + i + 1),
                           b.lane<u16>(4 * column + i), b.lane<u16>(4 * column + i + 1));
      r.set_lane<u32>(2 * row + column, sum);
    }
  c.s.v[rd] = r;
}

}  // namespace quince::a64
