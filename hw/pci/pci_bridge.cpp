// A bridge.  See pci_bridge.h.
#include "hw/pci/pci_bridge.h"

namespace quince::hw {

using namespace pci;

namespace {

constexpr u16 kWindowBits = 0xfff0;  // address bits 31:20
constexpr u16 kPrefetch64 = 1;       // in the low bits: the upper halves exist
constexpr u8 kIoBits = 0xf0;         // address bits 15:12
constexpr u64 kMemoryStep = MiB, kIoStep = 4 * KiB;
constexpr u16 kParityResponse = 1u << 0, kSerrForward = 1u << 1;

}  // namespace

PciBridge::PciBridge(std::string_view name, const PciIdentity& identity, const FunctionPorts& ports,
                     unsigned slots)
    : PciFunction(name, identity, ports, BridgeHeader{}), secondary_(name, *this, slots) {
  ConfigSpace& c = config_space();
  for (const unsigned r : {kPrimaryBus, kSecondaryBus, kSubordinateBus}) c.writable<u8>(r, 0xff);
  for (const unsigned r : {kIoBase, kIoLimit}) c.writable<u8>(r, kIoBits);
  c.write_one_to_clear<u16>(kSecondaryStatus, kStatusErrors);
  for (const unsigned r : {kMemoryBase, kMemoryLimit, kPrefetchBase, kPrefetchLimit})
    c.writable<u16>(r, kWindowBits);
  for (const unsigned r : {kPrefetchBase, kPrefetchLimit}) c.set<u16>(r, kPrefetch64);
  for (const unsigned r : {kPrefetchBaseUpper, kPrefetchLimitUpper}) c.writable<u32>(r, ~u32{0});
  c.writable<u16>(kBridgeControl, kParityResponse | kSerrForward | kSecondaryBusReset);
}

// ---- Downwards ---------------------------------------------------------------------------------

PciRange PciBridge::memory_window() const {
  const u64 base = config().get<u16>(kMemoryBase) & kWindowBits;
  const u64 limit = config().get<u16>(kMemoryLimit) & kWindowBits;
  return {base << 16, (limit << 16) + (kMemoryStep - 1)};
}

PciRange PciBridge::prefetch_window() const {
  const ConfigSpace& c = config();
  const u64 base = c.get<u16>(kPrefetchBase) & kWindowBits;
  const u64 limit = c.get<u16>(kPrefetchLimit) & kWindowBits;
  return {u64{c.get<u32>(kPrefetchBaseUpper)} << 32 | base << 16,
          (u64{c.get<u32>(kPrefetchLimitUpper)} << 32 | limit << 16) + (kMemoryStep - 1)};
}

PciRange PciBridge::io_window() const {
  const u64 base = config().get<u8>(kIoBase) & kIoBits,
            limit = config().get<u8>(kIoLimit) & kIoBits;
  return {base << 8, (limit << 8) + (kIoStep - 1)};
}

void PciBridge::decode(PciDecode& map, std::span<const PciRange> memory,
                       std::span<const PciRange> io) {
  PciFunction::decode(map, memory, io);
  const u16 command = config().get<u16>(kCommand);
  std::vector<PciRange> inner, inner_io;
  const auto open = [](std::vector<PciRange>& to, std::span<const PciRange> from, PciRange window) {
    for (const PciRange& r : from)
      if (const PciRange both = r & window; !both.empty()) to.push_back(both);
  };
  if ((command & kMemorySpaceEnable) != 0) {
    open(inner, memory, memory_window());
    open(inner, memory, prefetch_window());
  }
  if ((command & kIoSpaceEnable) != 0) open(inner_io, io, io_window());
  if (!inner.empty() || !inner_io.empty()) secondary_.decode(map, inner, inner_io);
}

void PciBridge::config_written(unsigned off, unsigned size) {
  if (off < kBridgeControl + 2 && off + size > kBridgeControl) {
    const bool reset = (config().get<u16>(kBridgeControl) & kSecondaryBusReset) != 0;
    if (reset && !in_reset_) secondary_.reset_functions();
    in_reset_ = reset;
  }
  if (off >= kBridgeControl) return;
  decode_changed();
  secondary_.upstream_changed();  // the bus number, or mastering
}

void PciBridge::restored() {
  PciFunction::restored();
  in_reset_ = (config().get<u16>(kBridgeControl) & kSecondaryBusReset) != 0;
  decode_changed();
  secondary_.upstream_changed();
}

void PciBridge::slots_changed() {
  sync();
  decode_changed();
}

// ---- Upwards -----------------------------------------------------------------------------------

bool PciBridge::mastering() const {
  return (config().get<u16>(kCommand) & kBusMasterEnable) != 0 && bus().upstream().mastering();
}

// Bridges hand a pin on as another one, so that the first pins of the slots do not all meet.
IrqLine PciBridge::intx(unsigned slot, unsigned pin) {
  return bus().upstream().intx(devfn() / kFunctions, (slot + pin - 1) % 4 + 1);
}

}  // namespace quince::hw
