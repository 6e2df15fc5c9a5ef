#include "hw/virtio/gpu/backing.h"

#include <algorithm>
#include <cstring>

#include "base/assert.h"
#include "hw/core/archive.h"

namespace quince::hw {

void GpuBacking::add(u64 addr, u32 length) {
  if (length == 0) return;
  const u64 start = size();
  entries_.push_back({addr, length});
  starts_.push_back(start);
}

bool GpuBacking::attach(DmaPort& dma, std::span<const VirtioGpuMemEntry> pieces) {
  GpuBacking next;
  next.entries_.reserve(pieces.size());
  for (const VirtioGpuMemEntry& e : pieces) next.add(e.addr, e.length);
  if (!next.map(dma)) return false;
  *this = std::move(next);
  return true;
}

bool GpuBacking::map(DmaPort& dma) {
  if (mapped_ && generation_ == dma.generation()) return true;
  mapped_ = false;
  generation_ = dma.generation();
  host_.clear();
  host_.reserve(entries_.size());
  for (const Entry& e : entries_) {
    const DmaPort::Run run = dma.run(PhysAddr(e.addr), e.length, false);
    if (!run || run.length != e.length) return false;
    host_.push_back(run.data());
  }
  mapped_ = true;
  return true;
}

void GpuBacking::read(u64 offset, std::span<u8> to) const {
  if (to.empty()) return;
  QUINCE_ASSERT(mapped_ && offset <= size() && to.size() <= size() - offset);
  const auto after = std::upper_bound(starts_.begin(), starts_.end(), offset);
  std::size_t i = static_cast<std::size_t>(after - starts_.begin()) - 1;
  for (u64 within = offset - starts_[i]; !to.empty(); ++i, within = 0) {
    const std::size_t n = std::min<u64>(to.size(), entries_[i].length - within);
    std::memcpy(to.data(), host_[i] + within, n);
    to = to.subspan(n);
  }
}

void GpuBacking::snapshot(Archive& ar) {
  static_assert(sizeof(Entry) == 16);
  std::vector<u8> bytes(entries_.size() * sizeof(Entry));
  if (!bytes.empty()) std::memcpy(bytes.data(), entries_.data(), bytes.size());
  ar.blob("backing", bytes, kMaxEntries * sizeof(Entry));
  if (!ar.loading()) return;
  detach();
  if (bytes.size() % sizeof(Entry) != 0) return ar.refuse("backing", "part of an entry");
  for (std::size_t at = 0; at < bytes.size(); at += sizeof(Entry))
    add(load_le<u64>(&bytes[at]), load_le<u32>(&bytes[at + 8]));
}

}  // namespace quince::hw
