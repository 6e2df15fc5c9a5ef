#include "firmware/rom/lib/crc32.h"

#ifdef __aarch64__
// Every CPU of the board has FEAT_CRC32.
#pragma GCC target("+crc")
#include <arm_acle.h>

u32 crc_update(u32 crc, const void* bytes, u64 count) {
  const u8* p = bytes;
  crc = ~crc;
  for (; count != 0 && ((u64)p & 7) != 0; --count) crc = __crc32b(crc, *p++);
  for (; count >= 8; count -= 8, p += 8) crc = __crc32d(crc, *(const u64*)p);
  for (; count != 0; --count) crc = __crc32b(crc, *p++);
  return ~crc;
}

#else

u32 crc_update(u32 crc, const void* bytes, u64 count) {
  // What four bits that leave the register do to the rest of it.
  static const u32 kNibble[16] = {0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac,
                                  0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
                                  0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
                                  0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c};
  const u8* p = bytes;
  crc = ~crc;
  for (; count != 0; --count) {
    crc ^= *p++;
    crc = crc >> 4 ^ kNibble[crc & 15];
    crc = crc >> 4 ^ kNibble[crc & 15];
  }
  return ~crc;
}

#endif
