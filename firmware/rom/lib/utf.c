#include "firmware/rom/lib/utf.h"

static char* put(char* to, u32 c) {
  if (c < 0x80) {
    *to++ = (char)c;
    return to;
  }
  if (c < 0x800) {
    *to++ = (char)(0xc0 | c >> 6);
  } else {
    if (c < 0x10000) {
      *to++ = (char)(0xe0 | c >> 12);
    } else {
      *to++ = (char)(0xf0 | c >> 18);
      *to++ = (char)(0x80 | (c >> 12 & 0x3f));
    }
    *to++ = (char)(0x80 | (c >> 6 & 0x3f));
  }
  *to++ = (char)(0x80 | (c & 0x3f));
  return to;
}

u64 utf16_to_utf8(const u16* from, u64 units, char* to) {
  char* at = to;
  for (u64 i = 0; i < units && from[i] != 0; ++i) {
    u32 c = from[i];
    if (c >= 0xd800 && c < 0xe000) {
      const u32 low = i + 1 < units ? from[i + 1] : 0;
      if (c < 0xdc00 && low >= 0xdc00 && low < 0xe000) {
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
        ++i;
      } else {
        c = 0xfffd;
      }
    }
    at = put(at, c);
  }
  *at = 0;
  return (u64)(at - to);
}
