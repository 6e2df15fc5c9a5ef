// A character back end whose far end is the test.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

#include "hw/core/char_port.h"

namespace quince::test {

/// Keeps what the device writes, and hands it input as a stream port does: as much as it can take,
/// the rest when it asks.
struct FakeCharPort final : hw::CharPort {
  hw::CharReceiver* receiver = nullptr;
  std::string output;
  std::string input;                   ///< what waits for the device
  std::size_t room = ~std::size_t{0};  ///< of can_write(); falls with each write
  std::size_t lost = 0;                ///< bytes that were written without room for them
  bool on = true;                      ///< whether somebody is at the other end
  unsigned accepts = 0;                ///< how often the device asked for input

  void write(std::span<const u8> data) override {
    output.append(data.begin(), data.end());
    lost += data.size() - std::min(data.size(), room);
    if (room != ~std::size_t{0}) room -= std::min(room, data.size());
  }
  void attach(hw::CharReceiver* r) override { receiver = r; }
  void accept_input() override { ++accepts; }
  std::size_t can_write() const override { return room; }
  bool is_connected() const override { return on; }

  /// Somebody comes or goes.
  void connect(bool now) {
    on = now;
    if (receiver != nullptr) receiver->connected(now);
  }
  /// Somebody types: the device gets what it can take of this and of what waits.
  void type(std::string_view text = {}) {
    input += text;
    while (receiver != nullptr && !input.empty()) {
      const std::size_t n = std::min(receiver->can_receive(), input.size());
      if (n == 0) break;
      receiver->receive({reinterpret_cast<const u8*>(input.data()), n});
      input.erase(0, n);
    }
  }
  /// The far end read something.
  void make_room(std::size_t n) {
    room = n;
    if (receiver != nullptr) receiver->on_writable();
  }
};

}  // namespace quince::test
