// Event rings and moderation.  See interrupter.h.
#include "hw/usb/xhci/interrupter.h"

#include <fmt/format.h>

#include "hw/core/archive.h"

namespace quince::hw {

using namespace xhci;

namespace {
constexpr u32 kSegmentMin = 16, kSegmentMax = 4096;
constexpr u32 kDesi = 7;
constexpr unsigned kWide = 4 | 8;  // halves of a 64-bit register
}  // namespace

// clang-format off
constexpr std::array<Reg<XhciInterrupter>, 7> XhciInterrupter::kRegs{{
    {{0x00, "IMAN"},   Op::get<&XhciInterrupter::iman>, Op::set<&XhciInterrupter::set_iman>},
    {{0x04, "IMOD"},   Op::get<&XhciInterrupter::imod>, Op::set<&XhciInterrupter::set_imod>},
    {{0x08, "ERSTSZ"}, Op::get<&State::erstsz>,         Op::set<&XhciInterrupter::set_erstsz>},
    {{.offset = 0x10, .name = "ERSTBA_LO", .access = kWide},
                       Op::get<&XhciInterrupter::erstba_lo>, Op::set<&XhciInterrupter::set_erstba_lo>},
    {{.offset = 0x14, .name = "ERSTBA_HI", .access = kWide},
                       Op::get<&XhciInterrupter::erstba_hi>, Op::set<&XhciInterrupter::set_erstba_hi>},
    {{.offset = 0x18, .name = "ERDP_LO", .access = kWide},
                       Op::get<&XhciInterrupter::erdp_lo>, Op::set<&XhciInterrupter::set_erdp_lo>},
    {{.offset = 0x1c, .name = "ERDP_HI", .access = kWide},
                       Op::get<&XhciInterrupter::erdp_hi>, Op::set<&XhciInterrupter::set_erdp_hi>},
}};
// clang-format on

std::span<const Reg<XhciInterrupter>> XhciInterrupter::regs() {
  static_assert(well_formed(kRegs));
  return kRegs;
}

XhciInterrupter::XhciInterrupter(XhciCore& core, unsigned number, XhciInterrupterOwner& owner)
    : RegMapDevice(fmt::format("{}.interrupter{}", core.name, number)),
      core_(core),
      number_(number),
      owner_(owner),
      moderation_(core.timers, name(), &Bind<&XhciInterrupter::sync>::call, this) {}

void XhciInterrupter::reset() {
  s_ = {};
  kept_.clear();
  sync();
}

void XhciInterrupter::snapshot(Archive& ar) {
  ar.field("ip", s_.ip);
  ar.field("ie", s_.ie);
  ar.field("imodi", s_.imodi);
  ar.field("moderated_until_ns", s_.moderated_until_ns);
  ar.field("erstsz", s_.erstsz);
  ar.field("erstba", s_.erstba);
  ar.field("erdp", s_.erdp);
  ar.field("ehb", s_.ehb);
  ar.field("started", s_.started);
  ar.field("segment", s_.segment);
  ar.field("index", s_.index);
  ar.field("base", s_.base);
  ar.field("size", s_.size);
  ar.field("pcs", s_.pcs);
  ar.field("pending", s_.pending);
  constexpr std::size_t kEntry = kTrbSize + 1;
  std::vector<u8> kept;
  for (const auto& [event, quiet] : kept_) {
    const auto bytes = event.bytes();
    kept.insert(kept.end(), bytes.begin(), bytes.end());
    kept.push_back(quiet ? u8{1} : u8{0});
  }
  ar.blob("kept", kept, kEntry * kKept);
  if (!ar.loading()) return;
  if (s_.started && (s_.size < kSegmentMin || s_.size > kSegmentMax || s_.index >= s_.size))
    ar.refuse("size", "a segment that cannot be");
  kept_.clear();
  for (std::size_t at = 0; at + kEntry <= kept.size(); at += kEntry)
    kept_.emplace_back(Trb::from_bytes(std::span(kept).subspan(at).first<kTrbSize>()),
                       kept[at + kTrbSize] != 0);
}

// ---- The ring ----------------------------------------------------------------------------------

/// An entry of the event ring segment table (6.5).
bool XhciInterrupter::read_segment(u32 n, u64& base, u32& size) {
  std::array<u8, 16> entry;
  if (!core_.read(s_.erstba + entry.size() * n, entry)) return false;
  base = load_le<u64>(&entry[0]) & ~u64{0x3f};
  size = load_le<u32>(&entry[8]) & 0xffff;
  if (size >= kSegmentMin && size <= kSegmentMax) return true;
  core_.controller_error("an event ring segment has not 16 to 4096 entries");
  return false;
}

bool XhciInterrupter::start() {
  if (s_.started) return true;
  if (s_.erstsz > kMaxSegments) {
    core_.controller_error("an event ring has more segments than there may be");
    return false;
  }
  if (!read_segment(0, s_.base, s_.size)) return false;
  s_.segment = s_.index = 0;
  s_.pcs = true;
  s_.started = true;
  return true;
}

bool XhciInterrupter::dequeue_is_inside(bool complain) {
  const u64 at = dequeue();
  if (at >= s_.base && at - s_.base < kTrbSize * s_.size) return true;  // where events go now
  for (u32 n = 0; n < std::min<u32>(s_.erstsz, kMaxSegments); ++n) {
    u64 base = 0;
    u32 size = 0;
    if (!read_segment(n, base, size)) return false;
    if (at >= base && at - base < kTrbSize * size) return true;
  }
  if (complain) core_.controller_error("ERDP is in no segment of the event ring");
  return false;
}

bool XhciInterrupter::advance(Place& p) {
  p.wrapped = false;
  if (++p.index < p.size) return true;
  p.index = 0;
  if (++p.segment >= std::min<u32>(s_.erstsz, kMaxSegments)) {
    p.segment = 0;
    p.wrapped = true;
  }
  return read_segment(p.segment, p.base, p.size);
}

/// How many events fit: the ring is full when the one after would be at ERDP.
XhciInterrupter::Room XhciInterrupter::room(bool complain) {
  if (!start() || !dequeue_is_inside(complain)) return Room::Broken;
  Place p = here();
  if (!advance(p)) return Room::Broken;
  if (p.address() == dequeue()) return Room::None;
  if (!advance(p)) return Room::Broken;
  return p.address() == dequeue() ? Room::One : Room::More;
}

/// Writes an event; there is room.
bool XhciInterrupter::put(Trb event, bool quiet) {
  Place next = here();
  event.control = (event.control & ~kCycle) | (s_.pcs ? kCycle : 0);
  if (!core_.write(next.address(), event.bytes())) return false;
  if (!advance(next)) return false;
  s_.segment = next.segment;
  s_.index = next.index;
  s_.base = next.base;
  s_.size = next.size;
  if (next.wrapped) s_.pcs = !s_.pcs;
  if (!quiet) s_.pending = true;
  return true;
}

void XhciInterrupter::post(Trb event, bool quiet) {
  if (!core_.running() || !usable()) return;
  if (kept_.empty()) {
    switch (room(true)) {
      case Room::Broken:
        return;
      case Room::More:
        put(event, quiet);
        return sync();
      case Room::One:
        // The last place is for saying so (4.9.4).
        put({.status = Trb::code_bits(Code::EventRingFull),
             .control = Trb::type_bits(TrbType::HostController)},
            false);
        break;
      case Room::None:
        break;
    }
  }
  if (kept_.size() < kKept)
    kept_.emplace_back(event, quiet);
  else
    core_.log.guest_error(name() + " full", "{}: events are lost: the ring is full", name());
  sync();
}

/// Events that were kept, while there is room.  A half of ERDP may be old.
void XhciInterrupter::drain() {
  if (kept_.empty() || !core_.running() || !usable()) return;
  std::size_t done = 0;
  while (done < kept_.size() && room(false) == Room::More &&
         put(kept_[done].first, kept_[done].second))
    ++done;
  kept_.erase(kept_.begin(), kept_.begin() + static_cast<std::ptrdiff_t>(done));
  if (kept_.empty()) owner_.room_again();
}

// ---- Interrupts --------------------------------------------------------------------------------

void XhciInterrupter::load_counter() { s_.moderated_until_ns = core_.now() + kImodUnit * s_.imodi; }

/// IP, when there is something to tell, the last time was told and is over, and the counter has
/// run down (4.17.2).
bool XhciInterrupter::due() const {
  return s_.pending && !s_.ip && !s_.ehb && core_.now() >= s_.moderated_until_ns;
}

void XhciInterrupter::sync() {
  if (due()) {
    s_.ip = s_.ehb = true;
    core_.usbsts |= kEint;
  }
  if (asserts() && (core_.usbcmd & kInte) != 0 && core_.signals.messages()) {
    s_.ip = false;  // by the message (5.5.2.1)
    load_counter();
    core_.signals.send(number_);
  }
  follow();
}

/// The timer and the wire, from the state.
void XhciInterrupter::follow() {
  const bool waits = s_.pending && !s_.ip && !s_.ehb;
  const u64 deadline = waits ? s_.moderated_until_ns : kNever;
  if (moderation_.deadline() != deadline) moderation_.arm(deadline);
  owner_.wire_changed();
}

// ---- Registers ---------------------------------------------------------------------------------

void XhciInterrupter::set_iman(u32 v) {
  s_.ie = (v & kIe) != 0;
  if ((v & kIp) == 0 || !s_.ip) return;
  s_.ip = false;
  load_counter();
}

u32 XhciInterrupter::imod() const {
  const u64 now = core_.now();
  const u64 left = s_.moderated_until_ns > now ? s_.moderated_until_ns - now : 0;
  const u64 counter = std::min<u64>((left + kImodUnit - 1) / kImodUnit, 0xffff);
  return s_.imodi | static_cast<u32>(counter) << 16;
}

void XhciInterrupter::set_imod(u32 v) {
  s_.imodi = static_cast<u16>(v);
  s_.moderated_until_ns = core_.now() + kImodUnit * (v >> 16);
}

void XhciInterrupter::set_erstsz(u32 v) {
  s_.erstsz = v & 0xffff;
  if (s_.erstsz == 0) s_.started = false;
}

void XhciInterrupter::set_erstba_lo(u32 v) {
  const u32 flags = core_.config.nec ? 0xf : 0x3f;
  s_.erstba = with_bits(s_.erstba, 31, 0, v & ~flags);
  s_.started = false;
}

void XhciInterrupter::set_erstba_hi(u32 v) {
  s_.erstba = with_bits(s_.erstba, 63, 32, v);
  s_.started = false;
  s_.pending = false;
}

void XhciInterrupter::set_erdp_lo(u32 v) {
  if ((v & kEhb) != 0) s_.ehb = false;
  s_.erdp = with_bits(s_.erdp, 31, 0, (v & ~kErdpFlags) | (v & kDesi));
  moved();
}

void XhciInterrupter::set_erdp_hi(u32 v) {
  s_.erdp = with_bits(s_.erdp, 63, 32, v);
  moved();
}

void XhciInterrupter::moved() {
  if (s_.started && dequeue() == here().address()) s_.pending = false;
  drain();
}

}  // namespace quince::hw
