// What scalar and vector floating point share.
//
// x86 and Arm compute the same numbers (IEEE 754), to nearest, and MXCSR gathers the same exceptions, except:
//  - NaNs: which operand's is kept, and the sign of the default one.  So results that are NaNs go the slow way.
//  - underflow: Arm looks before rounding (DDI 0487, FPRoundBase), x86 behind it (Intel SDM, volume 1, 4.9.1.5).  That
//    differs only where a product was rounded up to the smallest normal number, which goes the slow way, too.
//  - conversions to integers that do not fit: x86 gives one value for all, which goes the slow way.
// An operation that may go the slow way must not have set a flag in MXCSR that the instruction would not set.
#pragma once

#include "cpu/jit/x64/vector_lanes.h"

namespace quince::cpu::jit {

/// Constants of a format, in every element.
template <bool D>
struct FpFormat {
  static constexpr unsigned kLog2 = D ? 3 : 2;
  static constexpr u64 all(u64 d, u64 s) { return D ? d : s << 32 | s; }
  static constexpr u64 kSign = all(u64{1} << 63, 0x8000'0000);
  static constexpr u64 kMagnitude = ~kSign;
  static constexpr u64 kSmallestNormal = all(u64{1} << 52, 0x0080'0000);
  static constexpr u64 kHalf = all(u64{0x3fe} << 52, 0x3f00'0000);
  static constexpr u64 kOne = all(u64{0x3ff} << 52, 0x3f80'0000);
  static constexpr u64 kIntegral =
      all(u64{0x433} << 52, 0x4b00'0000);  ///< 2^52, 2^23: no fractions from here on
};

/// Rounding to integral numbers: the numbers of ROUNDSD, and away from zero at ties.
enum class Round : u8 { Nearest = 0, Down = 1, Up = 2, Zero = 3, Away = 4 };
inline constexpr u8 kQuiet = 8;  ///< of ROUNDSD: inexact results set no flag

/// Predicates of CMPPS.
enum Compare : u8 {
  kEqQuiet = 0,
  kUnordered = 3,
  kEqOrUnordered = 8,
  kGe = 13,
  kGt = 14,
  kNotLess = 21,
  kGeQuiet = 29
};

}  // namespace quince::cpu::jit
