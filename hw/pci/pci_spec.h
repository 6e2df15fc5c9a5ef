// PCI and PCI Express numbers: configuration space offsets and fields.
//
// PCI Local Bus 3.0, chapter 6 (header, BARs, MSI, MSI-X); PCI-to-PCI Bridge 1.2, chapter 3 (the
// type 1 header); PCI Express Base 4.0, chapter 7 (the PCI Express capability).
#pragma once

#include "base/types.h"

namespace quince::hw::pci {

inline constexpr unsigned kConventionalConfig = 256, kExpressConfig = 4096;
inline constexpr unsigned kSlots = 32, kFunctions = 8;

// Both header types.
inline constexpr unsigned kVendorId = 0x00, kDeviceId = 0x02, kCommand = 0x04, kStatus = 0x06;
inline constexpr unsigned kRevisionId = 0x08, kClassCode = 0x09, kCacheLineSize = 0x0c;
inline constexpr unsigned kLatencyTimer = 0x0d, kHeaderType = 0x0e, kBar0 = 0x10;
inline constexpr unsigned kCapabilities = 0x34, kInterruptLine = 0x3c, kInterruptPin = 0x3d;
inline constexpr unsigned kFirstCapability = 0x40, kFirstExtendedCapability = 0x100;

// Type 0.
inline constexpr unsigned kSubsystemVendorId = 0x2c, kSubsystemId = 0x2e;
inline constexpr unsigned kBars = 6;

// Type 1.
inline constexpr unsigned kBridgeBars = 2;
inline constexpr unsigned kPrimaryBus = 0x18, kSecondaryBus = 0x19, kSubordinateBus = 0x1a;
inline constexpr unsigned kIoBase = 0x1c, kIoLimit = 0x1d, kSecondaryStatus = 0x1e;
inline constexpr unsigned kMemoryBase = 0x20, kMemoryLimit = 0x22;
inline constexpr unsigned kPrefetchBase = 0x24, kPrefetchLimit = 0x26;
inline constexpr unsigned kPrefetchBaseUpper = 0x28, kPrefetchLimitUpper = 0x2c;
inline constexpr unsigned kIoBaseUpper = 0x30, kIoLimitUpper = 0x32, kBridgeControl = 0x3e;

// Header type.
inline constexpr u8 kHeaderBridge = 1, kHeaderMultiFunction = 0x80;

// Command.
inline constexpr u16 kIoSpaceEnable = 1u << 0, kMemorySpaceEnable = 1u << 1;
inline constexpr u16 kBusMasterEnable = 1u << 2, kParityErrorResponse = 1u << 6;
inline constexpr u16 kSerrEnable = 1u << 8, kInterruptDisable = 1u << 10;

// Status.
inline constexpr u16 kInterruptStatus = 1u << 3, kCapabilitiesList = 1u << 4;
inline constexpr u16 kStatusErrors = 0xf900;  ///< write one to clear

// The low bits of a BAR.
inline constexpr u32 kBarIo = 1, kBar64 = 4, kBarPrefetch = 8;

// Capability ids.
inline constexpr u8 kCapMsi = 0x05, kCapVendor = 0x09, kCapExpress = 0x10, kCapMsix = 0x11;
inline constexpr u8 kCapSubsystem = 0x0d;

// MSI, from the capability's start: 64-bit addresses.
inline constexpr unsigned kMsiControl = 2, kMsiAddress = 4, kMsiAddressUpper = 8, kMsiData = 12;
inline constexpr unsigned kMsiMask = 16, kMsiPending = 20;
inline constexpr unsigned kMsiSize = 14, kMsiMaskableSize = 24;
inline constexpr u16 kMsiEnable = 1u << 0, kMsi64 = 1u << 7, kMsiPerVectorMask = 1u << 8;
inline constexpr unsigned kMsiMultipleCapable = 1, kMsiMultipleEnable = 4;  ///< shifts, 3 bits each

// MSI-X, from the capability's start.
inline constexpr unsigned kMsixControl = 2, kMsixTable = 4, kMsixPba = 8, kMsixSize = 12;
inline constexpr u16 kMsixFunctionMask = 1u << 14, kMsixEnable = 1u << 15;
inline constexpr unsigned kMsixMaxVectors = 2048;
inline constexpr u64 kMsixEntrySize = 16;

// PCI Express, from the capability's start.
inline constexpr unsigned kExpressSize = 0x3c;
inline constexpr unsigned kExpressFlags = 0x02, kDeviceCapabilities = 0x04, kDeviceControl = 0x08;
inline constexpr unsigned kDeviceStatus = 0x0a, kLinkCapabilities = 0x0c, kLinkControl = 0x10;
inline constexpr unsigned kLinkStatus = 0x12, kSlotCapabilities = 0x14, kSlotControl = 0x18;
inline constexpr unsigned kSlotStatus = 0x1a, kRootControl = 0x1c, kRootCapabilities = 0x1e;
inline constexpr unsigned kRootStatus = 0x20, kDeviceCapabilities2 = 0x24;
inline constexpr unsigned kDeviceControl2 = 0x28, kLinkCapabilities2 = 0x2c;
inline constexpr unsigned kLinkControl2 = 0x30, kLinkStatus2 = 0x32;
inline constexpr u16 kLinkActive = 1u << 13;       ///< Link Status
inline constexpr u16 kPresenceDetected = 1u << 6;  ///< Slot Status

// Bridge Control.
inline constexpr u16 kSecondaryBusReset = 1u << 6;

// Class codes: base class, sub-class and programming interface.
inline constexpr u32 kClassHostBridge = 0x06'00'00, kClassPciBridge = 0x06'04'00;
inline constexpr u32 kClassOther = 0xff'00'00;

// The vendor whose ids QEMU's generic devices carry, and those devices.
inline constexpr u16 kVendorRedHat = 0x1b36, kSubsystemVendorQumranet = 0x1af4;
inline constexpr u16 kSubsystemQemu = 0x1100;
inline constexpr u16 kDeviceTest = 0x0005, kDeviceHostBridge = 0x0008, kDeviceRootPort = 0x000c;

/// What a read gets that nobody answers.
constexpr u64 kAllOnes = ~u64{0};

}  // namespace quince::hw::pci
