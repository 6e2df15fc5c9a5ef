// A controller on a PCI bus with memory, a doorbell for its messages, and a driver for it.
#pragma once

#include <gtest/gtest.h>

#include <deque>

#include "hw/core/ram.h"
#include "hw/core/stateless.h"
#include "hw/pci/host_bridge.h"
#include "hw/usb/xhci/xhci_pci.h"
#include "tests/support/pin.h"
#include "tests/support/usb_test_device.h"
#include "tests/support/xhci_driver.h"

namespace quince::test {

/// Takes messages and remembers their data.
class MessageBox final : public hw::Stateless<> {
 public:
  using Stateless::Stateless;
  hw::Bus read(u64, hw::Access, u64&) override { return hw::Bus::WriteOnly; }
  hw::Bus write(u64, hw::Access, u64 in) override {
    messages.push_back(static_cast<u32>(in));
    return hw::Bus::Ok;
  }
  std::vector<u32> messages;
};

class XhciBench : public XhciDriverPort {
 public:
  static constexpr u64 kRam = 0x4000'0000, kRamSize = 4 * MiB, kEcam = 0x1'0000'0000,
                       kMmio = 0x5000'0000, kBox = 0x1fff'0000;

  explicit XhciBench(hw::XhciPciConfig config = {}, bool messages = true)
      : ram(std::move(*hw::GuestRam::create("ram", kRamSize))),
        host("pcie", space, wires(), messages),
        xhci("xhci", config, *host.root().claim(1), timers) {
    EXPECT_TRUE(space.map_ram(PhysAddr(kRam), *ram));
    EXPECT_TRUE(space.map_doorbell(PhysAddr(kBox), 0x1000, box));
    EXPECT_TRUE(space.map(PhysAddr(kEcam), 0x1000'0000, host.ecam()));
    EXPECT_TRUE(
        space.map(PhysAddr(kMmio), 0x100'0000, host.memory_window("mmio", PhysAddr(kMmio))));
    xhci.reset();
    enable();
  }
  /// Places the BAR, and turns memory and mastering on.
  void enable() {
    cfg_write(0x10, kMmio);
    cfg_write(0x04, 6, 2);
  }
  /// MSI with 2^log2 messages; data from 0x40 on.
  void enable_msi(unsigned log2) {
    cfg_write(0x74, kBox);
    cfg_write(0x78, 0);
    cfg_write(0x7c, 0x40, 2);
    cfg_write(0x72, 1 | log2 << 4, 2);
  }
  /// MSI-X, every vector with its number as data.
  void enable_msix() {
    for (unsigned v = 0; v < xhci.controller().config().interrupters(); ++v) {
      write(0x3000 + 16 * v, kBox);
      write(0x3004 + 16 * v, 0);
      write(0x3008 + 16 * v, v);
      write(0x300c + 16 * v, 0);
    }
    cfg_write(0x92, 0x8000, 2);
  }

  u32 read(u64 off) override { return static_cast<u32>(access(kMmio + off, 4)); }
  void write(u64 off, u32 value) override { store(kMmio + off, value, 4); }
  void read_memory(u64 address, std::span<u8> out) override {
    ASSERT_TRUE(address >= kRam && address + out.size() <= kRam + kRamSize);
    std::copy_n(ram->data() + (address - kRam), out.size(), out.begin());
  }
  void write_memory(u64 address, std::span<const u8> in) override {
    ASSERT_TRUE(address >= kRam && address + in.size() <= kRam + kRamSize);
    std::copy(in.begin(), in.end(), ram->data() + (address - kRam));
  }
  u32 cfg_read(unsigned reg, unsigned size = 4) {
    return static_cast<u32>(access(kEcam + (1 << 15) + reg, size));
  }
  void cfg_write(unsigned reg, u64 v, unsigned size = 4) {
    store(kEcam + (1 << 15) + reg, v, size);
  }
  u64 access(u64 at, unsigned size) {
    u64 v = 0;
    EXPECT_EQ(space.read(held, PhysAddr(at), {size}, v), hw::AddressSpace::Outcome::Ok);
    return v;
  }
  void store(u64 at, u64 v, unsigned size) {
    EXPECT_EQ(space.write(held, PhysAddr(at), {size}, v), hw::AddressSpace::Outcome::Ok);
  }
  void advance(u64 ns) { timers.advance_to(timers.now_ns() + ns); }

  Log log;
  hw::IoLock lock;
  hw::IoLock::Guard held{lock};
  hw::AddressSpace space{log};
  hw::TimerQueue timers;
  std::unique_ptr<hw::GuestRam> ram;
  MessageBox box{"box"};
  Pin pin;
  hw::PciHostBridge host;
  hw::XhciPci xhci;
  XhciDriver driver{*this, kRam + 0x1'0000, 2 * MiB};

 private:
  std::vector<hw::IrqLine> wires() {
    std::vector<hw::IrqLine> w;
    w.push_back(pin.wire());
    return w;
  }
};

}  // namespace quince::test
