// Runs the bare-metal programs of programs/ in the emulator, as a user would, and reads what they
// report over the UART: "ok NAME" or "FAIL NAME why" for each case and "done N" at the end.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "base/fd.h"

extern char** environ;

namespace {

using quince::Fd;
using Clock = std::chrono::steady_clock;

/// Only what hangs runs into it, and a host with much else to do must not.
constexpr std::chrono::seconds kLimit{240};

/// The emulator with a program, its output on a pipe.  Killed when it has not ended by itself.
class Emulator {
 public:
  Emulator(const std::string& program, std::vector<std::string> options) {
    int ends[2] = {-1, -1};
    if (::pipe2(ends, O_CLOEXEC) != 0) return;
    out_ = Fd(ends[0]);
    const Fd in(ends[1]);
    const std::string elf = QUINCE_GUEST_DIR "/" + program + ".elf";
    std::vector<std::string> args = {QUINCE_BINARY, "-M", "vmapple", "-m", "256", "-kernel", elf,
                                     "-serial", "stdio", "-display", "none"};
    args.insert(args.end(), options.begin(), options.end());
    std::vector<char*> argv;
    for (std::string& a : args) argv.push_back(a.data());
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, in.get(), 1);
    if (::posix_spawn(&pid_, QUINCE_BINARY, &actions, nullptr, argv.data(), environ) != 0)
      pid_ = -1;
    posix_spawn_file_actions_destroy(&actions);
  }
  ~Emulator() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  Emulator(const Emulator&) = delete;
  Emulator& operator=(const Emulator&) = delete;

  bool started() const { return pid_ > 0; }
  void terminate() { ::kill(pid_, SIGTERM); }
  const std::string& output() const { return output_; }

  /// Reads until the output holds `text`, or to its end when that is empty; false when time is up
  /// or the output ends without it.
  bool read_until(const std::string& text) {
    while (text.empty() || output_.find(text) == std::string::npos) {
      const auto left =
          std::chrono::duration_cast<std::chrono::milliseconds>(deadline_ - Clock::now()).count();
      pollfd p{.fd = out_.get(), .events = POLLIN, .revents = 0};
      if (left <= 0 || ::poll(&p, 1, static_cast<int>(left)) <= 0) return false;
      char buffer[4096];
      const ssize_t n = ::read(out_.get(), buffer, sizeof buffer);
      if (n <= 0) return text.empty() && n == 0;
      output_.append(buffer, static_cast<std::size_t>(n));
    }
    return true;
  }

  /// The exit status, once the output has ended; -1 for a signal.
  int wait() {
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

 private:
  Fd out_;
  pid_t pid_ = -1;
  std::string output_;
  const Clock::time_point deadline_ = Clock::now() + kLimit;
};

bool have_guests() {
#ifdef QUINCE_HAVE_GUESTS
  return true;
#else
  return false;
#endif
}

#define NEED_GUESTS() \
  if (!have_guests()) GTEST_SKIP() << "aarch64-linux-gnu-gcc was not found: no guest programs"

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines(1);
  for (const char c : text) {
    if (c == '\n')
      lines.emplace_back();
    else if (c != '\r')
      lines.back() += c;
  }
  return lines;
}

/// What a program reported with "value NAME V".
using Values = std::map<std::string, unsigned long>;

void run_program(const std::string& program, std::vector<std::string> options, Values& values) {
  Emulator emulator(program, std::move(options));
  ASSERT_TRUE(emulator.started());
  const bool ended = emulator.read_until("");
  SCOPED_TRACE(emulator.output());
  ASSERT_TRUE(ended) << "it did not end in time";
  EXPECT_EQ(emulator.wait(), 0);
  unsigned long passed = 0, done = 0;
  for (const std::string& line : lines_of(emulator.output())) {
    EXPECT_FALSE(line.starts_with("FAIL")) << line;
    if (line.starts_with("ok ")) ++passed;
    if (line.starts_with("value ")) {
      const std::size_t end = line.find(' ', 6);
      values[line.substr(6, end - 6)] = std::stoul(line.substr(end + 1), nullptr, 0);
    }
    if (line.starts_with("done ")) done = std::stoul(line.substr(5), nullptr, 0);
  }
  EXPECT_GT(done, 0u) << "no \"done\" line";
  EXPECT_EQ(passed, done);
}

Values expect_passes(const std::string& program, std::vector<std::string> options) {
  Values values;
  run_program(program, std::move(options), values);
  return values;
}

