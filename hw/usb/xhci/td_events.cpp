// The end of descriptors: what software is told, and halts (xHCI 1.2, 4.10, 4.11.3, 4.11.5.2).
#include "hw/usb/xhci/transfers.h"

namespace quince::hw {

using namespace xhci;

namespace {

bool is_error(Code c) { return c != Code::Success && c != Code::ShortPacket; }

/// The block of a descriptor at which `moved` bytes end: the first that is not full, or the last one
/// with a buffer, or the first of all.
std::size_t block_at(const XhciTd& td, u32 moved) {
  std::size_t last = 0;
  for (std::size_t i = 0; i < td.blocks.size(); ++i) {
    const Trb& trb = td.blocks[i].trb;
    if (!has_buffer(trb)) continue;
    last = i;
    if (moved < trb.length()) return i;
    moved -= trb.length();
  }
  return last;
}

}  // namespace

void XhciTransfers::transfer_event(const Trb& trb, u64 pointer, Code code, u32 length, unsigned n,
                                   unsigned dci, bool event_data) {
  events_.post(trb.interrupter(),
               {.parameter = pointer,
                .status = Trb::code_bits(code) | (length & 0xff'ffff),
                .control = Trb::type_bits(TrbType::TransferEvent) |
                           (event_data ? kEventDataFlag : 0) | dci << 16 | n << 24},
               trb.has(kBei));
}

Code XhciTransfers::code_of(const XhciEndpoint& e, const XhciTransfer& t, UsbStatus status) const {
  switch (status) {
    case UsbStatus::Stall:
      return Code::StallError;
    case UsbStatus::Babble:
      return Code::BabbleDetected;
    case UsbStatus::TransactionError:
    case UsbStatus::Nak:
    case UsbStatus::Pending:
      return Code::UsbTransactionError;
    case UsbStatus::Ok:
      break;
  }
  // A packet that is longer than the rest of the buffer; at the end of a packet the host has only
  // not asked for more.
  if (t.overrun() && (t.length() == 0 || t.length() % std::max<u16>(e.max_packet, 1) != 0))
    return Code::BabbleDetected;
  return t.moved() < t.length() ? Code::ShortPacket : Code::Success;
}

/// A descriptor that is over.  The caller gives it back.
void XhciTransfers::finish(XhciTransfer& t, UsbStatus status) {
  XhciEndpoint& e = slot(t.slot).ep[t.dci];
  if (t.failed()) {
    core_.host_error(t.td.blocks[block_at(t.td, t.moved())].trb.parameter);
    return;
  }
  const Code code = code_of(e, t, status);
  budget_.bytes -= std::min(budget_.bytes, t.moved());
  if (e.periodic()) e.service_ns = core_.now() + (kMicroframe << e.interval);
  if (is_error(code) && !is_isoch(e.type)) {
    const std::size_t at = block_at(t.td, t.moved());
    halt(t, EpState::Halted);
    u32 before = 0;
    for (std::size_t i = 0; i < at; ++i)
      if (has_buffer(t.td.blocks[i].trb)) before += t.td.blocks[i].trb.length();
    const Trb& trb = t.td.blocks[at].trb;
    const u32 used = t.moved() - std::min(before, t.moved());
    const u32 residue = has_buffer(trb) ? trb.length() - std::min(used, trb.length()) : 0;
    return transfer_event(trb, t.td.blocks[at].address, code, residue, t.slot, t.dci);
  }
  if (e.type != EpType::Control) e.edtla = 0;
  if (t.td.type() == TrbType::DataStage) e.stage = XhciStage::Data;
  if (t.td.type() == TrbType::StatusStage) e.stage = XhciStage::None;
  set_ring_place(t.slot, t.dci, t.stream(), t.td.end);
  report(t, code);
}

/// Events of a descriptor that has not halted its endpoint.
void XhciTransfers::report(XhciTransfer& t, Code code) {
  XhciEndpoint& e = slot(t.slot).ep[t.dci];
  u32 left = t.moved();
  bool is_short = false;  // from this block on
  bool told = false;      // of the end of a short one
  bool event_data = false;
  for (const auto& [trb, address] : t.td.blocks) {
    if (trb.type() == TrbType::EventData) {
      // After a short packet only the first one counts (HCCPARAMS1.PAE is 0).
      if (trb.has(kIoc) && !(is_short && event_data))
        transfer_event(trb, trb.parameter, code, e.edtla, t.slot, t.dci, true);
      event_data = event_data || is_short;
      e.edtla = 0;
      continue;
    }
    const u32 length = has_buffer(trb) ? trb.length() : 0;
    const u32 used = std::min(left, length);
    left -= used;
    e.edtla = (e.edtla + used) & 0xff'ffff;
    const bool ends_here = !is_short && code != Code::Success && used < length;
    is_short = is_short || ends_here;
    const Code here = is_short ? code : Code::Success;
    if (told || !(trb.has(kIoc) || (ends_here && trb.has(kIsp)))) continue;
    told = is_short;
    transfer_event(trb, address, here, length - used, t.slot, t.dci);
  }
}

/// The endpoint stops at the start of the descriptor; of a control transfer, at its setup stage.
void XhciTransfers::halt(XhciTransfer& t, EpState state) {
  XhciEndpoint& e = slot(t.slot).ep[t.dci];
  XhciRingPlace back = t.td.start;
  if (e.type == EpType::Control && e.stage != XhciStage::None) back = e.control_start;
  e.stage = XhciStage::None;
  e.active = false;
  e.streams.clear();
  each_flying([&](XhciTransfer& other) {
    if (&other != &t && other.slot == t.slot && other.dci == t.dci) take_back(other);
  });
  set_ring_place(t.slot, t.dci, t.stream(), back);
  write_dequeue(t.slot, t.dci);
  set_state(t.slot, t.dci, state);
}

}  // namespace quince::hw
