// PSCI 1.1 over HVC (Arm DEN 0022), for guests without EL2 or EL3: what docs/platform.md lists.
#include "machine/machine.h"

namespace quince::machine {

namespace {

enum PsciFunction : u32 {
  kVersion = 0x8400'0000,
  kCpuSuspend = 0x8400'0001,
  kCpuSuspend64 = 0xc400'0001,
  kCpuOff = 0x8400'0002,
  kCpuOn = 0x8400'0003,
  kCpuOn64 = 0xc400'0003,
  kAffinityInfo = 0x8400'0004,
  kAffinityInfo64 = 0xc400'0004,
  kMigrateInfoType = 0x8400'0006,
  kSystemOff = 0x8400'0008,
  kSystemReset = 0x8400'0009,
  kFeatures = 0x8400'000a,
  kSmcccVersion = 0x8000'0000,
};

constexpr s64 kSuccess = 0, kNotSupported = -1, kInvalidParameters = -2, kAlreadyOn = -4,
              kOnPending = -5, kInvalidAddress = -9;
constexpr s64 kPsciVersion = 0x1'0001;  // 1.1: XNU refuses later ones
constexpr s64 kTrustedOsNotRequired = 2;

bool implemented(u32 f) {
  switch (f) {
    case kVersion: case kCpuSuspend: case kCpuSuspend64: case kCpuOff: case kCpuOn: case kCpuOn64:
    case kAffinityInfo: case kAffinityInfo64: case kMigrateInfoType: case kSystemOff:
    case kSystemReset: case kFeatures: case kSmcccVersion:
      return true;
    default:
      return false;
  }
}

constexpr u64 kAffinityMask = 0xff'00ff'ffff;

/// Ends the calling CPU.  SYSTEM_OFF and SYSTEM_RESET do it too: neither returns to the caller
/// (DEN 0022 5.9.3, 5.10.3), and the machine's thread needs a moment to see the request.
s64 power_off(cpu::Vcpu& c) {
  c.s.powered_on = false;
  c.exit_after(cpu::RunExit::Halted);
  return kSuccess;
}

}  // namespace

cpu::Vcpu* Machine::cpu_by_mpidr(u64 mpidr) const {
  for (const auto& c : cpus_)
    if ((c->mpidr() & kAffinityMask) == (mpidr & kAffinityMask)) return c.get();
  return nullptr;
}

s64 Machine::psci_cpu_on(u64 target, u64 entry, u64 context) {
  cpu::Vcpu* c = cpu_by_mpidr(target);
  if (c == nullptr) return kInvalidParameters;
  if ((entry & 3) != 0) return kInvalidAddress;
  std::atomic<CpuPower>& power = power_[c->index()];
  CpuPower was = CpuPower::Off;
  if (!power.compare_exchange_strong(was, CpuPower::OnPending))
    return was == CpuPower::On ? kAlreadyOn : kOnPending;
  // The target is off: until its power is On, its thread touches nothing of the state.
  {
    const hw::IoLock::Guard held(io_lock_);
    c->reset(entry, true);
  }
  c->s.x[0] = context;
  power.store(CpuPower::On);
  c->request_exit();
  return kSuccess;
}

s64 Machine::psci(cpu::Vcpu& c, u32 function) {
  // A 32-bit call has 32-bit arguments (SMCCC 2.6).
  const u64 mask = (function & 0x4000'0000) != 0 ? ~u64{0} : 0xffff'ffff;
  const u64 x1 = c.s.x[1] & mask, x2 = c.s.x[2] & mask, x3 = c.s.x[3] & mask;
  switch (function) {
    case kVersion: return kPsciVersion;
    case kSmcccVersion: return 0x1'0001;
    case kFeatures: return implemented(static_cast<u32>(x1)) ? kSuccess : kNotSupported;
    case kMigrateInfoType: return kTrustedOsNotRequired;
    case kCpuOn:
    case kCpuOn64: return psci_cpu_on(x1, x2, x3);
    case kAffinityInfo:
    case kAffinityInfo64: {
      if (x2 > 3) return kInvalidParameters;
      cpu::Vcpu* t = cpu_by_mpidr(x1);
      if (t == nullptr) return kInvalidParameters;
      return static_cast<s64>(power_[t->index()].load());
    }
    case kCpuSuspend:
    case kCpuSuspend64:
      if (!c.interrupt_pending()) c.exit_after(cpu::RunExit::Wfi);
      return kSuccess;
    case kCpuOff: return power_off(c);
    case kSystemOff:
      request_stop(StopCause::GuestShutdown);
      return power_off(c);
    case kSystemReset:
      request_stop(StopCause::GuestReset);
      return power_off(c);
    default: return kNotSupported;
  }
}

void Machine::hvc(cpu::Vcpu& c, u16) {
  const u32 function = static_cast<u32>(c.s.x[0]);
  if (apple_call(c, function)) return;
  const s64 r = psci(c, function);
  c.s.x[0] = static_cast<u64>(r);  // errors are sign-extended, also for callers that look at X0
}

}  // namespace quince::machine
