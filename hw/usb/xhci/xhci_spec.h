// Numbers of the xHCI specification, revision 1.2.
#pragma once

#include <array>
#include <span>

#include "base/bits.h"

namespace quince::hw::xhci {

// ---- Registers -----------------------------------------------------------------------------------

// USBCMD (5.4.1).
inline constexpr u32 kRunStop = 1 << 0, kHcReset = 1 << 1, kInte = 1 << 2, kHsee = 1 << 3,
                     kCss = 1 << 8, kCrs = 1 << 9, kEwe = 1 << 10, kEu3s = 1 << 11;
// USBSTS (5.4.2).
inline constexpr u32 kHcHalted = 1 << 0, kHse = 1 << 2, kEint = 1 << 3, kPcd = 1 << 4,
                     kSre = 1 << 10, kHce = 1 << 12;
// CRCR (5.4.5).
inline constexpr u32 kRcs = 1 << 0, kCommandStop = 1 << 1, kCommandAbort = 1 << 2, kCrr = 1 << 3;
// PORTSC (5.4.8).
inline constexpr u32 kCcs = 1 << 0, kPed = 1 << 1, kPr = 1 << 4, kPlsShift = 5, kPp = 1 << 9,
                     kSpeedShift = 10, kLws = 1 << 16, kCsc = 1 << 17, kPec = 1 << 18,
                     kWrc = 1 << 19, kOcc = 1 << 20, kPrc = 1 << 21, kPlc = 1 << 22, kCec = 1 << 23,
                     kWce = 1 << 25, kWde = 1 << 26, kWoe = 1 << 27, kWpr = u32{1} << 31;
inline constexpr u32 kPortChanges = kCsc | kPec | kWrc | kOcc | kPrc | kPlc | kCec;
/// Port Link State.
enum class Pls : u8 {
  U0 = 0,
  U1 = 1,
  U2 = 2,
  U3 = 3,
  Disabled = 4,
  RxDetect = 5,
  Polling = 7,
  Resume = 15
};
// IMAN, IMOD, ERDP (5.5.2).
inline constexpr u32 kIp = 1 << 0, kIe = 1 << 1;
inline constexpr u32 kEhb = 1 << 3, kErdpFlags = 0xf;
inline constexpr u64 kImodUnit = 250;        // nanoseconds
inline constexpr u32 kImodDefault = 4000;    // 1 ms
inline constexpr u64 kMicroframe = 125'000;  // nanoseconds
inline constexpr unsigned kMfindexBits = 14;

// ---- Transfer request blocks (6.4) ----------------------------------------------------------------

inline constexpr u64 kTrbSize = 16;

enum class TrbType : u8 {
  Normal = 1,
  SetupStage = 2,
  DataStage = 3,
  StatusStage = 4,
  Isoch = 5,
  Link = 6,
  EventData = 7,
  NoOp = 8,
  EnableSlot = 9,
  DisableSlot = 10,
  AddressDevice = 11,
  ConfigureEndpoint = 12,
  EvaluateContext = 13,
  ResetEndpoint = 14,
  StopEndpoint = 15,
  SetTrDequeuePointer = 16,
  ResetDevice = 17,
  GetPortBandwidth = 21,
  NoOpCommand = 23,
  TransferEvent = 32,
  CommandCompletion = 33,
  PortStatusChange = 34,
  HostController = 37,
  MfindexWrap = 39,
  NecCommandCompletion = 48,
  NecGetFirmware = 49,
  NecChallenge = 50,
};

/// Completion codes (6.4.5).
enum class Code : u8 {
  Success = 1,
  BabbleDetected = 3,
  UsbTransactionError = 4,
  TrbError = 5,
  StallError = 6,
  ResourceError = 7,
  NoSlotsAvailable = 9,
  InvalidStreamType = 10,
  SlotNotEnabled = 11,
  EndpointNotEnabled = 12,
  ShortPacket = 13,
  RingUnderrun = 14,
  RingOverrun = 15,
  ParameterError = 17,
  ContextStateError = 19,
  EventRingFull = 21,
  CommandRingStopped = 24,
  Stopped = 26,
  StoppedLengthInvalid = 27,
  InvalidStreamId = 34,
};

// Control word of a TRB.
inline constexpr u32 kCycle = 1 << 0, kToggleCycle = 1 << 1, kIsp = 1 << 2, kChain = 1 << 4,
                     kIoc = 1 << 5, kIdt = 1 << 6, kBei = 1 << 9, kDirIn = 1 << 16;
inline constexpr u32 kBsr = 1 << 9, kDeconfigure = 1 << 9;  // of two commands
inline constexpr u32 kEventDataFlag = 1 << 2;               // of a Transfer Event

struct Trb {
  u64 parameter = 0;
  u32 status = 0;
  u32 control = 0;

  static Trb from_bytes(std::span<const u8, kTrbSize> b) {
    return {load_le<u64>(&b[0]), load_le<u32>(&b[8]), load_le<u32>(&b[12])};
  }
  std::array<u8, kTrbSize> bytes() const {
    std::array<u8, kTrbSize> b;
    store_le(&b[0], parameter);
    store_le(&b[8], status);
    store_le(&b[12], control);
    return b;
  }
  TrbType type() const { return static_cast<TrbType>(bits(control, 15, 10)); }
  bool has(u32 flag) const { return (control & flag) != 0; }
  /// Of a transfer: bytes of the buffer, and the interrupter of its events.
  u32 length() const { return static_cast<u32>(bits(status, 16, 0)); }
  unsigned interrupter() const { return static_cast<unsigned>(bits(status, 31, 22)); }
  /// Of commands.
  unsigned slot() const { return control >> 24; }
  unsigned endpoint() const { return static_cast<unsigned>(bits(control, 20, 16)); }

  static constexpr u32 type_bits(TrbType t) { return static_cast<u32>(t) << 10; }
  static constexpr u32 code_bits(Code c) { return static_cast<u32>(c) << 24; }
};

// ---- Contexts (6.2) ------------------------------------------------------------------------------

inline constexpr u64 kContextSize = 32;
inline constexpr unsigned kDcis = 32;  // 0 is the slot context; endpoints are 1 to 31

enum class SlotState : u8 { Enabled = 0, Default = 1, Addressed = 2, Configured = 3 };
enum class EpState : u8 { Disabled = 0, Running = 1, Halted = 2, Stopped = 3, Error = 4 };
enum class EpType : u8 {
  None = 0,
  IsochOut = 1,
  BulkOut = 2,
  InterruptOut = 3,
  Control = 4,
  IsochIn = 5,
  BulkIn = 6,
  InterruptIn = 7,
};
constexpr bool is_in(EpType t) { return t >= EpType::IsochIn; }
constexpr bool is_isoch(EpType t) { return t == EpType::IsochOut || t == EpType::IsochIn; }
constexpr bool is_interrupt(EpType t) {
  return t == EpType::InterruptOut || t == EpType::InterruptIn;
}
constexpr bool is_bulk(EpType t) { return t == EpType::BulkOut || t == EpType::BulkIn; }

// ---- Limits of this controller -------------------------------------------------------------------

inline constexpr unsigned kMaxSlots = 64, kMaxInterrupters = 16, kMaxPortsOfAKind = 15,
                          kMaxPorts = 2 * kMaxPortsOfAKind;
inline constexpr unsigned kErstMax = 4;  // HCSPARAMS2: 2^4 segments
inline constexpr unsigned kMaxSegments = 1u << kErstMax;
inline constexpr unsigned kMaxPsaSize = 7;  // HCCPARAMS1: 2^8 primary streams

}  // namespace quince::hw::xhci
