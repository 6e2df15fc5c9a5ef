// A virtio driver for fuzzing: mostly honest, and often not.
#pragma once

#include <algorithm>

#include "tests/support/device_fuzz.h"
#include "tests/support/virtio_driver.h"

namespace quince::test {

/// Rings at fixed places, requests that make sense, and scribbles over all of it.  Everything that
/// an event does follows from its number and from guest memory, so that two copies stay alike.
class LyingDriver {
 public:
  static constexpr u64 kMemory = 64 * KiB;
  static constexpr u64 kBase = GuestMemory::kBase;
  static constexpr unsigned kQueues = 8;  // that the driver starts
  static constexpr u64 kQueueBytes = 0x400, kBuffers = kBase + kQueues * kQueueBytes,
                       kBufferBytes = kMemory - kQueues * kQueueBytes;
  static constexpr u16 kSize = 16;

  /// Where the buffers of a request lead.
  enum class To : u8 { Device, Driver, Both };  // Both: a command, and room for its answer
  /// Writes a plausible request for a queue to `at`, where 4 KiB are free.
  using Fill = To (*)(GuestMemory&, unsigned queue, u64 at, u64 r);
  LyingDriver(GuestMemory& memory, DriverPort& port, Fill fill)
      : memory_(memory), port_(port), fill_(fill) {}

  /// Says how many chains were answered.
  u64 event(FuzzBench& b, u64 r) {
    const u64 before = answered();
    const unsigned queue = (r >> 4) % kQueues;
    const u64 rest = r >> 8;
    switch (r & 15) {
      case 0:
        start(rest);
        break;
      case 1:
        memory_.put<u64>(kBase + (rest % kMemory & ~u64{7}), (rest >> 16) * 0x9e37'79b9'7f4a'7c15);
        break;
      case 2:
        memory_.put<u16>(ring(queue) + 0x100 + 2, static_cast<u16>(rest));  // the available index
        break;
      case 3:
        b.output(port_.take_interrupts());
        break;
      case 4:
        port_.reset_queue(queue);
        setup(queue);
        break;
      case 5:
        port_.notify(queue);
        break;
      default:
        request(queue, rest);
    }
    return answered() != before ? 1 : 0;
  }

  /// A request of one or two descriptors.
  void request(unsigned queue, u64 r) {
    const u16 idx = memory_.get<u16>(ring(queue) + 0x102);
    const u16 head = static_cast<u16>(2 * (idx % 8));
    const u64 at = kBuffers + r % (kBufferBytes - 4096);
    const To to = fill_(memory_, queue, at, r >> 16);
    const u16 flags = to == To::Driver ? hw::VIRTQ_DESC_F_WRITE : 0;
    const u16 second = to == To::Device ? 0 : hw::VIRTQ_DESC_F_WRITE;
    const bool two = r % 3 == 0 || to == To::Both;
    const u32 length = static_cast<u32>(r % 5 == 0 ? (r >> 40) % 4096 : 64);
    memory_.put_object(
        ring(queue) + 16u * head,
        hw::VirtqDesc{at, length, static_cast<u16>(flags | (two ? hw::VIRTQ_DESC_F_NEXT : 0)),
                      static_cast<u16>(head + 1)});
    memory_.put_object(ring(queue) + 16u * (head + 1u),
                       hw::VirtqDesc{at + length, static_cast<u32>((r >> 52) % 64), second, 0});
    memory_.put<u16>(ring(queue) + 0x104 + 2u * (idx % kSize), head);
    memory_.put<u16>(ring(queue) + 0x102, static_cast<u16>(idx + 1));
    if (r % 7 != 0) port_.notify(queue);
  }

 private:
  static u64 ring(unsigned queue) { return kBase + queue * kQueueBytes; }
  u64 answered() {
    u64 sum = 0;
    for (unsigned n = 0; n < kQueues; ++n) sum += memory_.get<u16>(ring(n) + 0x202);
    return sum;
  }
  void setup(unsigned n) {
    if (port_.queue_max(n) != 0)
      port_.setup_queue(n, kSize, ring(n), ring(n) + 0x100, ring(n) + 0x200);
  }
  void start(u64 r) {
    port_.set_status(0);
    std::fill_n(memory_.host(kBase), kQueues * kQueueBytes, u8{0});
    port_.set_status(hw::VIRTIO_ACKNOWLEDGE | hw::VIRTIO_DRIVER);
    u64 features = port_.device_features();
    if (r % 4 == 0) features &= (r >> 8) | hw::feature_bits(hw::VIRTIO_F_VERSION_1);
    port_.set_driver_features(features);
    port_.set_status(hw::VIRTIO_ACKNOWLEDGE | hw::VIRTIO_DRIVER | hw::VIRTIO_FEATURES_OK);
    for (unsigned n = 0; n < kQueues; ++n) setup(n);
    port_.set_status(hw::VIRTIO_ACKNOWLEDGE | hw::VIRTIO_DRIVER | hw::VIRTIO_FEATURES_OK |
                     hw::VIRTIO_DRIVER_OK);
  }
  GuestMemory& memory_;
  DriverPort& port_;
  Fill fill_;
};

}  // namespace quince::test
