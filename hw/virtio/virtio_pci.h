// The PCI transport (virtio 1.2, 4.1), modern interface only, with the layout of QEMU's functions.
//
// BAR 4 (64-bit, prefetchable, 16 KiB) has the common configuration, the ISR status, the device's
// configuration and the notification registers, a page each; BAR 1 has MSI-X where there are
// vectors.  The PCI configuration access capability (4.1.4.9) reaches BAR 4.
// Interrupts: MSI-X vectors for each queue and the configuration, else INTx with the ISR status.
// Deliberately missing: the legacy interface and transitional ids, NOTIFICATION_DATA, shared memory
// capabilities, a PCI Express capability.
#pragma once

#include <array>
#include <optional>

#include "hw/core/reg_map.h"
#include "hw/core/stateless.h"
#include "hw/pci/pci_function.h"
#include "hw/virtio/virtio_device.h"

namespace quince::hw {

struct VirtioPciConfig {
  /// MSI-X vectors, 0 for none; by default one for each queue and one for the configuration.
  std::optional<unsigned> vectors = {};
  /// Other ids than those of the specification, for devices with a driver of their own.
  std::optional<PciIdentity> identity = {};
};

class VirtioPci final : public PciFunction, private VirtioTransport {
 public:
  static constexpr unsigned kBar = 4, kMsixBar = 1;
  static constexpr u64 kPage = 0x1000, kBarSize = 4 * kPage;
  static constexpr u64 kCommon = 0, kIsr = kPage, kDevice = 2 * kPage, kNotify = 3 * kPage;
  static constexpr unsigned kMaxQueues = 64;
  static constexpr unsigned kMaxVectors = pci::kMsixMaxVectors;
  static constexpr u16 VIRTIO_MSI_NO_VECTOR = 0xffff;

  /// The device outlives the function.  `config.vectors` is at most kMaxVectors.
  VirtioPci(std::string_view name, VirtioDevice& device, const VirtioPciConfig& config,
            const FunctionPorts& ports);

  /// The ids of 4.1.2 and a class code for a type of device.
  static PciIdentity identity(VirtioId id);

  void reset() override;
  void snapshot(Archive& ar) override;
  void restored() override;

  /// What is in BAR 4, for the table of registers and for tests.
  MmioDevice& common() { return common_; }
  MmioDevice& isr() { return isr_; }
  MmioDevice& device_config() { return device_config_; }
  MmioDevice& notification() { return notification_; }

 private:
  /// struct virtio_pci_common_cfg (4.1.4.3).
  class Common final : public RegMapDevice<Common> {
   public:
    Common(std::string_view name, VirtioPci& f) : RegMapDevice(name), f_(f) {}
    void reset() override { s_ = {}; }
    void snapshot(Archive& ar) override;
    void restored() override {}
    void sync() {}
    static std::span<const Reg<Common>> regs();
    u16 config_vector() const { return s_.config_vector; }
    u16 queue_vector(unsigned n) const { return s_.queue_vector[n]; }

   private:
    friend RegOps<Common>;
    struct State {
      State() { queue_vector.fill(VIRTIO_MSI_NO_VECTOR); }
      u32 device_feature_select = 0, driver_feature_select = 0;
      u16 queue_select = 0;
      u16 config_vector = VIRTIO_MSI_NO_VECTOR;
      std::array<u16, kMaxQueues> queue_vector;
    };
    using Op = RegOps<Common>;
    static const std::array<Reg<Common>, 18> kRegs;

    Virtqueue* queue() const { return f_.device_.queue(s_.queue_select); }
    u16 usable_vector(u16 v) const { return v < f_.vectors_ ? v : VIRTIO_MSI_NO_VECTOR; }
    u32 device_feature() const { return f_.device_.device_features(s_.device_feature_select); }
    u32 driver_feature() const { return f_.device_.driver_features(s_.driver_feature_select); }
    void set_driver_feature(u32 v) { f_.device_.set_driver_features(s_.driver_feature_select, v); }
    void set_config_vector(u16 v) { s_.config_vector = usable_vector(v); }
    u16 num_queues() const { return static_cast<u16>(f_.device_.queue_count()); }
    u8 device_status() const { return f_.device_.status(); }
    void set_device_status(u8 v);
    u8 config_generation() const { return f_.device_.config_generation(); }
    u16 queue_size() const { return queue() != nullptr ? queue()->size() : 0; }
    void set_queue_size(u16 v);
    u16 selected_vector() const;
    void set_queue_vector(u16 v);
    u16 queue_enable() const { return queue() != nullptr && queue()->ready(); }
    void set_queue_enable(u16 v);
    u16 queue_notify_off() const { return queue() != nullptr ? s_.queue_select : 0; }
    template <Virtqueue::Area A>
    u64 address() const;
    template <Virtqueue::Area A>
    void set_address(u64 v);
    void set_queue_reset(u16 v);

    VirtioPci& f_;
    State s_;
  };

  /// The ISR status (4.1.4.5): one byte, cleared by reading.
  class Isr final : public RegMapDevice<Isr> {
   public:
    Isr(std::string_view name, VirtioPci& f) : RegMapDevice(name), f_(f) {}
    void reset() override { s_ = {}; }
    void snapshot(Archive& ar) override { ar.field("isr", s_.isr); }
    void restored() override { sync(); }
    void sync() { f_.set_intx(s_.isr != 0); }
    static std::span<const Reg<Isr>> regs();
    void raise(u8 bits);
    void clear();

   private:
    friend RegOps<Isr>;
    struct State {
      u8 isr = 0;
    };
    using Op = RegOps<Isr>;
    static const std::array<Reg<Isr>, 1> kRegs;
    u8 take();

    VirtioPci& f_;
    State s_;
  };

  /// Notification registers (4.1.4.4): the queue is the address, the value is not needed.
  class Notification final : public Stateless<RegMapDevice<Notification>> {
   public:
    Notification(std::string_view name, VirtioPci& f) : Stateless(name), f_(f) {}
    void sync() {}
    static std::span<const Reg<Notification>> regs();

   private:
    friend RegOps<Notification>;
    struct State {};
    using Op = RegOps<Notification>;
    static const std::array<Reg<Notification>, 1> kRegs;
    void notify(unsigned queue, u32) { f_.device_.notify(queue); }

    VirtioPci& f_;
  };

  /// The device's configuration space (4.1.4.6).
  class DeviceConfig final : public Stateless<> {
   public:
    DeviceConfig(std::string_view name, VirtioPci& f) : Stateless(name), f_(f) {}
    Bus read(u64 off, Access a, u64& out) override;
    Bus write(u64 off, Access a, u64 in) override;

   private:
    VirtioPci& f_;
  };

  void queue_interrupt(unsigned queue) override;
  void config_interrupt() override;
  void config_reading(unsigned off, unsigned size) override;
  void config_written(unsigned off, unsigned size) override;
  void add_capabilities();
  /// What the configuration access capability points at, or null.
  Target window_target(unsigned& size) const;
  bool is_window(unsigned off, unsigned size) const;

  VirtioDevice& device_;
  const unsigned vectors_;
  unsigned window_ = 0;  // the configuration access capability
  Common common_;
  Isr isr_;
  Notification notification_;
  DeviceConfig device_config_;
};

}  // namespace quince::hw
