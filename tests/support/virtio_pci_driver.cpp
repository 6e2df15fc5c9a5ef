#include "tests/support/virtio_pci_driver.h"

#include "base/assert.h"

namespace quince::test {

using namespace hw;  // NOLINT: the names of the specifications

namespace {
std::vector<IrqLine> wire_of(Pin& pin) {
  std::vector<IrqLine> wires;
  wires.push_back(pin.wire());
  return wires;
}
}  // namespace

PciSlots::PciSlots(GuestMemory& m) : memory(m), host("pcie", m.space(), wire_of(pin)) {
  AddressSpace& s = m.space();
  QUINCE_ASSERT(s.map(PhysAddr(kEcam), 256 * MiB, host.ecam()).has_value());
  QUINCE_ASSERT(
      s.map(PhysAddr(kMmio), kMmioSize, host.memory_window("mmio", PhysAddr(kMmio))).has_value());
}

u64 PciSlots::read(u64 a, unsigned size) {
  const IoLock::Guard held(lock);
  u64 v = 0;
  QUINCE_ASSERT(memory.space().read(held, PhysAddr(a), {.size = size}, v) ==
                AddressSpace::Outcome::Ok);
  return v;
}

void PciSlots::write(u64 a, unsigned size, u64 v) {
  const IoLock::Guard held(lock);
  QUINCE_ASSERT(memory.space().write(held, PhysAddr(a), {.size = size}, v) ==
                AddressSpace::Outcome::Ok);
}

PciDriverPort::PciDriverPort(PciSlots& slots, unsigned slot, u64 bar4, u64 bar1)
    : slots_(slots), slot_(slot), bar1_(bar1) {
  set_cfg(pci::kBar0 + 4, 4, bar1);
  set_cfg(pci::kCommand, 2, pci::kMemorySpaceEnable | pci::kBusMasterEnable);
  move(bar4);
}

void PciDriverPort::move(u64 bar4) {
  set_cfg(pci::kBar0 + 16, 4, bar4);
  set_cfg(pci::kBar0 + 20, 4, bar4 >> 32);
  find_structures();
}

unsigned PciDriverPort::find_virtio(u8 type) {
  u64 at = cfg(pci::kCapabilities, 1);
  while (at != 0 && (cfg(static_cast<unsigned>(at), 1) != pci::kCapVendor ||
                     cfg(static_cast<unsigned>(at) + 3, 1) != type))
    at = cfg(static_cast<unsigned>(at) + 1, 1);
  return static_cast<unsigned>(at);
}

void PciDriverPort::find_structures() {
  const auto place = [this](u8 type) {
    const unsigned at = find_virtio(type);
    QUINCE_ASSERT(at != 0);
    const u64 bar = cfg(at + 4, 1);
    const u64 base = cfg(static_cast<unsigned>(pci::kBar0 + 4 * bar), 4) & ~u64{15};
    return base + cfg(at + 8, 4);
  };
  common_ = place(1);
  notify_ = place(2);
  isr_ = place(3);
  device_ = place(4);
  multiplier_ = static_cast<u32>(cfg(find_virtio(2) + 16, 4));
}

void PciDriverPort::set_vector(unsigned n, u64 address, u32 data) {
  const u64 entry = bar1_ + 16 * n;
  slots_.write(entry, 4, address & 0xffff'ffff);
  slots_.write(entry + 4, 4, address >> 32);
  slots_.write(entry + 8, 4, data);
  slots_.write(entry + 12, 4, 0);
}

void PciDriverPort::enable_msix(bool on) {
  u64 at = cfg(pci::kCapabilities, 1);
  while (cfg(static_cast<unsigned>(at), 1) != pci::kCapMsix)
    at = cfg(static_cast<unsigned>(at) + 1, 1);
  set_cfg(static_cast<unsigned>(at) + pci::kMsixControl, 2, on ? pci::kMsixEnable : 0);
}

u64 PciDriverPort::device_features() {
  wr(0x00, 4, 1);
  const u64 high = rd(0x04, 4);
  wr(0x00, 4, 0);
  return high << 32 | rd(0x04, 4);
}

void PciDriverPort::set_driver_features(u64 v) {
  for (const u32 word : {0u, 1u}) {
    wr(0x08, 4, word);
    wr(0x0c, 4, (v >> (32 * word)) & 0xffff'ffff);
  }
}

u16 PciDriverPort::queue_max(unsigned n) {
  wr(0x16, 2, n);
  return static_cast<u16>(rd(0x18, 2));
}

void PciDriverPort::setup_queue(unsigned n, u16 size, u64 desc, u64 driver, u64 device) {
  wr(0x16, 2, n);
  wr(0x18, 2, size);
  wr(0x1a, 2, queue_vector);
  wr(0x20, 4, desc & 0xffff'ffff);  // drivers use two accesses of four bytes (4.1.3.1)
  wr(0x24, 4, desc >> 32);
  wr(0x28, 8, driver);
  wr(0x30, 8, device);
  wr(0x1c, 2, 1);
}

bool PciDriverPort::queue_running(unsigned n) {
  wr(0x16, 2, n);
  return rd(0x1c, 2) != 0;
}

void PciDriverPort::reset_queue(unsigned n) {
  wr(0x16, 2, n);
  wr(0x3a, 2, 1);
}

void PciDriverPort::notify(unsigned n) {
  wr(0x16, 2, n);
  slots_.write(notify_ + rd(0x1e, 2) * multiplier_, 2, n);
}

}  // namespace quince::test
