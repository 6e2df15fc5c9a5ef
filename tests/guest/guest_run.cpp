#include "tests/guest/guest_run.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "machine/cli/command_line.h"
#include "machine/machine.h"
#include "tests/support/engine.h"

extern char** environ;

namespace quince::test {

namespace {

using Clock = std::chrono::steady_clock;
/// How long the machine thread may take to answer.
const std::chrono::seconds kAnswer = std::chrono::seconds(60) * test_slowness();

Options command_line(const std::string& program, const Options& options) {
  const bool virt = program.ends_with(".virt");
  Options args = {"-M",       virt ? "virt" : "vmapple",
                  "-m",       "256",
                  "-kernel",  guest_path(program),
                  "-display", "none",
                  "-engine",  test_engine()};
  args.insert(args.end(), options.begin(), options.end());
  return args;
}

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

}  // namespace

bool have_guests() {
#ifdef QUINCE_HAVE_GUESTS
  return true;
#else
  return false;
#endif
}

std::string guest_path(const std::string& program) {
  return fmt::format("{}/{}.elf", QUINCE_GUEST_DIR, program);
}

// ---- Output ------------------------------------------------------------------------------------

Fd GuestOutput::open() {
  int ends[2] = {-1, -1};
  if (::pipe2(ends, O_CLOEXEC) != 0) return {};
  in_ = Fd(ends[0]);
  return Fd(ends[1]);
}

bool GuestOutput::read_until(const std::string& text) {
  for (;;) {
    if (const std::size_t at = text_.find(text, seen_); !text.empty() && at != std::string::npos) {
      seen_ = at + text.size();
      return true;
    }
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline_ - Clock::now()).count();
    pollfd p{.fd = in_.get(), .events = POLLIN, .revents = 0};
    if (left <= 0 || ::poll(&p, 1, static_cast<int>(left)) <= 0) return false;
    char buffer[4096];
    const ssize_t n = ::read(in_.get(), buffer, sizeof buffer);
    if (n <= 0) return text.empty() && n == 0;
    text_.append(buffer, static_cast<std::size_t>(n));
  }
}

// ---- A process ---------------------------------------------------------------------------------

Emulator::Emulator(const std::string& program, const Options& options, Terminal terminal) {
  const Fd out = output_.open();
  int keys[2];
  if (!out || ::pipe2(keys, O_CLOEXEC) != 0) return;
  const Fd typed(keys[0]);
  keys_ = Fd(keys[1]);
  const bool seen = terminal == Terminal::Yes;
  Options args = command_line(program, options);
  args.insert(args.begin(), QUINCE_BINARY);
  args.insert(args.end(), {"-serial", seen ? "mon:stdio" : "stdio"});
  std::vector<char*> argv;
  for (std::string& a : args) argv.push_back(a.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  if (seen) {
    posix_spawn_file_actions_adddup2(&actions, typed.get(), 0);
    posix_spawn_file_actions_adddup2(&actions, out.get(), 2);
  } else {
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  }
  posix_spawn_file_actions_adddup2(&actions, out.get(), 1);
  if (::posix_spawn(&pid_, QUINCE_BINARY, &actions, nullptr, argv.data(), environ) != 0) pid_ = -1;
  posix_spawn_file_actions_destroy(&actions);
}

Emulator::~Emulator() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

void Emulator::terminate(int signal) { ::kill(pid_, signal); }

void Emulator::type(std::string_view keys) {
  EXPECT_EQ(::write(keys_.get(), keys.data(), keys.size()), static_cast<ssize_t>(keys.size()));
}

int Emulator::wait() {
  int status = 0;
  ::waitpid(pid_, &status, 0);
  pid_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

// ---- A machine ---------------------------------------------------------------------------------

GuestMachine::GuestMachine(const std::string& program, const Options& options,
                           const std::function<void(machine::Machine&)>& prepare) {
  const Fd out = output_.open();
  Options args = command_line(program, options);
  // The machine opens the pipe by this name, so that its end is the output's.
  args.insert(args.end(), {"-serial", fmt::format("file:/dev/fd/{}", out.get())});
  std::vector<const char*> argv;
  for (const std::string& a : args) argv.push_back(a.c_str());
  auto line = machine::parse_command_line(argv);
  if (!line) {
    error_ = line.error().message();
    return;
  }
  auto made = machine::Machine::create(line->config);
  if (!made) {
    error_ = made.error().message();
    return;
  }
  machine_ = std::move(*made);
  if (prepare) prepare(*machine_);
  std::packaged_task<int()> run([this] {
    const int status = machine_->run();
    const std::lock_guard held(mutex_);
    machine_.reset();
    return status;
  });
  status_ = run.get_future();
  thread_ = std::jthread(std::move(run));
}

GuestMachine::~GuestMachine() {
  const std::lock_guard held(mutex_);
  if (machine_)
    machine_->loop().post([m = machine_.get()] { m->quit(machine::StopCause::HostQuit); });
}

bool GuestMachine::on_machine(const std::function<void(machine::Machine&)>& fn) {
  const auto done = std::make_shared<std::promise<bool>>();
  std::future<bool> when = done->get_future();
  {
    const std::lock_guard held(mutex_);
    if (!machine_) return false;
    machine_->loop().post([done, fn, m = machine_.get()] {
      fn(*m);
      done->set_value(true);
    });
  }
  // What was posted behind the machine's end is dropped with it.
  while (when.wait_for(std::chrono::milliseconds(20)) != std::future_status::ready)
    if (status_.wait_for(std::chrono::seconds(0)) == std::future_status::ready)
      return when.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
  return true;
}
u64 GuestMachine::key(u8 usage, bool down) {
  const auto at = std::make_shared<std::promise<u64>>();
  {
    const std::lock_guard held(mutex_);
    if (machine_)
      machine_->loop().post([=, m = machine_.get()] {
        at->set_value(m->clock().now_ns());
        m->display().input().send({ui::KeyInput{.usage = usage, .down = down}});
      });
  }
  std::future<u64> when = at->get_future();
  if (when.wait_for(kAnswer) == std::future_status::ready) return when.get();
  ADD_FAILURE() << "the machine does not take a key";
  return 0;
}

u64 GuestMachine::state_hash() {
  const auto hash = std::make_shared<std::promise<u64>>();
  {
    const std::lock_guard held(mutex_);
    if (machine_)
      machine_->loop().post([=, m = machine_.get()] {
        m->pause();
        hash->set_value(m->state_hash());
        m->resume();
      });
  }
  std::future<u64> value = hash->get_future();
  if (value.wait_for(kAnswer) == std::future_status::ready) return value.get();
  ADD_FAILURE() << "the machine does not pause";
  return 0;
}

// ---- Reports -----------------------------------------------------------------------------------

Values check_report(const std::string& output) {
  Values values;
  unsigned long passed = 0, done = 0;
  for (const std::string& line : lines_of(output)) {
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
  return values;
}

Values expect_passes(const std::string& program, const Options& options) {
  Emulator emulator(program, options);
  EXPECT_TRUE(emulator.started());
  if (!emulator.started()) return {};
  const bool ended = emulator.read_until("");
  const testing::ScopedTrace trace(__FILE__, __LINE__, emulator.output());
  EXPECT_TRUE(ended) << "it did not end in time";
  if (!ended) return {};
  EXPECT_EQ(emulator.wait(), 0);
  return check_report(emulator.output());
}

}  // namespace quince::test
