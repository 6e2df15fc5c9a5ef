// Memory that is given out once and never comes back.
#pragma once

#include "firmware/rom/lib/types.h"

struct Arena {
  u64 next, end;
};

/// Zeroed memory; `align` is a power of two, and at least 8.  0: there is no room.
void* arena_take(struct Arena* a, u64 bytes, u64 align);
