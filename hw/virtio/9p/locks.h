// Record locks of a session (Tlock, Tgetlock): POSIX locks by owner, on byte ranges.
//
// An owner is a process of a client, named by proc_id and client_id.  Locks are held among the
// mounts and processes of this guest; programs of the host do not see them, and theirs are not seen
// here (QEMU takes none at all and always says yes).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "hw/virtio/9p/wire.h"

namespace quince::p9 {

class LockTable {
 public:
  static constexpr std::size_t kMaxLocks = 4096;
  static constexpr std::size_t kMaxClientId = 256;  ///< bytes

  struct Lock {
    u64 file = 0;  ///< Qid.path
    u8 type = P9_LOCK_TYPE_UNLCK;
    u64 start = 0, end = 0;  ///< the last byte is part of it
    u32 proc_id = 0;
    std::string client_id = {};

    bool same_owner(const Lock& o) const {
      return proc_id == o.proc_id && client_id == o.client_id;
    }
  };

  /// The last byte of a range, whose length 0 means "to the end"; nothing when it would wrap.
  static std::optional<u64> last_byte(u64 start, u64 length);
  /// A lock of another owner that `wanted` may not be beside, or null.
  const Lock* conflict(const Lock& wanted) const;
  /// Takes, changes or (P9_LOCK_TYPE_UNLCK) gives up a range, of which the owner's own locks are
  /// replaced.  Says a P9_LOCK_ status.
  u8 set(const Lock& wanted);
  void clear() { locks_.clear(); }
  std::size_t size() const { return locks_.size(); }

  void save(Writer& out) const;
  /// False when the bytes make no sense.
  bool load(Reader& in);

 private:
  std::vector<Lock> locks_;
};

}  // namespace quince::p9
