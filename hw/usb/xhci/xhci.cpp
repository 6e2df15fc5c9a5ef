// The controller.  See xhci.h.
#include "hw/usb/xhci/xhci.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/assert.h"
#include "hw/core/archive.h"

namespace quince::hw {

using namespace xhci;

namespace {
constexpr u64 kWrapPeriod = kMicroframe << kMfindexBits;
constexpr unsigned kRouteNibbles = 5;
}  // namespace

Xhci::Xhci(std::string_view name, const XhciConfig& config, DmaPort& dma, TimerQueue& timers,
           Log& log, XhciSignals& signals)
    : core_(name, config, dma, timers, log, signals),
      hub_(core_, *this, *this),
      transfers_(core_, *this),
      commands_(core_, *this, transfers_),
      capability_(core_),
      operational_(core_, *this),
      runtime_(core_),
      doorbells_(core_, *this),
      wrap_(timers, core_.name + ".mfindex", &Bind<&Xhci::mfindex_wrapped>::call, this) {
  QUINCE_ASSERT(config.check());
  for (unsigned n = 0; n < config.interrupters(); ++n)
    interrupters_.push_back(
        std::make_unique<XhciInterrupter>(core_, n, static_cast<XhciInterrupterOwner&>(*this)));
}

Xhci::~Xhci() = default;

// ---- State -------------------------------------------------------------------------------------

void Xhci::reset() {
  core_.usbcmd = 0;
  core_.usbsts = kHcHalted;
  core_.dcbaap = 0;
  core_.config_reg = 0;
  core_.run_since = 0;
  saved_ = false;
  operational_.reset();
  transfers_.reset();
  commands_.reset();
  for (const auto& i : interrupters_) i->reset();
  hub_.reset();
  sync_wrap();
  wire_changed();
}

void Xhci::snapshot(Archive& ar) {
  operational_.snapshot(ar);
  ar.field("saved", saved_);
  ar.field("wrap_ns", wrap_ns_);
  ar.section("commands", [&](Archive& a) { commands_.snapshot(a); });
  ar.section("transfers", [&](Archive& a) { transfers_.snapshot(a); });
  for (std::size_t n = 0; n < interrupters_.size(); ++n)
    ar.section(fmt::format("interrupter{}", n), [&](Archive& a) { interrupters_[n]->snapshot(a); });
  hub_.snapshot(ar);
}

void Xhci::restored() {
  hub_.restored();
  transfers_.restored();
  commands_.restored();
  for (const auto& i : interrupters_) i->restored();
  wrap_.arm(wrap_ns_);
  wire_changed();
}

void Xhci::signals_changed() {
  for (const auto& i : interrupters_) i->sync();
  wire_changed();
}

// ---- Events ------------------------------------------------------------------------------------

/// Which ring an event goes to (4.17.1; xhci.h).
unsigned Xhci::route(unsigned interrupter) const {
  if (interrupters_.size() == 1) return 0;
  if (core_.config.conditional_mapping && !core_.signals.messages()) return 0;
  return interrupter;
}

void Xhci::post(unsigned interrupter, const Trb& event, bool quiet) {
  const unsigned n = route(interrupter);
  if (n >= interrupters_.size()) {
    core_.log.guest_error(core_.name + " target", "{}: an event for interrupter {} of {}",
                          core_.name, n, interrupters_.size());
    return;
  }
  interrupters_[n]->post(event, quiet);
}

bool Xhci::blocked(unsigned interrupter) const {
  const unsigned n = route(interrupter);
  return n < interrupters_.size() && interrupters_[n]->blocked();
}

void Xhci::room_again() {
  transfers_.kick_all();
  commands_.kick();
}

void Xhci::port_changed(unsigned port) {
  post(0,
       {.parameter = u64{port} << 24,
        .status = Trb::code_bits(Code::Success),
        .control = Trb::type_bits(TrbType::PortStatusChange)},
       false);
}

void Xhci::wire_changed() {
  const bool any = std::any_of(interrupters_.begin(), interrupters_.end(),
                               [](const auto& i) { return i->asserts(); });
  core_.signals.set_pin(any && (core_.usbcmd & kInte) != 0);
}

/// From a root port down the route string: four bits for each hub (USB 3.2, 8.9).
UsbDevice* Xhci::find_device(unsigned root_port, u32 route) {
  if (root_port < 1 || root_port > hub_.ports()) return nullptr;
  UsbDevice* d = hub_.port(root_port).device();
  for (unsigned n = 0; n < kRouteNibbles && d != nullptr; ++n) {
    const unsigned number = (route >> (4 * n)) & 0xf;
    if (number == 0) break;
    UsbPort* const p = d->downstream(number);
    d = p == nullptr ? nullptr : p->device();
  }
  return d;
}

// ---- Control -----------------------------------------------------------------------------------

void Xhci::run(bool on) {
  if (on) {
    core_.usbsts &= ~kHcHalted;
    core_.run_since = core_.now();
    transfers_.started();
    // Changes of ports that happened meanwhile are told now (4.2).
    for (unsigned n = 1; n <= hub_.ports(); ++n)
      if (hub_.port(n).has_changes()) port_changed(n);
    for (const auto& i : interrupters_) i->restarted();
  } else {
    core_.usbsts |= kHcHalted;
    transfers_.stopped();
    commands_.halted();
  }
  wrap_ns_ = kNever;  // MFINDEX starts anew
  sync_wrap();
}

void Xhci::host_controller_reset() { reset(); }

void Xhci::save_state() {
  saved_ = true;
  core_.usbsts &= ~kSre;
}

void Xhci::restore_state() {
  if (saved_)
    core_.usbsts &= ~kSre;
  else
    core_.usbsts |= kSre;
}

void Xhci::command_changed() {
  for (const auto& i : interrupters_) i->sync();
  sync_wrap();
}

void Xhci::doorbell(unsigned slot, u32 v) {
  if (slot != 0) return transfers_.doorbell(slot, v & 0xff, static_cast<u16>(v >> 16));
  if ((v & 0xff) == 0) commands_.doorbell();
}

/// An event each time MFINDEX goes back to 0, when it is asked for (4.14.2).
void Xhci::sync_wrap() {
  const bool wanted = core_.running() && (core_.usbcmd & kEwe) != 0;
  if (!wanted) {
    wrap_ns_ = kNever;
  } else if (wrap_ns_ == kNever) {
    const u64 passed = (core_.now() - core_.run_since) / kWrapPeriod;
    wrap_ns_ = core_.run_since + (passed + 1) * kWrapPeriod;
  }
  if (wrap_.deadline() != wrap_ns_) wrap_.arm(wrap_ns_);
}

void Xhci::due_before_transfers() {
  if (wrap_ns_ <= core_.now()) mfindex_wrapped();
}

void Xhci::due_before_commands() {
  due_before_transfers();
  transfers_.tick_if_due();
}

void Xhci::mfindex_wrapped() {
  wrap_ns_ = kNever;
  post(0,
       {.status = Trb::code_bits(Code::Success), .control = Trb::type_bits(TrbType::MfindexWrap)},
       false);
  sync_wrap();
}

}  // namespace quince::hw
