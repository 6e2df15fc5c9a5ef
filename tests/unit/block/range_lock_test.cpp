#include "block/range_lock.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <optional>
#include <random>
#include <thread>

namespace quince::test {
namespace {

using block::RangeLock;

TEST(RangeLock, SharedAndSeparateRangesGoTogether) {
  RangeLock lock;  // on one thread: anything in the way would hang
  const RangeLock::Guard a(lock, 0, 10, false), b(lock, 5, 15, false), c(lock, 15, 20, true);
}

TEST(RangeLock, AnExclusiveRangeIsAlone) {
  RangeLock lock;
  std::array<std::atomic<int>, 16> users{};  // -1000: somebody has it alone
  std::atomic<bool> bad{false};
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      std::mt19937 random(t);
      for (unsigned n = 0; n < 2000; ++n) {
        const u64 begin = random() % 16, end = begin + 1 + random() % (16 - begin);
        const bool alone = random() % 3 == 0;
        const RangeLock::Guard guard(lock, begin, end, alone);
        for (u64 i = begin; i < end; ++i) {
          const int before = users[i].fetch_add(alone ? -1000 : 1);
          if (before < 0 || (alone && before != 0)) bad = true;
        }
        for (u64 i = begin; i < end; ++i) users[i].fetch_sub(alone ? -1000 : 1);
      }
    });
  for (std::thread& t : threads) t.join();
  EXPECT_FALSE(bad);
}

}  // namespace
}  // namespace quince::test
