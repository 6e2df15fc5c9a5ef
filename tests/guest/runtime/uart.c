// Output over the PL011 (Arm DDI 0183).
#include "guest.h"

enum { kDr = 0x00, kFr = 0x18, kCr = 0x30, kFrTxff = 1 << 5 };

void put_char(char c) {
  while (get32(UART_BASE + kFr) & kFrTxff) {
  }
  put32(UART_BASE + kDr, (u8)c);
}

void put_string(const char *s) {
  for (; *s != 0; ++s) put_char(*s);
}

void put_hex(u64 v) {
  put_string("0x");
  int shift = 60;
  while (shift > 0 && (v >> shift) == 0) shift -= 4;
  for (; shift >= 0; shift -= 4) put_char("0123456789abcdef"[(v >> shift) & 15]);
}
