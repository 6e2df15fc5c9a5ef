#include "tests/diff/sequences.h"

#include <algorithm>

#include "base/assert.h"
#include "cpu/a64/disasm/disasm.h"

namespace quince::test {

namespace {

/// What signs, and what authenticates or strips: rows of the table.
struct Pair {
  std::string_view sign, end;
};

constexpr Pair kPairs[] = {
    // Data and instruction keys, with a modifier and without.
    {"PACIA", "AUTIA"},
    {"PACIB", "AUTIB"},
    {"PACDA", "AUTDA"},
    {"PACDB", "AUTDB"},
    {"PACIA", "XPACI"},
    {"PACDB", "XPACD"},
    {"PACIZA", "AUTIZA"},
    {"PACIZB", "AUTIZB"},
    {"PACDZA", "AUTDZA"},
    {"PACDZB", "AUTDZB"},
    // Hints: of X17 with X16, of X30 with zero or SP.
    {"PACIA1716", "AUTIA1716"},
    {"PACIB1716", "AUTIB1716"},
    {"PACIAZ", "AUTIAZ"},
    {"PACIBZ", "AUTIBZ"},
    {"PACIASP", "AUTIASP"},
    {"PACIBSP", "AUTIBSP"},
    {"PACIBSP", "XPACLRI"},
    // Branches, across a BRK.
    {"PACIA", "BRAA"},
    {"PACIB", "BRAB"},
    {"PACIA", "BLRAA"},
    {"PACIB", "BLRAB"},
    {"PACIZA", "BRAAZ"},
    {"PACIZB", "BRABZ"},
    {"PACIZA", "BLRAAZ"},
    {"PACIZB", "BLRABZ"},
    {"PACIASP", "RETAA"},
    {"PACIBSP", "RETAB"},
    // Loads of signed addresses.
    {"PACDZA", "LDRAA"},
    {"PACDZB", "LDRAB"},
    // A code, of which only the half that is zero is compared: UBFM Xd, Xd, #0, #31.
    {"PACGA", "UBFM"},
};

int row_of(std::string_view id) {
  for (std::size_t r = 0; r < a64::rows().size(); ++r)
    if (id == a64::rows()[r].id) return static_cast<int>(r);
  QUINCE_ASSERT(false);
  return -1;
}

u32 word(std::string_view id, u32 rn, u32 rd) {
  return a64::rows()[static_cast<std::size_t>(row_of(id))].enc.value | rn << 5 | rd;
}

/// The row has a register in this field of bits.
bool has(std::string_view id, const char* field) {
  const a64::RowInfo& row = a64::rows()[static_cast<std::size_t>(row_of(id))];
  return a64::Decoded(row, 0).has(field);
}

bool starts(std::string_view id, std::string_view with) { return id.starts_with(with); }

/// The register that a row's pointer is in.
u32 pointer_register(const Pair& p, u32 any) {
  // qemu 10.0 ends with an assertion when it translates BRAA of another register than X16 and X17.
  if (p.end.starts_with("BRA") || p.end.starts_with("BRB")) return 16 + any % 2;
  if (p.sign.ends_with("1716")) return 17;
  const bool hint = p.sign.ends_with("AZ") || p.sign.ends_with("BZ") || p.sign.ends_with("SP");
  return hint ? 30 : any;
}

/// MOVZ Xd, #0: forgets a pointer that is still signed.
constexpr u32 forget(u32 rd) { return 0xd280'0000 | rd; }

/// PACGA Xd, Xn, Xm, and what is left of it.
void code_of(OracleCase& c, Operands& random) {
  const u32 rd = random.below(31), rn = random.below(32), rm = random.below(32);
  const u32 keep = 0xd340'7c00 | rd << 5 | rd;
  set_code_and_end(c, std::vector<u32>{word("PACGA", rn, rd) | rm << 16, keep});
}

/// A load whose base is signed, with an offset that leads to the data.
void load_of(OracleCase& c, const Pair& p, Operands& random) {
  u32 rn = random.below(31), rt = random.below(31);
  if (rn == rt) rt = (rt + 1) % 31;
  const u32 imm = random.below(1024);  // S:imm9
  const s64 offset = 8 * (imm >= 512 ? static_cast<s64>(imm) - 1024 : static_cast<s64>(imm));
  const bool writeback = random.one_in(2);
  const u32 load =
      word(p.end, rn, rt) | (imm >> 9) << 22 | (imm & 511) << 12 | (writeback ? 1u << 11 : 0);
  c.flags |= ORACLE_MEMORY;
  c.in.x[rn] = ORACLE_DATA + ORACLE_MIDDLE_OFFSET + random.below(ORACLE_MIDDLE - 8) -
               static_cast<u64>(offset);
  set_code_and_end(c, std::vector<u32>{word(p.sign, 0, rn), load, writeback ? kNop : forget(rn)});
}

void pair_of(OracleCase& c, const Pair& p, Operands& random) {
  const u32 rd = pointer_register(p, random.below(31));
  u32 rn = random.below(32);
  if (rn == rd) rn = 31;
  const bool branch = starts(p.end, "BR") || starts(p.end, "BLR") || starts(p.end, "RET");
  // Below 2^48 and with bit 55 clear, as pointers of programs are.
  c.in.x[rd] = branch ? slot_address(c.slot) + 12 : random.general() & 0x7fff'ffff'ffff;
  const u32 sign =
      has(p.sign, "rd") ? word(p.sign, has(p.sign, "rn") ? rn : 0, rd) : word(p.sign, 0, 0);
  u32 end = word(p.end, 0, 0);
  if (branch && has(p.end, "rn"))
    end = word(p.end, rd, has(p.end, "rm") ? rn : 0);
  else if (has(p.end, "rd"))
    end = word(p.end, has(p.end, "rn") ? rn : 0, rd);
  if (branch)
    set_code_and_end(c, std::vector<u32>{sign, end, ORACLE_BRK, forget(rd)});
  else
    set_code_and_end(c, std::vector<u32>{sign, end});
}

}  // namespace

std::vector<int> sequence_rows() {
  std::vector<int> rows;
  for (const Pair& p : kPairs)
    for (const std::string_view id : {p.sign, p.end})
      if (id != "UBFM") rows.push_back(row_of(id));
  std::sort(rows.begin(), rows.end());
  rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
  return rows;
}

OracleCase make_sequence(int row, u32 slot, OracleState start, Operands& random) {
  const std::string_view id = a64::rows()[static_cast<std::size_t>(row)].id;
  std::vector<const Pair*> candidates;
  for (const Pair& p : kPairs)
    if (id == p.sign || id == p.end) candidates.push_back(&p);
  QUINCE_ASSERT(!candidates.empty());
  const Pair& p = *candidates[random.below(static_cast<u32>(candidates.size()))];
  OracleCase c{};
  c.slot = slot;
  c.in = start;
  if (p.sign == "PACGA")
    code_of(c, random);
  else if (starts(p.end, "LDRA"))
    load_of(c, p, random);
  else
    pair_of(c, p, random);
  return c;
}

}  // namespace quince::test
