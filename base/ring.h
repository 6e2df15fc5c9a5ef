// A bounded first-in first-out queue of plain values, held in place.
#pragma once

#include <array>

#include "base/assert.h"
#include "base/types.h"

namespace quince {

/// At most N values of T; plain data, so that it can be part of a device's State.
template <class T, std::size_t N>
class Ring {
 public:
  bool empty() const { return count_ == 0; }
  bool full() const { return count_ == N; }
  std::size_t size() const { return count_; }
  static constexpr std::size_t capacity() { return N; }

  void clear() { head_ = count_ = 0; }
  /// Appends a value; the queue must not be full.
  void push(T v) {
    QUINCE_ASSERT(!full());
    data_[(head_ + count_) % N] = v;
    ++count_;
  }
  /// Removes and returns the oldest value; the queue must not be empty.
  T pop() {
    QUINCE_ASSERT(!empty());
    const T v = data_[head_];
    head_ = static_cast<u32>((head_ + 1) % N);
    --count_;
    return v;
  }
  /// The i-th oldest value.
  const T& at(std::size_t i) const { return data_[(head_ + i) % N]; }

 private:
  std::array<T, N> data_{};
  u32 head_ = 0;
  u32 count_ = 0;
};

}  // namespace quince
