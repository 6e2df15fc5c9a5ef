// GICv3 distributor: GICD_* (Arm IHI 0069, chapter 12), a view of GicCore.
//
// INTIDs below 32 are zero here: with affinity routing they belong to the redistributors.
// Not implemented, as GICD_TYPER says: message-based SPIs, LPIs, extended ranges, NMIs; and
// GICD_STATUSR, which is optional (the bus reports bad accesses).
#pragma once

#include "hw/core/reg_map.h"
#include "hw/core/stateless.h"
#include "hw/gic/gic_core.h"

namespace quince::hw {

/// A window of 64 KiB.  Its state is the core's: reset and snapshot are Gicv3's.
class GicDistributor final : public Stateless<RegMapDevice<GicDistributor>> {
 public:
  static constexpr u64 kSize = 64 * KiB;

  GicDistributor(std::string_view name, GicCore& core) : Stateless(name), core_(core) {}

  static std::span<const Reg<GicDistributor>> regs();
  void sync() { core_.sync(); }

 private:
  friend RegOps<GicDistributor>;
  using Op = RegOps<GicDistributor>;

  bool has(unsigned n) const { return n != 0 && n < core_.words(); }
  u32 ctlr() const { return core_.group_enables() | gic::kCtlrAre | gic::kCtlrDs; }
  void set_ctlr(u32 v) { core_.set_group_enables(v); }
  u32 typer() const;
  template <GicField F>
  u32 field(unsigned n) const {
    return has(n) ? core_.read(0, n, F) : 0;
  }
  template <GicField F, bool Set>
  void change(unsigned n, u32 v) {
    if (has(n)) core_.change(0, n, F, v, Set);
  }
  void set_group(unsigned n, u32 v);
  u8 priority(unsigned intid) const { return has(intid / 32) ? core_.priority(0, intid) : u8{0}; }
  void set_priority(unsigned intid, u8 v);
  u32 icfgr(unsigned i) const;
  void set_icfgr(unsigned i, u32 v);
  u64 irouter(unsigned spi) const { return has(spi / 32 + 1) ? core_.route(32 + spi) : 0; }
  void set_irouter(unsigned spi, u64 v);

  static const std::array<Reg<GicDistributor>, 37> kRegs;
  GicCore& core_;
};

/// GICD_ICFGR and GICR_ICFGR hold two bits for each of 16 interrupts, of which the upper one says
/// "edge-triggered".
constexpr u32 icfgr_from_edges(u32 edges) {
  u32 v = 0;
  for (unsigned i = 0; i < 16; ++i) v |= ((edges >> i) & 1) << (2 * i + 1);
  return v;
}
constexpr u32 edges_from_icfgr(u32 v) {
  u32 edges = 0;
  for (unsigned i = 0; i < 16; ++i) edges |= ((v >> (2 * i + 1)) & 1) << i;
  return edges;
}

}  // namespace quince::hw
