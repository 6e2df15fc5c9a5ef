// Meanings of cpu/a64/isa/fp.inc: conversions of scalars between formats, and from and to general
// registers (Arm ARM DDI 0487, C7.2).  Names end in the floating-point format: _h, _s or _d.  The
// forms _int_ are those with an integer, _fixw_ and _fixx_ those with a fixed-point number.
#pragma once

#include "cpu/a64/sem/fp_common.h"
#include "cpu/a64/sem/fp_host.h"
#include "cpu/state.h"

namespace quince::a64 {

// ---- Between formats ---------------------------------------------------------------------------

namespace fpu {
template <class To, class From>
void convert(Vcpu& c, u32 rn, u32 rd) {
  Scope s(c);
  put<To>(c, rd, fp::FPConvert<To, From>(get<From>(c, rn), s.k));
}
}  // namespace fpu

inline void FCVT_s_h(Vcpu& c, u32 rn, u32 rd) { fpu::convert<u32, u16>(c, rn, rd); }
inline void FCVT_d_h(Vcpu& c, u32 rn, u32 rd) { fpu::convert<u64, u16>(c, rn, rd); }
inline void FCVT_h_s(Vcpu& c, u32 rn, u32 rd) { fpu::convert<u16, u32>(c, rn, rd); }
inline void FCVT_h_d(Vcpu& c, u32 rn, u32 rd) { fpu::convert<u16, u64>(c, rn, rd); }
inline void FCVT_s_d(Vcpu& c, u32 rn, u32 rd) {
  if (!fpu::host_narrow(c, rn, rd)) fpu::convert<u32, u64>(c, rn, rd);
}
inline void FCVT_d_s(Vcpu& c, u32 rn, u32 rd) {
  if (!fpu::host_widen(c, rn, rd)) fpu::convert<u64, u32>(c, rn, rd);
}

inline void BFCVT(Vcpu& c, u32 rn, u32 rd) {
  fpu::Scope s(c);
  fpu::put<u16>(c, rd, fp::FPConvertBF(fpu::get<u32>(c, rn), s.k));
}

// ---- To integers -------------------------------------------------------------------------------

namespace fpu {

template <class T>
void to_integer(Vcpu& c, bool sf, u32 rn, u32 rd, Rounding rounding, bool is_unsigned) {
  if constexpr (sizeof(T) != 2) {
    if (host_to_integer<T>(c, sf, is_unsigned, rounding, rn, rd)) return;
  }
  Scope s(c);
  put_x(c, rd, fp::FPToFixed(get<T>(c, rn), 0, is_unsigned, rounding, sf ? 64 : 32, s.k));
}

template <class T>
void to_fixed(Vcpu& c, bool sf, u32 fbits, u32 rn, u32 rd, bool is_unsigned) {
  Scope s(c);
  put_x(c, rd, fp::FPToFixed(get<T>(c, rn), fbits, is_unsigned, Rounding::Zero, sf ? 64 : 32, s.k));
}

}  // namespace fpu

#define QUINCE_FP_TO_INTEGER(ID, rounding)                                                  \
  inline void ID##S_int_h(Vcpu& c, bool sf, u32 rn, u32 rd) {                               \
    fpu::to_integer<u16>(c, sf, rn, rd, rounding, false);                                   \
  }                                                                                         \
  inline void ID##S_int_s(Vcpu& c, bool sf, u32 rn, u32 rd) {                               \
    fpu::to_integer<u32>(c, sf, rn, rd, rounding, false);                                   \
  }                                                                                         \
  inline void ID##S_int_d(Vcpu& c, bool sf, u32 rn, u32 rd) {                               \
    fpu::to_integer<u64>(c, sf, rn, rd, rounding, false);                                   \
  }                                                                                         \
  inline void ID##U_int_h(Vcpu& c, bool sf, u32 rn, u32 rd) {                               \
    fpu::to_integer<u16>(c, sf, rn, rd, rounding, true);                                    \
  }                                                                                         \
  inline void ID##U_int_s(Vcpu& c, bool sf, u32 rn, u32 rd) {                               \
    fpu::to_integer<u32>(c, sf, rn, rd, rounding, true);                                    \
  }                                                                                         \
  inline void ID##U_int_d(Vcpu& c, bool sf, u32 rn, u32 rd) {                               \
    fpu::to_integer<u64>(c, sf, rn, rd, rounding, true);                                    \
  }
