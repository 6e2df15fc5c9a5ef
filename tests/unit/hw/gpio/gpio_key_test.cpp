#include "hw/gpio/gpio_key.h"

#include <gtest/gtest.h>

#include "hw/core/archive.h"
#include "hw/gpio/pl061.h"
#include "tests/support/pin.h"

namespace quince::hw {
namespace {

using test::Pin;

struct GpioKeyTest : ::testing::Test {
  Pin pin;
  TimerQueue clock;
  GpioKey key{"power-key", pin.wire(3), clock};
};

TEST_F(GpioKeyTest, HoldsItsWireFor100Milliseconds) {
  clock.advance_to(kSecond);
  EXPECT_FALSE(pin.high);
  key.press();
  EXPECT_TRUE(pin.high);
  EXPECT_EQ(pin.last_line, 3u);
  clock.advance_to(kSecond + 100 * kMillisecond - 1);
  EXPECT_TRUE(pin.high);
  clock.advance_to(kSecond + 100 * kMillisecond);
  EXPECT_FALSE(pin.high);
}

TEST_F(GpioKeyTest, PressingAgainProlongs) {
  key.press();
  clock.advance_to(60 * kMillisecond);
  key.press();
  clock.advance_to(160 * kMillisecond - 1);
  EXPECT_TRUE(pin.high);
  clock.advance_to(160 * kMillisecond);
  EXPECT_FALSE(pin.high);
  EXPECT_EQ(pin.edges, 1);
}

TEST_F(GpioKeyTest, ResetReleases) {
  key.press();
  key.reset();
  EXPECT_FALSE(pin.high);
  EXPECT_EQ(clock.next_deadline(), kNever);
}

TEST_F(GpioKeyTest, SnapshotKeepsTheKeyDownForTheRestOfItsTime) {
  key.press();
  Archive ar(Archive::Mode::Save);
  key.snapshot(ar);

  Pin pin2;
  TimerQueue clock2;
  clock2.advance_to(40 * kMillisecond);
  GpioKey copy{"power-key", pin2.wire(), clock2};
  ar.set_mode(Archive::Mode::Load);
  copy.snapshot(ar);
  ASSERT_TRUE(ar.finish());
  copy.restored();
  EXPECT_TRUE(pin2.high);
  clock2.advance_to(100 * kMillisecond - 1);
  EXPECT_TRUE(pin2.high);
  clock2.advance_to(100 * kMillisecond);
  EXPECT_FALSE(pin2.high);
}

TEST(PowerKey, GivesTheGuestOneInterruptOnLine3) {
  Pin irq;
  TimerQueue clock;
  Pl061 gpio("gpio", irq.wire());
  GpioKey key("power-key", IrqLine(gpio.inputs(), 3), clock);
  ASSERT_EQ(gpio.write(0x40c, {4}, 0x08), Bus::Ok);  // GPIOIEV: rising
  ASSERT_EQ(gpio.write(0x410, {4}, 0x08), Bus::Ok);  // GPIOIE
  key.press();
  EXPECT_TRUE(irq.high);
  ASSERT_EQ(gpio.write(0x41c, {4}, 0x08), Bus::Ok);  // GPIOIC
  EXPECT_FALSE(irq.high);
  u64 v = 0;
  ASSERT_EQ(gpio.read(0x08 << 2, {4}, v), Bus::Ok);
  EXPECT_EQ(v, 0x08u);
  clock.advance_to(kSecond);
  EXPECT_EQ(irq.edges, 1);
  ASSERT_EQ(gpio.read(0x08 << 2, {4}, v), Bus::Ok);
  EXPECT_EQ(v, 0u);
}

}  // namespace
}  // namespace quince::hw
