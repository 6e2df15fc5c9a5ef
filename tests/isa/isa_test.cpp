// Every row of the instruction table against an independent implementation, run live.
//
//   QUINCE_ISA_CASES=n   cases per row
//   QUINCE_ISA_SEED=n    other random cases
//   QUINCE_ISA_ROW=id    this row only
//   QUINCE_ISA_INSN=hex  this instruction word only
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <map>
#include <set>

#include "cpu/a64/disasm/disasm.h"
#include "cpu/a64/table.h"
#include "tests/isa/exclusions.h"
#include "tests/isa/operands.h"
#include "tests/isa/oracle_process.h"
#include "tests/isa/report.h"
#include "tests/isa/subject.h"

namespace quince::test {
namespace {

constexpr unsigned kPerWord = 4;  // operand sets for one instruction word
constexpr unsigned kReportsPerRow = 2;
constexpr u64 kProbeBase = u64{1} << 45;  // unmapped

/// Words that a random choice would hardly ever find in their rows.
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
constexpr u32 kLandings[] = {0xd503'201f,                                         // NOP
                             0xd503'241f, 0xd503'245f, 0xd503'249f, 0xd503'24df,  // BTI, c, j, jc
                             0x9100'0000,                                         // ADD X0, X0, #0
                             ORACLE_BRK};

u64 option(const char* name, u64 otherwise, int base = 0) {
  const char* v = std::getenv(name);
  return v == nullptr || *v == 0 ? otherwise : std::strtoull(v, nullptr, base);
}

/// A case, and what the report needs to know about it.
struct Planned {
  int row;
  std::optional<OracleResult> ours;
};

class Comparison {
 public:
  explicit Comparison(const char* cpu = kOracleMax) : oracle_(missing_, cpu) {
    if (missing_.empty()) lse2_ = oracle_has_lse2();
  }
  const std::string& missing() const { return missing_; }
  /// True when the oracle has FEAT_LSE2, so that misaligned atomics can be compared.
  bool lse2() const { return lse2_; }

  void set_guarded(bool guarded) {
    guarded_ = guarded;
    subject_.set_guarded(guarded);
  }
  void add_row(int row, unsigned cases);
  /// `then`: instructions that follow in the same slot.
  void add_word(int row, u32 insn, Operands& random, std::span<const u32> then = {});
  void flush();

 private:
  bool oracle_has_lse2();
  const a64::RowInfo& info(int row) const { return a64::rows()[static_cast<std::size_t>(row)]; }
  OracleState state(const a64::RowInfo& row, u32 slot, Operands& random);
  void aim(const a64::RowInfo& row, OracleCase& c, Operands& random);
  void compare(const OracleCase& c, const Planned& p, const OracleResult& theirs);

  std::string missing_;
  OracleProcess oracle_;
  Subject subject_;
  bool lse2_ = false;
  bool guarded_ = false;
  u32 slots_ = 0;
  std::vector<OracleCase> cases_;
  std::vector<Planned> plan_;
  std::map<int, unsigned> failures_;
  std::map<int, unsigned> ran_;

