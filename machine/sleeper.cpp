#include "machine/sleeper.h"

#include <sched.h>

#include <algorithm>
#include <thread>

namespace quince::machine {

namespace {

u64 now_ns() {
  return static_cast<u64>(std::chrono::steady_clock::now().time_since_epoch() /
                          std::chrono::nanoseconds(1));
}

}  // namespace

unsigned host_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  return static_cast<unsigned>(CPU_COUNT(&set));
}

GivingWay::How GivingWay::next(u64 now, bool enough_cpus) {
  if (now - last_ > kAnother) turns_ = 0;
  last_ = now;
  if (++turns_ <= kShortTurns && enough_cpus) return How::Pause;
  return turns_ % kYields != 0 ? How::Yield : How::Sleep;
}

void GivingWay::operator()(bool enough_cpus) {
  constexpr unsigned kPauses = 16;
  constexpr std::chrono::microseconds kSleep{20};
  switch (next(now_ns(), enough_cpus)) {
    case How::Pause:
      for (unsigned n = 0; n < kPauses; ++n) __builtin_ia32_pause();
      return;
    case How::Yield:
      std::this_thread::yield();
      break;
    case How::Sleep:
      std::this_thread::sleep_for(kSleep);
      break;
  }
  last_ = now_ns();  // however long that was
}

void Sleeper::wake() {
  // In one order with what wait() does: either it sees that it is woken, or it is seen to sleep.
  woken_.store(true, std::memory_order_seq_cst);
  if (!asleep_.load(std::memory_order_seq_cst)) return;
  { const std::lock_guard lock(mutex_); }
  changed_.notify_one();
}

/// True: woken.
bool Sleeper::look(u64 begin, u64 window, bool (*may_look)(const void*), const void* context) {
  constexpr unsigned kPauses = 16;
  u64 last = begin;
  while (last - begin < window && may_look(context)) {
    for (unsigned n = 0; n < kPauses; ++n) {
      if (woken_.load(std::memory_order_acquire)) return true;
      __builtin_ia32_pause();
    }
    const u64 now = now_ns();
    if (now - last > LookPolicy::kTakenAway) {
      policy_.taken_away(now);
      break;
    }
    last = now;
  }
  return woken_.load(std::memory_order_acquire);
}

void Sleeper::wait(std::chrono::nanoseconds most, bool (*may_look)(const void*),
                   const void* context) {
  const u64 begin = now_ns();
  u64 window = policy_.window(begin);
  if (most.count() >= 0) window = std::min(window, static_cast<u64>(most.count()));
  if (!look(begin, window, may_look, context)) {
    std::unique_lock lock(mutex_);
    asleep_.store(true, std::memory_order_seq_cst);
    const auto woken = [&] { return woken_.load(std::memory_order_seq_cst); };
    if (most.count() < 0)
      changed_.wait(lock, woken);
    else
      changed_.wait_for(lock, most, woken);
    asleep_.store(false, std::memory_order_relaxed);
    policy_.slept(now_ns() - begin);
  }
  woken_.exchange(false, std::memory_order_seq_cst);  // and what was done before the calls is seen
}

}  // namespace quince::machine
