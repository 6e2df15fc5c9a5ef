// GICv3: interrupt states and prioritisation.  See gic_core.h.
#include "hw/gic/gic_core.h"

#include <fmt/core.h>

#include <algorithm>
#include <bit>

#include "base/assert.h"
#include "base/bits.h"

namespace quince::hw {

using namespace gic;

GicCore::GicCore(std::string_view name, Log& log, const GicConfig& config)
    : log_(log),
      trace_line_(log, fmt::format("{}.line", name)),
      trace_ack_(log, fmt::format("{}.ack", name)),
      trace_eoi_(log, fmt::format("{}.eoi", name)),
      trace_sgi_(log, fmt::format("{}.sgi", name)),
      cpus_(static_cast<unsigned>(config.affinities.size())),
      words_((config.spis + 31) / 32 + 1),
      one_of_n_(config.one_of_n) {
  QUINCE_ASSERT(cpus_ >= 1 && cpus_ <= kMaxCpus);
  QUINCE_ASSERT(config.spis >= 1 && config.spis <= kMaxSpis);
  for (unsigned c = 0; c < cpus_; ++c) {
    affinity_[c] = config.affinities[c];
    if ((affinity_[c] & 0xff) > 15) range_selector_ = true;
  }
  for (unsigned n = 0; n < words_; ++n)
    valid_[n] = static_cast<u32>(low_mask(std::min(kFirstSpi + config.spis - 32 * n, 32u)));
  if (config.lpi_memory) lpis_.emplace(cpus_, *config.lpi_memory);
  restored();
}

void GicCore::reset() {
  State fresh;
  for (unsigned n = 1; n < words_; ++n) fresh.spi[n].level = s_.spi[n].level;
  for (unsigned c = 0; c < cpus_; ++c) fresh.cpu[c].priv.level = s_.cpu[c].priv.level;
  s_ = fresh;
  if (lpis_) lpis_->reset();
  restored();
}

void GicCore::restored() {
  target_.fill(kNoCpu);
  for (auto& r : routed_) r.fill(0);
  for (unsigned n = 1; n < words_; ++n)
    for (u32 left = valid_[n]; left != 0; left &= left - 1)
      retarget(32 * n + static_cast<u32>(std::countr_zero(left)));
  dirty_ = static_cast<u32>(low_mask(cpus_));
  sync();
}

void GicCore::connect(unsigned cpu, IrqLine irq, IrqLine fiq) {
  QUINCE_ASSERT(cpu < cpus_);
  irq_[cpu] = std::move(irq);
  fiq_[cpu] = std::move(fiq);
  drive(cpu);
}

// --- Prioritisation ----------------------------------------------------------------------------

/// The interrupts of a word that this CPU could take: pending, enabled, not active, routed here,
/// and of a group that is enabled in the distributor and in the CPU interface.
u32 GicCore::ready(unsigned cpu, unsigned n) const {
  const Word& w = word(cpu, n);
  u32 r = w.pending() & w.enabled & ~w.active;
  if (n != 0) r &= routed_[cpu][n];
  if (r == 0) return 0;
  const Interface& icc = s_.cpu[cpu].icc;
  if ((s_.ctlr & kCtlrEnableGrp0) == 0 || !icc.enabled[0]) r &= w.group;
  if ((s_.ctlr & kCtlrEnableGrp1) == 0 || !icc.enabled[1]) r &= ~w.group;
  return r;
}

/// Finds the candidate of a CPU from scratch.
void GicCore::scan(unsigned cpu) {
  Candidate best;
  for (unsigned n = 0; n < words_; ++n) {
    const Word& w = word(cpu, n);
    for (u32 left = ready(cpu, n); left != 0; left &= left - 1) {
      const unsigned b = static_cast<unsigned>(std::countr_zero(left));
      if (w.priority[b] >= best.priority) continue;
      best = {static_cast<u16>(32 * n + b), w.priority[b], static_cast<u8>(bit(w.group, b))};
    }
  }
  if (lpis_) scan_lpis(cpu, best);
  best_[cpu] = best;
}

/// LPIs are of Group 1, and come after the others of their priority.
void GicCore::scan_lpis(unsigned cpu, Candidate& best) const {
  if ((s_.ctlr & kCtlrEnableGrp1) == 0 || !s_.cpu[cpu].icc.enabled[1]) return;
  const auto lpi = lpis_->best(cpu);
  if (lpi && lpi->priority < best.priority) best = {static_cast<u16>(lpi->intid), lpi->priority, 1};
}

/// The bits of a priority that decide about preemption (IHI 0069, priority grouping).
u8 GicCore::group_mask(const Interface& icc, unsigned group) {
  const unsigned low_bits = group == 0 || icc.cbpr ? icc.bpr[0] + 1u : icc.bpr[1];
  return static_cast<u8>(0xffu << low_bits);
}

u8 GicCore::running_priority(unsigned cpu) const {
  const auto& ap = s_.cpu[cpu].icc.active_priorities;
  const u32 any = ap[0] | ap[1];
  return any == 0 ? kIdlePriority : static_cast<u8>(8 * std::countr_zero(any));
}

/// True while the CPU's candidate has the priority to interrupt it.
bool GicCore::signalled(unsigned cpu) const {
  const Interface& icc = s_.cpu[cpu].icc;
  const Candidate& c = best_[cpu];
  if (c.priority >= icc.pmr) return false;  // also when there is none
  const u8 running = running_priority(cpu);
  if (running == kIdlePriority) return true;
  const u8 mask = group_mask(icc, c.group);
  return (c.priority & mask) < (running & mask);
}

/// Derives the two wires to the CPU.
void GicCore::drive(unsigned cpu) {
  const bool any = signalled(cpu);
  irq_[cpu].set(any && best_[cpu].group == 1);
  fiq_[cpu].set(any && best_[cpu].group == 0);
}

/// After a change of one interrupt of one CPU: cheap unless it was the candidate itself.
void GicCore::refresh(unsigned cpu, u32 intid) {
  Candidate& best = best_[cpu];
  if (best.intid == intid) {
    scan(cpu);
  } else {
    if (!bit(ready(cpu, intid / 32), intid % 32)) return;
    const u8 p = priority(cpu, intid);
    if (p > best.priority || (p == best.priority && intid > best.intid)) return;
    const bool group1 = bit(word(cpu, intid / 32).group, intid % 32);
    best = {static_cast<u16>(intid), p, static_cast<u8>(group1)};
  }
  drive(cpu);
}

/// Remembers whose candidate the changed bits of a word may move.
void GicCore::touch(unsigned cpu, unsigned n, u32 changed) {
  if (n == 0) {
    if (changed != 0) dirty_ |= 1u << cpu;
    return;
  }
  for (; changed != 0; changed &= changed - 1) {
    const u8 t = target_[32 * n + static_cast<u32>(std::countr_zero(changed))];
    if (t != kNoCpu) dirty_ |= 1u << t;
  }
}

void GicCore::sync() {
  for (; dirty_ != 0; dirty_ &= dirty_ - 1) {
    const unsigned cpu = static_cast<unsigned>(std::countr_zero(dirty_));
    scan(cpu);
    drive(cpu);
  }
}

// --- Inputs and registers ----------------------------------------------------------------------

void GicCore::set_line(unsigned cpu, u32 intid, bool high) {
  const unsigned n = intid / 32;
  if (muted_ || intid < kSgis || n >= words_ || cpu >= cpus_) return;
  const u32 b = (1u << (intid % 32)) & valid_[n];
  Word& w = word(cpu, n);
  if (b == 0 || ((w.level & b) != 0) == high) return;
  trace_line_("cpu {} intid {} {}", cpu, intid, high ? "high" : "low");
  w.level ^= b;
  if ((w.edge & b) != 0) {
    if (!high) return;
    w.latch |= b;
  }
  const unsigned target = n == 0 ? cpu : target_[intid];
  if (target != kNoCpu) refresh(target, intid);
}

u32 GicCore::read(unsigned cpu, unsigned n, GicField f) const {
  const Word& w = word(cpu, n);
  switch (f) {
    case GicField::Group: return w.group;
    case GicField::Enabled: return w.enabled;
    case GicField::Pending: return w.pending();
    case GicField::Active: return w.active;
  }
  QUINCE_UNREACHABLE();
}

void GicCore::change(unsigned cpu, unsigned n, GicField f, u32 mask, bool set) {
  Word& w = word(cpu, n);
  u32* field = &w.group;
  if (f == GicField::Enabled) field = &w.enabled;
  if (f == GicField::Pending) field = &w.latch;
  if (f == GicField::Active) field = &w.active;
  const u32 changed = (set ? ~*field : *field) & mask & valid_[n];
  *field ^= changed;
  touch(cpu, n, changed);
  if (f == GicField::Group && one_of_n_ && n != 0)
    for (u32 left = changed; left != 0; left &= left - 1)
      retarget(32 * n + static_cast<u32>(std::countr_zero(left)));
}

void GicCore::set_edge(unsigned cpu, unsigned n, u32 value, u32 mask) {
  Word& w = word(cpu, n);
  const u32 changed = (w.edge ^ value) & mask & valid_[n];
  w.edge ^= changed;
  touch(cpu, n, changed);
}

void GicCore::set_priority(unsigned cpu, u32 intid, u8 value) {
  const unsigned n = intid / 32;
  if (!bit(valid_[n], intid % 32)) return;
  word(cpu, n).priority[intid % 32] = value & kPriorityMask;
  touch(cpu, n, 1u << (intid % 32));
}

void GicCore::set_group_enables(u32 value) {
  s_.ctlr = value & (kCtlrEnableGrp0 | kCtlrEnableGrp1);
  dirty_ = static_cast<u32>(low_mask(cpus_));
}

void GicCore::set_asleep(unsigned cpu, bool on) {
  s_.cpu[cpu].asleep = on;
  retarget_one_of_n();
}

// --- Routing -----------------------------------------------------------------------------------

/// The CPU that GICD_IROUTER names; none when no CPU has that affinity or none takes part.
u8 GicCore::choose_target(u32 intid) const {
  const u64 r = route(intid);
  if ((r & kRouteIrm) != 0) {
    const unsigned group = bit(s_.spi[intid / 32].group, intid % 32) ? 1 : 0;
    for (unsigned c = 0; c < cpus_; ++c)
      if (!s_.cpu[c].asleep && s_.cpu[c].icc.enabled[group]) return static_cast<u8>(c);
    return kNoCpu;
  }
  const u32 affinity = static_cast<u32>(((r >> 8) & 0xff000000) | (r & 0xffffff));
  for (unsigned c = 0; c < cpus_; ++c)
    if (affinity_[c] == affinity) return static_cast<u8>(c);
  return kNoCpu;
}

void GicCore::retarget(u32 intid) {
  const u8 to = choose_target(intid);
  const u8 from = target_[intid];
  if (to == from) return;
  const u32 b = 1u << (intid % 32);
  if (from != kNoCpu) {
    routed_[from][intid / 32] &= ~b;
    dirty_ |= 1u << from;
  }
  if (to != kNoCpu) {
    routed_[to][intid / 32] |= b;
    dirty_ |= 1u << to;
  }
  target_[intid] = to;
}

void GicCore::retarget_one_of_n() {
  if (!one_of_n_) return;
  for (u32 intid = kFirstSpi; intid < 32 * words_; ++intid)
    if ((route(intid) & kRouteIrm) != 0) retarget(intid);
}

void GicCore::set_route(u32 intid, u64 value) {
  if (!bit(valid_[intid / 32], intid % 32)) return;
  const u64 mode = one_of_n_ ? value & kRouteIrm : 0;
  s_.route[intid / 32][intid % 32] = (value & kRouteAffinity) | mode;
  retarget(intid);
}

// --- CPU interface -----------------------------------------------------------------------------

void GicCore::set_interface(unsigned cpu, const Interface& icc) {
  Interface& old = s_.cpu[cpu].icc;
  const bool groups_changed = old.enabled != icc.enabled;
  old = icc;
  if (!groups_changed) return drive(cpu);
  dirty_ |= 1u << cpu;
  retarget_one_of_n();
  sync();
}

u32 GicCore::acknowledge(unsigned cpu, unsigned group) {
  const Candidate taken = best_[cpu];
  if (taken.group != group || !signalled(cpu)) return kSpurious;
  Interface& icc = s_.cpu[cpu].icc;
  if (taken.intid >= kFirstLpi) {
    lpis_->clear(cpu, taken.intid);  // an LPI is never active
  } else {
    Word& w = word(cpu, taken.intid / 32u);
    const u32 b = 1u << (taken.intid % 32);
    // A level-sensitive interrupt whose wire is still high becomes active and pending by itself.
    w.active |= b;
    w.latch &= ~b;
  }
  icc.active_priorities[group] |= 1u << ((taken.priority & group_mask(icc, group)) / 8);
  trace_ack_("cpu {} group {} intid {}", cpu, group, taken.intid);
  scan(cpu);
  drive(cpu);
  return taken.intid;
}

void GicCore::end_of_interrupt(unsigned cpu, unsigned group, u32 intid) {
  Interface& icc = s_.cpu[cpu].icc;
  const bool lpi = lpis_ && intid >= kFirstLpi && intid < kLpiEnd;
  // Architecturally ignored; a handler may write 1023 back.
  if (intid >= kFirstSpecial && !lpi) return;
  auto& ap = icc.active_priorities;
  const unsigned other = 1 - group;
  const bool other_is_higher =
      std::countr_zero(ap[other]) < std::countr_zero(ap[group]) ||
      (group == 1 && ap[0] != 0 && std::countr_zero(ap[0]) == std::countr_zero(ap[1]));
  if (ap[group] == 0 || other_is_higher || (!lpi && intid / 32 >= words_)) {
    log_.guest_error("gic-eoir", "gic: ICC_EOIR{}_EL1 = {} is not the running interrupt's", group,
                     intid);
    return;
  }
  ap[group] &= ap[group] - 1;
  trace_eoi_("cpu {} group {} intid {}", cpu, group, intid);
  if (!icc.eoi_mode) deactivate(cpu, intid);  // which leaves an LPI alone
  drive(cpu);
}

void GicCore::deactivate(unsigned cpu, u32 intid) {
  const unsigned n = intid / 32;
  if (intid >= kFirstSpecial || n >= words_) return;
  Word& w = word(cpu, n);
  const u32 b = 1u << (intid % 32);
  if ((w.active & b) == 0) return;
  w.active &= ~b;
  // A wire that is still high is seen here: pending() reads it now, nothing polls.
  const unsigned target = n == 0 ? cpu : target_[intid];
  if (target != kNoCpu) refresh(target, intid);
}

void GicCore::send_sgi(unsigned cpu, u64 value, SgiGroups groups) {
  const u32 intid = static_cast<u32>(bits(value, 27, 24));
  const bool others = (value & kSgiIrm) != 0;
  const u32 cluster = static_cast<u32>(bits(value, 55, 48) << 24 | bits(value, 39, 32) << 16 |
                                       bits(value, 23, 16) << 8);
  const u32 first = range_selector_ ? static_cast<u32>(bits(value, 47, 44) * 16) : 0;
  for (unsigned c = 0; c < cpus_; ++c) {
    if (others) {
      if (c == cpu) continue;
    } else {
      const u32 aff0 = affinity_[c] & 0xff;
      if ((affinity_[c] & ~0xffu) != cluster || aff0 < first || aff0 > first + 15) continue;
      if (!bit(value, aff0 - first)) continue;
    }
    Word& w = s_.cpu[c].priv;
    if (groups == SgiGroups::Group0 && bit(w.group, intid)) continue;
    trace_sgi_("cpu {} to cpu {} intid {}", cpu, c, intid);
    w.latch |= 1u << intid;
    refresh(c, intid);
  }
}

// --- Snapshot ----------------------------------------------------------------------------------

/// A loaded word is cut down to what could have been saved, so that no file breaks an invariant.
void GicCore::snapshot_word(Archive& ar, Word& w, u32 valid) {
  ar.field("group", w.group);
  ar.field("enabled", w.enabled);
  ar.field("latch", w.latch);
  ar.field("active", w.active);
  ar.field("level", w.level);
  ar.field("edge", w.edge);
  ar.field("priority", w.priority);
  if (!ar.loading()) return;
  for (u32 Word::*f : {&Word::group, &Word::enabled, &Word::latch, &Word::active, &Word::level,
                       &Word::edge})
    w.*f &= valid;
  for (u8& p : w.priority) p &= kPriorityMask;
}

void GicCore::snapshot_interface(Archive& ar, Interface& icc) {
  ar.field("pmr", icc.pmr);
  ar.field("bpr", icc.bpr);
  ar.field("igrpen", icc.enabled);
  ar.field("ap", icc.active_priorities);
  ar.field("cbpr", icc.cbpr);
  ar.field("eoi_mode", icc.eoi_mode);
  if (!ar.loading()) return;
  icc.pmr &= kPriorityMask;
  icc.bpr[0] = std::clamp<u8>(icc.bpr[0], kMinBpr0, 7);
  icc.bpr[1] = std::clamp<u8>(icc.bpr[1], kMinBpr1, 7);
}

void GicCore::snapshot(Archive& ar) {
  u32 cpus = cpus_, words = words_;
  ar.field("cpus", cpus);
  ar.field("words", words);
  if (cpus != cpus_) ar.refuse("cpus", "another number of CPUs");
  if (words != words_) ar.refuse("words", "another number of interrupts");
  ar.field("ctlr", s_.ctlr);
  if (ar.loading()) s_.ctlr &= kCtlrEnableGrp0 | kCtlrEnableGrp1;
  for (unsigned n = 1; n < words_; ++n)
    ar.section(fmt::format("spi{}", 32 * n), [&](Archive& a) {
      snapshot_word(a, s_.spi[n], valid_[n]);
      a.field("route", s_.route[n]);
      if (a.loading())
        for (u64& r : s_.route[n]) r &= kRouteAffinity | (one_of_n_ ? kRouteIrm : 0);
    });
  for (unsigned c = 0; c < cpus_; ++c)
    ar.section(fmt::format("cpu{}", c), [&](Archive& a) {
      Cpu& cpu = s_.cpu[c];
      snapshot_word(a, cpu.priv, valid_[0]);
      if (a.loading()) {  // SGIs have no wire
        cpu.priv.edge |= 0xffff;
        cpu.priv.level &= 0xffff0000;
      }
      a.field("asleep", cpu.asleep);
      snapshot_interface(a, cpu.icc);
    });
  if (lpis_) lpis_->snapshot(ar);
}

}  // namespace quince::hw
