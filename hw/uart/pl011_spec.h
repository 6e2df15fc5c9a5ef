// The fields of the Arm PrimeCell UART, PL011, in the manual's spelling (Arm DDI 0183, chapter 3).
#pragma once

#include "base/types.h"

namespace quince::hw::pl011 {

/// UARTCLK of the machines that have this device: their device trees say the same.
inline constexpr u64 kUartClockHz = 24'000'000;
inline constexpr unsigned kFifoDepth = 16;

// UARTDR 11:8, which are UARTRSR 3:0 of the character that was read last.
inline constexpr u16 kDrFE = 1 << 8;
inline constexpr u16 kDrPE = 1 << 9;
inline constexpr u16 kDrBE = 1 << 10;
inline constexpr u16 kDrOE = 1 << 11;
inline constexpr u8 kRsrOE = kDrOE >> 8;

// UARTFR
inline constexpr u16 kFrCTS = 1 << 0;
inline constexpr u16 kFrDSR = 1 << 1;
inline constexpr u16 kFrDCD = 1 << 2;
inline constexpr u16 kFrRXFE = 1 << 4;
inline constexpr u16 kFrRXFF = 1 << 6;
inline constexpr u16 kFrTXFE = 1 << 7;
inline constexpr u16 kFrRI = 1 << 8;

// UARTLCR_H
inline constexpr u8 kLcrBRK = 1 << 0;
inline constexpr u8 kLcrFEN = 1 << 4;

// UARTCR
inline constexpr u16 kCrLBE = 1 << 7;
inline constexpr u16 kCrTXE = 1 << 8;
inline constexpr u16 kCrRXE = 1 << 9;
inline constexpr u16 kCrDTR = 1 << 10;
inline constexpr u16 kCrRTS = 1 << 11;
inline constexpr u16 kCrOut1 = 1 << 12;
inline constexpr u16 kCrOut2 = 1 << 13;
inline constexpr u16 kCrWritable = 0xff87;

// UARTIMSC, UARTRIS, UARTMIS and UARTICR
inline constexpr u16 kIntRI = 1 << 0;
inline constexpr u16 kIntCTS = 1 << 1;
inline constexpr u16 kIntDCD = 1 << 2;
inline constexpr u16 kIntDSR = 1 << 3;
inline constexpr u16 kIntRX = 1 << 4;
inline constexpr u16 kIntTX = 1 << 5;
inline constexpr u16 kIntRT = 1 << 6;
inline constexpr u16 kIntFE = 1 << 7;
inline constexpr u16 kIntPE = 1 << 8;
inline constexpr u16 kIntBE = 1 << 9;
inline constexpr u16 kIntOE = 1 << 10;
inline constexpr u16 kIntAll = 0x7ff;

}  // namespace quince::hw::pl011
