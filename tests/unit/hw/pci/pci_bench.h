// A host bridge with RAM, a doorbell that remembers what reached it, and functions to poke.
#pragma once

#include <array>
#include <deque>
#include <string>
#include <vector>

#include "hw/core/archive.h"
#include "hw/core/stateless.h"
#include "hw/pci/host_bridge.h"
#include "tests/support/pin.h"

namespace quince::test {

/// A window of bytes: what is written can be read back.
class Bytes final : public hw::Stateless<> {
 public:
  using Stateless::Stateless;
  hw::Bus read(u64 off, hw::Access a, u64& out) override;
  hw::Bus write(u64 off, hw::Access a, u64 in) override;
  std::string log;              ///< sizes of the accesses, in order
  std::array<u8, 256> bytes{};  ///< of the first 256 offsets
};

/// Takes writes of bus masters and remembers them.
class Doorbell final : public hw::Stateless<> {
 public:
  struct Ring {
    u16 requester;
    u64 offset, data;
    unsigned size;
    bool operator==(const Ring&) const = default;
  };
  using Stateless::Stateless;
  hw::Bus read(u64, hw::Access, u64&) override { return hw::Bus::WriteOnly; }
  hw::Bus write(u64 off, hw::Access a, u64 in) override {
    rings.push_back({a.requester, off, in, a.size});
    return hw::Bus::Ok;
  }
  std::vector<Ring> rings;
};

/// A function whose protected parts are open.
class PlainFunction final : public hw::PciFunction {
 public:
  using PciFunction::add_bar;
  using PciFunction::add_msi;
  using PciFunction::add_msix;
  using PciFunction::map_in_bar;
  using PciFunction::PciFunction;
  void bar_moved(unsigned index) override { moved.push_back(index); }
  std::vector<unsigned> moved;
};

struct PciBench {
  static constexpr u64 kEcam = 0x4000'0000, kMmio = 0x5000'0000, kMmioSize = 0x1fff'0000;
  static constexpr u64 kRam = 0x7000'0000, kDoorbell = 0x1fff'0000, kIo = 0x3eff'0000;
  static constexpr hw::PciIdentity kIdentity{.vendor = 0x1234,
                                             .device = 0x5678,
                                             .subsystem_vendor = 0x9abc,
                                             .subsystem = 0xdef0,
                                             .revision = 7,
                                             .class_code = 0xff'01'02};

  explicit PciBench(unsigned wires = 16);

  /// A function at a slot of the root bus.
  PlainFunction& plug(unsigned slot, unsigned function = 0, hw::PciIdentity identity = kIdentity);

  u64 read(u64 a, unsigned size = 4);
  void write(u64 a, u64 v, unsigned size = 4);
  static u64 cfg(unsigned slot, unsigned reg, unsigned function = 0, unsigned bus = 0) {
    return kEcam + (bus << 20) + (slot << 15) + (function << 12) + reg;
  }
  void command(unsigned slot, u16 bits) { write(cfg(slot, 0x04), bits, 2); }

  Log log;
  hw::IoLock lock;
  hw::IoLock::Guard held{lock};
  hw::AddressSpace space{log};
  std::unique_ptr<hw::GuestRam> ram;
  Doorbell doorbell{"doorbell"};
  std::deque<Pin> pins;
  std::unique_ptr<hw::PciHostBridge> host;
  std::vector<std::unique_ptr<PlainFunction>> functions;
};

}  // namespace quince::test
