#include "block/qcow2/rebuild.h"

#include <algorithm>
#include <set>

#include "block/iov.h"
#include "block/qcow2/refcounts.h"

namespace quince::block::qcow2 {

void Counts::add(u64 cluster, u32 times) {
  u32& n = groups_[cluster / kGroup][cluster % kGroup];
  n = n > ~u32{0} - times ? ~u32{0} : n + times;
}

void Counts::remove(u64 cluster) {
  const auto g = groups_.find(cluster / kGroup);
  if (g != groups_.end() && g->second[cluster % kGroup] != 0) --g->second[cluster % kGroup];
}

u64 Counts::get(u64 cluster) const {
  const auto g = groups_.find(cluster / kGroup);
  return g == groups_.end() ? 0 : g->second[cluster % kGroup];
}

std::vector<std::pair<u64, u32>> Counts::sorted() const {
  std::vector<std::pair<u64, u32>> out;
  for (const auto& [group, counts] : groups_)
    for (u64 n = 0; n < kGroup; ++n)
      if (counts[n] != 0) out.emplace_back(group * kGroup + n, counts[n]);
  std::sort(out.begin(), out.end());
  return out;
}

RefcountSize refcount_size(const Header& h, u64 others) {
  RefcountSize size;
  for (;;) {
    const u64 clusters = others + size.blocks + size.table_clusters;
    RefcountSize next;
    next.blocks = (clusters + h.counts_per_block() - 1) / h.counts_per_block();
    next.table_clusters = (next.blocks * 8 + h.cluster_size() - 1) / h.cluster_size();
    if (next.blocks == size.blocks && next.table_clusters == size.table_clusters) return size;
    size = next;
  }
}

Result<void> rebuild_refcounts(Image& file, Header& h, Counts& counts, u64 end) {
  const u64 per_block = h.counts_per_block();
  const auto bad = [&](Status s) {
    return fail("could not write '{}': {}", file.name(), std::make_error_code(s).message());
  };
  // Which blocks there must be; the new structure itself adds to them until it does not.
  std::set<u64> blocks;
  for (const auto& [cluster, used] : counts.sorted()) {
    blocks.insert(cluster / per_block);
    if (used > h.max_count())
      return fail("{}: cluster {} has more references than a refcount can hold", file.name(),
                  cluster);
  }
  u64 table_clusters = 0;
  for (std::size_t before = 0; before != blocks.size() + table_clusters;) {
    before = blocks.size() + table_clusters;
    for (u64 c = end; c < end + before; ++c) blocks.insert(c / per_block);
    table_clusters = ((*blocks.rbegin() + 1) * 8 + h.cluster_size() - 1) / h.cluster_size();
  }
  if (table_clusters * h.cluster_size() > kMaxRefcountTableBytes)
    return fail("{}: the file is too large for its cluster size", file.name());
  for (u64 n = 0; n < blocks.size() + table_clusters; ++n) counts.add(end + n, 1);

  std::vector<u8> table(table_clusters * h.cluster_size());
  u64 place = end + table_clusters;
  for (const u64 index : blocks) {
    std::vector<u8> block(h.cluster_size());
    for (u64 n = 0; n < per_block; ++n)
      if (const u64 used = counts.get(index * per_block + n); used != 0)
        store_count(block, n, h.refcount_order, used);
    const iovec all = part(std::span<const u8>(block));
    if (const Status s = file.write(place << h.cluster_bits, {&all, 1}); s != Status{})
      return bad(s);
    store_be<u64>(&table[index * 8], place << h.cluster_bits);
    ++place;
  }
  const iovec all = part(std::span<const u8>(table));
  if (const Status s = file.write(end << h.cluster_bits, {&all, 1}); s != Status{}) return bad(s);
  if (const Status s = file.flush(); s != Status{}) return bad(s);
  h.refcount_table_offset = end << h.cluster_bits;
  h.refcount_table_clusters = static_cast<u32>(table_clusters);
  std::array<u8, 12> fields{};
  store_be<u64>(&fields[0], h.refcount_table_offset);
  store_be<u32>(&fields[8], h.refcount_table_clusters);
  const iovec field = part(std::span<const u8>(fields));
  if (const Status s = file.write(kRefcountTableAt, {&field, 1}); s != Status{}) return bad(s);
  if (const Status s = file.flush(); s != Status{}) return bad(s);
  return {};
}

}  // namespace quince::block::qcow2
