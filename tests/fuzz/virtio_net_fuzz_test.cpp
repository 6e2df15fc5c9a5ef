// The network device between a driver and a network that are mostly honest and often are not, as in
// virtio_fuzz_test.cpp.  Everything that an event does follows from its number and from guest memory,
// so that two copies stay alike; the cable of the port stays plugged in, because a snapshot does not
// have it.
#include <array>
#include <memory>

#include "hw/virtio/virtio_net.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/virtio_driver.h"

namespace quince::test {
namespace {

using namespace hw;  // NOLINT: the names of virtio_spec.h

constexpr unsigned kPairs = 2, kQueues = 2 * kPairs + 1, kControl = kQueues - 1;
constexpr u16 kSize = 16;
// Guest memory: rings, headers, buffers.
constexpr u64 kMemory = 64 * KiB, kBase = GuestMemory::kBase;
constexpr u64 kRings = kBase, kQueueBytes = 0x400, kHeaders = kBase + 0x1800,
              kBuffers = kBase + 0x2000, kBufferBytes = kMemory - 0x2000, kLongest = 0x3000;

/// What really happened, over all copies.
struct Counts {
  u64 sent = 0, received = 0, commands = 0;
};

struct Cable final : net::Port {
  Cable(FuzzBench& bench, Counts& c) : b(bench), counts(c) {}
  void send(std::span<const u8> frame, const net::Offload& o) override {
    ++counts.sent;
    ASSERT_LE(frame.size(), net::kMaxFrame);
    u64 sum = frame.size();
    for (const u8 c : frame) sum = sum * 31 + c;
    b.output(sum);
    b.output(u64{o.needs_csum} << 63 | u64{o.ecn} << 62 | static_cast<u64>(o.segment) << 56 |
             u64{o.csum_start} << 32 | u64{o.csum_offset} << 16 | o.segment_size);
    if (o.needs_csum) {
      EXPECT_LE(std::size_t{o.csum_start} + o.csum_offset + 2, frame.size());
    }
  }
  void attach(net::Receiver* r) override { receiver = r; }
  void accept_input() override { b.output(1); }

  FuzzBench& b;
  Counts& counts;
  net::Receiver* receiver = nullptr;
};

class Rig {
  FuzzBench& b_;
  Counts& counts_;
  Cable cable_;  // the device lets go of it at its end

 public:
  Rig(FuzzBench& b, Counts& counts) : b_(b), counts_(counts), cable_(b, counts) {
    VirtioNetConfig c;
    c.offers |= feature_bits(VIRTIO_NET_F_MQ);
    c.queue_pairs = kPairs;
    c.mtu = 1500;
    nic = std::make_unique<VirtioNet>("nic", c, &cable_, memory.log(), b.timers());
    b.memory(memory.bytes());
  }

  void event(u64 r) {
    const u64 rest = r >> 16;
    const unsigned queue = static_cast<unsigned>(bits(r, 15, 8) % kQueues);
    switch (bits(r, 3, 0)) {
      case 0:
        return start(rest);
      case 1:
        return misfortune(queue, rest);
      case 2:
        return port->notify(queue);
      case 3:
        return b_.output(port->take_interrupts());
      case 4:
        return random_chain(queue, rest);
      case 5:
      case 6:
        return command(rest);
      case 7:
      case 8:
      case 9:
        return transmit(queue, rest);
      case 10:
      case 11:
      case 12:
        return refill(queue & ~1u, rest);
      default:
        return deliver(rest);
    }
  }

  GuestMemory memory{kMemory};
  std::unique_ptr<VirtioNet> nic;
  std::unique_ptr<MmioDriverPort> port;

