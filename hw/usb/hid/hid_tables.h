// What the HID devices say of themselves: report descriptors and USB tables.
//
// HID 1.11, 5.2 (descriptor structure), 6.2.2 (report descriptors), B and E.6 (boot devices); HID
// Usage Tables 1.22.  Numbers, sizes and intervals are those of QEMU's devices, which guests and
// their quirk tables know.
#pragma once

#include "hw/usb/usb_descriptors.h"

namespace quince::hw {

/// The bytes of an IN report.
inline constexpr u32 kHidKeyboardReport = 8, kHidMouseReport = 4, kHidTabletReport = 6;

/// The devices' tables.  `high`: also a high-speed device (usb_version=2), else full speed only.
const UsbTable& hid_keyboard_table(bool high);
const UsbTable& hid_mouse_table(bool high);
const UsbTable& hid_tablet_table(bool high);

}  // namespace quince::hw
