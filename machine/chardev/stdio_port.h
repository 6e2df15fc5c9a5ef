// Standard input and output as a back end.
#pragma once

#include <termios.h>

#include <memory>

#include "machine/chardev/stream_port.h"

namespace quince::machine {

/// Sets a terminal to raw mode while it lives: every key as it is typed, every byte as it is.
class RawTerminal {
 public:
  RawTerminal() = default;
  ~RawTerminal() { restore(); }
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;

  /// Does nothing when `fd`, which stays open as long as this lives, is no terminal.  With
  /// `signals`, Ctrl-C and its like still raise signals.
  void set(int fd, bool signals);
  /// As set(), and the line becomes 115200 8N1 whatever it was (a serial line of the host).
  void set_line(int fd);
  void restore();

 private:
  int fd_ = -1;
  termios saved_{};
};

/// Standard input and output: raw while it lives, restored when it goes.  End of input is the end
/// of input, not of the machine.
class StdioPort final : public StreamPort {
 public:
  /// `signals`: Ctrl-C raises SIGINT instead of reaching the guest.
  StdioPort(const CharHost& host, bool signals);

  std::string description() const override { return "stdio"; }

 private:
  void peer_closed() override {}

  RawTerminal terminal_;
};

}  // namespace quince::machine
