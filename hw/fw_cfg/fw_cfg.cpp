#include "hw/fw_cfg/fw_cfg.h"

#include <algorithm>

#include "hw/core/archive.h"

namespace quince::hw {

namespace {

// The bits of a DMA request's control word.
constexpr u32 kControlError = 1 << 0;
constexpr u32 kControlRead = 1 << 1;
constexpr u32 kControlSkip = 1 << 2;
constexpr u32 kControlSelect = 1 << 3;
constexpr u32 kControlWrite = 1 << 4;

constexpr u64 kDmaSignature = 0x5145'4d55'2043'4647;  // "QEMU CFG"
constexpr u64 kDataWidth = 8;                         // bytes of the data register
constexpr std::size_t kDirectoryEntry = 64;

u32 swapped(u32 v) { return __builtin_bswap32(v); }
u64 swapped(u64 v) { return __builtin_bswap64(v); }
u16 swapped(u16 v) { return __builtin_bswap16(v); }

template <class T>
void append_be(std::vector<u8>& out, T v) {
  const std::size_t at = out.size();
  out.resize(at + sizeof v);
  store_le(out.data() + at, swapped(v));
}

template <class T>
std::vector<u8> little_endian(T v) {
  std::vector<u8> out(sizeof v);
  store_le(out.data(), v);
  return out;
}

}  // namespace

// clang-format off
constexpr std::array<Reg<FwCfg>, 4> FwCfg::kRegs{{
    // Reads of any size take the next bytes of the item: FwCfg::read answers them.
    {{.offset = 0x00, .name = "DATA", .size = 8, .access = 1 | 2 | 4 | 8, .read_effect = true},
     Op::constant<0>, Op::ignore},
    {{.offset = 0x08, .name = "SELECTOR", .size = 2, .access = 2}, nullptr, Op::set<&FwCfg::select>},
    {{.offset = 0x10, .name = "DMA_HIGH", .access = 4 | 8}, Op::get<&FwCfg::dma_high>, Op::set<&FwCfg::set_dma_high>},
    {{.offset = 0x14, .name = "DMA_LOW",  .access = 4 | 8}, Op::get<&FwCfg::dma_low>,  Op::set<&FwCfg::set_dma_low>},
}};
// clang-format on

std::span<const Reg<FwCfg>> FwCfg::regs() {
  static_assert(well_formed(kRegs));
  return kRegs;
}

FwCfg::FwCfg(std::string_view name, TimerQueue& timers, DmaPort dma, Log& log)
    : RegMapDevice(name),
      dma_(std::move(dma)),
      log_(log),
      timers_(timers),
      next_piece_(timers, std::string(name) + "/dma", &Bind<&FwCfg::continue_dma>::call, this) {
  add(kSignature, {'Q', 'E', 'M', 'U'});
  add_u32(kId, 3);  // the traditional and the DMA interface
  rebuild_directory();
}

void FwCfg::add(Key key, std::vector<u8> bytes) {
  const auto it =
      std::find_if(items_.begin(), items_.end(), [&](const Item& i) { return i.key == key; });
  if (it != items_.end())
    it->bytes = std::move(bytes);
  else
    items_.push_back({.key = key, .file = "", .bytes = std::move(bytes)});
}

void FwCfg::add_u16(Key key, u16 value) { add(key, little_endian(value)); }
void FwCfg::add_u32(Key key, u32 value) { add(key, little_endian(value)); }

Result<void> FwCfg::add_file(std::string_view name, std::vector<u8> bytes) {
  return add_file({.file = std::string(name), .bytes = std::move(bytes)});
}

Result<void> FwCfg::add_file(std::string_view name, FwCfgWritable& owner) {
  return add_file({.file = std::string(name), .bytes = {}, .owner = &owner});
}

Result<void> FwCfg::add_file(Item item) {
  const std::string& name = item.file;
  if (name.empty() || name.size() > kMaxName)
    return fail("the name '{}' is not 1 to {} characters long", name, kMaxName);
  std::size_t files = 0;
  for (const Item& i : items_) {
    if (i.file == name) return fail("there are two files '{}'", name);
    if (!i.file.empty()) ++files;
  }
  if (files == kMaxFiles) return fail("more than {} files", kMaxFiles);
  item.key = static_cast<u16>(kFirstFile + files);
  items_.push_back(std::move(item));
  rebuild_directory();
  return {};
}

/// Item 0x19: a count, and for each file its size, number and name, sorted by name.
void FwCfg::rebuild_directory() {
  std::vector<const Item*> files;
  for (const Item& i : items_)
    if (!i.file.empty()) files.push_back(&i);
  std::sort(files.begin(), files.end(),
            [](const Item* a, const Item* b) { return a->file < b->file; });
  std::vector<u8> out;
  append_be(out, static_cast<u32>(files.size()));
  for (const Item* f : files) {
    const std::size_t end = out.size() + kDirectoryEntry;
    append_be(out, static_cast<u32>(f->data().size()));
    append_be(out, f->key);
    append_be(out, u16{0});
    out.insert(out.end(), f->file.begin(), f->file.end());
    out.resize(end);
  }
  add(kFileDir, std::move(out));
}

const FwCfg::Item* FwCfg::selected() const {
  const auto it = std::find_if(items_.begin(), items_.end(),
                               [&](const Item& i) { return i.key == s_.selector; });
  return it == items_.end() ? nullptr : &*it;
}

void FwCfg::reset() {
  s_ = {};
  restored();
}

void FwCfg::restored() { sync(); }

void FwCfg::sync() {
  if (s_.busy != next_piece_.armed()) next_piece_.arm(s_.busy ? timers_.now_ns() : kNever);
}

void FwCfg::snapshot(Archive& ar) {
  ar.field("selector", s_.selector);
  ar.field("offset", s_.offset);
  ar.field("dma_address", s_.dma_address);
  ar.field("busy", s_.busy);
  ar.field("request", s_.request);
  ar.field("control", s_.control);
  ar.field("length", s_.length);
  ar.field("address", s_.address);
}

// ---- The traditional interface -----------------------------------------------------------------

Bus FwCfg::read(u64 off, Access a, u64& out) {
  if (off >= kDataWidth) return RegMapDevice::read(off, a, out);
  if (a.debug) return Bus::WriteOnly;
  out = read_data(a.size);
  return Bus::Ok;
}

/// The next bytes, the first of them the most significant; zeroes behind the end.
u64 FwCfg::read_data(unsigned size) {
  const Item* item = selected();
  u64 value = 0;
  for (unsigned n = 0; n < size; ++n) {
    u8 byte = 0;
    if (item != nullptr && s_.offset < item->data().size()) byte = item->data()[s_.offset++];
    value |= u64{byte} << (8 * n);  // big-endian on the bus: byte 0 is at the lowest address
  }
  return value;
}

void FwCfg::select(u16 big_endian) {
  s_.selector = swapped(big_endian);
  s_.offset = 0;
}

// ---- DMA ---------------------------------------------------------------------------------------

u32 FwCfg::dma_high() const { return swapped(static_cast<u32>(kDmaSignature >> 32)); }
u32 FwCfg::dma_low() const { return swapped(static_cast<u32>(kDmaSignature)); }

void FwCfg::set_dma_high(u32 big_endian) { s_.dma_address = u64{swapped(big_endian)} << 32; }

/// The low half starts the transfer.
void FwCfg::set_dma_low(u32 big_endian) {
  if (s_.busy) return log_.guest_error("fw_cfg busy", "{}: a DMA request during another", name());
  s_.request = s_.dma_address | swapped(big_endian);
  s_.dma_address = 0;
  start_dma();
}

void FwCfg::start_dma() {
  std::array<u8, 16> request;
  if (!dma_.read(PhysAddr(s_.request), request))
    return log_.guest_error("fw_cfg request", "{}: no memory at the DMA request's address {:#x}",
                            name(), s_.request);
  s_.control = swapped(load_le<u32>(request.data()));
  s_.length = swapped(load_le<u32>(request.data() + 4));
  s_.address = swapped(load_le<u64>(request.data() + 8));
  if ((s_.control & kControlSelect) != 0) {
    s_.selector = static_cast<u16>(s_.control >> 16);
    s_.offset = 0;
  }
  if ((s_.control & kControlRead) == 0 && (s_.control & kControlWrite) != 0)
    return finish_dma(!write_file());
  s_.busy = true;
  continue_dma();
}

void FwCfg::continue_dma() {
  if (!s_.busy) return;
  const u64 size = std::min<u64>(s_.length, kDmaPiece);
  if (!transfer(size)) return finish_dma(true);
  s_.length -= static_cast<u32>(size);
  s_.address += size;
  if (s_.length == 0) return finish_dma(false);
  sync();
}

/// Writes the whole request into the file, if it is one that may be written and has so many bytes.
bool FwCfg::write_file() {
  const Item* item = selected();
  if (item == nullptr || item->owner == nullptr) return false;
  const std::span<u8> bytes = item->owner->file_bytes();
  if (s_.offset > bytes.size() || s_.length > bytes.size() - s_.offset) return false;
  if (!dma_.read(PhysAddr(s_.address), bytes.subspan(s_.offset, s_.length))) return false;
  s_.offset += s_.length;
  item->owner->file_written();
  return true;
}

/// Moves the next `size` bytes of the item to memory, or past them.
bool FwCfg::transfer(u64 size) {
  const Item* item = selected();
  const std::span<const u8> bytes = item != nullptr ? item->data() : std::span<const u8>();
  const u64 left = s_.offset < bytes.size() ? bytes.size() - s_.offset : 0;
  const u64 data = std::min(size, left);
  if ((s_.control & kControlRead) != 0) {
    if (data != 0 && !dma_.write(PhysAddr(s_.address), bytes.subspan(s_.offset, data)))
      return false;
    for (u64 done = data; done < size;) {  // zeroes behind the end
      const DmaPort::Run part = dma_.run(PhysAddr(s_.address) + done, size - done, true);
      if (!part) return false;
      std::fill_n(part.data(), part.length, u8{0});
      dma_.mark_written(part, 0, part.length);
      done += part.length;
    }
  }
  s_.offset += static_cast<u32>(data);
  return true;
}

void FwCfg::finish_dma(bool error) {
  s_.busy = false;
  std::array<u8, 4> control{};
  store_le(control.data(), swapped(error ? kControlError : 0u));
  if (!dma_.write(PhysAddr(s_.request), control))
    log_.guest_error("fw_cfg answer", "{}: the DMA request at {:#x} is not writable memory", name(),
                     s_.request);
  sync();
}

}  // namespace quince::hw
