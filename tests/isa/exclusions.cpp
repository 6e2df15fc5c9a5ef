#include "tests/isa/exclusions.h"

namespace quince::test {

namespace {

struct Exclusion {
  std::string_view row;
  const char* reason;
};

/// Encodings that llvm-mc 14 judges differently, with its features chosen as in llvm_mc.cpp.
struct Excuse {
  u32 mask, value;
  const char* reason;
};

constexpr const char* kShouldBeZero =
    "CRm should be zero; UNDEFINED is a choice that we share with qemu";

constexpr Excuse kEncodings[] = {
    {0xffff0000, 0x00000000, "UDF"},
    {0xff20fc0f, 0x1e202008, "FCMP with zero: Rm should be zero, llvm-mc insists on it"},
    {0xffe0001c, 0xd4a00000, "DCPSn, UNDEFINED outside Debug state"},
    {0xfffff0ff, 0xd500401f, kShouldBeZero},  // CFINV
    {0xfffff0ff, 0xd500403f, kShouldBeZero},  // XAFLAG
    {0xfffff0ff, 0xd500405f, kShouldBeZero},  // AXFLAG
    {0xfffff0ff, 0xd50330ff, kShouldBeZero},  // SB
};

/// Rows with bits that some values of other fields make irrelevant.
constexpr Exclusion kSeveralEncodings[] = {
    {"AND_imm", "immr above the element size of the bitmask"},
    {"ORR_imm", "the same"},
    {"EOR_imm", "the same"},
    {"ANDS_imm", "the same"},
    {"DUP_gen", "imm5 above the bit that tells the size"},
    {"INS_elem", "imm4 below the index"},
};

}  // namespace

const char* excused_encoding(u32 insn, std::string_view llvm) {
  if (llvm.find("S0_") != llvm.npos) return "op0 = 0 is not a system register";
  for (const Excuse& e : kEncodings)
    if ((insn & e.mask) == e.value) return e.reason;
  return nullptr;
}

bool several_encodings(const a64::RowInfo& row) {
  for (const Exclusion& e : kSeveralEncodings)
    if (e.row == row.id) return true;
  return false;
}

}  // namespace quince::test
