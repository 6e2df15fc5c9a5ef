// A text that is in the ROM only as AES-256-CBC of the engine's first key: what shows it has a working
// engine.  scripts/make-rom-payload.py made payload.inc of payload.txt.
#pragma once

#include "firmware/rom/lib/types.h"

/// Puts the text, lines of ASCII that end in a new line and then a zero, to `to` by the AES engine.  Null, or why
/// it cannot; then `to` is the empty string.  After wait_start().
const char* payload_decrypt(char* to, u64 room);
