// The event register and the Generic Timer's event stream (Arm ARM DDI 0487, D1.6.1 and D12.2.4).
//
// CNTKCTL_EL1.EVNTEN makes a transition of bit EVNTI of CNTVCT_EL0 (EVNTDIR: which way) an event.
// Nothing runs for it: the transitions up to a count are a sum, so how many there were since the
// last look says whether the event register has been set, and the next one's time is known.
//
// Missing: EVNTIS (FEAT_ECV), and the hypervisor's stream from CNTPCT_EL0.
#include "cpu/vcpu.h"

namespace quince::cpu {

namespace {

// CNTKCTL_EL1.
constexpr unsigned kEvntEn = 2, kEvntDir = 3;
constexpr unsigned evnti(u64 cntkctl) { return static_cast<unsigned>(bits(cntkctl, 7, 4)); }

/// Where in the period of 2^(EVNTI+1) counts the event is: the bit rises in the middle, and falls
/// at the end.
u64 phase(u64 cntkctl) { return bit(cntkctl, kEvntDir) ? 0 : u64{1} << evnti(cntkctl); }

/// Events of the stream up to a count.
u64 events(u64 cntkctl, u64 count) { return (count + phase(cntkctl)) >> (evnti(cntkctl) + 1); }

}  // namespace

bool Vcpu::take_event() {
  bool event = (pending_.fetch_and(~kEvent, std::memory_order_acq_rel) & kEvent) != 0;
  if (bit(s.sys.cntkctl_el1, kEvntEn)) {
    const u64 n = events(s.sys.cntkctl_el1, counter());
    event |= n != s.sys.event_stream_seen;
    s.sys.event_stream_seen = n;
  }
  return event;
}

u64 Vcpu::next_stream_event() const {
  const u64 cntkctl = s.sys.cntkctl_el1;
  if (!bit(cntkctl, kEvntEn)) return hw::kNever;
  const u64 next = ((events(cntkctl, counter()) + 1) << (evnti(cntkctl) + 1)) - phase(cntkctl);
  const u64 hz = ports_.counter_hz;
  const u128 ns = (static_cast<u128>(next) * hw::kSecond + hz - 1) / hz;
  return ns < hw::kNever ? static_cast<u64>(ns) : hw::kNever;
}

void Vcpu::set_cntkctl(u64 v) {
  if (take_event()) pending_.fetch_or(kEvent, std::memory_order_acq_rel);
  s.sys.cntkctl_el1 = v;
  s.sys.event_stream_seen = events(s.sys.cntkctl_el1, counter());
}

}  // namespace quince::cpu
