// Virtio devices under drivers that are mostly honest and often are not: the generic harness pokes
// the registers, and its events lay out rings at fixed places, start the device properly, make
// requests, and scribble over all of it.  Everything that an event does follows from its number and
// from guest memory, so that two copies stay alike.
#include <fmt/core.h>
#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <memory>

#include "hw/virtio/virtio_blk.h"
#include "hw/virtio/virtio_pci.h"
#include "hw/virtio/virtio_rng.h"
#include "tests/support/device_fuzz.h"
#include "tests/support/fake_disk.h"
#include "tests/support/virtio_pci_driver.h"

namespace quince::test {
namespace {

using namespace hw;  // NOLINT: the names of virtio_spec.h

// Guest memory: rings of two queues, indirect tables, buffers.
constexpr u64 kMemory = 64 * KiB;
constexpr u64 kBase = GuestMemory::kBase;
constexpr u64 kRings = kBase, kQueueBytes = 0x400, kTables = kBase + 0x1000,
              kBuffers = kBase + 0x2000, kBufferBytes = kMemory - 0x2000;
constexpr u16 kSize = 16;

/// Empties a disk before a snapshot is taken, as a machine does, because chains that are in flight
/// would start anew in the copy, in another order.
class Quiesce final : public Device {
 public:
  explicit Quiesce(FakeDisk& disk) : Device("quiesce"), disk_(disk) {}
  void reset() override {}
  void snapshot(Archive& ar) override {
    if (!ar.loading()) disk_.drain();
  }
  void restored() override {}

 private:
  FakeDisk& disk_;
};

struct Entropy final : EntropySource {
  explicit Entropy(GuestMemory& m) : memory(m) {}
  void fill(std::span<u8> out) override {  // from memory: the same in both copies
    for (std::size_t i = 0; i < out.size(); ++i)
      out[i] = static_cast<u8>(memory.bytes()[i % kMemory] + 1);
  }
  GuestMemory& memory;
};

/// The driver's side.
class Driver {
 public:
  Driver(GuestMemory& memory, DriverPort& port, FakeDisk* disk)
      : memory_(memory), port_(port), disk_(disk) {}
  u64 requests = 0;  ///< that were answered

  void event(FuzzBench& b, u64 r) {
    const unsigned queue = bit(r, 4) ? 1 : 0;
    const u64 rest = r >> 8;
    switch (r & 15) {
      case 0:
      case 1:
        start(rest);
        break;
      case 2:
        lie(rest);
        break;
      case 3:
        memory_.put<u16>(ring(queue) + 0x100 + 2, static_cast<u16>(rest));  // the available index
        break;
      case 4:
        port_.notify(queue);
        break;
      case 5:
        b.output(port_.take_interrupts());
        break;
      case 6:
        port_.reset_queue(queue);
        setup(queue);
        break;
      case 7:
      case 8:
        finish(rest);
        break;
      case 10:
        random_chain(queue, rest);
        break;
      default:
        request(queue, rest);
    }
    const u16 used = memory_.get<u16>(ring(0) + 0x200 + 2);
    if (used != seen_) ++requests;
    seen_ = used;
  }

 private:
  static u64 ring(unsigned queue) { return kRings + queue * kQueueBytes; }
  u64 buffer(u64 r) const { return kBuffers + r % (kBufferBytes - 4096); }

  void setup(unsigned n) {
    if (port_.queue_max(n) < kSize)
      port_.setup_queue(n, 8, ring(n), ring(n) + 0x100, ring(n) + 0x200);
    else
      port_.setup_queue(n, kSize, ring(n), ring(n) + 0x100, ring(n) + 0x200);
  }

  void start(u64 r) {
    port_.set_status(0);
    std::fill_n(memory_.host(kRings), 2 * kQueueBytes, u8{0});
    port_.set_status(VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER);
    u64 features = port_.device_features();
    if (bit(r, 0)) features &= ~feature_bits(VIRTIO_F_EVENT_IDX);
    if (bit(r, 1)) features &= ~(r >> 8) | feature_bits(VIRTIO_F_VERSION_1);
    port_.set_driver_features(features);
    port_.set_status(VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK);
    for (unsigned n = 0; n < 2 && port_.queue_max(n) != 0; ++n) setup(n);
    port_.set_status(VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK | VIRTIO_DRIVER_OK);
  }

  void finish(u64 r) {
    if (disk_ == nullptr || disk_->waiting.empty()) return;
    disk_->fail = r % 8 == 0 ? std::errc::io_error : std::errc{};
    disk_->finish((r >> 3) % disk_->waiting.size());
    disk_->fail = {};
  }

