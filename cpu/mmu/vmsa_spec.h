// Bit positions of VMSAv8-64 that the stage 1 EL1&0 walk reads.
//
// Arm ARM DDI 0487: SCTLR_EL1, TCR_EL1, TTBRn_EL1 (D19.2), translation table descriptor formats
// (D8.3).  Only what the walk uses is here; the system register file owns the registers.
#pragma once

#include "base/types.h"

namespace quince::cpu::vmsa {

namespace sctlr {
inline constexpr unsigned kM = 0, kC = 2, kI = 12, kWXN = 19, kEE = 25, kEPAN = 57;
}

/// TCR_EL1.  Fields that exist per half of the address space are indexed by VA<55>.
namespace tcr {
inline constexpr unsigned kTxSZ[2] = {0, 16};  // 6 bits
inline constexpr unsigned kEPD[2] = {7, 23};
inline constexpr unsigned kTG[2] = {14, 30};  // 2 bits
inline constexpr unsigned kA1 = 22;
inline constexpr unsigned kIPS = 32;  // 3 bits
inline constexpr unsigned kAS = 36;
inline constexpr unsigned kTBI[2] = {37, 38};
inline constexpr unsigned kHA = 39, kHD = 40;
inline constexpr unsigned kHPD[2] = {41, 42};
inline constexpr unsigned kTBID[2] = {51, 52};
inline constexpr unsigned kE0PD[2] = {55, 56};
}  // namespace tcr

namespace ttbr {
inline constexpr unsigned kASID = 48;  // 16 bits
}

/// Descriptors.  Bit 0 is "valid"; bit 1 tells a table or page from a block.
namespace desc {
inline constexpr unsigned kValid = 0, kTableOrPage = 1;
// Tables: the hierarchical attributes.
inline constexpr unsigned kPXNTable = 59, kUXNTable = 60;
inline constexpr unsigned kAPTable = 61;  // 2 bits
// Blocks and pages.
inline constexpr unsigned kAttrIndx = 2;  // 3 bits
inline constexpr unsigned kAP1 = 6, kAP2 = 7;
inline constexpr unsigned kSH = 8;  // 2 bits
inline constexpr unsigned kAF = 10, knG = 11, kGP = 50, kDBM = 51, kPXN = 53, kUXN = 54;
}  // namespace desc

/// The level that holds pages.
inline constexpr unsigned kFinalLevel = 3;
/// Without FEAT_LVA, FEAT_LPA and FEAT_LPA2 neither input nor output addresses exceed 48 bits.
inline constexpr unsigned kMaxAddressBits = 48;

/// The encodings of SH and of PAR_EL1.SH.
inline constexpr u8 kNonShareable = 0, kOuterShareable = 2, kInnerShareable = 3;

/// MAIR_ELx.Attr<n>: Normal inner and outer Non-cacheable; Normal Write-Through Read-Allocate.
inline constexpr u8 kAttrNormalNC = 0x44, kAttrNormalWT = 0xaa, kAttrDevicenGnRnE = 0x00;

}  // namespace quince::cpu::vmsa
