// A GICv3 that is only meant to be right: every interrupt is one of the four states of IHI 0069,
// figure 4-3, and every question is answered by looking at all of them.  It shares no code and no
// representation with hw/gic: no bitmaps, no caches, no latch-or-level formula.
#pragma once

#include <algorithm>
#include <set>
#include <vector>

#include "base/types.h"

namespace quince::hw::test {

class GicOracle {
 public:
  enum class State { Inactive, Pending, Active, ActiveAndPending };

  struct Irq {
    State state = State::Inactive;
    bool wire = false;
    bool edge = false;
    bool by_software = false;  // a level-sensitive one: pending whatever the wire does
    bool enabled = false;
    unsigned group = 0;
    unsigned priority = 0;
    unsigned affinity = 0;  // an SPI's target: Aff0, or kAnyone
    bool pending() const { return state == State::Pending || state == State::ActiveAndPending; }
    bool active() const { return state == State::Active || state == State::ActiveAndPending; }
  };
  struct Cpu {
    std::vector<Irq> own = std::vector<Irq>(32);
    unsigned pmr = 0, bpr[2] = {2, 3};
    bool cbpr = false, eoi_mode = false, group_on[2] = {false, false}, asleep = true;
    std::set<unsigned> running[2];  // group priorities that are active, by group
  };
  static constexpr unsigned kNone = 1023, kAnyone = ~0u;

  GicOracle(unsigned cpus, unsigned spis) : cpu(cpus), spi(spis) {
    for (Cpu& c : cpu)
      for (unsigned i = 0; i < 16; ++i) c.own[i].edge = true;
  }

  Irq& irq(unsigned c, unsigned intid) { return intid < 32 ? cpu[c].own[intid] : spi[intid - 32]; }
  unsigned intids() const { return 32 + static_cast<unsigned>(spi.size()); }

  // --- The state machine: add, remove, activate, deactivate

  static void add_pending(Irq& i) {
    if (i.state == State::Inactive) i.state = State::Pending;
    if (i.state == State::Active) i.state = State::ActiveAndPending;
  }
  static void remove_pending(Irq& i) {
    i.by_software = false;
    if (i.state == State::Pending) i.state = State::Inactive;
    if (i.state == State::ActiveAndPending) i.state = State::Active;
  }
  static void add_active(Irq& i) {
    if (i.state == State::Inactive) i.state = State::Active;
    if (i.state == State::Pending) i.state = State::ActiveAndPending;
  }
  static void remove_active(Irq& i) {
    if (i.state == State::Active) i.state = State::Inactive;
    if (i.state == State::ActiveAndPending) i.state = State::Pending;
  }

  void wire(unsigned c, unsigned intid, bool high) {
    Irq& i = irq(c, intid);
    if (i.wire == high) return;
    i.wire = high;
    if (high) add_pending(i);
    if (!high && !i.edge && !i.by_software) remove_pending(i);
  }
  void set_pending(unsigned c, unsigned intid) {
    Irq& i = irq(c, intid);
    i.by_software = true;
    add_pending(i);
  }
  void clear_pending(unsigned c, unsigned intid) {
    Irq& i = irq(c, intid);
    i.by_software = false;
    if (i.edge || !i.wire) remove_pending(i);
  }
  void set_trigger(unsigned c, unsigned intid, bool edge) {
    Irq& i = irq(c, intid);
    if (intid < 16 || i.edge == edge) return;
    i.edge = edge;
    if (edge) {
      if (!i.by_software) remove_pending(i);  // only the wire made it pending
    } else {
      i.by_software = i.pending();  // an edge that was latched stays until it is taken
      if (i.wire) add_pending(i);
    }
  }

  // --- Prioritisation ----------------------------------------------------------------------------

  /// The CPU that an SPI goes to, or -1.
  int target(const Irq& i) const {
    for (unsigned c = 0; c < cpu.size(); ++c) {
      if (i.affinity == kAnyone ? !cpu[c].asleep && cpu[c].group_on[i.group] : i.affinity == c)
        return static_cast<int>(c);
    }
    return -1;
  }
  /// The highest priority pending interrupt of a CPU, or kNone.
  unsigned highest_pending(unsigned c) {
    unsigned best = kNone;
    for (unsigned n = 0; n < intids(); ++n) {
      const Irq& i = irq(c, n);
      if (i.state != State::Pending || !i.enabled) continue;
      if (!group_on[i.group] || !cpu[c].group_on[i.group]) continue;
      if (n >= 32 && target(i) != static_cast<int>(c)) continue;
      if (best == kNone || i.priority < irq(c, best).priority) best = n;
    }
    return best;
  }
  /// A priority without its subpriority, as a division.
  static unsigned group_priority(const Cpu& k, unsigned group, unsigned priority) {
    unsigned subpriorities = 1;
    const unsigned shift = group == 0 || k.cbpr ? k.bpr[0] + 1 : k.bpr[1];
    for (unsigned n = 0; n < shift; ++n) subpriorities *= 2;
    return priority / subpriorities * subpriorities;
  }
  unsigned running(unsigned c) const {
    unsigned r = 0xff;
    for (const auto& set : cpu[c].running)
      if (!set.empty()) r = std::min(r, *set.begin());
    return r;
  }
  /// The interrupt that is signalled to the CPU, or kNone.
  unsigned signalled(unsigned c) {
    const unsigned n = highest_pending(c);
    if (n == kNone) return kNone;
    const Irq& i = irq(c, n);
    const Cpu& k = cpu[c];
    if (i.priority >= k.pmr) return kNone;
    if (running(c) == 0xff) return n;
    const unsigned mine = group_priority(k, i.group, i.priority);
    return mine < group_priority(k, i.group, running(c)) ? n : kNone;
  }

  // --- The CPU interface -------------------------------------------------------------------------

  unsigned acknowledge(unsigned c, unsigned group) {
    const unsigned n = signalled(c);
    if (n == kNone || irq(c, n).group != group) return kNone;
    Irq& i = irq(c, n);
    i.by_software = false;
    i.state = !i.edge && i.wire ? State::ActiveAndPending : State::Active;
    cpu[c].running[group].insert(group_priority(cpu[c], group, i.priority));
    return n;
  }
  void end(unsigned c, unsigned group, unsigned intid) {
    Cpu& k = cpu[c];
    if (intid >= intids() || k.running[group].empty()) return;
    const unsigned mine = *k.running[group].begin();
    const auto& others = k.running[1 - group];
    if (!others.empty() && (*others.begin() < mine || (group == 1 && *others.begin() == mine)))
      return;
    k.running[group].erase(mine);
    if (!k.eoi_mode) remove_active(irq(c, intid));
  }
  void dir(unsigned c, unsigned intid) {
    if (cpu[c].eoi_mode && intid < intids()) remove_active(irq(c, intid));
  }
  void sgi(unsigned from, unsigned intid, unsigned targets, bool everyone_else, bool group0_only) {
    for (unsigned c = 0; c < cpu.size(); ++c) {
      if (everyone_else ? c == from : (targets >> c & 1) == 0) continue;
      if (group0_only && irq(c, intid).group == 1) continue;
      add_pending(irq(c, intid));
    }
  }

  std::vector<Cpu> cpu;
  std::vector<Irq> spi;
  bool group_on[2] = {false, false};  // GICD_CTLR
};

}  // namespace quince::hw::test
