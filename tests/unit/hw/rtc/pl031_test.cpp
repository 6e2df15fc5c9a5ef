#include "hw/rtc/pl031.h"

#include <gtest/gtest.h>

#include "hw/core/archive.h"
#include "tests/support/pin.h"

namespace quince::hw {
namespace {

using test::Pin;

constexpr u64 kDR = 0x00, kMR = 0x04, kLR = 0x08, kCR = 0x0c, kIMSC = 0x10, kRIS = 0x14,
              kMIS = 0x18, kICR = 0x1c;

struct Pl031Test : ::testing::Test {
  Pin pin;
  TimerQueue clock;
  Pl031 rtc{"rtc", pin.wire(), clock, 1000};
  u32 rd(u64 off) {
    u64 v = 0;
    EXPECT_EQ(rtc.read(off, {4}, v), Bus::Ok) << std::hex << off;
    return static_cast<u32>(v);
  }
  void wr(u64 off, u32 v) { EXPECT_EQ(rtc.write(off, {4}, v), Bus::Ok) << std::hex << off; }
};

TEST_F(Pl031Test, CountsSecondsOfGuestTimeFromTheSeed) {
  EXPECT_EQ(rd(kDR), 1000u);
  clock.advance_to(7 * kSecond - 1);
  EXPECT_EQ(rd(kDR), 1006u);
  clock.advance_to(7 * kSecond);
  EXPECT_EQ(rd(kDR), 1007u);
  rtc.reset();
  EXPECT_EQ(rd(kDR), 1007u);  // a reset does not stop the clock
}

TEST_F(Pl031Test, AlarmIsExactAndMaskHidesIt) {
  clock.advance_to(kSecond / 2);
  wr(kMR, 1005);
  clock.advance_to(5 * kSecond - 1);
  EXPECT_EQ(rd(kRIS), 0u);
  clock.advance_to(5 * kSecond);
  EXPECT_EQ(rd(kRIS), 1u);
  EXPECT_EQ(rd(kMIS), 0u);
  EXPECT_FALSE(pin.high);
  wr(kIMSC, 1);
  EXPECT_EQ(rd(kIMSC), 1u);
  EXPECT_EQ(rd(kMIS), 1u);
  EXPECT_TRUE(pin.high);
  wr(kICR, 0);
  EXPECT_TRUE(pin.high);
  wr(kICR, 1);
  EXPECT_FALSE(pin.high);
  clock.advance_to(100 * kSecond);
  EXPECT_EQ(pin.edges, 1);
}

TEST_F(Pl031Test, EqualAtTheWriteMatchesAtOnce) {
  wr(kIMSC, 1);
  wr(kMR, 1000);
  EXPECT_TRUE(pin.high);
  wr(kICR, 1);
  wr(kMR, 5);
  EXPECT_FALSE(pin.high);
  wr(kLR, 5);
  EXPECT_TRUE(pin.high);
}

TEST_F(Pl031Test, LoadMovesTheCounterAndTheAlarm) {
  wr(kIMSC, 1);
  wr(kMR, 50);
  clock.advance_to(3 * kSecond);
  wr(kLR, 40);
  EXPECT_EQ(rd(kLR), 40u);
  EXPECT_EQ(rd(kDR), 40u);
  EXPECT_EQ(rd(kMR), 50u);
  clock.advance_to(13 * kSecond - 1);
  EXPECT_FALSE(pin.high);
  clock.advance_to(13 * kSecond);
  EXPECT_TRUE(pin.high);
  EXPECT_EQ(rd(kLR), 40u);  // the last load, not the counter
}

TEST_F(Pl031Test, CounterWrapsAndMatchesAgainAfterAWholeTurn) {
  wr(kIMSC, 1);
  wr(kLR, 0xffff'fffe);
  wr(kMR, 1);
  clock.advance_to(3 * kSecond);
  EXPECT_EQ(rd(kDR), 1u);
  EXPECT_TRUE(pin.high);
  wr(kICR, 1);
  clock.advance_to(((u64{1} << 32) + 3) * kSecond - 1);
  EXPECT_FALSE(pin.high);
  clock.advance_to(((u64{1} << 32) + 3) * kSecond);
  EXPECT_TRUE(pin.high);
}

TEST_F(Pl031Test, IsAlwaysStarted) {
  EXPECT_EQ(rd(kCR), 1u);
  wr(kCR, 0);
  EXPECT_EQ(rd(kCR), 1u);
  clock.advance_to(kSecond);
  EXPECT_EQ(rd(kDR), 1001u);
}

TEST_F(Pl031Test, Identification) {
  const u32 id[] = {0x31, 0x10, 0x14, 0x00, 0x0d, 0xf0, 0x05, 0xb1};
  for (unsigned i = 0; i < 8; ++i) EXPECT_EQ(rd(0xfe0 + 4 * i), id[i]);
}

TEST_F(Pl031Test, GuestErrorsAreAnsweredNotFatal) {
  u64 v = 0;
  EXPECT_EQ(rtc.read(kICR, {4}, v), Bus::WriteOnly);
  EXPECT_EQ(rtc.write(kDR, {4}, 1), Bus::ReadOnly);
  EXPECT_EQ(rtc.write(0xfe0, {4}, 1), Bus::ReadOnly);
  EXPECT_EQ(rtc.read(0x20, {4}, v), Bus::BadRegister);
  EXPECT_EQ(rtc.read(kDR, {1}, v), Bus::BadSize);
  // EDK2 identifies the clock byte by byte.
  EXPECT_EQ(rtc.read(0xfe0, {1}, v), Bus::Ok);
  EXPECT_EQ(v, 0x31u);
  EXPECT_EQ(rtc.read(0xff4, {2}, v), Bus::Ok);
  EXPECT_EQ(v, 0xf0u);
  EXPECT_EQ(rtc.reg_name(0xfe4), "RTCPeriphID[1]");
}

// The machine's thread may be late: the guest must not see that in the registers.
struct LatePl031Test : ::testing::Test {
  Pin pin;
  ManualClock time;
  TimerQueue clock{time};
  Pl031 rtc{"rtc", pin.wire(), clock, 1000};
  u32 ris() {
    u64 v = 0;
    EXPECT_EQ(rtc.read(kRIS, {4}, v), Bus::Ok);
    return static_cast<u32>(v);
  }
  void wr(u64 off, u32 v) { EXPECT_EQ(rtc.write(off, {4}, v), Bus::Ok); }
};

TEST_F(LatePl031Test, AMatchThatTheTimerHasNotDeliveredYetIsSeenAndCleared) {
  wr(kIMSC, 1);
  wr(kMR, 1005);
  time.set(6 * kSecond);
  EXPECT_EQ(ris(), 1u);
  wr(kICR, 1);
  EXPECT_EQ(ris(), 0u);
  clock.run_due();
  EXPECT_FALSE(pin.high);
}

TEST_F(LatePl031Test, AMatchIsNotLostToANewMatchValue) {
  wr(kIMSC, 1);
  wr(kMR, 1005);
  time.set(6 * kSecond);
  wr(kMR, 2000);
  EXPECT_TRUE(pin.high);
}

TEST_F(LatePl031Test, AMatchIsNotLostToASnapshot) {
  wr(kIMSC, 1);
  wr(kMR, 1005);
  time.set(6 * kSecond);
  Archive ar(Archive::Mode::Save);
  rtc.snapshot(ar);

  Pin pin2;
  TimerQueue clock2{time};
  Pl031 copy{"rtc", pin2.wire(), clock2, 7};
  ar.set_mode(Archive::Mode::Load);
  copy.snapshot(ar);
  ASSERT_TRUE(ar.finish());
  copy.restored();
  EXPECT_EQ(pin2.edges, 0);  // restoring is not an event
  clock2.run_due();
  EXPECT_TRUE(pin2.high);
}

TEST_F(Pl031Test, SnapshotKeepsThePendingAlarm) {
  wr(kMR, 1005);
  wr(kIMSC, 1);
  Archive ar(Archive::Mode::Save);
  rtc.snapshot(ar);

  Pin pin2;
  TimerQueue clock2;
  Pl031 copy{"rtc", pin2.wire(), clock2, 7};
  ar.set_mode(Archive::Mode::Load);
  copy.snapshot(ar);
  ASSERT_TRUE(ar.finish());
  copy.restored();
  EXPECT_EQ(pin2.edges, 0);
  clock2.advance_to(5 * kSecond - 1);
  EXPECT_FALSE(pin2.high);
  clock2.advance_to(5 * kSecond);
  EXPECT_TRUE(pin2.high);
}

}  // namespace
}  // namespace quince::hw
