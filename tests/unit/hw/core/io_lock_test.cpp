// 003i: the I/O lock is held for a scope, and nobody says that it is without holding it.
#include "hw/core/io_lock.h"

#include <gtest/gtest.h>

#include <array>
#include <thread>
#include <type_traits>

#include "base/types.h"

namespace quince::hw {
namespace {

// Who wants to call a device can get the proof from a Guard only: not make, copy or move it.
static_assert(!std::is_default_constructible_v<IoLockHeld>);
static_assert(!std::is_copy_constructible_v<IoLockHeld> && !std::is_copy_assignable_v<IoLockHeld>);
static_assert(!std::is_move_constructible_v<IoLockHeld> && !std::is_move_assignable_v<IoLockHeld>);
static_assert(!std::is_destructible_v<IoLockHeld>);
static_assert(!std::is_default_constructible_v<IoLock::Guard>);
static_assert(!std::is_copy_constructible_v<IoLock::Guard> &&
              !std::is_move_constructible_v<IoLock::Guard>);
static_assert(std::is_convertible_v<IoLock::Guard&, const IoLockHeld&>);

TEST(IoLock, OneThreadAtATime) {
  IoLock lock;
  u64 first = 0, second = 0;  // equal whenever nobody holds the lock
  u64 torn = 0;
  const auto work = [&] {
    for (unsigned n = 0; n < 20'000; ++n) {
      const IoLock::Guard held(lock);
      if (first != second) ++torn;
      ++first;
      ++second;
    }
  };
  std::array<std::thread, 4> threads;
  for (std::thread& t : threads) t = std::thread(work);
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(torn, 0u);
  EXPECT_EQ(first, 80'000u);
}

TEST(IoLock, AnEarlyReturnGivesItBack) {
  IoLock lock;
  const auto leave = [&](bool early) {
    const IoLock::Guard held(lock);
    if (early) return 1;
    return 2;
  };
  EXPECT_EQ(leave(true), 1);
  EXPECT_EQ(leave(false), 2);  // would wait for ever
}

}  // namespace
}  // namespace quince::hw
