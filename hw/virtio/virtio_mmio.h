// The memory-mapped transport (virtio 1.2, 4.2), register layout version 2.
//
// Modelled: every register of version 2, one level interrupt.  Deliberately missing: the legacy
// layout (version 1), and shared memory regions, which read as absent.  A slot without a device has
// DeviceID 0, and drivers pass it by.
#pragma once

#include <array>

#include "hw/core/dma.h"
#include "hw/core/irq.h"
#include "hw/core/reg_map.h"
#include "hw/virtio/virtio_device.h"

namespace quince::hw {

class VirtioMmio final : public RegMapDevice<VirtioMmio>, private VirtioTransport {
 public:
  static constexpr u64 kSize =
      0x200;  ///< bytes of a slot on Arm's boards; any page-sized one works
  static constexpr u32 kConfig = 0x100;

  /// An empty slot.  `dma`: how its device reaches memory.
  VirtioMmio(std::string_view name, IrqLine irq, const DmaPort& dma);
  /// Puts a device in, once and before the machine runs.  The device outlives the slot's use.
  void plug(VirtioDevice& device);
  bool empty() const { return device_ == nullptr; }

  Bus read(u64 off, Access a, u64& out) override;
  Bus write(u64 off, Access a, u64 in) override;
  void reset() override;
  void snapshot(Archive& ar) override;
  void restored() override;
  static std::span<const Reg<VirtioMmio>> regs();
  void sync() { irq_.set(s_.interrupt_status != 0); }

 private:
  friend RegOps<VirtioMmio>;
  struct State {
    u32 device_features_sel = 0, driver_features_sel = 0, queue_sel = 0, shm_sel = 0;
    u8 interrupt_status = 0;
  };

  void queue_interrupt(unsigned queue) override;
  void config_interrupt() override;

  Virtqueue* selected() const {
    return device_ != nullptr ? device_->queue(s_.queue_sel) : nullptr;
  }
  u32 device_id() const { return device_ != nullptr ? static_cast<u32>(device_->id()) : 0; }
  u32 device_features() const;
  void set_driver_features(u32 v);
  u32 queue_num_max() const { return selected() != nullptr ? selected()->max_size() : 0; }
  void set_queue_num(u32 v);
  u32 queue_ready() const { return selected() != nullptr && selected()->ready(); }
  void set_queue_ready(u32 v);
  void notify(u32 v);
  void acknowledge(u32 v) { s_.interrupt_status &= static_cast<u8>(~v); }
  u32 status() const { return device_ != nullptr ? device_->status() : 0; }
  void set_status(u32 v);
  template <Virtqueue::Area A, unsigned Low>
  void set_address(u32 v);
  void set_queue_reset(u32 v);
  u32 config_generation() const { return device_ != nullptr ? device_->config_generation() : 0; }

  using Op = RegOps<VirtioMmio>;
  static const std::array<Reg<VirtioMmio>, 28> kRegs;

  IrqLine irq_;
  DmaPort dma_;
  VirtioDevice* device_ = nullptr;
  State s_;
};

}  // namespace quince::hw
