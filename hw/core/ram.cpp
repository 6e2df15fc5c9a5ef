#include "hw/core/ram.h"

#include "base/assert.h"
#include "base/bits.h"

namespace quince::hw {

GuestRam::GuestRam(std::string name, HostMemory memory)
    : name_(std::move(name)), memory_(std::move(memory)) {
  const u64 words = (memory_.size() / kPageSize + 63) / 64;
  dirty_ = std::make_unique<std::atomic<u64>[]>(words);
  code_.reset(static_cast<u8*>(std::calloc(words, 64)));
  QUINCE_ASSERT(code_ != nullptr);
  watched_ = std::make_unique<std::atomic<u64>[]>(words);
  monitored_ = std::make_unique<std::atomic<u64>[]>(words);
}

Result<std::unique_ptr<GuestRam>> GuestRam::create(const std::string& name, u64 size,
                                                   const HostMemoryOptions& options) {
  QUINCE_ASSERT(size != 0 && is_aligned(size, kPageSize));
  HostMemory memory = TRY(HostMemory::create(name, size, options));
  return std::unique_ptr<GuestRam>(new GuestRam(name, std::move(memory)));
}

bool GuestRam::discard(u64 offset, u64 length) {
  QUINCE_ASSERT(offset <= size() && length <= size() - offset);
  const u64 from = align_up(offset, kPageSize), to = align_down(offset + length, kPageSize);
  if (from >= to || !memory_.discard(from, to - from)) return false;
  mark_dirty(from, to - from);
  return true;
}

void GuestRam::mark_dirty(u64 offset, u64 length) {
  if (length == 0) return;
  for (u64 p = offset / kPageSize; p <= (offset + length - 1) / kPageSize; ++p) set_bit(dirty_, p);
}

bool GuestRam::dirty(u64 page) const { return test_bit(dirty_, page); }

bool GuestRam::test_and_clear_dirty(u64 page) {
  const u64 b = u64{1} << (page % 64);
  return (dirty_[page / 64].fetch_and(~b, std::memory_order_relaxed) & b) != 0;
}

bool GuestRam::has_code(u64 offset, u64 length) const {
  if (length == 0) return false;
  for (u64 p = offset / kPageSize; p <= (offset + length - 1) / kPageSize; ++p)
    if (code_count(p).load(std::memory_order_relaxed) != 0) return true;
  return false;
}

void GuestRam::clear_watched(u64 offset) {
  const u64 page = offset / kPageSize, b = u64{1} << (page % 64);
  monitored_[page / 64].fetch_and(~b, std::memory_order_relaxed);
  watched_[page / 64].fetch_and(~b, std::memory_order_relaxed);
}

}  // namespace quince::hw