using Options = std::vector<std::string>;
const Options kCounted = {"-icount", "shift=3"};
const Options kCounted4 = {"-icount", "shift=3", "-smp", "4"};
const Options kThreaded = {};
const Options kThreaded4 = {"-smp", "4"};

TEST(Guest, Exceptions) {
  NEED_GUESTS();
  expect_passes("exceptions", kCounted);
}

TEST(Guest, ExceptionsThreaded) {
  NEED_GUESTS();
  expect_passes("exceptions", kThreaded);
}

/// A guest whose vectors fault for ever leaves the emulator responsive, in both modes.
TEST(Guest, VectorLoopDoesNotHangTheEmulator) {
  NEED_GUESTS();
  for (const Options& options : {kCounted, kThreaded}) {
    Emulator emulator("vector_loop", options);
    ASSERT_TRUE(emulator.started());
    ASSERT_TRUE(emulator.read_until("looping")) << emulator.output();
    emulator.terminate();
    ASSERT_TRUE(emulator.read_until("")) << "it did not end in time";
    EXPECT_EQ(emulator.wait(), 0);
  }
}

TEST(Guest, SelfHostedDebug) {
  NEED_GUESTS();
  for (const Options& options : {kCounted, kThreaded}) expect_passes("debug", options);
}

TEST(Guest, Gic) {
  NEED_GUESTS();
  expect_passes("gic", kCounted);
}

TEST(Guest, GicThreaded) {
  NEED_GUESTS();
  expect_passes("gic", kThreaded);
}

TEST(Guest, Mmu) {
  NEED_GUESTS();
  for (const Options& options : {kCounted, kThreaded4}) expect_passes("mmu", options);
}

constexpr std::pair<const char*, unsigned long> kPauthVectors[] = {
#include "tests/guest/pauth_vectors.inc"
};

/// FEAT_PAuth2, FEAT_FPAC and QARMA5 give the codes that another implementation gives.
TEST(Guest, Pauth) {
  NEED_GUESTS();
  const Values values = expect_passes("pauth", {"-icount", "shift=3", "-cpu", "max"});
  EXPECT_EQ(values.size(), std::size(kPauthVectors));
  for (const auto& [name, code] : kPauthVectors) {
    ASSERT_TRUE(values.contains(name)) << name;
    EXPECT_EQ(values.at(name), code) << name;
  }
}

/// Interrupts of the performance monitors come where the counter overflows.
TEST(Guest, Pmu) {
  NEED_GUESTS();
  for (const Options& options : {kCounted, kThreaded}) expect_passes("pmu", options);
}

TEST(Guest, Psci) {
  NEED_GUESTS();
  for (const Options& options : {kCounted, kCounted4, kThreaded, kThreaded4}) {
    const Values values = expect_passes("psci", options);
    ASSERT_TRUE(values.contains("cpus"));
    EXPECT_EQ(values.at("cpus"), options == kCounted4 || options == kThreaded4 ? 4u : 1u);
  }
}

/// SYSTEM_RESET starts afresh and never returns to its caller, which threads would make likely.
TEST(Guest, Reset) {
  NEED_GUESTS();
  for (const Options& options : {kCounted4, kThreaded, kThreaded4}) expect_passes("reset", options);
}

TEST(Guest, Smp) {
  NEED_GUESTS();
  const Values values = expect_passes("smp", kThreaded4);
  ASSERT_TRUE(values.contains("cpus"));
  EXPECT_EQ(values.at("cpus"), 4u);
}

TEST(Guest, SmpCounted) {
  NEED_GUESTS();
  expect_passes("smp", kCounted4);
}

TEST(Guest, Timers) {
  NEED_GUESTS();
  const Values values = expect_passes("timers", kCounted);
  // Where instructions are time, a deadline that is set in the middle of a slice is met exactly:
  // within two microseconds of 24 MHz there is room for the way into the handler.
  for (const char* late : {"virtual_late", "physical_late"}) {
    ASSERT_TRUE(values.contains(late));
    EXPECT_LT(values.at(late), 48u) << late;
  }
  // WFE sleeps until the event and not less: eight bits of the counter, two directions.
  ASSERT_TRUE(values.contains("stream_waits"));
  EXPECT_EQ(values.at("stream_waits"), 16u);
}

TEST(Guest, TimersThreaded) {
  NEED_GUESTS();
  expect_passes("timers", kThreaded);
}

}  // namespace
