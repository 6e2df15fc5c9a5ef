// The transport of virtio 1.2, 4.2, and with it the status machine of every device (2.1, 3.1).
#include "hw/virtio/virtio_mmio.h"

#include <gtest/gtest.h>

#include "tests/support/pin.h"
#include "tests/support/virtio_driver.h"

namespace quince::hw {
namespace {

using test::DriverQueue;
using test::GuestMemory;
using test::MmioDriverPort;
using test::Pin;
using test::VirtioDriver;

/// Answers what it is asked, backwards.  A queue of its own keeps chains until told otherwise.
class Echo final : public VirtioDevice {
 public:
  static constexpr u64 kFeature = 1;
  static constexpr std::array<u16, 2> kSizes{256, 64};
  Echo(Log& log, TimerQueue& timers)
      : VirtioDevice("echo", VirtioId::Console, kCommonFeatures | kFeature, kSizes, log, timers) {}
  using VirtioDevice::config_changed;
  using VirtioDevice::features;
  u32 config_size() const override { return sizeof config; }

  std::array<u8, 6> config{1, 2, 3, 4, 5, 6};
  unsigned stopped = 0, taken = 0;

 private:
  bool handle_queue(unsigned n) override {
    unsigned i = 0;
    for (VirtqElement e; i < kBurst && next(n, e); ++i, ++taken) {
      std::vector<u8> text(e.readable_size());
      e.copy_out(0, text);
      std::reverse(text.begin(), text.end());
      push(n, e, e.copy_in(0, text));
    }
    signal(n);
    return i == kBurst;
  }
  void stop(std::optional<unsigned> only) override { stopped += only.has_value(); }
  void fill_config(std::span<u8> out) const override { std::ranges::copy(config, out.begin()); }
  bool config_written(u64 off, std::span<const u8> in) override {
    if (off < 4) return false;
    std::ranges::copy(in, config.begin() + static_cast<long>(off));
    return true;
  }
};

struct VirtioMmioTest : ::testing::Test {
  GuestMemory memory;
  Pin pin;
  TimerQueue timers;
  Echo echo{memory.log(), timers};
  VirtioMmio slot{"slot", pin.wire(), memory.port()};
  MmioDriverPort port{slot};
  VirtioDriver driver{port, memory};
  VirtioMmioTest() { slot.plug(echo); }

