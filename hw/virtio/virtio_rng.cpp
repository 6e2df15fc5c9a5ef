#include "hw/virtio/virtio_rng.h"

#include <algorithm>

namespace quince::hw {

namespace {
constexpr std::array kQueues{VirtioRng::kQueueSize};
}

VirtioRng::VirtioRng(std::string_view name, const VirtioRngConfig& config, EntropySource& source,
                     Log& log, TimerQueue& timers)
    : VirtioDevice(name, VirtioId::Rng, config.features, kQueues, log, timers),
      config_(config),
      source_(source),
      period_(timers, std::string(name) + "/period", &Bind<&VirtioRng::on_period>::call, this) {}

// How many bytes may be given now.
u64 VirtioRng::allowance() {
  if (config_.max_bytes == 0) return kMaxAnswer;
  const u64 now = timers().now_ns();
  if (now >= s_.period_end_ns) {
    s_.period_end_ns = now + config_.period_ns;
    s_.given = 0;
  }
  return config_.max_bytes - std::min(s_.given, config_.max_bytes);
}

bool VirtioRng::handle_queue(unsigned n) {
  unsigned taken = 0;
  s_.waiting = false;
  for (; taken < kBurst; ++taken) {
    const u64 allowed = allowance();
    if (allowed == 0) {
      s_.waiting = true;
      break;
    }
    if (!next(n, element_)) break;
    std::array<u8, kMaxAnswer> bytes;
    const std::size_t length = std::min({kMaxAnswer, allowed, element_.writable_size()});
    source_.fill(std::span(bytes).first(length));
    element_.copy_in(0, std::span(bytes).first(length));
    s_.given += length;
    push(n, element_, length);
  }
  if (taken != 0) signal(n);
  sync();
  return taken == kBurst;
}

// The driver's reset does not open a new period: it would be a way around the limit.
void VirtioRng::stop(std::optional<unsigned>) {
  s_.waiting = false;
  sync();
}

void VirtioRng::sync() { period_.arm(s_.waiting ? s_.period_end_ns : kNever); }

void VirtioRng::on_period() {
  s_.waiting = false;
  run_queue(0);
}

void VirtioRng::snapshot_type(Archive& ar) {
  ar.field("period_end_ns", s_.period_end_ns);
  ar.field("given", s_.given);
  ar.field("waiting", s_.waiting);
}

}  // namespace quince::hw
