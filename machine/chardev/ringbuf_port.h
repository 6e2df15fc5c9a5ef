// A back end in memory, and the one of test programs.
#pragma once

#include <string>
#include <vector>

#include "machine/chardev/backend.h"
#include "machine/chardev/byte_queue.h"
#include "machine/chardev/loop_task.h"

namespace quince::machine {

/// Keeps the newest output in memory (`ringbuf`), for control code to read; control code can also
/// type.  Everything with the I/O lock held.
class RingBufPort final : public CharBackend {
 public:
  static constexpr std::size_t kInputBound = 64 * KiB;

  /// `size`: bytes of output that are kept.
  RingBufPort(const CharHost& host, std::size_t size);

  void write(std::span<const u8> data) override;
  void attach(hw::CharReceiver* receiver) override { receiver_ = receiver; }
  void accept_input() override;
  std::string description() const override { return "ringbuf"; }
  /// Output that was overwritten before anybody read it.
  u64 dropped() const override { return dropped_; }

  /// Takes out at most `n` of the oldest bytes of the guest's output.
  std::vector<u8> take(std::size_t n);
  /// Types to the guest.  Returns how much was accepted.
  std::size_t put(std::span<const u8> data);

 private:
  void deliver();

  hw::CharReceiver* receiver_ = nullptr;
  ByteQueue output_;
  ByteQueue input_{kInputBound};
  u64 dropped_ = 0;
  LoopTask deliver_;
};

/// The end of a test program (`testdev`; kvm-unit-tests' chr-testdev): a stream of commands, each
/// an optional decimal number and a letter.  "3q" ends the run with status (3 << 1) | 1.  Letters
/// other than q mean nothing.
class TestdevPort final : public CharBackend {
 public:
  explicit TestdevPort(const CharHost& host) : on_exit_(host.on_exit) {}

  void write(std::span<const u8> data) override;
  void attach(hw::CharReceiver*) override {}
  std::string description() const override { return "testdev"; }

 private:
  std::function<void(int)> on_exit_;
  u32 number_ = 0;
  bool negative_ = false;
};

/// `null`.
class NullPort final : public CharBackend {
 public:
  void write(std::span<const u8>) override {}
  void attach(hw::CharReceiver*) override {}
  std::string description() const override { return "null"; }
};

}  // namespace quince::machine
