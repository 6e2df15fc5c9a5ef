#include "tests/diff/blocks.h"

#include <algorithm>
#include <array>
#include <map>

#include "tests/diff/exceptions.h"

namespace quince::test {

namespace {

constexpr unsigned kLongest = 20;     ///< instructions, with those of the loop
constexpr unsigned kWordsForRow = 6;  ///< in the pool
constexpr unsigned kBlocksForPool = 2000;
constexpr u32 kIndex = 23, kFirstBase = 24, kWritebackBase = 26, kCounter = 28;

const a64::RowInfo& info(int row) { return a64::rows()[static_cast<std::size_t>(row)]; }

bool one_of(std::string_view id, std::initializer_list<std::string_view> ids) {
  return std::find(ids.begin(), ids.end(), id) != ids.end();
}

bool has_text(const a64::RowInfo& row, std::string_view what) {
  return std::string_view(row.text).find(what) != std::string_view::npos;
}

bool writes_back(const a64::RowInfo& row) {
  return has_text(row, "]!") || has_text(row, "], ") || has_text(row, "]{spost}");
}

/// Accesses that are single-copy atomic: aligned in a block, for older oracles.
bool ordered(const a64::RowInfo& row) {
  const std::string_view id = row.id;
  return id.starts_with("LDA") || id.starts_with("STL") ||
         std::string_view(row.group) == "ldst_atomic";
}

/// How often a block has an instruction of a group.
unsigned weight(std::string_view group) {
  if (group == "dp_reg" || group == "dp_imm") return 5;
  if (group == "ldst" || group == "simd_int" || group == "simd_fp" || group == "fp") return 4;
  if (group == "branch") return 3;
  return group == "system" ? 1 : 2;
}

/// The field of a pattern, by name; width 0 when there is none.
a64::Field field(const a64::RowInfo& row, std::string_view name) {
  unsigned at = 32;
  const char* p = row.pattern;
  for (a64::Token t; a64::next_token(p, t);) {
    at -= t.width;
    if (!t.literal && std::string_view(t.begin, t.length) == name)
      return {.lo = static_cast<u8>(at), .width = static_cast<u8>(t.width)};
  }
  return {};
}

u32 with(u32 insn, a64::Field f, u32 value) {
  const u32 mask = static_cast<u32>(low_mask(f.width)) << f.lo;
  return (insn & ~mask) | (value << f.lo & mask);
}

/// Sets a field if the row has it.
u32 with(const a64::RowInfo& row, u32 insn, std::string_view name, u32 value) {
  const a64::Field f = field(row, name);
  return f.width == 0 ? insn : with(insn, f, value);
}

/// Other registers where the block's own ones would be written.
u32 spare_own_registers(const a64::RowInfo& row, u32 insn) {
  for (const std::string_view name : {"rd", "rt", "rt2", "rs"}) {
    const a64::Field f = field(row, name);
    if (f.width == 0) continue;
    const u32 v = a64::extract(insn, f);
    // CASP names its pairs by half their number.
    if (f.width == 4 && v >= kIndex / 2 && v <= kCounter / 2) insn = with(insn, f, v - 8);
    if (f.width == 5 && v >= kIndex && v <= kCounter) insn = with(insn, f, v - 10);
  }
  return insn;
}

/// A signed field made small.
u32 near(const a64::RowInfo& row, u32 insn, std::string_view name, unsigned bits) {
  const a64::Field f = field(row, name);
  if (f.width == 0) return insn;
  u32 v = a64::extract(insn, f) & static_cast<u32>(low_mask(bits));
  if ((insn >> (f.lo + f.width - 1) & 1) != 0) v |= ~static_cast<u32>(low_mask(bits));
  return with(insn, f, v);
}

/// Loads and stores: a base, and an offset that stays near.
u32 with_address(const a64::RowInfo& row, u32 insn, Operands& random) {
  const a64::Field rn = field(row, "rn");
  if (rn.width == 0) return insn;
  const u32 base = ordered(row)       ? kFirstBase
                   : writes_back(row) ? kWritebackBase + random.below(2)
                                      : kFirstBase + random.below(4);
  insn = with(insn, rn, base);
  insn = near(row, insn, "imm9", 5);
  insn = near(row, insn, "imm7", 3);
  if (const a64::Field f = field(row, "imm12"); f.width != 0)
    insn = with(insn, f, a64::extract(insn, f) & 7);
  return with(row, insn, "rm", random.one_in(2) && has_text(row, "{spost}") ? 31 : kIndex);
}

u32 adr(u32 rd, s32 offset) {
  const u32 imm = static_cast<u32>(offset);
  return 0x1000'0000 | (imm & 3) << 29 | (imm >> 2 & 0x7ffff) << 5 | rd;
}

/// FCMP or FCMPE, which seldom meets its user by chance, and one that looks at the flags: a translator fuses them.
void compare_and_use(std::vector<u32>& code, unsigned limit, Operands& random) {
  const bool zero = random.one_in(3);
  const u32 doubles = random.below(2) << 22, r = random.below(3);
  const u32 cond = random.below(14) << 12, rn = random.below(19) << 5, rm = random.below(19) << 16;
  const u32 rd = random.below(4);
  code.push_back(0x1e20'2000 | doubles | (zero ? 0 : random.below(3) << 16) | r << 5 |
                 random.below(2) << 4 | (zero ? 8u : 0u));
  const auto here = static_cast<u32>(code.size());
  if (here + 1 >= limit) return;
  switch (random.below(8)) {
    case 0:
      return code.push_back(0x9a80'0000 | rm | cond | rn | rd);  // CSEL
    case 1:
      return code.push_back(0x1a9f'07e0 | cond | rd);  // CSET
    case 2:
      return code.push_back(0x1e20'0c00 | doubles | rm | cond | rn | rd);  // FCSEL
    case 3:
      return code.push_back(0x1e20'0400 | doubles | rm | cond | rn | random.below(16));  // FCCMP
    case 4:
      return code.push_back(0xfa40'0800 | rm | cond | rn | random.below(16));  // CCMP
    case 5:
      return code.push_back(0x9a00'0000 | rm | rn | rd);  // ADC
    default:
      return code.push_back(0x5400'0000 | (1 + random.below(limit - here)) << 5 | cond >> 12);
  }
}

}  // namespace

bool Blocks::has_row(const a64::RowInfo& row, const Scope& scope) {
  const std::string_view id = row.id, group = row.group;
  if (exception_of_row(row, scope.lse2) != nullptr || has_operand_exceptions(row)) return false;
  if (group == "system")
    return one_of(id, {"NOP", "HINT", "CSDB", "BTI", "CFINV", "XAFLAG", "AXFLAG", "DMB", "DSB",
                       "ISB", "SB", "MRS", "MSR_reg", "XPACI", "XPACD"});
  // Whether a store exclusive succeeds behind other accesses is up to the CPU; isa_test has pairs.
  if (one_of(id, {"STXR", "STXP"})) return false;
  // Its offset from an aligned base is not aligned.
  return scope.lse2 || !ordered(row) || !has_text(row, "imm9");
}

void Blocks::fill_pool(Operands& random) {
  std::map<std::string_view, std::vector<Entry>> by_group;
  std::vector<Planned> planned;
  const auto flush = [&] {
    if (planned.empty()) return;
    std::vector<OracleCase> cases;
    for (const Planned& p : planned) cases.push_back(p.c);
    (void)probe_.start(cases, false);
    const auto results = probe_.finish();
    for (std::size_t i = 0; i < planned.size(); ++i)
      if ((*results)[i].signal != kSigill)
        by_group[info(planned[i].row).group].push_back({planned[i].row, cases[i].insn[0]});
    planned.clear();
  };
  for (std::size_t r = 0; r < a64::rows().size(); ++r) {
    const int row = static_cast<int>(r);
    if (!has_row(a64::rows()[r], generator_.scope())) continue;
    for (unsigned n = 0; n < kWordsForRow; ++n) {
      u32 insn = 0;
      if (one_of(a64::rows()[r].id, {"MRS", "MSR_reg"})) {
        // NZCV, FPSR: what EL0 may write.
        insn = (a64::rows()[r].enc.value & 0x0020'0000) != 0 ? 0xd53b'4200 : 0xd51b'4200;
        insn |= (n % 2 != 0 ? 0x220 : 0) | random.below(23);
      } else if (!generator_.word(row, random, insn)) {
        break;
      }
      generator_.add_word(row, insn, {}, static_cast<u32>(planned.size()), 1, random, planned);
      if (planned.size() == ORACLE_BATCH) flush();
    }
  }
  flush();
  pool_.clear();
  for (auto& [group, entries] : by_group)
    for (unsigned n = weight(group); n > 0; --n) pool_.push_back(entries);
}

const Blocks::Entry& Blocks::draw(Operands& random) {
  const auto& entries = pool_[random.below(static_cast<u32>(pool_.size()))];
  return entries[random.below(static_cast<u32>(entries.size()))];
}

/// One instruction, or two; in guarded pages often one to land on; `limit`: the last place that a branch may lead to.
void Blocks::append(std::vector<u32>& code, unsigned limit, Operands& random) {
  const auto here = static_cast<u32>(code.size());
  if (generator_.scope().guarded && random.one_in(4)) {
    code.push_back(0xd503'241f | random.below(4) << 6);  // BTI, c, j, jc
    return;
  }
  if (random.one_in(24)) return compare_and_use(code, limit, random);
  const Entry& e = draw(random);
  const a64::RowInfo& row = info(e.row);
  u32 insn = e.insn;
  // Other registers than in the pool.
  for (const std::string_view name : {"rd", "rn", "rm", "ra", "rt", "rt2"})
    if (const a64::Field f = field(row, name); f.width == 5 && random.one_in(2))
      insn = with(insn, f, random.one_in(2) ? random.below(4) : random.below(32));
  if (a64::decode_row(insn) != e.row) insn = e.insn;
  insn = spare_own_registers(row, insn);
  if (std::string_view(row.group) == "branch") {
    const u32 to = here + 1 + random.below(limit - here);
    if (field(row, "rn").width != 0) {
      if (here + 1 >= limit) return;
      const u32 reg = 19 + random.below(4);
      code.push_back(adr(reg, 4 * static_cast<s32>(std::max(to, here + 2) - here)));
      code.push_back(with(row, insn, "rn", reg));
      return;
    }
    for (const std::string_view name : {"imm26", "imm19", "imm14"})
      insn = with(row, insn, name, to - here);
  } else if (std::string_view(row.group).starts_with("ldst")) {
    insn = with_address(row, insn, random);
  }
  if (a64::decode_row(insn) == e.row &&
      exception_of_word(row, insn, generator_.scope().lse2) == nullptr)
    code.push_back(insn);
}

OracleState Blocks::state(u32 slot, Operands& random) const {
  OracleState s = generator_.state(slot, random);
  constexpr u64 kMiddle = ORACLE_DATA + ORACLE_DATA_SIZE / 2;
  s.x[kIndex] = random.below(32);
  for (u32 i = 0; i < 4; ++i) s.x[kFirstBase + i] = kMiddle - 64 + random.below(8) * 16;
  s.x[kWritebackBase] += random.below(16);
  if (random.one_in(8)) s.x[kWritebackBase + 1] = ORACLE_DATA + ORACLE_DATA_SIZE - 40;
  s.x[kCounter] = 1 + random.below(3);
  return s;
}

void Blocks::add(u32 slot, unsigned sets, Operands& random, std::vector<Planned>& out) {
  if (pool_.empty() || drawn_ >= kBlocksForPool) {
    fill_pool(random);
    drawn_ = 0;
  }
  ++drawn_;
  const bool loop = random.one_in(3);
  const unsigned length = 2 + random.below(kLongest - 4);
  std::vector<u32> code;
  for (unsigned tries = 0; code.size() < length && tries < 100; ++tries)
    append(code, length, random);
  if (code.size() > length) code.resize(length);
  if (loop) {
    const auto n = static_cast<u32>(code.size());
    code.push_back(0xd100'0400 | kCounter << 5 | kCounter);        // SUB X28, X28, #1
    code.push_back(0xb500'0000 | (~n & 0x7ffff) << 5 | kCounter);  // CBNZ X28, to the start
  }
  OracleCase c{};
  c.slot = slot;
  c.flags = ORACLE_MEMORY;
  generator_.scope().guarded ? set_code(c, code) : set_code_and_end(c, code);
  for (unsigned i = 0; i < sets; ++i) {
    c.in = state(slot, random);
    out.push_back({c, kBlock});
  }
}

}  // namespace quince::test
