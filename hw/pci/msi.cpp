// MSI.  See msi.h.
#include "hw/pci/msi.h"

#include <algorithm>
#include <bit>

namespace quince::hw {

using namespace pci;

Msi::Msi(ConfigSpace& config, MsiSender& sender, unsigned vectors, bool maskable)
    : config_(config),
      sender_(sender),
      vectors_(vectors),
      maskable_(maskable),
      at_(config.add_capability(kCapMsi, maskable ? kMsiMaskableSize : kMsiSize)) {
  QUINCE_ASSERT(std::has_single_bit(vectors) && vectors <= 32);
  const unsigned log2 = static_cast<unsigned>(std::countr_zero(vectors));
  config_.set<u16>(at_ + kMsiControl, static_cast<u16>(kMsi64 | log2 << kMsiMultipleCapable |
                                                       (maskable ? kMsiPerVectorMask : 0)));
  config_.writable<u16>(at_ + kMsiControl, kMsiEnable | 7u << kMsiMultipleEnable);
  config_.writable<u32>(at_ + kMsiAddress, ~u32{3});
  config_.writable<u32>(at_ + kMsiAddressUpper, ~u32{0});
  config_.writable<u16>(at_ + kMsiData, 0xffff);
  if (!maskable) return;
  const u32 all = static_cast<u32>(low_mask(vectors));
  config_.writable<u32>(at_ + kMsiMask, all);
  config_.status<u32>(at_ + kMsiPending, all);
}

unsigned Msi::allocated() const {
  return std::min(1u << bits(control(), kMsiMultipleEnable + 2, kMsiMultipleEnable), vectors_);
}

bool Msi::holds(unsigned off, unsigned size) const {
  const unsigned end = at_ + (maskable_ ? kMsiMaskableSize : kMsiSize);
  return off < end && off + size > at_;
}

void Msi::set_pending(u32 bits) { config_.update<u32>(at_ + kMsiPending, bits ^ pending(), bits); }

MsiMessage Msi::message(unsigned vector) const {
  const u64 address =
      u64{config_.get<u32>(at_ + kMsiAddressUpper)} << 32 | config_.get<u32>(at_ + kMsiAddress);
  const u32 data = config_.get<u16>(at_ + kMsiData);
  return {PhysAddr(address), (data & ~(allocated() - 1)) | vector};
}

void Msi::signal(unsigned vector) {
  if (!enabled()) return;
  vector &= allocated() - 1;
  if (bit(mask(), vector)) return set_pending(pending() | 1u << vector);
  sender_.send_message(message(vector), vector);
}

void Msi::changed() {
  if (!maskable_) return;
  // What was pending when the guest switched the capability off is over.
  if (!enabled()) return set_pending(0);
  const u32 now = pending() & ~mask() & static_cast<u32>(low_mask(allocated()));
  set_pending(pending() & ~now);
  for (unsigned v = 0; v < vectors_; ++v)
    if (bit(now, v)) sender_.send_message(message(v), v);
}

}  // namespace quince::hw
