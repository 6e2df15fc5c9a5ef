// All that a front end needs of a machine: its heads, its input, its state and its buttons.
#pragma once

#include <deque>
#include <functional>
#include <string>

#include "ui/console.h"
#include "ui/host.h"
#include "ui/input.h"

namespace quince::ui {

/// What a status line shows; counters begin at 0 with the machine.
struct Status {
  bool running = false;
  u64 instructions = 0;  ///< of all CPUs
  u64 host_cpu_ns = 0;   ///< CPU time of the process
  u64 disk_bytes = 0;    ///< read and written by guests
  u64 net_bytes = 0;     ///< sent and received
};

/// What a splash says of the machine; all of it fixed once it is built.
struct MachineFacts {
  std::string name;   ///< -name, or the board's
  std::string board;  ///< "vmapple"
  std::string cpu;    ///< "2 × quince-v1"
  u64 memory_bytes = 0;
  std::string boots;  ///< what is started: a kernel's or a firmware's file name
};

/// The machine's buttons and meters.  All from any thread, without the I/O lock.
class Control {
 public:
  virtual ~Control() = default;
  virtual MachineFacts facts() const = 0;
  virtual Status status() = 0;
  virtual void reset() = 0;
  virtual void power_button() = 0;
  virtual void pause() = 0;
  virtual void resume() = 0;
  /// Ends the machine, as if its window was closed.
  virtual void quit() = 0;
};

/// Owns the heads and the input of one machine.
class Display {
 public:
  explicit Display(Host& host) : host_(host), input_(host) {}

  /// While the machine is built: a head, in the order of plugging; it lives as long as this.
  Console& add_console(std::string name) { return consoles_.emplace_back(std::move(name), host_); }
  std::deque<Console>& consoles() { return consoles_; }
  Input& input() { return input_; }

 private:
  Host& host_;
  std::deque<Console> consoles_;
  Input input_;
};

}  // namespace quince::ui
