#include "tests/isa/exclusions.h"

#include "cpu/a64/disasm/disasm.h"

namespace quince::test {

namespace {

struct Exclusion {
  std::string_view row;  ///< a trailing '*' stands for any rest
  const char* reason;
};

constexpr const char* kRandomKeys = "signed with keys that only the oracle's process has";

constexpr Exclusion kRows[] = {
    {"SVC", "a system call of the oracle's own process"},
    {"WFI", "waits"},
    {"WFE", "waits"},
    // Pointer authentication: the oracle's keys are random.  Only stripping can be compared; see
    // tests/unit/cpu/system/pauth_test.cpp for the rest.
    {"PAC*", kRandomKeys},
    {"AUT*", kRandomKeys},
    {"BRAA*", kRandomKeys},
    {"BRAB*", kRandomKeys},
    {"BLRAA*", kRandomKeys},
    {"BLRAB*", kRandomKeys},
    {"RETA*", kRandomKeys},
    {"LDRAA", kRandomKeys},
    {"LDRAB", kRandomKeys},
    {"FCVTZS_n_h", "the oracle sign-extends a negative result beyond its 16 bits"},
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

bool matches(std::string_view pattern, std::string_view id) {
  if (!pattern.empty() && pattern.back() == '*') {
    pattern.remove_suffix(1);
    return id.starts_with(pattern);
  }
  return id == pattern;
}

}  // namespace

const char* excluded_row(const a64::RowInfo& row) {
  for (const Exclusion& e : kRows)
    if (matches(e.row, row.id)) return e.reason;
  return nullptr;
}

const char* excluded_word(const a64::RowInfo& row, u32 insn, bool lse2) {
  const a64::Decoded d(row, insn);
  const std::string_view text = row.text;
  const std::string_view group = row.group;
  if (!lse2 && ((insn & 0xffff'ffe0) == 0xd50b'7c20 || (insn & 0xffff'ffe0) == 0xd50b'7d20))
    return "DC CVAP and CVADP, which that version has for whole machines only";
  if (lse2 && (insn & 0xffff'ffe0) == 0xd51b'4400)
    return "an oracle with FEAT_LSE2 also has FPCR's fields of FEAT_AFP and FEAT_EBF16";
  if (std::string_view(row.id) == "MRS") {
    const u32 op1 = insn >> 16 & 7, crn = insn >> 12 & 15;
    if ((insn & 0xfff8'0000) == 0xd538'0000 && op1 == 0 && crn == 0)
      return "Linux programs see emulated identification registers";
    if (op1 == 3 && (crn == 0 || crn == 2 || crn == 13 || crn == 14))
      return "cache geometry, random numbers, thread registers and counters are the oracle's own";
  }
  if (group.starts_with("ldst")) {
    const bool vector = group == "ldst_simd";
    const bool writeback = text.find("]!") != text.npos || text.find("], ") != text.npos;
    const u32 rn = d["rn"], rt = d["rt"], rt2 = d["rt2"];
    if (writeback && !vector && rn != 31 && (rn == rt || (d.has("rt2") && rn == rt2)))
      return "writeback to the register that is transferred";
    if (d.has("rt2") && rt == rt2 && text.starts_with("ld"))
      return "a pair loaded into one register";
    if (!lse2 && rn == 31 && (d["imm9"] & 15) != 0 &&
        (text.starts_with("ldapur") || text.starts_with("stlur")))
      return "misaligned, which the oracle without FEAT_LSE2 does not allow";
    const u32 rs = d["rs"];
    if (d.has("rs") && text.starts_with("st") && text.find("x") != text.npos &&
        (rs == rt || (d.has("rt2") && rs == rt2) || (rs == rn && rn != 31)))
      return "a store exclusive with its status in another operand";
  }
  return nullptr;
}

const char* excluded_case(const a64::RowInfo& row, const OracleCase& c) {
  constexpr u32 kFpcrFZ = 1u << 24;
  const u64 dn = c.in.v[2 * a64::Decoded(row, c.insn[0])["rn"]];
  if (std::string_view(row.id) == "FJCVTZS" && (c.in.fpcr & kFpcrFZ) != 0 && dn != 0 &&
      dn >> 52 == 0)
    return "PSTATE.Z for a positive denormal that is flushed: the oracle takes it for a zero";
  return nullptr;
}

const char* excused_encoding(u32 insn, std::string_view llvm) {
  if (llvm.find("S0_") != llvm.npos) return "op0 = 0 is not a system register";
  for (const Excuse& e : kEncodings)
    if ((insn & e.mask) == e.value) return e.reason;
  return nullptr;
}

bool several_encodings(const a64::RowInfo& row) {
  for (const Exclusion& e : kSeveralEncodings)
    if (matches(e.row, row.id)) return true;
  return false;
}

}  // namespace quince::test
