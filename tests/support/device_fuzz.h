// One fuzz harness for every device: random accesses made from the register tables, mixed with
// time, outside events and resets, on two copies of the device that must stay alike.
//
// What it proves: no access aborts (the sanitizers and the assertions are the judges), no timer
// keeps an instant from passing, a read that fails leaves its output alone, a debugger's read has
// no effect, every register of the table answers, a snapshot restores everything (it is saved,
// loaded into a fresh copy and saved again, and from then on both copies must give the same
// results and outputs), and a damaged snapshot is refused or harmless.
//
//   fuzz_device({"pl031", [](FuzzBench& b) {
//     auto& rtc = b.unit<hw::Pl031>("rtc", b.wire(0), b.timers(), 1000u);
//     b.window(rtc, 0x1000);
//   }}, FuzzOptions::from_environment());
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "hw/core/archive.h"
#include "hw/core/irq.h"
#include "hw/core/mmio.h"
#include "hw/core/timer.h"

namespace quince::test {

/// A small fast random number generator (SplitMix64): the same numbers on every host.
class FuzzRandom {
 public:
  explicit FuzzRandom(u64 seed) : state_(seed) {}
  u64 next() {
    u64 z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  /// A number from 0 to n - 1; n is not 0.
  u64 below(u64 n) { return next() % n; }
  bool one_in(u64 n) { return below(n) == 0; }

 private:
  u64 state_;
};

/// The surroundings of one copy of the devices under test.  A target's `build` fills it; it is
/// called for every copy, and the copies must not share anything that changes.
class FuzzBench final : private hw::IrqSink {
 public:
  FuzzBench() = default;
  ~FuzzBench();
  FuzzBench(const FuzzBench&) = delete;
  FuzzBench& operator=(const FuzzBench&) = delete;

  hw::TimerQueue& timers() { return timers_; }
  /// A wire whose level and changes are compared.  Lines may have any number.
  hw::IrqLine wire(unsigned line) { return hw::IrqLine(*this, line); }
  /// Something else that a device told the world: compared too.
  void output(u64 value);

  /// Constructs a device, which is reset, saved and restored with the others.
  template <std::derived_from<hw::Device> D, class... A>
  D& unit(A&&... args) {
    auto made = std::make_unique<D>(std::forward<A>(args)...);
    D& ref = *made;
    units_.push_back(std::move(made));
    return ref;
  }
  /// Offers the registers of a unit, or of a part of one, to random accesses.  A bench without any
  /// (what it has is no register device) has events instead of accesses.
  void window(hw::MmioDevice& device, u64 size);
  /// Constructs something that the units need and that has no state to save: a port, a sink.
  template <class T, class... A>
  T& keep(A&&... args) {
    auto made = std::make_shared<T>(std::forward<A>(args)...);
    T& ref = *made;
    kept_.push_back(std::move(made));
    return ref;
  }
  /// Guest memory that devices write: copied with a snapshot and compared.
  void memory(std::span<u8> bytes) { memory_.push_back(bytes); }
  /// What happens to the devices from outside; everything it does must follow from `random`.
  void on_event(std::function<void(u64 random)> event) { event_ = std::move(event); }

 private:
  friend class DeviceFuzzer;
  struct Window {
    hw::MmioDevice* device;
    u64 size;
    std::vector<hw::RegInfo> rows;
  };

  void set_line(unsigned line, bool high) override;
  void reset();
  Archive save();
  Result<void> load(Archive& ar);
  /// Runs timers up to `target`, at most `limit` instants; says how far it came, or kNever when
  /// time stands still.
  u64 advance(u64 target, unsigned limit);

  hw::ManualClock clock_;
  hw::TimerQueue timers_{clock_};
  std::set<unsigned> high_;
  u64 outputs_ = 0;  // a hash of all of them, in order
  std::vector<std::shared_ptr<void>> kept_;
  std::vector<std::unique_ptr<hw::Device>> units_;
  std::vector<Window> windows_;
  std::vector<std::span<u8>> memory_;
  std::function<void(u64)> event_;
};

struct FuzzTarget {
  std::string name;
  std::function<void(FuzzBench&)> build;
  u16 requesters = 1;  ///< accesses come from requesters 0 to this minus 1
};

struct FuzzOptions {
  u64 accesses = 200'000;
  u64 seed = 1;
  u64 round = 1000;  ///< steps between snapshots
  /// QUINCE_FUZZ_ACCESSES and QUINCE_FUZZ_SEED where they are set.
  static FuzzOptions from_environment();
};

struct FuzzReport {
  u64 reads = 0, writes = 0, refused = 0;  ///< accesses by outcome; debug reads are not counted
  u64 events = 0, resets = 0, time_steps = 0;
  u64 snapshots = 0, damaged_loaded = 0, damaged_refused = 0;
  /// "NAME read" or "NAME write" of what the table allows and no access managed.
  std::vector<std::string> untouched;
  std::string text() const;
};

/// Fuzzes a target.  The error says what differed, at which step, and what led to it.
Result<FuzzReport> fuzz_device(const FuzzTarget& target, const FuzzOptions& options);

}  // namespace quince::test
