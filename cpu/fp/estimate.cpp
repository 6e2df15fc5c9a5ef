// cpu/fp/estimate.cpp — reciprocal and reciprocal square root estimates, and FRECPX.
//
// Models FPRecipEstimate, FPRSqrtEstimate, FPRecpX, UnsignedRecipEstimate, UnsignedRSqrtEstimate and
// the integer algorithms RecipEstimate and RecipSqrtEstimate (DDI 0487, shared functions/float), 8-bit estimates (no FEAT_RPRES).
#include <array>
#include <bit>

#include "cpu/fp/fp.h"
#include "cpu/fp/unpacked.h"

namespace quince::fp {
namespace {

/// Estimates for operands 256/512 to 511/512, each in 256 to 511 and stored without its top bit.
constexpr std::array<u8, 256> make_recip_table() {
  std::array<u8, 256> table{};
  for (u32 i = 0; i < 256; ++i) {
    // Reciprocal of the middle of the interval, in 1/1024 units, rounded to nearest.
    const u32 middle = (256 + i) * 2 + 1;
    table[i] = static_cast<u8>(((1u << 19) / middle + 1) / 2);
  }
  return table;
}

/// Estimates for operands 128/512 to 511/512, stored likewise. From 256 on only every second
/// operand is told apart.
constexpr std::array<u8, 384> make_rsqrt_table() {
  std::array<u8, 384> table{};
  for (u32 i = 0; i < 384; ++i) {
    const u32 scaled = 128 + i;
    const u32 middle = scaled < 256 ? scaled * 2 + 1 : (scaled | 1) * 2;
    // The largest root whose square times `middle` stays below 2^28, rounded to 9 bits.
    u32 root = 512;
    while (middle * (root + 1) * (root + 1) < (1u << 28)) ++root;
    table[i] = static_cast<u8>((root + 1) / 2);
  }
  return table;
}

constexpr std::array<u8, 256> kRecipTable = make_recip_table();
constexpr std::array<u8, 384> kRSqrtTable = make_rsqrt_table();

/// The bit pattern with the given fields; `frac8` are the top bits of the fraction.
template <class T>
T pack_estimate(bool sign, int exp, u64 frac8) {
  return static_cast<T>(FPZero<T>(sign) | (static_cast<u64>(exp) << FormatOf<T>::kFracBits) |
                        (frac8 << (FormatOf<T>::kFracBits - 8)));
}

}  // namespace

template <class T>
T FPRecipEstimate(T op, Context& ctx) {
  using L = Layout<T>;
  const Unpacked a = FPUnpack(op, ctx);
  if (is_nan(a.type)) return FPProcessNaN(a.type, op, ctx);
  if (a.type == FPType::Infinity) return FPZero<T>(a.sign);
  if (a.type == FPType::Zero) {
    ctx.flags |= kDZC;
    return FPInfinity<T>(a.sign);
  }
  if (a.exponent < -L::kBias - 1) {  // the reciprocal is out of range
    ctx.flags |= kOFC | kIXC;
    return overflows_to_infinity(ctx.rounding, a.sign) ? FPInfinity<T>(a.sign)
                                                       : FPMaxNormal<T>(a.sign);
  }
  if (flushes<T>(ctx) && a.exponent >= L::kBias - 1) {  // the reciprocal is denormal
    ctx.flags |= kUFC;
    return FPZero<T>(a.sign);
  }
  const u64 estimate = 256u + kRecipTable[(a.mantissa >> 55) & 0xff];
  const int exp = L::kBias - 1 - a.exponent;  // exponent field of the result
  if (exp > 0) return pack_estimate<T>(a.sign, exp, estimate & 0xff);
  // A denormal result, -1 <= exp <= 0. The fraction has at least ten bits, so none is lost.
  const u64 frac = (estimate << (L::kFracBits - 8)) >> (1 - exp);
  return static_cast<T>(FPZero<T>(a.sign) | frac);
}

template <class T>
T FPRSqrtEstimate(T op, Context& ctx) {
  using L = Layout<T>;
  const Unpacked a = FPUnpack(op, ctx);
  if (is_nan(a.type)) return FPProcessNaN(a.type, op, ctx);
  if (a.type == FPType::Zero) {
    ctx.flags |= kDZC;
    return FPInfinity<T>(a.sign);
  }
  if (a.sign) return invalid_operation<T>(ctx);
  if (a.type == FPType::Infinity) return FPZero<T>(false);
  // Scale by an even power of two to [0.25, 1), as an integer in units of 1/512.
  const bool odd_exponent = a.exponent & 1;
  const u64 scaled = a.mantissa >> (odd_exponent ? 55 : 56);
  // Exponents: scaled is op * 2^-(2k), the estimate in [1, 2), and the result estimate * 2^-k.
  const int half_exponent = odd_exponent ? (a.exponent + 1) / 2 : (a.exponent + 2) / 2;
  return pack_estimate<T>(false, L::kBias - half_exponent, kRSqrtTable[scaled - 128]);
}

template <class T>
T FPRecpX(T op, Context& ctx) {
  using L = Layout<T>;
  const FPType type = classify(flush_input(op, ctx));
  if (is_nan(type)) return FPProcessNaN(type, op, ctx);
  const int exp = exp_field(op);
  const int result_exp = exp == 0 ? L::kMaxExpField - 1 : L::kMaxExpField - exp;
  return pack_estimate<T>(sign_of(op), result_exp, 0);
}

u32 UnsignedRecipEstimate(u32 op) {
  if (!(op >> 31)) return ~u32{0};  // below 0.5: the reciprocal is out of range
  return (256u + kRecipTable[(op >> 23) & 0xff]) << 23;
}

u32 UnsignedRSqrtEstimate(u32 op) {
  if (!(op >> 30)) return ~u32{0};  // below 0.25
  return (256u + kRSqrtTable[(op >> 23) - 128]) << 23;
}

#define QUINCE_FP_INSTANTIATE(T)              \
  template T FPRecipEstimate<T>(T, Context&); \
  template T FPRSqrtEstimate<T>(T, Context&); \
  template T FPRecpX<T>(T, Context&);
QUINCE_FP_INSTANTIATE(u16)
QUINCE_FP_INSTANTIATE(u32)
QUINCE_FP_INSTANTIATE(u64)
#undef QUINCE_FP_INSTANTIATE

}  // namespace quince::fp
