// QARMA5, the architected cipher of pointer authentication.
//
// Arm ARM DDI 0487: ComputePACQARMA5() (J1, aarch64/functions/pac); R. Avanzi, "The QARMA Block
// Cipher Family", ToSC 2017(1): QARMA-64 with r = 5 and the S-box sigma2.  Missing: QARMA3.
#pragma once

#include "base/types.h"

namespace quince::pauth {

/// A 128-bit key: the Hi and Lo register of a pair.
struct Key {
  u64 hi = 0;  ///< w0 of the cipher
  u64 lo = 0;  ///< k0 of the cipher
};

/// Encrypts `data` under the tweak `modifier`.
u64 compute_pac_qarma5(u64 data, u64 modifier, Key key);
/// The same on hosts without SSSE3, more than ten times as slow.
u64 compute_pac_qarma5_portable(u64 data, u64 modifier, Key key);

}  // namespace quince::pauth
