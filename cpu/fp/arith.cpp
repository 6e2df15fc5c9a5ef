// cpu/fp/arith.cpp — addition, subtraction, multiplication, division and square root.
//
// Models FPAdd, FPSub, FPMul, FPMulX, FPDiv and FPSqrt (DDI 0487, shared functions/float). Each
// public function tries the host (fp_host.h) and falls back to the soft path (soft.h).
#include <bit>

#include "cpu/fp/fp.h"
#include "cpu/fp/fp_host.h"
#include "cpu/fp/soft.h"
#include "cpu/fp/unpacked.h"

namespace quince::fp {
namespace {

/// Sum of two finite non-zero numbers. Mantissas move down one bit to leave room for a carry; a
/// double still has ten spare bits, of which cancellation beyond one bit can only follow an
/// alignment by at most one, so that the sticky bit never reaches the result's rounding position.
template <class T>
T add_finite(const Unpacked& a, const Unpacked& b, Context& ctx) {
  const bool swap = a.exponent < b.exponent;
  const Unpacked& big = swap ? b : a;
  const Unpacked& small = swap ? a : b;
  const u64 m1 = big.mantissa >> 1;
  const u64 m2 = shift_right_sticky(small.mantissa >> 1, big.exponent - small.exponent);
  bool sign = big.sign;
  u64 sum;
  if (a.sign == b.sign) {
    sum = m1 + m2;
  } else if (m1 >= m2) {
    sum = m1 - m2;
  } else {
    sum = m2 - m1;
    sign = !sign;
  }
  if (sum == 0) return exact_zero<T>(ctx);
  return normalise_and_round<T>(sign, big.exponent + 1, sum, ctx.rounding, ctx);
}

/// FPAdd, or FPSub when `subtract`: NaNs keep the sign of op2 as given.
template <class T>
T add_or_subtract(T op1, T op2, bool subtract, Context& ctx) {
  const Unpacked a = FPUnpack(op1, ctx);
  Unpacked b = FPUnpack(op2, ctx);
  T result;
  if (FPProcessNaNs(a.type, b.type, op1, op2, ctx, result)) return result;
  b.sign ^= subtract;
  const bool inf1 = a.type == FPType::Infinity;
  const bool inf2 = b.type == FPType::Infinity;
  if (inf1 && inf2 && a.sign != b.sign) return invalid_operation<T>(ctx);
  if (inf1) return FPInfinity<T>(a.sign);
  if (inf2) return FPInfinity<T>(b.sign);
  const bool zero1 = a.type == FPType::Zero;
  const bool zero2 = b.type == FPType::Zero;
  if (zero1 && zero2) return a.sign == b.sign ? FPZero<T>(a.sign) : exact_zero<T>(ctx);
  if (zero1 || zero2) {
    const Unpacked& other = zero1 ? b : a;
    return FPRound<T>(other.sign, other.exponent, other.mantissa, ctx.rounding, ctx);
  }
  return add_finite<T>(a, b, ctx);
}

/// FPMul, or FPMulX when `extended`.
template <class T>
T multiply(T op1, T op2, bool extended, Context& ctx) {
  const Unpacked a = FPUnpack(op1, ctx);
  const Unpacked b = FPUnpack(op2, ctx);
  T result;
  if (FPProcessNaNs(a.type, b.type, op1, op2, ctx, result)) return result;
  const bool sign = a.sign != b.sign;
  const bool inf = a.type == FPType::Infinity || b.type == FPType::Infinity;
  const bool zero = a.type == FPType::Zero || b.type == FPType::Zero;
  if (inf && zero) {
    if (!extended) return invalid_operation<T>(ctx);
    const u64 two = u64{Layout<T>::kBias + 1} << FormatOf<T>::kFracBits;
    return static_cast<T>(two | FPZero<T>(sign));
  }
  if (inf) return FPInfinity<T>(sign);
  if (zero) return FPZero<T>(sign);
  // Two numbers in [1, 2) give a product in [1, 4): its unit is bit 126, that is bit 62 of `high`.
  const u128 product = u128{a.mantissa} * b.mantissa;
  const u64 high = static_cast<u64>(product >> 64) | (static_cast<u64>(product) != 0);
  return normalise_and_round<T>(sign, a.exponent + b.exponent + 1, high, ctx.rounding, ctx);
}

/// Quotient of two finite non-zero numbers.
template <class T>
T div_finite(const Unpacked& a, const Unpacked& b, Context& ctx) {
  const bool sign = a.sign != b.sign;
  const int exponent = a.exponent - b.exponent;
  u64 quotient;
  bool remainder;
  int unit;  // the bit of `quotient` that stands for 1
  if constexpr (sizeof(T) == 8) {
    const u128 dividend = u128{a.mantissa} << 63;
    quotient = static_cast<u64>(dividend / b.mantissa);
    remainder = static_cast<u64>(dividend) != quotient * b.mantissa;
    unit = 63;
  } else {
    // 24 bits of the divisor hold all of its mantissa, and 64-bit division is enough.
    const u64 dividend = a.mantissa >> 1;
    const u64 divisor = b.mantissa >> 40;
    quotient = dividend / divisor;
    remainder = dividend != quotient * divisor;
    unit = 39;
  }
  return normalise_and_round<T>(sign, exponent + 63 - unit, quotient | remainder, ctx.rounding,
                                ctx);
}

/// Square root of a positive number, one result bit at a time: a bit of the root is set if its
/// square still fits. Two bits beyond the format's precision and a sticky bit are enough.
template <class T>
T sqrt_finite(const Unpacked& a, Context& ctx) {
  constexpr int kRootBits = int{FormatOf<T>::kFracBits} + 3;
  // An even exponent leaves a radicand in [1, 2), an odd one makes it [2, 4). Unit: bit 62.
  const bool odd_exponent = a.exponent & 1;
  u64 radicand = odd_exponent ? a.mantissa : a.mantissa >> 1;
  u64 root = 0;
  u64 remainder = 0;
  for (int i = 0; i < kRootBits; ++i) {
    remainder = (remainder << 2) | (radicand >> 62);
    radicand <<= 2;
    const u64 trial = (root << 2) | 1;
    const u64 fits = remainder >= trial;  // unpredictable, so without a branch
    remainder -= trial & (~fits + 1);
    root = (root << 1) | fits;
  }
  const int exponent = (a.exponent - odd_exponent) / 2;
  const u64 mantissa = (root << (64 - kRootBits)) | ((remainder | radicand) != 0);
  return FPRound<T>(false, exponent, mantissa, ctx.rounding, ctx);
}

}  // namespace

namespace soft {

template <class T>
T FPAdd(T op1, T op2, Context& ctx) {
  return add_or_subtract(op1, op2, false, ctx);
}

template <class T>
T FPSub(T op1, T op2, Context& ctx) {
  return add_or_subtract(op1, op2, true, ctx);
}

template <class T>
T FPMul(T op1, T op2, Context& ctx) {
  return multiply(op1, op2, false, ctx);
}

template <class T>
T FPMulX(T op1, T op2, Context& ctx) {
  return multiply(op1, op2, true, ctx);
}

template <class T>
T FPDiv(T op1, T op2, Context& ctx) {
  const Unpacked a = FPUnpack(op1, ctx);
  const Unpacked b = FPUnpack(op2, ctx);
  T result;
  if (FPProcessNaNs(a.type, b.type, op1, op2, ctx, result)) return result;
  const bool sign = a.sign != b.sign;
  const bool inf1 = a.type == FPType::Infinity;
  const bool inf2 = b.type == FPType::Infinity;
  const bool zero1 = a.type == FPType::Zero;
  const bool zero2 = b.type == FPType::Zero;
  if ((inf1 && inf2) || (zero1 && zero2)) return invalid_operation<T>(ctx);
  if (inf1) return FPInfinity<T>(sign);
  if (zero2) {
    ctx.flags |= kDZC;
    return FPInfinity<T>(sign);
  }
  if (zero1 || inf2) return FPZero<T>(sign);
  return div_finite<T>(a, b, ctx);
}

template <class T>
T FPSqrt(T op, Context& ctx) {
  const Unpacked a = FPUnpack(op, ctx);
  if (is_nan(a.type)) return FPProcessNaN(a.type, op, ctx);
  if (a.type == FPType::Zero) return FPZero<T>(a.sign);
  if (a.sign) return invalid_operation<T>(ctx);
  if (a.type == FPType::Infinity) return FPInfinity<T>(false);
  return sqrt_finite<T>(a, ctx);
}

}  // namespace soft

template <class T>
T FPAdd(T op1, T op2, Context& ctx) {
  if constexpr (kHasHostType<T>) {
    T result;
    if (host_add(op1, op2, ctx, result)) [[likely]]
      return result;
  }
  return soft::FPAdd(op1, op2, ctx);
}

template <class T>
T FPSub(T op1, T op2, Context& ctx) {
  if constexpr (kHasHostType<T>) {
    T result;
    if (host_add(op1, FPNeg(op2), ctx, result)) [[likely]]
      return result;
  }
  return soft::FPSub(op1, op2, ctx);
}

template <class T>
T FPMul(T op1, T op2, Context& ctx) {
  if constexpr (kHasHostType<T>) {
    T result;
    if (host_mul(op1, op2, ctx, result)) [[likely]]
      return result;
  }
  return soft::FPMul(op1, op2, ctx);
}

template <class T>
T FPMulX(T op1, T op2, Context& ctx) {
  if constexpr (kHasHostType<T>) {
    T result;
    if (host_mul(op1, op2, ctx, result)) [[likely]]
      return result;
  }
  return soft::FPMulX(op1, op2, ctx);
}

template <class T>
T FPDiv(T op1, T op2, Context& ctx) {
  if constexpr (kHasHostType<T>) {
    T result;
    if (host_div(op1, op2, ctx, result)) [[likely]]
      return result;
  }
  return soft::FPDiv(op1, op2, ctx);
}

template <class T>
T FPSqrt(T op, Context& ctx) {
  if constexpr (kHasHostType<T>) {
    T result;
    if (host_sqrt(op, ctx, result)) [[likely]]
      return result;
  }
  return soft::FPSqrt(op, ctx);
}

#define QUINCE_FP_INSTANTIATE(T)              \
  template T soft::FPAdd<T>(T, T, Context&);  \
  template T soft::FPSub<T>(T, T, Context&);  \
  template T soft::FPMul<T>(T, T, Context&);  \
  template T soft::FPMulX<T>(T, T, Context&); \
  template T soft::FPDiv<T>(T, T, Context&);  \
  template T soft::FPSqrt<T>(T, Context&);    \
  template T FPAdd<T>(T, T, Context&);        \
  template T FPSub<T>(T, T, Context&);        \
  template T FPMul<T>(T, T, Context&);        \
  template T FPMulX<T>(T, T, Context&);       \
  template T FPDiv<T>(T, T, Context&);        \
  template T FPSqrt<T>(T, Context&);
QUINCE_FP_INSTANTIATE(u16)
QUINCE_FP_INSTANTIATE(u32)
QUINCE_FP_INSTANTIATE(u64)
#undef QUINCE_FP_INSTANTIATE

}  // namespace quince::fp
