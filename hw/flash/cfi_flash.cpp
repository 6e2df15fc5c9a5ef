#include "hw/flash/cfi_flash.h"

#include <algorithm>
#include <bit>

#include "base/assert.h"
#include "base/bits.h"
#include "hw/core/archive.h"

namespace quince::hw {

namespace {

// Commands, in the low byte of what is written.
constexpr u8 kReadArray = 0xff, kReadArrayAmd = 0xf0, kReadIdentifier = 0x90, kReadQuery = 0x98,
             kReadStatus = 0x70, kClearStatus = 0x50, kWordProgram = 0x40, kWordProgramAlt = 0x10,
             kBufferedProgram = 0xe8, kBlockErase = 0x20, kConfirm = 0xd0, kLockSetup = 0x60,
             kLockBlock = 0x01, kLockDown = 0x2f;

// The status register.
constexpr u8 kReady = 1 << 7, kEraseFailed = 1 << 5, kProgramFailed = 1 << 4, kBlockLocked = 1 << 1;

constexpr u16 kManufacturer = 0x89, kDevice = 0x18;  // Intel; 28F128J3-like
constexpr u64 kWord = 4;                             // bytes that the bank transfers at once

/// Both chips give the same 16 bits.
u32 both(u16 v) { return u32{v} << 16 | v; }

/// The CFI query table of one chip, by its word address.
std::vector<u8> query_table(u64 chip_size, u64 blocks) {
  const u64 block = chip_size / blocks;
  const auto log2 = [](u64 x) { return static_cast<u8>(std::bit_width(x) - 1); };
  std::vector<u8> t(0x40);
  const auto put = [&](std::size_t at, std::initializer_list<u8> v) {
    std::copy(v.begin(), v.end(), t.begin() + static_cast<std::ptrdiff_t>(at));
  };
  put(0x10, {'Q', 'R', 'Y', 0x01, 0x00, 0x31, 0x00});  // command set 0001h, its table at 31h
  put(0x1b, {0x45, 0x55, 0x00, 0x00});                 // Vcc 4.5 to 5.5 V, no Vpp
  put(0x1f, {7, 7, 10, 0, 4, 4, 4, 0});      // typical and longest times, as powers of two
  put(0x27, {log2(chip_size), 0x02, 0x00});  // size; x8 and x16
  put(0x2a, {log2(CfiFlash::kBufferWords * 2), 0x00, 0x01});  // write buffer in bytes; one region:
  put(0x2d, {static_cast<u8>(blocks - 1), static_cast<u8>((blocks - 1) >> 8),
             static_cast<u8>(block >> 8), static_cast<u8>(block >> 16)});
  put(0x31, {'P', 'R', 'I', '1', '0', 0x20});  // optional: individual block locking
  return t;
}

}  // namespace

CfiFlash::CfiFlash(std::string_view name, GuestRam& contents, FlashStore* store, bool read_only,
                   Log& log)
    : MmioDevice(name), contents_(contents), store_(store), read_only_(read_only), log_(log) {
  QUINCE_ASSERT(contents.size() % kBlockSize == 0 && blocks() >= 1 && blocks() <= kMaxBlocks);
  query_ = query_table(contents.size() / 2, blocks());
  reset();
}

Result<void> CfiFlash::map(AddressSpace& space, PhysAddr base) {
  TRY_VOID(space.map_rom(base, contents_, *this));
  space_ = &space;
  base_ = base;
  sync();
  return {};
}

void CfiFlash::reset() {
  s_ = {.status = kReady};
  restored();
}

void CfiFlash::restored() { sync(); }

void CfiFlash::sync() {
  if (space_ != nullptr) space_->show_rom(base_, s_.mode == Mode::Array);
}

void CfiFlash::snapshot(Archive& ar) {
  ar.field("mode", s_.mode);
  ar.field("expect", s_.expect);
  ar.field("status", s_.status);
  ar.field("remaining", s_.remaining);
  ar.field("block", s_.block);
  ar.field("used", s_.used);
  ar.field("where", s_.where);
  ar.field("what", s_.what);
  ar.field("locked", s_.locked);
  if (!ar.loading()) return;
  if (s_.mode > Mode::Query) ar.refuse("mode", "no such mode");
  if (s_.expect > Expect::LockConfirm) ar.refuse("expect", "no such state");
  if (s_.used > kBufferWords || s_.remaining > kBufferWords - s_.used)
    ar.refuse("used", "more than the buffer holds");
  for (u32 i = 0; i < std::min(s_.used, kBufferWords); ++i)
    if (s_.where[i] >= contents_.size() / kWord) ar.refuse("where", "outside the bank");
}

// ---- Reading -----------------------------------------------------------------------------------

u32 CfiFlash::answer(u64 off) const {
  const u64 word = off % kBlockSize / kWord;
  switch (s_.mode) {
    case Mode::Array:
      return load_le<u32>(contents_.data() + align_down(off, kWord));
    case Mode::Status:
      return both(s_.status);
    case Mode::Identifier:
      if (word == 0) return both(kManufacturer);
      if (word == 1) return both(kDevice);
      return both(word == 2 ? s_.locked[off / kBlockSize] : u8{0});
    case Mode::Query:
      return word < query_.size() ? both(query_[word]) : 0;
  }
  return 0;
}

Bus CfiFlash::read(u64 off, Access a, u64& out) {
  u64 value = answer(off);
  if (a.size == 8) value |= u64{answer(off + kWord)} << 32;
  out = (value >> (8 * (off % kWord))) & low_mask(8 * a.size);
  return Bus::Ok;
}

// ---- Commands ----------------------------------------------------------------------------------

Bus CfiFlash::write(u64 off, Access a, u64 in) {
  if (a.size == 8) return Bus::BadSize;
  if (s_.expect == Expect::Command)
    command(off, static_cast<u8>(in));
  else
    follow_up(off, a, in);
  sync();
  return Bus::Ok;
}

void CfiFlash::command(u64 off, u8 c) {
  const auto then = [&](Expect e) {
    s_.mode = Mode::Status;
    s_.expect = e;
  };
  switch (c) {
    case kReadArray:
    case kReadArrayAmd:
      s_.mode = Mode::Array;
      break;
    case kReadIdentifier:
      s_.mode = Mode::Identifier;
      break;
    case kReadQuery:
      s_.mode = Mode::Query;
      break;
    case kReadStatus:
      s_.mode = Mode::Status;
      break;
    case kClearStatus:
      s_.status = kReady;
      break;
    case kWordProgram:
    case kWordProgramAlt:
      then(Expect::ProgramData);
      break;
    case kBlockErase:
      then(Expect::EraseConfirm);
      break;
    case kLockSetup:
      then(Expect::LockConfirm);
      break;
    case kBufferedProgram:
      s_.block = static_cast<u32>(off / kBlockSize);
      then(Expect::BufferCount);
      break;
    default:
      log_.guest_error("flash command", "{}: unknown command {:#x}", name(), c);
      s_.mode = Mode::Array;
  }
}

void CfiFlash::follow_up(u64 off, Access a, u64 in) {
  const u8 c = static_cast<u8>(in);
  switch (s_.expect) {
    case Expect::EraseConfirm:
      if (c == kConfirm) return erase(off);
      return back_to_status(kEraseFailed | kProgramFailed);  // a command sequence error
    case Expect::LockConfirm:
      return lock(off, c);
    case Expect::ProgramData:
      if (may_change(off / kBlockSize, kProgramFailed)) program(off, a.size, in);
      return back_to_status(0);
    case Expect::BufferCount: {
      const u32 count = static_cast<u32>(in & 0xffff) + 1;
      if (count > kBufferWords) return back_to_status(kEraseFailed | kProgramFailed);
      s_.remaining = count;
      s_.used = 0;
      s_.expect = Expect::BufferData;
      return;
    }
    case Expect::BufferData:
      return buffer_data(off, static_cast<u32>(in));
    case Expect::BufferConfirm:
      if (c != kConfirm) return back_to_status(kEraseFailed | kProgramFailed);
      return program_buffer();
    case Expect::Command:
      return;
  }
}

/// The sequence is over; reads give the status.
void CfiFlash::back_to_status(u8 failure) {
  s_.status |= kReady | failure;
  s_.mode = Mode::Status;
  s_.expect = Expect::Command;
}

void CfiFlash::buffer_data(u64 off, u32 word) {
  if (off / kBlockSize != s_.block) return back_to_status(kEraseFailed | kProgramFailed);
  s_.where[s_.used] = static_cast<u32>(off / kWord);
  s_.what[s_.used] = word;
  ++s_.used;
  if (--s_.remaining == 0) s_.expect = Expect::BufferConfirm;
}

void CfiFlash::program_buffer() {
  if (may_change(s_.block, kProgramFailed))
    for (u32 i = 0; i < s_.used; ++i) program(s_.where[i] * kWord, kWord, s_.what[i]);
  s_.used = 0;
  back_to_status(0);
}

/// Whether a block takes changes; when not, the status says so.
bool CfiFlash::may_change(u64 block, u8 failure) {
  if (!read_only_ && s_.locked[block] == 0) return true;
  s_.status |= kBlockLocked | failure;
  return false;
}

void CfiFlash::erase(u64 off) {
  const u64 block = off / kBlockSize;
  if (may_change(block, kEraseFailed)) {
    std::fill_n(contents_.data() + block * kBlockSize, kBlockSize, u8{0xff});
    contents_.mark_dirty(block * kBlockSize, kBlockSize);
    if (store_ != nullptr) store_->changed(block * kBlockSize, kBlockSize);
  }
  back_to_status(0);
}

/// Cells go from one to zero only; an erase sets them again.
void CfiFlash::program(u64 off, unsigned size, u64 value) {
  u8* at = contents_.data() + off;
  for (unsigned n = 0; n < size; ++n) at[n] &= static_cast<u8>(value >> (8 * n));
  contents_.mark_dirty(off, size);
  if (store_ != nullptr) store_->changed(off, size);
}

void CfiFlash::lock(u64 off, u8 c) {
  if (c == kConfirm)
    s_.locked[off / kBlockSize] = 0;
  else if (c == kLockBlock || c == kLockDown)
    s_.locked[off / kBlockSize] = 1;
  else
    return back_to_status(kEraseFailed | kProgramFailed);
  back_to_status(0);
}

}  // namespace quince::hw
