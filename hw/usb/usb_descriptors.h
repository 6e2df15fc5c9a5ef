// Descriptors as data: what a device says of itself is a table, and the bytes are made from it.
//
// USB 2.0, section 9.6; USB 3.2, section 9.6 (BOS, SuperSpeed endpoint companion); HID 1.11,
// section 6.2.1 for the descriptors of a class that stand behind an interface descriptor.
//
// A table is constant data; tables point at each other with spans:
//
//   constexpr UsbEndpointTable kEndpoints[] = {
//       {.address = 0x81, .attributes = kUsbInterrupt, .max_packet = 8, .interval = 7}};
//   constexpr u8 kHid[] = {9, kUsbDescHid, 0x11, 0x01, 0, 1, kUsbDescReport, sizeof kReport, 0};
//   constexpr UsbInterfaceTable kInterfaces[] = {{.class_code = 3, .subclass = 1, .protocol = 1,
//                                                 .extra = kHid, .report = kReport,
//                                                 .endpoints = kEndpoints}};
//   constexpr UsbConfigurationTable kConfigurations[] = {{.attributes = kUsbRemoteWakeup,
//                                                         .max_power_ma = 100,
//                                                         .interfaces = kInterfaces}};
//   constexpr UsbPersonality kHigh{.bcd_usb = 0x200, .max_packet0 = 64,
//                                  .configurations = kConfigurations};
//   constexpr UsbTable kTable{.vendor = 0x627, .product = 1, .high = &kHigh,
//                             .strings = kStrings, .manufacturer = 1, .product_name = 2};
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/types.h"
#include "hw/usb/usb.h"

namespace quince::hw {

// Descriptor types (USB 2.0 table 9-5, USB 3.2 table 9-6, HID 1.11 section 7.1, USB 2.0 table 11-13).
inline constexpr u8 kUsbDescDevice = 1, kUsbDescConfiguration = 2, kUsbDescString = 3,
                    kUsbDescInterface = 4, kUsbDescEndpoint = 5, kUsbDescDeviceQualifier = 6,
                    kUsbDescOtherSpeed = 7, kUsbDescBos = 15, kUsbDescDeviceCapability = 16,
                    kUsbDescHid = 0x21, kUsbDescReport = 0x22, kUsbDescHub = 0x29,
                    kUsbDescSuperHub = 0x2a, kUsbDescEndpointCompanion = 48;
// bmAttributes of an endpoint: the transfer type.
inline constexpr u8 kUsbControl = 0, kUsbIsochronous = 1, kUsbBulk = 2, kUsbInterrupt = 3;
// bmAttributes of a configuration; bit 7 is always set.
inline constexpr u8 kUsbSelfPowered = 1 << 6, kUsbRemoteWakeup = 1 << 5;

struct UsbEndpointTable {
  u8 address = 0;     ///< bEndpointAddress: number, bit 7 for IN
  u8 attributes = 0;  ///< bmAttributes
  u16 max_packet = 0;
  u8 interval = 0;
  // SuperSpeed only: the companion descriptor.
  u8 max_burst = 0;
  u8 companion_attributes = 0;
  u16 bytes_per_interval = 0;
  std::span<const u8> extra = {};  ///< whole descriptors of a class, after these
};

struct UsbInterfaceTable {
  u8 number = 0;
  u8 alternate = 0;
  u8 class_code = 0, subclass = 0, protocol = 0;
  u8 name = 0;                      ///< index of a string, or 0
  std::span<const u8> extra = {};   ///< whole descriptors of a class, before the endpoints: HID
  std::span<const u8> report = {};  ///< HID: what GET_DESCRIPTOR(report) gives
  std::span<const UsbEndpointTable> endpoints = {};
};

struct UsbConfigurationTable {
  u8 value = 1;  ///< bConfigurationValue, not 0
  u8 name = 0;   ///< index of a string, or 0
  u8 attributes = 0;
  u16 max_power_ma = 0;
  /// Alternate settings of an interface are rows of their own, 0 first.
  std::span<const UsbInterfaceTable> interfaces = {};
};

/// A device at one speed.
struct UsbPersonality {
  u16 bcd_usb = 0x200;
  u8 class_code = 0, subclass = 0, protocol = 0;
  u8 max_packet0 = 64;  ///< bytes; 512 is written as 9 at SuperSpeed
  std::span<const UsbConfigurationTable> configurations = {};
};

/// A device.  At least one personality is there.
struct UsbTable {
  u16 vendor = 0, product = 0, bcd_device = 0;
  const UsbPersonality* full = nullptr;  ///< also of low speed: see `low`
  const UsbPersonality* high = nullptr;
  const UsbPersonality* super = nullptr;
  bool low = false;  ///< `full` describes a low-speed device
  /// String 1 is the first one; UTF-8.
  std::span<const std::string_view> strings = {};
  u8 manufacturer = 0, product_name = 0, serial = 0;  ///< indices of strings, or 0

  UsbSpeeds speeds() const;
  const UsbPersonality* at(UsbSpeed s) const;
};

/// Device, device qualifier, BOS (of a device with SuperSpeed, or that says 2.01 or more).
std::vector<u8> usb_device_descriptor(const UsbTable& table, UsbSpeed speed);
/// Of a device with both full and high speed; empty for others (the request is an error then).
std::vector<u8> usb_device_qualifier(const UsbTable& table, UsbSpeed speed);
std::vector<u8> usb_bos_descriptor(const UsbTable& table, UsbSpeed speed);
/// Everything of a configuration: interfaces, class descriptors, endpoints, companions.  `type` is
/// kUsbDescConfiguration or kUsbDescOtherSpeed.
std::vector<u8> usb_configuration_descriptor(const UsbConfigurationTable& c, UsbSpeed speed,
                                             u8 type = kUsbDescConfiguration);
/// From UTF-8, cut to the 126 UTF-16 units that fit; what is not UTF-8 becomes U+FFFD.
std::vector<u8> usb_string_descriptor(std::string_view text);
/// String 0: US English is the only language.
std::vector<u8> usb_language_descriptor();

/// The first descriptor of a type in a run of descriptors, or empty.
std::span<const u8> usb_find_descriptor(std::span<const u8> run, u8 type);

}  // namespace quince::hw
