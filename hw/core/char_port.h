// Byte streams between a serial device and its back end (a terminal, a file, a socket).
#pragma once

#include <cstddef>
#include <span>

#include "base/types.h"

namespace quince::hw {

/// The device's side: what the back end calls, on the loop's thread with the I/O lock held.  A back
/// end never calls from inside a call of the device, so the two do not nest.
class CharReceiver {
 public:
  /// How many bytes the device can take now.
  virtual std::size_t can_receive() const = 0;
  /// Delivers at most can_receive() bytes.
  virtual void receive(std::span<const u8> data) = 0;
  /// A break condition arrived.
  virtual void receive_break() {}
  /// Somebody came to the other end (a client connected, a terminal was opened) or went.  Called
  /// on changes only: what holds when the device is attached is CharPort::is_connected().
  virtual void connected(bool /*on*/) {}
  /// CharPort::can_write() was low, and there is room again.
  virtual void on_writable() {}
  /// The keyboard of a multiplexed terminal now leads here (true) or elsewhere.  A monitor prompts.
  virtual void focused(bool /*on*/) {}

 protected:
  ~CharReceiver() = default;
};

/// The back end's side: what the device calls, with the I/O lock held.  Never blocks for long.
class CharPort {
 public:
  virtual ~CharPort() = default;
  /// Takes the bytes; what the host cannot take in time is buffered up to a bound, then dropped.
  virtual void write(std::span<const u8> data) = 0;
  /// Connects the device, or with null disconnects it; there is at most one.
  virtual void attach(CharReceiver* receiver) = 0;
  /// The device can take input again: resume delivery.
  virtual void accept_input() {}
  /// How many bytes write() takes now without dropping one.  A device that holds its data back
  /// while this is too little hears on_writable() when it pays to look again.
  virtual std::size_t can_write() const { return ~std::size_t{0}; }
  /// Whether somebody is at the other end.  What is written meanwhile goes nowhere.
  virtual bool is_connected() const { return true; }
};

/// Discards output and never delivers input (`-serial null`).
class NullCharPort final : public CharPort {
 public:
  void write(std::span<const u8>) override {}
  void attach(CharReceiver*) override {}
};

}  // namespace quince::hw
