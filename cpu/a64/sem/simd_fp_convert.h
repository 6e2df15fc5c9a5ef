// Meanings of cpu/a64/isa/simd_fp.inc: conversions between formats and with fixed-point numbers,
// and the integer estimates (Arm ARM DDI 0487, C7.2).
#pragma once

#include "cpu/a64/sem/simd_fp.h"

namespace quince::a64 {

// ---- Between formats ---------------------------------------------------------------------------

namespace fpu {

/// Vd = op(the half of Vn that `upper` selects), with elements of twice the size.
template <class To, class From, class F>
void lengthen(Vcpu& c, bool upper, u32 rn, u32 rd, F f) {
  Scope s(c);
  const VReg a = c.s.v[rn];
  constexpr unsigned kElements = elements<To>(true);
  VReg r;
  for (unsigned i = 0; i < kElements; ++i)
    r.set_lane<To>(i, f(a.lane<From>((upper ? kElements : 0) + i), s.k));
  c.s.v[rd] = r;
}

/// The half of Vd that `upper` selects = op(Vn), with elements of half the size.  With the lower
/// half the upper one becomes zero; with the upper half the lower one stays.
template <class To, class From, class F>
void narrow(Vcpu& c, bool upper, u32 rn, u32 rd, F f) {
  Scope s(c);
  const VReg a = c.s.v[rn];
  constexpr unsigned kElements = elements<From>(true);
  VReg r = upper ? c.s.v[rd] : VReg{};
  for (unsigned i = 0; i < kElements; ++i)
    r.set_lane<To>((upper ? kElements : 0) + i, f(a.lane<From>(i), s.k));
  c.s.v[rd] = r;
}

}  // namespace fpu

#define QUINCE_LAMBDA1(...) [](auto a, fp::Context& k) { return __VA_ARGS__; }

inline void FCVTL_4s(Vcpu& c, bool q, u32 rn, u32 rd) {
  fpu::lengthen<u32, u16>(c, q, rn, rd, QUINCE_LAMBDA1(fp::FPConvert<u32>(a, k)));
}
inline void FCVTL_2d(Vcpu& c, bool q, u32 rn, u32 rd) {
  fpu::lengthen<u64, u32>(c, q, rn, rd, QUINCE_LAMBDA1(fp::FPConvert<u64>(a, k)));
}
inline void FCVTN_4h(Vcpu& c, bool q, u32 rn, u32 rd) {
  fpu::narrow<u16, u32>(c, q, rn, rd, QUINCE_LAMBDA1(fp::FPConvert<u16>(a, k)));
}
inline void FCVTN_2s(Vcpu& c, bool q, u32 rn, u32 rd) {
  fpu::narrow<u32, u64>(c, q, rn, rd, QUINCE_LAMBDA1(fp::FPConvert<u32>(a, k)));
}
inline void FCVTXN_2s(Vcpu& c, bool q, u32 rn, u32 rd) {
  fpu::narrow<u32, u64>(c, q, rn, rd,
                        QUINCE_LAMBDA1(fp::FPConvert<u32>(a, fp::Rounding::Odd, k)));
}
inline void FCVTXN_s(Vcpu& c, u32 rn, u32 rd) {
  fpu::Scope s(c);
  fpu::put<u32>(c, rd, fp::FPConvert<u32>(fpu::get<u64>(c, rn), fp::Rounding::Odd, s.k));
}
inline void BFCVTN(Vcpu& c, bool q, u32 rn, u32 rd) {
  fpu::narrow<u16, u32>(c, q, rn, rd, QUINCE_LAMBDA1(fp::FPConvertBF(a, k)));
}

#undef QUINCE_LAMBDA1

// ---- With fixed-point numbers ------------------------------------------------------------------

/// The field `imm` is the low bits of immh:immb, 2^width - fbits.
#define QUINCE_FIXED(ID, ...)                                                               \
  inline void ID##_n_8h(Vcpu& c, bool q, u32 imm, u32 rn, u32 rd) {                         \
    fpu::lanes1<u16>(c, q, rn, rd,                                                          \
                     [fbits = 16 - imm](u16 a, fp::Context& k) { return __VA_ARGS__; });    \
  }                                                                                         \
  inline void ID##_n_4s(Vcpu& c, bool q, u32 imm, u32 rn, u32 rd) {                         \
    fpu::lanes1<u32>(c, q, rn, rd,                                                          \
                     [fbits = 32 - imm](u32 a, fp::Context& k) { return __VA_ARGS__; });    \
  }                                                                                         \
  inline void ID##_n_2d(Vcpu& c, u32 imm, u32 rn, u32 rd) {                                 \
    fpu::lanes1<u64>(c, true, rn, rd,                                                       \
                     [fbits = 64 - imm](u64 a, fp::Context& k) { return __VA_ARGS__; });    \
  }                                                                                         \
  inline void ID##_n_h(Vcpu& c, u32 imm, u32 rn, u32 rd) {                                  \
    fpu::scalar1<u16>(c, rn, rd,                                                            \
                      [fbits = 16 - imm](u16 a, fp::Context& k) { return __VA_ARGS__; });   \
  }                                                                                         \
  inline void ID##_n_s(Vcpu& c, u32 imm, u32 rn, u32 rd) {                                  \
    fpu::scalar1<u32>(c, rn, rd,                                                            \
                      [fbits = 32 - imm](u32 a, fp::Context& k) { return __VA_ARGS__; });   \
  }                                                                                         \
  inline void ID##_n_d(Vcpu& c, u32 imm, u32 rn, u32 rd) {                                  \
    fpu::scalar1<u64>(c, rn, rd,                                                            \
                      [fbits = 64 - imm](u64 a, fp::Context& k) { return __VA_ARGS__; });   \
  }
#define QUINCE_TO_FIXED(is_unsigned) \
  fp::FPToFixed(a, fbits, is_unsigned, fp::Rounding::Zero, fp::FormatOf<decltype(a)>::kBits, k)
#define QUINCE_FROM_FIXED(is_unsigned)                                                      \
  fp::FixedToFP<decltype(a)>(a, fbits, is_unsigned, fp::FormatOf<decltype(a)>::kBits,       \
                             k.rounding, k)
QUINCE_FIXED(FCVTZS, QUINCE_TO_FIXED(false))
QUINCE_FIXED(FCVTZU, QUINCE_TO_FIXED(true))
QUINCE_FIXED(SCVTF, QUINCE_FROM_FIXED(false))
QUINCE_FIXED(UCVTF, QUINCE_FROM_FIXED(true))
#undef QUINCE_FROM_FIXED
#undef QUINCE_TO_FIXED
#undef QUINCE_FIXED

// ---- Integer estimates -------------------------------------------------------------------------

inline void URECPE(Vcpu& c, bool q, u32 rn, u32 rd) {
  fpu::lanes1<u32>(c, q, rn, rd, [](u32 a, fp::Context&) { return fp::UnsignedRecipEstimate(a); });
}
inline void URSQRTE(Vcpu& c, bool q, u32 rn, u32 rd) {
  fpu::lanes1<u32>(c, q, rn, rd, [](u32 a, fp::Context&) { return fp::UnsignedRSqrtEstimate(a); });
}

}  // namespace quince::a64
