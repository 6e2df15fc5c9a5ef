// Runs of the bare-metal programs of programs/, and what they report over the UART: "ok NAME" or
// "FAIL NAME why" for each case, "value NAME V", and "done N" at the end.
#pragma once

#include <gtest/gtest.h>
#include <sys/types.h>

#include <chrono>
#include <csignal>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/fd.h"
#include "base/types.h"
#include "tests/support/engine.h"

namespace quince::machine {
class Machine;
}

namespace quince::test {

using Options = std::vector<std::string>;
/// What a program reported with "value NAME V".
using Values = std::map<std::string, unsigned long>;

/// Whether there was a cross compiler.
bool have_guests();
/// The file of a program.
std::string guest_path(const std::string& program);

#define NEED_GUESTS()               \
  if (!quince::test::have_guests()) \
  GTEST_SKIP() << "aarch64-linux-gnu-gcc was not found: no guest programs"

/// A program's output, from a pipe.
class GuestOutput {
 public:
  /// Opens the pipe; the other end is for the program.
  Fd open();
  /// Reads until the output holds `text` behind what was awaited before, or to its end when that is
  /// empty; false when time is up or the output ends without it.
  bool read_until(const std::string& text);
  const std::string& text() const { return text_; }

 private:
  Fd in_;
  std::string text_;
  std::size_t seen_ = 0;
  // Only what hangs runs into it, and a host with much else to do must not.
  const std::chrono::steady_clock::time_point deadline_ =
      std::chrono::steady_clock::now() + std::chrono::seconds(240) * test_slowness();
};

/// The emulator with a program, as a process: what a user does.  Killed when it has not ended by
/// itself.  Programs whose names end in ".virt" run on that board, the others on vmapple.
class Emulator {
 public:
  /// A user with Terminal::Yes has keys, too, and sees what the emulator itself says: `-serial
  /// mon:stdio`, and stderr is part of the output.
  enum class Terminal { No, Yes };
  Emulator(const std::string& program, const Options& options, Terminal terminal = Terminal::No);
  ~Emulator();
  Emulator(const Emulator&) = delete;
  Emulator& operator=(const Emulator&) = delete;

  bool started() const { return pid_ > 0; }
  /// SIGTERM, or another signal.
  void terminate(int signal = SIGTERM);
  void type(std::string_view keys);
  const std::string& output() const { return output_.text(); }
  bool read_until(const std::string& text) { return output_.read_until(text); }
  /// The exit status, once the output has ended; -1 for a signal.
  int wait();

 private:
  GuestOutput output_;
  Fd keys_;
  pid_t pid_ = -1;
};

/// A machine of this process with a program, so that a test can use its keyboard.
class GuestMachine {
 public:
  /// `prepare` may change the machine before it runs.
  GuestMachine(const std::string& program, const Options& options,
               const std::function<void(machine::Machine&)>& prepare = {});
  ~GuestMachine();
  GuestMachine(const GuestMachine&) = delete;
  GuestMachine& operator=(const GuestMachine&) = delete;

  /// Why there is no machine, or "".
  const std::string& error() const { return error_; }
  const std::string& output() const { return output_.text(); }
  bool read_until(const std::string& text) { return output_.read_until(text); }
  /// A key goes down or up (a HID usage): the guest's time of that, in nanoseconds.
  u64 key(u8 usage, bool down);
  /// Calls `fn` on the machine thread and waits for it; false: the machine has ended.
  bool on_machine(const std::function<void(machine::Machine&)>& fn);
  /// The exit status, once the output has ended.
  int wait() { return status_.get(); }
  /// The hash of the machine's state, for which it pauses.
  u64 state_hash();

 private:
  GuestOutput output_;
  std::string error_;
  std::mutex mutex_;
  std::unique_ptr<machine::Machine> machine_;  // gone when it has ended, and the output with it
  std::future<int> status_;
  std::jthread thread_;
};

/// Checks a program's report, which is complete: no case failed and all are there.
Values check_report(const std::string& output);
/// Runs a program to its end and checks its report.
Values expect_passes(const std::string& program, const Options& options);

}  // namespace quince::test
