// What bytes of a terminal and reports of a keyboard mean.
#pragma once

#include "firmware/rom/lib/types.h"

/// Keys: characters of ASCII, as typed, and these.
enum {
  kKeyNone = 0,
  kKeyBackspace = 0x08,
  kKeyTab = 0x09,
  kKeyEnter = 0x0d,
  kKeyEscape = 0x1b,
  kKeyUp = 0x100,
  kKeyDown,
  kKeyLeft,
  kKeyRight,
  kKeyHome,
  kKeyEnd,
  kKeyPageUp,
  kKeyPageDown,
  kKeyDelete,
};

// ---- Terminals ---------------------------------------------------------------------------------

/// Where in a control sequence the bytes are.
struct KeyBytes {
  u8 state;
  u8 last;        ///< the byte before
  u32 parameter;  ///< the first of the sequence
  bool more;      ///< a second one has begun
};

/// The next byte: the key that it ends, or kKeyNone.
u32 key_byte(struct KeyBytes* k, u8 byte);
/// An Esc is open: it is a key of its own when nothing follows soon.
bool key_open(const struct KeyBytes* k);
/// Nothing followed: the key, or kKeyNone when what came was longer.
u32 key_timeout(struct KeyBytes* k);

// ---- USB keyboards -----------------------------------------------------------------------------

enum { kReportUsages = 6, kReportLength = 8 };

/// What a keyboard held at its last report.
struct KeyReports {
  u8 modifiers, usages[kReportUsages];
  u8 repeats;  ///< the usage that was pressed last and still is, or 0
};

/// A report of the boot protocol (HID 1.11, B.1): which keys went down, in `keys`; how many.
u32 key_report(struct KeyReports* k, const u8* report, u32* keys);
/// The key that repeats now, or kKeyNone.  Enter and Esc do not.
u32 key_repeated(const struct KeyReports* k);
