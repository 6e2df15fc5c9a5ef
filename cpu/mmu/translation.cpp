#include "cpu/mmu/translation.h"

namespace quince::cpu {

Fault make_fault(FaultKind kind, unsigned level, const Stage1Access& access) {
  const bool write = access.cache_maintenance || access.at_instruction ||
                     (access.kind == AccessKind::Write && !access.atomic);
  return {.kind = kind, .level = static_cast<u8>(level), .write = write};
}

Fault check_permission(const Translation& t, const Stage1Access& access) {
  if (access.el0 && t.e0pd) return make_fault(FaultKind::Translation, 0, access);
  if (access.kind == AccessKind::Execute) {
    // Fetching from Device memory is CONSTRAINED UNPREDICTABLE: here it is as from Normal memory.
    const bool x = access.el0 ? t.el0_x : t.el1_x;
    return x ? Fault{} : make_fault(FaultKind::Permission, t.level, access);
  }
  if (!access.aligned && t.device) return make_fault(FaultKind::Alignment, t.level, access);

  // Maintenance that does not write cannot take a Permission fault when it is privileged.
  if (access.cache_maintenance && !access.el0 && access.kind == AccessKind::Read) return {};

  const bool pan = access.pan && !access.el0 && t.el1_pan;
  const bool r = !pan && (access.el0 ? t.el0_r : t.el1_r);
  const bool w = !pan && (access.el0 ? t.el0_w : t.el1_w);
  if (access.atomic) {
    if (r && w) return {};
    Fault fault = make_fault(FaultKind::Permission, t.level, access);
    fault.write = r;  // WnR is clear where a read would have faulted
    return fault;
  }
  if (access.kind == AccessKind::Write ? w : r) return {};
  return make_fault(FaultKind::Permission, t.level, access);
}

}  // namespace quince::cpu
