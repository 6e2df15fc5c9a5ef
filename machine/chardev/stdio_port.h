// The terminal as a serial back end.
#pragma once

#include <termios.h>

#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "base/event_loop.h"
#include "base/fd.h"
#include "base/result.h"
#include "hw/core/char_port.h"
#include "hw/core/io_lock.h"

namespace quince::machine {

/// Standard input and output: raw while it lives, restored when it goes.  End of input is the end
/// of input, not of the machine.
class StdioPort final : public hw::CharPort {
 public:
  struct Options {
    bool mux = false;      ///< Ctrl-A escapes
    bool signals = true;   ///< Ctrl-C raises SIGINT instead of reaching the guest
  };
  /// What a Ctrl-A escape asks for.
  enum class Escape : u8 { Exit, Reset, PowerDown, Pause };

  StdioPort(EventLoop& loop, hw::IoLock& lock, Options options,
            std::function<void(Escape)> on_escape);
  ~StdioPort() override;

  void write(std::span<const u8> data) override;
  void attach(hw::CharReceiver* receiver) override { receiver_ = receiver; }
  void accept_input() override;

 private:
  void on_input();
  void deliver();
  void key(u8 c);
  void escape(u8 c);
  void put(std::string_view text);

  static constexpr std::size_t kInputBuffer = 4096;

  EventLoop& loop_;
  hw::IoLock& lock_;
  Options options_;
  std::function<void(Escape)> on_escape_;
  hw::CharReceiver* receiver_ = nullptr;
  EventLoop::Watch watch_;
  std::vector<u8> input_;  ///< read from the host, not yet taken by the device
  bool escaped_ = false;
  bool raw_ = false;
  termios saved_{};
};

/// A file that receives output (`-serial file:PATH`); there is no input.
class FilePort final : public hw::CharPort {
 public:
  static Result<std::unique_ptr<hw::CharPort>> open(const std::string& path);
  void write(std::span<const u8> data) override;
  void attach(hw::CharReceiver*) override {}

 private:
  explicit FilePort(Fd fd) : fd_(std::move(fd)) {}
  Fd fd_;
};

}  // namespace quince::machine
