// Pointer authentication codes: adding, checking and stripping them, as pure functions.
//
// Arm ARM DDI 0487: AddPAC(), Auth(), Strip(), CalculateBottomPACBit(), EffectiveTBI() (J1,
// aarch64/functions/pac); FEAT_PAuth, FEAT_PAuth2, FEAT_FPAC (D8.9).  The EL1&0 regime with 48-bit
// addresses.  Missing: FEAT_EPAC (FEAT_PAuth2 replaces it), FEAT_FPACCOMBINE, FEAT_LVA, FEAT_MTE.
#pragma once

#include "cpu/pauth/qarma.h"

namespace quince::pauth {

/// What the codes depend on apart from key and modifier.
struct Regime {
  u64 tcr = 0;          ///< TCR_EL1
  bool pauth2 = false;  ///< codes are combined into the pointer by exclusive or
  bool fpac = false;    ///< failures are faults, except of combined instructions
  bool qarma5 = false;  ///< else the implementation-defined hash
};

/// Signed instruction addresses, for code that computes them with compute_pac_impdef() itself.
struct PacLayout {
  u64 extension[2] = {};  ///< by half: bits of the code, and 55
  u8 half_bit = 55;       ///< that tells the halves apart where a code is added
  enum : u8 {
    kAsk,     ///< that code is not for it
    kUsable,  ///< it is: the key is enabled, FEAT_PAuth2, that hash
    kOff,     ///< the key is not enabled, and pointers stay as they are
  };
  u8 usable[2] = {};  ///< keys IA and IB
};
PacLayout instruction_layout(const Regime& r);

/// ComputePAC().
u64 compute_pac(const Regime& r, u64 data, u64 modifier, Key key);

/// `ptr` with a code.  `data` tells a data from an instruction address, which differ in TBI.
u64 add_pac(const Regime& r, u64 ptr, u64 modifier, Key key, bool data);

/// The result of an authentication.
struct Authenticated {
  u64 ptr = 0;
  bool fault = false;  ///< take a PAC Fail exception instead
};
/// Checks and removes the code of `ptr`.  `key_b` tells a B from an A key.
Authenticated authenticate(const Regime& r, u64 ptr, u64 modifier, Key key, bool data, bool key_b,
                           bool combined);

/// `ptr` without its code, whatever it is.
u64 strip(const Regime& r, u64 ptr, bool data);

}  // namespace quince::pauth
