#include "hw/virtio/virtio_rng.h"

#include <gtest/gtest.h>

#include <numeric>

#include "tests/support/pin.h"
#include "tests/support/virtio_driver.h"

namespace quince::hw {
namespace {

using test::DriverQueue;
using test::GuestMemory;
using test::MmioDriverPort;
using test::Pin;
using test::VirtioDriver;

/// Counts up.
struct Counter final : EntropySource {
  void fill(std::span<u8> out) override {
    for (u8& b : out) b = ++next;
    total += out.size();
  }
  u8 next = 0;
  u64 total = 0;
};

struct VirtioRngTest : ::testing::Test {
  GuestMemory memory;
  Pin pin;
  TimerQueue timers;
  Counter source;
  VirtioRngConfig config;
  std::unique_ptr<VirtioRng> rng;
  std::unique_ptr<VirtioMmio> slot;
  std::unique_ptr<MmioDriverPort> port;
  std::unique_ptr<VirtioDriver> driver;

  void start() {
    rng = std::make_unique<VirtioRng>("rng", config, source, memory.log(), timers);
    slot = std::make_unique<VirtioMmio>("slot", pin.wire(), memory.port());
    slot->plug(*rng);
    port = std::make_unique<MmioDriverPort>(*slot);
    driver = std::make_unique<VirtioDriver>(*port, memory);
    ASSERT_TRUE(driver->start(~u64{0}));
  }
  DriverQueue& q() { return driver->queue(0); }
};

TEST_F(VirtioRngTest, FillsBuffers) {
  start();
  EXPECT_EQ(port->rd(0x08), 4u);
  EXPECT_EQ(port->queue_max(0), 8u);
  const auto a = q().space(3), b = q().space(2);
  q().add({a, b});
  driver->kick(0);
  EXPECT_EQ(q().reap()->length, 5u);
  EXPECT_EQ(memory.text(a.address, 3), "\1\2\3");
  EXPECT_EQ(memory.text(b.address, 2), "\4\5");
  EXPECT_EQ(port->take_interrupts(), VIRTIO_ISR_QUEUE);
}

TEST_F(VirtioRngTest, AnAnswerIsBounded) {
  start();
  const auto big = q().space(1 * MiB);
  q().add({big});
  q().add({q().buffer("nothing to write to")});
  driver->kick(0);
  EXPECT_EQ(q().reap()->length, VirtioRng::kMaxAnswer);
  EXPECT_EQ(memory.get<u8>(big.address + VirtioRng::kMaxAnswer), 0);
  EXPECT_EQ(q().reap()->length, 0u);
  EXPECT_EQ(source.total, VirtioRng::kMaxAnswer);
}

TEST_F(VirtioRngTest, ALimitHoldsRequestsBackUntilTheNextPeriod) {
  config.max_bytes = 10;
  config.period_ns = kSecond;
  start();
  for (int i = 0; i < 3; ++i) q().add({q().space(8)});
  driver->kick(0);
  EXPECT_EQ(q().reap()->length, 8u);
  EXPECT_EQ(q().reap()->length, 2u);
  EXPECT_FALSE(q().reap());
  driver->kick(0);  // asking again does not help
  EXPECT_FALSE(q().reap());
  timers.advance_to(kSecond - 1);
  EXPECT_FALSE(q().reap());
  timers.advance_to(kSecond);
  EXPECT_EQ(q().reap()->length, 8u);
  EXPECT_EQ(timers.next_deadline(), kNever);
  ASSERT_TRUE(driver->start(~u64{0}));  // nor does a reset
  q().add({q().space(8)});
  q().add({q().space(8)});
  driver->kick(0);
  EXPECT_EQ(q().reap()->length, 2u);
  EXPECT_FALSE(q().reap());
}

}  // namespace
}  // namespace quince::hw
