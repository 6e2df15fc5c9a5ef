#include "firmware/rom/lib/format.h"

struct Out {
  char* to;
  u64 room, used;
};
static void put(struct Out* o, char c) {
  if (o->used + 1 < o->room) o->to[o->used++] = c;
}

struct Field {
  u64 width;
  bool zeros, left, wide;
};

static void put_field(struct Out* o, const char* text, u64 length, const struct Field* f) {
  const u64 pad = f->width > length ? f->width - length : 0;
  for (u64 i = 0; !f->left && i < pad; ++i) put(o, f->zeros ? '0' : ' ');
  for (u64 i = 0; i < length; ++i) put(o, text[i]);
  for (u64 i = 0; f->left && i < pad; ++i) put(o, ' ');
}

static void put_number(struct Out* o, u64 v, u64 base, bool minus, const struct Field* f) {
  char digits[21];
  u64 at = sizeof digits;
  do {
    digits[--at] = "0123456789abcdef"[v % base];
    v /= base;
  } while (v != 0);
  if (minus) digits[--at] = '-';
  put_field(o, digits + at, sizeof digits - at, f);
}

/// Reads flags, width and l; the character that says what it is.
static char read_field(const char** format, struct Field* f) {
  *f = (struct Field){0};
  const char* at = *format;
  for (; *at == '0' || *at == '-'; ++at) *(*at == '0' ? &f->zeros : &f->left) = true;
  for (; *at >= '0' && *at <= '9'; ++at) f->width = f->width * 10 + (u64)(*at - '0');
  for (; *at == 'l'; ++at) f->wide = true;
  *format = *at != 0 ? at + 1 : at;
  return *at;
}

u64 format_list(char* to, u64 room, const char* format, __builtin_va_list list) {
  struct Out o = {to, room, 0};
  while (*format != 0) {
    const char c = *format++;
    if (c != '%') {
      put(&o, c);
      continue;
    }
    struct Field f;
    switch (read_field(&format, &f)) {
      case 's': {
        const char* const s = __builtin_va_arg(list, const char*);
        u64 length = 0;
        while (s[length] != 0) ++length;
        put_field(&o, s, length, &f);
        break;
      }
      case 'c': {
        const char one = (char)__builtin_va_arg(list, int);
        put_field(&o, &one, 1, &f);
        break;
      }
      case 'd': {
        const s64 v = f.wide ? __builtin_va_arg(list, s64) : __builtin_va_arg(list, int);
        put_number(&o, v < 0 ? -(u64)v : (u64)v, 10, v < 0, &f);
        break;
      }
      case 'u':
        put_number(&o, f.wide ? __builtin_va_arg(list, u64) : __builtin_va_arg(list, u32), 10,
                   false, &f);
        break;
      case 'x':
        put_number(&o, f.wide ? __builtin_va_arg(list, u64) : __builtin_va_arg(list, u32), 16,
                   false, &f);
        break;
      case '%':
        put(&o, '%');
        break;
      default:
        break;
    }
  }
  if (room != 0) to[o.used] = 0;
  return o.used;
}

u64 format_text(char* to, u64 room, const char* format, ...) {
  __builtin_va_list list;
  __builtin_va_start(list, format);
  const u64 used = format_list(to, room, format, list);
  __builtin_va_end(list);
  return used;
}
