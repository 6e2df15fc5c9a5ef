// The command ring.  See commands.h; commands_context.cpp has those that read contexts.
#include "hw/usb/xhci/commands.h"

#include "hw/core/archive.h"

namespace quince::hw {

using namespace xhci;

namespace {
constexpr u32 kCrcrPointer = ~u32{0x3f};
constexpr u32 kNecFirmware = 0x3025;
constexpr u32 kNecKey = 0x49434878;
constexpr u8 kBandwidth = 80;  // percent, of every port
constexpr unsigned kStreamTypeLow = 1, kStreamTypeHigh = 3;
}  // namespace

XhciCommands::XhciCommands(XhciCore& core, XhciEvents& events, XhciTransfers& transfers)
    : core_(core),
      events_(events),
      transfers_(transfers),
      timer_(core.timers, core.name + ".commands", &Bind<&XhciCommands::on_timer>::call, this) {}

void XhciCommands::reset() {
  ring_ = {};
  running_ = false;
  go_on_at(kNever);
}

void XhciCommands::snapshot(Archive& ar) {
  ar.field("ring", ring_.address);
  ar.field("cycle", ring_.cycle);
  ar.field("running", running_);
  ar.field("due_ns", due_ns_);
}

void XhciCommands::restored() { timer_.arm(due_ns_); }

void XhciCommands::go_on_at(u64 ns) {
  due_ns_ = ns;
  timer_.arm(ns);
}

// ---- The ring ----------------------------------------------------------------------------------

/// While the ring runs, the pointer does not change (5.4.5).
void XhciCommands::set_crcr_low(u32 v) {
  if (running_) {
    if ((v & (kCommandStop | kCommandAbort)) == 0) return;
    running_ = false;
    go_on_at(kNever);
    return complete(ring_.address, {.code = Code::CommandRingStopped});
  }
  ring_.address = with_bits(ring_.address, 31, 0, v & kCrcrPointer);
  ring_.cycle = (v & kRcs) != 0;
}

void XhciCommands::set_crcr_high(u32 v) {
  if (!running_) ring_.address = with_bits(ring_.address, 63, 32, v);
}

void XhciCommands::doorbell() {
  if (!core_.running()) return;
  running_ = true;
  run();
}

void XhciCommands::halted() {
  running_ = false;
  go_on_at(kNever);
}

void XhciCommands::kick() {
  if (running_ && due_ns_ == kNever) go_on_at(core_.now());
}

void XhciCommands::on_timer() {
  events_.due_before_commands();
  run();
}

void XhciCommands::run() {
  go_on_at(kNever);
  for (unsigned n = 0; running_ && core_.running(); ++n) {
    if (events_.blocked(0)) return;  // kick() goes on
    if (n == kMaxCommands) return go_on_at(core_.now() + kMicroframe);
    Trb trb;
    u64 address = 0;
    XhciRingPlace place = ring_;
    switch (fetch_trb(core_, place, trb, address)) {
      case XhciFetch::Trb:
        break;
      case XhciFetch::Empty:
      case XhciFetch::Fault:
        return;
      case XhciFetch::Loop:
        return core_.controller_error("the command ring is a loop of links");
    }
    ring_ = place;
    const Result r = execute(trb);
    if (core_.running()) complete(address, r);
  }
}

/// Always to interrupter 0.
void XhciCommands::complete(u64 pointer, const Result& r) {
  events_.post(0,
               {.parameter = pointer,
                .status = Trb::code_bits(r.code) | r.parameter,
                .control = Trb::type_bits(r.type) | r.slot << 24 | u32{r.upper} << 16},
               false);
}

// ---- Commands ----------------------------------------------------------------------------------

XhciCommands::Result XhciCommands::execute(const Trb& trb) {
  switch (trb.type()) {
    case TrbType::NoOpCommand:
      return {};
    case TrbType::EnableSlot:
      return enable_slot();
    case TrbType::GetPortBandwidth:
      return {.code = get_port_bandwidth(trb), .slot = trb.slot()};
    case TrbType::DisableSlot:
    case TrbType::AddressDevice:
    case TrbType::ConfigureEndpoint:
    case TrbType::EvaluateContext:
    case TrbType::ResetEndpoint:
    case TrbType::StopEndpoint:
    case TrbType::SetTrDequeuePointer:
    case TrbType::ResetDevice:
      return slot_command(trb);
    case TrbType::NecGetFirmware:
      if (!core_.config.nec) break;
      return {.type = TrbType::NecCommandCompletion, .parameter = kNecFirmware};
    case TrbType::NecChallenge:
      if (!core_.config.nec) break;
      return nec_challenge(trb);
    default:
      break;
  }
  return {.code = Code::TrbError};
}

XhciCommands::Result XhciCommands::slot_command(const Trb& trb) {
  const unsigned n = trb.slot();
  if (n < 1 || n > core_.config.slots) return {.code = Code::TrbError, .slot = n};
  if (!transfers_.slot(n).enabled) return {.code = Code::SlotNotEnabled, .slot = n};
  return {.code = on_slot(trb, n), .slot = n};
}

Code XhciCommands::on_slot(const Trb& trb, unsigned n) {
  switch (trb.type()) {
    case TrbType::DisableSlot:
      if (transfers_.slot(n).context != 0) update_slot_state(n, SlotState::Enabled, 0);
      transfers_.disable_slot(n);
      return Code::Success;
    case TrbType::AddressDevice:
      return address_device(trb, n);
    case TrbType::ConfigureEndpoint:
      return configure_endpoint(trb, n);
    case TrbType::EvaluateContext:
      return evaluate_context(trb, n);
    case TrbType::ResetDevice:
      return reset_device(n);
    default:
      return on_endpoint(trb, n, trb.endpoint());
  }
}

Code XhciCommands::on_endpoint(const Trb& trb, unsigned n, unsigned dci) {
  if (dci == 0) return Code::TrbError;
  XhciEndpoint& e = transfers_.slot(n).ep[dci];
  if (!e.enabled()) return Code::EndpointNotEnabled;
  switch (trb.type()) {
    case TrbType::StopEndpoint:
      if (e.state != EpState::Running) return Code::ContextStateError;
      transfers_.stop(n, dci);
      return Code::Success;
    case TrbType::ResetEndpoint:
      if (e.state != EpState::Halted) return Code::ContextStateError;
      e.stage = XhciStage::None;
      transfers_.set_state(n, dci, EpState::Stopped);
      return Code::Success;
    default:  // Set TR Dequeue Pointer
      if (e.state != EpState::Stopped && e.state != EpState::Error) return Code::ContextStateError;
      return transfers_.set_dequeue(
          n, dci, static_cast<u16>(trb.status >> 16), trb.parameter,
          static_cast<u8>(bits(trb.parameter, kStreamTypeHigh, kStreamTypeLow)));
  }
}

XhciCommands::Result XhciCommands::enable_slot() {
  for (unsigned n = 1; n <= core_.slots(); ++n) {
    XhciSlot& s = transfers_.slot(n);
    if (s.enabled) continue;
    s = {};
    s.enabled = true;
    return {.slot = n};
  }
  return {.code = Code::NoSlotsAvailable};
}

/// What a driver of that vendor asks to know its own: a mix of both words with a key, in the parts of
/// the event that are otherwise code and slot.
XhciCommands::Result XhciCommands::nec_challenge(const Trb& trb) {
  const u32 low = static_cast<u32>(trb.parameter), high = static_cast<u32>(trb.parameter >> 32);
  const auto left = [](u32 v, u32 by) { return std::rotl(v, static_cast<int>(by & 31)); };
  const u32 sum = left(low - kNecKey, 0u - (high >> 8)) + left(low + kNecKey, high) -
                  left(high ^ kNecKey, low >> 16);
  return {.type = TrbType::NecCommandCompletion,
          .parameter = ~sum & 0xffff,
          .upper = static_cast<u16>(~sum >> 16)};
}

Code XhciCommands::get_port_bandwidth(const Trb& trb) {
  std::vector<u8> context(align_up(1 + core_.config.ports(), 8));
  std::fill_n(context.begin() + 1, core_.config.ports(), kBandwidth);
  core_.write(trb.parameter & ~u64{0xf}, context);
  return Code::Success;
}

}  // namespace quince::hw
