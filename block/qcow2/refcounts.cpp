#include "block/qcow2/refcounts.h"

#include <algorithm>
#include <array>

#include "base/bits.h"
#include "block/iov.h"

namespace quince::block::qcow2 {

namespace {
constexpr u64 kBlockOffsetMask = ~low_mask(9);
constexpr u64 kMaxCluster = u64{1} << 47;  // offsets have 56 bits, clusters at least 9
}  // namespace

u64 load_count(const std::vector<u8>& b, u64 index, u32 order) {
  switch (order) {
    case 3:
      return b[index];
    case 4:
      return load_be<u16>(&b[index * 2]);
    case 5:
      return load_be<u32>(&b[index * 4]);
    case 6:
      return load_be<u64>(&b[index * 8]);
    default: {  // less than a byte: the first is in the lowest bits
      const unsigned width = 1u << order;
      const u64 at = index * width;
      return bits(b[at / 8], static_cast<unsigned>(at % 8 + width - 1),
                  static_cast<unsigned>(at % 8));
    }
  }
}

void store_count(std::vector<u8>& b, u64 index, u32 order, u64 value) {
  switch (order) {
    case 3:
      b[index] = static_cast<u8>(value);
      break;
    case 4:
      store_be<u16>(&b[index * 2], static_cast<u16>(value));
      break;
    case 5:
      store_be<u32>(&b[index * 4], static_cast<u32>(value));
      break;
    case 6:
      store_be<u64>(&b[index * 8], value);
      break;
    default: {
      const unsigned width = 1u << order;
      const u64 at = index * width;
      const unsigned lo = static_cast<unsigned>(at % 8);
      b[at / 8] = static_cast<u8>(with_bits(b[at / 8], lo + width - 1, lo, value));
    }
  }
}

Refcounts::Refcounts(Image& file, Header& header, const Reserved& reserved)
    : file_(file), header_(header), reserved_(reserved), blocks_(file, header.cluster_size()) {}

Status Refcounts::load() {
  std::vector<u8> raw(header_.refcount_table_clusters * header_.cluster_size());
  const iovec all = part(std::span<u8>(raw));
  if (const Status s = file_.read(header_.refcount_table_offset, {&all, 1}); s != Status{})
    return s;
  table_.resize(raw.size() / 8);
  for (std::size_t n = 0; n < table_.size(); ++n) {
    table_[n] = load_be<u64>(&raw[n * 8]) & kBlockOffsetMask;
    if (table_[n] != 0) block_clusters_.push_back(table_[n] >> header_.cluster_bits);
  }
  std::sort(block_clusters_.begin(), block_clusters_.end());
  // One block for many ranges would also make the search for a free cluster endless.
  const bool twice =
      std::adjacent_find(block_clusters_.begin(), block_clusters_.end()) != block_clusters_.end();
  return twice ? kInconsistent : Status{};
}

Status Refcounts::block_of(u64 cluster, TableCache::Ref& block) {
  const u64 index = index_of(cluster);
  block = nullptr;
  if (index >= table_.size() || table_[index] == 0) return {};
  if (!is_aligned(table_[index], header_.cluster_size()) || table_[index] >> 56 != 0)
    return kInconsistent;
  return blocks_.get(table_[index], block);
}

Status Refcounts::get(u64 cluster, u64& count) {
  TableCache::Ref block;
  if (const Status s = block_of(cluster, block); s != Status{}) return s;
  count = block == nullptr ? 0
                           : load_count(block->bytes, cluster % header_.counts_per_block(),
                                        header_.refcount_order);
  return {};
}

Status Refcounts::set(u64 cluster, u64 count) {
  TableCache::Ref block;
  if (const Status s = block_of(cluster, block); s != Status{}) return s;
  if (block == nullptr) return kInconsistent;
  store_count(block->bytes, cluster % header_.counts_per_block(), header_.refcount_order, count);
  blocks_.mark_dirty(*block);
  return {};
}

Status Refcounts::add(u64 cluster, u64 clusters) {
  for (u64 n = 0; n < clusters; ++n) {
    u64 count = 0;
    if (const Status s = get(cluster + n, count); s != Status{}) return s;
    if (count >= header_.max_count()) return kInconsistent;
    if (const Status s = set(cluster + n, count + 1); s != Status{}) return s;
  }
  return {};
}

Status Refcounts::release(u64 cluster, u64 clusters) {
  for (u64 n = 0; n < clusters; ++n) {
    u64 count = 0;
    if (const Status s = get(cluster + n, count); s != Status{}) return s;
    if (count == 0) return kInconsistent;
    if (const Status s = set(cluster + n, count - 1); s != Status{}) return s;
    if (count == 1) hint_ = std::min(hint_, cluster + n);
  }
  return {};
}

bool Refcounts::is_metadata(u64 cluster, u64 clusters) const {
  const u64 table = header_.refcount_table_offset >> header_.cluster_bits;
  if (cluster < table + header_.refcount_table_clusters && table < cluster + clusters) return true;
  const auto at = std::lower_bound(block_clusters_.begin(), block_clusters_.end(), cluster);
  return at != block_clusters_.end() && *at < cluster + clusters;
}

/// A block for the counts around a cluster that has none: at this very cluster, so that the block
/// counts itself.
Status Refcounts::make_block(u64 cluster) {
  const u64 index = index_of(cluster);
  if (index >= table_.size()) return grow_table(cluster);
  if (reserved_.is_reserved(cluster, 1)) return kInconsistent;
  const auto block = blocks_.create(cluster << header_.cluster_bits);
  store_count(block->bytes, cluster % header_.counts_per_block(), header_.refcount_order, 1);
  table_[index] = block->offset;
  dirty_entries_.insert(index);
  block_clusters_.insert(std::upper_bound(block_clusters_.begin(), block_clusters_.end(), cluster),
                         cluster);
  return {};
}

/// A larger table, and blocks that count it, from `cluster` on, where the old table ends.
Status Refcounts::grow_table(u64 cluster) {
  const u64 size = header_.cluster_size(), per_block = header_.counts_per_block();
  const u64 entries = std::max(table_.size() * 2, index_of(cluster) + 8);
  const u64 table_clusters = (entries * 8 + size - 1) / size;
  if (table_clusters * size > kMaxRefcountTableBytes) return Status::file_too_large;
  // How many blocks count the table and themselves; one per_block holds at least 64 clusters.
  const u64 first_index = index_of(cluster);
  u64 new_blocks = 1;
  while (index_of(cluster + table_clusters + new_blocks - 1) - first_index + 1 > new_blocks)
    ++new_blocks;
  if (first_index + new_blocks > table_clusters * size / 8) return Status::file_too_large;
  if (reserved_.is_reserved(cluster, table_clusters + new_blocks)) return kInconsistent;

  // What the old table leads to, and the new one will, is there before it.
  if (const Status s = write(); s != Status{}) return s;
  std::vector<u64> table = table_;
  table.resize(table_clusters * size / 8);
  const u64 end = cluster + table_clusters + new_blocks;
  for (u64 n = 0; n < new_blocks; ++n) {
    std::vector<u8> bytes(size);
    const u64 from = std::max(cluster, (first_index + n) * per_block);
    const u64 to = std::min(end, (first_index + n + 1) * per_block);
    for (u64 c = from; c < to; ++c) store_count(bytes, c % per_block, header_.refcount_order, 1);
    const u64 at = cluster + table_clusters + n;
    table[first_index + n] = at << header_.cluster_bits;
    const iovec all = part(std::span<const u8>(bytes));
    if (const Status s = file_.write(at << header_.cluster_bits, {&all, 1}); s != Status{})
      return s;
    blocks_.drop(at << header_.cluster_bits);
  }
  std::vector<u8> raw(table.size() * 8);
  for (std::size_t n = 0; n < table.size(); ++n) store_be<u64>(&raw[n * 8], table[n]);
  const iovec all = part(std::span<const u8>(raw));
  if (const Status s = file_.write(cluster << header_.cluster_bits, {&all, 1}); s != Status{})
    return s;
  if (const Status s = file_.flush(); s != Status{}) return s;
  std::array<u8, 12> place{};
  store_be<u64>(&place[0], cluster << header_.cluster_bits);
  store_be<u32>(&place[8], static_cast<u32>(table_clusters));
  const iovec field = part(std::span<const u8>(place));
  if (const Status s = file_.write(kRefcountTableAt, {&field, 1}); s != Status{}) return s;
  if (const Status s = file_.flush(); s != Status{}) return s;

  const u64 old = header_.refcount_table_offset >> header_.cluster_bits;
  const u64 old_clusters = header_.refcount_table_clusters;
  header_.refcount_table_offset = cluster << header_.cluster_bits;
  header_.refcount_table_clusters = static_cast<u32>(table_clusters);
  table_ = std::move(table);
  for (u64 n = 0; n < new_blocks; ++n) block_clusters_.push_back(cluster + table_clusters + n);
  std::sort(block_clusters_.begin(), block_clusters_.end());
  return release(old, old_clusters);
}

Status Refcounts::allocate(u64 most, u64& first, u64& got) {
  got = 0;
  for (u64 c = hint_; got < most; ++c) {
    if (c >= kMaxCluster) return Status::file_too_large;
    TableCache::Ref block;
    if (const Status s = block_of(c, block); s != Status{}) return s;
    if (block == nullptr) {
      if (got != 0) break;  // the block will take the cluster that would be next
      if (const Status s = make_block(c); s != Status{}) return s;
      continue;
    }
    const u64 count =
        load_count(block->bytes, c % header_.counts_per_block(), header_.refcount_order);
    if (count == 0) {
      if (got++ == 0) first = c;
    } else if (got != 0) {
      break;
    } else {
      hint_ = c + 1;
    }
  }
  if (reserved_.is_reserved(first, got)) return kInconsistent;
  hint_ = first + got;
  return add(first, got);
}

Status Refcounts::allocate_exactly(u64 clusters, u64& first) {
  // Runs that are too short stay taken until a long enough one is found.
  std::vector<std::pair<u64, u64>> rejected;
  Status result{};
  for (;;) {
    u64 got = 0;
    result = allocate(clusters, first, got);
    if (result != Status{} || got == clusters) break;
    // The next run may begin where this one ends.
    if (!rejected.empty() && rejected.back().first + rejected.back().second == first) {
      rejected.back().second += got;
      if (rejected.back().second >= clusters) {
        first = rejected.back().first;
        const u64 rest = rejected.back().second - clusters;
        rejected.pop_back();
        if (rest != 0) rejected.emplace_back(first + clusters, rest);
        break;
      }
    } else {
      rejected.emplace_back(first, got);
    }
  }
  for (const auto& [c, n] : rejected)
    if (const Status s = release(c, n); s != Status{}) return s;
  return result;
}

Status Refcounts::write() {
  if (const Status s = blocks_.write_dirty(); s != Status{}) return s;
  if (dirty_entries_.empty()) return {};
  if (const Status s = file_.flush(); s != Status{}) return s;
  while (!dirty_entries_.empty()) {
    const u64 index = *dirty_entries_.begin();
    std::array<u8, 8> raw{};
    store_be<u64>(raw.data(), table_[index]);
    const iovec entry = part(std::span<const u8>(raw));
    if (const Status s = file_.write(header_.refcount_table_offset + index * 8, {&entry, 1});
        s != Status{})
      return s;
    dirty_entries_.erase(dirty_entries_.begin());
  }
  return {};
}

}  // namespace quince::block::qcow2
