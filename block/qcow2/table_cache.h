// Tables of one cluster each (L2 tables, refcount blocks) in memory, written back on demand.
#pragma once

#include <memory>
#include <unordered_map>
#include <vector>

#include "block/block.h"

namespace quince::block::qcow2 {

/// Its owner's mutex protects it.
class TableCache {
 public:
  struct Table {
    u64 offset = 0;
    std::vector<u8> bytes;
    bool dirty = false;
    u64 used = 0;  // when last, in uses of the cache
  };
  /// A table stays where it is while somebody has it.
  using Ref = std::shared_ptr<Table>;

  TableCache(Image& file, u64 table_bytes);

  Status get(u64 offset, Ref& out);
  /// A table of zeroes where there was none; dirty.
  Ref create(u64 offset);
  void mark_dirty(Table& table);
  /// Forgets the table without writing it.
  void drop(u64 offset);
  Status write_dirty();
  bool any_dirty() const { return dirty_ != 0; }
  /// Most of it is dirty; a commit would make room.
  bool crowded() const { return dirty_ * 2 > limit_; }

 private:
  void make_room();

  Image& file_;
  const u64 table_bytes_;
  const std::size_t limit_;
  std::size_t dirty_ = 0;
  u64 clock_ = 0;
  std::unordered_map<u64, Ref> tables_;
};

}  // namespace quince::block::qcow2
