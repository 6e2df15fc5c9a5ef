// Text of load and store operands, for the disassembler.
//
// Size and scale come from the instruction word, where all encodings of Arm ARM DDI 0487 C4.1.94
// agree: size in 31:30, V in 26, and for the forms with a Q register the upper bit of opc in 23.
//
//   {bh}          "b" or "h" where a general-purpose register takes less than 32 bits
//   {tsize:f}     general register of the transfer: X where 64 bits move, else W
//   {tsign:f}     the same for loads with sign extension: W where field `w` is set, else X
//   {fpsize:f}    scalar SIMD&FP register of the transfer's size;  {sd:f}  S, or D by field `d`
//   {uoff} {poff} imm12, or the imm7 of a pair, times the size
//   {memext}      the index of a register offset, with its extension
//   {prfop}       prefetch operation in Rt
//   {opt:s,f}     text s where field f is set;  {al}  acquire and release of an LSE atomic
//   {evenpair:f}  registers 2f and 2f + 1 of a CASP
//   {slist}       the registers of a multiple-structures form;  {slist:n}  of LD1R to LD4R
//   {slane:t}     registers of one structure with element type t, and the lane
//   {structs}     how many registers a structure has
//   {spost}       post-index of a structure: #bytes or a register
#include <fmt/format.h>

#include "base/bits.h"
#include "cpu/a64/disasm/disasm.h"

namespace quince::a64 {

namespace {

unsigned size_of(const Decoded& d) { return d.insn() >> 30; }
bool vector(const Decoded& d) { return bit(d.insn(), 26); }
/// log2 of the bytes that a single-register form moves.
unsigned log2_of(const Decoded& d) { return vector(d) && bit(d.insn(), 23) ? 4 : size_of(d); }

std::string general(bool x, u32 r) {
  return r == 31 ? std::string(x ? "xzr" : "wzr") : fmt::format("{}{}", x ? 'x' : 'w', r);
}

std::string bh(const Decoded& d, std::string_view) {
  constexpr const char* kSuffix[] = {"b", "h", "", ""};
  return kSuffix[size_of(d)];
}
std::string tsize(const Decoded& d, std::string_view f) { return general(size_of(d) == 3, d[f]); }
std::string tsign(const Decoded& d, std::string_view f) { return general(d["w"] == 0, d[f]); }
std::string fpsize(const Decoded& d, std::string_view f) {
  return fmt::format("{}{}", "bhsd"[size_of(d)], d[f]);
}
std::string sd(const Decoded& d, std::string_view f) {
  return fmt::format("{}{}", d["d"] != 0 ? 'd' : 's', d[f]);
}

std::string uoff(const Decoded& d, std::string_view) {
  return fmt::format("{}", d["imm12"] << log2_of(d));
}
std::string poff(const Decoded& d, std::string_view) {
  const unsigned opc = size_of(d);
  const unsigned log2 = vector(d) ? 2 + opc : opc == 2 ? 3 : 2;
  return fmt::format("{}", sign_extend<7>(d["imm7"]) * (s64{1} << log2));
}
std::string memext(const Decoded& d, std::string_view) {
  const bool x = d["x"] != 0, sgn = d["sgn"] != 0, s = d["s"] != 0;
  std::string reg = general(x, d["rm"]);
  const bool plain = x && !sgn;
  if (plain && !s) return reg;
  const char* const op = plain ? "lsl" : sgn ? (x ? "sxtx" : "sxtw") : "uxtw";
  return s ? fmt::format("{}, {} #{}", reg, op, log2_of(d)) : fmt::format("{}, {}", reg, op);
}
std::string prfop(const Decoded& d, std::string_view) {
  constexpr const char* kType[] = {"pld", "pli", "pst"};
  const u32 op = d["rt"], type = op >> 3, target = (op >> 1) & 3;
  if (type == 3 || target == 3) return fmt::format("#{}", op);
  return fmt::format("{}l{}{}", kType[type], target + 1, (op & 1) != 0 ? "strm" : "keep");
}

std::string opt(const Decoded& d, std::string_view args) {
  const auto comma = args.find(',');
  return d[args.substr(comma + 1)] != 0 ? std::string(args.substr(0, comma)) : std::string();
}
std::string al(const Decoded& d, std::string_view) {
  return std::string(d["a"] != 0 ? "a" : "") + (d["r"] != 0 ? "l" : "");
}
std::string evenpair(const Decoded& d, std::string_view f) {
  const u32 r = d[f] * 2;
  const bool x = d["sf"] != 0;
  return general(x, r) + ", " + general(x, r + 1);
}

// ---- Structures

unsigned struct_elements(const Decoded& d) { return (d["n"] << 1 | d["r"]) + 1; }

/// Registers in a list of `multiple` forms, by opcode<15:12>.
unsigned list_length(const Decoded& d) {
  switch (bits(d.insn(), 15, 12)) {
    case 0b0111: return 1;
    case 0b1000:
    case 0b1010: return 2;
    case 0b0100:
    case 0b0110: return 3;
    default: return 4;
  }
}

std::string list(u32 first, unsigned n, std::string_view arrangement) {
  std::string out = "{ ";
  for (unsigned i = 0; i < n; ++i)
    out += fmt::format("{}v{}.{}", i == 0 ? "" : ", ", (first + i) & 31, arrangement);
  return out + " }";
}
std::string slist(const Decoded& d, std::string_view args) {
  constexpr const char* kArrangement[] = {"8b", "16b", "4h", "8h", "2s", "4s", "1d", "2d"};
  const unsigned n = !args.empty() ? struct_elements(d) : list_length(d);
  return list(d["rt"], n, kArrangement[d["size"] << 1 | d["q"]]);
}
std::string slane(const Decoded& d, std::string_view type) {
  const u32 q = d["q"], s = d["s"], size = d["size"];
  const u32 lane = type == "b"   ? q << 3 | s << 2 | size
                   : type == "h" ? q << 2 | s << 1 | size
                   : type == "s" ? q << 1 | s
                                 : q;
  return fmt::format("{}[{}]", list(d["rt"], struct_elements(d), type), lane);
}
std::string structs(const Decoded& d, std::string_view) {
  return fmt::format("{}", struct_elements(d));
}
std::string spost(const Decoded& d, std::string_view) {
  if (d["rm"] != 31) return fmt::format(", x{}", d["rm"]);
  unsigned bytes = 0;
  if (!bit(d.insn(), 24)) {
    bytes = list_length(d) * (d["q"] != 0 ? 16 : 8);
  } else {
    const u32 scale = static_cast<u32>(bits(d.insn(), 15, 14));
    const bool doubleword = scale == 2 && bit(d.insn(), 10);
    bytes = struct_elements(d) << (scale == 3 ? d["size"] : doubleword ? 3 : scale);
  }
  return fmt::format(", #{}", bytes);
}

constexpr Formatter kFormatters[] = {
    {"bh", bh},         {"tsize", tsize}, {"tsign", tsign},   {"fpsize", fpsize},
    {"sd", sd},         {"uoff", uoff},   {"poff", poff},     {"memext", memext},
    {"prfop", prfop},   {"opt", opt},     {"al", al},         {"evenpair", evenpair},
    {"slist", slist},   {"slane", slane}, {"structs", structs}, {"spost", spost},
};

}  // namespace

std::span<const Formatter> formatters_ldst() { return kFormatters; }

}  // namespace quince::a64
