#include "tests/live/live_machine.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <future>

#include "base/assert.h"
#include "machine/cli/command_line.h"
#include "tests/support/engine.h"

namespace quince::test {

namespace {

using Clock = std::chrono::steady_clock;
constexpr std::size_t kTail = 4000;

}  // namespace

int patience_seconds() {
  const char* text = std::getenv("QUINCE_BOOT_SECONDS");
  return (text != nullptr ? std::atoi(text) : 600) * static_cast<int>(test_slowness());
}

LiveMachine::LiveMachine(std::unique_ptr<machine::Machine> machine, Fd serial)
    : serial_(std::move(serial)), machine_(std::move(machine)), control_(*machine_) {
  thread_ = std::jthread([this] { status_ = machine_->run(); });
}

LiveMachine::~LiveMachine() { (void)stop(); }

Result<std::unique_ptr<LiveMachine>> LiveMachine::start(std::vector<std::string> args) {
  int ends[2] = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    return fail("socketpair: {}", std::strerror(errno));
  Fd ours(ends[0]);  // the machine takes the other one
  const std::string chardev = fmt::format("socket,id=live,fd={}", ends[1]);
  args.insert(args.end(), {"-chardev", chardev, "-serial", "chardev:live"});
  if (engine_was_chosen()) args.insert(args.end(), {"-engine", test_engine()});
  std::vector<const char*> argv;
  for (const std::string& a : args) argv.push_back(a.c_str());
  auto line = TRY(machine::parse_command_line(argv, machine::Dialect::Quince));
  auto made = TRY(machine::Machine::create(std::move(line.config)));
  return std::unique_ptr<LiveMachine>(new LiveMachine(std::move(made), std::move(ours)));
}

Result<void> LiveMachine::on_machine(const std::function<void()>& fn) {
  // Shared, because a machine that ends drops what it has not come to.
  auto done = std::make_shared<std::promise<void>>();
  auto waits = done->get_future();
  machine_->loop().post([fn, done] {
    fn();
    done->set_value();
  });
  if (waits.wait_for(std::chrono::seconds(patience_seconds())) == std::future_status::ready)
    return {};
  return fail("the machine's thread does not answer; the serial port's last words:\n{}", tail_);
}

Result<void> LiveMachine::send(const std::string& text) {
  for (std::size_t at = 0; at < text.size();) {
    const ssize_t n = ::send(serial_.get(), text.data() + at, text.size() - at, MSG_NOSIGNAL);
    if (n <= 0) return fail("the serial port is closed: {}", std::strerror(errno));
    at += static_cast<std::size_t>(n);
  }
  return {};
}

Result<void> LiveMachine::receive(int ms) {
  pollfd p{.fd = serial_.get(), .events = POLLIN, .revents = 0};
  if (::poll(&p, 1, ms) <= 0) return {};
  char buffer[4096];
  const ssize_t n = ::read(serial_.get(), buffer, sizeof buffer);
  if (n <= 0) return fail("the machine has ended; its last words:\n{}", tail_);
  const std::string_view more(buffer, static_cast<std::size_t>(n));
  text_ += more;
  tail_ += more;
  if (tail_.size() > kTail) tail_.erase(0, tail_.size() - kTail);
  return {};
}

Result<std::string> LiveMachine::expect(const std::string& text) {
  const auto end = Clock::now() + std::chrono::seconds(patience_seconds());
  for (;;) {
    const std::size_t at = text_.find(text);
    const std::size_t line_end = at == std::string::npos ? at : text_.find('\n', at);
    if (line_end != std::string::npos) {
      std::string rest = text_.substr(at + text.size(), line_end - at - text.size());
      text_.erase(0, line_end + 1);
      while (!rest.empty() && rest.back() == '\r') rest.pop_back();
      return rest;
    }
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now()).count();
    if (left <= 0) return fail("the guest does not say '{}'; its last words:\n{}", text, tail_);
    TRY_VOID(receive(static_cast<int>(left)));
  }
}

std::string LiveMachine::read_for(int ms) {
  (void)receive(ms);
  return std::exchange(text_, {});
}

Result<void> LiveMachine::stop() {
  if (!thread_.joinable()) return {};
  control_.quit();
  thread_.join();
  if (status_ != 0) return fail("the machine ended with status {}", status_);
  return {};
}

}  // namespace quince::test
