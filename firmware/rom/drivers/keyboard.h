// USB keyboards at the root ports of the board's xHCI controller, through three event rings, as macOS has
// them: commands and ports on ring 0, keyboards' reports on ring 1, everything else on ring 2.
#pragma once

#include "firmware/rom/drivers/messages.h"
#include "firmware/rom/drivers/usb.h"

enum { kMaxKeyboards = 8, kMaxUsbPorts = 64, kKeyboardReport = 8 };

/// A keyboard that is plugged in.
struct KeyboardPort {
  struct UsbDevice device;
  struct UsbKeyboard keyboard;
  struct Arena memory, all;  ///< what is left of it, and the whole
  u32 port;                  ///< 0: there is none
  bool gone;                 ///< it was unplugged, and its keys are to be released
};

struct Keyboards {
  struct Xhci x;
  struct PciFunction pci;
  u64 bars[6];
  struct Messages messages;
  u32 vectors;  ///< of messages: interrupter n has vector n mod vectors
  struct Arena memory;
  struct KeyboardPort at[kMaxKeyboards];
  u8 seen[kMaxUsbPorts + 1];  ///< ports whose device was looked at
  bool running;
  const char* trouble;  ///< what the last device that should be a keyboard did not do, or null
  char text[64];
};

/// Starts the controller, its interrupts in wait_until(); takes KEYBOARD_BYTES of `memory`.  Ports are
/// looked at later, by keyboards_report().  Returns why not, or null; keyboard_none: there is no controller.
const char* keyboards_start(struct Keyboards* k, struct Arena* memory);
#define KEYBOARD_BYTES 0x100000ul
extern const char keyboard_none[];

/// The next report of a keyboard, if one has come: `*which`, and its kKeyboardReport bytes.  Looks first
/// whether something was plugged in or out; an unplugged keyboard reports that no key is down.
bool keyboards_report(struct Keyboards* k, u32* which, u8* report);
/// Whether keyboards_report() has something to do: not a time to sleep.
bool keyboards_waiting(const struct Keyboards* k);
/// Halts the controller, for who comes after the ROM.
void keyboards_stop(struct Keyboards* k);
