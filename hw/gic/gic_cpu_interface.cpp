// GICv3 system registers.  See gic_cpu_interface.h.
#include "hw/gic/gic_cpu_interface.h"

#include <algorithm>

namespace quince::hw {

using namespace gic;

/// ICC_HPPIRn_EL1: the candidate, when it is of this group.  No side effects.
u64 GicCpuInterface::highest_pending(unsigned group) const {
  const GicCore::Candidate& c = core_.highest_pending(cpu_);
  return c.group == group ? c.intid : kSpurious;
}

u64 GicCpuInterface::ctlr() const {
  const GicCore::Interface& icc = core_.interface(cpu_);
  return kIccConstant | (core_.range_selector() ? kIccRss : 0) | (icc.cbpr ? kIccCbpr : 0) |
         (icc.eoi_mode ? kIccEoiMode : 0);
}

/// With CBPR the common binary point, as Group 1 counts it.
u8 GicCpuInterface::bpr1() const {
  const GicCore::Interface& icc = core_.interface(cpu_);
  return icc.cbpr ? std::min<u8>(static_cast<u8>(icc.bpr[0] + 1), 7) : icc.bpr[1];
}

Bus GicCpuInterface::sysreg_read(SysRegId id, u64& out) {
  const GicCore::Interface& icc = core_.interface(cpu_);
  switch (id.raw) {
    case kIar0.raw: out = core_.acknowledge(cpu_, 0); return Bus::Ok;
    case kIar1.raw: out = core_.acknowledge(cpu_, 1); return Bus::Ok;
    case kHppir0.raw: out = highest_pending(0); return Bus::Ok;
    case kHppir1.raw: out = highest_pending(1); return Bus::Ok;
    case kRpr.raw: out = core_.running_priority(cpu_); return Bus::Ok;
    case kPmr.raw: out = icc.pmr; return Bus::Ok;
    case kBpr0.raw: out = icc.bpr[0]; return Bus::Ok;
    case kBpr1.raw: out = bpr1(); return Bus::Ok;
    case kAp0r0.raw: out = icc.active_priorities[0]; return Bus::Ok;
    case kAp1r0.raw: out = icc.active_priorities[1]; return Bus::Ok;
    case kCtlr.raw: out = ctlr(); return Bus::Ok;
    case kSre.raw: out = 7; return Bus::Ok;  // SRE, and neither bypass exists
    case kIgrpen0.raw: out = icc.enabled[0] ? 1 : 0; return Bus::Ok;
    case kIgrpen1.raw: out = icc.enabled[1] ? 1 : 0; return Bus::Ok;
    case kEoir0.raw:
    case kEoir1.raw:
    case kDir.raw:
    case kSgi1r.raw:
    case kAsgi1r.raw:
    case kSgi0r.raw: return Bus::WriteOnly;
    default: return Bus::BadRegister;
  }
}

Bus GicCpuInterface::sysreg_write(SysRegId id, u64 in) {
  const u32 intid = static_cast<u32>(in & 0xffffff);
  switch (id.raw) {
    case kEoir0.raw: core_.end_of_interrupt(cpu_, 0, intid); return Bus::Ok;
    case kEoir1.raw: core_.end_of_interrupt(cpu_, 1, intid); return Bus::Ok;
    case kDir.raw:
      // With EOImode 0 a write is UNPREDICTABLE; it is ignored.
      if (core_.interface(cpu_).eoi_mode) core_.deactivate(cpu_, intid);
      return Bus::Ok;
    case kSgi1r.raw: core_.send_sgi(cpu_, in, SgiGroups::Both); return Bus::Ok;
    case kAsgi1r.raw:
    case kSgi0r.raw: core_.send_sgi(cpu_, in, SgiGroups::Group0); return Bus::Ok;
    case kSre.raw: return Bus::Ok;
    case kIar0.raw:
    case kIar1.raw:
    case kHppir0.raw:
    case kHppir1.raw:
    case kRpr.raw: return Bus::ReadOnly;
    default: return write_state(id, in);
  }
}

Bus GicCpuInterface::write_state(SysRegId id, u64 in) {
  GicCore::Interface icc = core_.interface(cpu_);
  const u8 bpr = static_cast<u8>(in & 7);
  switch (id.raw) {
    case kPmr.raw: icc.pmr = static_cast<u8>(in) & kPriorityMask; break;
    case kBpr0.raw: icc.bpr[0] = std::max(bpr, kMinBpr0); break;
    case kBpr1.raw:
      if (icc.cbpr) return Bus::Ok;
      icc.bpr[1] = std::max(bpr, kMinBpr1);
      break;
    case kAp0r0.raw: icc.active_priorities[0] = static_cast<u32>(in); break;
    case kAp1r0.raw: icc.active_priorities[1] = static_cast<u32>(in); break;
    case kCtlr.raw:
      icc.cbpr = (in & kIccCbpr) != 0;
      icc.eoi_mode = (in & kIccEoiMode) != 0;
      break;
    case kIgrpen0.raw: icc.enabled[0] = (in & 1) != 0; break;
    case kIgrpen1.raw: icc.enabled[1] = (in & 1) != 0; break;
    default: return Bus::BadRegister;
  }
  core_.set_interface(cpu_, icc);
  return Bus::Ok;
}

}  // namespace quince::hw
