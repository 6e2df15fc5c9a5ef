// Guest time: the host's clock while the machine runs, or a count of executed instructions.
#pragma once

#include <atomic>

#include "hw/core/timer.h"

namespace quince::machine {

/// How guest time passes.
struct ClockConfig {
  bool deterministic = false;  ///< by executed instructions (-icount)
  unsigned shift = 3;          ///< 2^shift nanoseconds per instruction, 0..10
  bool sleep = false;          ///< an idle guest waits in host time too, instead of skipping ahead
};

/// The machine's clock.  `start` and `stop` are called while no vCPU runs.
class MachineClock final : public hw::GuestClock {
 public:
  explicit MachineClock(const ClockConfig& config) : config_(config) {}

  /// Monotonic; any thread.
  u64 now_ns() const override;

  void start();
  void stop();
  /// Guest time as a snapshot restores it; while stopped.
  void set(u64 ns);

  // Deterministic mode, on the machine's one thread:
  /// The vCPU that runs now: its instruction counter, which moves time.  Null: none runs.
  using Counter = u64 (*)(const void* vcpu);
  void run(const void* vcpu, Counter counter);
  /// Moves time forward to a deadline: the guest is idle.
  void skip_to(u64 ns);
  /// How many instructions fit until `ns`; at least 1.
  u64 instructions_until(u64 ns) const;

  const ClockConfig& config() const { return config_; }

 private:
  static u64 host_ns();

  const ClockConfig config_;
  std::atomic<u64> base_ns_{0};     ///< guest time at start_ns_, or while stopped
  std::atomic<u64> start_ns_{0};    ///< host time of start(); 0 while stopped
  const void* vcpu_ = nullptr;
  Counter counter_ = nullptr;
  u64 counted_from_ = 0;
};

}  // namespace quince::machine
