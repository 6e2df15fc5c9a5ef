// cpu/fp/fp.h — Arm floating-point arithmetic on bit patterns, with FPCR control and FPSR flags.
//
// Models the shared floating-point functions of the Arm Architecture Reference Manual for
// A-profile (DDI 0487), "Shared pseudocode functions", functions/float, for an implementation
// without FEAT_AFP, FEAT_RPRES and FEAT_EBF16 and without trapped exceptions. Functions named
// after a manual function keep the manual's spelling and behave as it does.
//
// Unless a comment says otherwise T is u16 (half), u32 (single) or u64 (double).
#ifndef QUINCE_CPU_FP_FP_H_
#define QUINCE_CPU_FP_FP_H_

#include "base/types.h"

namespace quince::fp {

/// Rounding modes. The first four have the encoding of FPCR.RMode.
enum class Rounding : u8 { TieEven = 0, PlusInf = 1, MinusInf = 2, Zero = 3, TieAway = 4, Odd = 5 };

/// Classes of an operand, after input flushing.
enum class FPType : u8 { Zero, Denormal, Nonzero, Infinity, QNaN, SNaN };

// FPSR cumulative exception bits, at their FPSR positions.
inline constexpr u32 kIOC = 1u << 0;  ///< Invalid operation.
inline constexpr u32 kDZC = 1u << 1;  ///< Divide by zero.
inline constexpr u32 kOFC = 1u << 2;  ///< Overflow.
inline constexpr u32 kUFC = 1u << 3;  ///< Underflow.
inline constexpr u32 kIXC = 1u << 4;  ///< Inexact.
inline constexpr u32 kIDC = 1u << 7;  ///< Input denormal.

// FPCR fields that influence arithmetic.
inline constexpr u32 kFpcrFZ16 = 1u << 19;
inline constexpr u32 kFpcrRModeShift = 22;
inline constexpr u32 kFpcrFZ = 1u << 24;
inline constexpr u32 kFpcrDN = 1u << 25;
inline constexpr u32 kFpcrAHP = 1u << 26;

/// The decoded FPCR, plus the FPSR bits that operations accumulate. Bits are only ever added to
/// `flags`. Seed it with the current FPSR: when IXC is already set many operations need not work
/// out whether they are inexact and run at host speed (see fp_host.h).
struct Context {
  Rounding rounding = Rounding::TieEven;
  bool dn = false;    ///< Results that are NaNs are the default NaN.
  bool fz = false;    ///< Flush to zero, single and double (and BFloat16).
  bool fz16 = false;  ///< Flush to zero, half.
  bool ahp = false;   ///< Alternative half format in conversions.
  u32 flags = 0;      ///< FPSR cumulative bits.
};

/// Decodes `fpcr`; `flags` starts out as `fpsr_flags`.
constexpr Context context_from_fpcr(u32 fpcr, u32 fpsr_flags = 0) {
  return Context{static_cast<Rounding>((fpcr >> kFpcrRModeShift) & 3),
                 (fpcr & kFpcrDN) != 0,
                 (fpcr & kFpcrFZ) != 0,
                 (fpcr & kFpcrFZ16) != 0,
                 (fpcr & kFpcrAHP) != 0,
                 fpsr_flags};
}

/// Layout of a format, by its bit-pattern type.
template <class T>
struct FormatOf;
template <>
struct FormatOf<u16> {
  static constexpr unsigned kBits = 16, kExpBits = 5, kFracBits = 10;
};
template <>
struct FormatOf<u32> {
  static constexpr unsigned kBits = 32, kExpBits = 8, kFracBits = 23;
};
template <>
struct FormatOf<u64> {
  static constexpr unsigned kBits = 64, kExpBits = 11, kFracBits = 52;
};

/// The sign bit of a format.
template <class T>
inline constexpr T kSignBit = static_cast<T>(u64{1} << (FormatOf<T>::kBits - 1));

/// A zero of the given sign (true: negative).
template <class T>
constexpr T FPZero(bool sign) {
  return sign ? kSignBit<T> : T{0};
}

/// An infinity of the given sign.
template <class T>
constexpr T FPInfinity(bool sign) {
  using F = FormatOf<T>;
  return static_cast<T>((((u64{1} << F::kExpBits) - 1) << F::kFracBits) | FPZero<T>(sign));
}

/// The largest finite number of the given sign.
template <class T>
constexpr T FPMaxNormal(bool sign) {
  return static_cast<T>(FPInfinity<T>(sign) - 1);
}

/// The default NaN: positive, quiet, all other fraction bits clear.
template <class T>
constexpr T FPDefaultNaN() {
  return static_cast<T>(FPInfinity<T>(false) | (u64{1} << (FormatOf<T>::kFracBits - 1)));
}

/// Sign operations. They touch only the sign bit: NaNs are not quietened, no flag is set.
template <class T>
constexpr T FPAbs(T op) {
  return static_cast<T>(op & static_cast<T>(~kSignBit<T>));
}
template <class T>
constexpr T FPNeg(T op) {
  return static_cast<T>(op ^ kSignBit<T>);
}
template <class T>
constexpr T FPAbs(T op, Context&) {
  return FPAbs(op);
}
template <class T>
constexpr T FPNeg(T op, Context&) {
  return FPNeg(op);
}

/// The NaN result for the NaN operand `op` of class `type`: quietened, or the default NaN under
/// FPCR.DN. A signalling NaN sets IOC.
template <class T>
T FPProcessNaN(FPType type, T op, Context& ctx);

/// NaN selection among two or three operands: the first signalling NaN, else the first quiet one.
/// Returns whether there was any NaN; if so `result` is the result of the operation.
template <class T>
bool FPProcessNaNs(FPType type1, FPType type2, T op1, T op2, Context& ctx, T& result);
template <class T>
bool FPProcessNaNs3(FPType type1, FPType type2, FPType type3, T op1, T op2, T op3, Context& ctx,
                    T& result);

template <class T>
T FPAdd(T op1, T op2, Context& ctx);
template <class T>
T FPSub(T op1, T op2, Context& ctx);
template <class T>
T FPMul(T op1, T op2, Context& ctx);
/// As FPMul, but infinity times zero is 2.0 with the product's sign, without a flag.
template <class T>
T FPMulX(T op1, T op2, Context& ctx);
template <class T>
T FPDiv(T op1, T op2, Context& ctx);
template <class T>
T FPSqrt(T op, Context& ctx);

template <class T>
T FPMax(T op1, T op2, Context& ctx);
template <class T>
T FPMin(T op1, T op2, Context& ctx);
/// As FPMax and FPMin, but a single quiet NaN operand loses to the other operand.
template <class T>
T FPMaxNum(T op1, T op2, Context& ctx);
template <class T>
T FPMinNum(T op1, T op2, Context& ctx);

/// addend + op1 * op2 with one rounding. For FMSUB and the like negate operands with FPNeg first.
template <class T>
T FPMulAdd(T addend, T op1, T op2, Context& ctx);
/// FMLAL and FMLSL: single addend + half * half with one rounding (FEAT_FHM).
u32 FPMulAddH(u32 addend, u16 op1, u16 op2, Context& ctx);
/// 2.0 - op1 * op2 with one rounding; infinity times zero gives 2.0.
template <class T>
T FPRecipStepFused(T op1, T op2, Context& ctx);
/// (3.0 - op1 * op2) / 2.0 with one rounding; infinity times zero gives 1.5.
template <class T>
T FPRSqrtStepFused(T op1, T op2, Context& ctx);

template <class T>
T FPRecipEstimate(T op, Context& ctx);
template <class T>
T FPRSqrtEstimate(T op, Context& ctx);
template <class T>
T FPRecpX(T op, Context& ctx);
/// URECPE and URSQRTE: estimates of fixed-point numbers below 1.
u32 UnsignedRecipEstimate(u32 op);
u32 UnsignedRSqrtEstimate(u32 op);

/// Rounds to an integral value in the same format. Only with `exact` does a change set IXC.
template <class T>
T FPRoundInt(T op, Rounding rounding, bool exact, Context& ctx);
/// FRINT32X/Z and FRINT64X/Z: as FPRoundInt with `exact`, but a NaN, an infinity or a result
/// outside a signed integer of `intsize` (32 or 64) bits gives -2^(intsize-1) and IOC.
/// T is u32 or u64.
template <class T>
T FPRoundIntN(T op, Rounding rounding, unsigned intsize, Context& ctx);

/// Comparison flags as four bits: N is 8, Z is 4, C is 2, V is 1. With `signal_nans` a quiet NaN
/// sets IOC too.
template <class T>
u32 FPCompare(T op1, T op2, bool signal_nans, Context& ctx);
template <class T>
bool FPCompareEQ(T op1, T op2, Context& ctx);
template <class T>
bool FPCompareGE(T op1, T op2, Context& ctx);
template <class T>
bool FPCompareGT(T op1, T op2, Context& ctx);

/// Converts between formats; halves follow FPCR.AHP and ignore FPCR.FZ16. FCVTXN passes
/// Rounding::Odd. To and From are different formats.
template <class To, class From>
To FPConvert(From op, Rounding rounding, Context& ctx);
template <class To, class From>
To FPConvert(From op, Context& ctx) {
  return FPConvert<To, From>(op, ctx.rounding, ctx);
}

/// Converts to an integer or fixed-point number with `fbits` fraction bits (0 to 64), saturating
/// to `intsize` (16, 32 or 64) bits. The result is zero-extended. `rounding` is not Odd.
template <class T>
u64 FPToFixed(T op, unsigned fbits, bool is_unsigned, Rounding rounding, unsigned intsize,
              Context& ctx);
/// Converts the low `intsize` (16, 32 or 64) bits of `op`, a number with `fbits` fraction bits.
template <class T>
T FixedToFP(u64 op, unsigned fbits, bool is_unsigned, unsigned intsize, Rounding rounding,
            Context& ctx);
/// FJCVTZS: the double `op` rounded towards zero, modulo 2^32, zero-extended. `z` is PSTATE.Z:
/// whether the conversion was exact and in range, and `op` not -0.
u64 FPToFixedJS(u64 op, Context& ctx, bool& z);

/// BFCVT: single to BFloat16, with the rounding mode and controls of FPCR.
u16 FPConvertBF(u32 op, Context& ctx);
/// BFDOT: acc + (a1 * a2 + b1 * b2) on BFloat16 factors with round-to-odd steps, flushed
/// denormals and default NaNs; FPCR is not used and no flag is set. Here (a1, b1) is the pair of
/// the first source and (a2, b2) that of the second. An element of BFMMLA is two of these in a row.
u32 BFDotAdd(u32 acc, u16 a1, u16 b1, u16 a2, u16 b2);
/// BFMLALB and BFMLALT: acc + op1 * op2 with one rounding, controlled by FPCR like FMADD.
u32 BFMulAdd(u32 acc, u16 op1, u16 op2, Context& ctx);

}  // namespace quince::fp

#endif  // QUINCE_CPU_FP_FP_H_
