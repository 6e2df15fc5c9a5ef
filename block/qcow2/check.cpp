#include "block/qcow2/check.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <unordered_map>

#include "base/bits.h"
#include "block/iov.h"
#include "block/qcow2/entry.h"
#include "block/qcow2/header.h"
#include "block/qcow2/rebuild.h"
#include "block/qcow2/refcounts.h"

namespace quince::block::qcow2 {

namespace {

constexpr std::size_t kMaxMessages = 100;
// All snapshots' L1 tables together; more would be a file made to keep us busy.
constexpr u64 kMaxSnapshotL1Bytes = 256 * MiB;

class Checker {
 public:
  Checker(Image& file, Repair repair) : file_(file), repair_(repair) {}
  Result<CheckReport> run();

 private:
  struct L2Use {
    u32 times = 0;
    bool active = false;
  };

  Result<std::vector<u8>> read(u64 offset, u64 bytes);
  Result<void> write(u64 offset, std::span<const u8> bytes);
  template <class... A>
  void corrupt(fmt::format_string<A...> format, A&&... args) {
    ++report_.corruptions;
    say(fmt::format("ERROR {}", fmt::format(format, std::forward<A>(args)...)));
  }
  void say(std::string text) {
    if (report_.messages.size() < kMaxMessages) report_.messages.push_back(std::move(text));
  }
  bool inside(u64 offset, u64 bytes) const { return offset < end_ && bytes <= end_ - offset; }
  void count(u64 offset, u64 bytes, u32 times);

  void walk_l1(const std::vector<u8>& raw, bool active);
  Result<void> walk_snapshots();
  Result<void> walk_l2_tables();
  void walk_l2(const std::vector<u8>& raw, const L2Use& use);
  Result<void> walk_refcount_table();
  Result<void> compare();
  Result<void> compare_block(u64 index, u64 offset);
  Result<void> check_copied();
  Result<void> check_copied_in(u64 table_offset, std::vector<u8> raw, bool is_l1);
  void check_overlaps();
  Result<void> repair_counts();
  Result<void> finish();
  Result<void> fix_leaks();

  u64 cluster_size() const { return header_.cluster_size(); }
  u64 cluster_of(u64 offset) const { return offset >> header_.cluster_bits; }

