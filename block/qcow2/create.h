// Making new qcow2 files.
#pragma once

#include <string>

#include "base/result.h"
#include "block/block.h"
#include "block/qcow2/header.h"

namespace quince::block::qcow2 {

struct CreateOptions {
  u64 size = 0;  ///< of the disk, in bytes
  u32 version = 3;
  u64 cluster_size = 64 * KiB;
  u32 refcount_bits = 16;
  bool lazy_refcounts = false;  ///< only noted in the file; counts are always kept up to date here
  Compression compression = Compression::Zlib;
  std::string backing_file, backing_format;
};

/// Writes an image without data into an empty file.
Result<void> create(Image& file, const CreateOptions& options);

}  // namespace quince::block::qcow2
