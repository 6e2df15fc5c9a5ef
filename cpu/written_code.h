// Pages with instructions that one CPU has written to and not compared yet (VcpuPorts::track_code).  Its thread only.
#pragma once

#include <algorithm>
#include <array>
#include <utility>

#include "base/addr.h"

namespace quince::cpu {

class WrittenCode {
 public:
  /// A write to `page`; `told`: the other CPUs know, or will before they can see it.
  void note(PhysAddr page, bool told) {
    untold_ |= !told;
    ++writes_;
    if (count_ > kMost || (count_ != 0 && pages_[count_ - 1] == page)) return;
    if (count_ < kMost) pages_[count_] = page;
    ++count_;
  }
  /// Now and then: that it is time to ask whether anybody still knows instructions of the page that was written to.
  bool asks() const { return writes_ % kWritesToAsk == 0; }

  /// Forgets them, and calls `page` with each and whether the others are to be told; when there were too many `any`,
  /// with the latter.
  template <class Page, class Any>
  void take(Page page, Any any) {
    const unsigned count = std::exchange(count_, 0);
    const bool tell = std::exchange(untold_, false);
    if (count > kMost) return any(tell);
    std::for_each_n(pages_.begin(), count, [&](PhysAddr p) { page(p, tell); });
  }

 private:
  static constexpr unsigned kMost = 16, kWritesToAsk = 64;

  std::array<PhysAddr, kMost> pages_{};
  unsigned count_ = 0;   ///< of pages_; kMost + 1: there were more
  unsigned writes_ = 0;  ///< all that there were, modulo 2^32
  bool untold_ = false;
};

}  // namespace quince::cpu
