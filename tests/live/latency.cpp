// How long a key takes.
//
// Keys are pressed by timers of the machine at guest times that nobody else knows, through the
// interface that windows use; the guest says when its driver had them, as counts of its counter.
// So the figure is guest time, and on a busy host it is right too: but only a deterministic run is
// the same on every host, and is what the limit is for.
#include <fmt/core.h>
#include <linux/input-event-codes.h>

#include <algorithm>
#include <array>
#include <optional>
#include <random>
#include <sstream>

#include "hw/timer/generic_timer.h"
#include "tests/live/live_machine.h"
#include "tests/live/scenarios.h"

namespace quince::test {

namespace {

constexpr u64 kLimitNs = 20 * hw::kMillisecond;  // of the 99th percentile
constexpr u64 kShortestGapNs = 500 * hw::kMicrosecond, kLongestGapNs = 40 * hw::kMillisecond;

// clang-format off
/// Linux's codes of the letters, whose usages begin at ui::key::kA.
constexpr std::array<u16, 26> kCodes = {
    KEY_A, KEY_B, KEY_C, KEY_D, KEY_E, KEY_F, KEY_G, KEY_H, KEY_I, KEY_J, KEY_K, KEY_L, KEY_M,
    KEY_N, KEY_O, KEY_P, KEY_Q, KEY_R, KEY_S, KEY_T, KEY_U, KEY_V, KEY_W, KEY_X, KEY_Y, KEY_Z};
// clang-format on

struct Mode {
  const char* name;
  const char* options;
  const char* said;  ///< what the guest says of the controller's interrupts
};
constexpr Mode kModes[] = {
    {"pin", "msi=off,msix=off", "pin"},
    {"msi", "msi=on,msix=off", "msi"},
    {"msix", "msi=off,msix=on", "msix"},
};

struct Press {
  u8 letter;
  bool down;
  u64 at_ns;
};

/// Presses and releases letters, one after the other, at random moments of guest time.
class Typist {
 public:
  Typist(machine::Machine& machine, u64 seed, unsigned keys)
      : machine_(machine), random_(seed), count_(2 * keys) {
    const hw::IoLock::Guard held(machine_.io_lock());
    timer_.emplace(machine_.timers(), "typist", &hw::Bind<&Typist::act>::call, this);
    arm();
  }
  ~Typist() {
    const hw::IoLock::Guard held(machine_.io_lock());
    timer_.reset();
  }
  Typist(const Typist&) = delete;
  Typist& operator=(const Typist&) = delete;

  /// Once the guest has seen them all.
  const std::vector<Press>& presses() const { return presses_; }

 private:
  void arm() {
    const u64 gap = kShortestGapNs + random_() % (kLongestGapNs - kShortestGapNs);
    due_ns_ = machine_.timers().now_ns() + gap;
    timer_->arm(due_ns_);
  }
  /// The moment is the one that was chosen: if the machine's thread is late, that counts.
  void act() {
    const bool down = presses_.size() % 2 == 0;
    const u8 letter = down ? static_cast<u8>(random_() % kCodes.size()) : presses_.back().letter;
    presses_.push_back({letter, down, due_ns_});
    machine_.display().input().send({ui::KeyInput{static_cast<u8>(ui::key::kA + letter), down}});
    if (presses_.size() < count_) arm();
  }

  machine::Machine& machine_;
  std::mt19937_64 random_;
  const std::size_t count_;
  std::vector<Press> presses_;
  u64 due_ns_ = 0;
  std::optional<hw::Timer> timer_;
};

/// The latency of each press and release, sorted, in nanoseconds.
Result<std::vector<u64>> latencies(const std::vector<Press>& presses,
                                   const std::vector<std::string>& said, u64 hz) {
  if (presses.size() != said.size())
    return fail("{} events were sent, and the guest says {}", presses.size(), said.size());
  std::vector<u64> result;
  for (std::size_t n = 0; n < said.size(); ++n) {
    unsigned code = 0, value = 0;
    u64 count = 0;
    std::istringstream(said[n]) >> code >> value >> count;
    const Press& p = presses[n];
    if (code != kCodes[p.letter] || value != (p.down ? 1u : 0u))
      return fail("event {} is '{}', and not code {}, value {}", n, said[n], kCodes[p.letter],
                  p.down);
    const u64 at = hw::GenericTimer::time_of(count, hz);
    if (at < p.at_ns) return fail("event {} was seen {} ns before it was", n, p.at_ns - at);
    result.push_back(at - p.at_ns);
  }
  std::sort(result.begin(), result.end());
  return result;
}

Result<void> measure(const LiveOptions& o, const Mode& mode, bool deterministic) {
  auto args = linux_args(o, "256M");
  args.insert(args.end(),
              {"-nodefaults", "-device", fmt::format("qemu-xhci,id=usb,{}", mode.options),
               "-device", "usb-kbd,bus=usb.0"});
  if (deterministic) args.insert(args.end(), {"-icount", "shift=3"});
  const auto live = TRY(LiveMachine::start(args));
  if (const auto said = TRY(live->expect("live: interrupts ")); said != mode.said)
    return fail("the controller's interrupts are of the kind '{}', not '{}'", said, mode.said);
  TRY_VOID(live->expect("live: ready"));
  TRY_VOID(live->send(fmt::format("keys {}\n", 2 * o.keys)));
  const u64 hz = std::stoull(TRY(live->expect("keys ready ")));
  if (hz != live->machine().board().counter_hz) return fail("the guest's counter has {} Hz", hz);
  std::vector<std::string> said;
  std::vector<u64> ns;
  {
    Typist typist(live->machine(), o.seed, o.keys);
    for (unsigned n = 0; n < 2 * o.keys; ++n) said.push_back(TRY(live->expect("key ")));
    TRY_VOID(live->expect("keys end"));
    ns = TRY(latencies(typist.presses(), said, hz));
  }
  TRY_VOID(live->stop());
  const auto ms = [&](std::size_t percent) {
    return static_cast<double>(ns[std::min(ns.size() * percent / 100, ns.size() - 1)]) / 1e6;
  };
  fmt::print("latency {:4} {:13}: {} events, p50 {:.3f} ms, p99 {:.3f} ms, maximum {:.3f} ms\n",
             mode.name, deterministic ? "deterministic" : "real time", ns.size(), ms(50), ms(99),
             ms(100));
  std::fflush(stdout);
  // In real time the host's other work is in the figure: it is said, and not judged.
  if (deterministic && ns[ns.size() * 99 / 100] >= kLimitNs)
    return fail("the 99th percentile is not below {} ms", kLimitNs / hw::kMillisecond);
  return {};
}

}  // namespace

Result<void> measure_latency(const LiveOptions& options) {
  for (const Mode& mode : kModes)
    for (const bool deterministic : {true, false})
      if (auto r = measure(options, mode, deterministic); !r)
        return tl::unexpected(r.error().in(mode.name));
  return {};
}

}  // namespace quince::test
