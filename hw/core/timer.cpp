#include "hw/core/timer.h"

#include <algorithm>

#include "base/assert.h"

namespace quince::hw {

TimerQueue::~TimerQueue() { QUINCE_ASSERT(armed_.empty()); }

u64 TimerQueue::next_deadline() const { return armed_.empty() ? kNever : armed_.back()->deadline_; }

void TimerQueue::insert(Timer& t) {
  const u64 before = next_deadline();
  const auto later = [](const Timer* a, const Timer* b) {
    return a->deadline_ != b->deadline_ ? a->deadline_ > b->deadline_ : a->order_ > b->order_;
  };
  armed_.insert(std::upper_bound(armed_.begin(), armed_.end(), &t, later), &t);
  if (next_deadline() < before && notify_ != nullptr) notify_(notify_context_);
}

void TimerQueue::remove(Timer& t) { std::erase(armed_, &t); }

void TimerQueue::run_due() {
  const u64 now = now_ns();
  const u64 fence = order_;  // what a callback arms now waits for the next call if it is due again
  for (;;) {
    Timer* due = nullptr;
    for (auto it = armed_.rbegin(); it != armed_.rend() && (*it)->deadline_ <= now; ++it)
      if ((*it)->order_ < fence) {
        due = *it;
        break;
      }
    if (due == nullptr) return;
    remove(*due);
    due->deadline_ = kNever;
    due->fn_(due->context_);
  }
}

void TimerQueue::advance_to(u64 ns) {
  QUINCE_ASSERT(&clock_ == &own_);
  while (next_deadline() <= ns) {
    own_.set(std::max(own_.now_ns(), next_deadline()));
    run_due();
  }
  own_.set(std::max(own_.now_ns(), ns));
}

void Timer::arm(u64 deadline_ns) {
  if (armed()) queue_.remove(*this);
  deadline_ = deadline_ns;
  if (deadline_ns == kNever) return;
  order_ = queue_.order_++;
  queue_.insert(*this);
}

void Timer::cancel() {
  if (armed()) queue_.remove(*this);
  deadline_ = kNever;
}

}  // namespace quince::hw
