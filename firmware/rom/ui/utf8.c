#include "firmware/rom/ui/utf8.h"

u32 utf8_next(const char** text) {
  const u8* at = (const u8*)*text;
  const u8 lead = *at;
  if (lead == 0) return 0;
  ++at;
  u32 code = lead, more = 0, least = 0;
  if (lead >= 0x80) {
    more = lead >= 0xf5 || lead < 0xc2 ? 0 : lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
    code = more == 0 ? kReplacement : lead & (0x3fu >> more);
    least = more == 3 ? 0x10000 : more == 2 ? 0x800 : 0;
  }
  for (u32 i = 0; i < more; ++i) {
    if ((*at & 0xc0) != 0x80) {  // also the end
      code = kReplacement;
      break;
    }
    code = code << 6 | (*at++ & 0x3fu);
    // The second byte shows what is too long, a surrogate or too large: the bytes that follow are on their own.
    if (i == 0 && more > 1 &&
        (code < least >> (6 * (more - 1)) || (more == 2 && code >> 5 == 0x1b) ||
         (more == 3 && code > 0x10f))) {
      --at;
      code = kReplacement;
      break;
    }
  }
  *text = (const char*)at;
  return code > 0xffff ? kReplacement : code;
}

u32 utf8_put(char* to, u32 code) {
  if (code < 0x80) {
    to[0] = (char)code;
    return 1;
  }
  if (code < 0x800) {
    to[0] = (char)(0xc0 | code >> 6);
    to[1] = (char)(0x80 | (code & 0x3f));
    return 2;
  }
  to[0] = (char)(0xe0 | (code >> 12 & 15));
  to[1] = (char)(0x80 | (code >> 6 & 0x3f));
  to[2] = (char)(0x80 | (code & 0x3f));
  return 3;
}

u32 utf8_length(const char* text) {
  u32 length = 0;
  while (utf8_next(&text) != 0) ++length;
  return length;
}