 public:
  unsigned ran(int row) const { return ran_.contains(row) ? ran_.at(row) : 0; }
};

bool Comparison::oracle_has_lse2() {
  OracleCase c{};
  c.insn[0] = 0xc8df'fc20;  // LDAR X0, [X1]
  for (u32 n = 1; n < ORACLE_INSNS; ++n) c.insn[n] = ORACLE_BRK;
  c.in.x[1] = ORACLE_DATA + 4;
  std::vector<OracleResult> results;
  return oracle_.run(std::span(&c, 1), false, results) && results[0].signal == kSigtrap;
}

/// Sets Rs and Rt2 of a load-acquire or store-release, which should be ones: some versions of the
/// oracle take others for UNDEFINED.
u32 with_should_be_ones(const a64::RowInfo& row, u32 insn) {
  for (const std::string_view id : {"LDAR", "STLR", "LDLAR", "STLLR"})
    if (id == row.id) return insn | 0x001f'7c00;
  return insn;
}

bool integer_group(std::string_view group) {
  return group == "dp_imm" || group == "dp_reg" || group == "branch" || group == "ldst" ||
         group == "ldst_atomic";
}

OracleState Comparison::state(const a64::RowInfo& row, u32 slot, Operands& random) {
  OracleState s{};
  for (u64& x : s.x) x = random.general();
  if (std::string_view(row.group) == "branch" || std::string_view(row.group) == "system")
    for (u64& x : s.x)
      if (random.one_in(2)) x = ORACLE_CODE + (random.next() & (ORACLE_CODE_SIZE - 4));
  if (guarded_)
    for (u64& x : s.x)
      if (random.one_in(2)) x = slot_address(slot) + 4;
  s.sp = random.general();
  for (int i = 0; i < 32; ++i) {
    const cpu::VReg v = random.vector();
    s.v[2 * i] = v.d[0];
    s.v[2 * i + 1] = v.d[1];
  }
  s.pstate = random.below(16) << 28;
  if (!integer_group(row.group)) s.fpcr = random.fpcr();
  if (random.one_in(2)) s.fpsr = static_cast<u32>(random.next()) & 0x0800'009f;
  for (u64& w : s.window) w = random.general();
  return s;
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

/// Chooses the base register of a load or store so that the access is at a chosen address: a run
/// with an unmapped base tells the offset.
void Comparison::aim(const a64::RowInfo& row, OracleCase& c, Operands& random) {
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
  const std::optional<OracleResult> r = subject_.run(c);
  const u64 offset = r && (r->signal == kSigsegv || r->signal == kSigbus) ? r->address - base : 0;
  base = target(aim_of(row, lse2_), random) - offset;
  if (rn == 31) base &= ~u64{15};  // the oracle does not check what SP holds
}

void Comparison::add_word(int row, u32 insn, Operands& random, std::span<const u32> then) {
  if (cases_.size() + kPerWord > ORACLE_BATCH) flush();
  const u32 slot = slots_++;
  const u32 landing = kLandings[random.below(std::size(kLandings))];
  for (unsigned i = 0; i < kPerWord; ++i) {
    OracleCase c{};
    c.slot = slot;
    c.insn[0] = insn;
    for (u32 n = 1; n < ORACLE_INSNS; ++n) c.insn[n] = ORACLE_BRK;
    if (guarded_) c.insn[1] = landing;
    std::copy(then.begin(), then.end(), c.insn + 1);
    c.in = state(info(row), slot, random);
    cases_.push_back(c);
    plan_.push_back({row, std::nullopt});
  }
}

void Comparison::add_row(int row, unsigned cases) {
  const a64::RowInfo& r = info(row);
  Operands random(option("QUINCE_ISA_SEED", 1) * 0x9e37'79b9'7f4a'7c15 ^
                  std::hash<std::string_view>{}(r.id));
  for (unsigned n = 0; n < cases; n += kPerWord) {
    u32 insn = 0;
    bool found = false;
    for (int attempt = 0; attempt < 20 && !found; ++attempt)
      found = random.word(row, insn) && excluded_word(r, insn, lse2_) == nullptr;
    if (!found) break;
    add_word(row, with_should_be_ones(r, insn), random);
  }
  for (const u32 word : kWords)
    if (a64::decode_row(word) == row && excluded_word(r, word, lse2_) == nullptr)
      for (unsigned n = 0; n < cases / kPerWord; n += 4)
        add_word(row, word | random.below(31), random);
}

void Comparison::flush() {
  if (cases_.empty()) return;
  subject_.place(cases_);
  Operands random(cases_.size() ^ cases_[0].insn[0]);
  for (std::size_t i = 0; i < cases_.size(); ++i) aim(info(plan_[i].row), cases_[i], random);
  subject_.clean_data();
  // What does not come to an end here would not in the oracle.
  std::size_t kept = 0;
  for (std::size_t i = 0; i < cases_.size(); ++i) {
    plan_[i].ours = subject_.run(cases_[i]);
    if (!plan_[i].ours) continue;
    cases_[kept] = cases_[i];
    plan_[kept++] = plan_[i];
  }
  cases_.resize(kept);
  plan_.resize(kept);
  const bool stray = subject_.clean_data();
  std::vector<OracleResult> results;
  if (kept != 0) {
    ASSERT_TRUE(oracle_.run(cases_, guarded_, results)) << oracle_.error();
    EXPECT_EQ(results.back().stray != 0, stray) << "a store outside of what is compared";
  }
  for (std::size_t i = 0; i < kept; ++i) compare(cases_[i], plan_[i], results[i]);
  cases_.clear();
  plan_.clear();
  slots_ = 0;
}

void Comparison::compare(const OracleCase& c, const Planned& p, const OracleResult& theirs) {
  if (excluded_case(info(p.row), c) != nullptr) return;
  ++ran_[p.row];
  const std::string what = differences(c, *p.ours, theirs);
  if (what.empty()) return;
  const unsigned n = ++failures_[p.row];
  if (n > kReportsPerRow) {
    ADD_FAILURE() << info(p.row).id << " again: " << fmt::format("{:08x} ", c.insn[0]) << what;
    return;
  }
  ADD_FAILURE() << fmt::format("{}: {:08x}  {}\ndiffers: {}\n", info(p.row).id, c.insn[0],
                               a64::disassemble(c.insn[0]), what)
                << report(c, *p.ours, theirs);
}

std::vector<int> rows_of(std::string_view group) {
  const char* only = std::getenv("QUINCE_ISA_ROW");
  std::vector<int> v;
  const auto rows = a64::rows();
  for (std::size_t i = 0; i < rows.size(); ++i)
    if (group == rows[i].group && (only == nullptr || std::string_view(only) == rows[i].id))
      v.push_back(static_cast<int>(i));
  return v;
}

std::vector<std::string> groups() {
  std::set<std::string> v;
  for (const a64::RowInfo& r : a64::rows()) v.insert(r.group);
  return {v.begin(), v.end()};
}

class Isa : public ::testing::TestWithParam<std::string> {
 protected:
  void run_group(bool guarded) {
    Comparison comparison;
    if (!comparison.missing().empty()) GTEST_SKIP() << comparison.missing();
    comparison.set_guarded(guarded);
    const auto cases = static_cast<unsigned>(option("QUINCE_ISA_CASES", 240));
    const u64 word = option("QUINCE_ISA_INSN", 0, 16);
    std::vector<int> wanted;
    for (const int row : rows_of(GetParam())) {
      if (const char* why = excluded_row(a64::rows()[static_cast<std::size_t>(row)])) {
        RecordProperty(a64::rows()[static_cast<std::size_t>(row)].id, why);
        continue;
      }
      if (word != 0) {
        if (a64::decode_row(static_cast<u32>(word)) != row) continue;
        Operands random(option("QUINCE_ISA_SEED", 1));
        for (unsigned n = 0; n < cases; n += kPerWord)
          comparison.add_word(row, static_cast<u32>(word), random);
      } else {
        comparison.add_row(row, cases);
      }
      wanted.push_back(row);
    }
    comparison.flush();
    for (const int row : wanted)
      EXPECT_GT(comparison.ran(row), 0u)
          << a64::rows()[static_cast<std::size_t>(row)].id << " was never compared";
  }
};

TEST_P(Isa, RowsDoWhatTheOracleDoes) { run_group(false); }

INSTANTIATE_TEST_SUITE_P(Group, Isa, ::testing::ValuesIn(groups()),
                         [](const auto& i) { return i.param; });

class IsaGuarded : public Isa {};
TEST_P(IsaGuarded, BranchesLandAsTheOracleDoes) { run_group(true); }
INSTANTIATE_TEST_SUITE_P(Group, IsaGuarded, ::testing::Values("branch"),
                         [](const auto& i) { return i.param; });

// DC ZVA, whose block has our 64 bytes in another model of the oracle than "max".
TEST(IsaSequences, ZeroByVirtualAddress) {
  Comparison comparison("neoverse-n1");
  if (!comparison.missing().empty()) GTEST_SKIP() << comparison.missing();
  Operands random(option("QUINCE_ISA_SEED", 1));
  const int row = a64::decode_row(kDcZva);
  for (u64 n = 0; n < option("QUINCE_ISA_CASES", 240); ++n)
    comparison.add_word(row, kDcZva | random.below(31), random);
  comparison.flush();
  EXPECT_GT(comparison.ran(row), 0u);
}

// A store exclusive succeeds after a load exclusive of the same place and size, and fails after
// CLREX; alone, as in the rows' own test, it always fails.
TEST(IsaSequences, LoadAndStoreExclusive) {
  Comparison comparison;
  if (!comparison.missing().empty()) GTEST_SKIP() << comparison.missing();
  constexpr u32 kClrex = 0xd503'3f5f, kNop = 0xd503'201f;
  Operands random(option("QUINCE_ISA_SEED", 1));
  int row = -1;
  for (u64 n = 0; n < option("QUINCE_ISA_CASES", 240); ++n) {
    const bool pair = random.one_in(3);
    const u32 size = pair ? 2 + random.below(2) : random.below(4);
    const u32 base = 10 + random.below(4), status = 20 + random.below(12);
    const auto general = [&] { return random.one_in(8) ? 31 : random.below(5); };
    const auto exclusive = [&](bool load, u32 rs, u32 rt, u32 rt2) {
      return size << 30 | 0x0800'0000u | (load ? 1u << 22 : 0) | (pair ? 1u << 21 : 0) | rs << 16 |
             random.below(2) << 15 | rt2 << 10 | base << 5 | rt;
    };
    const u32 ld = exclusive(true, 31, general(), pair ? 5 + random.below(5) : 31);
    const u32 st = exclusive(false, status, general(), pair ? general() : 31);
    row = a64::decode_row(ld);
    ASSERT_GE(row, 0);
    comparison.add_word(row, ld, random, std::array{random.one_in(5) ? kClrex : kNop, st});
  }
  comparison.flush();
  EXPECT_GT(comparison.ran(row), 0u);
}

}  // namespace
}  // namespace quince::test
