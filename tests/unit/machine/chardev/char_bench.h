// What the tests of back ends share: a loop that is driven until something holds, a device, and
// the other ends of sockets and terminals.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <vector>

#include "machine/chardev/chardev.h"

namespace quince::machine {

inline std::span<const u8> bytes(std::string_view text) {
  return {reinterpret_cast<const u8*>(text.data()), text.size()};
}

/// `n` bytes in which no piece looks like another one.
inline std::string pattern(std::size_t n) {
  std::string s(n, 0);
  for (std::size_t i = 0; i < n; ++i) s[i] = static_cast<char>((i * 2654435761u) >> 13);
  return s;
}

/// A device that takes what `room` allows and remembers everything.
struct TestDevice final : hw::CharReceiver {
  std::size_t can_receive() const override { return room; }
  void receive(std::span<const u8> data) override {
    EXPECT_LE(data.size(), room);
    received.append(data.begin(), data.end());
    if (!endless) room -= data.size();
    events += "d";
  }
  void receive_break() override { events += "b"; }
  void connected(bool on) override { events += on ? "+" : "-"; }
  void on_writable() override { events += "w"; }
  void focused(bool on) override { events += on ? "F" : "f"; }

  std::size_t room = 1 << 20;
  bool endless = true;
  std::string received;
  std::string events;
};

class CharTest : public ::testing::Test {
 protected:
  CharTest() {
    std::signal(SIGPIPE, SIG_IGN);  // as main() does
    std::string name = (std::filesystem::temp_directory_path() / "quince-char-XXXXXX").string();
    folder = ::mkdtemp(name.data());
  }
  ~CharTest() override { std::filesystem::remove_all(folder); }

  CharHost host() {
    return {.loop = loop,
            .lock = lock,
            .on_escape = [this](CharEscape e) { escapes.push_back(e); },
            .on_exit = [this](int status) { exits.push_back(status); },
            .notice =
                [this](std::string_view line) {
                  notices.emplace_back(line);
                  if (on_notice) on_notice();
                }};
  }

  std::string file(const std::string& name) const { return folder + "/" + name; }
  static std::string contents(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  /// A back end from the text behind -chardev.
  std::unique_ptr<Chardev> open(const std::string& text) {
    auto options = parse_chardev(Properties(split_options(text, "backend")));
    if (!options) {
      ADD_FAILURE() << text << ": " << options.error().message();
      return nullptr;
    }
    auto port = Chardev::open(*options, host());
    if (!port) {
      ADD_FAILURE() << text << ": " << port.error().message();
      return nullptr;
    }
    return std::move(*port);
  }
  /// The error of opening it.
  std::string refused(const std::string& text) {
    auto options = parse_chardev(Properties(split_options(text, "backend")));
    if (!options) return "parse: " + options.error().message();
    auto port = Chardev::open(*options, host());
    return port ? "opened" : port.error().message();
  }

  /// Runs the loop until `done`.  Whether that came before `seconds` were over.
  bool run_until(const std::function<bool()>& done, int seconds = 20) {
    const Fd alarm(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
    itimerspec t{};
    t.it_value.tv_sec = seconds;
    ::timerfd_settime(alarm.get(), 0, &t, nullptr);
    bool late = false;
    const auto watch = loop.watch(alarm.get(), EventLoop::Readable, [&](unsigned) { late = true; });
    while (!late && !done()) loop.run_once(-1);
    return !late || done();
  }
  /// Handles what is ready now, without waiting.
  void settle() {
    for (int i = 0; i < 20; ++i) loop.run_once(0);
  }

  void write(hw::CharPort& port, std::string_view text) {
    const hw::IoLock::Guard held(lock);
    port.write(bytes(text));
  }
  void accept_input(hw::CharPort& port) {
    const hw::IoLock::Guard held(lock);
    port.accept_input();
  }

  EventLoop loop;
  hw::IoLock lock;
  std::string folder;
  std::vector<CharEscape> escapes;
  std::vector<int> exits;
  std::vector<std::string> notices;
  std::function<void()> on_notice;
};

/// The other end of a connection: never blocks but where it says so.
class Peer {
 public:
  explicit Peer(int fd) : fd_(fd) {}
  /// A client of the Unix socket at `path`; empty when nobody listens.
  static Peer unix_client(const std::string& path) {
    sockaddr_un a{};
    a.sun_family = AF_UNIX;
    std::strncpy(a.sun_path, path.c_str(), sizeof a.sun_path - 1);
    Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&a), sizeof a) != 0) fd.reset();
    return Peer(std::move(fd));
  }
  explicit Peer(Fd fd) : fd_(std::move(fd)) {}

  int fd() const { return fd_.get(); }
  explicit operator bool() const { return static_cast<bool>(fd_); }
  void close() { fd_.reset(); }
  /// Sends what goes now, and returns how much that was.
  std::size_t send(std::string_view text) {
    const ssize_t n = ::write(fd_.get(), text.data(), text.size());
    return n > 0 ? static_cast<std::size_t>(n) : 0;
  }
  /// Everything that is there now.
  const std::string& read() {
    char data[65536];
    for (ssize_t n = 0; (n = ::read(fd_.get(), data, sizeof data)) > 0;)
      seen.append(data, static_cast<std::size_t>(n));
    return seen;
  }
  /// Whether the other side has closed; reads what came before that.
  bool at_end() {
    read();
    char c = 0;
    return ::read(fd_.get(), &c, 1) == 0;
  }
  std::string seen;

 private:
  Fd fd_;
};

}  // namespace quince::machine
