// Identification registers that are not plain constants, and random numbers.
// Arm ARM DDI 0487 D19.2 (MPIDR_EL1, ID_AA64PFR0_EL1, CCSIDR_EL1, DCZID_EL0), D19.2 RNDR.
#include <sys/random.h>

#include "cpu/sysreg_handlers.h"

namespace quince::cpu::sr {

u64 read_mpidr(Vcpu& c) { return c.mpidr() | u64{1} << 31; }

u64 read_id_aa64pfr0(Vcpu& c) {
  // The GIC field says whether ICC_*_EL1 exist, which is up to the machine.
  const u64 v = c.model().id.pfr0;
  return c.ports().gic != nullptr ? v : with_bits(v, 27, 24, 0);
}

u64 read_ccsidr(Vcpu& c) {
  // CSSELR_EL1: Level in bits 3:1, InD in bit 0.
  const u64 select = c.s.sys.csselr_el1;
  const std::array<u64, 3>& caches = c.model().id.ccsidr;
  if (select == 0 || select == 1) return caches[select];
  return select == 2 ? caches[2] : 0;  // UNKNOWN where there is no cache
}

u64 read_dczid(Vcpu& c) {
  const bool prohibited = c.s.pstate.el == 0 && !bit(c.s.sys.sctlr_el1, 14);  // DZE
  return c.model().id.dczid | (prohibited ? 1u << 4 : 0);
}

u64 read_rndr(Vcpu& c, unsigned) {
  u64 v = 0;
  bool ok = true;
  if (const auto& random = c.ports().random; random.fn != nullptr)
    v = random.fn(random.context);
  else
    ok = getrandom(&v, sizeof v, GRND_NONBLOCK) == static_cast<ssize_t>(sizeof v);
  c.s.nzcv = ok ? 0 : kFlagZ;
  return ok ? v : 0;
}

}  // namespace quince::cpu::sr
