// quince: the command.
#include <fmt/core.h>

#include <cstdio>
#include <exception>

#include "machine/machine.h"
#include "machine/options.h"

namespace {

int fail_with(const quince::Error& e) {
  fmt::print(stderr, "quince: {}\n", e.message());
  return 1;
}

int run(int argc, char** argv) {
  using namespace quince::machine;
  block_signals();
  const auto line = parse_command_line({argv + 1, static_cast<std::size_t>(argc > 0 ? argc - 1 : 0)});
  if (!line) return fail_with(line.error());
  if (!line->print.empty()) {
    std::fputs(line->print.c_str(), stdout);
    return std::fflush(stdout) == 0 ? 0 : 1;
  }
  auto machine = Machine::create(line->config);
  if (!machine) return fail_with(machine.error());
  if (!line->config.dumpdtb.empty()) return 0;
  return (*machine)->run();
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& e) {  // a library ran out of something
    fmt::print(stderr, "quince: internal error: {}\n", e.what());
    return 125;
  }
}
