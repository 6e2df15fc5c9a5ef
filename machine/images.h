// What is put into memory at power-on and at every reset.
#pragma once

#include <vector>

#include "firmware/load_list.h"

namespace quince::machine {

struct Images {
  /// Where a CPU begins; a later entry for the same CPU counts.
  struct Start {
    unsigned cpu;
    u64 pc;
    u64 x0, x1;
  };
  firmware::LoadList memory;
  std::vector<Start> starts;
};

}  // namespace quince::machine
