// cpu/fp/fp_host.h — fast paths that let the host's floating-point unit do the arithmetic.
//
// IEEE 754 binary32 and binary64 arithmetic of the host gives the same bits as the manual's when
//  - the rounding mode is to nearest, ties to even (the mode the host runs in);
//  - every operand is a zero or a normal number, so that no NaN rule, no flushing and no input
//    exception comes in; and
//  - the result is finite and its magnitude above the smallest normal number (one that rounded up
//    to that number could be tiny before rounding), or is known to be an exact zero.
// The only flag such an operation can set is IXC. Each function determines it exactly where that is
// cheap, and otherwise declines unless IXC is set already.
//
// Every function returns false, with nothing changed, when it declines. The soft path is the
// reference; this file may be emptied without changing any result. Internal to cpu/fp.
#ifndef QUINCE_CPU_FP_FP_HOST_H_
#define QUINCE_CPU_FP_FP_HOST_H_

#include <bit>
#include <cfloat>
#include <cmath>
#include <limits>

#include "base/types.h"
#include "cpu/fp/unpacked.h"

namespace quince::fp {

#if defined(FLT_EVAL_METHOD) && FLT_EVAL_METHOD == 0
inline constexpr bool kHostEvaluatesExactly =
    std::numeric_limits<float>::is_iec559 && std::numeric_limits<double>::is_iec559;
#else
inline constexpr bool kHostEvaluatesExactly = false;
#endif

/// Whether the host computes in the format of T.
template <class T>
inline constexpr bool kHasHostType = kHostEvaluatesExactly && sizeof(T) != 2;

inline float to_host(u32 bits) { return std::bit_cast<float>(bits); }
inline double to_host(u64 bits) { return std::bit_cast<double>(bits); }
inline u32 from_host(float value) { return std::bit_cast<u32>(value); }
inline u64 from_host(double value) { return std::bit_cast<u64>(value); }

/// A zero or a normal number.
template <class T>
inline bool is_plain(T op) {
  const unsigned exp = static_cast<unsigned>(exp_field(op));
  return exp - 1 < static_cast<unsigned>(Layout<T>::kMaxExpField - 1) || FPAbs(op) == 0;
}

/// Finite and above the smallest normal number in magnitude.
template <class T>
inline bool is_safe_result(T result) {
  const T magnitude = FPAbs(result);
  return magnitude > Layout<T>::kHidden && magnitude < FPInfinity<T>(false);
}

inline bool host_rounding(const Context& ctx) { return ctx.rounding == Rounding::TieEven; }

/// The rounding error of sum = a + b (exact, given that nothing overflows).
template <class F>
inline F sum_error(F a, F b, F sum) {
  const F b_part = sum - a;
  return (a - (sum - b_part)) + (b - b_part);
}

template <class T>
inline bool host_add(T op1, T op2, Context& ctx, T& result) {
  if (!host_rounding(ctx) || !is_plain(op1) || !is_plain(op2)) return false;
  const auto a = to_host(op1);
  const auto b = to_host(op2);
  const auto sum = a + b;
  const T bits = from_host(sum);
  if (!is_safe_result(bits) && FPAbs(bits) != 0) return false;
  if (!(ctx.flags & kIXC)) {
    // Near the top of the range sum_error could overflow on the way.
    if (exp_field(bits) >= Layout<T>::kMaxExpField - 2) return false;
    if (sum_error(a, b, sum) != 0) ctx.flags |= kIXC;
  }
  result = bits;
  return true;
}

/// Significant bits of a normal double, from the hidden bit to the lowest one that is set.
inline int significant_bits(u64 op) {
  return 53 - std::countr_zero((op & Layout<u64>::kFracMask) | Layout<u64>::kHidden);
}

template <class T>
inline bool host_mul(T op1, T op2, Context& ctx, T& result) {
  if (!host_rounding(ctx) || !is_plain(op1) || !is_plain(op2)) return false;
  const T bits = from_host(to_host(op1) * to_host(op2));
  if (!is_safe_result(bits)) {
    if (FPAbs(op1) != 0 && FPAbs(op2) != 0) return false;
  } else if (!(ctx.flags & kIXC)) {
    if constexpr (sizeof(T) == 4) {
      const double exact = double{to_host(op1)} * double{to_host(op2)};
      if (exact != double{to_host(bits)}) ctx.flags |= kIXC;
    } else if (significant_bits(op1) + significant_bits(op2) > 53) {
      return false;
    }
  }
  result = bits;
  return true;
}

template <class T>
inline bool host_div(T op1, T op2, Context& ctx, T& result) {
  if (!host_rounding(ctx) || !is_plain(op1) || !is_plain(op2)) return false;
  const T bits = from_host(to_host(op1) / to_host(op2));
  if (!is_safe_result(bits)) return false;
  if (!(ctx.flags & kIXC)) {
    if constexpr (sizeof(T) == 4) {
      const double product = double{to_host(bits)} * double{to_host(op2)};
      if (product != double{to_host(op1)}) ctx.flags |= kIXC;
    } else {
      return false;
    }
  }
  result = bits;
  return true;
}

template <class T>
inline bool host_sqrt(T op, Context& ctx, T& result) {
  if (!host_rounding(ctx) || !is_plain(op) || sign_of(op)) return false;
  const T bits = from_host(std::sqrt(to_host(op)));
  if (!(ctx.flags & kIXC)) {
    if constexpr (sizeof(T) == 4) {
      const double square = double{to_host(bits)} * double{to_host(bits)};
      if (square != double{to_host(op)}) ctx.flags |= kIXC;
    } else {
      return false;
    }
  }
  result = bits;
  return true;
}

/// Single precision: the product is exact in double, the sum is rounded to odd there, and an odd
/// sum of 53 bits rounds to 24 bits as the exact one would.
inline bool host_mul_add(u32 addend, u32 op1, u32 op2, Context& ctx, u32& result) {
  if (!host_rounding(ctx) || !is_plain(addend) || !is_plain(op1) || !is_plain(op2)) return false;
  const double product = double{to_host(op1)} * double{to_host(op2)};
  const double added = double{to_host(addend)};
  double sum = product + added;
  const double error = sum_error(product, added, sum);
  if (error != 0) {
    u64 sum_bits = from_host(sum);
    if (!(sum_bits & 1)) {
      sum_bits = (error > 0) == (sum > 0) ? sum_bits + 1 : sum_bits - 1;
      sum = to_host(sum_bits);
    }
  }
  const float rounded = static_cast<float>(sum);
  const u32 bits = from_host(rounded);
  if (!is_safe_result(bits) && sum != 0) return false;
  if (double{rounded} != sum) ctx.flags |= kIXC;
  result = bits;
  return true;
}

#if defined(__FMA__) || defined(__aarch64__)
inline bool has_host_fma() { return true; }
inline double host_fma(double a, double b, double c) { return __builtin_fma(a, b, c); }
#elif defined(__x86_64__) && defined(__GNUC__)
inline bool has_host_fma() { return __builtin_cpu_supports("fma"); }
__attribute__((target("fma"))) inline double host_fma(double a, double b, double c) {
  return __builtin_fma(a, b, c);
}
#else
inline bool has_host_fma() { return false; }
inline double host_fma(double, double, double) { return 0; }
#endif

/// Double precision: only with a fused multiply-add instruction in the host.
inline bool host_mul_add(u64 addend, u64 op1, u64 op2, Context& ctx, u64& result) {
  if (!host_rounding(ctx) || !(ctx.flags & kIXC) || !has_host_fma()) return false;
  if (!is_plain(addend) || !is_plain(op1) || !is_plain(op2)) return false;
  const u64 bits = from_host(host_fma(to_host(op1), to_host(op2), to_host(addend)));
  if (!is_safe_result(bits)) return false;
  result = bits;
  return true;
}

inline bool host_convert(u32 op, Rounding, Context&, u64& result) {
  if (!is_plain(op)) return false;
  result = from_host(double{to_host(op)});
  return true;
}

inline bool host_convert(u64 op, Rounding rounding, Context& ctx, u32& result) {
  if (rounding != Rounding::TieEven || !is_plain(op)) return false;
  const double value = to_host(op);
  const float rounded = static_cast<float>(value);
  if (!is_safe_result(from_host(rounded)) && value != 0) return false;
  if (double{rounded} != value) ctx.flags |= kIXC;
  result = from_host(rounded);
  return true;
}

}  // namespace quince::fp

#endif  // QUINCE_CPU_FP_FP_HOST_H_