 private:
  static u64 ring(unsigned queue) { return kRings + queue * kQueueBytes; }
  static u64 buffer(u64 r) { return kBuffers + r % (kBufferBytes - kLongest); }
  /// Bits that do not follow from their neighbours.
  static u64 spread(u64 r) { return (r ^ r >> 29) * 0x9e37'79b9'7f4a'7c15; }

  void setup(unsigned n) { port->setup_queue(n, kSize, ring(n), ring(n) + 0x100, ring(n) + 0x200); }

  void start(u64 r) {
    port->set_status(0);
    std::fill_n(memory.host(kRings), kQueues * kQueueBytes, u8{0});
    port->set_status(VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER);
    u64 features = port->device_features();
    if (bits(r, 1, 0) == 0) features &= spread(r) | feature_bits(VIRTIO_F_VERSION_1);
    port->set_driver_features(features);
    port->set_status(VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK);
    for (unsigned n = 0; n < kQueues; ++n) setup(n);
    port->set_status(VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK | VIRTIO_DRIVER_OK);
  }

  void misfortune(unsigned queue, u64 r) {
    switch (r % 8) {
      case 0:
        memory.put<u64>(kRings + ((r >> 8) % 0x2000 & ~u64{7}), spread(r));
        break;
      case 1:
        memory.put<u16>(ring(queue) + 0x102, static_cast<u16>(r >> 8));  // the available index
        break;
      case 2:
        port->reset_queue(queue);
        setup(queue);
        break;
      case 3:
        port->reset_queue(queue);
        break;
      case 4:
        b_.output(nic->announce());
        break;
      default:
        nic->set_link(r % 8 != 5);
    }
  }

  void publish(unsigned queue, u16 head) {
    const u64 avail = ring(queue) + 0x100;
    const u16 idx = memory.get<u16>(avail + 2);
    memory.put<u16>(avail + 4 + 2u * (idx % kSize), head);
    memory.put<u16>(avail + 2, static_cast<u16>(idx + 1));
  }
  u16 used(unsigned queue) { return memory.get<u16>(ring(queue) + 0x202); }
  /// A head that the device does not have, if rings are honest.
  u16 next_head(unsigned queue) {
    return static_cast<u16>(4 * (memory.get<u16>(ring(queue) + 0x102) % 4));
  }
  bool has_free(unsigned queue) {
    return static_cast<u16>(memory.get<u16>(ring(queue) + 0x102) - used(queue)) < 4;
  }
  void put_desc(unsigned queue, u16 i, const VirtqDesc& d) {
    memory.put_object(ring(queue) + 16u * i, d);
  }

  void transmit(unsigned queue, u64 r) {
    queue = std::min(queue | 1u, kControl - 1);
    const u16 head = next_head(queue);
    const u64 header = kHeaders + 64u * (queue * 4 + head / 4u);
    VirtioNetHdr h;
    if (bit(r, 0)) h = {.flags = 1, .csum_start = 34, .csum_offset = 16};
    if (bits(r, 2, 1) == 3) {
      constexpr std::array<u8, 8> kTypes{1, 4, 5, 0x81, 0x84, 0x85, 3, 0};
      h.gso_type = kTypes[bits(r, 5, 3)];
      h.gso_size = static_cast<u16>(bits(r, 15, 6));
    }
    if (bits(r, 19, 16) == 0) h.csum_start = static_cast<u16>(spread(r));
    memory.put_object(header, h);
    const u64 data = buffer(r >> 20);
    const u32 length = static_cast<u32>(bits(r, 47, 32) % (bit(r, 20) ? 100 : kLongest));
    memory.put<u16>(data + 12, bit(r, 21) ? u16{0x0008} : u16{0xdd86});
    const u16 second = static_cast<u16>(head + 1), third = static_cast<u16>(head + 2);
    put_desc(queue, head, {header, sizeof h, VIRTQ_DESC_F_NEXT, second});
    const u32 cut = bit(r, 22) ? length / 2 : 0;
    put_desc(queue, second, {data, length - cut, cut != 0 ? VIRTQ_DESC_F_NEXT : u16{0}, third});
    put_desc(queue, third, {data + length - cut, cut, 0, 0});
    publish(queue, head);
    port->notify(queue);
  }

  void refill(unsigned queue, u64 r) {
    if (queue == kControl) queue = 0;
    for (unsigned n = 1 + r % 4; n != 0 && has_free(queue); --n, r = spread(r)) {
      const u16 head = next_head(queue);
      put_desc(
          queue, head,
          {buffer(r >> 8), static_cast<u32>(12 + bits(r, 47, 32) % 2000), VIRTQ_DESC_F_WRITE, 0});
      publish(queue, head);
    }
    port->notify(queue);
  }

  void deliver(u64 r) {
    std::array<u8, 6000> bytes{};
    std::size_t size = 14 + (r >> 8) % (bit(r, 0) ? 200 : bytes.size() - 14);
    if (bits(r, 5, 1) == 0) size %= 14;
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<u8>(spread(r) >> (i % 8 * 8));
    constexpr std::array<std::array<u8, 2>, 4> kTypes{
        {{0x08, 0x00}, {0x86, 0xdd}, {0x81, 0x00}, {0x12, 0x34}}};
    std::copy_n(kTypes[bits(r, 7, 6)].begin(), 2, &bytes[12]);
    if (bit(r, 40)) std::copy_n(nic->mac().begin(), 6, bytes.begin());
    net::Offload o;
    o.needs_csum = bit(r, 41);
    o.csum_valid = bit(r, 42);
    if (bit(r, 43)) {
      o.segment = static_cast<net::Offload::Segment>(bits(r, 45, 44));
      o.segment_size = 100;
    }
    b_.output(cable_.receiver->can_receive());
    const u16 before = static_cast<u16>(used(0) + used(2));
    b_.output(cable_.receiver->receive(std::span(bytes).first(size), o));
    counts_.received += static_cast<u16>(used(0) + used(2)) != before;
  }

  void command(u64 r) {
    const u16 head = next_head(kControl);
    const u64 at = kHeaders + 0x600 + 64u * (head / 4u);
    memory.put<u64>(at, spread(r));
    memory.put<u64>(at + 8, spread(r >> 7));
    constexpr std::array<u8, 16> kCommands{0, 0, 0, 0, 1, 1, 2, 2, 3, 4, 4, 5, 5, 1, 0, 6};
    memory.put<u8>(at, kCommands[bits(r, 3, 0)]);
    memory.put<u8>(at + 1, static_cast<u8>(bits(r, 6, 4) % 7));
    constexpr std::array<u32, 8> kLengths{3, 4, 8, 10, 10, 16, 3, 4};
    if (bit(r, 10)) memory.put<u64>(at + 2, bits(r, 13, 11));
    if (memory.get<u8>(at) == 5) memory.put<u64>(at + 2, spread(r) & 0x0382);
    const u16 second = static_cast<u16>(head + 1);
    put_desc(kControl, head, {at, kLengths[bits(r, 9, 7)], VIRTQ_DESC_F_NEXT, second});
    put_desc(kControl, second, {at + 32, 1, VIRTQ_DESC_F_WRITE, 0});
    memory.put<u8>(at + 32, 0xee);
    publish(kControl, head);
    port->notify(kControl);
    counts_.commands += memory.get<u8>(at + 32) == VIRTIO_NET_OK;
  }

  /// One descriptor of plausible nonsense.
  void random_chain(unsigned queue, u64 r) {
    const u16 head = static_cast<u16>(r % kSize);
    put_desc(queue, head,
             {bit(r, 20) ? buffer(r >> 24) : kHeaders + (r >> 24) % 256,
              static_cast<u32>((r >> 32) % 8192), static_cast<u16>((r >> 5) & 7),
              static_cast<u16>((r >> 8) % (kSize + 1))});
    publish(queue, head);
    port->notify(queue);
  }
};

TEST(VirtioNetFuzz, BetweenADriverAndANetwork) {
  Counts counts;
  fuzz("virtio-net-device", [&](FuzzBench& b) {
    Rig& rig = *b.keep<std::unique_ptr<Rig>>(std::make_unique<Rig>(b, counts));
    auto& slot = b.unit<VirtioMmio>("slot", b.wire(0), rig.memory.port());
    slot.plug(*rig.nic);
    b.window(slot, VirtioMmio::kSize);
    rig.port = std::make_unique<MmioDriverPort>(slot);
    b.on_event([&rig](u64 r) { rig.event(r); });
  });
  fmt::print("{} frames sent, {} received, {} commands obeyed\n", counts.sent, counts.received,
             counts.commands);
  // They were honest often enough.
  EXPECT_GT(counts.sent, 50u);
  EXPECT_GT(counts.received, 50u);
  EXPECT_GT(counts.commands, 50u);
}

}  // namespace
}  // namespace quince::test
