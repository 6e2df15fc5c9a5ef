// A machine of this process, as `quince` would make it of the same command line, and the other side of
// what a person and a front end do to it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "machine/control.h"
#include "machine/machine.h"

namespace quince::test {

/// Runs on a thread of its own from start() to stop().  Everything here is for the one thread that
/// plays the person; waits have a bound, and what does not come in time is an error that shows the
/// end of the serial output.
class LiveMachine {
 public:
  /// `args` are those of the command, without its name; the serial port leads here.
  static Result<std::unique_ptr<LiveMachine>> start(std::vector<std::string> args);
  ~LiveMachine();
  LiveMachine(const LiveMachine&) = delete;
  LiveMachine& operator=(const LiveMachine&) = delete;

  machine::Machine& machine() { return *machine_; }
  machine::MachineControl& control() { return control_; }

  /// Calls `fn` on the machine thread, without the I/O lock, and waits until it is done.  After an
  /// error it may still come, so it refers to nothing of its caller but the machine.
  Result<void> on_machine(const std::function<void()>& fn);

  /// What the guest reads from its serial port.
  Result<void> send(const std::string& text);
  /// The rest of the next line that has `text` in it.
  Result<std::string> expect(const std::string& text);
  /// Waits for output for at most `ms`, and hands over what is there.
  std::string read_for(int ms);

  /// Ends the machine; an error when its exit status is not 0.
  Result<void> stop();

 private:
  explicit LiveMachine(std::unique_ptr<machine::Machine> machine, Fd serial);
  Result<void> receive(int ms);

  Fd serial_;
  std::unique_ptr<machine::Machine> machine_;
  machine::MachineControl control_;
  std::string text_;  // not handed over yet
  std::string tail_;  // the end of what was, for errors
  int status_ = -1;
  std::jthread thread_;
};

/// How long something may take before it counts as hung, in seconds; only failures wait so long.
int patience_seconds();

}  // namespace quince::test
