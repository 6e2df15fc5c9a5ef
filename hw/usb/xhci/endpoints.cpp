// Endpoints as commands see them, and the engine's state (xHCI 1.2, 4.6, 4.8.3, 6.2.3).
#include <algorithm>

#include "hw/core/archive.h"
#include "hw/usb/xhci/transfers.h"

namespace quince::hw {

using namespace xhci;

namespace {
constexpr u8 kMaxInterval = 15;  // 4.096 s
}  // namespace

bool XhciTransfers::configure(XhciEndpoint& e, unsigned dci,
                              std::span<const u8, kContextSize> context) {
  const u32 word0 = load_le<u32>(&context[0]), word1 = load_le<u32>(&context[4]);
  const u64 dequeue = load_le<u64>(&context[8]);
  XhciEndpoint made;
  made.type = static_cast<EpType>(bits(word1, 5, 3));
  made.max_packet = static_cast<u16>(word1 >> 16);
  made.interval = static_cast<u8>(std::min<u64>(bits(word0, 23, 16), kMaxInterval));
  made.max_pstreams = static_cast<u8>(bits(word0, 14, 10));
  made.lsa = bit(word0, 15);
  made.dequeue = dequeue & ~u64{0xf};
  made.cycle = bit(dequeue, 0);
  made.state = EpState::Running;
  const bool fits = dci == 1 ? made.type == EpType::Control
                             : made.type != EpType::Control && made.type != EpType::None &&
                                   is_in(made.type) == (dci % 2 != 0);
  if (!fits || made.max_packet == 0) return false;
  if (made.max_pstreams != 0 &&
      (!is_bulk(made.type) || !core_.config.streams || made.max_pstreams > kMaxPsaSize))
    return false;
  e = made;
  return true;
}

void XhciTransfers::set_state(unsigned n, unsigned dci, EpState state) {
  slot(n).ep[dci].state = state;
  const u64 at = slot(n).context + kContextSize * dci;
  std::array<u8, 4> word;
  if (!core_.read(at, word)) return;
  word[0] = static_cast<u8>((word[0] & ~7u) | static_cast<u8>(state));
  core_.write(at, word);
}

void XhciTransfers::disable(unsigned n, unsigned dci) {
  XhciEndpoint& e = slot(n).ep[dci];
  if (!e.enabled()) return;
  each_flying([&](XhciTransfer& t) {
    if (t.slot == n && t.dci == dci) take_back(t);
  });
  e = {};
  set_state(n, dci, EpState::Disabled);
}

void XhciTransfers::disable_slot(unsigned n) {
  for (unsigned dci = 1; dci < kDcis; ++dci) disable(n, dci);
  slot(n) = {};
  set_device(n, nullptr);
}

/// Each transfer that the device has, or that waits for it to have something, is reported with code
/// Stopped and nothing moved (4.6.9).
void XhciTransfers::stop(unsigned n, unsigned dci) {
  XhciEndpoint& e = slot(n).ep[dci];
  const std::vector<u16> streams =
      e.has_streams() ? e.streams : std::vector<u16>(e.active ? 1 : 0, u16{0});
  each_flying([&](XhciTransfer& t) {
    if (t.slot == n && t.dci == dci) take_back(t);
  });
  e.active = false;
  e.streams.clear();
  e.due_ns = kNever;
  write_dequeue(n, dci);
  set_state(n, dci, EpState::Stopped);
  const Entry entry(*this);
  XhciTd td;
  for (const u16 stream : streams) {
    XhciRingPlace place;
    if (budget_.spent() || !ring_place(e, stream, place) ||
        read_td(e, place, td) != XhciTdResult::Td)
      continue;
    const auto& [trb, address] = td.blocks[0];
    transfer_event(trb, address, Code::Stopped, has_buffer(trb) ? trb.length() : 0, n, dci);
  }
}

Code XhciTransfers::set_dequeue(unsigned n, unsigned dci, u16 stream, u64 pointer, u8 stream_type) {
  XhciEndpoint& e = slot(n).ep[dci];
  const XhciRingPlace place{pointer & ~u64{0xf}, bit(pointer, 0)};
  if (e.has_streams()) {
    StreamPlace at;
    u8 type = 0;
    const Code code = find_stream(e, stream, at, &type);
    if (code != Code::Success) return code;
    if (type != stream_type) return Code::InvalidStreamType;
  } else if (stream != 0) {
    return Code::InvalidStreamId;
  }
  set_ring_place(n, dci, stream, place);
  write_dequeue(n, dci);
  e.stage = XhciStage::None;
  e.edtla = 0;
  // From Error it goes to Stopped; the host may go on after a doorbell.
  set_state(n, dci, EpState::Stopped);
  return Code::Success;
}

UsbStatus XhciTransfers::request(UsbDevice& d, const UsbSetup& setup) {
  if (!d.reachable()) return UsbStatus::TransactionError;
  const Entry entry(*this);
  XhciTransfer t(*this, core_);
  t.begin(setup.in(), 0, 0, 0);
  const UsbStatus status = d.handle_control(setup, t);
  if (status != UsbStatus::Pending) return status;
  d.cancel(t);
  return UsbStatus::TransactionError;
}

// ---- State -------------------------------------------------------------------------------------

void XhciTransfers::reset() {
  stopped();
  slots_ = {};
  devices_ = {};
  redo_ = false;
  timer_.cancel();
}

namespace {

/// One field of every element, as one array in the snapshot.
template <class T, class Each>
void column(Archive& ar, std::string_view name, Each&& each, T& (*member)(XhciEndpoint&)) {
  std::array<T, kMaxSlots * kDcis> all{};
  std::size_t i = 0;
  each([&](XhciEndpoint& e) { all[i++] = member(e); });
  ar.field(name, all);
  i = 0;
  if (ar.loading()) each([&](XhciEndpoint& e) { member(e) = all[i++]; });
}

template <class T>
void slot_column(Archive& ar, std::string_view name, std::array<XhciSlot, kMaxSlots>& slots,
                 T XhciSlot::*member) {
  std::array<T, kMaxSlots> all{};
  for (std::size_t i = 0; i < kMaxSlots; ++i) all[i] = slots[i].*member;
  ar.field(name, all);
  if (ar.loading())
    for (std::size_t i = 0; i < kMaxSlots; ++i) slots[i].*member = all[i];
}

/// Which streams are active: slot, endpoint and stream of each.
void stream_blob(Archive& ar, std::array<XhciSlot, kMaxSlots>& slots, std::size_t max) {
  std::vector<u8> packed;
  for (std::size_t s = 0; s < kMaxSlots; ++s)
    for (std::size_t dci = 0; dci < kDcis; ++dci)
      for (const u16 stream : slots[s].ep[dci].streams) {
        const u8 entry[] = {static_cast<u8>(s), static_cast<u8>(dci), static_cast<u8>(stream),
                            static_cast<u8>(stream >> 8)};
        packed.insert(packed.end(), std::begin(entry), std::end(entry));
      }
  ar.blob("streams", packed, 4 * max * kMaxSlots * kDcis);
  if (!ar.loading()) return;
  for (XhciSlot& s : slots)
    for (XhciEndpoint& e : s.ep) e.streams.clear();
  for (std::size_t at = 0; at + 4 <= packed.size(); at += 4) {
    if (packed[at] >= kMaxSlots || packed[at + 1] >= kDcis)
      return ar.refuse("streams", "out of range");
    auto& streams = slots[packed[at]].ep[packed[at + 1]].streams;
    if (streams.size() < max) streams.push_back(load_le<u16>(&packed[at + 2]));
  }
}

bool in_range(const XhciEndpoint& e) {
  return e.state <= EpState::Error && e.type <= EpType::InterruptIn && e.interval <= kMaxInterval &&
         e.max_pstreams <= kMaxPsaSize && e.stage <= XhciStage::Data &&
         (e.max_packet != 0 || !e.enabled());
}

}  // namespace

#define QUINCE_EP_COLUMN(name, field)                              \
  column<std::remove_reference_t<decltype(XhciEndpoint{}.field)>>( \
      ar, name, each, [](XhciEndpoint& e) -> decltype((e.field)) { return e.field; })

void XhciTransfers::snapshot(Archive& ar) {
  slot_column(ar, "slot_enabled", slots_, &XhciSlot::enabled);
  slot_column(ar, "slot_state", slots_, &XhciSlot::state);
  slot_column(ar, "slot_context", slots_, &XhciSlot::context);
  slot_column(ar, "slot_interrupter", slots_, &XhciSlot::interrupter);
  slot_column(ar, "slot_present", slots_, &XhciSlot::present);
  slot_column(ar, "slot_root_port", slots_, &XhciSlot::root_port);
  slot_column(ar, "slot_route", slots_, &XhciSlot::route);
  const auto each = [&](auto&& f) {
    for (XhciSlot& s : slots_)
      for (XhciEndpoint& e : s.ep) f(e);
  };
  QUINCE_EP_COLUMN("state", state);
  QUINCE_EP_COLUMN("type", type);
  QUINCE_EP_COLUMN("max_packet", max_packet);
  QUINCE_EP_COLUMN("interval", interval);
  QUINCE_EP_COLUMN("dequeue", dequeue);
  QUINCE_EP_COLUMN("cycle", cycle);
  QUINCE_EP_COLUMN("max_pstreams", max_pstreams);
  QUINCE_EP_COLUMN("lsa", lsa);
  QUINCE_EP_COLUMN("active", active);
  QUINCE_EP_COLUMN("flying", flying);
  QUINCE_EP_COLUMN("due_ns", due_ns);
  QUINCE_EP_COLUMN("service_ns", service_ns);
  QUINCE_EP_COLUMN("stage", stage);
  QUINCE_EP_COLUMN("setup", setup);
  QUINCE_EP_COLUMN("control_start", control_start.address);
  QUINCE_EP_COLUMN("control_cycle", control_start.cycle);
  QUINCE_EP_COLUMN("edtla", edtla);
  stream_blob(ar, slots_, kMaxStreams);
  if (!ar.loading()) return;
  each([&](XhciEndpoint& e) {
    if (!in_range(e)) ar.refuse("state", "an endpoint that cannot be");
  });
  for (const XhciSlot& s : slots_)
    if (s.state > SlotState::Configured || s.route > 0xf'ffff)
      ar.refuse("slot_state", "out of range");
}

#undef QUINCE_EP_COLUMN

void XhciTransfers::restored() {
  // What devices had before the load is nothing to them any more.
  each_flying([&](XhciTransfer& t) {
    t.device->cancel(t);
    t.busy = t.flying = false;
  });
  u64 next = kNever;
  redo_ = false;
  for (unsigned n = 1; n <= kMaxSlots; ++n) {
    XhciSlot& s = slot(n);
    set_device(n, s.enabled && s.present ? events_.find_device(s.root_port, s.route) : nullptr);
    for (const XhciEndpoint& e : s.ep) {
      redo_ = redo_ || (s.enabled && e.flying);
      if (s.enabled) next = std::min(next, e.due_ns);
    }
  }
  timer_.arm(redo_ ? core_.now() : next);
}

}  // namespace quince::hw
