// Running other programs from tests, as judges.
#pragma once

#include <sys/types.h>
#include <string>

namespace quince::test {

struct CommandResult {
  int status = -1;     ///< exit status, or 128 and the signal
  std::string output;  ///< stdout and stderr
};

/// Runs a shell command to its end.
CommandResult run_command(const std::string& command);
/// Whether the shell finds a program of this name.
bool have_command(const std::string& name);

/// A shell command with a pipe at each end.
class Pipe {
 public:
  explicit Pipe(const std::string& command);
  ~Pipe() { close(); }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  void write(const std::string& text);
  /// Reads until `text` was seen; false at the end of the output.
  bool wait_for(const std::string& text);
  /// Ends its input and waits for its end; returns the exit status.
  int close();

 private:
  pid_t pid_ = -1;
  int in_ = -1, out_ = -1;
  int status_ = -1;
  std::string seen_;
};

}  // namespace quince::test
