// Commands that read input contexts and change slots (xHCI 1.2, 4.6.5 to 4.6.7, 4.6.11, 6.2).
#include <optional>

#include "hw/usb/xhci/commands.h"

namespace quince::hw {

using namespace xhci;

namespace {

// An input context: control context, slot context, endpoint contexts.
constexpr unsigned kInputControl = 0, kInputSlot = 1, kInputEndpoint0 = 2;
constexpr unsigned input_of(unsigned dci) { return dci + 1; }
// The low bits of the add and drop flags: slot, endpoint 0.
constexpr u32 kSlotFlag = 1, kEndpoint0Flag = 2, kBothFlags = 3;

// Words of a slot context (6.2.2).
u32 word(std::span<const u8, kContextSize> c, unsigned n) { return load_le<u32>(&c[4 * n]); }
void set_word(std::span<u8, kContextSize> c, unsigned n, u32 v) { store_le<u32>(&c[4 * n], v); }
constexpr u32 kRouteMask = 0xf'ffff;
constexpr unsigned kEntriesHigh = 31, kEntriesLow = 27;
constexpr unsigned kInterrupterLow = 22;
constexpr unsigned kStateLow = 27;
constexpr u32 kMaxExitLatency = 0xffff;

u32 state_word(SlotState state, u8 address) {
  return static_cast<u32>(state) << kStateLow | address;
}

/// Stalls and errors of a request that the controller made itself.
Code code_of(UsbStatus s) {
  return s == UsbStatus::Stall ? Code::StallError : Code::UsbTransactionError;
}

}  // namespace

bool XhciCommands::read_context(u64 base, unsigned index, Context& out) {
  return core_.read((base & ~u64{0xf}) + kContextSize * index, out);
}

/// Takes an endpoint over, and writes its context out.
bool XhciCommands::enable_endpoint(unsigned n, unsigned dci, const XhciEndpoint& e,
                                   Context context) {
  transfers_.disable(n, dci);
  transfers_.slot(n).ep[dci] = e;
  set_word(context, 0, (word(context, 0) & ~u32{7}) | static_cast<u32>(EpState::Running));
  return core_.write(transfers_.slot(n).context + kContextSize * dci, context);
}

void XhciCommands::update_slot_state(unsigned n, SlotState state, u8 address) {
  XhciSlot& s = transfers_.slot(n);
  s.state = state;
  std::array<u8, 4> bytes;
  store_le<u32>(bytes.data(), state_word(state, address));
  core_.write(s.context + 12, bytes);
}

Code XhciCommands::address_device(const Trb& trb, unsigned n) {
  XhciSlot& s = transfers_.slot(n);
  const bool block = trb.has(kBsr);
  if (s.state >= SlotState::Addressed || (block && s.state != SlotState::Enabled))
    return Code::ContextStateError;
  Context control, slot, ep0;
  std::array<u8, 8> entry;
  if (!read_context(trb.parameter, kInputControl, control) ||
      !read_context(trb.parameter, kInputSlot, slot) ||
      !read_context(trb.parameter, kInputEndpoint0, ep0) ||
      !core_.read(core_.dcbaap + 8 * n, entry))
    return Code::TrbError;
  if (word(control, 0) != 0 || word(control, 1) != kBothFlags) return Code::TrbError;
  XhciEndpoint endpoint;
  if (!transfers_.configure(endpoint, 1, ep0)) return Code::ParameterError;
  const u32 route = word(slot, 0) & kRouteMask;
  const u8 root_port = static_cast<u8>(word(slot, 1) >> 16);
  if (root_port < 1 || root_port > core_.config.ports()) return Code::TrbError;
  UsbDevice* const device = events_.find_device(root_port, route);
  if (device == nullptr) return Code::UsbTransactionError;
  const unsigned owner = transfers_.slot_of(*device);
  if (owner != 0 && owner != n) return Code::TrbError;
  if (!block) {
    const UsbStatus status =
        transfers_.request(*device, {.bRequest = 5, .wValue = static_cast<u16>(n)});
    if (status != UsbStatus::Ok) return code_of(status);
  }
  s.context = load_le<u64>(entry.data()) & ~u64{0x3f};
  s.root_port = root_port;
  s.route = route;
  s.present = true;
  s.interrupter = static_cast<u16>(word(slot, 2) >> kInterrupterLow);
  s.state = block ? SlotState::Default : SlotState::Addressed;
  transfers_.set_device(n, device);
  set_word(slot, 3, state_word(s.state, block ? u8{0} : static_cast<u8>(n)));
  if (!core_.write(s.context, slot) || !enable_endpoint(n, 1, endpoint, ep0)) return Code::TrbError;
  return Code::Success;
}

/// The DC flag: back to the addressed state.
Code XhciCommands::deconfigure(unsigned n) {
  for (unsigned dci = 2; dci < kDcis; ++dci) transfers_.disable(n, dci);
  update_slot_state(n, SlotState::Addressed, static_cast<u8>(n));
  return Code::Success;
}

Code XhciCommands::configure_endpoint(const Trb& trb, unsigned n) {
  XhciSlot& s = transfers_.slot(n);
  if (s.state < SlotState::Addressed) return Code::ContextStateError;
  if (trb.has(kDeconfigure)) return deconfigure(n);
  Context control, input, output;
  if (!read_context(trb.parameter, kInputControl, control) ||
      !read_context(trb.parameter, kInputSlot, input))
    return Code::TrbError;
  const u32 drop = word(control, 0), add = word(control, 1);
  if ((drop & kBothFlags) != 0 || (add & kBothFlags) != kSlotFlag) return Code::TrbError;
  // All or nothing: every endpoint is looked at before one is changed.
  std::array<XhciEndpoint, kDcis> made;
  std::array<Context, kDcis> contexts;
  for (unsigned dci = 2; dci < kDcis; ++dci) {
    if (!bit(add, dci)) continue;
    if (!read_context(trb.parameter, input_of(dci), contexts[dci])) return Code::TrbError;
    if (!transfers_.configure(made[dci], dci, contexts[dci])) return Code::ParameterError;
  }
  for (unsigned dci = 2; dci < kDcis; ++dci) {
    if (bit(drop, dci)) transfers_.disable(n, dci);
    if (bit(add, dci) && !enable_endpoint(n, dci, made[dci], contexts[dci])) return Code::TrbError;
  }
  if (!core_.read(s.context, output)) return Code::TrbError;
  // What a hub says of itself comes with the same command (6.2.2.2): route, speed and port stay.
  constexpr u32 kHubFlags = u32{1} << 25 | u32{1} << 26, kPorts = 0xff00'0000, kTtt = 3u << 16;
  u32 w0 = word(output, 0);
  w0 = static_cast<u32>(
      with_bits(w0, kEntriesHigh, kEntriesLow, bits(word(input, 0), kEntriesHigh, kEntriesLow)));
  set_word(output, 0, (w0 & ~kHubFlags) | (word(input, 0) & kHubFlags));
  set_word(output, 1, (word(output, 1) & ~kPorts) | (word(input, 1) & kPorts));
  set_word(output, 2, (word(output, 2) & ~kTtt) | (word(input, 2) & kTtt));
  bool any = false;
  for (unsigned dci = 2; dci < kDcis; ++dci) any = any || s.ep[dci].enabled();
  s.state = any ? SlotState::Configured : SlotState::Addressed;
  set_word(output, 3, state_word(s.state, static_cast<u8>(n)));
  return core_.write(s.context, output) ? Code::Success : Code::TrbError;
}

Code XhciCommands::evaluate_context(const Trb& trb, unsigned n) {
  XhciSlot& s = transfers_.slot(n);
  if (s.state < SlotState::Default) return Code::ContextStateError;
  Context control, input, output;
  if (!read_context(trb.parameter, kInputControl, control)) return Code::TrbError;
  const u32 add = word(control, 1);
  if (word(control, 0) != 0 || (add & ~kBothFlags) != 0) return Code::TrbError;
  if ((add & kEndpoint0Flag) != 0) {
    if (!read_context(trb.parameter, kInputEndpoint0, input) ||
        !core_.read(s.context + kContextSize, output))
      return Code::TrbError;
    const u16 max_packet = static_cast<u16>(word(input, 1) >> 16);
    if (max_packet == 0) return Code::ParameterError;
    s.ep[1].max_packet = max_packet;
    set_word(output, 1, (word(output, 1) & 0xffff) | u32{max_packet} << 16);
    if (!core_.write(s.context + kContextSize, output)) return Code::TrbError;
  }
  if ((add & kSlotFlag) != 0) {
    if (!read_context(trb.parameter, kInputSlot, input) || !core_.read(s.context, output))
      return Code::TrbError;
    s.interrupter = static_cast<u16>(word(input, 2) >> kInterrupterLow);
    set_word(output, 1, (word(output, 1) & ~kMaxExitLatency) | (word(input, 1) & kMaxExitLatency));
    constexpr u32 kOthers = (u32{1} << kInterrupterLow) - 1;
    set_word(output, 2, (word(output, 2) & kOthers) | (word(input, 2) & ~kOthers));
    if (!core_.write(s.context, output)) return Code::TrbError;
  }
  return Code::Success;
}

Code XhciCommands::reset_device(unsigned n) {
  XhciSlot& s = transfers_.slot(n);
  if (s.state < SlotState::Addressed) return Code::ContextStateError;
  for (unsigned dci = 2; dci < kDcis; ++dci) transfers_.disable(n, dci);
  Context output;
  if (!core_.read(s.context, output)) return Code::TrbError;
  s.state = SlotState::Default;
  set_word(output, 0, static_cast<u32>(with_bits(word(output, 0), kEntriesHigh, kEntriesLow, 1)));
  set_word(output, 3, state_word(s.state, 0));
  return core_.write(s.context, output) ? Code::Success : Code::TrbError;
}

}  // namespace quince::hw
