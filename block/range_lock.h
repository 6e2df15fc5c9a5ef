// Locks on ranges of an image: several may share a range, or one may have it alone.
#pragma once

#include <condition_variable>
#include <list>
#include <mutex>

#include "base/types.h"

namespace quince::block {

/// Who comes first is served first, so that no stream of readers keeps a writer out.  A thread
/// holds one range at a time; that is what makes it free of deadlock.
class RangeLock {
  struct Entry {
    u64 begin, end;
    bool exclusive;
  };
  using Entries = std::list<Entry>;

 public:
  /// Holds a range until it is destroyed.
  class Guard {
   public:
    /// Waits until nothing that came earlier is in the way.  `end` is the first unit after the
    /// range, in whatever unit the owner counts.
    Guard(RangeLock& lock, u64 begin, u64 end, bool exclusive);
    ~Guard();
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;

   private:
    RangeLock& lock_;
    Entries::iterator entry_;
  };

 private:
  bool blocked(Entries::const_iterator entry) const;

  std::mutex mutex_;
  std::condition_variable released_;
  Entries entries_;  // in the order of arrival, waiting ones too
};

}  // namespace quince::block
