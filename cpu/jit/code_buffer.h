// Memory for translated code.
#pragma once

#include <cstddef>
#include <memory>

#include "base/result.h"
#include "base/types.h"

namespace quince::cpu::jit {

/// A piece of memory that is filled from its start and emptied as a whole.
class CodeBuffer {
 public:
  /// Fails where the host does not give memory that can be written and executed.
  static Result<std::unique_ptr<CodeBuffer>> create(std::size_t bytes);
  ~CodeBuffer();
  CodeBuffer(const CodeBuffer&) = delete;
  CodeBuffer& operator=(const CodeBuffer&) = delete;

  u8* next() const { return at_ + used_; }
  std::size_t room() const { return bytes_ - used_; }
  void take(std::size_t bytes) { used_ += (bytes + 15) & ~std::size_t{15}; }
  /// What was taken since `kept` bytes were.
  void reset(std::size_t kept) { used_ = kept; }
  std::size_t used() const { return used_; }

 private:
  CodeBuffer(u8* at, std::size_t bytes) : at_(at), bytes_(bytes) {}
  u8* at_;
  std::size_t bytes_, used_ = 0;
};

}  // namespace quince::cpu::jit
