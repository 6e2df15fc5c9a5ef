// The command line, in QEMU's spelling.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/option_values.h"
#include "base/result.h"
#include "machine/config.h"

namespace quince::machine {

/// What a command line asks for: a machine to run, or text to print and be done.
struct CommandLine {
  MachineConfig config;
  std::string print;                  ///< not empty: print this on stdout and exit 0
  std::vector<std::string> warnings;  ///< what was accepted and changes nothing: one line each
};

/// How the program presents itself.
enum class Dialect : u8 {
  Quince,
  /// For tools that parse what QEMU says: `-version` and `-help` begin with a version line of its
  /// form, and the default board is `virt`.  By `-compat qemu`, or when the program is called
  /// qemu-system-aarch64.
  Qemu,
};

/// The dialect that a program's name (argv[0]) asks for.
Dialect dialect_of(std::string_view program);

/// Parses the arguments behind the program's name.  An argument that is no option is a disk, as -hda has it.
/// `desktop`: there is one to show a window on; without, the serial port is on the terminal unless an option says
/// where it or the display goes.  Both -x and --x are understood; an option
/// that is unknown, or known and not implemented, is an error that names it.
Result<CommandLine> parse_command_line(std::span<const char* const> args,
                                       Dialect dialect = Dialect::Quince, bool desktop = true);

/// The text of -help.
std::string help_text(Dialect dialect = Dialect::Quince);

/// The line of -version.
std::string version_line(Dialect dialect = Dialect::Quince);

}  // namespace quince::machine
