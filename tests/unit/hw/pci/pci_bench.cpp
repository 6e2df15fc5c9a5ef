#include "pci_bench.h"

#include <gtest/gtest.h>

#include "base/assert.h"

namespace quince::test {

hw::Bus Bytes::read(u64 off, hw::Access a, u64& out) {
  log += std::to_string(a.size);
  out = 0;
  for (unsigned i = 0; i < a.size; ++i)
    if (off + i < bytes.size()) out |= u64{bytes[off + i]} << (8 * i);
  return hw::Bus::Ok;
}

hw::Bus Bytes::write(u64 off, hw::Access a, u64 in) {
  log += std::to_string(a.size);
  for (unsigned i = 0; i < a.size; ++i)
    if (off + i < bytes.size()) bytes[off + i] = static_cast<u8>(in >> (8 * i));
  return hw::Bus::Ok;
}

PciBench::PciBench(unsigned wires) : ram(std::move(*hw::GuestRam::create("ram", 64 * KiB))) {
  std::vector<hw::IrqLine> lines;
  for (unsigned i = 0; i < wires; ++i) lines.push_back(pins.emplace_back().wire(i));
  host = std::make_unique<hw::PciHostBridge>("pcie", space, std::move(lines));
  QUINCE_ASSERT(space.map_ram(PhysAddr(kRam), *ram));
  QUINCE_ASSERT(space.map_doorbell(PhysAddr(kDoorbell), 0x1000, doorbell));
  QUINCE_ASSERT(space.map(PhysAddr(kEcam), 0x1000'0000, host->ecam()));
  QUINCE_ASSERT(
      space.map(PhysAddr(kMmio), kMmioSize, host->memory_window("pcie-mmio", PhysAddr(kMmio))));
  QUINCE_ASSERT(space.map(PhysAddr(kIo), 0x10000, host->io_window("pcie-io")));
}

PlainFunction& PciBench::plug(unsigned slot, unsigned function, hw::PciIdentity identity) {
  auto ports = host->root().claim(slot, function);
  QUINCE_ASSERT(ports);
  functions.push_back(
      std::make_unique<PlainFunction>("f" + std::to_string(functions.size()), identity, *ports));
  return *functions.back();
}

u64 PciBench::read(u64 a, unsigned size) {
  u64 v = 0;
  EXPECT_EQ(space.read(held, PhysAddr(a), {size}, v), hw::AddressSpace::Outcome::Ok);
  return v;
}

void PciBench::write(u64 a, u64 v, unsigned size) {
  EXPECT_EQ(space.write(held, PhysAddr(a), {size}, v), hw::AddressSpace::Outcome::Ok);
}

}  // namespace quince::test
