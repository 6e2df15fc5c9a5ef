// Locks that keep two programs from using one image file, compatible with QEMU's.
//
// QEMU gives each permission on an image a number and locks single bytes of the file with shared
// OFD locks (fcntl(2), F_OFD_SETLK): byte 100+n says "I use permission n", byte 200+n says "nobody
// else may use it".  A user takes its bytes and then asks whether anybody holds the opposite ones
// (QEMU, block/file-posix.c, raw_apply_lock_bytes and raw_check_lock_bytes; the numbers are
// BLK_PERM_*).
#pragma once

#include <string>

#include "base/result.h"
#include "base/types.h"

namespace quince::block {

/// `locking=`: auto does without where the file system has no such locks.
enum class Locking : u8 { Auto, On, Off };

/// What a user does with a file, and what it lets others do.
struct LockRequest {
  bool write = false;     ///< it writes; else it reads
  bool resize = false;    ///< it changes the size (formats other than raw)
  bool share_rw = false;  ///< others may write at the same time (`share-rw=on`)
};

/// Takes the locks on an open file; they end with the last copy of the descriptor.  The message
/// names the file and says that another process uses it.  With EAGAIN-like conflicts nothing stays
/// locked.
Result<void> lock_file(int fd, const std::string& name, LockRequest request, Locking locking);

}  // namespace quince::block
