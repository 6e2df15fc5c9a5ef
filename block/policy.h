// What `cache=`, `discard=`, `detect-zeroes=` and `readonly=` change about an image.
#pragma once

#include <memory>

#include "block/block.h"

namespace quince::block {

enum class DetectZeroes : u8 { Off, On, Unmap };

struct Policy {
  bool read_only = false;
  bool flush_writes = false;   ///< cache=writethrough, directsync
  bool ignore_flush = false;   ///< cache=unsafe
  bool ignore_discard = true;  ///< discard=ignore; zeroes keep their storage too
  DetectZeroes detect_zeroes = DetectZeroes::Off;
};

/// The same image under a policy.
std::unique_ptr<Image> with_policy(std::unique_ptr<Image> image, const Policy& policy);

}  // namespace quince::block
