// Virtio consoles and balloons under drivers that are mostly honest and often are not, as in
// virtio_fuzz_test.cpp: rings at fixed places, requests that make sense, and scribbles over all of
// it.  Everything that an event does follows from its number and from guest memory, so that two
// copies stay alike.
#include <fmt/core.h>
#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <memory>

#include "hw/virtio/virtio_balloon.h"
#include "hw/virtio/virtio_console.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/lying_driver.h"
#include "tests/support/device_fuzz.h"
#include "tests/support/virtio_driver.h"

namespace quince::test {
namespace {

using namespace hw;  // NOLINT: the names of virtio_spec.h

/// What happened in a run, in both copies.
struct Counts {
  u64 requests = 0;     ///< events in which chains were answered
  u64 in = 0, out = 0;  ///< bytes of back ends
};

class FuzzChar final : public CharPort {
 public:
  FuzzChar(FuzzBench& bench, Counts& counts) : bench_(bench), counts_(counts) {}
  void snapshot(Archive& ar) {
    ar.field("room", room_);
    ar.field("on", on_);
  }
  void write(std::span<const u8> data) override {
    EXPECT_LE(data.size(), room_);
    room_ -= data.size();
    counts_.out += data.size();
    for (const u8 b : data) bench_.output(b);
  }
  void attach(CharReceiver* r) override { receiver_ = r; }
  std::size_t can_write() const override { return room_; }
  bool is_connected() const override { return on_; }

  void event(u64 r) {
    std::array<u8, 96> data;
    data.fill(static_cast<u8>(r >> 8));
    if (r % 4 == 0) {
      on_ = !on_;
      receiver_->connected(on_);
    } else if (r % 4 == 1) {
      room_ = (r >> 8) % 256;
      receiver_->on_writable();
    } else {
      const std::size_t n = std::min(receiver_->can_receive(), data.size());
      bench_.output(n);
      if (n != 0) receiver_->receive(std::span(data).first(n));
      counts_.in += n;
    }
  }

 private:
  FuzzBench& bench_;
  Counts& counts_;
  CharReceiver* receiver_ = nullptr;
  u64 room_ = 100;
  bool on_ = true;
};

/// Saves a back end with the device, so that both copies have the same.
class SavedChar final : public Device {
 public:
  SavedChar(std::string_view name, FuzzChar& port) : Device(name), port_(port) {}
  void reset() override {}
  void snapshot(Archive& ar) override { port_.snapshot(ar); }
  void restored() override {}

 private:
  FuzzChar& port_;
};

/// What one copy consists of besides its units, in the order in which it must be destroyed
/// backwards.
struct Rig {
  Rig(FuzzBench& b, Counts& counts) : first(b, counts), second(b, counts) {}
  GuestMemory memory{LyingDriver::kMemory};
  FuzzChar first, second;
  std::unique_ptr<VirtioDevice> device;
  std::unique_ptr<MmioDriverPort> port;
  std::unique_ptr<LyingDriver> driver;
};

void over_mmio(FuzzBench& b, Rig& rig, LyingDriver::Fill fill) {
  b.memory(rig.memory.bytes());
  auto& slot = b.unit<VirtioMmio>("slot", b.wire(0), rig.memory.port());
  slot.plug(*rig.device);
  b.window(slot, VirtioMmio::kSize);
  rig.port = std::make_unique<MmioDriverPort>(slot);
  rig.driver = std::make_unique<LyingDriver>(rig.memory, *rig.port, fill);
}

LyingDriver::To fill_console(GuestMemory& memory, unsigned queue, u64 at, u64 r) {
  if (queue == VirtioConsole::kControlTransmit)
    memory.put_object(
        at, VirtioConsoleControl{static_cast<u32>(r % 4), static_cast<u16>((r >> 4) % 3 * 3),
                                 static_cast<u16>((r >> 8) % 8 != 0)});
  return queue % 2 == 0 ? LyingDriver::To::Driver : LyingDriver::To::Device;
}

void build_console(FuzzBench& b, Counts* counts) {
  Rig& rig = b.keep<Rig>(b, *counts);
  b.unit<SavedChar>("first", rig.first);
  b.unit<SavedChar>("second", rig.second);
  auto console = std::make_unique<VirtioConsole>("console", VirtioConsoleConfig{}, rig.memory.log(),
                                                 b.timers());
  auto* const c = console.get();
  EXPECT_TRUE(c->add_port({.console = true}, &rig.first));
  EXPECT_TRUE(c->add_port({.name = "agent"}, &rig.second));
  EXPECT_TRUE(c->add_port({.name = "nobody"}, nullptr));
  rig.device = std::move(console);
  over_mmio(b, rig, fill_console);
  b.on_event([&b, &rig, counts](u64 r) {
    if (r % 8 < 2)
      (r % 8 == 0 ? rig.first : rig.second).event(r >> 3);
    else
      counts->requests += rig.driver->event(b, r >> 3);
  });
}

LyingDriver::To fill_balloon(GuestMemory& memory, unsigned queue, u64 at, u64 r) {
  for (u64 i = 0; i < 16; ++i)
    memory.put<u32>(at + 4 * i, static_cast<u32>(LyingDriver::kBase / kVirtioBalloonPage + 8 +
                                                 (r >> (3 * i)) % 9));
  return queue > VirtioBalloon::kStats ? LyingDriver::To::Driver : LyingDriver::To::Device;
}

void build_balloon(FuzzBench& b, Counts* counts) {
  Rig& rig = b.keep<Rig>(b, *counts);
  rig.device = std::make_unique<VirtioBalloon>(
      "balloon",
      VirtioBalloonConfig{
          .deflate_on_oom = true, .free_page_reporting = true, .stats_interval_ns = kSecond},
      rig.memory.log(), b.timers());
  auto* const balloon = static_cast<VirtioBalloon*>(rig.device.get());
  over_mmio(b, rig, fill_balloon);
  b.on_event([&b, &rig, balloon, counts](u64 r) {
    if (r % 32 == 0)
      balloon->set_target(static_cast<u32>(r >> 5));
    else if (r % 32 == 1)
      balloon->set_stats_interval((r >> 5) % (10 * kSecond));
    else
      counts->requests += rig.driver->event(b, r >> 5);
    b.output(balloon->stat(static_cast<unsigned>(r >> 5)) ^ balloon->actual());
  });
}

Counts run(const char* name, void (*build)(FuzzBench&, Counts*)) {
  Counts counts;
  fuzz(name, [&](FuzzBench& b) { build(b, &counts); });
  fmt::print("{}: {} events with answers, {} bytes in, {} bytes out\n", name, counts.requests,
             counts.in, counts.out);
  return counts;
}

// The counts show that the drivers were honest often enough.
TEST(VirtioFuzz, Console) {
  const Counts n = run("virtio-serial-device", build_console);
  EXPECT_GT(n.requests, 50u);
  EXPECT_GT(n.in, 50u);
  EXPECT_GT(n.out, 50u);
}
TEST(VirtioFuzz, Balloon) { EXPECT_GT(run("virtio-balloon-device", build_balloon).requests, 50u); }

}  // namespace
}  // namespace quince::test
