// ECMA-48 (5th edition), 5.4, control sequences, with the keys of the VT100 and xterm; HID Usage Tables
// 1.12, chapter 10, on the US layout.  Missing on purpose: lock keys and their lights (the keypad types figures),
// keys with Alt and the logo keys, terminals' Alt and UTF-8.
#include "firmware/rom/ui/key_decode.h"

enum { kGround, kAfterEscape, kInSequence, kAfterSs3 };

// ---- Terminals ---------------------------------------------------------------------------------

static u32 key_of_final(u8 final) {
  switch (final) {
    case 'A':
      return kKeyUp;
    case 'B':
      return kKeyDown;
    case 'C':
      return kKeyRight;
    case 'D':
      return kKeyLeft;
    case 'H':
      return kKeyHome;
    case 'F':
      return kKeyEnd;
    case 'M':
      return kKeyEnter;  // of the keypad, after SS3
    default:
      return kKeyNone;
  }
}

static u32 key_of_parameter(u32 parameter) {
  static const u16 keys[9] = {0,          kKeyHome,     0,        kKeyDelete, kKeyEnd,
                              kKeyPageUp, kKeyPageDown, kKeyHome, kKeyEnd};
  return parameter < 9 ? keys[parameter] : kKeyNone;
}

static u32 plain(const struct KeyBytes* k, u8 byte) {
  if (byte == '\n') return k->last == '\r' ? kKeyNone : kKeyEnter;
  if (byte == 0x7f) return kKeyBackspace;
  return byte < 0x80 ? byte : kKeyNone;
}

static u32 in_sequence(struct KeyBytes* k, u8 byte) {
  if (byte >= '0' && byte <= '9') {
    // Bounded: no key has a large one.
    if (!k->more && k->parameter < 1000) k->parameter = k->parameter * 10 + (byte - '0');
    return kKeyNone;
  }
  if (byte == ';') k->more = true;
  if (byte >= 0x20 && byte < 0x40) return kKeyNone;  // other parameters, intermediate bytes
  k->state = kGround;
  if (byte < 0x20 || byte > 0x7e) return key_byte(k, byte);  // it was none
  return byte == '~' ? key_of_parameter(k->parameter) : byte == 'M' ? kKeyNone : key_of_final(byte);
}

static u32 after_escape(struct KeyBytes* k, u8 byte) {
  if (byte == '[' || byte == 'O') {
    k->state = byte == '[' ? kInSequence : kAfterSs3;
    k->parameter = 0;
    k->more = false;
    return kKeyNone;
  }
  // A second Esc opens anew; anything else was meant for itself.
  if (byte == kKeyEscape) return kKeyEscape;
  k->state = kGround;
  return plain(k, byte);
}

static u32 decode(struct KeyBytes* k, u8 byte) {
  switch (k->state) {
    case kAfterEscape:
      return after_escape(k, byte);
    case kInSequence:
      return in_sequence(k, byte);
    case kAfterSs3:
      k->state = kGround;
      return key_of_final(byte);
    default:
      if (byte != kKeyEscape) return plain(k, byte);
      k->state = kAfterEscape;
      return kKeyNone;
  }
}

u32 key_byte(struct KeyBytes* k, u8 byte) {
  const u32 key = decode(k, byte);
  k->last = byte;
  return key;
}

bool key_open(const struct KeyBytes* k) { return k->state != kGround; }

u32 key_timeout(struct KeyBytes* k) {
  const bool alone = k->state == kAfterEscape;
  k->state = kGround;
  return alone ? kKeyEscape : kKeyNone;
}

// ---- USB keyboards -----------------------------------------------------------------------------

enum {
  kFirstUsage = 0x04,  // those below say that something is wrong
  kLastLetter = 0x1d,
  kControl = 0x11,  // modifiers: left and right
  kShift = 0x22,
  kAltOrLogo = 0xcc,
};

// From 0x1e on: figures, Enter to Space, punctuation.  Without and with Shift.
enum { kFirstPlain = 0x1e, kLastPlain = 0x38 };
static const char figures_and_others[2][kLastPlain - kFirstPlain + 2] = {
    "1234567890\r\x1b\b\t -=[]\\\\;'`,./",
    "!@#$%^&*()\r\x1b\b\t _+{}||:\"~<>?",
};
// 0x4a to 0x52.
static const u16 cursor_keys[] = {kKeyHome,  kKeyPageUp, kKeyDelete, kKeyEnd, kKeyPageDown,
                                  kKeyRight, kKeyLeft,   kKeyDown,   kKeyUp};
enum { kFirstCursor = 0x4a, kLastCursor = 0x52 };
// From 0x54 on.
static const char keypad_keys[] = "/*-+\r1234567890.";
enum { kFirstKeypad = 0x54, kLastKeypad = kFirstKeypad + sizeof keypad_keys - 2 };

static u32 character(u8 usage, bool shift) {
  if (usage <= kLastLetter) return (shift ? 'A' : 'a') + (u32)(usage - kFirstUsage);
  if (usage <= kLastPlain) return (u8)figures_and_others[shift][usage - kFirstPlain];
  if (usage >= kFirstKeypad && usage <= kLastKeypad) return (u8)keypad_keys[usage - kFirstKeypad];
  return kKeyNone;
}

static u32 key_of_usage(u8 usage, u8 modifiers) {
  if (usage < kFirstUsage || (modifiers & kAltOrLogo)) return kKeyNone;
  if (usage >= kFirstCursor && usage <= kLastCursor) return cursor_keys[usage - kFirstCursor];
  const u32 c = character(usage, (modifiers & kShift) != 0);
  const bool letter = usage <= kLastLetter;
  return modifiers & kControl ? (letter ? c & 0x1f : kKeyNone) : c;
}

static bool holds(const u8* usages, u8 usage) {
  for (u32 i = 0; i < kReportUsages; ++i)
    if (usages[i] == usage) return true;
  return false;
}

u32 key_report(struct KeyReports* k, const u8* report, u32* keys) {
  const u8* const usages = report + 2;
  u32 count = 0;
  // Too many keys at once: the keyboard does not know which (10, usages 1 to 3).  They may all be held still.
  for (u32 i = 0; i < kReportUsages; ++i)
    if (usages[i] != 0 && usages[i] < kFirstUsage) return 0;
  if (!holds(usages, k->repeats)) k->repeats = 0;
  for (u32 i = 0; i < kReportUsages; ++i) {
    if (usages[i] == 0 || holds(k->usages, usages[i])) continue;
    k->repeats = usages[i];
    const u32 key = key_of_usage(usages[i], report[0]);
    if (key != kKeyNone) keys[count++] = key;
  }
  k->modifiers = report[0];
  for (u32 i = 0; i < kReportUsages; ++i) k->usages[i] = usages[i];
  return count;
}

u32 key_repeated(const struct KeyReports* k) {
  const u32 key = k->repeats == 0 ? kKeyNone : key_of_usage(k->repeats, k->modifiers);
  // One press is one answer, however slow the finger or the host.
  return key == kKeyEnter || key == kKeyEscape ? kKeyNone : key;
}
