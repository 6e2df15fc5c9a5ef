// Looking at an address where perhaps nothing is.
#pragma once

#include "firmware/rom/lib/types.h"

/// Reads a word of a device, as `*value`.  False: nothing is there, which is an external abort (the board's
/// answer) that the exception vectors of start/start.S take for this one instruction.
bool probe_read32(u64 address, u32* value);
/// The same with a byte.
bool probe_read8(u64 address, u8* value);
