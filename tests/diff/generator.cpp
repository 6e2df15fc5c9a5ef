#include "tests/diff/generator.h"

#include <iterator>

#include "tests/diff/exceptions.h"

namespace quince::test {

namespace {

constexpr u64 kProbeBase = u64{1} << 45;  // unmapped

constexpr u32 system_word(u32 base, u32 op1, u32 crn, u32 crm, u32 op2) {
  return base | op1 << 16 | crn << 12 | crm << 8 | op2 << 5;
}
constexpr u32 kSys = 0xd508'0000, kMsr = 0xd518'0000, kMrs = 0xd538'0000;
constexpr u32 kDcZva = system_word(kSys, 3, 7, 4, 1);
// clang-format off
constexpr u32 kWords[] = {
    system_word(kSys, 3, 7, 5, 1),   // IC IVAU
    system_word(kSys, 3, 7, 10, 1),  // DC CVAC
    system_word(kSys, 3, 7, 11, 1),  // DC CVAU
    system_word(kSys, 3, 7, 12, 1),  // DC CVAP
    system_word(kSys, 3, 7, 13, 1),  // DC CVADP
    system_word(kSys, 3, 7, 14, 1),  // DC CIVAC
    system_word(kSys, 0, 7, 6, 1),   // DC IVAC, not at EL0
    system_word(kSys, 0, 8, 7, 0),   // TLBI VMALLE1, not at EL0
    system_word(kMsr, 3, 4, 2, 0),   // NZCV
    system_word(kMrs, 3, 4, 2, 0),
    system_word(kMsr, 3, 4, 4, 0),   // FPCR
    system_word(kMrs, 3, 4, 4, 0),
    system_word(kMsr, 3, 4, 4, 1),   // FPSR
    system_word(kMrs, 3, 4, 4, 1),
    system_word(kMsr, 3, 13, 0, 2),  // TPIDR_EL0
    system_word(kMsr, 3, 4, 2, 1),   // DAIF, not at EL0
    system_word(kMrs, 0, 4, 2, 2),   // CurrentEL, not at EL0
    system_word(kMsr, 0, 1, 0, 0),   // SCTLR_EL1, not at EL0
};
// clang-format on

/// What a branch may land on in a guarded page.
constexpr u32 kLandings[] = {kNop,        0xd503'241f, 0xd503'245f,
                             0xd503'249f, 0xd503'24df,  // BTI, c, j, jc
                             0x9100'0000,               // ADD X0, X0, #0
                             ORACLE_BRK};

const a64::RowInfo& info(int row) { return a64::rows()[static_cast<std::size_t>(row)]; }

bool integer_group(std::string_view group) {
  return group == "dp_imm" || group == "dp_reg" || group == "branch" || group == "ldst" ||
         group == "ldst_atomic";
}

bool computes(const a64::RowInfo& row) {
  return std::string_view(row.group) == "fp" || std::string_view(row.group) == "simd_fp";
}

bool branches(const a64::RowInfo& row) {
  return std::string_view(row.group) == "branch" || std::string_view(row.group) == "system";
}

/// Where the accesses of a row may go.
struct Aim {
  bool aligned = false;  ///< to 16 bytes: the oracle has no FEAT_LSE2, or does not look
  bool mapped = false;   ///< whether a store exclusive that fails may fault is up to the CPU
};
Aim aim_of(const a64::RowInfo& row, bool lse2) {
  const std::string_view id = row.id;
  const bool ordered = id.starts_with("LDA") || id.starts_with("STL") || id.starts_with("LDLA");
  const bool store_exclusive = id.starts_with("STX") || id.starts_with("STLX");
  const bool special = ordered || std::string_view(row.group) == "ldst_atomic";
  return {.aligned = store_exclusive || (special && !lse2), .mapped = store_exclusive};
}

/// An address for an access: in one of the pieces of the data, sometimes across an edge.
u64 target(Aim aim, Operands& random) {
  constexpr u64 kReach = 64;  // the most that an instruction accesses
  const auto in = [&](u64 offset, u64 size) {
    return offset + random.below(static_cast<u32>(size - kReach));
  };
  u64 offset = 0;
  switch (random.below(aim.mapped ? 6 : 8)) {
    case 0:
      offset = in(0, ORACLE_EDGE);
      break;
    case 1:
      offset = in(ORACLE_LAST_OFFSET, ORACLE_EDGE);
      break;
    case 2:
      offset = ORACLE_DATA_SIZE / 2 - random.below(kReach / 2) - 1;
      break;
    case 6:
      offset = ORACLE_DATA_SIZE - random.below(kReach) - 1;
      break;
    case 7:
      offset = u64{0} - random.below(16) - 1;
      break;
    default:
      offset = in(ORACLE_MIDDLE_OFFSET, ORACLE_MIDDLE);
      break;
  }
  if (aim.aligned)
    offset &= ~u64{15};
  else if (random.one_in(2))
    offset &= ~u64{7};
  return ORACLE_DATA + offset;
}

/// A branch that from some slot leads into the gate's pages, where only the oracle has something.
bool leads_to_gate(u32 insn) {
  if ((insn & 0x7c00'0000) != 0x1400'0000) return false;  // B, BL
  const s64 offset = static_cast<s32>(insn << 6) >> 4;
  return offset >= static_cast<s64>(ORACLE_EXIT - slot_address(ORACLE_BATCH)) &&
         offset < static_cast<s64>(ORACLE_EXIT + 0x2000 - slot_address(0));
}

void set_vector(OracleState& s, u32 r, const cpu::VReg& v) {
  s.v[2 * r] = v.d[0];
  s.v[2 * r + 1] = v.d[1];
}

u32 random_fpsr(Operands& random) {
  return random.one_in(2) ? static_cast<u32>(random.next()) & kFpsrCompared : 0;
}

}  // namespace

bool uses_memory(const a64::RowInfo& row) {
  return std::string_view(row.group).starts_with("ldst") || std::string_view(row.id) == "SYS";
}

bool Generator::word(int row, Operands& random, u32& insn) const {
  for (int attempt = 0; attempt < 20; ++attempt) {
    if (!random.word(row, insn)) return false;
    insn = with_should_be_ones(info(row), insn);
    if (exception_of_word(info(row), insn, scope_.lse2) == nullptr && !leads_to_gate(insn))
      return true;
  }
  return false;
}

std::vector<u32> Generator::directed_words(int row, Operands& random, const Scope& scope) {
  std::vector<u32> words;
  for (const u32 word : kWords)
    if (a64::decode_row(word) == row && exception_of_word(info(row), word, scope.lse2) == nullptr)
      words.push_back(word | random.below(31));
  return words;
}

OracleState Generator::state(u32 slot, Operands& random) const {
  OracleState s{};
  for (u64& x : s.x) x = random.general();
  if (scope_.guarded)
    for (u64& x : s.x)
      if (random.one_in(2)) x = slot_address(slot) + 4;
  s.sp = random.general();
  for (u32 i = 0; i < 32; ++i) set_vector(s, i, random.vector());
  s.pstate = random.below(16) << 28;
  s.fpcr = fpcr(random);
  s.fpsr = random_fpsr(random);
  for (u64& w : s.window) w = random.general();
  return s;
}

/// New values for what the word may name: the registers whose numbers are where operands are.
void Generator::vary(const a64::RowInfo& row, OracleCase& c, Operands& random) const {
  OracleState& s = c.in;
  const bool integer = integer_group(row.group);
  for (const unsigned lo : {0u, 5u, 10u, 16u}) {
    const u32 r = c.insn[0] >> lo & 31;
    if (r == 31)
      s.sp = random.general();
    else if (branches(row) && random.one_in(2))
      s.x[r] = ORACLE_CODE + (random.next() & (ORACLE_CODE_SIZE - 4));
    else if (scope_.guarded && random.one_in(2))
      s.x[r] = slot_address(c.slot) + 4;
    else
      s.x[r] = random.general();
    if (!integer) set_vector(s, r, random.vector());
  }
  s.pstate = random.below(16) << 28;
  if (integer) return;
  if (computes(row) && random.one_in(2)) relate(row, c, random);
  s.fpcr = fpcr(random);
  s.fpsr = random_fpsr(random);
}

/// Floating-point operands that have to do with each other: Vm with Vn, and addends, in Va or Vd, with
/// their product.
void Generator::relate(const a64::RowInfo& row, OracleCase& c, Operands& random) const {
  OracleState& s = c.in;
  const char arrangement = row.id[std::string_view(row.id).size() - 1];
  const unsigned size = arrangement == 'h' ? 16 : arrangement == 's' ? 32 : 64;
  const u32 insn = c.insn[0], rd = insn & 31, rn = insn >> 5 & 31, ra = insn >> 10 & 31,
            rm = insn >> 16 & 31;
  const auto vector = [&](u32 r) { return cpu::VReg{{s.v[2 * r], s.v[2 * r + 1]}}; };
  if (random.one_in(2)) set_vector(s, rm, random.related(vector(rn), size));
  if (size == 16 || !random.one_in(2)) return;
  set_vector(s, rd, random.cancelling(vector(rn), vector(rm), size));
  set_vector(s, ra, vector(rd));
}

void Generator::add_word(int row, u32 insn, std::span<const u32> then, u32 slot, unsigned sets,
                         Operands& random, std::vector<Planned>& out) const {
  const a64::RowInfo& r = info(row);
  std::vector<u32> code{insn};
  if (scope_.guarded) code.push_back(kLandings[random.below(std::size(kLandings))]);
  code.insert(code.end(), then.begin(), then.end());
  OracleCase c{};
  c.slot = slot;
  c.flags = uses_memory(r) ? ORACLE_MEMORY : 0;
  if (std::string_view(r.id) == "SYS") c.flags |= ORACLE_BY_SIGNAL;
  if (scope_.guarded)
    set_code(c, code);
  else
    set_code_and_end(c, code);
  c.in = state(slot, random);
  if (integer_group(r.group)) c.in.fpcr = 0;
  for (unsigned i = 0; i < sets; ++i) {
    vary(r, c, random);
    out.push_back({c, row});
  }
}

void Generator::aim(Planned& p, QuinceEngine& probe, Operands& random) const {
  if (p.row < 0) return;
  const a64::RowInfo& row = info(p.row);
  OracleCase& c = p.c;
  const a64::Decoded d(row, c.insn[0]);
  if (std::string_view(row.id) == "SYS" && d["rt"] != 31) {
    // The oracle does not look at the address of cache maintenance, apart from DC ZVA.
    const bool zva = (c.insn[0] & 0xffff'ffe0) == kDcZva;
    c.in.x[d["rt"]] = target({.mapped = !zva}, random);
    return;
  }
  if (!std::string_view(row.group).starts_with("ldst") || !d.has("rn")) return;
  const u32 rn = d["rn"];
  u64& base = rn == 31 ? c.in.sp : c.in.x[rn];
  base = kProbeBase;
  const std::optional<OracleResult> r = probe.run(c);
  const u64 offset = r && (r->signal == kSigsegv || r->signal == kSigbus) ? r->address - base : 0;
  base = target(aim_of(row, scope_.lse2), random) - offset;
  if (rn == 31) base &= ~u64{15};  // the oracle does not check what SP holds
}

}  // namespace quince::test
