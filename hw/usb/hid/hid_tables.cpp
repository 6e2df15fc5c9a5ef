#include "hw/usb/hid/hid_tables.h"

#include <array>

namespace quince::hw {

namespace {

// Items of report descriptors (HID 1.11, 6.2.2): tag, type and size in the first byte.
// clang-format off
constexpr u8 kKeyboardReport[] = {
    0x05, 0x01,        // Usage Page (Generic Desktop)
    0x09, 0x06,        // Usage (Keyboard)
    0xa1, 0x01,        // Collection (Application)
    0x75, 0x01,        //   Report Size (1)
    0x95, 0x08,        //   Report Count (8)
    0x05, 0x07,        //   Usage Page (Keyboard/Keypad)
    0x19, 0xe0,        //   Usage Minimum (Left Control)
    0x29, 0xe7,        //   Usage Maximum (Right GUI)
    0x15, 0x00,        //   Logical Minimum (0)
    0x25, 0x01,        //   Logical Maximum (1)
    0x81, 0x02,        //   Input (Data, Variable, Absolute): modifiers
    0x95, 0x01,        //   Report Count (1)
    0x75, 0x08,        //   Report Size (8)
    0x81, 0x01,        //   Input (Constant)
    0x95, 0x05,        //   Report Count (5)
    0x75, 0x01,        //   Report Size (1)
    0x05, 0x08,        //   Usage Page (LED)
    0x19, 0x01,        //   Usage Minimum (Num Lock)
    0x29, 0x05,        //   Usage Maximum (Kana)
    0x91, 0x02,        //   Output (Data, Variable, Absolute)
    0x95, 0x01,        //   Report Count (1)
    0x75, 0x03,        //   Report Size (3)
    0x91, 0x01,        //   Output (Constant)
    0x95, 0x06,        //   Report Count (6)
    0x75, 0x08,        //   Report Size (8)
    0x15, 0x00,        //   Logical Minimum (0)
    0x25, 0xff,        //   Logical Maximum (255)
    0x05, 0x07,        //   Usage Page (Keyboard/Keypad)
    0x19, 0x00,        //   Usage Minimum (0)
    0x29, 0xff,        //   Usage Maximum (255)
    0x81, 0x00,        //   Input (Data, Array): keys
    0xc0,              // End Collection
};
constexpr u8 kMouseReport[] = {
    0x05, 0x01,        // Usage Page (Generic Desktop)
    0x09, 0x02,        // Usage (Mouse)
    0xa1, 0x01,        // Collection (Application)
    0x09, 0x01,        //   Usage (Pointer)
    0xa1, 0x00,        //   Collection (Physical)
    0x05, 0x09,        //     Usage Page (Button)
    0x19, 0x01,        //     Usage Minimum (1)
    0x29, 0x05,        //     Usage Maximum (5)
    0x15, 0x00,        //     Logical Minimum (0)
    0x25, 0x01,        //     Logical Maximum (1)
    0x95, 0x05,        //     Report Count (5)
    0x75, 0x01,        //     Report Size (1)
    0x81, 0x02,        //     Input (Data, Variable, Absolute)
    0x95, 0x01,        //     Report Count (1)
    0x75, 0x03,        //     Report Size (3)
    0x81, 0x01,        //     Input (Constant)
    0x05, 0x01,        //     Usage Page (Generic Desktop)
    0x09, 0x30,        //     Usage (X)
    0x09, 0x31,        //     Usage (Y)
    0x09, 0x38,        //     Usage (Wheel)
    0x15, 0x81,        //     Logical Minimum (-127)
    0x25, 0x7f,        //     Logical Maximum (127)
    0x75, 0x08,        //     Report Size (8)
    0x95, 0x03,        //     Report Count (3)
    0x81, 0x06,        //     Input (Data, Variable, Relative)
    0xc0,              //   End Collection
    0xc0,              // End Collection
};
constexpr u8 kTabletReport[] = {
    0x05, 0x01,        // Usage Page (Generic Desktop)
    0x09, 0x02,        // Usage (Mouse)
    0xa1, 0x01,        // Collection (Application)
    0x09, 0x01,        //   Usage (Pointer)
    0xa1, 0x00,        //   Collection (Physical)
    0x05, 0x09,        //     Usage Page (Button)
    0x19, 0x01,        //     Usage Minimum (1)
    0x29, 0x03,        //     Usage Maximum (3)
    0x15, 0x00,        //     Logical Minimum (0)
    0x25, 0x01,        //     Logical Maximum (1)
    0x95, 0x03,        //     Report Count (3)
    0x75, 0x01,        //     Report Size (1)
    0x81, 0x02,        //     Input (Data, Variable, Absolute)
    0x95, 0x01,        //     Report Count (1)
    0x75, 0x05,        //     Report Size (5)
    0x81, 0x01,        //     Input (Constant)
    0x05, 0x01,        //     Usage Page (Generic Desktop)
    0x09, 0x30,        //     Usage (X)
    0x09, 0x31,        //     Usage (Y)
    0x15, 0x00,        //     Logical Minimum (0)
    0x26, 0xff, 0x7f,  //     Logical Maximum (0x7fff)
    0x35, 0x00,        //     Physical Minimum (0)
    0x46, 0xff, 0x7f,  //     Physical Maximum (0x7fff)
    0x75, 0x10,        //     Report Size (16)
    0x95, 0x02,        //     Report Count (2)
    0x81, 0x02,        //     Input (Data, Variable, Absolute)
    0x05, 0x01,        //     Usage Page (Generic Desktop)
    0x09, 0x38,        //     Usage (Wheel)
    0x15, 0x81,        //     Logical Minimum (-127)
    0x25, 0x7f,        //     Logical Maximum (127)
    0x35, 0x00,        //     Physical Minimum: as the logical one
    0x45, 0x00,        //     Physical Maximum: as the logical one
    0x75, 0x08,        //     Report Size (8)
    0x95, 0x01,        //     Report Count (1)
    0x81, 0x06,        //     Input (Data, Variable, Relative)
    0xc0,              //   End Collection
    0xc0,              // End Collection
};
// clang-format on
static_assert(sizeof kKeyboardReport == 63 && sizeof kMouseReport == 52 &&
              sizeof kTabletReport == 74);

/// The HID descriptor (HID 1.11, 6.2.1): one report descriptor, no country.
constexpr std::array<u8, 9> hid_descriptor(u16 bcd_hid, std::size_t report) {
  return {9, kUsbDescHid,    static_cast<u8>(bcd_hid), static_cast<u8>(bcd_hid >> 8), 0,
          1, kUsbDescReport, static_cast<u8>(report),  static_cast<u8>(report >> 8)};
}
constexpr auto kKeyboardHid = hid_descriptor(0x111, sizeof kKeyboardReport);
constexpr auto kMouseHid = hid_descriptor(0x001, sizeof kMouseReport);
constexpr auto kTabletHid = hid_descriptor(0x001, sizeof kTabletReport);

constexpr UsbEndpointTable endpoint(u16 size, u8 interval) {
  return {.address = 0x81, .attributes = kUsbInterrupt, .max_packet = size, .interval = interval};
}
// Milliseconds at full speed; at high speed 2 to the code minus 1 microframes (USB 2.0, 9.6.6).
constexpr u8 kFullInterval = 10, kHigh8ms = 7, kHigh1ms = 4;
constexpr UsbEndpointTable kKeyboardFullEp[] = {endpoint(8, kFullInterval)};
constexpr UsbEndpointTable kKeyboardHighEp[] = {endpoint(8, kHigh8ms)};
constexpr UsbEndpointTable kMouseFullEp[] = {endpoint(4, kFullInterval)};
constexpr UsbEndpointTable kMouseHighEp[] = {endpoint(4, kHigh8ms)};
constexpr UsbEndpointTable kTabletFullEp[] = {endpoint(8, kFullInterval)};
constexpr UsbEndpointTable kTabletHighEp[] = {endpoint(8, kHigh1ms)};

constexpr u8 kClassHid = 3, kBoot = 1, kProtocolKeyboard = 1, kProtocolMouse = 2;

constexpr UsbInterfaceTable keyboard(std::span<const UsbEndpointTable> ep) {
  return {.class_code = kClassHid,
          .subclass = kBoot,
          .protocol = kProtocolKeyboard,
          .extra = kKeyboardHid,
          .report = kKeyboardReport,
          .endpoints = ep};
}
constexpr UsbInterfaceTable mouse(std::span<const UsbEndpointTable> ep) {
  return {.class_code = kClassHid,
          .subclass = kBoot,
          .protocol = kProtocolMouse,
          .extra = kMouseHid,
          .report = kMouseReport,
          .endpoints = ep};
}
constexpr UsbInterfaceTable tablet(std::span<const UsbEndpointTable> ep) {
  return {.class_code = kClassHid, .extra = kTabletHid, .report = kTabletReport, .endpoints = ep};
}
constexpr UsbInterfaceTable kKeyboardFullIf[] = {keyboard(kKeyboardFullEp)};
constexpr UsbInterfaceTable kKeyboardHighIf[] = {keyboard(kKeyboardHighEp)};
constexpr UsbInterfaceTable kMouseFullIf[] = {mouse(kMouseFullEp)};
constexpr UsbInterfaceTable kMouseHighIf[] = {mouse(kMouseHighEp)};
constexpr UsbInterfaceTable kTabletFullIf[] = {tablet(kTabletFullEp)};
constexpr UsbInterfaceTable kTabletHighIf[] = {tablet(kTabletHighEp)};

constexpr u8 kManufacturer = 1, kProduct = 2, kSerial = 3, kConfigurationName = 4;

constexpr UsbConfigurationTable configuration(std::span<const UsbInterfaceTable> interfaces) {
  return {.name = kConfigurationName,
          .attributes = kUsbRemoteWakeup,
          .max_power_ma = 100,
          .interfaces = interfaces};
}
constexpr UsbConfigurationTable kKeyboardFullC[] = {configuration(kKeyboardFullIf)};
constexpr UsbConfigurationTable kKeyboardHighC[] = {configuration(kKeyboardHighIf)};
constexpr UsbConfigurationTable kMouseFullC[] = {configuration(kMouseFullIf)};
constexpr UsbConfigurationTable kMouseHighC[] = {configuration(kMouseHighIf)};
constexpr UsbConfigurationTable kTabletFullC[] = {configuration(kTabletFullIf)};
constexpr UsbConfigurationTable kTabletHighC[] = {configuration(kTabletHighIf)};

constexpr UsbPersonality full(std::span<const UsbConfigurationTable> c) {
  return {.bcd_usb = 0x100, .max_packet0 = 8, .configurations = c};
}
constexpr UsbPersonality high(std::span<const UsbConfigurationTable> c) {
  return {.bcd_usb = 0x200, .max_packet0 = 64, .configurations = c};
}
constexpr UsbPersonality kKeyboardFull = full(kKeyboardFullC);
constexpr UsbPersonality kKeyboardHigh = high(kKeyboardHighC);
constexpr UsbPersonality kMouseFull = full(kMouseFullC);
constexpr UsbPersonality kMouseHigh = high(kMouseHighC);
constexpr UsbPersonality kTabletFull = full(kTabletFullC);
constexpr UsbPersonality kTabletHigh = high(kTabletHighC);

constexpr std::string_view kKeyboardStrings[] = {"Quince", "Quince USB Keyboard", "1",
                                                 "HID Keyboard"};
constexpr std::string_view kMouseStrings[] = {"Quince", "Quince USB Mouse", "1", "HID Mouse"};
constexpr std::string_view kTabletStrings[] = {"Quince", "Quince USB Tablet", "1", "HID Tablet"};

constexpr UsbTable device(const UsbPersonality* full, const UsbPersonality* high,
                          std::span<const std::string_view> strings) {
  return {.vendor = 0x627,
          .product = 1,
          .full = full,
          .high = high,
          .strings = strings,
          .manufacturer = kManufacturer,
          .product_name = kProduct,
          .serial = kSerial};
}
constexpr UsbTable kKeyboard[] = {device(&kKeyboardFull, nullptr, kKeyboardStrings),
                                  device(&kKeyboardFull, &kKeyboardHigh, kKeyboardStrings)};
constexpr UsbTable kMouse[] = {device(&kMouseFull, nullptr, kMouseStrings),
                               device(&kMouseFull, &kMouseHigh, kMouseStrings)};
constexpr UsbTable kTablet[] = {device(&kTabletFull, nullptr, kTabletStrings),
                                device(&kTabletFull, &kTabletHigh, kTabletStrings)};

}  // namespace

const UsbTable& hid_keyboard_table(bool high) { return kKeyboard[high ? 1 : 0]; }
const UsbTable& hid_mouse_table(bool high) { return kMouse[high ? 1 : 0]; }
const UsbTable& hid_tablet_table(bool high) { return kTablet[high ? 1 : 0]; }

}  // namespace quince::hw
