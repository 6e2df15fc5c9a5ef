// Port registers.  See root_hub.h.
#include "hw/usb/xhci/root_hub.h"

#include <fmt/format.h>

#include "hw/core/archive.h"

namespace quince::hw {

using namespace xhci;

namespace {
constexpr u32 kWakes = kWce | kWde | kWoe;
constexpr UsbSpeeds kUsb2{UsbSpeed::Low, UsbSpeed::Full, UsbSpeed::High};
constexpr UsbSpeeds kUsb3{UsbSpeed::Super};
}  // namespace

constexpr std::array<Reg<XhciPort>, 4> XhciPort::kRegs{{
    {{0x0, "PORTSC"}, Op::get<&XhciPort::portsc>, Op::set<&XhciPort::set_portsc>},
    {{0x4, "PORTPMSC"}, Op::constant<0>, Op::ignore},
    {{0x8, "PORTLI"}, Op::constant<0>, Op::ignore},
    {{0xc, "PORTHLPMC"}, Op::constant<0>, Op::ignore},
}};

std::span<const Reg<XhciPort>> XhciPort::regs() {
  static_assert(well_formed(kRegs));
  return kRegs;
}

XhciPort::XhciPort(XhciRootHub& hub, XhciCore& core, unsigned number, bool super,
                   UsbPort& connector)
    : RegMapDevice(fmt::format("{}.port{}", core.name, number)),
      hub_(hub),
      core_(core),
      number_(number),
      super_(super),
      connector_(connector) {}

UsbDevice* XhciPort::device() const {
  UsbDevice* d = connector_.device();
  return d != nullptr && (d->speed() == UsbSpeed::Super) == super_ ? d : nullptr;
}

void XhciPort::reset() {
  s_ = {};
  if (device() != nullptr) attached();
  follow();
}

void XhciPort::snapshot(Archive& ar) {
  ar.field("pp", s_.pp);
  ar.field("ped", s_.ped);
  ar.field("pls", s_.pls);
  ar.field("changes", s_.changes);
  ar.field("wakes", s_.wakes);
  if (static_cast<u8>(s_.pls) > 15) ar.refuse("pls", "out of range");
  if ((s_.changes & ~kPortChanges) != 0) ar.refuse("changes", "out of range");
  if ((s_.wakes & ~kWakes) != 0) ar.refuse("wakes", "out of range");
}

void XhciPort::restored() {
  if (device() == nullptr) {
    if (s_.ped) s_.pls = Pls::RxDetect;
    s_.ped = false;
  } else {
    connector_.restore_state(connector_state());
  }
}

// ---- What happens at the connector -------------------------------------------------------------

UsbPort::State XhciPort::connector_state() const {
  if (!s_.pp || !s_.ped) return UsbPort::State::Disabled;
  return s_.pls == Pls::U3 || s_.pls == Pls::Resume ? UsbPort::State::Suspended
                                                    : UsbPort::State::Enabled;
}

/// The connector gets what the registers say.
void XhciPort::follow() {
  if (device() != nullptr) connector_.set_state(connector_state());
}

/// Sets change bits; those that were clear make an event (4.19.2).
void XhciPort::change(u32 bits) {
  const bool news = (bits & ~s_.changes) != 0;
  s_.changes |= bits;
  if (!news) return;
  core_.usbsts |= kPcd;
  hub_.changed(number_);
}

void XhciPort::attached() {
  if (!s_.pp) return;
  s_.ped = super_;  // SuperSpeed trains its link by itself
  s_.pls = super_ ? Pls::U0 : Pls::Polling;
  follow();
  change(kCsc);
}

void XhciPort::detached() {
  if (!s_.pp) return;
  s_.ped = false;
  s_.pls = Pls::RxDetect;
  change(kCsc);
}

void XhciPort::remote_wakeup() {
  if (s_.pls != Pls::U3) return;
  s_.pls = Pls::Resume;
  change(kPlc);
}

// ---- PORTSC ------------------------------------------------------------------------------------

u32 XhciPort::portsc() const {
  const UsbDevice* d = s_.pp ? device() : nullptr;
  const u32 speed = d == nullptr ? 0 : static_cast<u32>(d->speed());
  return (d != nullptr ? kCcs : 0) | (s_.ped ? kPed : 0) | (s_.pp ? kPp : 0) |
         static_cast<u32>(s_.pls) << kPlsShift | speed << kSpeedShift | s_.changes | s_.wakes;
}

void XhciPort::set_portsc(u32 v) {
  s_.changes &= ~(v & kPortChanges);
  s_.wakes = v & kWakes;
  set_power((v & kPp) != 0);
  if (!s_.pp) return;
  if ((v & (kPr | (super_ ? kWpr : 0))) != 0) return port_reset((v & kPr) == 0);
  if ((v & kPed) != 0) return disable();
  if ((v & kLws) != 0) set_link(static_cast<Pls>(bits(v, kPlsShift + 3, kPlsShift)));
}

void XhciPort::set_power(bool on) {
  if (on == s_.pp) return;
  s_.pp = on;
  s_.ped = false;
  s_.pls = on ? Pls::RxDetect : Pls::Disabled;
  follow();
  if (on && device() != nullptr) attached();
}

void XhciPort::port_reset(bool warm) {
  if (device() == nullptr) return;
  connector_.reset();
  s_.ped = true;
  s_.pls = Pls::U0;
  change(kPrc | (warm && super_ ? kWrc : 0));
}

/// By software (4.19.1.1.6, 4.19.1.2.1).
void XhciPort::disable() {
  if (!s_.ped) return;
  s_.ped = false;
  s_.pls = super_ ? Pls::Disabled : Pls::Polling;
  follow();
}

/// Port Link State Write Strobe (4.15).
void XhciPort::set_link(Pls to) {
  const Pls from = s_.pls;
  switch (to) {
    case Pls::U0:
      if (!s_.ped || from == Pls::U0) return;
      s_.pls = Pls::U0;
      follow();
      // The end of a suspension; leaving U1 or U2 would be silent.
      if (from == Pls::U3 || from == Pls::Resume) change(kPlc);
      return;
    case Pls::U3:
      if (!s_.ped || from >= Pls::U3) return;
      s_.pls = Pls::U3;
      return follow();
    case Pls::Resume:
      // Software drives resume signalling on USB 2 before it asks for U0 (4.15.2.2).
      if (!super_ && s_.ped && from == Pls::U3) s_.pls = Pls::Resume;
      return;
    case Pls::Disabled:
      if (super_) disable();
      return;
    case Pls::RxDetect:
      // A SuperSpeed port that software had disabled looks for a device again.
      if (super_ && from == Pls::Disabled) {
        s_.pls = Pls::RxDetect;
        if (device() != nullptr) attached();
      }
      return;
    case Pls::U1:
    case Pls::U2:
    case Pls::Polling:
      return;
  }
}

// ---- The hub -----------------------------------------------------------------------------------

XhciRootHub::XhciRootHub(XhciCore& core, UsbBus& bus, XhciPortEvents& events) : events_(events) {
  const unsigned p2 = core.config.p2, p3 = core.config.p3;
  for (unsigned i = 0; i < std::max(p2, p3); ++i) {
    UsbSpeeds speeds;
    if (i < p2) speeds = speeds | kUsb2;
    if (i < p3) speeds = speeds | kUsb3;
    connectors_.push_back(std::make_unique<UsbPort>(bus, *this, i + 1, speeds));
  }
  for (unsigned i = 0; i < p3; ++i)
    ports_.push_back(std::make_unique<XhciPort>(*this, core, i + 1, true, *connectors_[i]));
  for (unsigned i = 0; i < p2; ++i)
    ports_.push_back(std::make_unique<XhciPort>(*this, core, p3 + i + 1, false, *connectors_[i]));
}

UsbPort* XhciRootHub::connector(unsigned number) {
  return number >= 1 && number <= connectors_.size() ? connectors_[number - 1].get() : nullptr;
}

XhciPort* XhciRootHub::port_of(const UsbPort& connector) {
  for (const auto& p : ports_)
    if (&p->connector() == &connector && p->device() != nullptr) return p.get();
  return nullptr;
}

void XhciRootHub::reset() {
  for (const auto& p : ports_) p->reset();
}

void XhciRootHub::snapshot(Archive& ar) {
  for (const auto& p : ports_)
    ar.section(fmt::format("port{}", p->number()), [&](Archive& a) { p->snapshot(a); });
}

void XhciRootHub::restored() {
  for (const auto& p : ports_) p->restored();
}

void XhciRootHub::attached(UsbPort& connector) {
  if (XhciPort* p = port_of(connector); p != nullptr) p->attached();
}

void XhciRootHub::detached(UsbPort& connector) {
  if (XhciPort* p = port_of(connector); p != nullptr) p->detached();
}

void XhciRootHub::remote_wakeup(UsbPort& connector) {
  if (XhciPort* p = port_of(connector); p != nullptr) p->remote_wakeup();
}

}  // namespace quince::hw
