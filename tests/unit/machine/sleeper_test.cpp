// How vCPUs wait: for how long they look before they sleep, and that no call is lost.
#include "machine/sleeper.h"

#include <gtest/gtest.h>

#include <thread>

namespace quince::machine {
namespace {

using namespace std::chrono_literals;

bool always(const void*) { return true; }
bool never(const void*) { return false; }

TEST(LookPolicy, LooksLongerWhereWorkComesSoon) {
  LookPolicy p;
  EXPECT_EQ(p.window(0), 0u);
  p.slept(5'000);
  EXPECT_EQ(p.window(0), LookPolicy::kFirst);
  p.slept(30'000);
  EXPECT_EQ(p.window(0), 2 * LookPolicy::kFirst);
  for (int n = 0; n < 9; ++n) p.slept(30'000);
  EXPECT_EQ(p.window(0), LookPolicy::kMost);
}

TEST(LookPolicy, NotAtAllWhereItComesLate) {
  LookPolicy p;
  p.slept(5'000);
  p.slept(2 * LookPolicy::kMost);
  EXPECT_EQ(p.window(0), 0u);
}

TEST(LookPolicy, NotWhileTheHostHasOtherWork) {
  LookPolicy p;
  p.slept(5'000);
  p.taken_away(1000);
  EXPECT_EQ(p.window(1000 + LookPolicy::kPause - 1), 0u);
  EXPECT_EQ(p.window(1000 + LookPolicy::kPause), LookPolicy::kFirst);
}

TEST(GivingWay, ShortAtFirstThenTheHostsCpuThenSleep) {
  using How = GivingWay::How;
  GivingWay g;
  u64 now = 1'000'000;
  for (unsigned n = 0; n < GivingWay::kShortTurns; ++n) EXPECT_EQ(g.next(++now, true), How::Pause);
  unsigned yields = 0, sleeps = 0;
  for (unsigned n = 0; n < 8 * GivingWay::kYields; ++n) {
    const How how = g.next(++now, true);
    EXPECT_NE(how, How::Pause);
    (how == How::Sleep ? sleeps : yields)++;
  }
  EXPECT_EQ(sleeps, 8u);
  EXPECT_EQ(g.next(now + GivingWay::kAnother + 1, true), How::Pause) << "another row";
}

TEST(GivingWay, WithTooFewCpusAtOnce) {
  GivingWay g;
  EXPECT_EQ(g.next(1'000'000, false), GivingWay::How::Yield);
}

TEST(Sleeper, ACallBeforeTheWaitEndsIt) {
  Sleeper s;
  s.wake();
  s.wait(-1ns, always, nullptr);  // would be without end
  s.wake();
  s.wait(-1ns, never, nullptr);
}

TEST(Sleeper, AWaitEndsInTime) {
  Sleeper s;
  for (int n = 0; n < 3; ++n) {
    const auto begin = std::chrono::steady_clock::now();
    s.wait(200us, n == 1 ? never : always, nullptr);
    EXPECT_GE(std::chrono::steady_clock::now() - begin, 200us);
  }
}

/// Two threads wake each other in turn; one call that is lost, and the test does not end.
TEST(Sleeper, NoCallIsLost) {
  constexpr int kTurns = 5000;
  for (const auto may_look : {&always, &never}) {
    Sleeper a, b;
    std::atomic<int> turn{0};
    const auto play = [&](Sleeper& own, Sleeper& other, int first) {
      for (int n = first; n < kTurns; n += 2) {
        while (turn.load() != n) own.wait(-1ns, may_look, nullptr);
        turn.store(n + 1);
        other.wake();
      }
    };
    const std::jthread second([&] { play(b, a, 1); });
    play(a, b, 0);
  }
}

}  // namespace
}  // namespace quince::machine
