// A bus.  See pci_bus.h.
#include "hw/pci/pci_bus.h"

namespace quince::hw {

using pci::kFunctions;

Result<FunctionPorts> PciBus::claim(std::optional<unsigned> slot, unsigned function) {
  if (!slot) {
    unsigned s = 0;
    while (s < slots_ && (functions_[s * kFunctions] != nullptr || multifunction(s))) ++s;
    if (s == slots_) return fail("bus '{}' has no free slot", name_);
    slot = s;
  }
  if (*slot >= slots_ || function >= kFunctions)
    return fail("bus '{}' has no slot {:#x}.{} (slots 0 to {:#x}, functions 0 to 7)", name_, *slot,
                function, slots_ - 1);
  const u8 devfn = static_cast<u8>(*slot * kFunctions + function);
  if (const PciFunction* f = functions_[devfn]; f != nullptr)
    return fail("slot {:#x}.{} of bus '{}' is taken by '{}'", *slot, function, name_, f->name());
  return FunctionPorts{.bus = this, .devfn = devfn};
}

void PciBus::attach(PciFunction& f) {
  QUINCE_ASSERT(functions_[f.devfn()] == nullptr);
  functions_[f.devfn()] = &f;
  slot_changed(f.devfn() / kFunctions, &f);
}

void PciBus::detach(PciFunction& f) {
  functions_[f.devfn()] = nullptr;
  slot_changed(f.devfn() / kFunctions, &f);
}

/// The other functions of a slot may have become, or ceased to be, parts of a multi-function
/// device.
void PciBus::slot_changed(unsigned slot, const PciFunction* but) {
  upstream_.slots_changed();
  for (unsigned f = 0; f < kFunctions; ++f)
    if (PciFunction* other = functions_[slot * kFunctions + f]; other != nullptr && other != but)
      other->upstream_changed();
}

bool PciBus::multifunction(unsigned slot) const {
  for (unsigned f = 1; f < kFunctions; ++f)
    if (functions_[slot * kFunctions + f] != nullptr) return true;
  return false;
}

PciFunction* PciBus::route(u8 bus, u8 devfn, bool own) {
  if (own) return functions_[devfn];
  for (PciFunction* f : functions_) {
    if (f == nullptr || f->secondary() == nullptr) continue;
    const u8 secondary = f->config().get<u8>(pci::kSecondaryBus);
    const u8 subordinate = f->config().get<u8>(pci::kSubordinateBus);
    if (bus < secondary || bus > subordinate) continue;
    return f->secondary()->route(bus, devfn, bus == secondary);
  }
  return nullptr;
}

void PciBus::decode(PciDecode& map, std::span<const PciRange> memory,
                    std::span<const PciRange> io) {
  for (PciFunction* f : functions_)
    if (f != nullptr) f->decode(map, memory, io);
}

void PciBus::reset_functions() {
  for (PciFunction* f : functions_) {
    if (f == nullptr) continue;
    f->reset();
    if (PciBus* below = f->secondary(); below != nullptr) below->reset_functions();
  }
}

void PciBus::upstream_changed() {
  for (PciFunction* f : functions_)
    if (f != nullptr) f->upstream_changed();
}

}  // namespace quince::hw