  Image& file_;
  const Repair repair_;
  Header header_;
  u64 end_ = 0;  // of the file, in whole clusters
  CheckReport report_;
  Counts counts_;
  std::vector<u8> l1_;
  std::map<u64, L2Use> l2_tables_;
  std::vector<u64> refcount_table_;
  u64 next_data_ = 0;          // where the next cluster would be without fragmentation
  bool must_rebuild_ = false;  // counts are too low, or their blocks are no good
  u64 low_counts_ = 0, copied_errors_ = 0, bad_structure_ = 0;  // parts of the corruptions
};

Result<std::vector<u8>> Checker::read(u64 offset, u64 bytes) {
  std::vector<u8> out(bytes);
  const iovec all = part(std::span<u8>(out));
  if (const Status s = file_.read(offset, {&all, 1}); s != Status{})
    return fail("could not read '{}': {}", file_.name(), std::make_error_code(s).message());
  return out;
}

Result<void> Checker::write(u64 offset, std::span<const u8> bytes) {
  const iovec all = part(bytes);
  if (const Status s = file_.write(offset, {&all, 1}); s != Status{})
    return fail("could not write '{}': {}", file_.name(), std::make_error_code(s).message());
  return {};
}

void Checker::count(u64 offset, u64 bytes, u32 times) {
  for (u64 c = cluster_of(offset); c <= cluster_of(offset + bytes - 1); ++c) counts_.add(c, times);
}

void Checker::walk_l1(const std::vector<u8>& raw, bool active) {
  for (std::size_t n = 0; n < raw.size() / 8; ++n) {
    const u64 offset = load_be<u64>(&raw[n * 8]) & kOffsetMask;
    if (offset == 0) continue;
    if (!is_aligned(offset, cluster_size()) || !inside(offset, cluster_size())) {
      corrupt("L2 table offset {:#x} of L1 entry {} is not valid", offset, n);
      continue;
    }
    L2Use& use = l2_tables_[offset];
    if (active && use.active) corrupt("L2 table at {:#x} is used twice", offset);
    ++use.times;
    use.active = use.active || active;
    count(offset, cluster_size(), 1);
  }
}

Result<void> Checker::walk_snapshots() {
  // QEMU, docs/interop/qcow2.rst, "Snapshots".
  u64 at = header_.snapshots_offset, l1_bytes = 0;
  for (u32 n = 0; n < header_.snapshots; ++n) {
    const auto entry = TRY(read(at, 40));
    const u64 l1_offset = load_be<u64>(&entry[0]);
    const u64 bytes = load_be<u32>(&entry[8]) * u64{8};
    at += align_up(
        u64{40} + load_be<u32>(&entry[36]) + load_be<u16>(&entry[12]) + load_be<u16>(&entry[14]),
        8);
    if (!inside(header_.snapshots_offset, at - header_.snapshots_offset)) {
      corrupt("the snapshot table reaches over the end of the file");
      return {};
    }
    if (bytes == 0) continue;
    if (!is_aligned(l1_offset, cluster_size()) || !inside(l1_offset, bytes)) {
      corrupt("the L1 table of snapshot {} is not valid", n);
      continue;
    }
    l1_bytes += bytes;
    if (bytes > kMaxL1Bytes || l1_bytes > kMaxSnapshotL1Bytes)
      return fail("{}: the L1 tables of the snapshots are too large", file_.name());
    count(l1_offset, bytes, 1);
    walk_l1(TRY(read(l1_offset, bytes)), false);
  }
  if (at != header_.snapshots_offset)
    count(header_.snapshots_offset, at - header_.snapshots_offset, 1);
  return {};
}

void Checker::walk_l2(const std::vector<u8>& raw, const L2Use& use) {
  for (std::size_t n = 0; n < raw.size() / 8; ++n) {
    const u64 entry = load_be<u64>(&raw[n * 8]);
    if ((entry & kCompressed) != 0) {
      const CompressedEntry c(entry, header_.cluster_bits);
      if (c.offset == 0 || !inside(c.offset, 1)) {
        corrupt("compressed cluster at {:#x} is not in the file", c.offset);
        continue;
      }
      if ((entry & kCopied) != 0)
        corrupt("compressed cluster at {:#x} is marked as copied", c.offset);
      count(c.offset, std::min(c.bytes, end_ - c.offset), use.times);
      if (use.active)
        ++report_.allocated_clusters, ++report_.compressed_clusters, ++report_.fragmented_clusters;
      continue;
    }
    const u64 offset = entry & kOffsetMask;
    if ((entry & kZero) != 0 && header_.version < 3) {
      corrupt("zero cluster in a version 2 file");
      continue;
    }
    if (offset == 0) continue;
    if (!is_aligned(offset, cluster_size()) || !inside(offset, cluster_size())) {
      corrupt("data cluster offset {:#x} is not valid", offset);
      continue;
    }
    count(offset, cluster_size(), use.times);
    if (!use.active || (entry & kZero) != 0) continue;
    ++report_.allocated_clusters;
    if (next_data_ != 0 && offset != next_data_) ++report_.fragmented_clusters;
    next_data_ = offset + cluster_size();
  }
}

Result<void> Checker::walk_l2_tables() {
  // In the order of the disk for the active ones, so that fragmentation means something.
  std::vector<u64> order;
  for (std::size_t n = 0; n < l1_.size() / 8; ++n)
    order.push_back(load_be<u64>(&l1_[n * 8]) & kOffsetMask);
  for (const auto& [offset, use] : l2_tables_)
    if (!use.active) order.push_back(offset);
  std::set<u64> done;
  for (const u64 offset : order) {
    const auto use = l2_tables_.find(offset);
    if (use == l2_tables_.end() || !done.insert(offset).second) continue;
    const auto hole = file_.extent(offset, cluster_size());
    if (hole.zero && hole.length == cluster_size()) continue;
    walk_l2(TRY(read(offset, cluster_size())), use->second);
  }
  return {};
}

Result<void> Checker::walk_refcount_table() {
  const u64 bytes = header_.refcount_table_clusters * cluster_size();
  if (!inside(header_.refcount_table_offset, bytes)) {
    corrupt("the refcount table reaches over the end of the file");
    must_rebuild_ = true;
    return {};
  }
  count(header_.refcount_table_offset, bytes, 1);
  const auto raw = TRY(read(header_.refcount_table_offset, bytes));
  refcount_table_.resize(bytes / 8);
  std::set<u64> seen;
  for (std::size_t n = 0; n < refcount_table_.size(); ++n) {
    const u64 offset = load_be<u64>(&raw[n * 8]) & ~low_mask(9);
    if (offset == 0) continue;
    if (!is_aligned(offset, cluster_size()) || !inside(offset, cluster_size()) ||
        !seen.insert(offset).second) {
      corrupt("refcount block {} at {:#x} is not valid", n, offset);
      must_rebuild_ = true;
      continue;
    }
    refcount_table_[n] = offset;
    count(offset, cluster_size(), 1);
  }
  return {};
}

Result<void> Checker::compare_block(u64 index, u64 offset) {
  const u64 per_block = header_.counts_per_block();
  std::vector<u8> block;
  const auto hole = file_.extent(offset, cluster_size());
  const bool empty = hole.zero && hole.length == cluster_size();
  if (!empty) block = TRY(read(offset, cluster_size()));
  if (empty || all_zero(block)) return {};  // what is used there shows up in compare()
  for (u64 n = 0; n < per_block; ++n) {
    const u64 stored = load_count(block, n, header_.refcount_order);
    if (stored == 0) continue;
    const u64 cluster = index * per_block + n;
    const u64 used = counts_.get(cluster);
    if (stored > used) {
      ++report_.leaks;
      say(fmt::format("Leaked cluster {} refcount={} reference={}", cluster, stored, used));
    }
  }
  return {};
}

Result<void> Checker::compare() {
  for (std::size_t n = 0; n < refcount_table_.size(); ++n)
    if (refcount_table_[n] != 0) TRY_VOID(compare_block(n, refcount_table_[n]));
  // And from the other side: counted here, and too low or not at all there.
  u64 index = ~u64{0};
  std::vector<u8> block;
  for (const auto& [cluster, used] : counts_.sorted()) {
    report_.image_end = (cluster + 1) << header_.cluster_bits;
    const u64 want = cluster / header_.counts_per_block();
    if (want != index) {
      index = want;
      block.clear();
      if (index < refcount_table_.size() && refcount_table_[index] != 0)
        block = TRY(read(refcount_table_[index], cluster_size()));
    }
    const u64 stored = block.empty() ? 0
                                     : load_count(block, cluster % header_.counts_per_block(),
                                                  header_.refcount_order);
    if (stored >= used) continue;
    ++low_counts_;
    must_rebuild_ = true;
    corrupt("cluster {} refcount={} reference={}", cluster, stored, used);
  }
  return {};
}

/// Metadata has its clusters for itself.  Where it has not, only a new refcount structure is of help, and
/// only if it was the old one.
void Checker::check_overlaps() {
  const auto shared = [&](u64 offset, u64 bytes, u64 times) {
    for (u64 c = cluster_of(offset); bytes != 0 && c <= cluster_of(offset + bytes - 1); ++c)
      if (counts_.get(c) > times) return true;
    return false;
  };
  const auto others = "is used for something else too";
  if (shared(0, 1, 1)) corrupt("the header's cluster {}", others);
  if (!l1_.empty() && shared(header_.l1_offset, l1_.size(), 1)) corrupt("the L1 table {}", others);
  for (const auto& [offset, use] : l2_tables_)
    if (shared(offset, cluster_size(), use.times))
      corrupt("the L2 table at {:#x} {}", offset, others);
  const u64 before = report_.corruptions;
  if (!refcount_table_.empty() &&
      shared(header_.refcount_table_offset, refcount_table_.size() * 8, 1))
    corrupt("the refcount table {}", others);
  for (const u64 offset : refcount_table_)
    if (offset != 0 && shared(offset, cluster_size(), 1))
      corrupt("the refcount block at {:#x} {}", offset, others);
  bad_structure_ += report_.corruptions - before;
  must_rebuild_ = must_rebuild_ || report_.corruptions != before;
}

/// The "copied" flag must say whether the count is one.
Result<void> Checker::check_copied_in(u64 table_offset, std::vector<u8> raw, bool is_l1) {
  bool changed = false;
  for (std::size_t n = 0; n < raw.size() / 8; ++n) {
    const u64 entry = load_be<u64>(&raw[n * 8]);
    const u64 offset = entry & kOffsetMask;
    if (offset == 0 || (!is_l1 && (entry & kCompressed) != 0)) continue;
    if (!is_aligned(offset, cluster_size()) || !inside(offset, cluster_size())) continue;
    const bool one = counts_.get(cluster_of(offset)) == 1;
    if (((entry & kCopied) != 0) == one) continue;
    ++copied_errors_;
    corrupt("OFLAG_COPIED of the cluster at {:#x} does not fit its refcount", offset);
    store_be<u64>(&raw[n * 8], entry ^ kCopied);
    changed = true;
  }
  if (changed && repair_ == Repair::All) return write(table_offset, raw);
  return {};
}

Result<void> Checker::check_copied() {
  if (!l1_.empty()) TRY_VOID(check_copied_in(header_.l1_offset, l1_, true));
  for (const auto& [offset, use] : l2_tables_) {
    if (!use.active) continue;
    const auto hole = file_.extent(offset, cluster_size());
    if (hole.zero && hole.length == cluster_size()) continue;
    auto raw = TRY(read(offset, cluster_size()));
    TRY_VOID(check_copied_in(offset, std::move(raw), false));
  }
  return {};
}

Result<void> Checker::fix_leaks() {
  for (std::size_t index = 0; index < refcount_table_.size(); ++index) {
    const u64 offset = refcount_table_[index];
    const auto hole =
        offset == 0 ? Image::Extent{true, cluster_size()} : file_.extent(offset, cluster_size());
    if (hole.zero && hole.length == cluster_size()) continue;
    auto block = TRY(read(offset, cluster_size()));
    bool changed = false;
    for (u64 n = 0; n < header_.counts_per_block(); ++n) {
      const u64 stored = load_count(block, n, header_.refcount_order);
      const u64 used = counts_.get(index * header_.counts_per_block() + n);
      if (stored <= used) continue;
      store_count(block, n, header_.refcount_order, used);
      changed = true;
    }
    if (changed) TRY_VOID(write(offset, block));
  }
  report_.leaks_fixed = std::exchange(report_.leaks, 0);
  return {};
}

Result<void> Checker::repair_counts() {
  if (repair_ == Repair::None) return {};
  if (repair_ == Repair::All && must_rebuild_) {
    // The old table and its blocks belong to nobody then.
    if (!refcount_table_.empty())
      for (u64 n = 0; n < header_.refcount_table_clusters; ++n)
        counts_.remove(cluster_of(header_.refcount_table_offset) + n);
    for (const u64 offset : refcount_table_)
      if (offset != 0) counts_.remove(cluster_of(offset));
    TRY_VOID(rebuild_refcounts(file_, header_, counts_, cluster_of(end_)));
    report_.corruptions_fixed += low_counts_ + bad_structure_;
    report_.corruptions -= low_counts_ + bad_structure_;
    report_.leaks_fixed = std::exchange(report_.leaks, 0);
    return {};
  }
  return report_.leaks != 0 && !must_rebuild_ ? fix_leaks() : Result<void>{};
}

/// After all repairs: what the header says of the file.
Result<void> Checker::finish() {
  if (repair_ != Repair::All) return {};
  report_.corruptions_fixed += copied_errors_;
  report_.corruptions -= copied_errors_;
  if (report_.corruptions != 0 || header_.version < 3) return {};
  const u64 bits_now = header_.incompatible & ~(kDirty | kCorrupt);
  if (const Status s = file_.flush(); s != Status{})
    return fail("could not write '{}': {}", file_.name(), std::make_error_code(s).message());
  if (bits_now == header_.incompatible) return {};
  std::array<u8, 8> field{};
  store_be<u64>(field.data(), bits_now);
  return write(kIncompatibleAt, field);
}

Result<CheckReport> Checker::run() {
  header_ = TRY(read_header(file_));
  if ((header_.autoclear & 1) != 0)
    return fail("{}: checking an image with persistent bitmaps is not supported", file_.name());
  end_ = align_up(file_.size(), cluster_size());
  report_.total_clusters = (header_.size + cluster_size() - 1) >> header_.cluster_bits;
  count(0, cluster_size(), 1);
  const u64 l1_bytes = header_.l1_size * u64{8};
  if (l1_bytes != 0 && !inside(header_.l1_offset, l1_bytes)) {
    corrupt("the L1 table reaches over the end of the file");
  } else if (l1_bytes != 0) {
    count(header_.l1_offset, l1_bytes, 1);
    l1_ = TRY(read(header_.l1_offset, l1_bytes));
    walk_l1(l1_, true);
  }
  TRY_VOID(walk_snapshots());
  TRY_VOID(walk_l2_tables());
  const u64 before = report_.corruptions;
  TRY_VOID(walk_refcount_table());
  bad_structure_ = report_.corruptions - before;
  check_overlaps();
  TRY_VOID(compare());
  TRY_VOID(repair_counts());
  TRY_VOID(check_copied());  // against what the counts are by now
  TRY_VOID(finish());
  return report_;
}

}  // namespace

Result<CheckReport> check(Image& file, Repair repair) { return Checker(file, repair).run(); }

}  // namespace quince::block::qcow2
