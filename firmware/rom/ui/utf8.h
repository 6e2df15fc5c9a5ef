// Characters of UTF-8 text (RFC 3629).
#pragma once

#include "firmware/rom/lib/types.h"

enum { kReplacement = 0xfffd };

/// The code point at `*text`, which moves behind it; 0 at the end, where it stays.  What is no UTF-8, or is
/// above U+FFFF, is kReplacement.
u32 utf8_next(const char** text);
/// Writes a code point up to U+FFFF to `to`, of at least 3 bytes: how many it took.
u32 utf8_put(char* to, u32 code);
/// How many code points utf8_next() finds.
u32 utf8_length(const char* text);
