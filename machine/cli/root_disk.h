// Which kind of disk the root disk should be to the guest.
#pragma once

#include <string>

#include "base/result.h"
#include "base/types.h"

namespace quince::machine::cli {

/// How the guest sees the disk of -M vmapple,root=.
enum class RootDisk : u8 {
  Auto,
  Apple,   ///< vmapple-virtio-blk-pci, for which only macOS has a driver
  Virtio,  ///< virtio-blk-pci
};

Result<RootDisk> parse_root_disk(std::string_view value);

/// Decides for Auto: virtio where the image has a partition table and nothing of Apple's in it; Apple's
/// where there is no table yet, or one with an Apple partition, or the image cannot be read.
RootDisk look_at_root_disk(const std::string& file);

}  // namespace quince::machine::cli
