// cpu/fp/mul_add.cpp — fused multiply-add and the fused reciprocal steps.
//
// Models FPMulAdd, FPMulAddH, FPRecipStepFused and FPRSqrtStepFused (DDI 0487, shared
// functions/float).
#include <bit>

#include "cpu/fp/fp.h"
#include "cpu/fp/fp_host.h"
#include "cpu/fp/soft.h"
#include "cpu/fp/unpacked.h"

namespace quince::fp {
namespace {

/// A number with a 128-bit mantissa: (-1)^sign * mantissa * 2^(exponent - 124). A mantissa of 0
/// is a zero.
struct Wide {
  bool sign;
  int exponent;
  u128 mantissa;
};

/// The exact product of two finite numbers. At most 106 bits of it are in use.
Wide wide_product(const Unpacked& a, const Unpacked& b) {
  return {a.sign != b.sign, a.exponent + b.exponent, (u128{a.mantissa} * b.mantissa) >> 2};
}

Wide widen(const Unpacked& a) { return {a.sign, a.exponent, u128{a.mantissa} << 61}; }

/// The sum, with a sticky bit. The leading bit of an operand is bit 124 or 125 and bits below 20
/// are clear, so an alignment that loses bits is too long for much cancellation.
Wide wide_sum(const Wide& x, const Wide& y) {
  if (x.mantissa == 0) return y;
  if (y.mantissa == 0) return x;
  const bool swap = x.exponent < y.exponent;
  const Wide& big = swap ? y : x;
  const Wide& small = swap ? x : y;
  const u128 m1 = big.mantissa;
  const u128 m2 = shift_right_sticky(small.mantissa, big.exponent - small.exponent);
  if (big.sign == small.sign) return {big.sign, big.exponent, m1 + m2};
  if (m1 >= m2) return {big.sign, big.exponent, m1 - m2};
  return {!big.sign, big.exponent, m2 - m1};
}

/// FPRound of a non-zero wide number.
template <class T>
T round_wide(const Wide& x, Context& ctx) {
  const u64 high = static_cast<u64>(x.mantissa >> 64);
  const int shift =
      high != 0 ? std::countl_zero(high) : 64 + std::countl_zero(static_cast<u64>(x.mantissa));
  const u128 normal = x.mantissa << shift;
  const u64 mantissa = static_cast<u64>(normal >> 64) | (static_cast<u64>(normal) != 0);
  return FPRound<T>(x.sign, x.exponent + 3 - shift, mantissa, ctx.rounding, ctx);
}

/// The part of FPMulAdd after NaN operands are dealt with.
template <class T>
T mul_add_numbers(const Unpacked& c, const Unpacked& a, const Unpacked& b, Context& ctx) {
  const bool sign_p = a.sign != b.sign;
  const bool inf_c = c.type == FPType::Infinity;
  const bool inf_p = a.type == FPType::Infinity || b.type == FPType::Infinity;
  const bool zero_p = a.type == FPType::Zero || b.type == FPType::Zero;
  if ((inf_p && zero_p) || (inf_c && inf_p && c.sign != sign_p)) return invalid_operation<T>(ctx);
  if (inf_c) return FPInfinity<T>(c.sign);
  if (inf_p) return FPInfinity<T>(sign_p);
  if (c.type == FPType::Zero && zero_p && c.sign == sign_p) return FPZero<T>(c.sign);
  const Wide sum = wide_sum(wide_product(a, b), widen(c));
  if (sum.mantissa == 0) return exact_zero<T>(ctx);
  return round_wide<T>(sum, ctx);
}

/// Whether one factor is an infinity and the other a zero.
bool is_inf_times_zero(const Unpacked& a, const Unpacked& b) {
  return (a.type == FPType::Infinity && b.type == FPType::Zero) ||
         (a.type == FPType::Zero && b.type == FPType::Infinity);
}

/// constant - op1 * op2, then halved if `halve`; `constant` is a small positive integer. Infinity
/// times zero counts as a product of zero.
template <class T>
T step_fused(T op1, T op2, unsigned constant, bool halve, Context& ctx) {
  op1 = FPNeg(op1);
  const Unpacked a = FPUnpack(op1, ctx);
  const Unpacked b = FPUnpack(op2, ctx);
  T result;
  if (FPProcessNaNs(a.type, b.type, op1, op2, ctx, result)) return result;
  const bool inf = a.type == FPType::Infinity || b.type == FPType::Infinity;
  if (inf && !is_inf_times_zero(a, b)) return FPInfinity<T>(a.sign != b.sign);
  const Wide product = inf ? Wide{false, 0, 0} : wide_product(a, b);
  // Both constants, 2 and 3, are in [2, 4): with exponent 1 their top bit is bit 124.
  Wide sum = wide_sum(product, {false, 1, u128{constant} << 123});
  if (sum.mantissa == 0) return exact_zero<T>(ctx);
  sum.exponent -= halve;
  return round_wide<T>(sum, ctx);
}

/// The manual's FPProcessNaNs3H: NaN selection where the factors are halves.
bool process_nans_h(const Unpacked& c, const Unpacked& a, const Unpacked& b, u32 addend, u16 op1,
                    u16 op2, Context& ctx, u32& result) {
  if (!is_nan(c.type) && !is_nan(a.type) && !is_nan(b.type)) return false;
  // Widening keeps the class, sign and payload of a NaN, so the choice can be made among singles.
  const auto wide_nan = [](const Unpacked& u, u16 op) -> u32 {
    if (!is_nan(u.type)) return 0;
    const u32 quiet = FPConvertNaN<u32>(op);
    return u.type == FPType::SNaN ? quiet & ~static_cast<u32>(Layout<u32>::kQuietBit) : quiet;
  };
  return FPProcessNaNs3(c.type, a.type, b.type, addend, wide_nan(a, op1), wide_nan(b, op2), ctx,
                        result);
}

}  // namespace

namespace soft {

template <class T>
T FPMulAdd(T addend, T op1, T op2, Context& ctx) {
  const Unpacked c = FPUnpack(addend, ctx);
  const Unpacked a = FPUnpack(op1, ctx);
  const Unpacked b = FPUnpack(op2, ctx);
  T result;
  if (FPProcessNaNs3(c.type, a.type, b.type, addend, op1, op2, ctx, result)) {
    // An invalid product counts although the addend is a quiet NaN.
    if (c.type == FPType::QNaN && is_inf_times_zero(a, b)) return invalid_operation<T>(ctx);
    return result;
  }
  return mul_add_numbers<T>(c, a, b, ctx);
}

template <class T>
T FPRecipStepFused(T op1, T op2, Context& ctx) {
  return step_fused(op1, op2, 2, false, ctx);
}

template <class T>
T FPRSqrtStepFused(T op1, T op2, Context& ctx) {
  return step_fused(op1, op2, 3, true, ctx);
}

}  // namespace soft

template <class T>
T FPMulAdd(T addend, T op1, T op2, Context& ctx) {
  if constexpr (kHasHostType<T>) {
    T result;
    if (host_mul_add(addend, op1, op2, ctx, result)) [[likely]]
      return result;
  }
  return soft::FPMulAdd(addend, op1, op2, ctx);
}

u32 FPMulAddH(u32 addend, u16 op1, u16 op2, Context& ctx) {
  const Unpacked c = FPUnpack(addend, ctx);
  const Unpacked a = FPUnpack(op1, ctx);
  const Unpacked b = FPUnpack(op2, ctx);
  u32 result;
  if (process_nans_h(c, a, b, addend, op1, op2, ctx, result)) {
    if (c.type == FPType::QNaN && is_inf_times_zero(a, b)) return invalid_operation<u32>(ctx);
    return result;
  }
  return mul_add_numbers<u32>(c, a, b, ctx);
}

template <class T>
T FPRecipStepFused(T op1, T op2, Context& ctx) {
  if constexpr (kHasHostType<T>) {
    constexpr T kTwo = static_cast<T>(u64{Layout<T>::kBias + 1} << FormatOf<T>::kFracBits);
    T result;
    if (host_mul_add(kTwo, FPNeg(op1), op2, ctx, result)) [[likely]]
      return result;
  }
  return soft::FPRecipStepFused(op1, op2, ctx);
}

template <class T>
T FPRSqrtStepFused(T op1, T op2, Context& ctx) {
  if constexpr (kHasHostType<T>) {
    // 1.5 times 2. A sum with it, unless zero, is far from the bottom of the range: halving it is
    // exact, and subtracts one from the exponent.
    constexpr T kThree = static_cast<T>((u64{Layout<T>::kBias + 1} << FormatOf<T>::kFracBits) |
                                        Layout<T>::kQuietBit);
    T result;
    if (host_mul_add(kThree, FPNeg(op1), op2, ctx, result)) [[likely]] {
      return FPAbs(result) == 0 ? result : static_cast<T>(result - Layout<T>::kHidden);
    }
  }
  return soft::FPRSqrtStepFused(op1, op2, ctx);
}

#define QUINCE_FP_INSTANTIATE(T)                        \
  template T soft::FPMulAdd<T>(T, T, T, Context&);      \
  template T soft::FPRecipStepFused<T>(T, T, Context&); \
  template T soft::FPRSqrtStepFused<T>(T, T, Context&); \
  template T FPMulAdd<T>(T, T, T, Context&);            \
  template T FPRecipStepFused<T>(T, T, Context&);       \
  template T FPRSqrtStepFused<T>(T, T, Context&);
QUINCE_FP_INSTANTIATE(u16)
QUINCE_FP_INSTANTIATE(u32)
QUINCE_FP_INSTANTIATE(u64)
#undef QUINCE_FP_INSTANTIATE

}  // namespace quince::fp
