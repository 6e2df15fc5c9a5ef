// The hot floating-point instructions on the host's arithmetic, for singles and doubles.
//
// Where FPCR asks for rounding to nearest and no flushing, and FPSR.IXC is set already, IEEE 754
// arithmetic of the host gives the manual's result whenever that is a normal number: no operand
// was a NaN or an infinity, nothing overflowed or was tiny, and no further flag can be due.  So one
// look at FPCR and FPSR and one at the result is all it takes.  The smallest normal number does not
// count, because a result that was rounded up to it was tiny.
//
// Every function returns false, with nothing changed, when it declines; then cpu/fp decides.
#pragma once

#include <bit>
#include <cmath>

#include "cpu/a64/sem/fp_common.h"

namespace quince::a64::fpu {

/// The host's types for a format: the scalar, and a vector register as numbers and as integers.
template <class T>
struct Host;
template <>
struct Host<u32> {
  using Float = float;
  using Int = s32;
  using Floats = float __attribute__((vector_size(16)));
  using Ints = s32 __attribute__((vector_size(16)));
};
template <>
struct Host<u64> {
  using Float = double;
  using Int = s64;
  using Floats = double __attribute__((vector_size(16)));
  using Ints = s64 __attribute__((vector_size(16)));
};

/// A vector register in a host register.  (VReg would be passed in two general ones, and a load of
/// both halves right after two stores is slow.)
using Halves = u64 __attribute__((vector_size(16)));
inline Halves load(const Vcpu& c, u32 r) { return std::bit_cast<Halves>(c.s.v[r]); }

template <class T>
typename Host<T>::Float number(T bits) {
  return std::bit_cast<typename Host<T>::Float>(bits);
}
inline u32 bits_of(float f) { return std::bit_cast<u32>(f); }
inline u64 bits_of(double f) { return std::bit_cast<u64>(f); }

inline constexpr u32 kFpcrUnusual = (3u << fp::kFpcrRModeShift) | fp::kFpcrFZ;

/// Rounding to nearest, no flushing.
inline bool host_mode(const Vcpu& c) { return (c.s.fpcr & kFpcrUnusual) == 0; }
/// The same, and inexact results need no further attention.
inline bool host_ready(const Vcpu& c) {
  return ((c.s.fpcr & kFpcrUnusual) | (~c.s.fpsr & fp::kIXC)) == 0;
}

template <class T>
inline constexpr T kSmallestNormal = static_cast<T>(T{1} << fp::FormatOf<T>::kFracBits);

/// A normal number, and not the smallest.
template <class T>
constexpr bool is_safe(T bits) {
  constexpr T kLow = kSmallestNormal<T> + 1;
  return static_cast<T>(fp::FPAbs(bits) - kLow) < static_cast<T>(fp::FPInfinity<T>(false) - kLow);
}

// ---- The four operations -----------------------------------------------------------------------
//
// apply() computes, on scalars and vectors alike; exact_zero() tells when a result that is zero
// is right, from the question whether each operand is zero.

struct HostAdd {
  static auto apply(auto a, auto b) { return a + b; }
  static auto exact_zero(auto a_zero, auto) { return a_zero | ~a_zero; }  // a sum never underflows
};
struct HostSub {
  static auto apply(auto a, auto b) { return a - b; }
  static auto exact_zero(auto a_zero, auto) { return a_zero | ~a_zero; }
};
struct HostMul {
  static auto apply(auto a, auto b) { return a * b; }
  static auto exact_zero(auto a_zero, auto b_zero) { return a_zero | b_zero; }
};
struct HostNMul {
  static auto apply(auto a, auto b) { return -(a * b); }
  static auto exact_zero(auto a_zero, auto b_zero) { return a_zero | b_zero; }
};
struct HostDiv {
  static auto apply(auto a, auto b) { return a / b; }
  static auto exact_zero(auto a_zero, auto) { return a_zero; }
};

/// Vd = Vn op Vm, scalars.
template <class T, class Op>
[[gnu::always_inline]] inline bool host_scalar2(Vcpu& c, u32 rm, u32 rn, u32 rd) {
  if (!host_ready(c)) return false;
  const T a = get<T>(c, rn), b = get<T>(c, rm);
  const T r = bits_of(Op::apply(number(a), number(b)));
  if (!is_safe(r)) [[unlikely]] {
    const int a_zero = -(fp::FPAbs(a) == 0), b_zero = -(fp::FPAbs(b) == 0);
    if (fp::FPAbs(r) != 0 || Op::exact_zero(a_zero, b_zero) == 0) return false;
  }
  put<T>(c, rd, r);
  return true;
}

/// All ones where an element is safe.
template <class T>
typename Host<T>::Ints safe_lanes(typename Host<T>::Ints r) {
  using Ints = typename Host<T>::Ints;
  using Int = typename Host<T>::Int;
  const Ints magnitude = r & static_cast<Int>(~fp::kSignBit<T>);
  return (magnitude > static_cast<Int>(kSmallestNormal<T>)) &
         (magnitude < static_cast<Int>(fp::FPInfinity<T>(false)));
}

/// Writes a vector result if all elements that count are `ok`.
inline bool put_if(Vcpu& c, bool q, u32 rd, Halves r, Halves ok) {
  const u64 upper = q ? ~u64{0} : 0;
  if ((ok[0] & (ok[1] | ~upper)) != ~u64{0}) return false;
  c.s.v[rd] = std::bit_cast<VReg>(r & Halves{~u64{0}, upper});
  return true;
}

/// Vd = a op b for every element.
template <class T, class Op>
[[gnu::always_inline]] inline bool host_lanes2(Vcpu& c, bool q, u32 rd, Halves va, Halves vb) {
  using Floats = typename Host<T>::Floats;
  using Ints = typename Host<T>::Ints;
  using Int = typename Host<T>::Int;
  if (!host_ready(c)) return false;
  const Floats r = Op::apply(std::bit_cast<Floats>(va), std::bit_cast<Floats>(vb));
  const Ints bits = std::bit_cast<Ints>(r);
  const Int kMagnitude = static_cast<Int>(~fp::kSignBit<T>);
  const Ints a_zero = (std::bit_cast<Ints>(va) & kMagnitude) == 0;
  const Ints b_zero = (std::bit_cast<Ints>(vb) & kMagnitude) == 0;
  const Ints zero = ((bits & kMagnitude) == 0) & Op::exact_zero(a_zero, b_zero);
  return put_if(c, q, rd, std::bit_cast<Halves>(r),
                std::bit_cast<Halves>(safe_lanes<T>(bits) | zero));
}

// Comparisons, and the larger or smaller number; they decline NaNs.

struct HostEQ {
  static auto apply(auto a, auto b) { return a == b; }
};
struct HostGE {
  static auto apply(auto a, auto b) { return a >= b; }
};
struct HostGT {
  static auto apply(auto a, auto b) { return a > b; }
};

/// Vd = a op b for every element, all ones or zeros.
template <class T, class Op>
bool host_lanes_compare(Vcpu& c, bool q, u32 rd, Halves va, Halves vb) {
  using Floats = typename Host<T>::Floats;
  if (!host_mode(c)) return false;
  const Floats a = std::bit_cast<Floats>(va), b = std::bit_cast<Floats>(vb);
  return put_if(c, q, rd, std::bit_cast<Halves>(Op::apply(a, b)),
                std::bit_cast<Halves>((a == a) & (b == b)));
}

/// Vd = the larger (or smaller) of a and b for every element; declines different zeros too.
template <class T>
bool host_lanes_max(Vcpu& c, bool q, bool smaller, u32 rd, Halves va, Halves vb) {
  using Floats = typename Host<T>::Floats;
  using Ints = typename Host<T>::Ints;
  if (!host_mode(c)) return false;
  const Floats x = std::bit_cast<Floats>(va), y = std::bit_cast<Floats>(vb);
  const Ints a = std::bit_cast<Ints>(va), b = std::bit_cast<Ints>(vb);
  const Ints choose_a = smaller ? x < y : x > y;
  return put_if(c, q, rd, std::bit_cast<Halves>((a & choose_a) | (b & ~choose_a)),
                std::bit_cast<Halves>((x < y) | (x > y) | ((a == b) & (x == y))));
}

// ---- Fused multiply-add: needs the host's instruction (fp_host.cpp) ----------------------------

/// The host has the instruction; without it the others must not be called.
bool has_host_fma();
/// d + a * b, of numbers and of vectors of singles and doubles.
u32 host_fma(u32 d, u32 a, u32 b);
u64 host_fma(u64 d, u64 a, u64 b);
Halves host_fma_4s(Halves d, Halves a, Halves b);
Halves host_fma_2d(Halves d, Halves a, Halves b);

/// The sign bits of the elements in half a register.
template <class T>
inline constexpr u64 kSigns = sizeof(T) == 8 ? u64{1} << 63 : 0x8000'0000'8000'0000;

/// Vd = Vd + a * b for every element, or Vd - a * b.
template <class T>
bool host_lanes_fma(Vcpu& c, bool q, bool negate, u32 rd, Halves a, Halves b) {
  if (!host_ready(c) || !has_host_fma()) return false;
  if (negate) a ^= kSigns<T>;
  const Halves r = (sizeof(T) == 4 ? host_fma_4s : host_fma_2d)(load(c, rd), a, b);
  const auto safe = safe_lanes<T>(std::bit_cast<typename Host<T>::Ints>(r));
  return put_if(c, q, rd, r, std::bit_cast<Halves>(safe));
}

// ---- Others ------------------------------------------------------------------------------------

template <class T>
bool host_sqrt(Vcpu& c, u32 rn, u32 rd) {
  const T a = get<T>(c, rn);
  if (!host_ready(c) || (a & fp::kSignBit<T>) != 0) return false;
  const T r = bits_of(std::sqrt(number(a)));
  if (!is_safe(r)) return false;
  put<T>(c, rd, r);
  return true;
}

/// FPCompare.
template <class T>
bool host_compare(const Vcpu& c, T op1, T op2, u32& nzcv) {
  if (!host_mode(c)) return false;
  const auto a = number(op1), b = number(op2);
  if (a != a || b != b) return false;
  nzcv = a == b ? 6 : a < b ? 8 : 2;
  return true;
}

/// The larger (or smaller) of two numbers; not of NaNs, nor of different zeros.
template <class T>
bool host_max(Vcpu& c, bool smaller, u32 rm, u32 rn, u32 rd) {
  const T a = get<T>(c, rn), b = get<T>(c, rm);
  const auto x = number(a), y = number(b);
  if (!host_mode(c) || x != x || y != y || (x == y && a != b)) return false;
  put<T>(c, rd, (x > y) != smaller ? a : b);
  return true;
}

/// To an integral number; a NaN stays one.
inline double host_integral(double v, Rounding rounding) {
  if (!(std::fabs(v) < 0x1p52)) return v;
  double t = static_cast<double>(static_cast<s64>(v));
  const double rest = v - t, size = std::fabs(rest);
  const bool odd = (static_cast<s64>(t) & 1) != 0;
  bool up = false;  // away from zero
  switch (rounding) {
    case Rounding::TieEven: up = size > 0.5 || (size == 0.5 && odd); break;
    case Rounding::TieAway: up = size >= 0.5; break;
    case Rounding::PlusInf: up = rest > 0; break;
    case Rounding::MinusInf: up = rest < 0; break;
    default: break;
  }
  if (up) t += std::copysign(1.0, v);
  return std::copysign(t, v);
}

/// FPRoundInt.
template <class T>
bool host_round(Vcpu& c, Rounding rounding, bool exact, u32 rn, u32 rd) {
  const auto v = number(get<T>(c, rn));
  if (!host_mode(c) || v != v) return false;
  const auto r = static_cast<decltype(v)>(host_integral(v, rounding));
  if (exact && r != v) c.s.fpsr |= fp::kIXC;
  put<T>(c, rd, bits_of(r));
  return true;
}

/// FPToFixed to an integer of 32 or (`sf`) 64 bits in Xd, if it is in range.
template <class T>
bool host_to_integer(Vcpu& c, bool sf, bool is_unsigned, Rounding rounding, u32 rn, u32 rd) {
  const double v = number(get<T>(c, rn));
  const double t = rounding == Rounding::Zero ? v : host_integral(v, rounding);
  const double limit = sf ? 0x1p63 : is_unsigned ? 0x1p32 : 0x1p31;
  if (!host_mode(c) || !(t < limit) || !(is_unsigned ? t >= 0 : t > -limit)) return false;
  const s64 i = static_cast<s64>(t);
  if (static_cast<double>(i) != v) c.s.fpsr |= fp::kIXC;
  put_x(c, rd, sf ? static_cast<u64>(i) : static_cast<u32>(i));
  return true;
}

/// FixedToFP of an integer that has been extended to 64 bits.
template <class T>
bool host_from_integer(Vcpu& c, u64 value, bool is_unsigned, u32 rd) {
  const s64 i = static_cast<s64>(value);
  if (is_unsigned && i < 0) return false;
  constexpr s64 kExact = s64{1} << (fp::FormatOf<T>::kFracBits + 1);
  if ((i > kExact || i < -kExact) && !host_ready(c)) return false;
  put<T>(c, rd, bits_of(static_cast<typename Host<T>::Float>(i)));
  return true;
}

/// FPConvert from single to double, which is exact.
inline bool host_widen(Vcpu& c, u32 rn, u32 rd) {
  const float v = number(get<u32>(c, rn));
  if (!host_mode(c) || v != v) return false;
  put<u64>(c, rd, bits_of(static_cast<double>(v)));
  return true;
}
/// FPConvert from double to single.
inline bool host_narrow(Vcpu& c, u32 rn, u32 rd) {
  const double v = number(get<u64>(c, rn));
  const u32 r = bits_of(static_cast<float>(v));
  if (!host_ready(c) || !(is_safe(r) || v == 0)) return false;
  put<u32>(c, rd, r);
  return true;
}

}  // namespace quince::a64::fpu
