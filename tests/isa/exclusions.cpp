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
};

/// Encodings that llvm-mc 14 judges differently, with its features chosen as in llvm_mc.cpp.
struct Excuse {
  u32 mask, value;
  const char* reason;
};

constexpr const char* kSystem0 = "llvm-mc takes any system register number with op0 0";
constexpr const char* kShouldBeZero = "CRm should be zero; UNDEFINED is a choice that we share with qemu";

constexpr Excuse kEncodings[] = {
    {0xffffffff, 0x00000000, "UDF"},
    {0xfff80000, 0xd5200000, kSystem0},  // MRS
    {0xfff80001, 0xd5000000, kSystem0},  // MSR, with a register
    {0xfff80002, 0xd5000000, kSystem0},  // MSR, with a register
    {0xfff80004, 0xd5000000, kSystem0},  // MSR, with a register
    {0xfff80008, 0xd5000000, kSystem0},  // MSR, with a register
    {0xfff80010, 0xd5000000, kSystem0},  // MSR, with a register
    {0xfff88000, 0xd5008000, kSystem0},  // CRn 8 to 15
    {0xfff8e000, 0xd5000000, kSystem0},  // CRn 0 and 1
    {0xfff8c000, 0xd5004000, kSystem0},  // CRn 4 to 7: MSR (immediate) is among them
    {0xfffcf000, 0xd5042000, kSystem0},  // CRn 2: only op1 3 is in use
    {0xfffef000, 0xd5002000, kSystem0},
    {0xfffff000, 0xd5022000, kSystem0},
    {0xfffcf000, 0xd5043000, kSystem0},  // CRn 3: only op1 3 is in use
    {0xfffef000, 0xd5003000, kSystem0},
    {0xfffff000, 0xd5023000, kSystem0},
    {0xfffff0e0, 0xd5033000, kSystem0},  // CRn 3, op2 0
    {0xfffff0e0, 0xd5033020, kSystem0},  // CRn 3, op2 1
    {0xfffff0e0, 0xd5033060, kSystem0},  // CRn 3, op2 3
    {0xfffff0ff, 0xd50330ff, kShouldBeZero},  // SB
    {0xfffff0ff, 0xd500403f, kShouldBeZero},  // XAFLAG
    {0xfffff0ff, 0xd500405f, kShouldBeZero},  // AXFLAG
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

const char* excluded_word(const a64::RowInfo& row, u32 insn) {
  const a64::Decoded d(row, insn);
  const std::string_view text = row.text;
  const std::string_view group = row.group;
  if (group.starts_with("ldst")) {
    const bool vector = group == "ldst_simd";
    const bool writeback = text.find("]!") != text.npos || text.find("], ") != text.npos;
    const u32 rn = d["rn"], rt = d["rt"], rt2 = d["rt2"];
    if (writeback && !vector && rn != 31 && (rn == rt || (d.has("rt2") && rn == rt2)))
      return "writeback to the register that is transferred";
    if (d.has("rt2") && rt == rt2 && text.starts_with("ld"))
      return "a pair loaded into one register";
    if (rn == 31 && (d["imm9"] & 15) != 0 &&
        (text.starts_with("ldapur") || text.starts_with("stlur")))
      return "misaligned, which the oracle without FEAT_LSE2 does not allow";
    const u32 rs = d["rs"];
    if (d.has("rs") && text.starts_with("st") && text.find("x") != text.npos &&
        (rs == rt || (d.has("rt2") && rs == rt2) || (rs == rn && rn != 31)))
      return "a store exclusive with its status in another operand";
  }
  return nullptr;
}

const char* excused_encoding(u32 insn) {
  for (const Excuse& e : kEncodings)
    if ((insn & e.mask) == e.value) return e.reason;
  return nullptr;
}

}  // namespace quince::test
