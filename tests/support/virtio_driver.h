// The driver's side of virtio, for tests: honest by default, and able to lie about everything,
// because all of its memory is open.
//
//   GuestMemory memory;
//   VirtioMmio slot("slot", pin.wire(), memory.port());
//   slot.plug(device);
//   MmioDriverPort port(slot);
//   VirtioDriver driver(port, memory);
//   ASSERT_TRUE(driver.start(VirtioDevice::kCommonFeatures));
//   DriverQueue& q = driver.queue(0);
//   q.add({q.buffer("question"), q.space(16)});
//   driver.kick(0);
//   q.reap();
#pragma once

#include <cstring>
#include <deque>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hw/core/dma.h"
#include "hw/virtio/virtio_mmio.h"
#include "hw/virtio/virtio_spec.h"

namespace quince::test {

/// A bank of guest memory in an address space of its own, handed out in pieces that are never
/// given back.
class GuestMemory {
 public:
  static constexpr u64 kBase = 0x4000'0000;
  explicit GuestMemory(u64 size = 4 * MiB);

  hw::AddressSpace& space() { return space_; }
  hw::DmaPort port() { return hw::DmaPort(space_, 0); }
  hw::GuestRam& ram() { return *ram_; }
  Log& log() { return log_; }
  u64 size() const { return ram_->size(); }
  std::span<u8> bytes() { return {ram_->data(), ram_->size()}; }
  u8* host(u64 address) { return ram_->data() + (address - kBase); }
  /// A piece of fresh memory, aligned to 16 bytes.
  u64 alloc(u64 size);
  template <class T>
  T get(u64 address) {
    return load_le<T>(host(address));
  }
  template <class T>
  void put(u64 address, T v) {
    store_le<T>(host(address), v);
  }
  template <class T>
  T get_object(u64 address) {
    T v;
    std::memcpy(&v, host(address), sizeof v);
    return v;
  }
  template <class T>
  void put_object(u64 address, const T& v) {
    std::memcpy(host(address), &v, sizeof v);
  }
  std::string text(u64 address, std::size_t size) {
    return {reinterpret_cast<const char*>(host(address)), size};
  }

 private:
  Log log_;
  hw::AddressSpace space_{log_};
  std::unique_ptr<hw::GuestRam> ram_;
  u64 next_ = kBase;
};

/// How a driver reaches a device's registers.
class DriverPort {
 public:
  virtual ~DriverPort() = default;
  virtual u64 device_features() = 0;
  virtual void set_driver_features(u64 v) = 0;
  virtual u8 status() = 0;
  virtual void set_status(u8 v) = 0;
  virtual u16 queue_max(unsigned n) = 0;  ///< 0: no such queue
  virtual void setup_queue(unsigned n, u16 size, u64 desc, u64 driver, u64 device) = 0;
  virtual bool queue_running(unsigned n) = 0;
  virtual void reset_queue(unsigned n) = 0;
  virtual void notify(unsigned n) = 0;
  virtual u64 read_config(u64 off, unsigned size) = 0;
  virtual void write_config(u64 off, unsigned size, u64 v) = 0;
  virtual u8 config_generation() = 0;
  /// The ISR bits that are set; clears them.
  virtual u8 take_interrupts() = 0;
};

class MmioDriverPort final : public DriverPort {
 public:
  explicit MmioDriverPort(hw::VirtioMmio& slot) : slot_(slot) {}
  u32 rd(u64 off);
  void wr(u64 off, u32 v);

  u64 device_features() override;
  void set_driver_features(u64 v) override;
  u8 status() override { return static_cast<u8>(rd(0x70)); }
  void set_status(u8 v) override { wr(0x70, v); }
  u16 queue_max(unsigned n) override;
  void setup_queue(unsigned n, u16 size, u64 desc, u64 driver, u64 device) override;
  bool queue_running(unsigned n) override;
  void reset_queue(unsigned n) override;
  void notify(unsigned n) override { wr(0x50, n); }
  u64 read_config(u64 off, unsigned size) override;
  void write_config(u64 off, unsigned size, u64 v) override;
  u8 config_generation() override { return static_cast<u8>(rd(0xfc)); }
  u8 take_interrupts() override;