  void lie(u64 r) {
    const u64 at = kRings + (r % 0x2000 & ~u64{7});
    memory_.put<u64>(at, (r >> 16) * 0x9e37'79b9'7f4a'7c15);
  }

  void publish(unsigned queue, u16 head) {
    const u64 avail = ring(queue) + 0x100;
    const u16 idx = memory_.get<u16>(avail + 2);
    memory_.put<u16>(avail + 4 + 2u * (idx % kSize), head);
    memory_.put<u16>(avail + 2, static_cast<u16>(idx + 1));
    port_.notify(queue);
  }

  /// Descriptors 4k to 4k+3, or an indirect table.
  void request(unsigned queue, u64 r) {
    const u16 head = static_cast<u16>(4 * (r % 4));
    const u64 header = kBuffers + 64 * (r % 4 + 4 * queue);
    constexpr std::array<u32, 8> kTypes{0, 1, VIRTIO_BLK_T_APPLE_BARRIER, 1, 4, 8, 11, 13};
    memory_.put<u32>(header, kTypes[(r >> 4) % 8]);
    memory_.put<u64>(header + 8, (r >> 8) % 72);
    const u32 type = memory_.get<u32>(header);
    const u16 in = type == 0 || type == 8 ? VIRTQ_DESC_F_WRITE : 0;
    u32 length = static_cast<u32>(512 * (1 + (r >> 16) % 3));
    if (type == 11 || type == 13) {
      length = 16;
      memory_.put<u64>(header + 16, (r >> 20) % 66);
      memory_.put<u32>(header + 24, (r >> 28) % 4);
      memory_.put<u32>(header + 28, (r >> 30) % 2);
    }
    const u64 data = length == 16 ? header + 16 : buffer(512 + (r >> 32));
    const std::array<VirtqDesc, 3> chain{
        {{header, 16, VIRTQ_DESC_F_NEXT, 1},
         {data, length, static_cast<u16>(in | VIRTQ_DESC_F_NEXT), 2},
         {header + 40, 1, VIRTQ_DESC_F_WRITE, 0}}};
    const bool indirect = bit(r, 3);
    const u64 table = indirect ? kTables + 64u * head : ring(queue) + 16u * head;
    for (u16 i = 0; i < 3; ++i) {
      VirtqDesc d = chain[i];
      if (!indirect && (d.flags & VIRTQ_DESC_F_NEXT) != 0) d.next = static_cast<u16>(head + d.next);
      memory_.put_object(table + 16u * i, d);
    }
    if (indirect)
      memory_.put_object(ring(queue) + 16u * head, VirtqDesc{table, 48, VIRTQ_DESC_F_INDIRECT, 0});
    publish(queue, head);
  }

  /// One descriptor of plausible nonsense.
  void random_chain(unsigned queue, u64 r) {
    const u16 head = static_cast<u16>(r % kSize);
    memory_.put_object(ring(queue) + 16u * head,
                       VirtqDesc{bit(r, 20) ? buffer(r >> 24) : kTables + (r >> 24) % 256,
                                 static_cast<u32>((r >> 32) % 8192), static_cast<u16>((r >> 5) & 7),
                                 static_cast<u16>((r >> 8) % (kSize + 1))});
    publish(queue, head);
  }

  GuestMemory& memory_;
  DriverPort& port_;
  FakeDisk* disk_;
  u16 seen_ = 0;  // only counts
};

u64 fuzz(const char* name, const std::function<void(FuzzBench&, u64*)>& build) {
  FuzzOptions options = FuzzOptions::from_environment();
  fmt::print("{}: {} accesses, seed {}\n", name, options.accesses, options.seed);
  u64 requests = 0;
  const auto report = fuzz_device({name, [&](FuzzBench& b) { build(b, &requests); }}, options);
  EXPECT_TRUE(report) << report.error().message();
  if (!report) return 0;
  fmt::print("{}: {}; {} requests\n", name, report->text(), requests);
  EXPECT_EQ(report->untouched, std::vector<std::string>{});
  return requests;
}

enum class Kind { Rng, Blk, AppleBlk };

/// What one copy consists of, in the order in which it must be destroyed backwards.
struct Rig {
  GuestMemory memory{kMemory};
  FakeDisk disk{64 * 512};
  Entropy entropy{memory};
  std::unique_ptr<VirtioDevice> device;
  std::unique_ptr<PciSlots> slots;
  std::unique_ptr<DriverPort> port;
  std::unique_ptr<Driver> driver;
};

void make_device(FuzzBench& b, Rig& rig, Kind kind) {
  rig.disk.record = false;
  b.memory(rig.memory.bytes());
  b.memory(rig.disk.data);
  const AppleDisk apple = kind == Kind::AppleBlk ? AppleDisk::Root : AppleDisk::None;
  if (kind != Kind::Rng)
    rig.device = std::make_unique<VirtioBlk>(
        "blk", VirtioBlkConfig{.queues = 2, .serial = "fuzz", .apple = apple}, rig.disk,
        rig.memory.log(), b.timers());
  else
    rig.device =
        std::make_unique<VirtioRng>("rng", VirtioRngConfig{.max_bytes = 4096, .period_ns = kSecond},
                                    rig.entropy, rig.memory.log(), b.timers());
}

void drive(FuzzBench& b, Rig& rig, Kind kind, u64* requests) {
  rig.driver =
      std::make_unique<Driver>(rig.memory, *rig.port, kind != Kind::Rng ? &rig.disk : nullptr);
  b.on_event([&b, &rig, requests](u64 r) {
    rig.driver->event(b, r);
    *requests += std::exchange(rig.driver->requests, 0);
  });
}

void over_mmio(FuzzBench& b, Kind kind, u64* requests) {
  Rig& rig = b.keep<Rig>();
  make_device(b, rig, kind);
  b.unit<Quiesce>(rig.disk);
  auto& slot = b.unit<VirtioMmio>("slot", b.wire(0), rig.memory.port());
  slot.plug(*rig.device);
  b.window(slot, VirtioMmio::kSize);
  rig.port = std::make_unique<MmioDriverPort>(slot);
  drive(b, rig, kind, requests);
}

void over_pci(FuzzBench& b, Kind kind, u64* requests) {
  Rig& rig = b.keep<Rig>();
  make_device(b, rig, kind);
  b.unit<Quiesce>(rig.disk);
  rig.slots = std::make_unique<PciSlots>(rig.memory);
  auto& f = b.unit<VirtioPci>("function", *rig.device, VirtioPciConfig{}, rig.slots->claim(1));
  b.window(f.common(), 0x40);
  b.window(f.isr(), 1);
  b.window(f.device_config(), 0x100);
  b.window(f.notification(), VirtioPci::kPage);
  // Registers are reached where they are; the window of the host bridge is another test's.
  struct Port final : DriverPort {
    explicit Port(VirtioPci& function) : f(function) {}
    u64 rd(u64 off, unsigned size) {
      u64 v = 0;
      EXPECT_EQ(f.common().read(off, {.size = size}, v), Bus::Ok);
      return v;
    }
    void wr(u64 off, unsigned size, u64 v) {
      EXPECT_EQ(f.common().write(off, {.size = size}, v), Bus::Ok);
    }
    u64 device_features() override {
      wr(0, 4, 1);
      const u64 high = rd(4, 4);
      wr(0, 4, 0);
      return high << 32 | rd(4, 4);
    }
    void set_driver_features(u64 v) override {
      wr(8, 4, 0);
      wr(12, 4, v & 0xffff'ffff);
      wr(8, 4, 1);
      wr(12, 4, v >> 32);
    }
    u8 status() override { return static_cast<u8>(rd(0x14, 1)); }
    void set_status(u8 v) override {
      if (v == 0) f.config_write(pci::kCommand, 2, pci::kBusMasterEnable);
      wr(0x14, 1, v);
    }
    u16 queue_max(unsigned n) override {
      wr(0x16, 2, n);
      return static_cast<u16>(rd(0x18, 2));
    }
    void setup_queue(unsigned n, u16 size, u64 desc, u64 driver, u64 device) override {
      wr(0x16, 2, n);
      wr(0x18, 2, size);
      wr(0x20, 8, desc);
      wr(0x28, 8, driver);
      wr(0x30, 8, device);
      wr(0x1c, 2, 1);
    }
    bool queue_running(unsigned n) override {
      wr(0x16, 2, n);
      return rd(0x1c, 2) != 0;
    }
    void reset_queue(unsigned n) override {
      wr(0x16, 2, n);
      wr(0x3a, 2, 1);
    }
    void notify(unsigned n) override {
      EXPECT_EQ(f.notification().write(4 * u64{n}, {.size = 2}, n), Bus::Ok);
    }
    u64 read_config(u64, unsigned) override { return 0; }
    void write_config(u64, unsigned, u64) override {}
    u8 config_generation() override { return static_cast<u8>(rd(0x15, 1)); }
    u8 take_interrupts() override {
      u64 v = 0;
      EXPECT_EQ(f.isr().read(0, {.size = 1}, v), Bus::Ok);
      return static_cast<u8>(v);
    }
    VirtioPci& f;
  };
  rig.port = std::make_unique<Port>(f);
  drive(b, rig, kind, requests);
}

// The counts show that the drivers were honest often enough for requests to be answered.
TEST(VirtioFuzz, RngOverMmio) {
  EXPECT_GT(fuzz("virtio-rng-device", [](auto& b, u64* n) { over_mmio(b, Kind::Rng, n); }), 50u);
}
TEST(VirtioFuzz, BlkOverMmio) {
  EXPECT_GT(fuzz("virtio-blk-device", [](auto& b, u64* n) { over_mmio(b, Kind::Blk, n); }), 50u);
}
TEST(VirtioFuzz, RngOverPci) {
  EXPECT_GT(fuzz("virtio-rng-pci", [](auto& b, u64* n) { over_pci(b, Kind::Rng, n); }), 50u);
}
TEST(VirtioFuzz, BlkOverPci) {
  EXPECT_GT(fuzz("virtio-blk-pci", [](auto& b, u64* n) { over_pci(b, Kind::Blk, n); }), 50u);
}

TEST(VirtioFuzz, AppleBlkOverPci) {
  EXPECT_GT(fuzz("vmapple-virtio-blk-pci", [](auto& b, u64* n) { over_pci(b, Kind::AppleBlk, n); }),
            50u);
}

}  // namespace
}  // namespace quince::test
