// Text of Advanced SIMD operands, for the disassembler (simd_int and crypto rows).
//
//   {T} {T2} {TP}   arrangement of `size` and `q`: the lanes, lanes of twice the width in 128 bits
//                   (long forms), and lanes of twice the width in the same register (pairwise)
//   {B} {H} {S} {D} arrangement of bytes, halves, words and doublewords by `q`
//   {V:f} {V2:f}    scalar register of lane size `size`, and of twice that
//   {two}           "2" where `q` is set;  {esize}  the bits of a lane
//   {T5} {E5} {V5:f} {R5:f}  imm5 of copies: arrangement, lane type with index, scalar and general
//                   register;  {E4}  the source lane of INS;  {rq:f}  X or W by `q`
//   {Ti} {Ti2} {Vi:f} {Vi2:f} {shl} {shr}  immh:immb of shifts
//   {elem} {hl}     the second operand of by-element forms, and its index alone
//   {table}         the registers of TBL and TBX;  {modimm} {vfpimm}  modified immediates
#include <fmt/format.h>

#include <algorithm>

#include "cpu/a64/disasm/disasm.h"
#include "cpu/a64/sem/simd_copy.h"
#include "cpu/a64/sem/simd_shift.h"

namespace quince::a64 {

namespace {

std::string arrangement(u32 size, bool q) {
  return fmt::format("{}{}", (q ? 16u : 8u) >> size, "bhsdq"[size]);
}
bool q_of(const Decoded& d) { return d["q"] != 0; }

std::string t(const Decoded& d, std::string_view) { return arrangement(d["size"], q_of(d)); }
std::string t2(const Decoded& d, std::string_view) { return arrangement(d["size"] + 1, true); }
std::string tp(const Decoded& d, std::string_view) { return arrangement(d["size"] + 1, q_of(d)); }
template <u32 Size>
std::string fixed(const Decoded& d, std::string_view) {
  return arrangement(Size, q_of(d));
}
std::string scalar(u32 size, u32 r) { return fmt::format("{}{}", "bhsdq"[size], r); }
std::string v(const Decoded& d, std::string_view f) { return scalar(d["size"], d[f]); }
std::string v2(const Decoded& d, std::string_view f) { return scalar(d["size"] + 1, d[f]); }
std::string two(const Decoded& d, std::string_view) { return q_of(d) ? "2" : ""; }
std::string esize(const Decoded& d, std::string_view) { return fmt::format("{}", 8u << d["size"]); }

// ---- Copies

u32 size5(const Decoded& d) { return std::min(static_cast<u32>(std::countr_zero(d["imm5"] | 0x10)), 3u); }
std::string general(bool x, u32 r) {
  return r == 31 ? std::string(x ? "xzr" : "wzr") : fmt::format("{}{}", x ? 'x' : 'w', r);
}
std::string t5(const Decoded& d, std::string_view) { return arrangement(size5(d), q_of(d)); }
std::string e5(const Decoded& d, std::string_view) {
  return fmt::format("{}[{}]", "bhsd"[size5(d)], d["imm5"] >> (size5(d) + 1));
}
std::string e4(const Decoded& d, std::string_view) {
  return fmt::format("{}[{}]", "bhsd"[size5(d)], d["imm4"] >> size5(d));
}
std::string v5(const Decoded& d, std::string_view f) { return scalar(size5(d), d[f]); }
std::string r5(const Decoded& d, std::string_view f) { return general(size5(d) == 3, d[f]); }
std::string rq(const Decoded& d, std::string_view f) { return general(q_of(d), d[f]); }

std::string table(const Decoded& d, std::string_view) {
  std::string s = "{ ";
  for (u32 i = 0; i <= d["len"]; ++i)
    s += fmt::format("{}v{}.16b", i == 0 ? "" : ", ", (d["rn"] + i) & 31);
  return s + " }";
}

// ---- Shifts

ShiftImmediate shift_of(const Decoded& d) {
  ShiftImmediate s = shift_immediate(d["immh"], d["immb"]);
  s.size = std::min(s.size, 3u);  // immh of 0 is reserved: the text does not matter
  return s;
}
std::string ti(const Decoded& d, std::string_view) { return arrangement(shift_of(d).size, q_of(d)); }
std::string ti2(const Decoded& d, std::string_view) { return arrangement(shift_of(d).size + 1, true); }
std::string vi(const Decoded& d, std::string_view f) { return scalar(shift_of(d).size, d[f]); }
std::string vi2(const Decoded& d, std::string_view f) { return scalar(shift_of(d).size + 1, d[f]); }
std::string shl(const Decoded& d, std::string_view) { return fmt::format("{}", shift_of(d).left); }
std::string shr(const Decoded& d, std::string_view) { return fmt::format("{}", shift_of(d).right); }

// ---- By element

std::string elem(const Decoded& d, std::string_view) {
  const u32 h = d["h"], l = d["l"], m = d["m"];
  if (d["size"] == 1) return fmt::format("v{}.h[{}]", d["rm"], h << 2 | l << 1 | m);
  return fmt::format("v{}.s[{}]", m << 4 | d["rm"], h << 1 | l);
}
std::string hl(const Decoded& d, std::string_view) { return fmt::format("{}", d["h"] << 1 | d["l"]); }

// ---- Modified immediates

/// VFPExpandImm as a decimal number.
std::string float_text(u32 imm8) {
  const int e = (imm8 & 0x40) != 0 ? static_cast<int>((imm8 >> 4) & 3) - 3
                                   : static_cast<int>((imm8 >> 4) & 3) + 1;
  double x = (16.0 + (imm8 & 15)) / 16.0;
  for (int i = 0; i < e; ++i) x *= 2;
  for (int i = 0; i > e; --i) x /= 2;
  return fmt::format("{:.8f}", (imm8 & 0x80) != 0 ? -x : x);
}
u32 imm8_of(const Decoded& d) { return d["abc"] << 5 | d["defgh"]; }
std::string vfpimm(const Decoded& d, std::string_view) { return float_text(imm8_of(d)); }

std::string modimm(const Decoded& d, std::string_view) {
  const u32 op = bit(d.insn(), 29), cmode = static_cast<u32>(bits(d.insn(), 15, 12)), imm = imm8_of(d), rd = d["rd"];
  const bool q = q_of(d);
  if (cmode == 15 && op == 1) return fmt::format("fmov v{}.2d, #{}", rd, float_text(imm));
  if (cmode == 15) return fmt::format("fmov v{}.{}, #{}", rd, arrangement(2, q), float_text(imm));
  if (cmode == 14 && op == 1) {
    const u64 wide = expand_immediate(1, 14, imm);
    return q ? fmt::format("movi v{}.2d, #{:#x}", rd, wide) : fmt::format("movi d{}, #{:#x}", rd, wide);
  }
  if (cmode == 14) return fmt::format("movi v{}.{}, #{}", rd, arrangement(0, q), imm);
  const char* name = (cmode & 1) != 0 && cmode < 12 ? (op != 0 ? "bic" : "orr") : op != 0 ? "mvni" : "movi";
  if (cmode >= 12)
    return fmt::format("{} v{}.{}, #{}, msl #{}", name, rd, arrangement(2, q), imm, cmode == 12 ? 8 : 16);
  const u32 size = cmode < 8 ? 2 : 1;
  return fmt::format("{} v{}.{}, #{}, lsl #{}", name, rd, arrangement(size, q), imm,
                     8 * (cmode < 8 ? cmode / 2 : (cmode / 2) & 1));
}

constexpr Formatter kFormatters[] = {
    {"T", t},       {"T2", t2},    {"TP", tp},     {"B", fixed<0>}, {"H", fixed<1>}, {"S", fixed<2>},
    {"D", fixed<3>}, {"V", v},     {"V2", v2},     {"two", two},    {"esize", esize}, {"T5", t5},
    {"E5", e5},     {"E4", e4},    {"V5", v5},     {"R5", r5},      {"rq", rq},      {"table", table},
    {"Ti", ti},     {"Ti2", ti2},  {"Vi", vi},     {"Vi2", vi2},    {"shl", shl},    {"shr", shr},
    {"elem", elem}, {"hl", hl},    {"vfpimm", vfpimm}, {"modimm", modimm},
};

}  // namespace

std::span<const Formatter> formatters_simd() { return kFormatters; }

}  // namespace quince::a64
