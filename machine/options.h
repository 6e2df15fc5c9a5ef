// The command line, in QEMU's spelling.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "machine/config.h"

namespace quince::machine {

/// What a command line asks for: a machine to run, or text to print and be done.
struct CommandLine {
  MachineConfig config;
  std::string print;   ///< not empty: print this on stdout and exit 0
  std::vector<std::string> warnings;  ///< what was accepted and changes nothing: one line each
};

/// Parses the arguments behind the program's name.  Both -x and --x are understood; an option
/// that is unknown, or known and not implemented, is an error that names it.
Result<CommandLine> parse_command_line(std::span<const char* const> args);

/// The text of -help.
std::string help_text();

/// "key=value,flag,..." as QEMU writes it: ",," is a comma inside a value.  A first item without
/// '=' gets the key `implied`, if that is not empty.  Other items without '=' are "item=on".
std::vector<std::pair<std::string, std::string>> split_options(std::string_view text,
                                                               std::string_view implied);

/// A size like 512M, 4G, 65536K; without a suffix in units of `unit` bytes.
Result<u64> parse_size(std::string_view text, u64 unit);
/// A number in decimal or, after 0x, hexadecimal.
Result<u64> parse_number(std::string_view text);
/// on/off/yes/no/true/false.
Result<bool> parse_switch(std::string_view text);

}  // namespace quince::machine
