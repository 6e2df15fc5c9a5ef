// MSI-X.  See msix.h.
#include "hw/pci/msix.h"

#include <algorithm>
#include <bit>

namespace quince::hw {

using namespace pci;

namespace {
constexpr u64 kSmallestBar = 4 * KiB;
}  // namespace

u64 MsixLayout::own_bar_size(unsigned vectors) {
  return std::max(kSmallestBar, std::bit_ceil(vectors * kMsixEntrySize) * 2);
}

MsixLayout MsixLayout::own_bar(unsigned vectors, unsigned bar) {
  return {vectors, bar, 0, bar, static_cast<u32>(own_bar_size(vectors) / 2)};
}

Msix::Msix(std::string_view name, ConfigSpace& config, MsiSender& sender, Log& log,
           const MsixLayout& layout)
    : config_(config),
      sender_(sender),
      log_(log),
      name_(name),
      layout_(layout),
      at_(config.add_capability(kCapMsix, kMsixSize)),
      entries_(layout.vectors),
      pending_((layout.vectors + 63) / 64),
      table_(name_ + ".msix-table", *this),
      pba_(name_ + ".msix-pba", *this) {
  QUINCE_ASSERT(layout.vectors >= 1 && layout.vectors <= kMsixMaxVectors);
  QUINCE_ASSERT(layout.table_bar < kBars && layout.pba_bar < kBars);
  QUINCE_ASSERT(is_aligned(layout.table_offset, 8) && is_aligned(layout.pba_offset, 8));
  config_.set<u16>(at_ + kMsixControl, static_cast<u16>(layout.vectors - 1));
  config_.writable<u16>(at_ + kMsixControl, kMsixEnable | kMsixFunctionMask);
  config_.set<u32>(at_ + kMsixTable, layout.table_offset | layout.table_bar);
  config_.set<u32>(at_ + kMsixPba, layout.pba_offset | layout.pba_bar);
}

void Msix::reset() {
  std::fill(entries_.begin(), entries_.end(), Entry{});
  std::fill(pending_.begin(), pending_.end(), 0);
}

void Msix::snapshot(Archive& ar) {
  std::vector<u8> table(layout_.table_size()), pba(layout_.pba_size());
  for (unsigned v = 0; v < layout_.vectors; ++v)
    for (unsigned n = 0; n < kWords; ++n)
      store_le<u32>(&table[v * kMsixEntrySize + 4 * n], word(entries_[v], n));
  for (std::size_t i = 0; i < pending_.size(); ++i) store_le<u64>(&pba[8 * i], pending_[i]);
  ar.blob("table", table, layout_.table_size());
  ar.blob("pba", pba, layout_.pba_size());
  if (!ar.loading()) return;
  if (table.size() != layout_.table_size()) return ar.refuse("table", "another size");
  if (pba.size() != layout_.pba_size()) return ar.refuse("pba", "another size");
  for (unsigned v = 0; v < layout_.vectors; ++v)
    for (unsigned n = 0; n < kWords; ++n)
      word(entries_[v], n) = load_le<u32>(&table[v * kMsixEntrySize + 4 * n]) & writable(n);
  for (std::size_t i = 0; i < pending_.size(); ++i) pending_[i] = load_le<u64>(&pba[8 * i]);
  if (layout_.vectors % 64 != 0) pending_.back() &= low_mask(layout_.vectors % 64);
}

bool Msix::masked(unsigned vector) const {
  return (control() & kMsixFunctionMask) != 0 || bit(entries_[vector].control, 0);
}

void Msix::signal(unsigned vector) {
  if (!enabled()) return;
  if (vector >= layout_.vectors)
    return log_.guest_error(name_ + " vector", "{}: MSI-X vector {} of {}", name_, vector,
                            layout_.vectors);
  if (masked(vector)) {
    pending_[vector / 64] |= u64{1} << (vector % 64);
    return;
  }
  const Entry& e = entries_[vector];
  sender_.send_message({PhysAddr(u64{e.address_upper} << 32 | e.address), e.data}, vector);
}

/// Sends a pending vector if nothing holds it back any more.
void Msix::deliver(unsigned vector) {
  if (!enabled() || !pending(vector) || masked(vector)) return;
  pending_[vector / 64] &= ~(u64{1} << (vector % 64));
  signal(vector);
}

void Msix::changed() {
  if (!enabled()) return std::fill(pending_.begin(), pending_.end(), 0);
  for (std::size_t i = 0; i < pending_.size(); ++i)
    for (u64 left = pending_[i]; left != 0; left &= left - 1)
      deliver(static_cast<unsigned>(64 * i) + static_cast<unsigned>(std::countr_zero(left)));
}

// ---- The windows -------------------------------------------------------------------------------

u32& Msix::word(Entry& e, unsigned n) {
  switch (n) {
    case 0:
      return e.address;
    case 1:
      return e.address_upper;
    case 2:
      return e.data;
    default:
      return e.control;
  }
}

u32 Msix::writable(unsigned n) { return n == 0 ? ~u32{3} : n == 3 ? 1 : ~u32{0}; }

void Msix::write_word(unsigned vector, unsigned n, u32 value) {
  word(entries_[vector], n) = value & writable(n);
  if (n == 3) deliver(vector);
}

RegInfo Msix::Table::reg_info(std::size_t i) const {
  static constexpr const char* kNames[kWords] = {"Message Address", "Message Upper Address",
                                                 "Message Data", "Vector Control"};
  return {.offset = static_cast<u32>(4 * i),
          .name = kNames[i],
          .access = 4 | 8,
          .count = static_cast<u16>(msix_.layout_.vectors),
          .stride = kMsixEntrySize};
}

Bus Msix::Table::read(u64 off, Access a, u64& out) {
  if (a.size < 4) return Bus::BadSize;
  if (off >= msix_.layout_.table_size()) return Bus::BadRegister;
  Entry& e = msix_.entries_[off / kMsixEntrySize];
  const unsigned n = static_cast<unsigned>(off % kMsixEntrySize / 4);
  out = word(e, n);
  if (a.size == 8) out |= u64{word(e, n + 1)} << 32;
  return Bus::Ok;
}

Bus Msix::Table::write(u64 off, Access a, u64 in) {
  if (a.size < 4) return Bus::BadSize;
  if (off >= msix_.layout_.table_size()) return Bus::BadRegister;
  const unsigned vector = static_cast<unsigned>(off / kMsixEntrySize);
  const unsigned n = static_cast<unsigned>(off % kMsixEntrySize / 4);
  msix_.write_word(vector, n, static_cast<u32>(in));
  if (a.size == 8) msix_.write_word(vector, n + 1, static_cast<u32>(in >> 32));
  return Bus::Ok;
}

RegInfo Msix::Pba::reg_info(std::size_t) const {
  return {.offset = 0,
          .name = "Pending Bits",
          .size = 8,
          .access = 4 | 8,
          .count = static_cast<u16>(msix_.pending_.size()),
          .stride = 8,
          .writable = false};
}

Bus Msix::Pba::read(u64 off, Access a, u64& out) {
  if (a.size < 4) return Bus::BadSize;
  if (off >= msix_.layout_.pba_size()) return Bus::BadRegister;
  out = (msix_.pending_[off / 8] >> (8 * (off % 8))) & low_mask(8 * a.size);
  return Bus::Ok;
}

Bus Msix::Pba::write(u64, Access, u64) { return Bus::ReadOnly; }

}  // namespace quince::hw
