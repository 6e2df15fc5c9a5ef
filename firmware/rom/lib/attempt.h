// Running code that may end in an exception: probing what may not be there.
#pragma once

#include "firmware/rom/lib/types.h"

/// Calls `code(a, b)` with exception vectors of its own.  Returns 0, with the result in `*result`, or
/// ESR_EL1 of the synchronous exception or SError that ended it (never 0: IL is set).  Interrupts must be
/// masked, and it must not be called from `code`.
u64 attempt(u64 (*code)(u64 a, u64 b), u64 a, u64 b, u64* result);

/// Reads 32 bits, or 8; false: nothing answers there.
bool attempt_get32(u64 address, u32* value);
bool attempt_get8(u64 address, u8* value);
