// Known answers of every device of the platform.
#pragma once

#include "firmware/rom/lib/arena.h"

/// What the checks may use.
struct CheckContext {
  struct Arena* memory;  ///< room that is given back when a check ends
};

struct Check {
  const char* name;  ///< the device, as the map of memory calls it
  /// Null: it answers as it must.  check_absent: this machine has none.  Else what was wrong.
  const char* (*run)(struct CheckContext* c);
};

extern const char check_absent[];
extern const struct Check checks[];
extern const u32 check_count;
