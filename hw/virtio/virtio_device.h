// What every virtio device is (virtio 1.2, chapters 2 and 3), whatever its type and its transport.
//
// Modelled: the status machine, feature negotiation, split queues, reset of one queue
// (VIRTIO_F_RING_RESET), the configuration space with its generation, DEVICE_NEEDS_RESET.
// Deliberately missing: legacy and transitional interfaces, packed queues, ACCESS_PLATFORM,
// NOTIFICATION_DATA, shared memory regions.
//
// A device of some type derives from VirtioDevice and sees only this file; a transport
// (virtio_mmio.h, virtio_pci.h) calls the second half of it and implements VirtioTransport.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "base/log.h"
#include "hw/core/archive.h"
#include "hw/core/device.h"
#include "hw/core/timer.h"
#include "hw/virtio/virtqueue.h"

namespace quince::hw {

/// How a device reaches its driver.  A transport resets, saves and restores its device with itself,
/// so that a machine sees one unit.
class VirtioTransport {
 public:
  /// Used buffers of a queue are to be looked at.
  virtual void queue_interrupt(unsigned queue) = 0;
  /// The configuration or the status changed.
  virtual void config_interrupt() = 0;

 protected:
  ~VirtioTransport() = default;
};

class VirtioDevice : public Device {
 public:
  /// What a device of any type offers unless a user says otherwise.
  static constexpr u64 kCommonFeatures = feature_bits(VIRTIO_F_INDIRECT_DESC, VIRTIO_F_EVENT_IDX,
                                                      VIRTIO_F_VERSION_1, VIRTIO_F_RING_RESET);
  /// Chains that one notification makes a device take; more wait for the machine thread, so that a
  /// driver that goes on adding cannot keep the I/O lock.
  static constexpr unsigned kBurst = 256;

  VirtioId id() const { return id_; }
  /// Connects a transport and its way to memory; both outlive the device's use.
  void connect(VirtioTransport& transport, DmaPort& dma);

  void reset() final;
  void snapshot(Archive& ar) final;
  void restored() final;

  // ---- For transports ----
  /// 32 feature bits, `word` 0 for bits 31:0; zero beyond what exists.
  u32 device_features(u32 word) const;
  u32 driver_features(u32 word) const;
  void set_driver_features(u32 word, u32 value);
  u8 status() const { return s_.status; }
  /// A write of the status register; zero resets the device.
  void set_status(u8 value);

  unsigned queue_count() const { return static_cast<unsigned>(queues_.size()); }
  /// A queue by number, or null: the number is a driver's.
  Virtqueue* queue(unsigned n) { return n < queues_.size() ? &queues_[n] : nullptr; }
  void enable_queue(unsigned n);
  /// Stops one queue and forgets its addresses (2.6.1, and QueueReady = 0).
  void reset_queue(unsigned n);
  /// The driver notified a queue.
  void notify(unsigned n);

  u8 config_generation() const { return s_.config_generation; }
  virtual u32 config_size() const { return 0; }
  /// Reads or writes `size` bytes (1, 2, 4 or 8) of the configuration space; what is outside of it
  /// reads as zero and ignores writes.
  u64 read_config(u64 off, unsigned size);
  void write_config(u64 off, unsigned size, u64 value);

 protected:
  /// `features`: all that is offered.  `queue_sizes`: the largest size of each queue.
  VirtioDevice(std::string_view name, VirtioId id, u64 features, std::span<const u16> queue_sizes,
               Log& log, TimerQueue& timers);

  // ---- What a type implements ----
  /// A queue may have chains.  Takes at most kBurst of them; says true when there may be more.
  virtual bool handle_queue(unsigned n) = 0;
  /// Forgets what is in flight of one queue, or of all: it is reset next, or loaded.  Nothing of it
  /// may touch guest memory after the return.
  virtual void stop(std::optional<unsigned> /*only*/) {}
  /// The driver starts anew: the type's own state as after power-on.  Queues are stopped before.
  virtual void reset_type() {}
  /// FEATURES_OK was accepted: features() has its final value.
  virtual void negotiated() {}
  virtual void snapshot_type(Archive& /*ar*/) {}
  /// After a load.  Chains that are in flight are to be fetched again with refetch().
  virtual void restored_type() {}
  /// The configuration structure, all config_size() bytes of it.
  virtual void fill_config(std::span<u8> /*out*/) const {}
  /// A driver's write inside the structure.  False: nothing writable there.
  virtual bool config_written(u64 /*off*/, std::span<const u8> /*in*/) { return false; }

  // ---- What a type calls ----
  /// Features that both sides agreed on.
  u64 features() const { return s_.driver_features; }
  bool has_feature(unsigned n) const { return bit(features(), n); }
  u64 offered() const { return offered_; }
  bool driver_ok() const { return (s_.status & VIRTIO_DRIVER_OK) != 0 && !broken(); }
  /// The next chain of a queue; false when there is none or the ring is broken.
  bool next(unsigned n, VirtqElement& e);
  bool refetch(unsigned n, u16 head, VirtqElement& e);
  /// Gives a chain back with `written` bytes of answer; complete() also interrupts if the driver
  /// wants it, push() leaves that to signal().
  void push(unsigned n, const VirtqElement& e, u64 written) { push_together(n, {&e, 1}, written); }
  /// Gives several chains back, which the driver sees all at once (Virtqueue::push_together).
  void push_together(unsigned n, std::span<const VirtqElement> es, u64 written);
  void signal(unsigned n);
  void complete(unsigned n, const VirtqElement& e, u64 written) {
    push(n, e, written);
    signal(n);
  }
  /// Handles a queue as if it had been notified, when it runs.
  void run_queue(unsigned n);
  /// Does so soon, on the machine thread.
  void handle_later(unsigned n);
  /// The driver broke the rules in a way that has no other answer (2.1.1).
  void needs_reset(const char* why);
  bool broken() const { return (s_.status & VIRTIO_DEVICE_NEEDS_RESET) != 0; }
  /// The configuration changed: a new generation, and an interrupt.
  void config_changed();
  DmaPort& dma() { return *dma_; }
  Log& log() { return log_; }
  TimerQueue& timers() { return timers_; }

 private:
  struct State {
    u8 status = 0;
    u8 config_generation = 0;
    bool bad_features = false;  // the driver wrote bits beyond 63
    u64 driver_features = 0;
    u64 later = 0;  // queues of handle_later(), or-ed
  };

  void driver_reset();
  void on_later();
  void sync();
  bool started(unsigned n) { return driver_ok() && queues_[n].ready(); }

  const VirtioId id_;
  const u64 offered_;
  Log& log_;
  TimerQueue& timers_;
  Timer later_;
  VirtioTransport* transport_ = nullptr;
  DmaPort* dma_ = nullptr;
  std::vector<Virtqueue> queues_;
  std::vector<u8> config_;  // scratch of read_config
  State s_;
};

}  // namespace quince::hw
