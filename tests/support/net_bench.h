// What back ends are tested on: a loop, a lock that knows who holds it, and a device that keeps
// frames.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "net/host.h"
#include "tests/support/packets.h"

namespace quince::net {

class Bench {
 public:
  Host host() {
    return {loop_, log_,
            [this](const std::function<void()>& fn) {
              ASSERT_FALSE(locked_) << "the lock is taken twice";
              locked_ = true;
              fn();
              locked_ = false;
            },
            [this](const std::string& line) { reports.push_back(line); }};
  }
  /// Runs `fn` as a device would: with the lock, and nothing may come back meanwhile.
  void guest(const std::function<void()>& fn) {
    locked_ = in_guest_ = true;
    fn();
    locked_ = in_guest_ = false;
  }
  bool locked() const { return locked_; }
  bool in_guest() const { return in_guest_; }

  /// Runs the loop until something is the case; false after ten seconds without.
  [[nodiscard]] bool until(const std::function<bool()>& done) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!done()) {
      if (std::chrono::steady_clock::now() > end) return false;
      loop_.run_once(50'000'000);
    }
    return true;
  }
  /// Runs what is ready now, a few rounds of it.
  void settle() {
    for (unsigned i = 0; i < 20; ++i) loop_.run_once(0);
  }
  EventLoop& loop() { return loop_; }

  std::vector<std::string> reports;

 private:
  EventLoop loop_;
  Log log_;
  bool locked_ = false;
  bool in_guest_ = false;
};

/// A device that keeps what it gets, as long as it has room.
class TestDevice final : public Receiver {
 public:
  explicit TestDevice(Bench& bench) : bench_(bench) {}
  Features features() const override { return wants; }
  bool can_receive() const override { return frames.size() < room; }
  bool receive(std::span<const u8> frame, const Offload& offload) override {
    EXPECT_TRUE(bench_.locked());
    EXPECT_FALSE(bench_.in_guest()) << "called from inside the guest's call";
    if (frames.size() >= room) return false;
    frames.emplace_back(frame.begin(), frame.end());
    offloads.push_back(offload);
    if (on_frame) on_frame(frames.back());
    return true;
  }
  void link_changed(bool up) override { link = up; }

  Features wants;
  std::size_t room = 1'000'000;
  std::vector<Bytes> frames;
  std::vector<Offload> offloads;
  std::function<void(const Bytes&)> on_frame;
  bool link = true;

 private:
  Bench& bench_;
};

/// A frame of `size` bytes that can be told from others.
inline Bytes test_frame(std::size_t size, u8 mark) {
  Bytes f(size, mark);
  for (std::size_t i = 0; i < 6 && i < size; ++i) f[i] = 0xff;
  if (size > 13) f[12] = 0x88, f[13] = 0xb5;  // for experiments (IEEE 802)
  return f;
}

}  // namespace quince::net
