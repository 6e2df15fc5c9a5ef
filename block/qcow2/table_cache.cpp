#include "block/qcow2/table_cache.h"

#include <algorithm>

#include "block/iov.h"

namespace quince::block::qcow2 {

namespace {
constexpr u64 kCacheBytes = 32 * MiB;
constexpr u64 kMinTables = 16, kMaxTables = 1024;
}  // namespace

TableCache::TableCache(Image& file, u64 table_bytes)
    : file_(file),
      table_bytes_(table_bytes),
      limit_(std::clamp(kCacheBytes / table_bytes, kMinTables, kMaxTables)) {}

void TableCache::make_room() {
  if (tables_.size() < limit_) return;
  auto victim = tables_.end();
  for (auto t = tables_.begin(); t != tables_.end(); ++t) {
    const bool free = !t->second->dirty && t->second.use_count() == 1;
    if (free && (victim == tables_.end() || t->second->used < victim->second->used)) victim = t;
  }
  // With everything dirty it grows until the owner commits, which it does when crowded().
  if (victim != tables_.end()) tables_.erase(victim);
}

Status TableCache::get(u64 offset, Ref& out) {
  if (const auto found = tables_.find(offset); found != tables_.end()) {
    out = found->second;
    out->used = ++clock_;
    return {};
  }
  make_room();
  auto table = std::make_shared<Table>();
  table->offset = offset;
  table->bytes.resize(table_bytes_);
  table->used = ++clock_;
  const iovec all = part(std::span<u8>(table->bytes));
  if (const Status s = file_.read(offset, {&all, 1}); s != Status{}) return s;
  tables_.emplace(offset, table);
  out = std::move(table);
  return {};
}

TableCache::Ref TableCache::create(u64 offset) {
  drop(offset);
  make_room();
  auto table = std::make_shared<Table>();
  table->offset = offset;
  table->bytes.resize(table_bytes_);
  table->used = ++clock_;
  tables_.emplace(offset, table);
  mark_dirty(*table);
  return table;
}

void TableCache::mark_dirty(Table& table) {
  if (!table.dirty) ++dirty_;
  table.dirty = true;
}

void TableCache::drop(u64 offset) {
  const auto found = tables_.find(offset);
  if (found == tables_.end()) return;
  if (found->second->dirty) --dirty_;
  tables_.erase(found);
}

Status TableCache::write_dirty() {
  if (dirty_ == 0) return {};
  for (const auto& [offset, table] : tables_) {
    if (!table->dirty) continue;
    const iovec all = part(std::span<const u8>(table->bytes));
    if (const Status s = file_.write(offset, {&all, 1}); s != Status{}) return s;
    table->dirty = false;
    --dirty_;
  }
  return {};
}

}  // namespace quince::block::qcow2
