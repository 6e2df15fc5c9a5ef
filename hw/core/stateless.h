// Parts of devices that have registers and no state of their own.
#pragma once

#include "hw/core/mmio.h"

namespace quince::hw {

/// A device, or a part of one, whose registers show what belongs to another unit: that one resets
/// and saves it.  `Base` may be a RegMapDevice.
template <class Base = MmioDevice>
class Stateless : public Base {
 public:
  using Base::Base;
  void reset() final {}
  void snapshot(Archive&) final {}
  void restored() final {}
};

}  // namespace quince::hw
