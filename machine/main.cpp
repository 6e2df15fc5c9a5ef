// quince: the command.
#include <fcntl.h>
#include <fmt/format.h>

#include <csignal>
#include <cstdio>
#include <exception>
#include <optional>

#include "machine/cli/command_line.h"
#include "machine/machine.h"
#include "machine/pid_file.h"

namespace {

/// One line on stderr, whatever a file name has in it.  fmt::print is no use here: it throws when
/// stderr is full or closed.
void complain(std::string text) {
  for (char& c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  std::fputs(("quince: " + text + "\n").c_str(), stderr);
}

int fail_with(const quince::Error& e) {
  complain(e.message());
  return 1;
}

/// Descriptors 0 to 2 must be what they are taken for: one that the caller closed would become
/// the next file that is opened, and the guest's serial output would go into it.
void occupy_standard_descriptors() {
  for (int fd = 0; fd <= 2; ++fd)
    if (::fcntl(fd, F_GETFD) == -1 && ::open("/dev/null", O_RDWR) != fd) return;
}

int run(int argc, char** argv) {
  using namespace quince::machine;
  block_signals();
  const auto line =
      parse_command_line({argv + 1, static_cast<std::size_t>(argc > 0 ? argc - 1 : 0)},
                         dialect_of(argc > 0 ? argv[0] : ""));
  if (!line) return fail_with(line.error());
  if (!line->print.empty()) {
    std::fputs(line->print.c_str(), stdout);
    return std::fflush(stdout) == 0 ? 0 : 1;
  }
  for (const std::string& w : line->warnings) complain(w);
  std::optional<PidFile> pid_file;  // goes after the machine
  auto machine = Machine::create(line->config);
  if (!machine) return fail_with(machine.error());
  if (!line->config.dumpdtb.empty()) return 0;
  if (!line->config.pid_file.empty()) {
    auto created = PidFile::create(line->config.pid_file);
    if (!created) return fail_with(created.error().in("-pidfile"));
    pid_file.emplace(std::move(*created));
  }
  return (*machine)->run();
}

}  // namespace

int main(int argc, char** argv) {
  occupy_standard_descriptors();
  // A reader that went away is an error of that write, not the end of the machine.
  std::signal(SIGPIPE, SIG_IGN);
  try {
    return run(argc, argv);
  } catch (const std::exception& e) {  // a library ran out of something
    complain(std::string("internal error: ") + e.what());
    return 125;
  }
}
