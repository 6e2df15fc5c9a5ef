// Several devices on one terminal (`mux=on`, `mon:`).
#pragma once

#include <array>
#include <memory>
#include <string_view>

#include "machine/chardev/backend.h"
#include "machine/chardev/byte_queue.h"
#include "machine/chardev/loop_task.h"

namespace quince::machine {

/// Shares a back end.  Everybody's output is shown; what is typed goes to one front end, and the
/// escape key followed by a letter is a command: x exit, r reset, p power button, s stop or
/// continue, b break, c the next front end, h help, the escape key itself one such key.
class MuxPort final : private hw::CharReceiver {
 public:
  static constexpr unsigned kFrontEnds = 4;
  /// Typed ahead for a front end that does not read; then the back end has to wait.
  static constexpr std::size_t kInputBound = 64 * KiB;

  MuxPort(const CharHost& host, std::unique_ptr<CharBackend> port);
  ~MuxPort();
  MuxPort(const MuxPort&) = delete;
  MuxPort& operator=(const MuxPort&) = delete;

  CharBackend& backend() { return *port_; }
  /// One more front end, which lives as long as this; null when there are kFrontEnds.  The first
  /// one has the keyboard.
  hw::CharPort* add();
  /// Gives a front end back.  Its device is detached.
  void remove(hw::CharPort* front_end);

 private:
  struct FrontEnd final : hw::CharPort {
    void write(std::span<const u8> data) override { mux->port_->write(data); }
    void attach(hw::CharReceiver* r) override;
    void accept_input() override;
    std::size_t can_write() const override { return mux->port_->can_write(); }
    bool is_connected() const override { return mux->port_->is_connected(); }

    MuxPort* mux = nullptr;
    bool used = false;
    hw::CharReceiver* receiver = nullptr;
    ByteQueue input{kInputBound};
  };

  std::size_t can_receive() const override { return front_ends_[focus_].input.room(); }
  void receive(std::span<const u8> data) override;
  void receive_break() override;
  void connected(bool on) override;
  void on_writable() override;

  void key(u8 c);
  void escape(u8 c);
  void focus_next();
  void help();
  void deliver();

  CharHost host_;
  std::unique_ptr<CharBackend> port_;
  std::array<FrontEnd, kFrontEnds> front_ends_;
  unsigned focus_ = 0;
  bool escaped_ = false;
  LoopTask deliver_;
};

}  // namespace quince::machine
