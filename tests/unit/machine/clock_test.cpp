#include "machine/clock.h"

#include <gtest/gtest.h>

namespace quince::machine {
namespace {

u64 count(const void* p) { return *static_cast<const u64*>(p); }

TEST(MachineClock, CountsInstructionsOfTheCpuThatRuns) {
  MachineClock clock({.deterministic = true, .shift = 3});
  clock.start();
  u64 a = 1000, b = 7;
  EXPECT_EQ(clock.now_ns(), 0u);
  a += 5;
  EXPECT_EQ(clock.now_ns(), 0u);  // nobody runs
  clock.run(&a, count);
  EXPECT_EQ(clock.now_ns(), 0u);  // what it did before does not count
  a += 10;
  EXPECT_EQ(clock.now_ns(), 80u);
  clock.run(&b, count);
  EXPECT_EQ(clock.now_ns(), 80u);
  a += 100;
  b += 1;
  EXPECT_EQ(clock.now_ns(), 88u);
  clock.run(nullptr, nullptr);
  b += 1;
  EXPECT_EQ(clock.now_ns(), 88u);
  clock.stop();
  EXPECT_EQ(clock.now_ns(), 88u);
}

TEST(MachineClock, EveryShift) {
  for (unsigned shift = 0; shift <= 10; ++shift) {
    MachineClock clock({.deterministic = true, .shift = shift});
    u64 n = 0;
    clock.run(&n, count);
    n = 1'000'000;
    EXPECT_EQ(clock.now_ns(), u64{1'000'000} << shift);
  }
}

TEST(MachineClock, SkipsForwardOnly) {
  MachineClock clock({.deterministic = true, .shift = 0});
  clock.skip_to(500);
  EXPECT_EQ(clock.now_ns(), 500u);
  clock.skip_to(499);
  EXPECT_EQ(clock.now_ns(), 500u);
  u64 n = 0;
  clock.run(&n, count);
  n = 20;
  clock.skip_to(600);  // what ran until here is behind it
  EXPECT_EQ(clock.now_ns(), 600u);
  n = 25;
  EXPECT_EQ(clock.now_ns(), 605u);
}

// The last instruction of the budget is the first that reaches the deadline.
TEST(MachineClock, InstructionsUntil) {
  for (const unsigned shift : {0u, 3u, 10u})
    for (const u64 ns : {1ull, 7ull, 8ull, 9ull, 1024ull, 12345ull}) {
      MachineClock clock({.deterministic = true, .shift = shift});
      const u64 n = clock.instructions_until(ns);
      EXPECT_GE(n << shift, ns);
      EXPECT_LE((n - 1) << shift, ns) << "shift " << shift << ", " << ns << " ns";
    }
  MachineClock clock({.deterministic = true, .shift = 3});
  clock.set(1000);
  EXPECT_EQ(clock.instructions_until(1000), 1u);
  EXPECT_EQ(clock.instructions_until(0), 1u);
  EXPECT_GT(clock.instructions_until(hw::kNever), u64{1} << 50);
}

TEST(MachineClock, HostTimePassesWhileItRuns) {
  MachineClock clock({});
  EXPECT_EQ(clock.now_ns(), 0u);
  EXPECT_EQ(clock.now_ns(), 0u);
  clock.set(5000);
  EXPECT_EQ(clock.now_ns(), 5000u);
  clock.start();
  const u64 first = clock.now_ns();
  EXPECT_GE(first, 5000u);
  u64 later = first;
  while (later == first) later = clock.now_ns();  // the host's clock moves
  EXPECT_GT(later, first);
  clock.stop();
  const u64 stopped = clock.now_ns();
  EXPECT_GE(stopped, later);
  EXPECT_EQ(clock.now_ns(), stopped);
  clock.start();
  EXPECT_GE(clock.now_ns(), stopped);
  clock.stop();
}

}  // namespace
}  // namespace quince::machine
