// Counts of references, and a refcount structure made from them.
#pragma once

#include <array>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/result.h"
#include "block/block.h"
#include "block/qcow2/header.h"

namespace quince::block::qcow2 {

/// How often each cluster is used.  Takes memory for the neighbourhood of used clusters only.
class Counts {
 public:
  void add(u64 cluster, u32 times);
  void remove(u64 cluster);  ///< one use less
  u64 get(u64 cluster) const;
  /// Every cluster with a count, in order.
  std::vector<std::pair<u64, u32>> sorted() const;

 private:
  static constexpr u64 kGroup = 64;
  std::unordered_map<u64, std::array<u32, kGroup>> groups_;
};

/// Writes blocks and a table with these counts behind the end of the file (`end`, a cluster), and
/// then makes the header lead there.  `header` is brought up to date.
Result<void> rebuild_refcounts(Image& file, Header& header, Counts& counts, u64 end);

/// The lowest number of blocks and table clusters that count `others` clusters in one piece from
/// zero on, and themselves.
struct RefcountSize {
  u64 blocks = 0, table_clusters = 0;
};
RefcountSize refcount_size(const Header& header, u64 others);

}  // namespace quince::block::qcow2
