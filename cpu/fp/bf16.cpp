// cpu/fp/bf16.cpp — BFloat16 arithmetic.
//
// Models FPConvertBF, BFDotAdd with BFMulH, BFAdd, BFUnpack and BFRound, and BFMulAddH (DDI 0487,
// shared functions/float; FEAT_BF16 without FEAT_EBF16).
#include <bit>

#include "cpu/fp/fp.h"
#include "cpu/fp/unpacked.h"

namespace quince::fp {
namespace {

constexpr u32 widen_bf16(u16 op) { return u32{op} << 16; }

/// Denormals are zeros, with no flag. A NaN keeps its class; callers only ask whether it is one.
Unpacked bf_unpack(u32 op) {
  if (is_denormal(op)) op = FPZero<u32>(sign_of(op));
  return unpack_bits(op);
}

/// Rounds the non-zero number (-1)^sign * mantissa * 2^(exponent - 63) to odd. Numbers below the
/// normal range become zero and those above it infinity.
u32 bf_round(bool sign, int exponent, u64 mantissa) {
  using L = Layout<u32>;
  constexpr int kDrop = 63 - int{L::kFracBits};
  const int shift = std::countl_zero(mantissa);
  mantissa <<= shift;
  const int biased = exponent - shift + L::kBias;
  if (biased <= 0) return FPZero<u32>(sign);
  if (biased >= L::kMaxExpField) return FPInfinity<u32>(sign);
  u32 frac = static_cast<u32>((mantissa >> kDrop) & L::kFracMask);
  if ((mantissa & ((u64{1} << kDrop) - 1)) != 0) frac |= 1;
  return FPZero<u32>(sign) | (static_cast<u32>(biased) << L::kFracBits) | frac;
}

u32 bf_mul(u16 op1, u16 op2) {
  const Unpacked a = bf_unpack(widen_bf16(op1));
  const Unpacked b = bf_unpack(widen_bf16(op2));
  if (is_nan(a.type) || is_nan(b.type)) return FPDefaultNaN<u32>();
  const bool sign = a.sign != b.sign;
  const bool inf = a.type == FPType::Infinity || b.type == FPType::Infinity;
  const bool zero = a.type == FPType::Zero || b.type == FPType::Zero;
  if (inf && zero) return FPDefaultNaN<u32>();
  if (inf) return FPInfinity<u32>(sign);
  if (zero) return FPZero<u32>(sign);
  // Mantissas of 8 bits: the product is exact, with its unit at bit 62.
  const u64 product = (a.mantissa >> 32) * (b.mantissa >> 32);
  return bf_round(sign, a.exponent + b.exponent + 1, product);
}

u32 bf_add(u32 op1, u32 op2) {
  const Unpacked a = bf_unpack(op1);
  const Unpacked b = bf_unpack(op2);
  if (is_nan(a.type) || is_nan(b.type)) return FPDefaultNaN<u32>();
  const bool inf1 = a.type == FPType::Infinity;
  const bool inf2 = b.type == FPType::Infinity;
  if (inf1 && inf2 && a.sign != b.sign) return FPDefaultNaN<u32>();
  if (inf1) return op1;
  if (inf2) return op2;
  const bool zero1 = a.type == FPType::Zero;
  const bool zero2 = b.type == FPType::Zero;
  if (zero1 && zero2) return FPZero<u32>(a.sign && b.sign);
  if (zero1) return op2;
  if (zero2) return op1;
  const bool swap = a.exponent < b.exponent;
  const Unpacked& big = swap ? b : a;
  const Unpacked& small = swap ? a : b;
  const u64 m1 = big.mantissa >> 1;
  const u64 m2 = shift_right_sticky(small.mantissa >> 1, big.exponent - small.exponent);
  const bool same_sign = a.sign == b.sign;
  if (!same_sign && m1 == m2) return FPZero<u32>(false);
  const bool sign = same_sign || m1 > m2 ? big.sign : small.sign;
  const u64 sum = same_sign ? m1 + m2 : (m1 > m2 ? m1 - m2 : m2 - m1);
  return bf_round(sign, big.exponent + 1, sum);
}

}  // namespace

u16 FPConvertBF(u32 op, Context& ctx) {
  const Unpacked a = FPUnpack(op, ctx);
  if (is_nan(a.type)) {
    return static_cast<u16>(FPProcessNaN(a.type, op, ctx) >> 16);
  }
  if (a.type == FPType::Infinity || a.type == FPType::Zero) {
    const u32 result = a.type == FPType::Zero ? FPZero<u32>(a.sign) : op;
    return static_cast<u16>(result >> 16);
  }
  return static_cast<u16>(
      round_base<BFloat>(a.sign, a.exponent, a.mantissa, ctx.rounding, ctx.fz, false, ctx));
}

u32 BFDotAdd(u32 acc, u16 a1, u16 b1, u16 a2, u16 b2) {
  return bf_add(acc, bf_add(bf_mul(a1, a2), bf_mul(b1, b2)));
}

u32 BFMulAdd(u32 acc, u16 op1, u16 op2, Context& ctx) {
  return FPMulAdd(acc, widen_bf16(op1), widen_bf16(op2), ctx);
}

}  // namespace quince::fp
