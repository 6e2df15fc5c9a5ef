// cpu/fp/convert.cpp — conversions between formats, and to and from integers and fixed point.
//
// Models FPConvert, FPToFixed, FixedToFP and FPToFixedJS (DDI 0487, shared functions/float).
#include <bit>

#include "cpu/fp/fp.h"
#include "cpu/fp/fp_host.h"
#include "cpu/fp/soft.h"
#include "cpu/fp/unpacked.h"

namespace quince::fp {
namespace {

/// All ones in the low `bits` (1 to 64) bits.
constexpr u64 low_mask(unsigned bits) { return ~u64{0} >> (64 - bits); }

}  // namespace

namespace soft {

template <class To, class From>
To FPConvert(From op, Rounding rounding, Context& ctx) {
  const bool alternative = sizeof(To) == 2 && ctx.ahp;
  const Unpacked a = FPUnpackCV(op, ctx);
  switch (a.type) {
    case FPType::SNaN:
    case FPType::QNaN:
      if (a.type == FPType::SNaN || alternative) ctx.flags |= kIOC;
      // The alternative half format has neither NaNs nor infinities.
      if (alternative) return FPZero<To>(a.sign);
      return ctx.dn ? FPDefaultNaN<To>() : FPConvertNaN<To>(op);
    case FPType::Infinity:
      if (!alternative) return FPInfinity<To>(a.sign);
      ctx.flags |= kIOC;
      return static_cast<To>(FPZero<To>(a.sign) | Layout<To>::kMagnitudeMask);
    case FPType::Zero:
      return FPZero<To>(a.sign);
    case FPType::Denormal:
    case FPType::Nonzero:
      break;
  }
  return FPRoundCV<To>(a.sign, a.exponent, a.mantissa, rounding, ctx);
}

}  // namespace soft

template <class To, class From>
To FPConvert(From op, Rounding rounding, Context& ctx) {
  if constexpr (kHasHostType<To> && kHasHostType<From>) {
    To result;
    if (host_convert(op, rounding, ctx, result)) [[likely]]
      return result;
  }
  return soft::FPConvert<To>(op, rounding, ctx);
}

template <class T>
u64 FPToFixed(T op, unsigned fbits, bool is_unsigned, Rounding rounding, unsigned intsize,
              Context& ctx) {
  const Unpacked a = FPUnpack(op, ctx);
  if (is_nan(a.type)) {
    ctx.flags |= kIOC;
    return 0;
  }
  if (a.type == FPType::Zero) return 0;
  Integer rounded{0, false, true};
  if (a.type != FPType::Infinity) {
    rounded = round_to_integer(a.sign, a.exponent + static_cast<int>(fbits), a.mantissa, rounding);
  }
  const u64 mask = low_mask(intsize);
  // The largest magnitude that this sign allows.
  const u64 limit = is_unsigned ? (a.sign ? 0 : mask) : (mask >> 1) + a.sign;
  if (rounded.too_big || rounded.magnitude > limit) {
    ctx.flags |= kIOC;
    rounded.magnitude = limit;
  } else if (rounded.inexact) {
    ctx.flags |= kIXC;
  }
  return (a.sign ? ~rounded.magnitude + 1 : rounded.magnitude) & mask;
}

template <class T>
T FixedToFP(u64 op, unsigned fbits, bool is_unsigned, unsigned intsize, Rounding rounding,
            Context& ctx) {
  const u64 mask = low_mask(intsize);
  const bool sign = !is_unsigned && ((op >> (intsize - 1)) & 1);
  const u64 magnitude = (sign ? ~op + 1 : op) & mask;
  if (magnitude == 0) return FPZero<T>(false);
  return normalise_and_round<T>(sign, 63 - static_cast<int>(fbits), magnitude, rounding, ctx);
}

u64 FPToFixedJS(u64 op, Context& ctx, bool& z) {
  const Unpacked a = FPUnpack(op, ctx);
  z = false;
  if (is_nan(a.type) || a.type == FPType::Infinity) {
    ctx.flags |= kIOC;
    return 0;
  }
  if (a.type == FPType::Zero) {
    z = op == 0;  // neither -0 nor a flushed denormal
    return 0;
  }
  u64 magnitude = 0;
  bool in_range = false;
  bool inexact = false;
  if (a.exponent <= 63) {
    const Integer whole = round_to_integer(a.sign, a.exponent, a.mantissa, Rounding::Zero);
    magnitude = whole.magnitude;
    inexact = whole.inexact;
    in_range = magnitude <= low_mask(31) + a.sign;
  } else if (a.exponent < 63 + 32) {
    // An integer of which only the bits below 2^32 count.
    magnitude = a.mantissa << (a.exponent - 63);
  }
  if (!in_range) {
    ctx.flags |= kIOC;
  } else if (inexact) {
    ctx.flags |= kIXC;
  } else {
    z = true;
  }
  return (a.sign ? ~magnitude + 1 : magnitude) & low_mask(32);
}

#define QUINCE_FP_INSTANTIATE(To, From)                            \
  template To soft::FPConvert<To, From>(From, Rounding, Context&); \
  template To FPConvert<To, From>(From, Rounding, Context&);
QUINCE_FP_INSTANTIATE(u32, u16)
QUINCE_FP_INSTANTIATE(u64, u16)
QUINCE_FP_INSTANTIATE(u16, u32)
QUINCE_FP_INSTANTIATE(u64, u32)
QUINCE_FP_INSTANTIATE(u16, u64)
QUINCE_FP_INSTANTIATE(u32, u64)
#undef QUINCE_FP_INSTANTIATE

#define QUINCE_FP_INSTANTIATE(T)                                              \
  template u64 FPToFixed<T>(T, unsigned, bool, Rounding, unsigned, Context&); \
  template T FixedToFP<T>(u64, unsigned, bool, unsigned, Rounding, Context&);
QUINCE_FP_INSTANTIATE(u16)
QUINCE_FP_INSTANTIATE(u32)
QUINCE_FP_INSTANTIATE(u64)
#undef QUINCE_FP_INSTANTIATE

}  // namespace quince::fp
