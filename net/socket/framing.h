// Frames in a stream, as QEMU's socket and stream back ends send them: each after its length, a
// big-endian word of 32 bits.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "base/types.h"
#include "net/net.h"

namespace quince::net {

/// Finds the frames in what was read.  Memory is fixed.
class FrameParser {
 public:
  FrameParser() : buffer_(kCapacity) {}

  /// Where to read to; never empty while the stream is sound and next() gave nothing.
  std::span<u8> space();
  /// The first `n` bytes of space() were filled.
  void filled(std::size_t n) { end_ += n; }

  /// The oldest complete frame, which stays until pop().
  std::optional<std::span<const u8>> next();
  void pop();

  /// A length came that nobody can mean: there is no telling where the next frame begins.
  bool broken() const { return broken_; }
  void clear() {
    begin_ = end_ = 0;
    broken_ = false;
  }

 private:
  static constexpr std::size_t kPrefix = 4;
  static constexpr std::size_t kCapacity = 2 * (kMaxFrame + kPrefix);

  std::vector<u8> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  bool broken_ = false;
};

/// What is still to be written, bounded; whole frames are dropped.
class FrameWriter {
 public:
  static constexpr std::size_t kCapacity = 1 * MiB;

  /// Adds a frame after its length.  False: no room, and nothing was added.
  bool push(std::span<const u8> frame);
  std::span<const u8> pending() const { return std::span(buffer_).subspan(done_); }
  /// The first `n` bytes of pending() were written.
  void written(std::size_t n);
  bool empty() const { return done_ == buffer_.size(); }
  void clear() {
    buffer_.clear();
    done_ = 0;
  }

 private:
  std::vector<u8> buffer_;
  std::size_t done_ = 0;
};

}  // namespace quince::net