  std::string ask(unsigned n, std::string_view text) {
    const auto space = driver.queue(n).space(static_cast<u32>(text.size()));
    driver.queue(n).add({driver.queue(n).buffer(text), space});
    driver.kick(n);
    const auto used = driver.queue(n).reap();
    return used ? memory.text(space.address, used->length) : "no answer";
  }
};

TEST_F(VirtioMmioTest, IdentifiesItself) {
  EXPECT_EQ(port.rd(0x00), 0x74726976u);
  EXPECT_EQ(port.rd(0x04), 2u);
  EXPECT_EQ(port.rd(0x08), 3u);
  EXPECT_EQ(port.rd(0x0c), 0x554d4551u);
  EXPECT_EQ(port.queue_max(0), 256u);
  EXPECT_EQ(port.queue_max(1), 64u);
  EXPECT_EQ(port.queue_max(2), 0u);
  EXPECT_EQ(port.device_features(), VirtioDevice::kCommonFeatures | 1);
  port.wr(0x14, 2);
  EXPECT_EQ(port.rd(0x10), 0u);
  EXPECT_EQ(port.rd(0xb0), 0xffffffffu);  // no shared memory
}

TEST_F(VirtioMmioTest, AnEmptySlotSaysSo) {
  VirtioMmio empty("empty", IrqLine(), memory.port());
  MmioDriverPort p(empty);
  EXPECT_EQ(p.rd(0x00), 0x74726976u);
  EXPECT_EQ(p.rd(0x08), 0u);
  EXPECT_EQ(p.queue_max(0), 0u);
  p.set_status(1);
  p.notify(0);
  EXPECT_EQ(p.status(), 0u);
}

TEST_F(VirtioMmioTest, AnswersAndInterrupts) {
  ASSERT_TRUE(driver.start(~u64{0}));
  EXPECT_EQ(echo.features(), VirtioDevice::kCommonFeatures | 1);
  EXPECT_EQ(ask(0, "hello"), "olleh");
  EXPECT_TRUE(pin.high);
  EXPECT_EQ(port.take_interrupts(), VIRTIO_ISR_QUEUE);
  EXPECT_FALSE(pin.high);
  EXPECT_EQ(ask(1, "abc"), "cba");
  EXPECT_EQ(memory.log().suppressed(), 0u);
}

TEST_F(VirtioMmioTest, ADriverThatWantsNoInterruptGetsNone) {
  ASSERT_TRUE(driver.start(feature_bits(VIRTIO_F_VERSION_1)));
  driver.queue(0).set_avail_flags(VIRTQ_AVAIL_F_NO_INTERRUPT);
  EXPECT_EQ(ask(0, "x"), "x");
  EXPECT_FALSE(pin.high);
}

TEST_F(VirtioMmioTest, FeaturesAreNegotiatedOnce) {
  EXPECT_FALSE(driver.start(0));  // without VERSION_1
  port.set_status(0);
  port.set_driver_features(VirtioDevice::kCommonFeatures | 2);  // what is not offered
  port.set_status(VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK);
  EXPECT_EQ(port.status(), VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER);
  port.set_status(0);
  port.set_driver_features(VirtioDevice::kCommonFeatures);
  port.wr(0x24, 7);
  port.wr(0x20, 1);  // bits that nobody has heard of
  port.set_status(VIRTIO_FEATURES_OK);
  EXPECT_EQ(port.status(), 0u);
  ASSERT_TRUE(driver.start(VirtioDevice::kCommonFeatures));
  port.set_driver_features(0);
  EXPECT_EQ(echo.features(), VirtioDevice::kCommonFeatures);
}

TEST_F(VirtioMmioTest, NothingRunsBeforeDriverOk) {
  ASSERT_TRUE(driver.start(~u64{0}));
  port.set_status(0);
  EXPECT_EQ(port.status(), 0u);
  EXPECT_FALSE(port.queue_running(0));
  driver.queue(0).add({driver.queue(0).buffer("x")});
  driver.kick(0);
  driver.kick(77);
  EXPECT_EQ(echo.taken, 0u);
  port.set_status(VIRTIO_DRIVER_OK);  // without FEATURES_OK
  EXPECT_EQ(port.status(), 0u);
}

TEST_F(VirtioMmioTest, StatusBitsAreNotTakenBack) {
  ASSERT_TRUE(driver.start(~u64{0}));
  port.set_status(VIRTIO_FAILED);
  EXPECT_EQ(port.status(), VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK |
                               VIRTIO_DRIVER_OK | VIRTIO_FAILED);
  port.set_status(VIRTIO_DEVICE_NEEDS_RESET);  // not the driver's
  EXPECT_FALSE(driver.needs_reset());
}

TEST_F(VirtioMmioTest, ALyingDriverMustReset) {
  ASSERT_TRUE(driver.start(~u64{0}));
  driver.queue(0).publish(99);
  driver.kick(0);
  EXPECT_TRUE(driver.needs_reset());
  EXPECT_EQ(port.take_interrupts(), VIRTIO_ISR_CONFIG);
  EXPECT_EQ(ask(1, "abc"), "no answer");  // all of the device stands still
  ASSERT_TRUE(driver.start(~u64{0}));
  EXPECT_EQ(ask(1, "abc"), "cba");
}

TEST_F(VirtioMmioTest, ConfigurationSpace) {
  EXPECT_EQ(port.read_config(0, 4), 0x04030201u);
  EXPECT_EQ(port.read_config(0, 8), 0x0000'0605'0403'0201u);  // zero past the end
  EXPECT_EQ(port.read_config(4, 2), 0x0605u);
  EXPECT_EQ(port.read_config(0xf8, 8), 0u);
  port.write_config(4, 2, 0xabcd);
  EXPECT_EQ(echo.config[4], 0xcd);
  EXPECT_EQ(echo.config[5], 0xab);
  port.write_config(0, 1, 0xff);
  port.write_config(4, 4, 0xffff'ffff);  // half outside
  EXPECT_EQ(port.read_config(0, 8), 0x0000'abcd'0403'0201u);
  const u8 before = port.config_generation();
  echo.config_changed();
  EXPECT_EQ(port.config_generation(), static_cast<u8>(before + 1));
  EXPECT_FALSE(pin.high);  // no driver listens yet
  ASSERT_TRUE(driver.start(~u64{0}));
  echo.config_changed();
  EXPECT_EQ(port.take_interrupts(), VIRTIO_ISR_CONFIG);
}

TEST_F(VirtioMmioTest, OneQueueIsResetAlone) {
  ASSERT_TRUE(driver.start(~u64{0}));
  const unsigned stopped = echo.stopped;
  port.reset_queue(0);
  EXPECT_EQ(port.rd(0xc0), 0u);
  EXPECT_EQ(echo.stopped, stopped + 1);
  EXPECT_FALSE(port.queue_running(0));
  EXPECT_EQ(ask(1, "ab"), "ba");
  driver.start_queue(0);
  EXPECT_EQ(ask(0, "cd"), "dc");
  port.rd(0x44);
  port.wr(0x30, 0);
  port.wr(0x44, 0);  // QueueReady = 0 stops it as well
  EXPECT_FALSE(port.queue_running(0));
  ASSERT_TRUE(driver.start(feature_bits(VIRTIO_F_VERSION_1)));
  port.reset_queue(0);  // not negotiated
  EXPECT_TRUE(port.queue_running(0));
}

TEST_F(VirtioMmioTest, AQueueOfAWrongSizeDoesNotStart) {
  ASSERT_TRUE(driver.start(~u64{0}));
  for (const u32 size : {0u, 3u, 512u, 0x1'0010u}) {
    port.reset_queue(1);
    port.wr(0x38, size);
    port.wr(0x44, 1);
    EXPECT_FALSE(port.queue_running(1)) << size;
  }
}

TEST_F(VirtioMmioTest, ABurstIsBoundedAndTheRestFollows) {
  ASSERT_TRUE(driver.start(~u64{0}, 256));
  DriverQueue& q = driver.queue(0);
  for (unsigned i = 0; i < 256; ++i) q.add({q.buffer("x")});
  driver.kick(0);
  EXPECT_EQ(echo.taken, VirtioDevice::kBurst);
  q.reap();
  q.add({q.buffer("y")});
  EXPECT_EQ(echo.taken, VirtioDevice::kBurst);
  timers.run_due();  // as the machine thread does soon
  EXPECT_EQ(echo.taken, VirtioDevice::kBurst + 1);
  EXPECT_EQ(timers.next_deadline(), kNever);
}

TEST_F(VirtioMmioTest, ReadOnlyMemoryIsNotWritten) {
  auto rom = GuestRam::create("rom", 4096).value();
  ASSERT_TRUE(memory.space().map_ram(PhysAddr(0x1000'0000), *rom, true));
  ASSERT_TRUE(driver.start(~u64{0}));
  driver.queue(0).add({driver.queue(0).buffer("abc"), {0x1000'0000, 3, true}});
  driver.kick(0);
  EXPECT_TRUE(driver.needs_reset());
  EXPECT_EQ(rom->data()[0], 0);
}

TEST_F(VirtioMmioTest, ResetsAreComplete) {
  ASSERT_TRUE(driver.start(~u64{0}));
  ask(0, "abc");
  EXPECT_TRUE(pin.high);
  slot.reset();
  EXPECT_FALSE(pin.high);
  EXPECT_EQ(port.status(), 0u);
  EXPECT_FALSE(port.queue_running(0));
}

}  // namespace
}  // namespace quince::hw
