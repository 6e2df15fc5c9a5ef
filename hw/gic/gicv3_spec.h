// GICv3 numbers (Arm IHI 0069, chapter 12): INTIDs, fields and system-register encodings.  Offsets
// of memory-mapped registers stand in the register tables, which are the only place they are used.
#pragma once

#include "base/types.h"
#include "hw/core/sysreg.h"

namespace quince::hw::gic {

// INTIDs (IHI 0069, chapter 2).
inline constexpr u32 kSgis = 16;            ///< SGIs are 0..15
inline constexpr u32 kFirstSpi = 32;        ///< PPIs are 16..31
inline constexpr u32 kMaxSpis = 988;        ///< SPIs are 32..1019
inline constexpr u32 kFirstSpecial = 1020;  ///< 1020..1023 name no interrupt
inline constexpr u32 kSpurious = 1023;

// Priorities: five bits, of which all take part in preemption.
inline constexpr u8 kPriorityMask = 0xf8;
inline constexpr u8 kIdlePriority = 0xff;   ///< ICC_RPR_EL1 while nothing is active
inline constexpr u8 kMinBpr0 = 2;           ///< group priority is [7:3]
inline constexpr u8 kMinBpr1 = 3;           ///< the same split, as Group 1 counts it

// GICD_CTLR with DS == 1.
inline constexpr u32 kCtlrEnableGrp0 = 1u << 0;
inline constexpr u32 kCtlrEnableGrp1 = 1u << 1;
inline constexpr u32 kCtlrAre = 1u << 4;
inline constexpr u32 kCtlrDs = 1u << 6;

// GICD_TYPER.
inline constexpr u32 kTyperLpis = 1u << 17;
inline constexpr unsigned kTyperIdBitsShift = 19;
inline constexpr u32 kTyperA3v = 1u << 24;
inline constexpr u32 kTyperNo1n = 1u << 25;
inline constexpr u32 kTyperRss = 1u << 26;

// GICD_IIDR, GICR_IIDR: Arm's JEP106 code, product and revision 0.
inline constexpr u32 kIidr = 0x43b;

// GICD_IROUTER.
inline constexpr u64 kRouteIrm = u64{1} << 31;
inline constexpr u64 kRouteAffinity = 0xff'00ff'ffff;

// GICR_CTLR, GICR_TYPER, GICR_WAKER.
inline constexpr u32 kRdCtlrEnableLpis = 1u << 0;
inline constexpr u64 kRdTyperPlpis = u64{1} << 0;
inline constexpr u64 kRdTyperLast = u64{1} << 4;
inline constexpr u32 kWakerProcessorSleep = 1u << 1;
inline constexpr u32 kWakerChildrenAsleep = 1u << 2;

// ICC_CTLR_EL1: the writable fields, and what is constant (PRIbits = 4, IDbits = 0, A3V).
inline constexpr u64 kIccCbpr = 1u << 0;
inline constexpr u64 kIccEoiMode = 1u << 1;
inline constexpr u64 kIccConstant = (4u << 8) | (1u << 15);
inline constexpr u64 kIccRss = 1u << 18;

// ICC_SGI1R_EL1, ICC_SGI0R_EL1, ICC_ASGI1R_EL1.
inline constexpr u64 kSgiIrm = u64{1} << 40;

// System registers, op0 = 3, op1 = 0.
inline constexpr SysRegId kPmr{3, 0, 4, 6, 0};
inline constexpr SysRegId kIar0{3, 0, 12, 8, 0};
inline constexpr SysRegId kEoir0{3, 0, 12, 8, 1};
inline constexpr SysRegId kHppir0{3, 0, 12, 8, 2};
inline constexpr SysRegId kBpr0{3, 0, 12, 8, 3};
inline constexpr SysRegId kAp0r0{3, 0, 12, 8, 4};
inline constexpr SysRegId kAp1r0{3, 0, 12, 9, 0};
inline constexpr SysRegId kDir{3, 0, 12, 11, 1};
inline constexpr SysRegId kRpr{3, 0, 12, 11, 3};
inline constexpr SysRegId kSgi1r{3, 0, 12, 11, 5};
inline constexpr SysRegId kAsgi1r{3, 0, 12, 11, 6};
inline constexpr SysRegId kSgi0r{3, 0, 12, 11, 7};
inline constexpr SysRegId kIar1{3, 0, 12, 12, 0};
inline constexpr SysRegId kEoir1{3, 0, 12, 12, 1};
inline constexpr SysRegId kHppir1{3, 0, 12, 12, 2};
inline constexpr SysRegId kBpr1{3, 0, 12, 12, 3};
inline constexpr SysRegId kCtlr{3, 0, 12, 12, 4};
inline constexpr SysRegId kSre{3, 0, 12, 12, 5};
inline constexpr SysRegId kIgrpen0{3, 0, 12, 12, 6};
inline constexpr SysRegId kIgrpen1{3, 0, 12, 12, 7};

}  // namespace quince::hw::gic
