// An implementation-defined pointer authentication code that is quick to compute.
//
// Arm ARM DDI 0487: ComputePACIMPDEF() leaves the function open.  This one folds 128-bit products:
// two multiplications instead of QARMA5's hundreds of operations.  It depends on every bit of
// pointer, modifier and key; it is not meant to resist an attacker who can see many codes.
#pragma once

#include "cpu/pauth/qarma.h"

namespace quince::pauth {

u64 compute_pac_impdef(u64 data, u64 modifier, Key key);

}  // namespace quince::pauth
