// Text of floating-point operands, for the disassembler.
//
//   {fps:f} {fph:f}  vector register f as singles, halves: 2s or 4s, 4h or 8h by field `q`
//   {fp2h:f}         vector register f as 2h or 4h
//   {fp2} {fpbt}     "2" where q is set;  "b" or "t" by q
//   {fpe}            "e" where field `signal` is set
//   {fpimm}          the immediate of FMOV in field `imm8`
//   {fpbits:f}       the number of fraction bits in field f
//   {fpidx}          the element h:l:m, h:l or h of a by-element form
//   {fprot}          the rotation of FCADD
#include <cstdio>

#include "base/types.h"
#include "cpu/a64/disasm/disasm.h"

namespace quince::a64 {

namespace {

std::string vector(const Decoded& d, std::string_view field, const char* narrow, const char* wide) {
  return "v" + std::to_string(d[field]) + "." + (d["q"] != 0 ? wide : narrow);
}
std::string singles(const Decoded& d, std::string_view args) { return vector(d, args, "2s", "4s"); }
std::string halves(const Decoded& d, std::string_view args) { return vector(d, args, "4h", "8h"); }
std::string few_halves(const Decoded& d, std::string_view args) {
  return vector(d, args, "2h", "4h");
}

/// The suffix of instructions on the upper half of a register.
std::string second(const Decoded& d, std::string_view) { return d["q"] != 0 ? "2" : ""; }
/// BFMLALB or BFMLALT.
std::string bottom_top(const Decoded& d, std::string_view) { return d["q"] != 0 ? "t" : "b"; }
/// FCMPE or FCMP.
std::string signalling(const Decoded& d, std::string_view) { return d["signal"] != 0 ? "e" : ""; }

/// The 8-bit immediate of FMOV, a sign, a 3-bit exponent and a 4-bit fraction.
std::string immediate(const Decoded& d, std::string_view) {
  const u32 imm8 = d["imm8"];
  const int exponent = static_cast<int>((imm8 >> 4) & 7) - ((imm8 & 0x40) != 0 ? 7 : -1);
  double value = 16 + (imm8 & 15);
  for (int i = exponent; i < 4; ++i) value /= 2;
  char text[32];
  std::snprintf(text, sizeof text, "%s%.8f", (imm8 & 0x80) != 0 ? "-" : "", value);
  return text;
}

/// The number of fraction bits, which the field has as 2^width - fbits.
std::string fraction_bits(const Decoded& d, std::string_view args) {
  return std::to_string((u32{1} << d.width(args)) - d[args]);
}

/// The element of a by-element form: h:l:m, h:l or h.
std::string element(const Decoded& d, std::string_view) {
  u32 index = d["h"];
  if (d.has("l")) index = index * 2 + d["l"];
  if (d.has("m")) index = index * 2 + d["m"];
  return std::to_string(index);
}

/// The rotation of FCADD.
std::string rotation(const Decoded& d, std::string_view) { return d["rot"] != 0 ? "270" : "90"; }

constexpr Formatter kFormatters[] = {
    {"fps", singles},       {"fph", halves},           {"fp2h", few_halves},
    {"fp2", second},        {"fpbt", bottom_top},      {"fpe", signalling},
    {"fpimm", immediate},   {"fpbits", fraction_bits}, {"fpidx", element},
    {"fprot", rotation},
};

}  // namespace

std::span<const Formatter> formatters_simd_fp() { return kFormatters; }

}  // namespace quince::a64
