// Counts every reference in a qcow2 file, compares, and repairs.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "block/block.h"

namespace quince::block::qcow2 {

enum class Repair : u8 { None, Leaks, All };

struct CheckReport {
  u64 corruptions = 0;  ///< what is wrong still
  u64 leaks = 0;        ///< clusters that are counted and not used, still
  u64 corruptions_fixed = 0, leaks_fixed = 0;
  u64 image_end = 0;           ///< bytes up to the end of the last cluster in use
  u64 total_clusters = 0;      ///< of the disk
  u64 allocated_clusters = 0;  ///< of those, with data in this file
  u64 compressed_clusters = 0;
  u64 fragmented_clusters = 0;        ///< not behind the one before
  std::vector<std::string> messages;  ///< the first hundred
};

/// Checks the image in `file`, which nobody else has open; repairs need it writable.  Fails when
/// the header is not usable or the file cannot be read.  The work is in proportion to the data in
/// the file, whatever its tables claim.
Result<CheckReport> check(Image& file, Repair repair);

}  // namespace quince::block::qcow2