 private:
  hw::VirtioMmio& slot_;
};

/// A driver's queue: rings in guest memory.
class DriverQueue {
 public:
  struct Buffer {
    u64 address = 0;
    u32 length = 0;
    bool device_writes = false;
  };
  struct Used {
    u16 head = 0;
    u32 length = 0;
  };
  enum class How : u8 { Direct, Indirect };

  DriverQueue(GuestMemory& memory, u16 size);

  u16 size() const { return size_; }
  u64 desc_address() const { return desc_; }
  u64 avail_address() const { return avail_; }
  u64 used_address() const { return used_; }

  /// Fresh buffers: with a text for the device, and for an answer.
  Buffer buffer(std::string_view text);
  Buffer space(u32 length);

  /// Writes a chain and makes it available.  Returns its head.
  u16 add(std::span<const Buffer> chain, How how = How::Direct);
  u16 add(std::initializer_list<Buffer> chain, How how = How::Direct) {
    return add(std::span(chain.begin(), chain.size()), how);
  }
  /// The next used chain, whose descriptors are free again.
  std::optional<Used> reap();
  /// Whether the device wants to hear of chains added since the last call (2.7.10).
  bool should_kick(bool event_idx);

  // The fields, to look at and to lie with.
  hw::VirtqDesc desc(u16 i);
  void set_desc(u16 i, const hw::VirtqDesc& d);
  void set_avail_flags(u16 v) { memory_.put<u16>(avail_, v); }
  u16 avail_idx() { return memory_.get<u16>(avail_ + 2); }
  void set_avail_idx(u16 v) { memory_.put<u16>(avail_ + 2, v); }
  void set_avail_entry(u16 i, u16 head) { memory_.put<u16>(avail_ + 4 + 2u * (i % size_), head); }
  void set_used_event(u16 v) { memory_.put<u16>(avail_ + hw::VirtqLayout::used_event(size_), v); }
  u16 used_flags() { return memory_.get<u16>(used_); }
  u16 used_idx() { return memory_.get<u16>(used_ + 2); }
  u16 avail_event() { return memory_.get<u16>(used_ + hw::VirtqLayout::avail_event(size_)); }
  /// Makes a head available, whatever it leads to.
  void publish(u16 head);

 private:
  u16 take();

  GuestMemory& memory_;
  const u16 size_;
  u64 desc_, avail_, used_;
  std::deque<u16> free_;
  std::vector<std::vector<u16>> chains_;  // descriptors of each head that is out
  u16 reaped_ = 0;
  u16 kicked_ = 0;
};

class VirtioDriver {
 public:
  VirtioDriver(DriverPort& port, GuestMemory& memory) : port_(port), memory_(memory) {}

  /// Resets the device, negotiates what of `features` it offers, starts every queue with at most
  /// `size` entries, and sets DRIVER_OK.  False when the device refuses.
  bool start(u64 features, u16 size = 16);
  /// Starts one queue again, with fresh rings, after it was reset.
  void start_queue(unsigned n, u16 size = 16);
  DriverQueue& queue(unsigned n) { return *queues_.at(n); }
  std::size_t queue_count() const { return queues_.size(); }
  u64 features() const { return features_; }
  /// Notifies, always.
  void kick(unsigned n) { port_.notify(n); }
  bool needs_reset() { return (port_.status() & hw::VIRTIO_DEVICE_NEEDS_RESET) != 0; }
  DriverPort& port() { return port_; }

 private:
  DriverPort& port_;
  GuestMemory& memory_;
  std::vector<std::unique_ptr<DriverQueue>> queues_;
  u64 features_ = 0;
};

}  // namespace quince::test
