#include "block/finished.h"

namespace quince::block {

Finished::Finished(Completions& completions) : completions_(completions) {
  completions_.on_wake([this] { deliver(); });
}

Finished::~Finished() { completions_.on_wake({}); }

void Finished::started() {
  const std::lock_guard hold(mutex_);
  ++outstanding_;
}

void Finished::ended(Request& request, Status status) {
  {
    const std::lock_guard hold(mutex_);
    ended_.push_back({&request, status});
    changed_.notify_all();
    if (ended_.size() > 1) return;  // woken already
  }
  completions_.wake();
}

bool Finished::deliver_one() {
  Outcome o{};
  {
    const std::lock_guard hold(mutex_);
    if (ended_.empty()) return false;
    o = ended_.front();
    ended_.pop_front();
    --outstanding_;
  }
  o.request->done(*o.request, o.status);
  return true;
}

void Finished::deliver() {
  std::size_t n = 0;
  {
    const std::lock_guard hold(mutex_);
    n = ended_.size();
  }
  while (n-- > 0 && deliver_one()) {
  }
  bool more = false;
  {
    const std::lock_guard hold(mutex_);
    more = !ended_.empty();
  }
  if (more) completions_.wake();
}

void Finished::drain() {
  for (;;) {
    {
      std::unique_lock hold(mutex_);
      changed_.wait(hold, [&] { return outstanding_ == 0 || !ended_.empty(); });
      if (outstanding_ == 0) return;
    }
    deliver_one();
  }
}

}  // namespace quince::block
