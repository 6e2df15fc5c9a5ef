// CRC32 and CRC32C as the Armv8 instructions compute them (Arm ARM DDI 0487, C6.2, CRC32*): bits
// reflected, neither inverted before nor after.
#pragma once

#include <array>

#include "base/types.h"

namespace quince::a64 {

/// The remainders of all bytes for a bit-reversed polynomial.
consteval std::array<u32, 256> crc32_table(u32 reversed_polynomial) {
  std::array<u32, 256> table{};
  for (u32 n = 0; n < 256; ++n) {
    u32 r = n;
    for (int i = 0; i < 8; ++i) r = (r >> 1) ^ ((r & 1) != 0 ? reversed_polynomial : 0);
    table[n] = r;
  }
  return table;
}

inline constexpr std::array<u32, 256> kCrc32 = crc32_table(0xedb8'8320);   // 0x04C11DB7
inline constexpr std::array<u32, 256> kCrc32c = crc32_table(0x82f6'3b78);  // 0x1EDC6F41

/// Continues `acc` with the `bytes` low bytes of `value`, the least significant first.
inline u32 crc32(bool castagnoli, u32 acc, u64 value, unsigned bytes) {
  const std::array<u32, 256>& table = castagnoli ? kCrc32c : kCrc32;
  for (; bytes > 0; --bytes, value >>= 8) acc = (acc >> 8) ^ table[(acc ^ value) & 0xff];
  return acc;
}

}  // namespace quince::a64
