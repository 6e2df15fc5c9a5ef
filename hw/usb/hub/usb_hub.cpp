#include "hw/usb/hub/usb_hub.h"

#include "base/assert.h"
#include "hw/core/archive.h"

namespace quince::hw {

namespace {

// USB 2.0, tables 11-16 and 11-17: bmRequestType and bRequest, and feature selectors.
enum Request : u16 {
  kClearHubFeature = 0x2001,
  kClearPortFeature = 0x2301,
  kClearTtBuffer = 0x2308,
  kGetHubDescriptor = 0xa006,
  kGetHubStatus = 0xa000,
  kGetPortStatus = 0xa300,
  kResetTt = 0x2309,
  kSetPortFeature = 0x2303,
};
enum Feature : u16 {
  kPortConnection = 0,
  kPortEnable = 1,
  kPortSuspend = 2,
  kPortOverCurrent = 3,
  kPortReset = 4,
  kPortPower = 8,
  kPortLowSpeed = 9,
  kPortHighSpeed = 10,  // of wPortStatus only
  kCPortConnection = 16,
  kCPortReset = 20,
};
constexpr u16 kCHubLocalPower = 0, kCHubOverCurrent = 1;
/// A bit of wPortStatus, or of wPortChange.
constexpr u16 status_bit(Feature f) { return static_cast<u16>(1u << f % 16u); }
constexpr u16 kConnectionChange = status_bit(kPortConnection),
              kEnableChange = status_bit(kPortEnable), kSuspendChange = status_bit(kPortSuspend),
              kResetChange = status_bit(kPortReset);
constexpr u16 kAllChanges = kConnectionChange | kEnableChange | kSuspendChange | kResetChange;

// wHubCharacteristics (11.23.2.1): power switching and over-current reports for each port.
constexpr u16 kCharacteristics = 1 | 1 << 3;
constexpr u8 kPowerOnToGood = 1;  // in units of 2 ms

constexpr u8 kClassHub = 9, kSingleTt = 1;
constexpr UsbEndpointTable kEndpoints[] = {
    {.address = UsbHub::kEndpoint, .attributes = kUsbInterrupt, .max_packet = 2, .interval = 12}};
constexpr UsbInterfaceTable kInterfaces[] = {{.class_code = kClassHub, .endpoints = kEndpoints}};
constexpr UsbConfigurationTable kConfigurations[] = {
    {.attributes = kUsbSelfPowered | kUsbRemoteWakeup, .interfaces = kInterfaces}};
constexpr UsbPersonality kHigh{.bcd_usb = 0x200,
                               .class_code = kClassHub,
                               .protocol = kSingleTt,
                               .max_packet0 = 64,
                               .configurations = kConfigurations};
constexpr std::string_view kStrings[] = {"Quince", "Quince USB Hub", "1"};
constexpr UsbTable kTable{.vendor = 0x409,
                          .product = 0x55aa,
                          .bcd_device = 0x101,
                          .high = &kHigh,
                          .strings = kStrings,
                          .manufacturer = 1,
                          .product_name = 2,
                          .serial = 3};
constexpr UsbSpeeds kPortSpeeds{UsbSpeed::Low, UsbSpeed::Full, UsbSpeed::High};

}  // namespace

UsbHub::UsbHub(std::string_view name, unsigned ports, std::string serial)
    : UsbDescribedDevice(name, kTable, std::move(serial)) {
  QUINCE_ASSERT(ports >= 1 && ports <= kMaxPorts);
  UsbPortOwner& owner = *this;
  for (unsigned n = 1; n <= ports; ++n)
    ports_.push_back(std::make_unique<UsbPort>(*this, owner, n, kPortSpeeds));
}

// ---- State -------------------------------------------------------------------------------------

void UsbHub::usb_reset() {
  UsbDescribedDevice::usb_reset();
  power_off_all();
}

/// Ports have no power until the host of a configured hub gives it (11.5.1.2).
void UsbHub::configured(u8) { power_off_all(); }

void UsbHub::power_off_all() {
  for (const auto& p : ports_) set_power(*p, false);
  s_ = {};
}

void UsbHub::snapshot(Archive& ar) {
  UsbDescribedDevice::snapshot(ar);
  for (const auto& p : ports_) {
    PortState& s = of(*p);
    if (!ar.loading()) s.state = p->state();
    ar.section("port" + std::to_string(p->number()), [&](Archive& a) {
      a.field("power", s.power);
      a.field("state", s.state);
      a.field("change", s.change);
      if (s.state > UsbPort::State::Suspended) a.refuse("state", "out of range");
      if ((s.change & ~kAllChanges) != 0) a.refuse("change", "out of range");
    });
  }
}

void UsbHub::restored() {
  for (const auto& p : ports_) {
    const bool live = of(*p).power && p->device() != nullptr;
    p->restore_state(live ? of(*p).state : UsbPort::State::Disabled);
  }
}

// ---- What happens at the ports -----------------------------------------------------------------

void UsbHub::change(UsbPort& port, u16 bits) {
  of(port).change = static_cast<u16>(of(port).change | bits);
  notify(kEndpoint);
}

void UsbHub::attached(UsbPort& port) {
  if (of(port).power) change(port, kConnectionChange);
}

void UsbHub::detached(UsbPort& port) {
  if (of(port).power) change(port, kConnectionChange);
}

void UsbHub::remote_wakeup(UsbPort& port) {
  if (port.state() == UsbPort::State::Suspended) resume(port);
}

void UsbHub::resume(UsbPort& port) {
  of(port).change = static_cast<u16>(of(port).change | kSuspendChange);
  port.set_state(UsbPort::State::Enabled);
  notify(kEndpoint);
}

void UsbHub::set_power(UsbPort& port, bool on) {
  if (on == of(port).power) return;
  if (!on) {
    port.set_state(UsbPort::State::Disabled);
    of(port) = {};
    return;
  }
  of(port).power = true;
  if (port.device() != nullptr) change(port, kConnectionChange);
}

u16 UsbHub::port_status(const UsbPort& port) const {
  if (!of(port).power) return 0;
  u16 s = status_bit(kPortPower);
  const UsbDevice* d = port.device();
  if (d == nullptr) return s;
  s |= status_bit(kPortConnection);
  if (port.state() != UsbPort::State::Disabled) s |= status_bit(kPortEnable);
  if (port.state() == UsbPort::State::Suspended) s |= status_bit(kPortSuspend);
  if (d->speed() == UsbSpeed::Low) s |= status_bit(kPortLowSpeed);
  if (d->speed() == UsbSpeed::High) s |= status_bit(kPortHighSpeed);
  return s;
}

/// The status change bitmap (11.12.4): bit 0 is the hub, which never changes.
u16 UsbHub::changed_ports() const {
  u16 map = 0;
  for (const auto& p : ports_)
    if (of(*p).change != 0) map = static_cast<u16>(map | 1u << p->number());
  return map;
}

UsbStatus UsbHub::transfer(UsbPacket& packet) {
  const u16 map = changed_ports();
  if (map == 0) return UsbStatus::Nak;
  u8 bytes[2];
  store_le<u16>(bytes, map);
  packet.write(std::span(bytes).first(ports() / 8 + 1));
  return UsbStatus::Ok;
}

// ---- Requests ----------------------------------------------------------------------------------

UsbReply UsbHub::descriptor() const {
  const u8 n = static_cast<u8>(ports());
  UsbReply r{0,
             kUsbDescHub,
             n,
             static_cast<u8>(kCharacteristics),
             static_cast<u8>(kCharacteristics >> 8),
             kPowerOnToGood,
             0};
  const unsigned bitmap = n / 8u + 1;
  r.insert(r.end(), bitmap, 0);     // DeviceRemovable: every device is
  r.insert(r.end(), bitmap, 0xff);  // PortPwrCtrlMask: ones, for hosts of USB 1.0
  r[0] = static_cast<u8>(r.size());
  return r;
}

UsbStatus UsbHub::class_request(const UsbSetup& s, std::span<const u8>, UsbReply& reply) {
  UsbPort* const port = downstream(s.wIndex & 0xff);
  switch (s.request()) {
    case kGetHubDescriptor:
      // Hosts ask for any index, and some for type 0.
      if (s.value_high() != kUsbDescHub && s.wValue != 0) return UsbStatus::Stall;
      reply = descriptor();
      return UsbStatus::Ok;
    case kGetHubStatus:
      reply = {0, 0, 0, 0};
      return UsbStatus::Ok;
    case kClearHubFeature:
      return s.wValue == kCHubLocalPower || s.wValue == kCHubOverCurrent ? UsbStatus::Ok
                                                                         : UsbStatus::Stall;
    case kClearTtBuffer:
    case kResetTt:
      return UsbStatus::Ok;
    case kGetPortStatus:
      if (port == nullptr) return UsbStatus::Stall;
      reply.resize(4);
      store_le<u16>(&reply[0], port_status(*port));
      store_le<u16>(&reply[2], of(*port).change);
      return UsbStatus::Ok;
    case kSetPortFeature:
      return port == nullptr ? UsbStatus::Stall : set_port_feature(s.wValue, *port);
    case kClearPortFeature:
      return port == nullptr ? UsbStatus::Stall : clear_port_feature(s.wValue, *port);
    default:
      return UsbStatus::Stall;
  }
}

/// What a port's state does not allow has no effect (11.24.2.13).
UsbStatus UsbHub::set_port_feature(u16 feature, UsbPort& port) {
  if (configuration() == 0) return UsbStatus::Stall;
  const bool connected = of(port).power && port.device() != nullptr;
  switch (feature) {
    case kPortPower:
      set_power(port, true);
      return UsbStatus::Ok;
    case kPortReset:
      if (!connected) return UsbStatus::Ok;
      port.reset();
      change(port, kResetChange);
      return UsbStatus::Ok;
    case kPortSuspend:
      if (port.state() == UsbPort::State::Enabled) port.set_state(UsbPort::State::Suspended);
      return UsbStatus::Ok;
    default:
      return UsbStatus::Stall;
  }
}

UsbStatus UsbHub::clear_port_feature(u16 feature, UsbPort& port) {
  if (configuration() == 0) return UsbStatus::Stall;
  switch (feature) {
    case kPortEnable:
      port.set_state(UsbPort::State::Disabled);
      return UsbStatus::Ok;
    case kPortSuspend:
      if (port.state() == UsbPort::State::Suspended) resume(port);
      return UsbStatus::Ok;
    case kPortPower:
      set_power(port, false);
      return UsbStatus::Ok;
    default:
      if (feature < kCPortConnection || feature > kCPortReset) return UsbStatus::Stall;
      of(port).change = static_cast<u16>(of(port).change & ~(1u << (feature - kCPortConnection)));
      return UsbStatus::Ok;
  }
}

}  // namespace quince::hw
