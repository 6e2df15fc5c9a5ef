#include "firmware/load_list.h"

#include <algorithm>
#include <iterator>
#include <limits>

#include "base/assert.h"

namespace quince::firmware {
namespace {

/// True when the whole range is memory.  Each step crosses one section of the address space, so a
/// huge range ends as soon as memory does.
bool is_memory(const hw::DmaPort& memory, PhysAddr a, u64 length) {
  while (length != 0) {
    const std::span<const u8> run = memory.map_read(a, length);
    if (run.empty()) return false;
    a += run.size();
    length -= run.size();
  }
  return true;
}

bool zero(hw::DmaPort& memory, PhysAddr a, u64 length) {
  while (length != 0) {
    const std::span<u8> run = memory.map_write(a, length);
    if (run.empty()) return false;
    std::fill(run.begin(), run.end(), u8{0});
    a += run.size();
    length -= run.size();
  }
  return true;
}

}  // namespace

std::span<const u8> LoadList::keep(std::vector<u8> bytes) {
  storage_.push_back(std::move(bytes));
  return storage_.back();
}

Result<void> LoadList::add(std::string what, PhysAddr address, std::span<const u8> bytes,
                           u64 memory_size) {
  QUINCE_ASSERT(memory_size >= bytes.size());
  if (memory_size > std::numeric_limits<u64>::max() - address.raw())
    return fail("could not load {}: {:#x} bytes at {:#x} run past the last address", what,
                memory_size, address.raw());
  blobs_.push_back({std::move(what), address, bytes, memory_size});
  return {};
}

Result<void> LoadList::add(std::string what, PhysAddr address, std::vector<u8> bytes) {
  const std::span<const u8> kept = keep(std::move(bytes));
  return add(std::move(what), address, kept, kept.size());
}

void LoadList::merge(LoadList other) {
  std::move(other.storage_.begin(), other.storage_.end(), std::back_inserter(storage_));
  std::move(other.blobs_.begin(), other.blobs_.end(), std::back_inserter(blobs_));
}

Result<void> LoadList::check_overlaps() const {
  std::vector<const Blob*> sorted;
  for (const Blob& b : blobs_)
    if (b.memory_size != 0) sorted.push_back(&b);
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const Blob* a, const Blob* b) { return a->address < b->address; });
  // The furthest-reaching blob so far, and the furthest of any other name: one of the two
  // overlaps the next blob if anything of another name does.
  const Blob* furthest = nullptr;
  const Blob* other = nullptr;
  for (const Blob* b : sorted) {
    for (const Blob* before : {furthest, other})
      if (before != nullptr && before->what != b->what && before->range().overlaps(b->range()))
        return fail("{} at {:#x} overlaps {} at {:#x}", b->what, b->address.raw(), before->what,
                    before->address.raw());
    if (furthest == nullptr || b->range().end() > furthest->range().end()) {
      if (furthest != nullptr && furthest->what != b->what) other = furthest;
      furthest = b;
    } else if (b->what != furthest->what &&
               (other == nullptr || b->range().end() > other->range().end())) {
      other = b;
    }
  }
  return {};
}

Result<void> LoadList::write(hw::DmaPort& memory) const {
  for (const Blob& b : blobs_) {
    const u64 rest = b.memory_size - b.bytes.size();
    if (!is_memory(memory, b.address, b.memory_size) || !memory.write(b.address, b.bytes) ||
        !zero(memory, b.address + b.bytes.size(), rest))
      return fail("could not load {}: {:#x} bytes at {:#x} are not all writable memory", b.what,
                  b.memory_size, b.address.raw());
  }
  return {};
}

}  // namespace quince::firmware
