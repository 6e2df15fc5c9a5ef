// A network back end that keeps what a device sends, and whose frames a test hands over.
#pragma once

#include <vector>

#include "net/net.h"

namespace quince::test {

struct FakePort final : net::Port {
  struct Sent {
    std::vector<u8> frame;
    net::Offload offload;
    const u8* at = nullptr;  ///< where the frame was
  };

  void send(std::span<const u8> frame, const net::Offload& offload) override {
    sent.push_back({{frame.begin(), frame.end()}, offload, frame.data()});
  }
  void attach(net::Receiver* r) override { receiver = r; }
  void accept_input() override { ++accepted; }

  std::vector<Sent> sent;
  unsigned accepted = 0;  ///< calls of accept_input()
  net::Receiver* receiver = nullptr;
};

}  // namespace quince::test
