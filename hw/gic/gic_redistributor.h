// GICv3 redistributors: GICR_* (Arm IHI 0069, chapter 12), a view of GicCore.
//
// One window holds all frames, in the order of the CPUs: RD_base, then SGI_base, of 64 KiB each.
// Without LPIs (GICR_TYPER.PLPIS is zero) their registers read as zero.  Not implemented, as
// GICR_TYPER says: direct LPIs, and disabling of 1-of-N processor groups (DPGS).
#pragma once

#include <vector>

#include "hw/core/reg_map.h"
#include "hw/core/stateless.h"
#include "hw/gic/gic_core.h"

namespace quince::hw {

/// The two frames of one CPU.
class GicRedistributor {
 public:
  static constexpr u64 kSize = 128 * KiB;

  GicRedistributor(GicCore& core, unsigned cpu) : core_(core), cpu_(cpu) {}
  static std::span<const Reg<GicRedistributor>> regs();
  void sync() { core_.sync(); }

 private:
  friend RegOps<GicRedistributor>;
  using Op = RegOps<GicRedistributor>;

  u32 ctlr() const;
  void set_ctlr(u32 v);
  u64 propbaser() const { return core_.lpis() != nullptr ? core_.lpis()->propbaser(cpu_) : 0; }
  void set_propbaser(u64 v);
  u64 pendbaser() const;
  void set_pendbaser(u64 v);
  u64 typer() const;
  u32 waker() const;
  void set_waker(u32 v) { core_.set_asleep(cpu_, (v & gic::kWakerProcessorSleep) != 0); }
  template <GicField F>
  u32 field() const {
    return core_.read(cpu_, 0, F);
  }
  template <GicField F, bool Set>
  void change(u32 v) {
    core_.change(cpu_, 0, F, v, Set);
  }
  void set_group(u32 v);
  u8 priority(unsigned intid) const { return core_.priority(cpu_, intid); }
  void set_priority(unsigned intid, u8 v) { core_.set_priority(cpu_, intid, v); }
  u32 icfgr(unsigned i) const;
  void set_icfgr(unsigned i, u32 v);  // GICR_ICFGR0 is read-only: SGIs are edge-triggered

  static const std::array<Reg<GicRedistributor>, 30> kRegs;
  GicCore& core_;
  const unsigned cpu_;
};

/// The window of all redistributors.  Its state is the core's: reset and snapshot are Gicv3's.
class GicRedistributors final : public Stateless<> {
 public:
  GicRedistributors(std::string_view name, GicCore& core);

  u64 size() const { return frames_.size() * GicRedistributor::kSize; }
  Bus read(u64 off, Access a, u64& out) override;
  Bus write(u64 off, Access a, u64 in) override;
  /// The rows of every CPU in turn.
  std::size_t reg_count() const override;
  RegInfo reg_info(std::size_t i) const override;

 private:
  std::vector<GicRedistributor> frames_;
};

}  // namespace quince::hw
