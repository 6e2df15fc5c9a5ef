// The one table between what front ends know of keys and what Linux calls them: usages of the USB HID
// Usage Tables 1.22, page 0x07 (10, Keyboard/Keypad Page), and the codes of linux/input-event-codes.h,
// which virtio's input devices use (virtio 1.2, 5.8.6).
//
// Usages that no keyboard of these devices has (the erase, currency and memory keys of terminals and
// calculators, 0x99 to 0xdd, but for the keypad's parentheses) have no code.
#pragma once

#include <span>

#include "base/types.h"

namespace quince::hw {

struct KeyCode {
  u8 usage;   ///< of page 0x07
  u16 linux;  ///< KEY_*
};

/// The table, sorted by usage.
std::span<const KeyCode> key_codes();
/// 0: there is no code.
u16 linux_key(u8 usage);

}  // namespace quince::hw
