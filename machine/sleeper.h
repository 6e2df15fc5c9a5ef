// Where a vCPU's thread waits for something to do.
//
// Waking a thread that sleeps takes the host some ten microseconds, of both threads' time. So, where work has come soon
// lately, a waiting thread looks for some microseconds before it sleeps.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>

#include "base/types.h"

namespace quince::machine {

/// For how long to look before sleeping, by how the last waits went. All times are nanoseconds.
class LookPolicy {
 public:
  /// The window begins with the first and is doubled up to the other one.
  static constexpr u64 kFirst = 10'000, kMost = 50'000;
  /// From one look to the next: so long only where the host had other work for this CPU.
  static constexpr u64 kTakenAway = 20'000;
  /// How long nobody looks, then.
  static constexpr u64 kPause = 10'000'000;

  /// For a wait that begins at `now`.
  u64 window(u64 now) const { return now < pause_until_ ? 0 : window_; }
  /// A wait was over after `waited`, of which the thread slept some: it would have been worth it to look longer, or it
  /// was not worth it at all.
  void slept(u64 waited) {
    if (waited >= 2 * kMost)
      window_ = 0;
    else
      window_ = window_ == 0 ? kFirst : window_ * 2 < kMost ? window_ * 2 : kMost;
  }
  /// The host has other work.
  void taken_away(u64 now) { pause_until_ = now + kPause; }

 private:
  u64 window_ = 0;
  u64 pause_until_ = 0;
};

class Sleeper {
 public:
  /// Ends a wait, this one or the next; any thread's.
  void wake();
  /// Until somebody called wake() since the last wait, or for so long; negative: without end. By the thread that it is
  /// about.  `may_look(context)`, asked now and then: whether work may come soon and the host has a CPU for looking.
  void wait(std::chrono::nanoseconds most, bool (*may_look)(const void*), const void* context);

 private:
  bool look(u64 begin, u64 window, bool (*may_look)(const void*), const void* context);

  std::atomic<bool> woken_{false};
  std::atomic<bool> asleep_{false};
  std::mutex mutex_;
  std::condition_variable changed_;
  LookPolicy policy_;
};

/// How a vCPU that waits in a loop of the guest's gives way, to whoever it waits for.
class GivingWay {
 public:
  /// So many turns in a row take no call of the host, if it has a CPU for each vCPU: what it waits for is most often there
  /// within a microsecond.
  static constexpr unsigned kShortTurns = 32;
  /// Of the others, every so-many-th sleeps. On a busy host, threads that only yield were seen to keep a CPU among
  /// themselves for minutes (Linux, EEVDF).
  static constexpr unsigned kYields = 8;
  /// Behind such a pause, in nanoseconds, begins another row.
  static constexpr u64 kAnother = 100'000;

  enum class How : u8 { Pause, Yield, Sleep };
  /// What to do at `now`.
  How next(u64 now, bool enough_cpus);
  void operator()(bool enough_cpus);

 private:
  unsigned turns_ = 0;
  u64 last_ = 0;
};

/// How many CPUs of the host this process may use.
unsigned host_cpus();

}  // namespace quince::machine
