// Exception classes (Arm ARM DDI 0487, D19.2.40).
#pragma once

#include "base/types.h"

namespace quince::cpu {

/// ESR_ELx.EC.
enum class ExceptionClass : u8 {
  Unknown = 0x00,
  WfxTrap = 0x01,
  FpAccess = 0x07,
  PacTrap = 0x09,
  BranchTarget = 0x0d,
  IllegalState = 0x0e,
  Svc = 0x15,
  Hvc = 0x16,
  Smc = 0x17,
  SysRegTrap = 0x18,
  PacFail = 0x1c,
  InstructionAbortLower = 0x20,
  InstructionAbortSame = 0x21,
  PcAlignment = 0x22,
  DataAbortLower = 0x24,
  DataAbortSame = 0x25,
  SpAlignment = 0x26,
  FpException = 0x2c,
  SError = 0x2f,
  BreakpointLower = 0x30,
  BreakpointSame = 0x31,
  StepLower = 0x32,
  StepSame = 0x33,
  WatchpointLower = 0x34,
  WatchpointSame = 0x35,
  Brk = 0x3c,
};

}  // namespace quince::cpu
