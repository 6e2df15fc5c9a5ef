// cpu/fp/round_int.cpp — rounding to an integral value in the same format.
//
// Models FPRoundInt and FPRoundIntN (DDI 0487, shared functions/float).
#include "cpu/fp/fp.h"
#include "cpu/fp/unpacked.h"

namespace quince::fp {
namespace {

/// The integer `magnitude` in format T. Never inexact: the callers' integers have no more
/// significant bits than the format, and are in its range.
template <class T>
T integral_value(bool sign, u64 magnitude, Context& ctx) {
  if (magnitude == 0) return FPZero<T>(sign);
  return normalise_and_round<T>(sign, 63, magnitude, Rounding::Zero, ctx);
}

}  // namespace

template <class T>
T FPRoundInt(T op, Rounding rounding, bool exact, Context& ctx) {
  const Unpacked a = FPUnpack(op, ctx);
  if (is_nan(a.type)) return FPProcessNaN(a.type, op, ctx);
  if (a.type == FPType::Infinity) return op;
  if (a.type == FPType::Zero) return FPZero<T>(a.sign);
  if (a.exponent >= int{FormatOf<T>::kFracBits}) return op;  // no fraction bits
  const Integer rounded = round_to_integer(a.sign, a.exponent, a.mantissa, rounding);
  if (exact && rounded.inexact) ctx.flags |= kIXC;
  return integral_value<T>(a.sign, rounded.magnitude, ctx);
}

template <class T>
T FPRoundIntN(T op, Rounding rounding, unsigned intsize, Context& ctx) {
  const Unpacked a = FPUnpack(op, ctx);
  if (a.type == FPType::Zero) return FPZero<T>(a.sign);
  Integer rounded{0, false, true};
  if (a.type == FPType::Nonzero || a.type == FPType::Denormal) {
    rounded = round_to_integer(a.sign, a.exponent, a.mantissa, rounding);
  }
  const u64 lowest = u64{1} << (intsize - 1);
  if (rounded.too_big || rounded.magnitude > lowest - !a.sign) {
    ctx.flags |= kIOC;
    return integral_value<T>(true, lowest, ctx);
  }
  if (rounded.inexact) ctx.flags |= kIXC;
  return integral_value<T>(a.sign, rounded.magnitude, ctx);
}

template u16 FPRoundInt<u16>(u16, Rounding, bool, Context&);
template u32 FPRoundInt<u32>(u32, Rounding, bool, Context&);
template u64 FPRoundInt<u64>(u64, Rounding, bool, Context&);
template u32 FPRoundIntN<u32>(u32, Rounding, unsigned, Context&);
template u64 FPRoundIntN<u64>(u64, Rounding, unsigned, Context&);

}  // namespace quince::fp
