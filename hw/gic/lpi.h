// LPIs of a GICv3: what a redistributor knows of message interrupts (Arm IHI 0069, chapter 5 and
// section 12.11, GICR_CTLR, GICR_PROPBASER, GICR_PENDBASER).
//
// Modelled: pending LPIs of each CPU with the configuration that was in memory when they became
// pending or were last invalidated; the pending table is read when LPIs are enabled.  Once enabled
// they stay so until reset, which the architecture allows.
// Deliberately missing: direct LPI registers (GICR_SETLPIR and its kind), writing the pending table
// back to memory: the state is here, and nothing can be disabled to look at it.
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "hw/core/archive.h"
#include "hw/core/dma.h"

namespace quince::hw {

namespace gic {
inline constexpr u32 kFirstLpi = 8192;
inline constexpr unsigned kLpiIdBits = 16;  ///< INTIDs below 65536
inline constexpr u32 kLpiEnd = 1u << kLpiIdBits;
}  // namespace gic

class LpiBank {
 public:
  /// `memory` reads the tables; `cpus` is 1 to 32.
  LpiBank(unsigned cpus, const DmaPort& memory) : memory_(memory), cpus_(cpus) {}

  void reset() { cpus_.assign(cpus_.size(), {}); }
  void snapshot(Archive& ar);

  bool enabled(unsigned cpu) const { return cpus_[cpu].enabled; }
  /// GICR_CTLR.EnableLPIs; setting it reads the pending table.
  void enable(unsigned cpu);
  u64 propbaser(unsigned cpu) const { return cpus_[cpu].propbaser; }
  u64 pendbaser(unsigned cpu) const { return cpus_[cpu].pendbaser; }
  /// Ignored while LPIs are enabled.
  void set_propbaser(unsigned cpu, u64 v);
  void set_pendbaser(unsigned cpu, u64 v);

  /// Makes an LPI pending, or not pending; an INTID that is no LPI of this CPU is ignored.
  void set(unsigned cpu, u32 intid);
  void clear(unsigned cpu, u32 intid);
  bool pending(unsigned cpu, u32 intid) const;
  /// Reads the configuration of one LPI, or of all that are pending, again.
  void invalidate(unsigned cpu, u32 intid);
  void invalidate_all(unsigned cpu);
  /// Moves what is pending from one CPU to another.
  void move(unsigned from, unsigned to, u32 intid);
  void move_all(unsigned from, unsigned to);

  /// An LPI that is pending and enabled.
  struct Best {
    u32 intid = 0;
    u8 priority = 0xff;
  };
  /// The one of highest priority, the lowest INTID first; nothing when there is none.
  std::optional<Best> best(unsigned cpu) const;

 private:
  struct Pending {
    u16 intid = 0;
    u8 config = 0;  // priority in bits 7:2, enable in bit 0, as in memory
  };
  struct Cpu {
    bool enabled = false;
    u64 propbaser = 0, pendbaser = 0;
    std::vector<Pending> pending;  // sorted by INTID
  };

  u32 end(unsigned cpu) const;
  u8 config(unsigned cpu, u32 intid) const;
  std::vector<Pending>::iterator find(unsigned cpu, u32 intid);
  void snapshot_cpu(Archive& ar, Cpu& c);

  DmaPort memory_;
  std::vector<Cpu> cpus_;
};

}  // namespace quince::hw
