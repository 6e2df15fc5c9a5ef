#include "firmware/rom/boot/version_compare.h"

#include "firmware/rom/lib/memory.h"

static bool counts(char c) {
  return ascii_digit(c) || ascii_letter(c) || c == '~' || c == '-' || c == '^' || c == '.';
}

static const char* skip(const char* s) {
  while (*s != 0 && !counts(*s)) ++s;
  return s;
}

static int order(u64 a, u64 b) { return a < b ? -1 : a > b ? 1 : 0; }

static u64 span(const char* s, bool (*is)(char)) {
  u64 n = 0;
  while (is(s[n])) ++n;
  return n;
}
static bool is_digit(char c) { return ascii_digit(c); }
static bool is_letter(char c) { return ascii_letter(c); }

/// The order of the first `bytes` of both.
static int compare(const char* a, const char* b, u64 bytes) {
  for (u64 i = 0; i < bytes; ++i)
    if (a[i] != b[i]) return (u8)a[i] < (u8)b[i] ? -1 : 1;
  return 0;
}

/// Numbers of any length; what is no number is lower than one.
static int compare_numbers(const char** a, const char** b) {
  const u64 all_a = span(*a, is_digit), all_b = span(*b, is_digit);
  int r = order(all_a != 0, all_b != 0);
  if (r != 0) return r;
  const char *const end_a = *a + all_a, *const end_b = *b + all_b;
  while (**a == '0') ++*a;
  while (**b == '0') ++*b;
  const u64 digits = (u64)(end_a - *a);
  r = order(digits, (u64)(end_b - *b));
  if (r == 0) r = compare(*a, *b, digits);
  *a = end_a;
  *b = end_b;
  return r;
}

static int compare_words(const char** a, const char** b) {
  const u64 all_a = span(*a, is_letter), all_b = span(*b, is_letter);
  int r = compare(*a, *b, all_a < all_b ? all_a : all_b);
  if (r == 0) r = order(all_a, all_b);
  *a += all_a;
  *b += all_b;
  return r;
}

int version_compare(const char* a, const char* b) {
  // A version that goes on with one of these is lower than one that does not; '~' also than one that
  // is at its end.
  static const char kLower[] = "-^.";
  for (;;) {
    a = skip(a);
    b = skip(b);
    if (*a == '~' || *b == '~') {
      if (*a != *b) return *a == '~' ? -1 : 1;
      ++a;
      ++b;
      continue;
    }
    if (*a == 0 || *b == 0) return order(*a != 0, *b != 0);
    bool passed = false;
    for (const char* c = kLower; *c != 0 && !passed; ++c) {
      if (*a != *c && *b != *c) continue;
      if (*a != *b) return *a == *c ? -1 : 1;
      ++a;
      ++b;
      passed = true;
    }
    if (passed) continue;
    const int r =
        ascii_digit(*a) || ascii_digit(*b) ? compare_numbers(&a, &b) : compare_words(&a, &b);
    if (r != 0) return r;
  }
}
