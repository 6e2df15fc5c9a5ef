// UTF-16, as firmware and FAT write names, to UTF-8.
#pragma once

#include "firmware/rom/lib/types.h"

/// Converts up to `units` units or the first that is 0.  `to` takes three bytes for each unit and a
/// NUL.  Half of a surrogate pair becomes U+FFFD.  Returns the bytes without the NUL.
u64 utf16_to_utf8(const u16* from, u64 units, char* to);
