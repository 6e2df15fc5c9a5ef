// Frames on their way to a device that had no room for them.
#pragma once

#include <deque>
#include <span>
#include <vector>

#include "net/net.h"

namespace quince::net {

/// A bounded queue; what does not fit is dropped and counted, as on a network.
class FrameQueue {
 public:
  static constexpr std::size_t kMaxFrames = 1024;
  static constexpr std::size_t kMaxBytes = 4 * MiB;

  void push(std::span<const u8> frame, const Offload& offload) {
    if (frames_.size() >= kMaxFrames || bytes_ + frame.size() > kMaxBytes) {
      ++dropped_;
      return;
    }
    bytes_ += frame.size();
    frames_.push_back({std::vector<u8>(frame.begin(), frame.end()), offload});
  }

  /// Hands over as many as the receiver takes; without one there is nobody to wait for.
  void deliver(Receiver* receiver) {
    if (receiver == nullptr) return clear();
    while (!frames_.empty() && receiver->can_receive() &&
           receiver->receive(frames_.front().bytes, frames_.front().offload)) {
      bytes_ -= frames_.front().bytes.size();
      frames_.pop_front();
    }
  }

  void clear() {
    frames_.clear();
    bytes_ = 0;
  }
  bool empty() const { return frames_.empty(); }
  std::size_t size() const { return frames_.size(); }
  u64 dropped() const { return dropped_; }

 private:
  struct Frame {
    std::vector<u8> bytes;
    Offload offload;
  };
  std::deque<Frame> frames_;
  std::size_t bytes_ = 0;
  u64 dropped_ = 0;
};

}  // namespace quince::net
