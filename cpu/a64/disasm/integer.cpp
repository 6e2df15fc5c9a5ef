// Text of integer operands, for the disassembler.
//
//   {lsl12:f}     ", lsl #12" where field f is set
//   {bitmask}     the logical immediate n:immr:imms
//   {shift}       lsl, lsr, asr or ror by field `shift`
//   {extended:f}  register f with the extension in `option` and the shift in `imm3`
//   {cond}        condition in field `cond`
//   {tested:f}    register f of TBZ, X where the bit is above 31;  {testbit}  the bit
#include <fmt/format.h>

#include "cpu/a64/disasm/disasm.h"
#include "cpu/a64/sem/dp_imm.h"

namespace quince::a64 {

namespace {

std::string general(bool x, u32 r) {
  return r == 31 ? std::string(x ? "xzr" : "wzr") : fmt::format("{}{}", x ? 'x' : 'w', r);
}

std::string lsl12(const Decoded& d, std::string_view f) { return d[f] != 0 ? ", lsl #12" : ""; }

std::string bitmask(const Decoded& d, std::string_view) {
  u64 mask = 0;
  if (!decode_bit_masks(d["n"] != 0, d["imms"], d["immr"], d["sf"] != 0, mask)) return "<reserved>";
  return fmt::format("{:#x}", mask);
}

std::string shift(const Decoded& d, std::string_view) {
  constexpr const char* kNames[] = {"lsl", "lsr", "asr", "ror"};
  return kNames[d["shift"] & 3];
}

std::string extended(const Decoded& d, std::string_view f) {
  constexpr const char* kNames[] = {"uxtb", "uxth", "uxtw", "uxtx", "sxtb", "sxth", "sxtw", "sxtx"};
  const u32 option = d["option"] & 7;
  const bool x = d["sf"] != 0 && (option & 3) == 3;
  return fmt::format("{}, {} #{}", general(x, d[f]), kNames[option], d["imm3"]);
}

std::string cond(const Decoded& d, std::string_view) {
  constexpr const char* kNames[] = {"eq", "ne", "hs", "lo", "mi", "pl", "vs", "vc",
                                    "hi", "ls", "ge", "lt", "gt", "le", "al", "nv"};
  return kNames[d["cond"] & 15];
}

std::string tested(const Decoded& d, std::string_view f) { return general(d["b5"] != 0, d[f]); }
std::string testbit(const Decoded& d, std::string_view) {
  return fmt::format("{}", d["b5"] << 5 | d["b40"]);
}

constexpr Formatter kFormatters[] = {
    {"lsl12", lsl12}, {"bitmask", bitmask}, {"shift", shift},     {"extended", extended},
    {"cond", cond},   {"tested", tested},   {"testbit", testbit},
};

}  // namespace

std::span<const Formatter> formatters_integer() { return kFormatters; }

}  // namespace quince::a64
