// Short forms for tests of disk images.
#pragma once

#include <condition_variable>
#include <mutex>
#include <vector>

#include "block/block.h"
#include "block/iov.h"

namespace quince::test {

using block::Image;
using block::Status;
using Bytes = std::vector<u8>;

inline constexpr Status kOk{};

/// Bytes that differ from place to place and from seed to seed, none of them zero.
inline Bytes pattern(std::size_t n, u64 seed) {
  Bytes b(n);
  u64 x = seed * 0x9e3779b97f4a7c15 + 1;
  for (u8& v : b) {
    x = x * 6364136223846793005 + 1442695040888963407;
    v = static_cast<u8>((x >> 56) | 1);
  }
  return b;
}

inline Status write_at(Image& image, u64 offset, const Bytes& bytes) {
  const iovec p = block::part(std::span<const u8>(bytes));
  return image.write(offset, {&p, 1});
}

/// What is there; empty after an error.
inline Bytes read_at(Image& image, u64 offset, std::size_t n) {
  Bytes b(n, 0xee);
  const iovec p = block::part(std::span<u8>(b));
  if (image.read(offset, {&p, 1}) != Status{}) b.clear();
  return b;
}

/// Completions whose test is the machine thread.
class TestCompletions final : public block::Completions {
 public:
  void on_wake(std::function<void()> run) override {
    const std::lock_guard hold(mutex_);
    run_ = std::move(run);
  }
  void wake() override {
    const std::lock_guard hold(mutex_);
    woken_ = true;
    changed_.notify_all();
  }
  /// Waits for a wake and does what the machine thread would.
  void run_once() {
    std::unique_lock hold(mutex_);
    changed_.wait(hold, [&] { return woken_; });
    woken_ = false;
    const auto run = run_;
    hold.unlock();
    if (run) run();
  }
  bool woken() {
    const std::lock_guard hold(mutex_);
    return woken_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::function<void()> run_;
  bool woken_ = false;
};

}  // namespace quince::test
