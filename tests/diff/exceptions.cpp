#include "tests/diff/exceptions.h"

namespace quince::test {

namespace {

using Kind = Exception::Kind;
using Versions = Exception::Versions;

bool pair_into_one(const ExceptionInput& in) {
  return in.fields.has("rt2") && in.fields["rt"] == in.fields["rt2"];
}

bool sp_and_misaligned(const ExceptionInput& in) {
  return in.fields["rn"] == 31 && (in.fields["imm9"] & 15) != 0;
}

/// DC GVA, GZVA; CGVAC, CGDVAC and what is like them for other points.
bool of_tags(const ExceptionInput& in) {
  const u32 crm = in.insn >> 8 & 15, op2 = in.insn >> 5 & 7;
  if (crm == 4) return op2 == 3 || op2 == 4;
  return (crm == 10 || crm == 12 || crm == 13 || crm == 14) && (op2 == 3 || op2 == 5);
}

bool negative_half(const ExceptionInput& in) {
  return (in.c->in.v[2 * in.fields["rn"]] & 0x8000) != 0;
}

bool flushed_denormal(const ExceptionInput& in) {
  constexpr u32 kFpcrFZ = 1u << 24;
  const u64 dn = in.c->in.v[2 * in.fields["rn"]];
  return (in.c->in.fpcr & kFpcrFZ) != 0 && dn != 0 && dn >> 52 == 0;
}

constexpr const char* kKeys = "signed with keys that only the oracle's process has";
constexpr const char* kPac = "D8.10, FEAT_PAuth";

// clang-format off
constexpr Exception kExceptions[] = {
    {"SVC", 0, 0, nullptr, false, Kind::Unsafe, Versions::Any,
     "a system call of the oracle's own process", "D1.3.1"},
    {"WFI", 0, 0, nullptr, false, Kind::Unsafe, Versions::Any, "waits", "D1.6"},
    {"WFE", 0, 0, nullptr, false, Kind::Unsafe, Versions::Any, "waits", "D1.6"},
    {"PAC*", 0, 0, nullptr, false, Kind::Private, Versions::Any, kKeys, kPac},
    {"AUT*", 0, 0, nullptr, false, Kind::Private, Versions::Any, kKeys, kPac},
    {"BRAA*", 0, 0, nullptr, false, Kind::Private, Versions::Any, kKeys, kPac},
    {"BRAB*", 0, 0, nullptr, false, Kind::Private, Versions::Any, kKeys, kPac},
    {"BLRAA*", 0, 0, nullptr, false, Kind::Private, Versions::Any, kKeys, kPac},
    {"BLRAB*", 0, 0, nullptr, false, Kind::Private, Versions::Any, kKeys, kPac},
    {"RETA*", 0, 0, nullptr, false, Kind::Private, Versions::Any, kKeys, kPac},
    {"LDRAA", 0, 0, nullptr, false, Kind::Private, Versions::Any, kKeys, kPac},
    {"LDRAB", 0, 0, nullptr, false, Kind::Private, Versions::Any, kKeys, kPac},
    {"FCVTZS_n_h", 0, 0, negative_half, true, Kind::Wrong, Versions::Before8_1,
     "a negative result is sign-extended beyond its 16 bits",
     "C7.2 FCVTZS (vector, fixed-point): Elem[result, e, esize] of a V register that is else zero"},
    {"FJCVTZS", 0, 0, flushed_denormal, true, Kind::Wrong, Versions::Before8_1,
     "PSTATE.Z for a positive denormal that is flushed: it is taken for a zero",
     "FPToFixedJS: Z is clear when the fraction that was dropped is not zero"},
    {"SYS", 0xffff'ffe0, 0xd50b'7c20, nullptr, false, Kind::Wrong, Versions::Before8_1,
     "DC CVAP is UNDEFINED in user mode", "C5.3.8, SCTLR_EL1.UCI"},
    {"SYS", 0xffff'ffe0, 0xd50b'7d20, nullptr, false, Kind::Wrong, Versions::Before8_1,
     "DC CVADP is UNDEFINED in user mode", "C5.3.9, SCTLR_EL1.UCI"},
    {"SYS", 0xffff'ffe0, 0xd50b'7420, nullptr, false, Kind::Private, Versions::Any,
     "DC ZVA: the model max has blocks of 512 bytes; isa_test asks another model", "D19.2.32"},
    {"SYS", 0xffff'f000, 0xd50b'7000, of_tags, false, Kind::Private, Versions::Any,
     "DC GVA, CGVAC and the like: the oracle has FEAT_MTE2", "C5.3"},
    {"CASP", 0x001e'0000, 0x001e'0000, nullptr, false, Kind::Wrong, Versions::Before8_1,
     "the second register of the pair that starts with X30 is taken for SP, which is written",
     "C6.2 CASP: X[s+1] is XZR"},
    {"MSR_reg", 0xffff'ffe0, 0xd51b'4400, nullptr, false, Kind::Private, Versions::From8_1,
     "that version has the fields of FEAT_AFP and FEAT_EBF16 in FPCR", "C5.2.8"},
    {"MRS", 0xffff'f000, 0xd538'0000, nullptr, false, Kind::Private, Versions::Any,
     "Linux programs see emulated identification registers", "D1.3.6, FEAT_IDST"},
    {"MRS", 0xffff'f000, 0xd53b'0000, nullptr, false, Kind::Private, Versions::Any,
     "CTR_EL0, DCZID_EL0: the caches of the model", "D19.2"},
    {"MRS", 0xffff'f000, 0xd53b'2000, nullptr, false, Kind::Private, Versions::Any,
     "RNDR, RNDRRS: random", "FEAT_RNG"},
    {"MRS", 0xffff'f000, 0xd53b'e000, nullptr, false, Kind::Private, Versions::Any,
     "CNTVCT_EL0 and the like: time", "D12"},
    {"LDP*", 0, 0, pair_into_one, false, Kind::Choice, Versions::From8_1,
     "a pair loaded into one register", "K1.2.6"},
    {"LDNP*", 0, 0, pair_into_one, false, Kind::Choice, Versions::From8_1,
     "a pair loaded into one register", "K1.2.6"},
    {"LDAPUR*", 0, 0, sp_and_misaligned, false, Kind::Choice, Versions::Before8_1,
     "misaligned without FEAT_LSE2", "B2.5.2"},
    {"STLUR", 0, 0, sp_and_misaligned, false, Kind::Choice, Versions::Before8_1,
     "misaligned without FEAT_LSE2", "B2.5.2"},
};
// clang-format on

/// Bits that should be ones: a CPU may take anything else for UNDEFINED, as some versions of the
/// oracle do, or ignore the bits, as we do (C4.1, bits in parentheses).
struct ShouldBeOnes {
  std::string_view row;
  u32 bits;
};
constexpr ShouldBeOnes kShouldBeOnes[] = {
    {"LDAR", 0x001f'7c00},
    {"STLR", 0x001f'7c00},
    {"SMULH", 0x0000'7c00},
    {"UMULH", 0x0000'7c00},
};

}  // namespace

u32 with_should_be_ones(const a64::RowInfo& row, u32 insn) {
  for (const ShouldBeOnes& s : kShouldBeOnes)
    if (s.row == row.id) return insn | s.bits;
  return insn;
}

std::span<const Exception> exceptions() { return kExceptions; }

bool matches(const Exception& e, const a64::RowInfo& row) {
  std::string_view pattern = e.row;
  const std::string_view id = row.id;
  if (pattern.empty() || pattern.back() != '*') return id == pattern;
  pattern.remove_suffix(1);
  return id.starts_with(pattern);
}

bool in_version(const Exception& e, bool lse2) {
  return e.versions == Versions::Any || (e.versions == Versions::From8_1) == lse2;
}

const Exception* exception_of_row(const a64::RowInfo& row, bool lse2) {
  for (const Exception& e : kExceptions)
    if (e.mask == 0 && e.applies == nullptr && in_version(e, lse2) && matches(e, row)) return &e;
  return nullptr;
}

const Exception* exception_of_word(const a64::RowInfo& row, u32 insn, bool lse2) {
  const a64::Decoded d(row, insn);
  for (const Exception& e : kExceptions) {
    if (e.by_operands || !in_version(e, lse2) || !matches(e, row)) continue;
    if ((insn & e.mask) != e.value) continue;
    if (e.applies == nullptr || e.applies({row, d, insn, nullptr})) return &e;
  }
  return nullptr;
}

const Exception* exception_of_case(const a64::RowInfo& row, const OracleCase& c, bool lse2) {
  const a64::Decoded d(row, c.insn[0]);
  for (const Exception& e : kExceptions)
    if (e.by_operands && in_version(e, lse2) && matches(e, row) &&
        e.applies({row, d, c.insn[0], &c}))
      return &e;
  return nullptr;
}

bool has_operand_exceptions(const a64::RowInfo& row) {
  for (const Exception& e : kExceptions)
    if (e.by_operands && matches(e, row)) return true;
  return false;
}

}  // namespace quince::test
