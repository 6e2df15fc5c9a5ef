// GICv3 ITS.  See its.h.
#include "hw/gic/its.h"

#include <fmt/core.h>

#include "base/assert.h"
#include "base/bits.h"
#include "hw/core/archive.h"

namespace quince::hw {

using namespace gic;

namespace {

constexpr unsigned kDevices = 0, kCollections = 1;  // the tables, by GITS_BASER<n>
constexpr u64 kEntrySize = 8;                       // bytes, in all tables
constexpr unsigned kIdBits = 16;                    // of DeviceIDs, EventIDs and collections
constexpr u64 kCommandSize = 32;
constexpr u64 kQueueOffset = 0xf'ffe0;  // of GITS_CWRITER and GITS_CREADR

// GITS_CTLR, GITS_TYPER.
constexpr u32 kCtlrQuiescent = u32{1} << 31;
constexpr u64 kTyperPhysical = 1;

// GITS_BASER<n>.
constexpr u64 kBaserValid = u64{1} << 63;
constexpr u64 kBaserIndirect = u64{1} << 62;
constexpr u64 kBaserWritable = 0xf8e0'ffff'ffff'ffff;  // all but Type and Entry_Size
constexpr u64 kBaserAddress = 0x0000'ffff'ffff'f000;

// GITS_CBASER.
constexpr u64 kCbaserValid = u64{1} << 63;
constexpr u64 kCbaserAddress = 0x000f'ffff'ffff'f000;
constexpr u64 kCbaserWritable = 0xb8ef'ffff'ffff'fcff;

// Entries of our tables.  Software sees them as memory that it must only provide.
constexpr u64 kEntryValid = u64{1} << 63;
constexpr u64 kIttAddress = 0x000f'ffff'ffff'ff00;  // and in bits 4:0 the EventID bits, minus one
constexpr u64 kLevel1Address = 0x000f'ffff'ffff'f000;

enum : u8 {
  kMovi = 0x01,
  kInt = 0x03,
  kClear = 0x04,
  kSync = 0x05,
  kMapd = 0x08,
  kMapc = 0x09,
  kMapti = 0x0a,
  kMapi = 0x0b,
  kInv = 0x0c,
  kInvall = 0x0d,
  kMovall = 0x0e,
  kDiscard = 0x0f,
};

u32 device_of(const std::array<u64, 4>& c) { return static_cast<u32>(c[0] >> 32); }
u32 event_of(const std::array<u64, 4>& c) { return static_cast<u32>(c[1]); }
u16 collection_of(const std::array<u64, 4>& c) { return static_cast<u16>(c[2]); }
bool valid(const std::array<u64, 4>& c) { return bit(c[2], 63); }

u64 page_size(u64 baser) {
  constexpr u64 kSizes[] = {4 * KiB, 16 * KiB, 64 * KiB, 64 * KiB};
  return kSizes[bits(baser, 9, 8)];
}

/// With 64 KiB pages, bits 15:12 of the register are bits 51:48 of the address.
u64 table_address(u64 baser) {
  const u64 a = baser & kBaserAddress;
  return page_size(baser) == 64 * KiB ? (a & ~u64{0xffff}) | bits(baser, 15, 12) << 48 : a;
}

}  // namespace

// clang-format off
constexpr std::array<Reg<GicIts>, 19> GicIts::kRegs{{
    {{.offset = 0x0000, .name = "GITS_CTLR"}, Op::get<&GicIts::ctlr>, Op::set<&GicIts::set_ctlr>},
    {{.offset = 0x0004, .name = "GITS_IIDR"}, Op::constant<kIidr>, nullptr},
    {{.offset = 0x0008, .name = "GITS_TYPER", .size = 8, .access = 4 | 8}, Op::get<&GicIts::typer>, nullptr},
    {{.offset = 0x0080, .name = "GITS_CBASER", .size = 8, .access = 4 | 8}, Op::get<&State::cbaser>, Op::set<&GicIts::set_cbaser>},
    {{.offset = 0x0088, .name = "GITS_CWRITER", .size = 8, .access = 4 | 8}, Op::get<&State::cwriter>, Op::set<&GicIts::set_cwriter>},
    {{.offset = 0x0090, .name = "GITS_CREADR", .size = 8, .access = 4 | 8}, Op::get<&State::creadr>, nullptr},
    {{.offset = 0x0100, .name = "GITS_BASER", .size = 8, .access = 4 | 8, .count = 8}, Op::get<&GicIts::baser>, Op::set<&GicIts::set_baser>},
    {{.offset = 0xffd0, .name = "GITS_PIDR4"}, Op::constant<0x44>, nullptr},
    {{.offset = 0xffd4, .name = "GITS_PIDR5"}, Op::constant<0>, nullptr},
    {{.offset = 0xffd8, .name = "GITS_PIDR6"}, Op::constant<0>, nullptr},
    {{.offset = 0xffdc, .name = "GITS_PIDR7"}, Op::constant<0>, nullptr},
    {{.offset = 0xffe0, .name = "GITS_PIDR0"}, Op::constant<0x94>, nullptr},
    {{.offset = 0xffe4, .name = "GITS_PIDR1"}, Op::constant<0xb4>, nullptr},
    {{.offset = 0xffe8, .name = "GITS_PIDR2"}, Op::constant<0x3b>, nullptr},  // ArchRev 3
    {{.offset = 0xffec, .name = "GITS_PIDR3"}, Op::constant<0>, nullptr},
    {{.offset = 0xfff0, .name = "GITS_CIDR0"}, Op::constant<0x0d>, nullptr},
    {{.offset = 0xfff4, .name = "GITS_CIDR1"}, Op::constant<0xf0>, nullptr},
    {{.offset = 0xfff8, .name = "GITS_CIDR2"}, Op::constant<0x05>, nullptr},
    {{.offset = 0xfffc, .name = "GITS_CIDR3"}, Op::constant<0xb1>, nullptr},
}};
// clang-format on

std::span<const Reg<GicIts>> GicIts::regs() {
  static_assert(well_formed(kRegs));
  return kRegs;
}

GicIts::GicIts(std::string_view name, GicCore& core, const DmaPort& memory, TimerQueue& timers)
    : RegMapDevice(name),
      core_(core),
      lpis_(*core.lpis()),
      memory_(memory),
      timers_(timers),
      more_(timers, Device::name() + "/commands", &Bind<&GicIts::run_commands>::call, this),
      trace_command_(core.log(), "its.command"),
      trace_translate_(core.log(), "its.translate"),
      frame_(Device::name() + "-translater", *this) {}

void GicIts::reset() {
  s_ = {};
  restored();
}

void GicIts::restored() { sync(); }

/// Commands that are waiting run from the timer, at once.
void GicIts::sync() {
  if (work_left() != more_.armed()) more_.arm(work_left() ? timers_.now_ns() : kNever);
}

void GicIts::snapshot(Archive& ar) {
  ar.field("enabled", s_.enabled);
  ar.field("cbaser", s_.cbaser);
  ar.field("cwriter", s_.cwriter);
  ar.field("creadr", s_.creadr);
  ar.field("baser", s_.baser);
  if (!ar.loading()) return;
  s_.cbaser &= kCbaserWritable;
  s_.cwriter &= kQueueOffset;
  s_.creadr &= kQueueOffset;
  for (u64& b : s_.baser) b &= kBaserWritable;
}

// ---- Registers ---------------------------------------------------------------------------------

u32 GicIts::ctlr() const { return (s_.enabled ? 1 : 0) | (work_left() ? 0 : kCtlrQuiescent); }

void GicIts::set_ctlr(u32 v) {
  s_.enabled = (v & 1) != 0;
  run_commands();
}

void GicIts::set_cwriter(u64 v) {
  s_.cwriter = v & kQueueOffset;
  run_commands();
}

u64 GicIts::typer() const {
  return kTyperPhysical | (kEntrySize - 1) << 4 | u64{kLpiIdBits - 1} << 8 | u64{kIdBits - 1} << 13;
}

u64 GicIts::baser(unsigned n) const {
  constexpr u64 kTypes[] = {1, 4};  // devices, collections
  if (n >= s_.baser.size()) return 0;
  return s_.baser[n] | kTypes[n] << 56 | (kEntrySize - 1) << 48;
}

/// The collection table is flat.
void GicIts::set_baser(unsigned n, u64 v) {
  if (n >= s_.baser.size()) return;
  s_.baser[n] = v & kBaserWritable & ~(n == kCollections ? kBaserIndirect : 0);
}

void GicIts::set_cbaser(u64 v) {
  s_.cbaser = v & kCbaserWritable;
  s_.creadr = 0;
}

u64 GicIts::queue_size() const { return (bits(s_.cbaser, 7, 0) + 1) * 4 * KiB; }

bool GicIts::work_left() const {
  return s_.enabled && (s_.cbaser & kCbaserValid) != 0 && s_.cwriter < queue_size() &&
         s_.creadr != s_.cwriter;
}

Bus GicIts::Frame::read(u64, Access, u64& out) {
  out = 0;
  return Bus::Ok;
}

Bus GicIts::Frame::write(u64 off, Access a, u64 in) {
  constexpr u64 kTranslater = 0x40;
  if (off != kTranslater) return Bus::BadRegister;
  if (a.size != 2 && a.size != 4) return Bus::BadSize;
  its_.translate(a.requester, static_cast<u32>(in));
  return Bus::Ok;
}

// ---- Tables ------------------------------------------------------------------------------------

/// Where the entry of a table lies, through its first level where it has two.
bool GicIts::entry_address(unsigned table, u32 index, PhysAddr& out) const {
  const u64 b = s_.baser[table];
  if ((b & kBaserValid) == 0 || index >> kIdBits != 0) return false;
  const u64 size = (bits(b, 7, 0) + 1) * page_size(b);
  const PhysAddr base(table_address(b));
  if ((b & kBaserIndirect) == 0) {
    if (index >= size / kEntrySize) return false;
    out = base + index * kEntrySize;
    return true;
  }
  const u64 per_page = page_size(b) / kEntrySize;
  u64 level1 = 0;
  if (index / per_page >= size / 8 || !read_entry(base + index / per_page * 8, level1))
    return false;
  if ((level1 & kEntryValid) == 0) return false;
  out = PhysAddr(level1 & kLevel1Address & ~(page_size(b) - 1)) + index % per_page * kEntrySize;
  return true;
}

bool GicIts::read_entry(PhysAddr at, u64& out) const {
  std::array<u8, 8> bytes{};
  if (!memory_.read(at, bytes)) return false;
  out = load_le<u64>(bytes.data());
  return true;
}

bool GicIts::write_entry(PhysAddr at, u64 v) {
  std::array<u8, 8> bytes{};
  store_le(bytes.data(), v);
  return memory_.write(at, bytes);
}

bool GicIts::device_entry(u32 device, DeviceEntry& out) const {
  PhysAddr at;
  u64 e = 0;
  if (!entry_address(kDevices, device, at) || !read_entry(at, e) || (e & kEntryValid) == 0)
    return false;
  out = {e & kIttAddress, 1u << std::min<u64>(bits(e, 4, 0) + 1, kIdBits)};
  return true;
}

bool GicIts::translation(u32 device, u32 event, Translation& out) const {
  DeviceEntry d;
  u64 e = 0;
  if (!device_entry(device, d) || event >= d.events) return false;
  if (!read_entry(PhysAddr(d.itt) + event * kEntrySize, e) || (e & kEntryValid) == 0) return false;
  out = {static_cast<u32>(e), static_cast<u16>(e >> 32)};
  return true;
}

bool GicIts::collection_cpu(u16 collection, unsigned& cpu) const {
  PhysAddr at;
  u64 e = 0;
  if (!entry_address(kCollections, collection, at) || !read_entry(at, e)) return false;
  cpu = static_cast<unsigned>(bits(e, 15, 0));
  return (e & kEntryValid) != 0 && cpu < core_.cpus();
}

void GicIts::translate(u32 device, u32 event) {
  Translation t;
  unsigned cpu = 0;
  const bool found =
      s_.enabled && translation(device, event, t) && collection_cpu(t.collection, cpu);
  trace_translate_("device {:#x} event {} -> {}", device, event,
                   found ? fmt::format("LPI {} of CPU {}", t.intid, cpu) : "nothing");
  if (!found)
    return core_.log().guest_error("its message",
                                   "{}: device {:#x} sent event {}, which is not mapped", name(),
                                   device, event);
  lpis_.set(cpu, t.intid);
  core_.lpis_changed(cpu);
}

// ---- Commands ----------------------------------------------------------------------------------

void GicIts::run_commands() {
  for (unsigned n = 0; n < kBurst && work_left(); ++n) {
    std::array<u8, kCommandSize> bytes{};
    Command c{};
    if (memory_.read(PhysAddr(s_.cbaser & kCbaserAddress) + s_.creadr, bytes)) {
      for (std::size_t i = 0; i < c.size(); ++i) c[i] = load_le<u64>(bytes.data() + 8 * i);
      run(c);
    } else {
      core_.log().guest_error("its queue", "{}: no memory at the command queue", name());
    }
    s_.creadr = (s_.creadr + kCommandSize) % queue_size();
  }
  sync();
}

bool GicIts::bad(const char* what, const Command& c) {
  core_.log().guest_error(fmt::format("its {}", what),
                          "{}: {}: command {:#x}, device {:#x}, event {}", name(), what,
                          c[0] & 0xff, device_of(c), event_of(c));
  return false;
}

void GicIts::run(const Command& c) {
  trace_command_("{:#018x} {:#018x} {:#018x} {:#018x}", c[0], c[1], c[2], c[3]);
  switch (c[0] & 0xff) {
    case kMapd:
      return map_device(c);
    case kMapc:
      return map_collection(c);
    case kMapti:
      return map_interrupt(c, static_cast<u32>(c[1] >> 32));
    case kMapi:
      return map_interrupt(c, event_of(c));
    case kMovi:
      return move_interrupt(c);
    case kMovall:
      return move_all(c);
    case kDiscard:
    case kInt:
    case kClear:
    case kInv:
      return on_event(c);
    case kInvall: {
      unsigned cpu = 0;
      if (!collection_cpu(collection_of(c), cpu))
        return static_cast<void>(bad("no such collection", c));
      lpis_.invalidate_all(cpu);
      return core_.lpis_changed(cpu);
    }
    case kSync:
      return;  // what came before is done
    default:
      bad("unknown command", c);
  }
}

void GicIts::map_device(const Command& c) {
  PhysAddr at;
  const u64 size = bits(c[1], 4, 0);
  if (!entry_address(kDevices, device_of(c), at) || (valid(c) && size >= kIdBits))
    return static_cast<void>(bad("bad device", c));
  const u64 e = valid(c) ? kEntryValid | (c[2] & kIttAddress) | size : 0;
  if (!write_entry(at, e)) bad("no memory for a device", c);
}

void GicIts::map_collection(const Command& c) {
  PhysAddr at;
  const u64 cpu = bits(c[2], 50, 16);
  if (!entry_address(kCollections, collection_of(c), at) || (valid(c) && cpu >= core_.cpus()))
    return static_cast<void>(bad("bad collection", c));
  if (!write_entry(at, valid(c) ? kEntryValid | cpu : 0)) bad("no memory for a collection", c);
}

void GicIts::map_interrupt(const Command& c, u32 intid) {
  DeviceEntry d;
  if (!device_entry(device_of(c), d) || event_of(c) >= d.events || intid < kFirstLpi ||
      intid >= kLpiEnd)
    return static_cast<void>(bad("bad interrupt", c));
  const u64 e = kEntryValid | u64{collection_of(c)} << 32 | intid;
  if (!write_entry(PhysAddr(d.itt) + event_of(c) * kEntrySize, e))
    bad("no memory for an interrupt", c);
}

void GicIts::move_interrupt(const Command& c) {
  Translation t;
  DeviceEntry d;
  unsigned from = 0, to = 0;
  if (!translation(device_of(c), event_of(c), t) || !device_entry(device_of(c), d) ||
      !collection_cpu(t.collection, from) || !collection_cpu(collection_of(c), to))
    return static_cast<void>(bad("bad move", c));
  const u64 e = kEntryValid | u64{collection_of(c)} << 32 | t.intid;
  if (!write_entry(PhysAddr(d.itt) + event_of(c) * kEntrySize, e))
    return static_cast<void>(bad("no memory for an interrupt", c));
  lpis_.move(from, to, t.intid);
  core_.lpis_changed(from);
  core_.lpis_changed(to);
}

void GicIts::move_all(const Command& c) {
  const u64 from = bits(c[2], 50, 16), to = bits(c[3], 50, 16);
  if (from >= core_.cpus() || to >= core_.cpus()) return static_cast<void>(bad("bad move", c));
  lpis_.move_all(static_cast<unsigned>(from), static_cast<unsigned>(to));
  core_.lpis_changed(static_cast<unsigned>(from));
  core_.lpis_changed(static_cast<unsigned>(to));
}

/// INT, CLEAR, INV and DISCARD: what they do to the LPI that an event leads to.
void GicIts::on_event(const Command& c) {
  Translation t;
  DeviceEntry d;
  unsigned cpu = 0;
  if (!device_entry(device_of(c), d) || !translation(device_of(c), event_of(c), t) ||
      !collection_cpu(t.collection, cpu))
    return static_cast<void>(bad("event not mapped", c));
  switch (c[0] & 0xff) {
    case kInt:
      lpis_.set(cpu, t.intid);
      break;
    case kInv:
      lpis_.invalidate(cpu, t.intid);
      break;
    case kDiscard:
      if (!write_entry(PhysAddr(d.itt) + event_of(c) * kEntrySize, 0))
        bad("no memory for an interrupt", c);
      [[fallthrough]];
    default:
      lpis_.clear(cpu, t.intid);
  }
  core_.lpis_changed(cpu);
}

}  // namespace quince::hw
