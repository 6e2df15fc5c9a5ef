// The pattern language of the instruction tables (cpu/a64/isa/*.inc), parsed at compile time.
//
// A pattern lists the 32 bits of an encoding from bit 31 down, in tokens separated by spaces:
//   0110       literal bits
//   --         bits that are ignored (any value decodes)
//   rd:5       a field of 5 bits; `q` alone is a field of one bit
//   sf!        a field that the engines specialise on: one handler per value (keep to few bits)
//   immh:4+    a field that is not zero; only one in a pattern
#pragma once

#include <array>

#include "base/types.h"

namespace quince::a64 {

struct Field {
  u8 lo = 0;
  u8 width = 0;
  bool specialised = false;
  constexpr bool operator==(const Field&) const = default;
};

inline constexpr unsigned kMaxFields = 12;

/// A parsed pattern; a structural type, so that it can be a template argument.
struct Encoding {
  u32 mask = 0;   ///< bits that must match
  u32 value = 0;  ///< what they must be
  u32 nonzero = 0;  ///< bits that must not all be zero; 0 when there is no such rule
  u8 n_fields = 0;
  std::array<Field, kMaxFields> fields{};
  constexpr bool operator==(const Encoding&) const = default;
  constexpr bool matches(u32 insn) const {
    return (insn & mask) == value && (nonzero == 0 || (insn & nonzero) != 0);
  }
};

/// The value of a field.
constexpr u32 extract(u32 insn, Field f) { return (insn >> f.lo) & ((u32{1} << f.width) - 1); }

/// One token of a pattern.
struct Token {
  const char* begin = nullptr;  ///< where the name or the bits start
  unsigned length = 0;          ///< of the name or the bits
  unsigned width = 0;           ///< in bits
  bool literal = false;         ///< bits, not a field
  bool specialised = false;
  bool nonzero = false;
};

/// Reads the next token and moves `p` behind it; false at the end.
constexpr bool next_token(const char*& p, Token& t) {
  while (*p == ' ') ++p;
  if (*p == 0) return false;
  t = {.begin = p};
  t.literal = *p == '0' || *p == '1' || *p == '-';
  if (t.literal) {
    while (*p == '0' || *p == '1' || *p == '-') ++p;
    t.length = t.width = static_cast<unsigned>(p - t.begin);
    return true;
  }
  while (*p != 0 && *p != ' ' && *p != ':' && *p != '!' && *p != '+') ++p;
  t.length = static_cast<unsigned>(p - t.begin);
  t.width = 1;
  if (*p == ':') {
    t.width = 0;
    for (++p; *p >= '0' && *p <= '9'; ++p) t.width = t.width * 10 + static_cast<unsigned>(*p - '0');
  }
  for (; *p == '!' || *p == '+'; ++p) {
    t.specialised |= *p == '!';
    t.nonzero |= *p == '+';
  }
  return true;
}

/// Parses a pattern.  A pattern that does not have 32 bits does not compile.
consteval Encoding parse(const char* pattern) {
  Encoding e;
  unsigned at = 32;
  const char* p = pattern;
  for (Token t; next_token(p, t);) {
    if (t.width > at || t.width == 0) throw "a pattern has more than 32 bits";
    at -= t.width;
    if (t.literal) {
      for (unsigned i = 0; i < t.width; ++i) {
        const u32 b = u32{1} << (at + t.width - 1 - i);
        if (t.begin[i] == '-') continue;
        e.mask |= b;
        if (t.begin[i] == '1') e.value |= b;
      }
    } else {
      if (t.nonzero && e.nonzero != 0) throw "a pattern has two fields that are not zero";
      if (t.nonzero) e.nonzero = ((u32{1} << t.width) - 1) << at;
      e.fields[e.n_fields++] = {static_cast<u8>(at), static_cast<u8>(t.width), t.specialised};
    }
  }
  if (at != 0) throw "a pattern has fewer than 32 bits";
  return e;
}

}  // namespace quince::a64
