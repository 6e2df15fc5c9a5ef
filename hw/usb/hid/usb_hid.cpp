#include "hw/usb/hid/usb_hid.h"

#include "hw/core/archive.h"

namespace quince::hw {

namespace {

// HID 1.11, 7.2: bmRequestType and bRequest.
enum Request : u16 {
  kGetReport = 0xa101,
  kGetIdle = 0xa102,
  kGetProtocol = 0xa103,
  kSetReport = 0x2109,
  kSetIdle = 0x210a,
  kSetProtocol = 0x210b,
};
// Report types: the high byte of wValue (7.2.1).
constexpr u8 kInput = 1, kOutput = 2;
constexpr u8 kBootInterface = 1;

}  // namespace

UsbHid::UsbHid(std::string_view name, const UsbTable& table, std::string serial, TimerQueue& timers,
               ui::Input& input, unsigned kinds)
    : UsbDescribedDevice(name, table, std::move(serial)),
      input_(input),
      kinds_(kinds),
      timers_(timers),
      idle_(timers, this->name() + ".idle", &Bind<&UsbHid::idle_over>::call, this) {
  input_.add(*this);
}

UsbHid::~UsbHid() { input_.remove(*this); }

// ---- State -------------------------------------------------------------------------------------

void UsbHid::usb_reset() {
  UsbDescribedDevice::usb_reset();
  s_ = {};
  reset_type();
  sync();
  input_.changed();
}

void UsbHid::snapshot(Archive& ar) {
  UsbDescribedDevice::snapshot(ar);
  ar.field("idle", s_.idle);
  ar.field("protocol", s_.protocol);
  ar.field("reported_ns", s_.reported_ns);
  if (s_.protocol > Protocol::Report) ar.refuse("protocol", "out of range");
  if (s_.reported_ns > timers_.now_ns()) ar.refuse("reported_ns", "in the future");
  snapshot_type(ar);
}

void UsbHid::restored() {
  restored_type();
  sync();
  input_.changed();
}

void UsbHid::configured(u8) {
  reset_type();
  sync();
  input_.changed();
}

// ---- Reports -----------------------------------------------------------------------------------

u64 UsbHid::idle_end() const {
  return s_.idle == 0 ? kNever : s_.reported_ns + s_.idle * kIdleUnit;
}

/// The timer only asks the host to look; whether the period is over follows from the time.
void UsbHid::sync() {
  const u64 end = configuration() == 0 ? kNever : idle_end();
  const u64 deadline = end > timers_.now_ns() ? end : kNever;
  if (idle_.deadline() != deadline) idle_.arm(deadline);
}

void UsbHid::idle_over() {
  // A repetition is no reason to wake a host that sleeps.
  if (!suspended()) notify(kEndpoint);
}

UsbReply UsbHid::report() {
  UsbReply r = next_report();
  s_.reported_ns = timers_.now_ns();
  sync();
  return r;
}

UsbStatus UsbHid::transfer(UsbPacket& packet) {
  if (!news() && idle_end() > timers_.now_ns()) return UsbStatus::Nak;
  packet.write(report());
  return UsbStatus::Ok;
}

void UsbHid::input(std::span<const ui::InputEvent> events) {
  if (!input_ready()) return;
  for (const ui::InputEvent& e : events) event(e);
  if (news()) notify(kEndpoint);
}

// ---- Requests ----------------------------------------------------------------------------------

UsbStatus UsbHid::class_request(const UsbSetup& s, std::span<const u8> data, UsbReply& reply) {
  if (s.wIndex != 0 || interface(0) == nullptr) return UsbStatus::Stall;
  const bool boot = interface(0)->subclass == kBootInterface;
  switch (s.request()) {
    case kGetReport:
      return get_report(s, reply);
    case kSetReport:
      return set_report(s, data);
    case kGetIdle:
      if (s.wValue != 0) return UsbStatus::Stall;
      reply = {s_.idle};
      return UsbStatus::Ok;
    case kSetIdle:
      if (s.value_low() != 0) return UsbStatus::Stall;
      s_.idle = s.value_high();
      s_.reported_ns = timers_.now_ns();
      sync();
      return UsbStatus::Ok;
    case kGetProtocol:
      if (!boot) return UsbStatus::Stall;
      reply = {static_cast<u8>(s_.protocol)};
      return UsbStatus::Ok;
    case kSetProtocol:
      if (!boot || s.wValue > 1) return UsbStatus::Stall;
      s_.protocol = static_cast<Protocol>(s.wValue);
      return UsbStatus::Ok;
    default:
      return UsbStatus::Stall;
  }
}

/// An input report is the next one, so that a host which polls with requests gets everything too.
UsbStatus UsbHid::get_report(const UsbSetup& s, UsbReply& reply) {
  if (s.value_low() != 0) return UsbStatus::Stall;
  if (s.value_high() == kInput)
    reply = report();
  else if (s.value_high() == kOutput)
    reply = last_output();
  return reply.empty() ? UsbStatus::Stall : UsbStatus::Ok;
}

UsbStatus UsbHid::set_report(const UsbSetup& s, std::span<const u8> data) {
  if (s.value_low() != 0 || s.value_high() != kOutput || !output(data)) return UsbStatus::Stall;
  return UsbStatus::Ok;
}

}  // namespace quince::hw
