// The ROM's address map.
#pragma once

#include "firmware/rom/lib/types.h"

/// Virtual = physical up to 1 TiB: the ROM's code read-only, its data and RAM (from RAM_BASE to
/// `ram_end`) as normal memory that is not executable, everything else as devices.  Before anything
/// large is drawn or copied: with the MMU off all memory is as slow as a device.
void mmu_on(u64 ram_end);
/// Cleans `bytes` from `start` to memory, makes them fetchable, and switches the MMU off.
void mmu_off(u64 start, u64 bytes);
