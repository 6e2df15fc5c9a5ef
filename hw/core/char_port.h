// Byte streams between a serial device and its back end (a terminal, a file, a socket).
#pragma once

#include <span>

#include "base/types.h"

namespace quince::hw {

/// The device's side: what the back end calls, with the I/O lock held.
class CharReceiver {
 public:
  /// How many bytes the device can take now.
  virtual std::size_t can_receive() const = 0;
  /// Delivers at most can_receive() bytes.
  virtual void receive(std::span<const u8> data) = 0;
  /// A break condition arrived.
  virtual void receive_break() {}

 protected:
  ~CharReceiver() = default;
};

/// The back end's side: what the device calls, with the I/O lock held.  Never blocks.
class CharPort {
 public:
  virtual ~CharPort() = default;
  /// Takes the bytes; what the host cannot take in time is buffered up to a bound, then dropped.
  virtual void write(std::span<const u8> data) = 0;
  /// Connects the device; there is at most one.
  virtual void attach(CharReceiver* receiver) = 0;
  /// The device can take input again: resume delivery.
  virtual void accept_input() {}
};

/// Discards output and never delivers input (`-serial null`).
class NullCharPort final : public CharPort {
 public:
  void write(std::span<const u8>) override {}
  void attach(CharReceiver*) override {}
};

}  // namespace quince::hw
