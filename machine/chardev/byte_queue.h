// Bytes on their way: first in, first out, up to a bound.
#pragma once

#include <algorithm>
#include <span>
#include <vector>

#include "base/types.h"

namespace quince::machine {

/// At most `bound` bytes.  Takes memory for what is in it, and gives it back when it is empty.
class ByteQueue {
 public:
  explicit ByteQueue(std::size_t bound) : bound_(bound) {}

  std::size_t size() const { return bytes_.size() - first_; }
  bool empty() const { return size() == 0; }
  /// How many bytes still fit.
  std::size_t room() const { return bound_ - size(); }
  std::size_t bound() const { return bound_; }

  /// Appends what fits, and returns how much that was.
  std::size_t push(std::span<const u8> data) {
    const std::size_t n = std::min(data.size(), room());
    // What was taken out is moved over only when it is the larger part: constant work per byte.
    if (first_ > size()) {
      bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(first_));
      first_ = 0;
    }
    bytes_.insert(bytes_.end(), data.begin(), data.begin() + static_cast<std::ptrdiff_t>(n));
    return n;
  }

  /// The oldest bytes, all of them; valid until the queue changes.
  std::span<const u8> front() const { return std::span(bytes_).subspan(first_); }

  /// Takes the oldest `n` bytes out.
  void pop(std::size_t n) {
    first_ += std::min(n, size());
    if (first_ == bytes_.size()) clear();
  }
  void clear() {
    bytes_ = {};
    first_ = 0;
  }

 private:
  std::size_t bound_;
  std::vector<u8> bytes_;
  std::size_t first_ = 0;
};

}  // namespace quince::machine
