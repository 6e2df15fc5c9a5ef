#include "firmware/rom/lib/memory.h"

// Words may be of any type that is there.
typedef u64 __attribute__((may_alias)) Word;

NO_CALLS void mem_copy(void* to, const void* from, u64 bytes) {
  u8* t = to;
  const u8* f = from;
  if ((((u64)t ^ (u64)f) & 7) == 0) {
    for (; bytes != 0 && ((u64)t & 7) != 0; --bytes) *t++ = *f++;
    for (; bytes >= 8; bytes -= 8, t += 8, f += 8) *(Word*)t = *(const Word*)f;
  }
  for (; bytes != 0; --bytes) *t++ = *f++;
}

NO_CALLS void mem_set(void* to, u8 value, u64 bytes) {
  u8* t = to;
  for (; bytes != 0 && ((u64)t & 7) != 0; --bytes) *t++ = value;
  for (; bytes >= 8; bytes -= 8, t += 8) *(Word*)t = value * 0x0101010101010101ul;
  for (; bytes != 0; --bytes) *t++ = value;
}

bool mem_equal(const void* a, const void* b, u64 bytes) {
  const u8 *x = a, *y = b;
  for (u64 i = 0; i < bytes; ++i)
    if (x[i] != y[i]) return false;
  return true;
}

NO_CALLS u64 str_length(const char* s) {
  u64 n = 0;
  while (s[n] != 0) ++n;
  return n;
}

int str_compare(const char* a, const char* b) {
  for (; *a != 0 && *a == *b; ++a, ++b) {
  }
  return (u8)*a - (u8)*b;
}

bool str_equal(const char* a, const char* b) { return str_compare(a, b) == 0; }

bool str_equal_fold(const char* a, const char* b) {
  for (; *a != 0 && ascii_lower(*a) == ascii_lower(*b); ++a, ++b) {
  }
  return ascii_lower(*a) == ascii_lower(*b);
}

bool str_is(const char* a, u64 bytes, const char* b) {
  for (u64 i = 0; i < bytes; ++i)
    if (a[i] != b[i]) return false;  // b's NUL is not in a
  return b[bytes] == 0;
}
