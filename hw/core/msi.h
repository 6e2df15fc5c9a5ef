// Message-signalled interrupts.
#pragma once

#include "base/addr.h"
#include "base/types.h"

namespace quince::hw {

/// Where messages go: an ordinary 4-byte memory write of `data` to `address` by a bus master.
class MsiPort {
 public:
  virtual void send(PhysAddr address, u32 data, u16 requester) = 0;

 protected:
  ~MsiPort() = default;
};

}  // namespace quince::hw
