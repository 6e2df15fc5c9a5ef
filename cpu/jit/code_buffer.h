// Memory for translated code.
#pragma once

#include <cstddef>
#include <memory>

#include "base/result.h"
#include "base/types.h"

namespace quince::cpu::jit {

/// A piece of memory that is filled from its start and emptied as a whole.
///
/// Where the host gives memory that can be written and run (and it may have huge pages then), that is it.  Where it
/// does not (SELinux's execmem, PR_SET_MDWE), the same pages are mapped twice: one view is written, one is run.
/// Everything here is an address of the view that is written, unless it says something else.
class CodeBuffer {
 public:
  enum class Views : u8 {
    Auto,  ///< one, or two where the host refuses
    Two,
  };
  /// Fails where the host gives neither.
  static Result<std::unique_ptr<CodeBuffer>> create(std::size_t bytes, Views views = Views::Auto);
  ~CodeBuffer();
  CodeBuffer(const CodeBuffer&) = delete;
  CodeBuffer& operator=(const CodeBuffer&) = delete;

  u8* next() const { return at_ + used_; }
  std::size_t room() const { return bytes_ - used_; }
  void take(std::size_t bytes) { used_ += (bytes + 15) & ~std::size_t{15}; }
  /// What was taken since `kept` bytes were.
  void reset(std::size_t kept) { used_ = kept; }
  std::size_t used() const { return used_; }

  /// Where the host runs what is written at `p`, and back.
  const u8* run_view(const u8* p) const { return p + to_run_view_; }
  const u8* write_view(const u8* p) const { return p - to_run_view_; }
  bool has_two_views() const { return to_run_view_ != 0; }

 private:
  CodeBuffer(u8* at, const u8* run_at, std::size_t bytes)
      : at_(at), bytes_(bytes), to_run_view_(run_at - at) {}
  u8* at_;
  std::size_t bytes_, used_ = 0;
  std::ptrdiff_t to_run_view_;
};

}  // namespace quince::cpu::jit
