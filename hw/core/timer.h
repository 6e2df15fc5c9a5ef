// Guest time and timers on it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/types.h"

namespace quince::hw {

inline constexpr u64 kMicrosecond = 1000;
inline constexpr u64 kMillisecond = 1000 * kMicrosecond;
inline constexpr u64 kSecond = 1000 * kMillisecond;
inline constexpr u64 kNever = ~u64{0};

/// Guest time in nanoseconds since the machine's power-on; stands still while the machine does.
/// now_ns() may be called from any thread and never decreases.
class GuestClock {
 public:
  virtual u64 now_ns() const = 0;

 protected:
  ~GuestClock() = default;
};

/// A clock that tests move by hand.
class ManualClock final : public GuestClock {
 public:
  u64 now_ns() const override { return now_; }
  void set(u64 ns) { now_ = ns; }

 private:
  u64 now_ = 0;
};

class Timer;

/// Deadlines in guest time.  Used with the I/O lock held.
class TimerQueue {
 public:
  /// Owns a ManualClock: for tests, which move it with advance_to.
  TimerQueue() : clock_(own_) {}
  explicit TimerQueue(const GuestClock& clock) : clock_(clock) {}
  TimerQueue(const TimerQueue&) = delete;
  TimerQueue& operator=(const TimerQueue&) = delete;
  ~TimerQueue();

  u64 now_ns() const { return clock_.now_ns(); }
  const GuestClock& clock() const { return clock_; }
  /// The earliest deadline, or kNever.
  u64 next_deadline() const;
  /// Calls every callback whose deadline is not after now, earliest first, ties in the order of
  /// arming.  What a callback arms waits for the next call, even when it is due at once.
  void run_due();

  /// Tests: moves the own clock from deadline to deadline up to `ns`, running what is due.
  void advance_to(u64 ns);

  /// Called when the earliest deadline moved to an earlier time.
  using Notify = void (*)(void* context);
  void on_earlier(Notify fn, void* context) {
    notify_ = fn;
    notify_context_ = context;
  }

 private:
  friend class Timer;
  void insert(Timer& t);
  void remove(Timer& t);

  ManualClock own_;
  const GuestClock& clock_;
  std::vector<Timer*> armed_;  // sorted: the earliest is last
  u64 order_ = 0;
  Notify notify_ = nullptr;
  void* notify_context_ = nullptr;
};

/// One named deadline with a callback: plain function and context, nothing captured on the heap.
class Timer {
 public:
  using Callback = void (*)(void* context);
  Timer(TimerQueue& queue, std::string_view name, Callback fn, void* context)
      : queue_(queue), name_(name), fn_(fn), context_(context) {}
  ~Timer() { cancel(); }
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  /// Fires once at guest time `deadline_ns`; replaces an earlier arming.  kNever cancels.
  void arm(u64 deadline_ns);
  void cancel();
  bool armed() const { return deadline_ != kNever; }
  u64 deadline() const { return deadline_; }
  const std::string& name() const { return name_; }

 private:
  friend class TimerQueue;
  TimerQueue& queue_;
  std::string name_;
  Callback fn_;
  void* context_;
  u64 deadline_ = kNever;
  u64 order_ = 0;
};

/// Adapts a member function to Timer::Callback: `&Bind<&Pl031::on_match>::call, this`.
template <auto F>
struct Bind;
template <class C, void (C::*F)()>
struct Bind<F> {
  static void call(void* c) { (static_cast<C*>(c)->*F)(); }
};

}  // namespace quince::hw
