// An implementation-defined pointer authentication code that is quick to compute.
//
// Arm ARM DDI 0487: ComputePACIMPDEF() leaves the function open.  This one folds 128-bit products:
// two multiplications instead of QARMA5's hundreds of operations.  It depends on every bit of
// pointer, modifier and key; it is not meant to resist an attacker who can see many codes.
#pragma once

#include "cpu/pauth/qarma.h"

namespace quince::pauth {

/// Its numbers: odd constants from the digits of the golden ratio and of sqrt(2) and sqrt(3).
struct ImpdefHash {
  static constexpr u64 kData = 0x9e37'79b9'7f4a'7c15, kModifier = 0x6a09'e667'f3bc'c909,
                       kLast = 0xbb67'ae85'84ca'a73b;
  static constexpr u8 kModifierTurn = 29;
};
u64 compute_pac_impdef(u64 data, u64 modifier, Key key);

}  // namespace quince::pauth
