// The driver's port of tests/support/virtio_driver.h over PCI: finds the structures through the
// capabilities, as a driver does, and uses them through the host bridge's windows.
#pragma once

#include <array>
#include <vector>

#include "hw/pci/host_bridge.h"
#include "tests/support/pin.h"
#include "tests/support/virtio_driver.h"

namespace quince::test {

/// A host bridge in a GuestMemory's address space, with one interrupt wire.
class PciSlots {
 public:
  static constexpr u64 kEcam = 0x1'0000'0000, kMmio = 0x5000'0000, kMmioSize = 0x1000'0000;
  explicit PciSlots(GuestMemory& memory);
  hw::FunctionPorts claim(unsigned slot) { return host.root().claim(slot).value(); }
  u64 read(u64 a, unsigned size);
  void write(u64 a, unsigned size, u64 v);
  static u64 cfg(unsigned slot, unsigned reg) { return kEcam + (slot << 15) + reg; }

  GuestMemory& memory;
  Pin pin;
  hw::IoLock lock;
  hw::PciHostBridge host;
};

class PciDriverPort final : public DriverPort {
 public:
  /// Gives BAR 4 and BAR 1 of a slot places in the window, and turns memory and mastering on.
  PciDriverPort(PciSlots& slots, unsigned slot, u64 bar4 = PciSlots::kMmio,
                u64 bar1 = PciSlots::kMmio + 0x10'0000);
  u64 rd(u64 off, unsigned size) { return slots_.read(common_ + off, size); }
  void wr(u64 off, unsigned size, u64 v) { slots_.write(common_ + off, size, v); }
  u64 cfg(unsigned reg, unsigned size) { return slots_.read(PciSlots::cfg(slot_, reg), size); }
  void set_cfg(unsigned reg, unsigned size, u64 v) {
    slots_.write(PciSlots::cfg(slot_, reg), size, v);
  }
  /// The capability of a type (4.1.4), or 0.
  unsigned find_virtio(u8 type);
  /// Programs a vector and unmasks it.
  void set_vector(unsigned n, u64 address, u32 data);
  void enable_msix(bool on);
  void move(u64 bar4);

  u64 device_features() override;
  void set_driver_features(u64 v) override;
  u8 status() override { return static_cast<u8>(rd(0x14, 1)); }
  void set_status(u8 v) override { wr(0x14, 1, v); }
  u16 queue_max(unsigned n) override;
  void setup_queue(unsigned n, u16 size, u64 desc, u64 driver, u64 device) override;
  bool queue_running(unsigned n) override;
  void reset_queue(unsigned n) override;
  void notify(unsigned n) override;
  u64 read_config(u64 off, unsigned size) override { return slots_.read(device_ + off, size); }
  void write_config(u64 off, unsigned size, u64 v) override {
    slots_.write(device_ + off, size, v);
  }
  u8 config_generation() override { return static_cast<u8>(rd(0x15, 1)); }
  u8 take_interrupts() override { return static_cast<u8>(slots_.read(isr_, 1)); }

  /// Set on queues that start from now on; NO_VECTOR by default.
  u16 queue_vector = 0xffff;

 private:
  void find_structures();
  PciSlots& slots_;
  unsigned slot_;
  u64 bar1_;
  u64 common_ = 0, isr_ = 0, device_ = 0, notify_ = 0;
  u32 multiplier_ = 0;
};

}  // namespace quince::test
