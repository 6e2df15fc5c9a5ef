// cpu/fp/unpacked.h — operands as (class, sign, exponent, mantissa), and rounding back to a format.
//
// Models FPUnpack, FPUnpackCV, FPRound and FPRoundCV (DDI 0487, shared functions/float). Where the
// manual works with real numbers, this works with normalised 64-bit mantissas whose lowest bit is
// sticky: it stands for "something non-zero at or below this bit". Internal to cpu/fp.
#ifndef QUINCE_CPU_FP_UNPACKED_H_
#define QUINCE_CPU_FP_UNPACKED_H_

#include <bit>

#include "base/types.h"
#include "cpu/fp/fp.h"

namespace quince::fp {

/// An operand taken apart. For Denormal and Nonzero the value is
/// (-1)^sign * mantissa * 2^(exponent - 63), and bit 63 of the mantissa is set. For other classes
/// exponent and mantissa are 0.
struct Unpacked {
  FPType type;
  bool sign;
  int exponent;
  u64 mantissa;
};

/// Numbers derived from FormatOf.
template <class T>
struct Layout : FormatOf<T> {
  using Base = FormatOf<T>;
  static constexpr int kMaxExpField = (1 << Base::kExpBits) - 1;
  static constexpr int kBias = kMaxExpField / 2;
  static constexpr int kMinExponent = 1 - kBias;
  static constexpr u64 kFracMask = (u64{1} << Base::kFracBits) - 1;
  static constexpr u64 kHidden = u64{1} << Base::kFracBits;
  static constexpr u64 kQuietBit = kHidden >> 1;
  static constexpr u64 kMagnitudeMask = (u64{1} << (Base::kBits - 1)) - 1;
};

/// BFloat16 as a destination of rounding only; its bit patterns are u16.
struct BFloat {};
template <>
struct FormatOf<BFloat> {
  static constexpr unsigned kBits = 16, kExpBits = 8, kFracBits = 7;
};

constexpr bool is_nan(FPType type) { return type >= FPType::QNaN; }

/// Shifts right by `n` >= 0; bits shifted out are collected in the sticky bit 0.
constexpr u64 shift_right_sticky(u64 v, int n) {
  if (n == 0) return v;
  if (n >= 64) return v != 0;
  return (v >> n) | ((v << (64 - n)) != 0);
}
constexpr u128 shift_right_sticky(u128 v, int n) {
  if (n == 0) return v;
  if (n >= 128) return v != 0;
  return (v >> n) | ((v << (128 - n)) != 0);
}

/// The exponent field of `op`.
template <class T>
constexpr int exp_field(T op) {
  return static_cast<int>((u64{op} >> FormatOf<T>::kFracBits) &
                          static_cast<u64>(Layout<T>::kMaxExpField));
}

template <class T>
constexpr bool sign_of(T op) {
  return (op & kSignBit<T>) != 0;
}

/// A non-zero number with a zero exponent field.
template <class T>
constexpr bool is_denormal(T op) {
  return exp_field(op) == 0 && FPAbs(op) != 0;
}

/// Whether `ctx` flushes denormals of format T. FZ16 does not apply to conversions between formats.
template <class T>
constexpr bool flushes(const Context& ctx, bool conversion = false) {
  if constexpr (sizeof(T) == 2) {
    return ctx.fz16 && !conversion;
  } else {
    return ctx.fz;
  }
}

/// Class of a bit pattern that is not to be flushed.
template <class T>
constexpr FPType classify(T op) {
  const u64 frac = op & Layout<T>::kFracMask;
  const int exp = exp_field(op);
  if (exp == 0) return frac == 0 ? FPType::Zero : FPType::Denormal;
  if (exp != Layout<T>::kMaxExpField) return FPType::Nonzero;
  if (frac == 0) return FPType::Infinity;
  return (frac & Layout<T>::kQuietBit) ? FPType::QNaN : FPType::SNaN;
}

/// `op` with input flushing applied: a denormal becomes a zero of its sign when FPCR says so,
/// which sets IDC except for halves.
template <class T>
constexpr T flush_input(T op, Context& ctx, bool conversion = false) {
  if (!is_denormal(op) || !flushes<T>(ctx, conversion)) [[likely]]
    return op;
  if constexpr (sizeof(T) != 2) ctx.flags |= kIDC;
  return FPZero<T>(sign_of(op));
}

/// Takes apart a bit pattern without flushing. `ahp`: the top exponent holds numbers.
template <class T>
constexpr Unpacked unpack_bits(T op, bool ahp = false) {
  using L = Layout<T>;
  const u64 frac = op & L::kFracMask;
  const int exp = exp_field(op);
  const bool sign = sign_of(op);
  if (exp != 0 && (exp != L::kMaxExpField || ahp)) [[likely]] {
    return {FPType::Nonzero, sign, exp - L::kBias, (frac | L::kHidden) << (63 - L::kFracBits)};
  }
  if (exp == 0 && frac != 0) {
    const int shift = std::countl_zero(frac);
    return {FPType::Denormal, sign, L::kMinExponent + 63 - int{L::kFracBits} - shift,
            frac << shift};
  }
  return {classify(op), sign, 0, 0};
}

/// The manual's FPUnpack: observes FZ and FZ16, ignores AHP.
template <class T>
constexpr Unpacked FPUnpack(T op, Context& ctx) {
  return unpack_bits(flush_input(op, ctx));
}

/// The manual's FPUnpackCV, for conversions between formats: observes FZ and AHP, ignores FZ16.
template <class T>
constexpr Unpacked FPUnpackCV(T op, Context& ctx) {
  return unpack_bits(flush_input(op, ctx, true), sizeof(T) == 2 && ctx.ahp);
}

/// Whether a magnitude is rounded up, given the kept part's lowest bit and the discarded part
/// compared with one half. Odd is up to the caller.
constexpr bool rounds_up(Rounding rounding, bool sign, bool odd, u64 discarded, u64 half) {
  switch (rounding) {
    case Rounding::TieEven:
      return discarded > half || (discarded == half && odd);
    case Rounding::PlusInf:
      return discarded != 0 && !sign;
    case Rounding::MinusInf:
      return discarded != 0 && sign;
    case Rounding::TieAway:
      return discarded >= half;
    case Rounding::Zero:
    case Rounding::Odd:
      break;
  }
  return false;
}

/// Whether an overflow in this rounding mode gives infinity rather than the largest finite number.
constexpr bool overflows_to_infinity(Rounding rounding, bool sign) {
  switch (rounding) {
    case Rounding::PlusInf:
      return !sign;
    case Rounding::MinusInf:
      return sign;
    case Rounding::Zero:
    case Rounding::Odd:
      return false;
    case Rounding::TieEven:
    case Rounding::TieAway:
      break;
  }
  return true;
}

/// Rounds the non-zero number (-1)^sign * mantissa * 2^(exponent - 63), bit 63 of `mantissa` set
/// and bit 0 sticky, to format T. Sets OFC, UFC and IXC as needed. Underflow is detected before
/// rounding. `flush`: numbers below the normal range give zero and UFC alone. `ahp`: the
/// alternative half format, which has no infinity; overflow gives the largest number and IOC alone.
template <class T>
constexpr u64 round_base(bool sign, int exponent, u64 mantissa, Rounding rounding, bool flush,
                         bool ahp, Context& ctx) {
  using L = Layout<T>;
  constexpr int kDrop = 63 - int{L::kFracBits};
  const u64 sign_bit = u64{sign} << (L::kBits - 1);
  int biased = exponent + L::kBias;
  if (biased <= 0) [[unlikely]] {
    if (flush) {
      ctx.flags |= kUFC;
      return sign_bit;
    }
    mantissa = shift_right_sticky(mantissa, 1 - biased);
    biased = 0;
  }
  const u64 discarded = mantissa & ((u64{1} << kDrop) - 1);
  u64 kept = mantissa >> kDrop;
  if (discarded != 0) {
    if (biased == 0) ctx.flags |= kUFC;
    if (rounding == Rounding::Odd) {
      kept |= 1;
    } else {
      kept += rounds_up(rounding, sign, kept & 1, discarded, u64{1} << (kDrop - 1));
    }
  }
  // The hidden bit, and a carry out of the rounding, go into the exponent field by addition.
  const u64 packed = biased == 0 ? kept : (static_cast<u64>(biased - 1) << L::kFracBits) + kept;
  const int limit = L::kMaxExpField + (ahp ? 1 : 0);
  if (static_cast<int>(packed >> L::kFracBits) >= limit) [[unlikely]] {
    if (ahp) {
      ctx.flags |= kIOC;
      return sign_bit | L::kMagnitudeMask;
    }
    ctx.flags |= kOFC | kIXC;
    const u64 infinity = u64{L::kMaxExpField} << L::kFracBits;
    return sign_bit | (overflows_to_infinity(rounding, sign) ? infinity : infinity - 1);
  }
  if (discarded != 0) ctx.flags |= kIXC;
  return sign_bit | packed;
}

/// The manual's FPRound: observes FZ and FZ16, ignores AHP. Preconditions as for round_base.
template <class T>
constexpr T FPRound(bool sign, int exponent, u64 mantissa, Rounding rounding, Context& ctx) {
  return static_cast<T>(
      round_base<T>(sign, exponent, mantissa, rounding, flushes<T>(ctx), false, ctx));
}

/// The manual's FPRoundCV, for conversions between formats: observes FZ and AHP, ignores FZ16.
template <class T>
constexpr T FPRoundCV(bool sign, int exponent, u64 mantissa, Rounding rounding, Context& ctx) {
  return static_cast<T>(round_base<T>(sign, exponent, mantissa, rounding, flushes<T>(ctx, true),
                                      sizeof(T) == 2 && ctx.ahp, ctx));
}

/// FPRound of any non-zero mantissa: normalises it first.
template <class T>
constexpr T normalise_and_round(bool sign, int exponent, u64 mantissa, Rounding rounding,
                                Context& ctx) {
  const int shift = std::countl_zero(mantissa);
  return FPRound<T>(sign, exponent - shift, mantissa << shift, rounding, ctx);
}

/// The zero that an exact sum of non-zero operands gives.
template <class T>
constexpr T exact_zero(const Context& ctx) {
  return FPZero<T>(ctx.rounding == Rounding::MinusInf);
}

/// The default NaN with IOC set: the result of an invalid operation.
template <class T>
constexpr T invalid_operation(Context& ctx) {
  ctx.flags |= kIOC;
  return FPDefaultNaN<T>();
}

/// The manual's FPConvertNaN: a quiet NaN with the sign and as much of the payload as fits.
template <class To, class From>
constexpr To FPConvertNaN(From op) {
  // Align both fractions at bit 51, as in a double.
  const u64 frac = (op & Layout<From>::kFracMask) << (52 - FormatOf<From>::kFracBits);
  return static_cast<To>(FPDefaultNaN<To>() | FPZero<To>(sign_of(op)) |
                         (frac >> (52 - FormatOf<To>::kFracBits)));
}

/// The magnitude of a number rounded to an integer.
struct Integer {
  u64 magnitude;
  bool inexact;
  bool too_big;  ///< The magnitude is 2^64 or more; `magnitude` is meaningless.
};

/// Rounds (-1)^sign * mantissa * 2^(exponent - 63) to an integer, bit 63 of the mantissa set. At
/// most 53 bits of the mantissa are in use, so that rounding up cannot leave 64 bits.
constexpr Integer round_to_integer(bool sign, int exponent, u64 mantissa, Rounding rounding) {
  if (exponent > 63) return {0, false, true};
  u64 whole = 0;
  u64 fraction = 1;  // as a fraction of 2^64; here it stands for anything below one half
  if (exponent == 63) {
    whole = mantissa;
    fraction = 0;
  } else if (exponent >= 0) {
    whole = mantissa >> (63 - exponent);
    fraction = mantissa << (exponent + 1);
  } else if (exponent == -1) {
    fraction = mantissa;
  }
  whole += rounds_up(rounding, sign, whole & 1, fraction, u64{1} << 63);
  return {whole, fraction != 0, false};
}

}  // namespace quince::fp

#endif  // QUINCE_CPU_FP_UNPACKED_H_
