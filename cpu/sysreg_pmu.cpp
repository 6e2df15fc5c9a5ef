// Performance monitors: PMUv3 for Armv8.0 (Arm ARM DDI 0487 D13, D19.5).
//
// Modelled: the cycle counter and up to 31 event counters, filtering by exception level, overflow
// status, software increments and chaining.  One instruction takes one cycle, so that counts do not
// depend on the host.  Events: SW_INCR, INST_RETIRED, CPU_CYCLES, CHAIN.  The counters are brought
// up to date when somebody looks; the overflow interrupt (D13.3.1) comes in time all the same,
// because run() stops at the first branch behind the instruction that overflows.  Missing: the
// events and 64-bit event counters of later versions.
#include <algorithm>

#include "cpu/sysreg_handlers.h"

namespace quince::cpu {

namespace {

// PMEVTYPER<n>_EL0.evtCount.
constexpr u64 kSwIncr = 0x00, kInstRetired = 0x08, kCpuCycles = 0x11, kChain = 0x1e;
constexpr u64 kEventMask = 0x3ff;
constexpr u64 kFilterP = u64{1} << 31, kFilterU = u64{1} << 30;

constexpr u64 kCycleBit = u64{1} << 31;

// PMCR_EL0.
constexpr u64 kEnable = 1, kResetEvents = 2, kResetCycles = 4, kLongCycles = 0x40;
constexpr u64 kPmcrWritable = kEnable | 0x38;  // D, X, DP

bool counted(const Vcpu& c, u64 filter) {
  return (filter & (c.s.pstate.el == 0 ? kFilterU : kFilterP)) == 0;
}

/// Adds to event counter i, which is enabled; carries go to the overflow status and the chain.
void count(Vcpu& c, unsigned i, u64 n) {
  SysRegs& r = c.s.sys;
  for (const unsigned counters = c.model().pmu_counters; n != 0;) {
    const u64 sum = r.pmevcntr[i] + n;
    r.pmevcntr[i] = static_cast<u32>(sum);
    n = sum >> 32;
    if (n == 0) return;
    r.pmovs |= u64{1} << i;
    const unsigned next = i + 1;
    if (i % 2 != 0 || next >= counters || !bit(r.pmcnten, next)) return;
    if ((r.pmevtyper[next] & kEventMask) != kChain || !counted(c, r.pmevtyper[next])) return;
    i = next;
  }
}

/// Events that counter i, which counts instructions, can take before it overflows into its status
/// bit; with `chained`, before the counter above it does.
u64 room(const SysRegs& r, unsigned i, bool chained) {
  const u64 low = (u64{1} << 32) - r.pmevcntr[i];
  return chained ? low + ((0xffff'ffff - r.pmevcntr[i + 1]) << 32) : low;
}

/// True when the counter's overflow would raise the interrupt: enabled and not there yet.
bool armed(const SysRegs& r, unsigned i) {
  return bit(r.pmcnten, i) && bit(r.pminten, i) && !bit(r.pmovs, i);
}

}  // namespace

bool pmu_interrupt(const Vcpu& c) {
  const SysRegs& r = c.s.sys;
  return (r.pmcr_el0 & kEnable) != 0 && (r.pmovs & r.pminten) != 0;
}

u64 pmu_distance(const Vcpu& c) {
  const SysRegs& r = c.s.sys;
  u64 nearest = hw::kNever;
  if ((r.pmcr_el0 & kEnable) == 0) return nearest;
  if (armed(r, 31) && counted(c, r.pmccfiltr_el0) && r.pmccntr_el0 != 0)
    nearest = ~r.pmccntr_el0 + 1;
  const unsigned counters = c.model().pmu_counters;
  for (unsigned i = 0; i < counters; ++i) {
    const u64 event = r.pmevtyper[i] & kEventMask;
    if (!bit(r.pmcnten, i) || (event != kInstRetired && event != kCpuCycles) ||
        !counted(c, r.pmevtyper[i]))
      continue;
    if (armed(r, i)) nearest = std::min(nearest, room(r, i, false));
    const unsigned next = i + 1;
    if (i % 2 == 0 && next < counters && armed(r, next) &&
        (r.pmevtyper[next] & kEventMask) == kChain && counted(c, r.pmevtyper[next]))
      nearest = std::min(nearest, room(r, i, true));
  }
  return nearest;
}

void Vcpu::pmu_changed() {
  pmu_sync(*this);
  const bool level = pmu_interrupt(*this);
  if (level != pmu_irq_.high()) {
    const hw::IoLock::Guard held(*ports_.io_lock);
    pmu_irq_.set(level);
  }
  // budget_ counts from block_start_, the distance from here.
  const s64 done = cur_ != nullptr ? cur_ - block_start_ : 0;
  const s64 total = budget_ + budget_rest_;
  constexpr u64 kFar = u64{1} << 62;
  budget_ = std::min(total, static_cast<s64>(std::min(pmu_distance(*this), kFar)) + done);
  budget_rest_ = total - budget_;
}

void pmu_sync(Vcpu& c) {
  SysRegs& r = c.s.sys;
  const u64 now = c.instructions();
  const u64 n = now - r.pmu_synced;
  r.pmu_synced = now;
  if ((r.pmcr_el0 & kEnable) == 0 || n == 0) return;
  if ((r.pmcnten & kCycleBit) != 0 && counted(c, r.pmccfiltr_el0)) {
    const u64 before = r.pmccntr_el0;
    r.pmccntr_el0 += n;
    if (r.pmccntr_el0 < before) r.pmovs |= kCycleBit;
  }
  for (unsigned i = 0; i < c.model().pmu_counters; ++i) {
    const u64 event = r.pmevtyper[i] & kEventMask;
    if (bit(r.pmcnten, i) && (event == kInstRetired || event == kCpuCycles) &&
        counted(c, r.pmevtyper[i]))
      count(c, i, n);
  }
}

namespace sr {

namespace {

u64 counter_mask(const Vcpu& c) { return low_mask(c.model().pmu_counters) | kCycleBit; }

/// PMSELR_EL0.SEL when it names an event counter; else one past the end.
unsigned selected(const Vcpu& c) {
  const unsigned n = static_cast<unsigned>(c.s.sys.pmselr_el0);
  return n < c.model().pmu_counters ? n : 31;
}

}  // namespace

u64 read_pmcr(Vcpu& c) {
  // IMP, N, LC (RES1 without AArch32)
  return bits(c.model().id.midr, 31, 24) << 24 | u64{c.model().pmu_counters} << 11 | kLongCycles |
         c.s.sys.pmcr_el0;
}
void write_pmcr(Vcpu& c, u64 v) {
  pmu_sync(c);
  c.s.sys.pmcr_el0 = v & kPmcrWritable;
  if ((v & kResetEvents) != 0) c.s.sys.pmevcntr.fill(0);
  if ((v & kResetCycles) != 0) c.s.sys.pmccntr_el0 = 0;
  c.pmu_changed();
}
void write_pmcntenset(Vcpu& c, u64 v) {
  pmu_sync(c);
  c.s.sys.pmcnten |= v & counter_mask(c);
  c.pmu_changed();
}
void write_pmcntenclr(Vcpu& c, u64 v) {
  pmu_sync(c);
  c.s.sys.pmcnten &= ~v;
  c.pmu_changed();
}
void write_pmintenset(Vcpu& c, u64 v) {
  pmu_sync(c);
  c.s.sys.pminten |= v & counter_mask(c);
  c.pmu_changed();
}
void write_pmintenclr(Vcpu& c, u64 v) {
  pmu_sync(c);
  c.s.sys.pminten &= ~v;
  c.pmu_changed();
}
u64 read_pmovs(Vcpu& c) {
  c.pmu_changed();
  return c.s.sys.pmovs;
}
void write_pmovsset(Vcpu& c, u64 v) {
  pmu_sync(c);
  c.s.sys.pmovs |= v & counter_mask(c);
  c.pmu_changed();
}
void write_pmovsclr(Vcpu& c, u64 v) {
  pmu_sync(c);
  c.s.sys.pmovs &= ~v;
  c.pmu_changed();
}
void write_pmswinc(Vcpu& c, u64 v) {
  const SysRegs& r = c.s.sys;
  if ((r.pmcr_el0 & kEnable) == 0) return;
  for (unsigned i = 0; i < c.model().pmu_counters; ++i)
    if (bit(v & r.pmcnten, i) && (r.pmevtyper[i] & kEventMask) == kSwIncr &&
        counted(c, r.pmevtyper[i]))
      count(c, i, 1);
  c.pmu_changed();
}
void write_pmselr(Vcpu& c, u64 v) { c.s.sys.pmselr_el0 = v & 31; }
u64 read_pmceid0(Vcpu&) {
  return u64{1} << kSwIncr | u64{1} << kInstRetired | u64{1} << kCpuCycles | u64{1} << kChain;
}
u64 read_pmccntr(Vcpu& c) {
  c.pmu_changed();
  return c.s.sys.pmccntr_el0;
}
void write_pmccntr(Vcpu& c, u64 v) {
  pmu_sync(c);
  c.s.sys.pmccntr_el0 = v;
  c.pmu_changed();
}
void write_pmccfiltr(Vcpu& c, u64 v) {
  pmu_sync(c);
  c.s.sys.pmccfiltr_el0 = v & (kFilterP | kFilterU);
  c.pmu_changed();
}
void write_pmuserenr(Vcpu& c, u64 v) { c.s.sys.pmuserenr_el0 = v & 15; }

u64 read_pmevcntr(Vcpu& c, unsigned n) {
  c.pmu_changed();
  return c.s.sys.pmevcntr[n];
}
void write_pmevcntr(Vcpu& c, unsigned n, u64 v) {
  pmu_sync(c);
  c.s.sys.pmevcntr[n] = static_cast<u32>(v);
  c.pmu_changed();
}
u64 read_pmevtyper(Vcpu& c, unsigned n) { return c.s.sys.pmevtyper[n]; }
void write_pmevtyper(Vcpu& c, unsigned n, u64 v) {
  pmu_sync(c);
  c.s.sys.pmevtyper[n] = v & (kFilterP | kFilterU | kEventMask);
  c.pmu_changed();
}

// Through PMSELR_EL0; a selection that names no counter reads as zero and ignores writes.
u64 read_pmxevtyper(Vcpu& c) {
  if (c.s.sys.pmselr_el0 == 31) return c.s.sys.pmccfiltr_el0;
  const unsigned n = selected(c);
  return n < 31 ? read_pmevtyper(c, n) : 0;
}
void write_pmxevtyper(Vcpu& c, u64 v) {
  if (c.s.sys.pmselr_el0 == 31) return write_pmccfiltr(c, v);
  const unsigned n = selected(c);
  if (n < 31) write_pmevtyper(c, n, v);
}
u64 read_pmxevcntr(Vcpu& c) {
  const unsigned n = selected(c);
  return n < 31 ? read_pmevcntr(c, n) : 0;
}
void write_pmxevcntr(Vcpu& c, u64 v) {
  const unsigned n = selected(c);
  if (n < 31) write_pmevcntr(c, n, v);
}

}  // namespace sr

}  // namespace quince::cpu
