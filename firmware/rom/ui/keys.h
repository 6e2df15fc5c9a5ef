// One stream of keys, from the serial port and from USB keyboards.
#pragma once

#include "firmware/rom/drivers/keyboard.h"
#include "firmware/rom/ui/key_decode.h"

enum { kKeyBytesWaiting = 64 };

struct Keys {
  struct Keyboards usb;
  struct KeyReports reports[kMaxKeyboards];
  struct KeyBytes bytes;
  struct Arena* memory;
  u8 received[kKeyBytesWaiting];  ///< of the serial port, a ring
  u32 taken, put;
  u32 waiting[kReportUsages];  ///< keys of the last report
  u32 next, count;
  u64 escape_at;  ///< when an open Esc is a key
  u64 repeat_at;  ///< when the key that is down comes again
  s32 repeating;  ///< the keyboard whose key that is, or -1
  bool usb_started;
  const char*
      trouble;  ///< a line about a keyboard that does not work, for who shows it and clears it
};

/// The serial port's keys, after wait_start(); USB is started by the first wait.
void keys_open(struct Keys* k, struct Arena* memory);
/// Waits for a key, asleep; kKeyNone: the counter is `deadline` (~0: never), or there is a new trouble.
u32 keys_wait(struct Keys* k, u64 deadline);
/// Silences what is not read any more, for who comes after the ROM.
void keys_close(struct Keys* k);
