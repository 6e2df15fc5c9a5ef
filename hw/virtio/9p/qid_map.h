// Qids of host files: numbers that are unique over all that a guest can see.
//
// An inode number is unique in one file system only, and a folder may have others mounted inside.
// What happens then is `multidevs`, as QEMU names it.
#pragma once

#include <sys/stat.h>

#include <map>

#include "hw/virtio/9p/protocol.h"
#include "hw/virtio/9p/sys.h"

namespace quince::p9 {

enum class MultiDevs : u8 {
  Warn,    ///< inode numbers as they are; warned() tells when that may mislead
  Remap,   ///< numbers that no two files share
  Forbid,  ///< files of other file systems do not exist
};

class QidMap {
 public:
  /// `root`: the device of the folder itself.
  QidMap(MultiDevs mode, u64 root) : mode_(mode), root_(root) { devices_.emplace(root, 0); }

  /// The number of a file.  Errors: ENOSYS for a forbidden device, ENFILE when a table is full.
  Sys<u64> path(u64 device, u64 inode);
  /// A file of another device was seen although the mode is Warn.
  bool mixed() const { return mixed_; }

 private:
  // A path is a device's index and 48 bits of inode number; the folder's own device has index 0,
  // so that its numbers stay what they are on the host.  Larger inode numbers get a number each.
  static constexpr unsigned kInodeBits = 48;
  static constexpr u64 kLarge = 0xffff;
  static constexpr std::size_t kMaxDevices = 1024, kMaxLarge = 65536;

  const MultiDevs mode_;
  const u64 root_;
  bool mixed_ = false;
  std::map<u64, u64> devices_;
  std::map<std::pair<u64, u64>, u64> large_;
};

}  // namespace quince::p9
