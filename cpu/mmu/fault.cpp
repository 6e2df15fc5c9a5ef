#include "cpu/mmu/fault.h"

namespace quince::cpu {

const char* to_string(FaultKind kind) {
  switch (kind) {
    case FaultKind::None: return "none";
    case FaultKind::AddressSize: return "address size";
    case FaultKind::Translation: return "translation";
    case FaultKind::AccessFlag: return "access flag";
    case FaultKind::Permission: return "permission";
    case FaultKind::ExternalOnWalk: return "external abort on walk";
    case FaultKind::External: return "external abort";
    case FaultKind::Alignment: return "alignment";
    case FaultKind::TlbConflict: return "TLB conflict";
    case FaultKind::UnsupportedAtomic: return "unsupported atomic";
  }
  return "?";
}

u8 Fault::fsc() const {
  const u8 ll = level & 3;
  switch (kind) {
    case FaultKind::None: return 0;
    case FaultKind::AddressSize: return ll;
    case FaultKind::Translation: return 0x04 | ll;
    case FaultKind::AccessFlag: return 0x08 | ll;
    case FaultKind::Permission: return 0x0c | ll;
    case FaultKind::External: return 0x10;
    case FaultKind::ExternalOnWalk: return 0x14 | ll;
    case FaultKind::Alignment: return 0x21;
    case FaultKind::TlbConflict: return 0x30;
    case FaultKind::UnsupportedAtomic: return 0x35;
  }
  return 0;
}

}  // namespace quince::cpu
