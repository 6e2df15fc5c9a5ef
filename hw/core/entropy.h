// Where a device's random numbers come from.
#pragma once

#include <span>

#include "base/types.h"

namespace quince::hw {

/// The host's random numbers, or a seeded generator in a deterministic run.
class EntropySource {
 public:
  /// Fills the bytes.  Called with the I/O lock held; never blocks.
  virtual void fill(std::span<u8> out) = 0;

 protected:
  ~EntropySource() = default;
};

}  // namespace quince::hw
