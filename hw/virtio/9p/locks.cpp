#include "hw/virtio/9p/locks.h"

#include <algorithm>

namespace quince::p9 {

namespace {
bool overlap(const LockTable::Lock& a, const LockTable::Lock& b) {
  return a.file == b.file && a.start <= b.end && b.start <= a.end;
}
}  // namespace

std::optional<u64> LockTable::last_byte(u64 start, u64 length) {
  if (length == 0) return ~u64{0};
  if (length - 1 > ~u64{0} - start) return std::nullopt;
  return start + length - 1;
}

const LockTable::Lock* LockTable::conflict(const Lock& wanted) const {
  const auto it = std::ranges::find_if(locks_, [&](const Lock& l) {
    return overlap(l, wanted) && !l.same_owner(wanted) &&
           (l.type == P9_LOCK_TYPE_WRLCK || wanted.type == P9_LOCK_TYPE_WRLCK);
  });
  return it == locks_.end() ? nullptr : &*it;
}

u8 LockTable::set(const Lock& wanted) {
  const bool unlock = wanted.type == P9_LOCK_TYPE_UNLCK;
  if (!unlock && conflict(wanted) != nullptr) return P9_LOCK_BLOCKED;
  std::vector<Lock> kept;
  kept.reserve(locks_.size() + 2);
  for (const Lock& l : locks_) {
    if (!overlap(l, wanted) || !l.same_owner(wanted)) {
      kept.push_back(l);
      continue;
    }
    if (l.start < wanted.start) {
      kept.push_back(l);
      kept.back().end = wanted.start - 1;
    }
    if (l.end > wanted.end) {
      kept.push_back(l);
      kept.back().start = wanted.end + 1;
    }
  }
  if (!unlock) kept.push_back(wanted);
  if (kept.size() > kMaxLocks) return P9_LOCK_ERROR;
  locks_ = std::move(kept);
  return P9_LOCK_SUCCESS;
}

void LockTable::save(Writer& out) const {
  out.put32(static_cast<u32>(locks_.size()));
  for (const Lock& l : locks_) {
    out.put64(l.file);
    out.put8(l.type);
    out.put64(l.start);
    out.put64(l.end);
    out.put32(l.proc_id);
    out.text(l.client_id);
  }
}

bool LockTable::load(Reader& in) {
  clear();
  const u32 n = in.get32();
  if (n > kMaxLocks) return false;
  for (u32 i = 0; i < n; ++i) {
    Lock l;
    l.file = in.get64();
    l.type = in.get8();
    l.start = in.get64();
    l.end = in.get64();
    l.proc_id = in.get32();
    l.client_id = in.text();
    if (!in.ok() || l.type >= P9_LOCK_TYPE_UNLCK || l.start > l.end ||
        l.client_id.size() > kMaxClientId)
      return false;
    locks_.push_back(std::move(l));
  }
  return true;
}

}  // namespace quince::p9
