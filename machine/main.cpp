// quince: the command.
#include <fcntl.h>
#include <fmt/format.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <optional>
#include <thread>

#include "machine/cli/command_line.h"
#include "machine/control.h"
#include "machine/machine.h"
#include "machine/pid_file.h"
#include "ui/sdl/front.h"

namespace {

/// One line on stderr, whatever a file name has in it.  fmt::print is no use here: it throws when
/// stderr is full or closed.
void complain(std::string text) {
  for (char& c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  std::fputs(("quince: " + text + "\n").c_str(), stderr);
}

using namespace quince::machine;

/// Calls `fn`; where a library has run out of something, says so and returns kInternalError.
template <class F>
int guarded(F fn) {
  try {
    return fn();
  } catch (const std::exception& e) {
    complain(std::string("internal error: ") + e.what());
    return kInternalError;
  }
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

/// Whether a desktop is there to show a window on.
bool has_desktop() {
  const auto set = [](const char* name) {
    const char* value = std::getenv(name);
    return value != nullptr && *value != '\0';
  };
  return set("DISPLAY") || set("WAYLAND_DISPLAY");
}

/// The machine on a thread of its own, because windows want the first one.
int run_beside(Machine& machine, quince::ui::sdl::Front& front) {
  int status = 0;
  std::jthread thread([&] {
    status = guarded([&] { return machine.run(); });
    front.stop();
  });
  front.run();
  thread.join();
  return status;
}

int run_machine(Machine& machine) {
  using Wish = DisplayConfig::Front;
  const DisplayConfig& wanted = machine.config().display;
  const bool has_head = !machine.display().consoles().empty();
  if (wanted.front == Wish::None || (wanted.front == Wish::Default && !(has_head && has_desktop())))
    return machine.run();
  MachineControl control(machine);
  auto front = quince::ui::sdl::Front::create(machine.display(), control, wanted.window);
  if (front) return run_beside(machine, **front);
  if (wanted.front == Wish::Sdl) return fail_with(front.error().in("-display: sdl"));
  // Nobody asked for a window, and a desktop that the environment names need not be there.
  complain("warning: no window (-display none says so): " + front.error().message());
  return machine.run();
}

int run(int argc, char** argv) {
  block_signals();
  const auto line =
      parse_command_line({argv + 1, static_cast<std::size_t>(argc > 0 ? argc - 1 : 0)},
                         dialect_of(argc > 0 ? argv[0] : ""), has_desktop());
  if (!line) return fail_with(line.error());
  if (!line->print.empty()) {
    const bool printed = std::fputs(line->print.c_str(), stdout) >= 0;
    return std::fflush(stdout) == 0 && printed ? 0 : 1;
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
  return run_machine(**machine);
}

}  // namespace

int main(int argc, char** argv) {
  occupy_standard_descriptors();
  // A reader that went away is an error of that write, not the end of the machine.
  std::signal(SIGPIPE, SIG_IGN);
  return guarded([&] { return run(argc, argv); });
}
