// The reference counts of a qcow2 file's clusters, and the allocator on top of them (QEMU,
// docs/interop/qcow2.rst, "Host cluster management").
//
// Counts change in memory; write() brings them to the file in an order that a crash cannot hurt:
// blocks before the table entries that lead to them.
#pragma once

#include <set>
#include <vector>

#include "block/block.h"
#include "block/qcow2/header.h"
#include "block/qcow2/table_cache.h"

namespace quince::block::qcow2 {

u64 load_count(const std::vector<u8>& block, u64 index, u32 order);
void store_count(std::vector<u8>& block, u64 index, u32 order, u64 value);

/// The tables contradict themselves or each other, which is not what the host's disk does (EIO).
/// It does not leave this folder.
inline constexpr Status kInconsistent = Status::bad_message;

/// What knows of clusters that must not be given away, whatever their counts say.
class Reserved {
 public:
  virtual ~Reserved() = default;
  virtual bool is_reserved(u64 cluster, u64 clusters) const = 0;
};

/// Its owner's mutex protects it.  Clusters are numbers, not offsets.
class Refcounts {
 public:
  /// `header` stays with the owner and is kept up to date.
  Refcounts(Image& file, Header& header, const Reserved& reserved);
  /// Reads the table.  kInconsistent when two entries lead to one block.
  Status load();

  Status get(u64 cluster, u64& count);
  /// Adds one to, or takes one from, each count.  kInconsistent when that would leave its range.
  Status add(u64 cluster, u64 clusters);
  Status release(u64 cluster, u64 clusters);
  /// Takes 1..`most` free clusters in a row; their counts are one.
  Status allocate(u64 most, u64& first, u64& got);
  /// Takes exactly `clusters` in a row.
  Status allocate_exactly(u64 clusters, u64& first);

  bool any_dirty() const { return blocks_.any_dirty() || !dirty_entries_.empty(); }
  bool crowded() const { return blocks_.crowded(); }
  /// Writes what changed.  Flushes the file only where its own order needs it.
  Status write();

  /// Whether one of the clusters holds the table or a block.
  bool is_metadata(u64 cluster, u64 clusters) const;

 private:
  Status block_of(u64 cluster, TableCache::Ref& block);
  Status set(u64 cluster, u64 count);
  Status make_block(u64 cluster);
  Status grow_table(u64 cluster);
  u64 index_of(u64 cluster) const { return cluster / header_.counts_per_block(); }

  Image& file_;
  Header& header_;
  const Reserved& reserved_;
  TableCache blocks_;
  std::vector<u64> table_;           // offsets of blocks, 0: none
  std::set<u64> dirty_entries_;      // of the table
  std::vector<u64> block_clusters_;  // sorted: where blocks are
  u64 hint_ = 1;                     // no free cluster before this one
};

}  // namespace quince::block::qcow2
