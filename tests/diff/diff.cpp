// The long run of the differential tester: rows and random blocks on quince and qemu-aarch64, or
// floating-point rows on quince and the reference.
//
//   diff --seed 7 --cases 100000 --blocks 10000000
//   diff --oracle reference --operand-sets 1000000
//
// Ends with status 1 when there was a difference, 2 when it could not run.
#include <fmt/format.h>

#include <chrono>
#include <cstdlib>
#include <cstring>

#include "cpu/a64/disasm/disasm.h"
#include "tests/diff/campaign.h"
#include "tests/diff/exceptions.h"
#include "tests/diff/fp/controls.h"
#include "tests/diff/fp/reference_engine.h"
#include "tests/diff/fp/rows.h"
#include "tests/diff/fp/sweep.h"
#include "tests/diff/qemu_engine.h"

namespace quince::test {
namespace {

constexpr const char* kUsage =
    "usage: diff [--seed N] [--cases N] [--blocks N] [--sets N] [--row PATTERN] [--oracle NAME] "
    "[--fpcr each] [--operand-sets N]\n"
    "  --seed N       other random cases (1)\n"
    "  --cases N      for each row of the instruction table (10000)\n"
    "  --blocks N     random blocks (0)\n"
    "  --sets N       operand sets for each word and each block (16)\n"
    "  --row PATTERN  this row only; a trailing * stands for any rest\n"
    "  --oracle NAME  qemu, or reference: the floating-point rows that it knows (qemu)\n"
    "  --fpcr each    floating-point rows only, --cases with each rounding mode, FZ, FZ16, DN, "
    "AHP\n"
    "  --operand-sets N  instead of --cases: floating-point rows against the reference, with each\n"
    "                 rounding mode and flush mode at least N operand sets; DN and AHP at random\n"
    "QUINCE_ISA_QEMU names another qemu-aarch64 than the installed one.\n";

struct Options {
  CampaignOptions campaign;
  u64 cases = 10000, blocks = 0, operand_sets = 0;
  std::string row = "*";
  bool reference = false, each_fpcr = false;
};

Result<u64> number(const char* option, const char* text) {
  char* end = nullptr;
  const u64 v = std::strtoull(text, &end, 0);
  if (*text == 0 || *text == '-' || *end != 0) return fail("{}: '{}' is no number", option, text);
  return v;
}

Result<Options> parse(int argc, char** argv) {
  Options o;
  for (int i = 1; i < argc; i += 2) {
    const std::string_view name = argv[i];
    if (i + 1 == argc) return fail("{}: needs a value, or is not known", name);
    const char* value = argv[i + 1];
    if (name == "--row") {
      o.row = value;
      continue;
    }
    if (name == "--oracle") {
      o.reference = std::string_view(value) == "reference";
      if (!o.reference && std::string_view(value) != "qemu")
        return fail("--oracle: '{}' is neither qemu nor reference", value);
      continue;
    }
    if (name == "--fpcr") {
      if (std::string_view(value) != "each") return fail("--fpcr: only 'each' is known");
      o.each_fpcr = true;
      continue;
    }
    const u64 n = TRY(number(argv[i], value));
    if (name == "--seed")
      o.campaign.seed = n;
    else if (name == "--cases")
      o.cases = n;
    else if (name == "--blocks")
      o.blocks = n;
    else if (name == "--operand-sets")
      o.operand_sets = n;
    else if (name == "--sets" && n >= 1 && n <= ORACLE_BATCH)
      o.campaign.sets = static_cast<unsigned>(n);
    else if (name == "--sets")
      return fail("--sets: 1 to {}", ORACLE_BATCH);
    else
      return fail("{}: not known", name);
  }
  if (o.operand_sets != 0 && (!o.reference || o.each_fpcr))
    return fail("--operand-sets: needs --oracle reference, and has each FPCR of its own");
  if (o.reference && o.blocks != 0) return fail("--blocks: the reference knows rows only");
  return o;
}

bool wanted(const std::string& pattern, std::string_view id) {
  if (!pattern.empty() && pattern.back() == '*')
    return id.starts_with(std::string_view(pattern).substr(0, pattern.size() - 1));
  return pattern == id;
}

using Clock = std::chrono::steady_clock;

/// "12345 cases in 1.2 s, 10287 a second".
std::string rate(u64 cases, Clock::time_point since, const char* what = "cases") {
  const double s = std::chrono::duration<double>(Clock::now() - since).count();
  return fmt::format("{} {} in {:.1f} s, {:.0f} a second", cases, what, s,
                     static_cast<double>(cases) / (s > 0 ? s : 1));
}

/// The cases of one row.
Result<void> run_row(Campaign& campaign, int row, const Options& o) {
  if (!o.each_fpcr) return campaign.run_row(row, o.cases);
  for (const u32 fpcr : fpcr_values(a64::rows()[static_cast<std::size_t>(row)])) {
    campaign.set_fpcr(fpcr);
    TRY_VOID(campaign.run_row(row, o.cases));
  }
  return {};
}

/// Shows what a sweep found as cases of their own, which the campaign compares, shrinks and keeps.
Result<void> show_misses(FpSweep& sweep, Campaign& campaign) {
  for (const FpSweep::Miss& m : sweep.take_misses()) {
    const u64 before = campaign.differences();
    TRY_VOID(campaign.run_states(m.row, m.insn, std::span(&m.in, 1)));
    TRY_VOID(campaign.flush());
    if (campaign.differences() == before)
      return fail("a difference that shows in a loop only: {}, {}", a64::disassemble(m.insn),
                  a64::rows()[static_cast<std::size_t>(m.row)].id);
  }
  return {};
}

/// Every row with every mode, --operand-sets of each.
Result<bool> run_sweep(const Options& o) {
  QuinceEngine ours;
  ReferenceEngine reference;
  Campaign campaign(ours, ours, reference, {}, o.campaign);
  FpSweep sweep(o.campaign.seed, o.campaign.findings_for_row);
  const auto start = Clock::now();
  unsigned rows = 0, modes = 0;
  for (std::size_t r = 0; r < a64::rows().size(); ++r) {
    const a64::RowInfo& row = a64::rows()[r];
    if (!wanted(o.row, row.id) || !fp_reference_has(row)) continue;
    ++rows;
    const std::vector<u32> each = fpcr_modes(row);
    TRY_VOID(sweep.run(static_cast<int>(r), each, o.operand_sets));
    modes += static_cast<unsigned>(each.size());
    TRY_VOID(show_misses(sweep, campaign));
  }
  if (rows == 0) return fail("--row: '{}' is no row that the reference knows", o.row);
  fmt::print("{} rows, {} of rows and modes, each with {} operand sets or more: {}\n", rows, modes,
             o.operand_sets, rate(sweep.compared(), start, "operand sets"));
  for (const Finding& f : campaign.findings()) fmt::print("\n{}", report(f));
  fmt::print("{} differences; seed {}\n", sweep.differences(), o.campaign.seed);
  return sweep.differences() == 0;
}

Result<bool> run(const Options& o) {
  if (o.operand_sets != 0) return run_sweep(o);
  std::unique_ptr<QemuEngine> qemu;
  ReferenceEngine reference;
  if (!o.reference) qemu = TRY(QemuEngine::create());
  const Scope scope{.lse2 = qemu == nullptr || qemu->lse2()};
  QuinceEngine ours;
  Engine& theirs = qemu != nullptr ? static_cast<Engine&>(*qemu) : reference;
  Campaign campaign(ours, ours, theirs, scope, o.campaign);
  unsigned rows = 0;
  auto start = Clock::now();
  for (std::size_t r = 0; r < a64::rows().size() && o.cases != 0; ++r) {
    const a64::RowInfo& row = a64::rows()[r];
    if (!wanted(o.row, row.id) || exception_of_row(row, scope.lse2) != nullptr) continue;
    if ((o.reference || o.each_fpcr) && !fp_reference_has(row)) continue;
    TRY_VOID(run_row(campaign, static_cast<int>(r), o));
    ++rows;
  }
  TRY_VOID(campaign.flush());
  if (rows == 0 && o.cases != 0) return fail("--row: '{}' is no row that can be compared", o.row);
  fmt::print("{} rows: {}\n", rows, rate(campaign.compared(), start));
  if (o.blocks != 0) {
    start = Clock::now();
    const u64 before = campaign.compared();
    TRY_VOID(campaign.run_blocks(o.blocks));
    TRY_VOID(campaign.flush());
    fmt::print("blocks: {}\n", rate(campaign.compared() - before, start));
  }
  for (const Finding& f : campaign.findings()) fmt::print("\n{}", report(f));
  fmt::print("{} differences; {} cases faulted, {} had no end; seed {}\n", campaign.differences(),
             campaign.faults(), campaign.endless(), o.campaign.seed);
  return campaign.differences() == 0;
}

int main_with(int argc, char** argv) {
  if (argc > 1 && std::strcmp(argv[1], "--help") == 0) {
    fmt::print("{}", kUsage);
    return 0;
  }
  const auto options = parse(argc, argv);
  const auto good = options ? run(*options) : tl::unexpected(options.error());
  if (good) return *good ? 0 : 1;
  fmt::print(stderr, "diff: {}\n", good.error().message());
  return 2;
}

}  // namespace
}  // namespace quince::test

int main(int argc, char** argv) { return quince::test::main_with(argc, argv); }
