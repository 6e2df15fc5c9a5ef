// Things that stay where they are while others come, in memory that is kept when they go.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>
#include <vector>

namespace quince::cpu::jit {

template <class T>
class Pool {
 public:
  /// Made where it stays: what is written on the stack first is read back before it is there.
  T& emplace_back() {
    static_assert(std::is_trivially_destructible_v<T>);
    if (size_ == kChunk * chunks_.size()) chunks_.push_back(std::make_unique<Chunk>());
    return *new (&(*this)[size_++]) T;
  }
  T& operator[](std::size_t n) { return (*chunks_[n / kChunk])[n % kChunk]; }
  T& back() { return (*this)[size_ - 1]; }
  std::size_t size() const { return size_; }
  /// Those behind the first `n` go.
  void shrink(std::size_t n) { size_ = n; }

 private:
  static constexpr std::size_t kChunk = 16;
  using Chunk = std::array<T, kChunk>;
  std::vector<std::unique_ptr<Chunk>> chunks_;
  std::size_t size_ = 0;
};

}  // namespace quince::cpu::jit
