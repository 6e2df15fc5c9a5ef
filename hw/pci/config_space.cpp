// Configuration space.  See config_space.h.
#include "hw/pci/config_space.h"

#include "hw/pci/pci_spec.h"

namespace quince::hw {

ConfigSpace::ConfigSpace(unsigned size)
    : data_(size), reset_(size), write_(size), w1c_(size), status_(size) {
  QUINCE_ASSERT(size == pci::kConventionalConfig || size == pci::kExpressConfig);
}

u32 ConfigSpace::read(unsigned off, unsigned size) const {
  if (off >= data_.size() || data_.size() - off < size) return static_cast<u32>(low_mask(8 * size));
  u32 v = 0;
  for (unsigned i = 0; i < size; ++i) v |= u32{data_[off + i]} << (8 * i);
  return v;
}

void ConfigSpace::write(unsigned off, unsigned size, u32 value) {
  if (off >= data_.size() || data_.size() - off < size) return;
  for (unsigned i = 0; i < size; ++i) {
    const unsigned n = off + i;
    const u8 v = static_cast<u8>(value >> (8 * i));
    data_[n] = static_cast<u8>((data_[n] & ~write_[n]) | (v & write_[n]));
    data_[n] = static_cast<u8>(data_[n] & ~(v & w1c_[n]));
  }
}

unsigned ConfigSpace::add_capability(u8 id, unsigned size) {
  const unsigned off = free_;
  QUINCE_ASSERT(size >= 2 && off + size <= pci::kConventionalConfig);
  set<u8>(off, id);
  set<u8>(last_ != 0 ? last_ + 1 : pci::kCapabilities, static_cast<u8>(off));
  set<u16>(pci::kStatus, static_cast<u16>(get<u16>(pci::kStatus) | pci::kCapabilitiesList));
  last_ = off;
  free_ = static_cast<unsigned>(align_up(off + size, 4));
  return off;
}

unsigned ConfigSpace::add_extended_capability(u16 id, u8 version, unsigned size) {
  const unsigned off = free_extended_;
  QUINCE_ASSERT(size >= 4 && off + size <= data_.size());
  set<u32>(off, u32{id} | u32{version} << 16);
  if (last_extended_ != 0) set<u32>(last_extended_, get<u32>(last_extended_) | off << 20);
  last_extended_ = off;
  free_extended_ = static_cast<unsigned>(align_up(off + size, 4));
  return off;
}

unsigned ConfigSpace::find_capability(u8 id) const {
  unsigned off = get<u8>(pci::kCapabilities);
  while (off != 0 && get<u8>(off) != id) off = get<u8>(off + 1);
  return off;
}

void ConfigSpace::snapshot(Archive& ar, std::string_view name) {
  std::vector<u8> bytes = data_;
  ar.blob(name, bytes, data_.size());
  if (!ar.loading()) return;
  if (bytes.size() != data_.size()) return ar.refuse(name, "another size");
  for (unsigned i = 0; i < bytes.size(); ++i)
    if (((bytes[i] ^ reset_[i]) & ~(write_[i] | status_[i])) != 0)
      return ar.refuse(name, "read-only bits are different");
  data_ = std::move(bytes);
}

}  // namespace quince::hw
