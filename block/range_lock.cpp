#include "block/range_lock.h"

namespace quince::block {

bool RangeLock::blocked(Entries::const_iterator entry) const {
  for (auto e = entries_.begin(); e != entry; ++e)
    if ((e->exclusive || entry->exclusive) && e->begin < entry->end && entry->begin < e->end)
      return true;
  return false;
}

RangeLock::Guard::Guard(RangeLock& lock, u64 begin, u64 end, bool exclusive) : lock_(lock) {
  std::unique_lock hold(lock_.mutex_);
  entry_ = lock_.entries_.insert(lock_.entries_.end(), Entry{begin, end, exclusive});
  lock_.released_.wait(hold, [&] { return !lock_.blocked(entry_); });
}

RangeLock::Guard::~Guard() {
  const std::lock_guard hold(lock_.mutex_);
  lock_.entries_.erase(entry_);
  lock_.released_.notify_all();
}

}  // namespace quince::block
