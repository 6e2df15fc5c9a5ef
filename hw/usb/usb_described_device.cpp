// Standard requests.  See usb_described_device.h.
#include "hw/usb/usb_described_device.h"

#include <algorithm>

#include "hw/core/archive.h"

namespace quince::hw {

namespace {

// bmRequestType and bRequest (USB 2.0 table 9-3, USB 3.2 table 9-4).
enum Request : u16 {
  kClearDeviceFeature = 0x0001,
  kClearInterfaceFeature = 0x0101,
  kClearEndpointFeature = 0x0201,
  kGetConfiguration = 0x8008,
  kGetDescriptor = 0x8006,
  kGetInterfaceDescriptor = 0x8106,
  kGetInterface = 0x810a,
  kGetDeviceStatus = 0x8000,
  kGetInterfaceStatus = 0x8100,
  kGetEndpointStatus = 0x8200,
  kSetAddress = 0x0005,
  kSetConfiguration = 0x0009,
  kSetDeviceFeature = 0x0003,
  kSetInterfaceFeature = 0x0103,
  kSetEndpointFeature = 0x0203,
  kSetInterface = 0x010b,
  kSetSel = 0x0030,
  kSetIsochDelay = 0x0031,
};
// Feature selectors (USB 2.0 table 9-6, USB 3.2 table 9-7).
constexpr u16 kEndpointHalt = 0, kFunctionSuspend = 0, kDeviceRemoteWakeup = 1, kU1Enable = 48,
              kLtmEnable = 50;
constexpr u8 kAllFeatures = 7;
constexpr unsigned kFeatureStatusBit = 2;  // U1 Enable in GET_STATUS of a device
constexpr u8 kTypeStandard = 0;
constexpr u16 kSelLength = 6;
constexpr u8 kMaxAddress = 127;

u8 request_type(const UsbSetup& s) { return (s.bmRequestType >> 5) & 3; }

}  // namespace

UsbDescribedDevice::UsbDescribedDevice(std::string_view name, const UsbTable& table,
                                       std::string serial)
    : UsbDevice(name), table_(table), serial_(std::move(serial)) {}

void UsbDescribedDevice::usb_reset() { base_ = {}; }

void UsbDescribedDevice::snapshot(Archive& ar) {
  ar.field("address", base_.address);
  ar.field("configuration", base_.configuration);
  ar.field("remote_wakeup", base_.remote_wakeup);
  ar.field("features", base_.features);
  ar.field("halted", base_.halted);
  ar.field("alternate", base_.alternate);
  if (base_.address > kMaxAddress) ar.refuse("address", "out of range");
  if (base_.features > kAllFeatures) ar.refuse("features", "out of range");
  // A configuration or setting that is not in the table has no interfaces, which is harmless.
}

// ---- The table ---------------------------------------------------------------------------------

const UsbConfigurationTable* UsbDescribedDevice::active() const {
  const UsbPersonality* p = personality();
  if (p == nullptr || base_.configuration == 0) return nullptr;
  for (const UsbConfigurationTable& c : p->configurations)
    if (c.value == base_.configuration) return &c;
  return nullptr;
}

const UsbInterfaceTable* UsbDescribedDevice::interface(u8 number) const {
  const UsbConfigurationTable* c = active();
  if (c == nullptr || number >= kInterfaces) return nullptr;
  for (const UsbInterfaceTable& i : c->interfaces)
    if (i.number == number && i.alternate == base_.alternate[number]) return &i;
  return nullptr;
}

const UsbEndpointTable* UsbDescribedDevice::endpoint(u8 address) const {
  const UsbConfigurationTable* c = active();
  if (c == nullptr) return nullptr;
  for (const UsbInterfaceTable& i : c->interfaces) {
    if (i.alternate != alternate(i.number)) continue;
    for (const UsbEndpointTable& e : i.endpoints)
      if (e.address == address) return &e;
  }
  return nullptr;
}

bool UsbDescribedDevice::has_endpoint(u16 wIndex) const {
  return wIndex <= 0xff && ((wIndex & 0x7f) == 0 || endpoint(static_cast<u8>(wIndex)) != nullptr);
}

// ---- Transfers ---------------------------------------------------------------------------------

UsbStatus UsbDescribedDevice::handle_data(UsbPacket& packet) {
  // A real one would not answer; drivers that try know the stall of the emulated ones.
  if (endpoint(packet.address()) == nullptr) return UsbStatus::Stall;
  if (halted(packet.address())) return UsbStatus::Stall;
  const UsbStatus status = transfer(packet);
  if (status == UsbStatus::Stall) halt(packet.address());
  return status;
}

UsbStatus UsbDescribedDevice::handle_control(const UsbSetup& setup, UsbPacket& packet) {
  std::array<u8, kMaxRequest> buffer;
  std::span<const u8> data;
  if (!setup.in() && setup.wLength != 0) {
    if (setup.wLength > kMaxRequest || packet.in() || packet.length() != setup.wLength)
      return UsbStatus::Stall;
    data = std::span(buffer).first(setup.wLength);
    packet.read(std::span(buffer).first(setup.wLength));
  }
  UsbReply reply;
  UsbStatus status = request_type(setup) == kTypeStandard ? standard(setup, data, reply)
                                                          : class_request(setup, data, reply);
  if (status != UsbStatus::Ok || !setup.in()) return status;
  if (reply.size() > setup.wLength) reply.resize(setup.wLength);
  if (packet.in()) packet.write(reply);
  return status;
}

void UsbDescribedDevice::notify(u8 endpoint) {
  if (port() == nullptr) return;
  if (!suspended()) return port()->wakeup(endpoint);
  if (base_.remote_wakeup) port()->remote_wakeup();
}

// ---- Standard requests -------------------------------------------------------------------------

UsbStatus UsbDescribedDevice::standard(const UsbSetup& s, std::span<const u8> data,
                                       UsbReply& reply) {
  switch (s.request()) {
    case kGetDescriptor:
      return get_descriptor(s, reply);
    case kGetInterfaceDescriptor:
      return get_interface_descriptor(s, data, reply);
    case kGetDeviceStatus:
    case kGetInterfaceStatus:
    case kGetEndpointStatus:
      return get_status(s, reply);
    case kClearDeviceFeature:
    case kSetDeviceFeature:
      return device_feature(s, s.request() == kSetDeviceFeature);
    case kClearInterfaceFeature:
    case kSetInterfaceFeature:
      return interface_feature(s);
    case kClearEndpointFeature:
    case kSetEndpointFeature:
      return endpoint_feature(s, s.request() == kSetEndpointFeature);
    case kSetAddress:
      if (s.wValue > kMaxAddress || base_.configuration != 0) return UsbStatus::Stall;
      base_.address = static_cast<u8>(s.wValue);
      return UsbStatus::Ok;
    case kGetConfiguration:
      reply = {base_.configuration};
      return UsbStatus::Ok;
    case kSetConfiguration:
      return set_configuration(s);
    case kGetInterface:
      if (s.wIndex >= kInterfaces || interface(static_cast<u8>(s.wIndex)) == nullptr)
        return UsbStatus::Stall;
      reply = {alternate(static_cast<u8>(s.wIndex))};
      return UsbStatus::Ok;
    case kSetInterface:
      return set_interface(s);
    case kSetSel:
      return speed() == UsbSpeed::Super && s.wLength == kSelLength ? UsbStatus::Ok
                                                                   : UsbStatus::Stall;
    case kSetIsochDelay:
      return speed() == UsbSpeed::Super && s.wLength == 0 ? UsbStatus::Ok : UsbStatus::Stall;
    default:
      break;
  }
  // What is left may belong to the class of an interface or endpoint.
  return (s.bmRequestType & 0x1f) == 0 ? UsbStatus::Stall : class_request(s, data, reply);
}

UsbStatus UsbDescribedDevice::get_descriptor(const UsbSetup& s, UsbReply& reply) const {
  const UsbPersonality* p = personality();
  if (p == nullptr) return UsbStatus::Stall;
  switch (s.value_high()) {
    case kUsbDescDevice:
      reply = usb_device_descriptor(table_, speed());
      break;
    case kUsbDescConfiguration:
      if (s.value_low() >= p->configurations.size()) return UsbStatus::Stall;
      reply = usb_configuration_descriptor(p->configurations[s.value_low()], speed());
      break;
    case kUsbDescOtherSpeed: {
      if (usb_device_qualifier(table_, speed()).empty()) return UsbStatus::Stall;
      const UsbSpeed other = speed() == UsbSpeed::High ? UsbSpeed::Full : UsbSpeed::High;
      const auto configurations = table_.at(other)->configurations;
      if (s.value_low() >= configurations.size()) return UsbStatus::Stall;
      reply =
          usb_configuration_descriptor(configurations[s.value_low()], other, kUsbDescOtherSpeed);
      break;
    }
    case kUsbDescDeviceQualifier:
      reply = usb_device_qualifier(table_, speed());
      break;
    case kUsbDescBos:
      reply = usb_bos_descriptor(table_, speed());
      break;
    case kUsbDescString:
      return get_string(s.value_low(), reply);
    default:
      return UsbStatus::Stall;
  }
  return reply.empty() ? UsbStatus::Stall : UsbStatus::Ok;
}

UsbStatus UsbDescribedDevice::get_string(u8 number, UsbReply& reply) const {
  if (number == 0)
    reply = usb_language_descriptor();
  else if (number == table_.serial && !serial_.empty())
    reply = usb_string_descriptor(serial_);
  else if (number <= table_.strings.size())
    reply = usb_string_descriptor(table_.strings[number - 1u]);
  else
    return UsbStatus::Stall;
  return UsbStatus::Ok;
}

/// HID: the descriptors of an interface's class (HID 1.11, 7.1.1).
UsbStatus UsbDescribedDevice::get_interface_descriptor(const UsbSetup& s, std::span<const u8> data,
                                                       UsbReply& reply) {
  const UsbInterfaceTable* i =
      s.wIndex < kInterfaces ? interface(static_cast<u8>(s.wIndex)) : nullptr;
  if (i != nullptr && s.value_low() == 0) {
    const std::span<const u8> found = s.value_high() == kUsbDescReport
                                          ? i->report
                                          : usb_find_descriptor(i->extra, s.value_high());
    if (!found.empty()) {
      reply.assign(found.begin(), found.end());
      return UsbStatus::Ok;
    }
  }
  return class_request(s, data, reply);
}

UsbStatus UsbDescribedDevice::get_status(const UsbSetup& s, UsbReply& reply) const {
  u8 low = 0;
  if (s.request() == kGetDeviceStatus) {
    const UsbConfigurationTable* c = active();
    const UsbPersonality* p = personality();
    if (c == nullptr && p != nullptr && !p->configurations.empty()) c = &p->configurations[0];
    const bool self_powered = c != nullptr && (c->attributes & kUsbSelfPowered) != 0;
    const bool wakes = base_.remote_wakeup && speed() != UsbSpeed::Super;
    low = static_cast<u8>((self_powered ? 1u : 0u) | (wakes ? 2u : 0u) |
                          u32{base_.features} << kFeatureStatusBit);
  } else if (s.request() == kGetInterfaceStatus) {
    if (s.wIndex >= kInterfaces || interface(static_cast<u8>(s.wIndex)) == nullptr)
      return UsbStatus::Stall;
    // USB 3.2, figure 9-5: function remote wake capable, and enabled.
    const bool can = active()->attributes & kUsbRemoteWakeup;
    if (speed() == UsbSpeed::Super && s.wIndex == 0 && can)
      low = base_.remote_wakeup ? u8{3} : u8{1};
  } else {
    if (!has_endpoint(s.wIndex)) return UsbStatus::Stall;
    low = halted(static_cast<u8>(s.wIndex)) ? u8{1} : u8{0};
  }
  reply = {low, 0};
  return UsbStatus::Ok;
}

UsbStatus UsbDescribedDevice::device_feature(const UsbSetup& s, bool set) {
  if (s.wValue == kDeviceRemoteWakeup) {
    const UsbConfigurationTable* c = active();
    if (set && (c == nullptr || (c->attributes & kUsbRemoteWakeup) == 0)) return UsbStatus::Stall;
    base_.remote_wakeup = set;
    return UsbStatus::Ok;
  }
  if (speed() != UsbSpeed::Super || s.wValue < kU1Enable || s.wValue > kLtmEnable ||
      base_.configuration == 0)
    return UsbStatus::Stall;
  const u8 b = static_cast<u8>(1u << (s.wValue - kU1Enable));
  base_.features = static_cast<u8>(set ? base_.features | b : base_.features & ~b);
  return UsbStatus::Ok;
}

/// FUNCTION_SUSPEND is how SuperSpeed allows remote wakeup (USB 3.2, 9.4.9).
UsbStatus UsbDescribedDevice::interface_feature(const UsbSetup& s) {
  const u8 number = static_cast<u8>(s.wIndex);
  if (speed() != UsbSpeed::Super || s.wValue != kFunctionSuspend || interface(number) == nullptr)
    return UsbStatus::Stall;
  base_.remote_wakeup = s.request() == kSetInterfaceFeature && bit(s.wIndex, 9) &&
                        (active()->attributes & kUsbRemoteWakeup) != 0;
  return UsbStatus::Ok;
}

UsbStatus UsbDescribedDevice::endpoint_feature(const UsbSetup& s, bool set) {
  if (s.wValue != kEndpointHalt || !has_endpoint(s.wIndex)) return UsbStatus::Stall;
  const u8 address = static_cast<u8>(s.wIndex);
  if ((address & 0x7f) == 0) return UsbStatus::Ok;  // endpoint 0 takes every setup packet
  if (set) {
    halt(address);
  } else {
    base_.halted &= ~(u32{1} << index(address));
    halt_cleared(address);
  }
  return UsbStatus::Ok;
}

UsbStatus UsbDescribedDevice::set_configuration(const UsbSetup& s) {
  const UsbPersonality* p = personality();
  const auto known = [&](const UsbConfigurationTable& c) { return c.value == s.wValue; };
  if (p == nullptr || base_.address == 0 ||
      (s.wValue != 0 && std::none_of(p->configurations.begin(), p->configurations.end(), known)))
    return UsbStatus::Stall;
  base_.configuration = static_cast<u8>(s.wValue);
  base_.halted = 0;
  base_.alternate = {};
  base_.features = 0;
  configured(base_.configuration);
  return UsbStatus::Ok;
}

UsbStatus UsbDescribedDevice::set_interface(const UsbSetup& s) {
  const UsbConfigurationTable* c = active();
  const auto known = [&](const UsbInterfaceTable& i) {
    return i.number == s.wIndex && i.alternate == s.wValue;
  };
  if (c == nullptr || s.wIndex >= kInterfaces ||
      std::none_of(c->interfaces.begin(), c->interfaces.end(), known))
    return UsbStatus::Stall;
  const u8 number = static_cast<u8>(s.wIndex);
  base_.alternate[number] = static_cast<u8>(s.wValue);
  for (const UsbInterfaceTable& i : c->interfaces)
    if (i.number == number)
      for (const UsbEndpointTable& e : i.endpoints) base_.halted &= ~(u32{1} << index(e.address));
  interface_chosen(number, alternate(number));
  return UsbStatus::Ok;
}

}  // namespace quince::hw
