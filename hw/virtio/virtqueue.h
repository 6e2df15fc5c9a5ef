// The device's side of a split virtqueue (virtio 1.2, 2.7).
//
// Modelled: descriptor chains, direct and indirect; the available and used rings; notification
// suppression both ways, with flags and with VIRTIO_F_EVENT_IDX.  Missing on purpose: packed
// queues (2.8), which no driver needs.
//
// Everything that the driver wrote is a claim.  Each value is read once, into a local, and checked
// there; a ring that breaks a rule makes pop() answer Broken with a reason, and costs nothing
// else.  Stricter than QEMU: a head that the device still has may not be made available again.
// More lenient than the specification: an indirect table may be longer than the queue, up to
// kMaxQueueSize, because Linux makes such; and empty descriptors are skipped.
//
// The rings are used through host pointers that are looked up once and again only when the address
// space changed, so each ring must be in one bank of memory.  The index fields are the only memory
// shared with vCPUs that run meanwhile: they are loaded with acquire and stored with release order.
#pragma once

#include <sys/uio.h>

#include <array>
#include <span>
#include <vector>

#include "hw/core/dma.h"
#include "hw/virtio/virtio_spec.h"

namespace quince {
class Archive;
}

namespace quince::hw {

/// One request of a driver: a descriptor chain as lists of host memory.  Devices keep and reuse
/// these, so that a request costs no allocation once the lists have grown.
class VirtqElement {
 public:
  /// The index of the chain's first descriptor, which names the request.
  u16 head() const { return head_; }
  /// What the driver wrote for the device.
  std::span<const iovec> readable() const { return readable_; }
  /// Where the device may write.
  std::span<const iovec> writable() const { return writable_; }
  /// The same as pieces of guest memory, one for each entry of writable().
  std::span<const DmaPort::Run> writable_runs() const { return written_; }
  u64 readable_size() const { return readable_size_; }  ///< bytes
  u64 writable_size() const { return writable_size_; }  ///< bytes

  /// Copies from the readable part, from byte `offset` on.  Returns how many bytes there were, at
  /// most `to.size()`.
  std::size_t copy_out(u64 offset, std::span<u8> to) const;
  /// Copies into the writable part.  Returns how many bytes had room.
  std::size_t copy_in(u64 offset, std::span<const u8> from);
  /// Writes zeroes into the writable part, as copy_in.
  std::size_t fill_zero(u64 offset, std::size_t length);

 private:
  friend class Virtqueue;
  void clear();

  u16 head_ = 0;
  std::vector<iovec> readable_, writable_;
  std::vector<DmaPort::Run> written_;  // of each entry of writable_
  u64 readable_size_ = 0, writable_size_ = 0;
};

/// Appends the bytes from `offset` on, at most `length`, of a list to another one.  Returns how
/// many bytes that were.
u64 slice(std::span<const iovec> from, u64 offset, u64 length, std::vector<iovec>& to);

class Virtqueue {
 public:
  static constexpr u16 kMaxQueueSize = 1024;

  /// `max_size`: what the device offers, a power of two up to kMaxQueueSize.
  explicit Virtqueue(u16 max_size);

  // What a transport sets up (2.7, 4.1.4.3, 4.2.2).  Setters do nothing on a queue that is ready.
  u16 max_size() const { return max_size_; }
  u16 size() const { return s_.size; }
  void set_size(u16 n);
  enum class Area : u8 { Desc, Driver, Device };  ///< descriptors, available ring, used ring
  u64 address(Area a) const { return s_.address[static_cast<unsigned>(a)]; }
  void set_address(Area a, u64 value);
  bool ready() const { return s_.ready; }
  /// Starts the queue.  Null when it can start, else why it cannot: a wrong size or alignment.
  const char* enable(bool event_idx, bool indirect);
  /// As after power-on: not ready, and every request that the device has is forgotten.
  void reset();

  enum class [[nodiscard]] Pop : u8{Ok, Empty, Broken};
  /// The next chain that the driver made available.  After Broken, error() has the reason, and the
  /// queue must be reset.
  Pop pop(DmaPort& dma, VirtqElement& e);
  /// Makes the last popped chain available again, as if it had not been popped.
  void unpop(const VirtqElement& e);
  /// The chain of a head that is in flight, after a snapshot was loaded.
  Pop refetch(DmaPort& dma, u16 head, VirtqElement& e);
  /// Whether a chain is available.  Says yes too when pop() would find the ring broken.
  bool available(DmaPort& dma);
  const char* error() const { return error_; }

  /// Gives a chain back, of whose writable part the first `written` bytes hold an answer.  False
  /// when the used ring is not in memory.  Does not interrupt.
  [[nodiscard]] bool push(DmaPort& dma, const VirtqElement& e, u64 written) {
    return push_together(dma, {&e, 1}, written);
  }
  /// Gives several chains back, which the driver sees all at once.  `written` bytes hold an answer
  /// that goes on from the writable part of one chain to that of the next.
  [[nodiscard]] bool push_together(DmaPort& dma, std::span<const VirtqElement> es, u64 written);
  /// Whether the driver wants an interrupt for what was pushed since the last call.
  bool should_interrupt(DmaPort& dma);
  /// Tells the driver that notifications are of no use (a hint: they may come), or are wanted.
  void suppress_notifications(DmaPort& dma, bool on);

  /// Whether the chain of this head was popped and not pushed yet.
  bool in_flight(u16 head) const {
    return head < kMaxQueueSize && bit(s_.in_flight[head / 64], head % 64);
  }
  unsigned in_flight_count() const;

  void snapshot(Archive& ar);

 private:
  struct State {
    bool ready = false;
    bool event_idx = false, indirect = false;
    bool suppressed = false;  // the driver was told not to notify
    u16 size = 0;
    u16 last_avail = 0;  // the index of the next chain to pop
    u16 used = 0;        // the index after the last chain that was pushed
    u16 signalled = 0;   // the used index of the last interrupt decision
    std::array<u64, 3> address{};
    std::array<u64, kMaxQueueSize / 64> in_flight{};
  };
  using Layout = VirtqLayout;

  bool map(DmaPort& dma);
  Pop broken(const char* why);
  bool walk(DmaPort& dma, VirtqElement& e);
  bool walk_indirect(DmaPort& dma, const VirtqDesc& d, VirtqElement& e);
  bool add(DmaPort& dma, const VirtqDesc& d, VirtqElement& e);
  void set_in_flight(u16 head, bool on);
  void put_used(DmaPort& dma, const VirtqElement& e, u64 written, u16 idx);
  u16 load_idx(const DmaPort::Run& run, u64 off) const;
  void store_u16(DmaPort& dma, const DmaPort::Run& run, u64 off, u16 v);

  const u16 max_size_;
  State s_;
  const char* error_ = nullptr;
  // Derived: where the rings are, valid for one generation of the address space.
  DmaPort::Run desc_, avail_, used_;
  u64 generation_ = 0;
  bool mapped_ = false;
};

}  // namespace quince::hw
