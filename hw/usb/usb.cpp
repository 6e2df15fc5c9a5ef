// USB ports and packets.  See usb.h.
#include "hw/usb/usb.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/assert.h"

namespace quince::hw {

namespace {

/// Calls `f` for a device and for all that is plugged in behind it.
template <class F>
void for_tree(UsbDevice& device, F&& f) {
  f(device);
  for (unsigned n = 1; n <= device.ports(); ++n)
    if (UsbPort* p = device.downstream(n); p != nullptr && p->device() != nullptr)
      for_tree(*p->device(), f);
}

/// Hubs above a device that would be plugged in here.
unsigned hubs_above(const UsbPort& port) {
  unsigned n = 0;
  for (const UsbDevice* hub = port.hub(); hub != nullptr && hub->port() != nullptr;
       hub = hub->port()->hub())
    ++n;
  return n;
}

/// The longest chain of hubs in a tree.
unsigned hubs_below(UsbDevice& device) {
  if (device.ports() == 0) return 0;
  unsigned deepest = 0;
  for (unsigned n = 1; n <= device.ports(); ++n)
    if (UsbPort* p = device.downstream(n); p != nullptr && p->device() != nullptr)
      deepest = std::max(deepest, hubs_below(*p->device()));
  return deepest + 1;
}

UsbPort* free_behind(UsbPort& port, UsbSpeeds speeds) {
  UsbDevice* hub = port.device();
  if (hub == nullptr) return nullptr;
  for (unsigned n = 1; n <= hub->ports(); ++n)
    if (UsbPort* p = hub->downstream(n); p != nullptr && p->device() == nullptr &&
                                         p->speeds().fastest_common(speeds) != UsbSpeed::None)
      return p;
  for (unsigned n = 1; n <= hub->ports(); ++n)
    if (UsbPort* p = hub->downstream(n); p != nullptr)
      if (UsbPort* found = free_behind(*p, speeds); found != nullptr) return found;
  return nullptr;
}

}  // namespace

const char* to_string(UsbStatus s) {
  switch (s) {
    case UsbStatus::Ok:
      return "ok";
    case UsbStatus::Nak:
      return "nak";
    case UsbStatus::Stall:
      return "stall";
    case UsbStatus::Babble:
      return "babble";
    case UsbStatus::TransactionError:
      return "transaction error";
    case UsbStatus::Pending:
      return "pending";
  }
  return "?";
}

// ---- Packets -----------------------------------------------------------------------------------

void UsbPacket::start(bool in, u8 endpoint, u16 stream, u32 length) {
  in_ = in;
  endpoint_ = endpoint;
  stream_ = stream;
  length_ = length;
  moved_ = 0;
  overrun_ = failed_ = false;
}

u32 UsbPacket::write(std::span<const u8> bytes) {
  QUINCE_ASSERT(in_);
  if (bytes.size() > left()) overrun_ = true;
  const u32 n = static_cast<u32>(std::min<std::size_t>(bytes.size(), left()));
  if (n != 0 && !put(moved_, bytes.first(n))) failed_ = true;
  moved_ += n;
  return n;
}

u32 UsbPacket::read(std::span<u8> bytes) {
  QUINCE_ASSERT(!in_);
  const u32 n = static_cast<u32>(std::min<std::size_t>(bytes.size(), left()));
  std::fill(bytes.begin() + n, bytes.end(), u8{0});
  if (n != 0 && !get(moved_, bytes.first(n))) {
    std::fill_n(bytes.begin(), n, u8{0});
    failed_ = true;
  }
  moved_ += n;
  return n;
}

// ---- Devices -----------------------------------------------------------------------------------

UsbDevice::~UsbDevice() {
  // The derived part is gone already, so this is no detach(), which would call it.
  if (port_ == nullptr) return;
  if (UsbBus* bus = port_->bus(); bus != nullptr) bus->destroyed(*this);
  port_->device_ = nullptr;
}

bool UsbDevice::reachable() const {
  const UsbDevice* d = this;
  while (d->port_ != nullptr && d->port_->state() != UsbPort::State::Disabled) {
    if (d->port_->hub() == nullptr) return true;
    d = d->port_->hub();
  }
  return false;
}

bool UsbDevice::suspended() const {
  for (const UsbDevice* d = this; d != nullptr && d->port_ != nullptr; d = d->port_->hub())
    if (d->port_->state() == UsbPort::State::Suspended) return true;
  return false;
}

// ---- Ports -------------------------------------------------------------------------------------

UsbPort::~UsbPort() {
  if (device_ == nullptr) return;
  device_->port_ = nullptr;
  device_->speed_ = UsbSpeed::None;
}

UsbBus* UsbPort::bus() const {
  const UsbPort* p = this;
  while (p->hub_ != nullptr) {
    p = p->hub_->port();
    if (p == nullptr) return nullptr;
  }
  return p->bus_;
}

std::string UsbPort::path() const {
  if (hub_ == nullptr) return fmt::format("{}", number_);
  if (hub_->port() == nullptr) return "";
  return fmt::format("{}.{}", hub_->port()->path(), number_);
}

Result<void> UsbPort::attach(UsbDevice& device) {
  QUINCE_ASSERT(device.port_ == nullptr);
  if (device_ != nullptr) return fail("USB port {} is in use", path());
  const UsbSpeed speed = speeds_.fastest_common(device.speeds());
  if (speed == UsbSpeed::None) return fail("USB port {} has not the device's speed", path());
  if (hubs_above(*this) + hubs_below(device) > UsbBus::kMaxHubs)
    return fail("USB port {} is behind too many hubs", path());
  device_ = &device;
  device.port_ = this;
  device.speed_ = speed;
  owner_.attached(*this);
  return {};
}

void UsbPort::detach() {
  if (device_ == nullptr) return;
  set_state(State::Disabled);
  // A port that was disabled already may still have slots that name the device.
  if (UsbBus* b = bus(); b != nullptr) for_tree(*device_, [&](UsbDevice& d) { b->removed(d); });
  owner_.detached(*this);
  UsbDevice& gone = *device_;
  device_ = nullptr;
  gone.port_ = nullptr;
  gone.speed_ = UsbSpeed::None;
}

void UsbPort::set_state(State state) {
  const State before = state_;
  if (state == before) return;
  state_ = state;
  UsbBus* const b = bus();
  if (b == nullptr || device_ == nullptr) return;
  for_tree(*device_, [&](UsbDevice& d) {
    if (state == State::Disabled)
      b->unreachable(d);
    else if (state == State::Suspended)
      b->suspended(d);
    else if (before == State::Suspended)
      b->resumed(d);
  });
}

void UsbPort::reset() {
  if (device_ == nullptr) return;
  set_state(State::Disabled);
  device_->usb_reset();
  set_state(State::Enabled);
}

void UsbPort::wakeup(u8 endpoint) {
  UsbBus* const b = bus();
  if (b != nullptr && device_ != nullptr) b->wakeup(*device_, endpoint);
}

void UsbPort::remote_wakeup() {
  if (device_ == nullptr) return;
  // The suspended port may be further up: a hub passes the signal on (USB 2.0, 11.9).
  for (UsbPort* p = this; p != nullptr; p = p->hub_ == nullptr ? nullptr : p->hub_->port())
    if (p->state_ == State::Suspended) return p->owner_.remote_wakeup(*p);
}

// ---- Bus ---------------------------------------------------------------------------------------

Result<UsbPort*> UsbBus::find(std::string_view path) {
  const auto bad = [&] { return fail("there is no USB port '{}'", path); };
  UsbDevice* hub = nullptr;
  const char* at = path.data();
  const char* const end = at + path.size();
  for (;;) {
    unsigned number = 0;
    const auto [next, error] = std::from_chars(at, end, number);
    if (error != std::errc{}) return bad();
    UsbPort* const p = hub == nullptr ? port(number) : hub->downstream(number);
    if (p == nullptr) return bad();
    if (next == end) return p;
    if (*next != '.' || p->device() == nullptr) return bad();
    hub = p->device();
    at = next + 1;
  }
}

UsbPort* UsbBus::first_free(UsbSpeeds speeds) {
  for (unsigned n = 1; n <= ports(); ++n)
    if (UsbPort* p = port(n);
        p->device() == nullptr && p->speeds().fastest_common(speeds) != UsbSpeed::None)
      return p;
  for (unsigned n = 1; n <= ports(); ++n)
    if (UsbPort* found = free_behind(*port(n), speeds); found != nullptr) return found;
  return nullptr;
}

}  // namespace quince::hw
