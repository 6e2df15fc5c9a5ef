// GICv3 CPU interface by system registers: ICC_*_EL1 (Arm IHI 0069, chapter 12), a view of GicCore.
//
// The PE has no EL2 or EL3: ICC_SRE_EL1 is constant, ICC_BPR1_EL1 counts as the Non-secure one
// does, and priorities are shown unshifted.  Which exception level may access what is the CPU's.
#pragma once

#include "hw/core/sysreg.h"
#include "hw/gic/gic_core.h"

namespace quince::hw {

/// The interface of one CPU.
class GicCpuInterface final : public SysRegTarget {
 public:
  GicCpuInterface(GicCore& core, unsigned cpu) : core_(core), cpu_(cpu) {}
  Bus sysreg_read(SysRegId id, u64& out) override;
  Bus sysreg_write(SysRegId id, u64 in) override;

 private:
  u64 highest_pending(unsigned group) const;
  u64 ctlr() const;
  u8 bpr1() const;
  Bus write_state(SysRegId id, u64 in);

  GicCore& core_;
  const unsigned cpu_;
};

}  // namespace quince::hw
