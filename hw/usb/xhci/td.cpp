// Where rings are, and which blocks make a descriptor (xHCI 1.2, 4.11, 4.12).
#include <algorithm>

#include "hw/usb/xhci/transfers.h"

namespace quince::hw {

using namespace xhci;

namespace {
constexpr u64 kPointer = ~u64{0xf};
constexpr u64 kDequeueOffset = 8;  // in an endpoint context
constexpr u64 kStreamContextSize = 16;
// Stream Context Type (6.2.4.1).
constexpr u8 kSctSecondaryRing = 0, kSctPrimaryRing = 1;
}  // namespace

// ---- Descriptors -------------------------------------------------------------------------------

bool XhciTransfers::good_control_block(const XhciEndpoint& e, const XhciTd& td,
                                       const Trb& trb) const {
  const bool first = td.blocks.size() == 1;
  const bool setup_in = bit(e.setup, 7);
  switch (trb.type()) {
    case TrbType::SetupStage:
      return first && trb.has(kIdt) && trb.length() == 8;
    case TrbType::DataStage:
      return first && e.stage == XhciStage::Setup && trb.has(kDirIn) == setup_in;
    case TrbType::StatusStage:
      return first && e.stage != XhciStage::None;
    case TrbType::Normal:
      return !first && td.type() == TrbType::DataStage;
    case TrbType::EventData:
    case TrbType::NoOp:
      return true;
    default:
      return false;
  }
}

/// Whether the last block of a descriptor may stand there.
bool XhciTransfers::good_block(const XhciEndpoint& e, const XhciTd& td, const Trb& trb) const {
  const bool control = e.type == EpType::Control;
  const bool in = control ? bit(e.setup, 7) : is_in(e.type);
  if (has_buffer(trb) && trb.has(kIdt) && (in || trb.length() > 8)) return false;
  if (control) return good_control_block(e, td, trb);
  switch (trb.type()) {
    case TrbType::EventData:
    case TrbType::NoOp:
      return true;
    case TrbType::Isoch:
      return is_isoch(e.type) && td.blocks.size() == 1;
    case TrbType::Normal:
      return !is_isoch(e.type) || td.blocks.size() > 1;
    default:
      return false;
  }
}

XhciTdResult XhciTransfers::read_td(const XhciEndpoint& e, XhciRingPlace place, XhciTd& td) {
  td.blocks.clear();
  td.length = 0;
  td.start = place;
  for (bool more = true; more;) {
    Trb trb;
    u64 address = 0;
    switch (fetch_trb(core_, place, trb, address)) {
      case XhciFetch::Empty:
        return XhciTdResult::Empty;
      case XhciFetch::Loop:
        return XhciTdResult::Bad;
      case XhciFetch::Fault:
        return XhciTdResult::Fault;
      case XhciFetch::Trb:
        break;
    }
    if (budget_.blocks != 0) --budget_.blocks;
    td.blocks.push_back({trb, address});
    if (td.blocks.size() > kMaxTdBlocks || !good_block(e, td, trb)) return XhciTdResult::Bad;
    if (has_buffer(trb)) td.length += trb.length();
    if (td.length > kMaxTdBytes) return XhciTdResult::Bad;
    if (events_.blocked(trb.interrupter())) return XhciTdResult::Blocked;
    more = trb.has(kChain) && trb.type() != TrbType::SetupStage;
  }
  td.end = place;
  return XhciTdResult::Td;
}

// ---- Rings and streams -------------------------------------------------------------------------

/// The context of a stream (4.12.2.1): in the primary array, or in the secondary one that its low
/// bits choose.
Code XhciTransfers::find_stream(const XhciEndpoint& e, u16 stream, StreamPlace& out, u8* type) {
  const auto read = [&](u64 at, u64& pointer) {
    std::array<u8, kStreamContextSize> bytes;
    out.context = at;
    if (!core_.read(at, bytes)) return false;
    pointer = load_le<u64>(bytes.data());
    return true;
  };
  const unsigned width = e.max_pstreams + 1u;
  const unsigned primary = stream & static_cast<unsigned>(low_mask(width));
  const unsigned secondary = stream >> width;
  if (primary == 0 || (e.lsa && secondary != 0)) return Code::InvalidStreamId;
  u64 pointer = 0;
  if (!read(e.dequeue + kStreamContextSize * primary, pointer)) return Code::ResourceError;
  u8 sct = static_cast<u8>(bits(pointer, 3, 1));
  u8 expected = kSctPrimaryRing;
  if (sct > kSctPrimaryRing) {
    if (e.lsa) return Code::InvalidStreamType;
    if (secondary >= (2u << sct)) return Code::InvalidStreamId;
    if (!read((pointer & kPointer) + kStreamContextSize * secondary, pointer))
      return Code::ResourceError;
    sct = static_cast<u8>(bits(pointer, 3, 1));
    expected = kSctSecondaryRing;
  } else if (secondary != 0) {
    return Code::InvalidStreamId;
  }
  if (sct != expected) return Code::InvalidStreamType;
  if (type != nullptr) *type = sct;
  out.ring = {pointer & kPointer, bit(pointer, 0)};
  return Code::Success;
}

bool XhciTransfers::ring_place(const XhciEndpoint& e, u16 stream, XhciRingPlace& out) {
  if (!e.has_streams()) {
    out = {e.dequeue, e.cycle};
    return true;
  }
  StreamPlace place;
  if (find_stream(e, stream, place) != Code::Success) return false;
  out = place.ring;
  return true;
}

/// A stream's place is in its context only.
void XhciTransfers::set_ring_place(unsigned n, unsigned dci, u16 stream, XhciRingPlace place) {
  XhciEndpoint& e = slot(n).ep[dci];
  if (!e.has_streams()) {
    e.dequeue = place.address;
    e.cycle = place.cycle;
    return;
  }
  StreamPlace at;
  u8 type = 0;
  if (find_stream(e, stream, at, &type) != Code::Success) return;
  std::array<u8, 8> bytes;
  store_le<u64>(bytes.data(), place.address | (place.cycle ? 1 : 0) | u64{type} << 1);
  core_.write(at.context, bytes);
}

void XhciTransfers::write_dequeue(unsigned n, unsigned dci) {
  const XhciEndpoint& e = slot(n).ep[dci];
  if (e.has_streams()) return;
  std::array<u8, 8> bytes;
  store_le<u64>(bytes.data(), e.dequeue | (e.cycle ? 1 : 0));
  core_.write(slot(n).context + kContextSize * dci + kDequeueOffset, bytes);
}

}  // namespace quince::hw
