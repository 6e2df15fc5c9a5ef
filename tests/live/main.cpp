// live SCENARIO [options]: runs a machine with Linux in this process, and acts on it.  README.md.
#include <fmt/core.h>

#include <csignal>
#include <cstdio>
#include <cstring>
#include <span>
#include <string>

#include "base/option_values.h"
#include "machine/machine.h"
#include "tests/live/live_machine.h"
#include "tests/live/scenarios.h"

#if defined(__SANITIZE_ADDRESS__)
// What the soak measures is what is in use.  A usual quarantine would hide it behind 256 MiB.
extern "C" const char* __asan_default_options();
extern "C" const char* __asan_default_options() { return "quarantine_size_mb=32"; }
#endif

namespace {
bool has_window = false;
}
// What the libraries of X11 and SDL keep until the end is not for us to find, and some of them are gone
// by then, so that no suppression names them.
extern "C" int __lsan_is_turned_off();
extern "C" int __lsan_is_turned_off() { return has_window ? 1 : 0; }

namespace {

using namespace quince;
using namespace quince::test;

constexpr int kSkipped = 77;

constexpr const char* kUsage =
    "usage: live SCENARIO --guest FOLDER [options]\n"
    "  latency  [--keys N] [--seed S]              from a key to Linux's event\n"
    "  unplug   [--rounds N] [--seed S]            disks that are pulled during transfers\n"
    "  soak     --minutes N | --seconds N [--seed S] [--window]\n"
    "FOLDER is what scripts/fetch-guest.sh and make-initramfs.sh --live fill.\n";

struct Scenario {
  const char* name;
  Result<void> (*run)(const LiveOptions&);
};
constexpr Scenario kScenarios[] = {
    {"latency", measure_latency}, {"unplug", unplug_during_transfers}, {"soak", soak}};

Result<LiveOptions> parse(std::span<char*> args) {
  LiveOptions o;
  for (std::size_t n = 0; n < args.size(); ++n) {
    const std::string name = args[n];
    if (name == "--window") {
      o.window = true;
      continue;
    }
    if (n + 1 == args.size()) return fail("{} needs a value", name);
    const std::string value = args[++n];
    if (name == "--guest") {
      o.guest = value;
      continue;
    }
    const u64 number = TRY(parse_number(value));
    if (name == "--seed")
      o.seed = number;
    else if (name == "--keys" && number != 0)
      o.keys = static_cast<unsigned>(number);
    else if (name == "--rounds")
      o.rounds = static_cast<unsigned>(number);
    else if (name == "--seconds")
      o.seconds = static_cast<unsigned>(number);
    else if (name == "--minutes")
      o.seconds = static_cast<unsigned>(number * 60);
    else
      return fail("unknown option '{} {}'", name, value);
  }
  if (o.guest.empty()) return fail("--guest is missing");
  return o;
}

bool readable(const std::string& path) {
  std::FILE* f = std::fopen(path.c_str(), "re");
  return f != nullptr && std::fclose(f) == 0;
}

}  // namespace

namespace quince::test {

std::vector<std::string> linux_args(const LiveOptions& o, const std::string& memory) {
  return {"-M",      "vmapple",
          "-m",      memory,
          "-kernel", o.guest + "/kernel-standard",
          "-initrd", o.guest + "/initramfs-live.cpio.gz",
          "-append", "console=ttyAMA0 quiet panic=-1 quince.live quince.exit"};
}

}  // namespace quince::test

int main(int argc, char** argv) {
  quince::machine::block_signals();
  std::signal(SIGPIPE, SIG_IGN);
  for (const Scenario& s : kScenarios) {
    if (argc < 2 || std::strcmp(argv[1], s.name) != 0) continue;
    const auto options = parse({argv + 2, static_cast<std::size_t>(argc - 2)});
    if (!options) {
      fmt::print(stderr, "live: {}\n{}", options.error().message(), kUsage);
      return 2;
    }
    if (!readable(options->guest + "/initramfs-live.cpio.gz")) {
      fmt::print("live: skipped: there is no guest in '{}'\n", options->guest);
      return kSkipped;
    }
    has_window = options->window;
    const auto done = s.run(*options);
    if (done) return 0;
    fmt::print(stderr, "live: {}: {}\n", s.name, done.error().message());
    return 1;
  }
  std::fputs(kUsage, stderr);
  return 2;
}
