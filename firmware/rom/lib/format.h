// Text from a format, as printf makes it.
#pragma once

#include "firmware/rom/lib/types.h"

/// Writes at most `room` bytes to `to`, the last of which is 0, and returns how many characters that is.
/// Known are %s, %c, %d, %u, %x, with l for 64 bits, a width, 0 for zeros and - for the left side; and %%.
u64 format_text(char* to, u64 room, const char* format, ...) __attribute__((format(printf, 3, 4)));
u64 format_list(char* to, u64 room, const char* format, __builtin_va_list list);
