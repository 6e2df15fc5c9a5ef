#include "hw/core/exclusives.h"

#include <algorithm>
#include <thread>

#include "base/assert.h"

namespace quince::hw {

ExclusiveMonitors::ExclusiveMonitors() : slots_(std::make_unique<Slot[]>(1u << kSlotBits)) {}

ExclusiveMonitors::Slot& ExclusiveMonitors::slot(PhysAddr a) const {
  const u64 hash = (a.raw() / kPage) * 0x9e37'79b9'7f4a'7c15;  // Fibonacci hashing: the upper bits
  return slots_[hash >> (64 - kSlotBits)];
}

void ExclusiveMonitors::Held::take(ExclusiveMonitors& m, PhysAddr a) {
  QUINCE_ASSERT(slot_ == nullptr);
  Slot& s = m.slot(a);
  // Who has it needs it for some nanoseconds, unless the host has taken its thread from the CPU.
  for (unsigned turns = 0; s.locked.exchange(true, std::memory_order_acquire);) {
    while (s.locked.load(std::memory_order_relaxed)) {
      if (++turns % 64 == 0)
        std::this_thread::yield();
      else
        __builtin_ia32_pause();
    }
  }
  slot_ = &s;
  at_ = a;
}

void ExclusiveMonitors::Held::release() {
  if (slot_ == nullptr) return;
  slot_->locked.store(false, std::memory_order_release);
  slot_ = nullptr;
}

void ExclusiveMonitors::Held::wrote(u64 length) {
  const u64 first = at_.raw(), last = first + length - 1;
  QUINCE_ASSERT(length != 0 && first / kPage == last / kPage);
  for (u64 g = granule(first); g <= granule(last); ++g) ++slot_->versions[g];
}

void ExclusiveMonitors::Held::forget() {
  if (++slot_->epoch == 0) slot_->epoch = 1;
  slot_->writes = 0;
  slot_->patience = std::min(2 * slot_->patience, kMostIdleWrites);
}

}  // namespace quince::hw
