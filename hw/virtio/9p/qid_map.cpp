#include "hw/virtio/9p/qid_map.h"

#include <cerrno>

namespace quince::p9 {

Sys<u64> QidMap::path(u64 device, u64 inode) {
  if (mode_ != MultiDevs::Remap) {
    if (device == root_) return inode;
    if (mode_ == MultiDevs::Forbid) return error(ENOSYS);
    mixed_ = true;
    return inode;
  }
  if (inode >> kInodeBits != 0) {
    const auto known = large_.find({device, inode});
    if (known != large_.end()) return known->second;
    if (large_.size() == kMaxLarge) return error(ENFILE);
    const u64 path = kLarge << kInodeBits | large_.size();
    large_.emplace(std::pair(device, inode), path);
    return path;
  }
  auto it = devices_.find(device);
  if (it == devices_.end()) {
    if (devices_.size() == kMaxDevices) return error(ENFILE);
    it = devices_.emplace(device, devices_.size()).first;
  }
  return it->second << kInodeBits | inode;
}

}  // namespace quince::p9