QUINCE_FP_TO_INTEGER(FCVTN, fp::Rounding::TieEven)
QUINCE_FP_TO_INTEGER(FCVTP, fp::Rounding::PlusInf)
QUINCE_FP_TO_INTEGER(FCVTM, fp::Rounding::MinusInf)
QUINCE_FP_TO_INTEGER(FCVTA, fp::Rounding::TieAway)
QUINCE_FP_TO_INTEGER(FCVTZ, fp::Rounding::Zero)
#undef QUINCE_FP_TO_INTEGER

/// JavaScript's ToInt32; PSTATE.Z tells whether the conversion was exact.
inline void FJCVTZS(Vcpu& c, u32 rn, u32 rd) {
  fpu::Scope s(c);
  bool z;
  fpu::put_x(c, rd, fp::FPToFixedJS(fpu::get<u64>(c, rn), s.k, z));
  c.s.nzcv = z ? cpu::kFlagZ : 0;
}

// ---- From integers -----------------------------------------------------------------------------

namespace fpu {

template <class T>
void from_fixed(Vcpu& c, bool sf, u32 fbits, u32 rn, u32 rd, bool is_unsigned) {
  Scope s(c);
  const unsigned size = sf ? 64 : 32;
  put<T>(c, rd, fp::FixedToFP<T>(c.s.x[rn], fbits, is_unsigned, size, s.k.rounding, s.k));
}

template <class T>
void from_integer(Vcpu& c, bool sf, u32 rn, u32 rd, bool is_unsigned) {
  if constexpr (sizeof(T) != 2) {
    const u64 x = c.s.x[rn];
    const u64 narrow = is_unsigned ? static_cast<u32>(x) : static_cast<u64>(sign_extend<32>(x));
    if (host_from_integer<T>(c, sf ? x : narrow, is_unsigned, rd)) return;
  }
  from_fixed<T>(c, sf, 0, rn, rd, is_unsigned);
}

}  // namespace fpu

/// The field of the fixed-point forms is 2^width - fbits; the 32-bit forms only have its low bits.
#define QUINCE_FP_FIXED(SUFFIX, T)                                                          \
  inline void SCVTF_int_##SUFFIX(Vcpu& c, bool sf, u32 rn, u32 rd) {                        \
    fpu::from_integer<T>(c, sf, rn, rd, false);                                             \
  }                                                                                         \
  inline void UCVTF_int_##SUFFIX(Vcpu& c, bool sf, u32 rn, u32 rd) {                        \
    fpu::from_integer<T>(c, sf, rn, rd, true);                                              \
  }                                                                                         \
  inline void SCVTF_fixw_##SUFFIX(Vcpu& c, u32 scale, u32 rn, u32 rd) {                     \
    fpu::from_fixed<T>(c, false, 32 - scale, rn, rd, false);                                \
  }                                                                                         \
  inline void SCVTF_fixx_##SUFFIX(Vcpu& c, u32 scale, u32 rn, u32 rd) {                     \
    fpu::from_fixed<T>(c, true, 64 - scale, rn, rd, false);                                 \
  }                                                                                         \
  inline void UCVTF_fixw_##SUFFIX(Vcpu& c, u32 scale, u32 rn, u32 rd) {                     \
    fpu::from_fixed<T>(c, false, 32 - scale, rn, rd, true);                                 \
  }                                                                                         \
  inline void UCVTF_fixx_##SUFFIX(Vcpu& c, u32 scale, u32 rn, u32 rd) {                     \
    fpu::from_fixed<T>(c, true, 64 - scale, rn, rd, true);                                  \
  }                                                                                         \
  inline void FCVTZS_fixw_##SUFFIX(Vcpu& c, u32 scale, u32 rn, u32 rd) {                    \
    fpu::to_fixed<T>(c, false, 32 - scale, rn, rd, false);                                  \
  }                                                                                         \
  inline void FCVTZS_fixx_##SUFFIX(Vcpu& c, u32 scale, u32 rn, u32 rd) {                    \
    fpu::to_fixed<T>(c, true, 64 - scale, rn, rd, false);                                   \
  }                                                                                         \
  inline void FCVTZU_fixw_##SUFFIX(Vcpu& c, u32 scale, u32 rn, u32 rd) {                    \
    fpu::to_fixed<T>(c, false, 32 - scale, rn, rd, true);                                   \
  }                                                                                         \
  inline void FCVTZU_fixx_##SUFFIX(Vcpu& c, u32 scale, u32 rn, u32 rd) {                    \
    fpu::to_fixed<T>(c, true, 64 - scale, rn, rd, true);                                    \
  }
QUINCE_FP_FIXED(h, u16)
QUINCE_FP_FIXED(s, u32)
QUINCE_FP_FIXED(d, u64)
#undef QUINCE_FP_FIXED

}  // namespace quince::a64
