// System registers that live outside the CPU: the GIC's CPU interface and the generic timers
// implement this port, and the CPU calls through it (neither includes the other).
#pragma once

#include "base/types.h"
#include "hw/core/mmio.h"

namespace quince::hw {

/// The encoding of a system register: op0, op1, CRn, CRm, op2 as in MRS/MSR bits 20:5
/// (Arm ARM DDI 0487, D22.1).
struct SysRegId {
  u16 raw = 0;
  constexpr SysRegId() = default;
  constexpr explicit SysRegId(u16 r) : raw(r) {}
  constexpr SysRegId(unsigned op0, unsigned op1, unsigned crn, unsigned crm, unsigned op2)
      : raw(static_cast<u16>((op0 << 14) | (op1 << 11) | (crn << 7) | (crm << 3) | op2)) {}
  constexpr unsigned op0() const { return raw >> 14; }
  constexpr unsigned op1() const { return (raw >> 11) & 7u; }
  constexpr unsigned crn() const { return (raw >> 7) & 15u; }
  constexpr unsigned crm() const { return (raw >> 3) & 15u; }
  constexpr unsigned op2() const { return raw & 7u; }
  constexpr bool operator==(const SysRegId&) const = default;
};

/// The registers of one vCPU that a device implements.  Called by that vCPU with the I/O lock
/// held.  Anything but Bus::Ok makes the access UNDEFINED.  Access checks by exception level are
/// the CPU's: the port sees only accesses that are allowed.
class SysRegTarget {
 public:
  virtual Bus sysreg_read(SysRegId id, u64& out) = 0;
  virtual Bus sysreg_write(SysRegId id, u64 in) = 0;

 protected:
  ~SysRegTarget() = default;
};

}  // namespace quince::hw
