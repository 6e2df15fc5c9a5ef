#include "hw/vmapple/bdif.h"

#include <vector>

namespace quince::hw {

namespace {

constexpr u64 kSector = 512;  // bytes, whatever the medium's are

// The request block and what its first descriptor points to.
constexpr std::size_t kRequestBytes = 48, kDescriptorBytes = 16, kSectorBytes = 16,
                      kSectorNumber = 8;
enum DataFlags : u32 { kRead = 0x0003'0001, kWrite = 0x0001'0001 };
enum Retval : u8 { kSuccess = 0, kFailure = 1 };

}  // namespace

// clang-format off
constexpr std::array<Reg<VmappleBdif::Port>, 9> VmappleBdif::kRegs{{
    {{.offset = 0x000, .name = "STATUS",       .size = 4, .access = 15}, RegOps<Port>::constant<1>, nullptr},
    {{.offset = 0x004, .name = "CFG",          .size = 4, .access = 15}, RegOps<Port>::get<&Port::cfg>, nullptr},
    {{.offset = 0x008, .name = "UNKNOWN_008",  .size = 4, .access = 15}, RegOps<Port>::constant<0x420>, nullptr},
    {{.offset = 0x010, .name = "BUSY",         .size = 4, .access = 15}, RegOps<Port>::get<&Port::busy>, nullptr},
    {{.offset = 0x400, .name = "UNKNOWN_400",  .size = 4, .access = 15}, RegOps<Port>::constant<1>, nullptr},
    {{.offset = 0x408, .name = "CMD",          .size = 8, .access = 15}, nullptr, RegOps<Port>::set<&Port::cmd>},
    {{.offset = 0x410, .name = "QUEUE_SELECT", .size = 4, .access = 15}, nullptr, RegOps<Port>::ignore},
    {{.offset = 0x420, .name = "CAPACITY",     .size = 8, .access = 15}, RegOps<Port>::get<&Port::capacity>, nullptr},
    {{.offset = 0x434, .name = "UNKNOWN_434",  .size = 4, .access = 15}, RegOps<Port>::constant<0>, nullptr},
}};
// clang-format on

VmappleBdif::VmappleBdif(std::string_view name, Media media, DmaPort dma, Log& log)
    : Stateless(name), media_(media), dma_(std::move(dma)), log_(log),
      trace_request_(log, fmt::format("{}.request", name)) {}

std::size_t VmappleBdif::reg_count() const { return kRegs.size(); }
RegInfo VmappleBdif::reg_info(std::size_t i) const { return kRegs[i]; }

block::Disk* VmappleBdif::disk(u16 id) const {
  return id == kRoot ? media_.root : id == kAux ? media_.aux : nullptr;
}

/// Firmware looks for the second partition table in the last of them.
u64 VmappleBdif::sectors(u16 id) const {
  const block::Disk* const d = disk(id);
  return d != nullptr ? d->size() / kSector : 0;
}

// ---- Registers ---------------------------------------------------------------------------------

/// A register has no parts: an access is to the register that begins where it does, of any width.
Bus VmappleBdif::read(u64 off, Access a, u64& out) {
  Port port{*this, static_cast<u16>(off >> 16)};
  const RegHit<Port> hit = find_reg<Port>(kRegs, off & 0xffff);
  const bool there = hit.row != nullptr && hit.byte == 0 && hit.row->read != nullptr;
  out = (there ? hit.row->read(port, 0) : ~u64{0}) & low_mask(8 * a.size);
  return Bus::Ok;
}

Bus VmappleBdif::write(u64 off, Access, u64 in) {
  Port port{*this, static_cast<u16>(off >> 16)};
  const RegHit<Port> hit = find_reg<Port>(kRegs, off & 0xffff);
  if (hit.row != nullptr && hit.byte == 0 && hit.row->write != nullptr) hit.row->write(port, 0, in);
  return Bus::Ok;
}

// ---- Requests ----------------------------------------------------------------------------------

void VmappleBdif::request(u16 id, PhysAddr block) {
  block::Disk* const medium = disk(id);
  if (medium == nullptr)
    return log_.guest_error("bdif device", "{}: a request to device {:#x}, which is none", name(),
                            id);
  std::array<u8, kRequestBytes> bytes;
  if (!dma_.read(block, bytes))
    return log_.guest_error("bdif request", "{}: there is no request at {:#x}", name(),
                            block.raw());
  const auto descriptor = [&](unsigned n) {
    const u8* const d = &bytes[n * kDescriptorBytes];
    return Descriptor{load_le<u64>(d), load_le<u32>(d + 8), load_le<u32>(d + 12)};
  };
  const bool ok = transfer(*medium, descriptor(0), descriptor(1));
  const u8 retval[] = {ok ? kSuccess : kFailure};
  if (!ok)
    log_.guest_error("bdif failed", "{}: the request at {:#x} cannot be done", name(), block.raw());
  if (!dma_.write(PhysAddr(descriptor(2).addr), retval))
    log_.guest_error("bdif retval", "{}: there is no memory for the status at {:#x}", name(),
                     descriptor(2).addr);
}

namespace {

/// Does one request and waits for it.
bool do_now(block::Disk& disk, block::Op op, u64 offset, u64 length, std::span<const iovec> parts) {
  struct Outcome {
    bool ended = false;
    block::Status status{};
  } outcome;
  block::Request r{
      .op = op, .offset = offset, .length = length, .parts = parts, .context = &outcome};
  r.done = [](block::Request& request, block::Status status) {
    *static_cast<Outcome*>(request.context) = {true, status};
  };
  disk.submit(r);
  disk.drain();
  return outcome.ended && outcome.status == block::Status{};
}

}  // namespace

/// False when it cannot be done.  There is no request to flush: a write is durable when it has ended.
bool VmappleBdif::transfer(block::Disk& disk, const Descriptor& sector, const Descriptor& data) {
  std::array<u8, kSectorBytes> where;
  if (sector.len != kSectorBytes || !dma_.read(PhysAddr(sector.addr), where)) return false;
  const u64 number = load_le<u64>(&where[kSectorNumber]);
  trace_request_("{} {:#x} bytes, sector {:#x}", data.flags == kRead ? "read" : "write", data.len, number);
  if (data.len > kMaxTransfer || (data.flags != kRead && data.flags != kWrite)) return false;
  if (number > disk.size() / kSector || data.len > disk.size() - number * kSector) return false;
  const bool reads = data.flags == kRead;
  std::vector<iovec> parts;
  for (u64 at = 0; at < data.len;) {
    const DmaPort::Run run = dma_.run(PhysAddr(data.addr + at), data.len - at, reads);
    if (!run) return false;
    parts.push_back({run.data(), run.length});
    if (reads) dma_.mark_written(run, 0, run.length);
    at += run.length;
  }
  if (data.len == 0) return true;
  if (reads) return do_now(disk, block::Op::Read, number * kSector, data.len, parts);
  return do_now(disk, block::Op::Write, number * kSector, data.len, parts) &&
         do_now(disk, block::Op::Flush, 0, 0, {});
}

}  // namespace quince::hw
