#include "hw/timer/generic_timer.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/support/pin.h"

namespace quince::hw {
namespace {

using quince::test::Pin;

constexpr SysRegId kFrq{3, 3, 14, 0, 0}, kPct{3, 3, 14, 0, 1}, kVct{3, 3, 14, 0, 2};
constexpr SysRegId kPTval{3, 3, 14, 2, 0}, kPCtl{3, 3, 14, 2, 1}, kPCval{3, 3, 14, 2, 2};
constexpr SysRegId kVTval{3, 3, 14, 3, 0}, kVCtl{3, 3, 14, 3, 1}, kVCval{3, 3, 14, 3, 2};
constexpr u64 kEnable = 1, kImask = 2, kIstatus = 4;

struct Rig {
  explicit Rig(u64 freq = 24'000'000)
      : timer("timer0", queue, freq, virt.wire(27), phys.wire(30)) {}
  u64 rd(SysRegId id) {
    u64 v = ~u64{0};
    EXPECT_EQ(timer.sysreg_read(id, v), Bus::Ok);
    return v;
  }
  void wr(SysRegId id, u64 v) { EXPECT_EQ(timer.sysreg_write(id, v), Bus::Ok); }

  TimerQueue queue;
  Pin virt, phys;
  GenericTimer timer;
};

TEST(GenericTimerCount, IsExact) {
  std::mt19937_64 rng(1);
  for (const u64 freq : {u64{1}, u64{24'000'000}, u64{62'500'000}, u64{1'000'000'000},
                         u64{19'200'001}, u64{0xffffffff}})
    for (int n = 0; n < 2000; ++n) {
      const u64 ns = rng() >> (rng() % 64);
      const u128 exact = u128{ns} * freq / kSecond;
      ASSERT_EQ(GenericTimer::count_at(ns, freq), static_cast<u64>(exact)) << ns << " " << freq;
    }
  EXPECT_EQ(GenericTimer::count_at(41, 24'000'000), 0u);
  EXPECT_EQ(GenericTimer::count_at(42, 24'000'000), 1u);
}

TEST(GenericTimerCount, TheDeadlineIsTheFirstNanosecondThatCounts) {
  std::mt19937_64 rng(2);
  for (const u64 freq : {u64{1}, u64{24'000'000}, u64{62'500'000}, u64{1'000'000'000},
                         u64{19'200'001}, u64{0xffffffff}})
    for (int n = 0; n < 2000; ++n) {
      const u64 count = rng() >> (rng() % 64);
      const u64 ns = GenericTimer::time_of(count, freq);
      if (ns == kNever) {
        ASSERT_GT(u128{count} * kSecond / freq, u128{kNever - 2 * kSecond});
        continue;
      }
      ASSERT_GE(GenericTimer::count_at(ns, freq), count);
      if (ns == 0) continue;
      ASSERT_LT(GenericTimer::count_at(ns - 1, freq), count);
    }
  EXPECT_EQ(GenericTimer::time_of(~u64{0}, 24'000'000), kNever);
}

TEST(GenericTimer, CountsFollowGuestTime) {
  for (const u64 freq : {u64{24'000'000}, u64{62'500'000}}) {
    Rig r(freq);
    EXPECT_EQ(r.rd(kFrq), freq);
    r.queue.advance_to(3 * kSecond + 1);
    EXPECT_EQ(r.rd(kVct), 3 * freq);
    EXPECT_EQ(r.rd(kPct), 3 * freq);
  }
}

TEST(GenericTimer, ExpiresAtTheExactNanosecond) {
  for (const u64 freq : {u64{24'000'000}, u64{62'500'000}}) {
    Rig r(freq);
    for (u64 cval = 1; cval < 60; cval += 7) {
      r.wr(kVCval, cval);
      r.wr(kVCtl, kEnable);
      const u64 at = (cval * kSecond + freq - 1) / freq;
      EXPECT_EQ(r.queue.next_deadline(), at);
      r.queue.advance_to(at - 1);
      EXPECT_FALSE(r.virt.high);
      EXPECT_EQ(r.rd(kVCtl), kEnable);
      r.queue.advance_to(at);
      EXPECT_TRUE(r.virt.high);
      EXPECT_EQ(r.rd(kVCtl), kEnable | kIstatus);
      EXPECT_EQ(r.queue.next_deadline(), kNever) << "nothing to wait for";
    }
    EXPECT_EQ(r.virt.last_line, 27u);
    EXPECT_FALSE(r.phys.high);
  }
}

TEST(GenericTimer, ThePhysicalTimerHasItsOwnRegistersAndWire) {
  Rig r;
  r.wr(kVCval, 48);
  r.wr(kPCval, 24);
  r.wr(kVCtl, kEnable);
  r.wr(kPCtl, kEnable);
  r.queue.advance_to(1 * kMicrosecond);
  EXPECT_TRUE(r.phys.high);
  EXPECT_EQ(r.phys.last_line, 30u);
  EXPECT_FALSE(r.virt.high);
  r.queue.advance_to(2 * kMicrosecond);
  EXPECT_TRUE(r.virt.high);
  EXPECT_EQ(r.rd(kPCval), 24u);
  EXPECT_EQ(r.rd(kPTval), 0xffffffffu - 23) << "24 ticks late";
  EXPECT_EQ(r.rd(kVCval), 48u);
}

TEST(GenericTimer, MaskHidesTheLineAndNotTheStatus) {
  Rig r;
  r.wr(kVTval, 24);
  r.wr(kVCtl, kEnable | kImask);
  EXPECT_EQ(r.queue.next_deadline(), kNever) << "no one would notice";
  r.queue.advance_to(kMillisecond);
  EXPECT_FALSE(r.virt.high);
  EXPECT_EQ(r.rd(kVCtl), kEnable | kImask | kIstatus);
  r.wr(kVCtl, kEnable);
  EXPECT_TRUE(r.virt.high);
  r.wr(kVCtl, kEnable | kImask);
  EXPECT_FALSE(r.virt.high);
  r.wr(kVCtl, 0);
  EXPECT_EQ(r.rd(kVCtl), 0u) << "no status while disabled";
  r.wr(kVCtl, ~u64{0});
  EXPECT_EQ(r.rd(kVCtl), 7u);
}

TEST(GenericTimer, AComparisonInThePastIsMetAtOnce) {
  Rig r;
  r.queue.advance_to(kSecond);
  r.wr(kVCval, 5);
  EXPECT_FALSE(r.virt.high);
  r.wr(kVCtl, kEnable);
  EXPECT_TRUE(r.virt.high);
  r.wr(kVTval, 100);
  EXPECT_FALSE(r.virt.high) << "the level falls when the timer is set anew";
  r.wr(kVTval, 0);
  EXPECT_TRUE(r.virt.high);
  r.wr(kVCval, 24'000'000);
  EXPECT_TRUE(r.virt.high) << "equal is met";
  r.wr(kVCval, 24'000'001);
  EXPECT_FALSE(r.virt.high);
}

TEST(GenericTimer, TvalIsSignedAndCountsDown) {
  Rig r;
  r.queue.advance_to(kSecond);
  r.wr(kVTval, 240);
  EXPECT_EQ(r.rd(kVCval), 24'000'240u);
  EXPECT_EQ(r.rd(kVTval), 240u);
  r.queue.advance_to(kSecond + 15 * kMicrosecond);
  EXPECT_EQ(r.rd(kVTval), 0xffffffffu - 119) << "120 ticks late, in 32 bits";
  r.wr(kVTval, 0xdeadbeef'ffffff00);
  EXPECT_EQ(r.rd(kVCval), 24'000'360u - 256) << "the upper half is ignored, the sign is not";
  EXPECT_EQ(r.rd(kVTval), 0xffffff00u);
  r.wr(kVTval, 0x7fffffff);
  EXPECT_EQ(r.rd(kVCval), 24'000'360u + 0x7fffffff);
}

TEST(GenericTimer, HugeComparisonsNeverExpireAndNeverWrap) {
  Rig r;
  r.wr(kVCtl, kEnable);
  for (const u64 cval : {~u64{0}, u64{1} << 63, ~u64{0} / 16}) {
    r.wr(kVCval, cval);
    EXPECT_FALSE(r.virt.high);
    EXPECT_EQ(r.queue.next_deadline(), kNever);
  }
  r.wr(kVTval, 0x80000000);  // before the beginning: wraps to a huge unsigned value
  EXPECT_EQ(r.rd(kVCval), u64{0} - 0x80000000);
  EXPECT_FALSE(r.virt.high);
  r.wr(kVCval, 0);
  EXPECT_TRUE(r.virt.high);
}

TEST(GenericTimer, RearmingReplacesTheDeadline) {
  Rig r;
  r.wr(kVCtl, kEnable);
  r.wr(kVCval, 2400);
  r.wr(kVCval, 24);
  r.queue.advance_to(kMicrosecond);
  EXPECT_TRUE(r.virt.high);
  r.wr(kVCval, 240);
  EXPECT_FALSE(r.virt.high);
  r.wr(kVCval, 480);
  r.queue.advance_to(19 * kMicrosecond);
  EXPECT_FALSE(r.virt.high) << "240 was taken back";
  r.queue.advance_to(20 * kMicrosecond);
  EXPECT_TRUE(r.virt.high);
  EXPECT_EQ(r.virt.edges, 3) << "at once when enabled, at 24 and at 480";
}

TEST(GenericTimer, APeriodicHandlerSeesEveryTick) {
  Rig r(62'500'000);
  r.wr(kVTval, 100);
  r.wr(kVCtl, kEnable);
  int ticks = 0;
  for (u64 us = 0; us < 1000; ++us) {
    r.queue.advance_to(us * kMicrosecond);
    if (!r.virt.high) continue;
    ++ticks;
    r.wr(kVCval, r.rd(kVCval) + 100);
  }
  EXPECT_EQ(ticks, 999 * 1000 / 1600);
}

TEST(GenericTimer, WrongAccessesAreNamed) {
  Rig r;
  u64 v = 0;
  EXPECT_EQ(r.timer.sysreg_write(kPct, 1), Bus::ReadOnly);
  EXPECT_EQ(r.timer.sysreg_write(kVct, 1), Bus::ReadOnly);
  for (const SysRegId id : {SysRegId{3, 3, 14, 3, 3}, SysRegId{3, 3, 14, 0, 5},
                            SysRegId{3, 0, 14, 1, 0}, SysRegId{3, 7, 14, 2, 1}}) {
    EXPECT_EQ(r.timer.sysreg_read(id, v), Bus::BadRegister);
    EXPECT_EQ(r.timer.sysreg_write(id, 0), Bus::BadRegister);
  }
  r.wr(kFrq, 0x1'0000'1234);
  EXPECT_EQ(r.rd(kFrq), 0x1234u) << "stored, 32 bits";
  r.queue.advance_to(kSecond);
  EXPECT_EQ(r.rd(kVct), 24'000'000u) << "and of no effect on the counter";
}

TEST(GenericTimer, ResetStopsBothTimers) {
  Rig r;
  r.wr(kFrq, 1);
  r.wr(kVCtl, kEnable);
  r.wr(kPCval, 24);
  r.wr(kPCtl, kEnable);
  EXPECT_TRUE(r.virt.high);
  r.timer.reset();
  EXPECT_FALSE(r.virt.high);
  EXPECT_EQ(r.queue.next_deadline(), kNever);
  EXPECT_EQ(r.rd(kFrq), 24'000'000u);
  EXPECT_EQ(r.rd(kPCtl), 0u);
}

TEST(GenericTimer, SnapshotKeepsThePendingDeadlineAndTheLevel) {
  Rig a;
  a.wr(kVCval, 48);
  a.wr(kVCtl, kEnable);
  a.wr(kPCval, 24);
  a.wr(kPCtl, kEnable);
  a.queue.advance_to(kMicrosecond);
  ASSERT_TRUE(a.phys.high);
  Archive ar(Archive::Mode::Save);
  a.timer.snapshot(ar);
  const std::vector<u8> image = ar.encode();

  Rig b;
  b.queue.advance_to(kMicrosecond);
  auto load = Archive::decode(image);
  ASSERT_TRUE(load);
  b.timer.snapshot(*load);
  ASSERT_TRUE(load->finish());
  b.timer.restored();
  EXPECT_TRUE(b.phys.high);
  EXPECT_FALSE(b.virt.high);
  EXPECT_EQ(b.queue.next_deadline(), 2 * kMicrosecond);
  Archive again(Archive::Mode::Save);
  b.timer.snapshot(again);
  EXPECT_EQ(again.encode(), image);
  b.queue.advance_to(2 * kMicrosecond);
  EXPECT_TRUE(b.virt.high);
}

}  // namespace
}  // namespace quince::hw
