#include "machine/clock.h"

#include <time.h>

#include <algorithm>

namespace quince::machine {

u64 MachineClock::host_ns() {
  timespec t{};
  ::clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<u64>(t.tv_sec) * hw::kSecond + static_cast<u64>(t.tv_nsec);
}

u64 MachineClock::now_ns() const {
  if (config_.deterministic) {
    const u64 ran = vcpu_ != nullptr ? counter_(vcpu_) - counted_from_ : 0;
    return base_ns_.load(std::memory_order_relaxed) + (ran << config_.shift);
  }
  const u64 start = start_ns_.load(std::memory_order_acquire);
  const u64 base = base_ns_.load(std::memory_order_relaxed);
  return start == 0 ? base : base + (host_ns() - start);
}

void MachineClock::start() {
  if (!config_.deterministic) start_ns_.store(host_ns(), std::memory_order_release);
}

void MachineClock::stop() {
  const u64 now = now_ns();
  base_ns_.store(now, std::memory_order_relaxed);
  start_ns_.store(0, std::memory_order_release);
}

void MachineClock::set(u64 ns) { base_ns_.store(ns, std::memory_order_relaxed); }

void MachineClock::run(const void* vcpu, Counter counter) {
  if (!config_.deterministic) return;
  base_ns_.store(now_ns(), std::memory_order_relaxed);
  vcpu_ = vcpu;
  counter_ = counter;
  counted_from_ = vcpu != nullptr ? counter(vcpu) : 0;
}

void MachineClock::skip_to(u64 ns) {
  base_ns_.store(std::max(now_ns(), ns), std::memory_order_relaxed);
  if (vcpu_ != nullptr) counted_from_ = counter_(vcpu_);
}

u64 MachineClock::instructions_until(u64 ns) const {
  const u64 now = now_ns();
  return ns <= now ? 1 : ((ns - now) >> config_.shift) + 1;
}

}  // namespace quince::machine
