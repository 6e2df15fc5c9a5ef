// SCSI as numbers: SPC-4 (commands of every device, sense data, VPD pages) and SBC-3 (disks).
#pragma once

#include <span>

#include "base/types.h"

namespace quince::hw::scsi {

/// Operation codes, in the manuals' spelling.
enum Opcode : u8 {
  TEST_UNIT_READY = 0x00,
  REQUEST_SENSE = 0x03,
  READ_6 = 0x08,
  WRITE_6 = 0x0a,
  INQUIRY = 0x12,
  MODE_SENSE_6 = 0x1a,
  START_STOP_UNIT = 0x1b,
  PREVENT_ALLOW_MEDIUM_REMOVAL = 0x1e,
  READ_FORMAT_CAPACITIES = 0x23,
  READ_CAPACITY_10 = 0x25,
  READ_10 = 0x28,
  WRITE_10 = 0x2a,
  VERIFY_10 = 0x2f,
  SYNCHRONIZE_CACHE_10 = 0x35,
  MODE_SENSE_10 = 0x5a,
  READ_16 = 0x88,
  WRITE_16 = 0x8a,
  VERIFY_16 = 0x8f,
  SYNCHRONIZE_CACHE_16 = 0x91,
  SERVICE_ACTION_IN_16 = 0x9e,
  REPORT_LUNS = 0xa0,
  READ_12 = 0xa8,
  WRITE_12 = 0xaa,
  VERIFY_12 = 0xaf,
};
inline constexpr u8 kReadCapacity16 = 0x10;  // of SERVICE ACTION IN (16)

/// Sense key, additional sense code and its qualifier in one number: KKAAQQ.
using Sense = u32;
inline constexpr Sense kNoSense = 0, kNotReadyStopped = 0x02'0402, kNoMedium = 0x02'3a00,
                       kReadError = 0x03'1100, kWriteError = 0x03'0c00, kInvalidOpcode = 0x05'2000,
                       kLbaOutOfRange = 0x05'2100, kInvalidField = 0x05'2400,
                       kNoSuchUnit = 0x05'2500, kSavingUnsupported = 0x05'3900,
                       kRemovalPrevented = 0x05'5302, kMediumChanged = 0x06'2800,
                       kPowerOn = 0x06'2900, kWriteProtected = 0x07'2700,
                       kSpaceExhausted = 0x07'2707, kDataPhaseError = 0x0b'4b00,
                       kMiscompare = 0x0e'1d00;
inline constexpr Sense kLastSense = 0x0f'ffff;

/// Numbers are big-endian; 1 to 8 bytes.
inline u64 load_be(std::span<const u8> bytes) {
  u64 v = 0;
  for (u8 b : bytes) v = v << 8 | b;
  return v;
}
inline void store_be(std::span<u8> bytes, u64 v) {
  for (std::size_t i = bytes.size(); i-- > 0; v >>= 8) bytes[i] = static_cast<u8>(v);
}

}  // namespace quince::hw::scsi
