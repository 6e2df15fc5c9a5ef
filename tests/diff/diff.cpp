// The long run of the differential tester: rows and random blocks on quince and qemu-aarch64.
//
//   diff --seed 7 --cases 100000 --blocks 10000000
//
// Ends with status 1 when there was a difference, 2 when it could not run.
#include <fmt/format.h>

#include <chrono>
#include <cstdlib>
#include <cstring>

#include "tests/diff/campaign.h"
#include "tests/diff/exceptions.h"
#include "tests/diff/qemu_engine.h"

namespace quince::test {
namespace {

constexpr const char* kUsage =
    "usage: diff [--seed N] [--cases N] [--blocks N] [--sets N] [--row PATTERN]\n"
    "  --seed N       other random cases (1)\n"
    "  --cases N      for each row of the instruction table (10000)\n"
    "  --blocks N     random blocks (0)\n"
    "  --sets N       operand sets for each word and each block (16)\n"
    "  --row PATTERN  this row only; a trailing * stands for any rest\n"
    "QUINCE_ISA_QEMU names another qemu-aarch64 than the installed one.\n";

struct Options {
  CampaignOptions campaign;
  u64 cases = 10000, blocks = 0;
  std::string row = "*";
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
    const u64 n = TRY(number(argv[i], value));
    if (name == "--seed")
      o.campaign.seed = n;
    else if (name == "--cases")
      o.cases = n;
    else if (name == "--blocks")
      o.blocks = n;
    else if (name == "--sets" && n >= 1 && n <= ORACLE_BATCH)
      o.campaign.sets = static_cast<unsigned>(n);
    else if (name == "--sets")
      return fail("--sets: 1 to {}", ORACLE_BATCH);
    else
      return fail("{}: not known", name);
  }
  return o;
}

bool wanted(const std::string& pattern, std::string_view id) {
  if (!pattern.empty() && pattern.back() == '*')
    return id.starts_with(std::string_view(pattern).substr(0, pattern.size() - 1));
  return pattern == id;
}

using Clock = std::chrono::steady_clock;

/// "12345 cases in 1.2 s, 10287 a second".
std::string rate(u64 cases, Clock::time_point since) {
  const double s = std::chrono::duration<double>(Clock::now() - since).count();
  return fmt::format("{} cases in {:.1f} s, {:.0f} a second", cases, s,
                     static_cast<double>(cases) / (s > 0 ? s : 1));
}

Result<bool> run(const Options& o) {
  const auto oracle = TRY(QemuEngine::create());
  QuinceEngine ours;
  Campaign campaign(ours, ours, *oracle, {.lse2 = oracle->lse2()}, o.campaign);
  unsigned rows = 0;
  auto start = Clock::now();
  for (std::size_t r = 0; r < a64::rows().size() && o.cases != 0; ++r) {
    if (!wanted(o.row, a64::rows()[r].id)) continue;
    if (exception_of_row(a64::rows()[r], oracle->lse2()) != nullptr) continue;
    TRY_VOID(campaign.run_row(static_cast<int>(r), o.cases));
    ++rows;
  }
  TRY_VOID(campaign.flush());
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
