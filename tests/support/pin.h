// The far end of a wire, for tests: remembers the level and counts the edges.
#pragma once

#include "hw/core/irq.h"

namespace quince::test {

struct Pin final : hw::IrqSink {
  void set_line(unsigned line, bool level) override;
  /// A wire to this pin.
  hw::IrqLine wire(unsigned line = 0) { return hw::IrqLine(*this, line); }

  bool high = false;
  unsigned last_line = 0;
  int edges = 0;  ///< changes to high
};

}  // namespace quince::test
