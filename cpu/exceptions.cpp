// Exception entry and return (Arm ARM DDI 0487, D1.3; pseudocode AArch64.TakeException and
// AArch64.ExceptionReturn).  EL1 is the only target.
#include "cpu/jit/jit.h"
#include "cpu/vcpu.h"

namespace quince::cpu {

namespace {

// Vector offsets (D1.3.1.5): the kind of exception, and where it came from.
constexpr u64 kSynchronous = 0x000, kIrqVector = 0x080, kFiqVector = 0x100;
constexpr u64 kFromSp0 = 0x000, kFromSpx = 0x200, kFromLower = 0x400;

constexpr u64 kEsrIl = u64{1} << 25;  // a 32-bit instruction: always, in AArch64

/// A class that has one value for the same level and one less for a lower one.
ExceptionClass from(const CpuState& s, ExceptionClass lower) {
  return s.pstate.el == 0 ? lower
                          : static_cast<ExceptionClass>(static_cast<unsigned>(lower) + 1);
}

}  // namespace

u64 Vcpu::spsr() const {
  const PState& p = s.pstate;
  u64 v = u64{s.nzcv} << 28;
  v |= u64{p.dit} << 24 | u64{p.uao} << 23 | u64{p.pan} << 22 | u64{p.ss} << 21 | u64{p.il} << 20;
  v |= u64{p.ssbs} << 12 | u64{p.btype} << 10 | u64{p.daif} << 6;
  v |= u64{p.el} << 2 | (p.el == 0 ? 0 : u64{p.spsel});
  return v;
}

void Vcpu::enter_el1(u64 offset, u64 preferred_return) {
  const u64 base = s.pstate.el == 0 ? kFromLower : s.pstate.spsel != 0 ? kFromSpx : kFromSp0;
  s.sys.spsr_el1 = spsr();
  if (cur_ != nullptr && instructions() == begun_at_) [[unlikely]]
    s.sys.spsr_el1 |= u64{begun_btype_} << 10;
  s.sys.elr_el1 = preferred_return;
  set_el(1, 1);
  PState& p = s.pstate;
  p.daif = 0xf;
  p.il = p.ss = p.btype = p.uao = 0;
  if (has(Feature::PAN) && !bit(s.sys.sctlr_el1, 23)) p.pan = 1;       // SPAN
  if (has(Feature::SSBS)) p.ssbs = bit(s.sys.sctlr_el1, 44) ? 1 : 0;  // DSSBS
  el_changed();
  s.pc = (s.sys.vbar_el1 & ~u64{0x7ff}) + base + offset;
  redirect_ = true;
}

void Vcpu::take_exception(ExceptionClass ec, u32 iss, u64 preferred_return) {
  s.sys.esr_el1 = (static_cast<u64>(ec) << 26) | kEsrIl | (iss & 0x1ff'ffff);
  if (tells_exceptions()) [[unlikely]]
    ports_.log->line(fmt::format("cpu{}: exception ESR {:#x} at {:#x}, FAR {:#x}, from EL{}", index_,
                                 s.sys.esr_el1, preferred_return, s.sys.far_el1, s.pstate.el));
  if (s.pstate.el == 1) [[unlikely]]
    look_for_loop(preferred_return);
  // SSAdvance: the instruction is complete, so there is nothing left to step on return.
  if (ec == ExceptionClass::Svc) s.pstate.ss = 0;
  enter_el1(kSynchronous, preferred_return);
}

/// A guest whose vector takes the exception that it is there for does nothing else any more, and
/// looks to its user as if the emulator had hung: say so.  An exception from `at` in the very vector
/// that it goes to, over and over, with nothing else in between, is one.
void Vcpu::look_for_loop(u64 at) {
  constexpr unsigned kVectorSize = 0x80, kOften = 1000;
  const u64 vector =
      (s.sys.vbar_el1 & ~u64{0x7ff}) + (s.pstate.spsel != 0 ? kFromSpx : kFromSp0) + kSynchronous;
  if (branch_address(at) - branch_address(vector) >= kVectorSize || at != loop_.at ||
      s.sys.esr_el1 != loop_.esr) {
    loop_ = {.at = at, .esr = s.sys.esr_el1, .times = 0};
    return;
  }
  if (loop_.times > kOften || ++loop_.times != kOften) return;
  ports_.log->notice("cpu.vector-loop",
                     "quince: cpu{}: the guest loops in its exception vector at {:#x}: ESR_EL1 "
                     "{:#x}, FAR_EL1 {:#x}",
                     index_, at, s.sys.esr_el1, s.sys.far_el1);
}

void Vcpu::take_interrupt() {
  const u32 due = pending_.load(std::memory_order_acquire) & poll_mask_;
  if ((due & kFiq) != 0)
    enter_el1(kFiqVector, s.pc);
  else if ((due & kIrq) != 0)
    enter_el1(kIrqVector, s.pc);
}

void Vcpu::data_abort(u64 va, const Fault& f, bool write, bool cache_maintenance) {
  u32 iss = f.fsc();
  if (f.write || write) iss |= 1u << 6;           // WnR
  if (cache_maintenance) iss |= 1u << 8 | 1u << 6;  // CM
  s.sys.far_el1 = va;
  take_exception(from(s, ExceptionClass::DataAbortLower), iss, pc());
}

void Vcpu::instruction_abort(u64 at, const Fault& f) {
  s.sys.far_el1 = at;
  take_exception(from(s, ExceptionClass::InstructionAbortLower), f.fsc(), at);
}

void Vcpu::trap_fp() {
  // CV = 1, COND = 0b1110: what the architecture gives for AArch64.
  take_exception(ExceptionClass::FpAccess, 0x1e0'0000, pc());
}

void Vcpu::trap_fp_unless_undefined() {
  if (redirect_) return;
  s = held_;
  trap_fp();
}

void Vcpu::sysreg_trap(hw::SysRegId id, unsigned rt, bool read) {
  const u32 iss = id.op0() << 20 | id.op2() << 17 | id.op1() << 14 | id.crn() << 10 |
                  (rt & 31) << 5 | id.crm() << 1 | (read ? 1u : 0u);
  take_exception(ExceptionClass::SysRegTrap, iss, pc());
}

void Vcpu::exception_return(u64 target) {
  const u64 spsr = s.sys.spsr_el1;
  const unsigned mode = bits(spsr, 4, 0) & 0x1f;
  const bool legal = mode == 0 || mode == 4 || mode == 5;
  // DebugExceptionReturnSS: single step becomes active when it was off here and is on there.
  const bool debug_here = debug_enabled_at(s.pstate.el, (s.pstate.daif & 8) != 0);
  const bool step = bit(s.sys.mdscr_el1, 0) && !debug_here &&
                    debug_enabled_at(legal ? mode >> 2 : s.pstate.el, bit(spsr, 9));
  if (!debug_here) step_syndrome_ = 0x22;  // this instruction is not a stepped one
  PState& p = s.pstate;
  s.nzcv = static_cast<u32>(spsr >> 28) & 15;
  if (legal) set_el(mode >> 2, mode & 1);
  p.daif = static_cast<u8>(bits(spsr, 9, 6));
  p.il = legal ? bit(spsr, 20) : 1;
  p.ss = step ? bit(spsr, 21) : 0;
  p.pan = has(Feature::PAN) && bit(spsr, 22);
  p.uao = has(Feature::UAO) && bit(spsr, 23);
  p.dit = has(Feature::DIT) && bit(spsr, 24);
  p.ssbs = has(Feature::SSBS) && bit(spsr, 12);
  p.btype = has(Feature::BTI) ? static_cast<u8>(bits(spsr, 11, 10)) : 0;
  s.excl_valid = false;
  // Nobody waits for it: this CPU runs.
  if ((pending_.load(std::memory_order_relaxed) & kEvent) == 0)
    pending_.fetch_or(kEvent, std::memory_order_acq_rel);
  el_changed();
  if (space_changed_ && p.el == 0) [[unlikely]] {
    jit_->enter_space(s.sys.ttbr0_el1, current_asid());
    space_changed_ = false;
  }
  s.pc = target;
  redirect_ = true;
}

bool Vcpu::debug_enabled_at(unsigned el, bool d_masked) const {
  // AArch64.GenerateDebugExceptionsFrom: at EL1 only with KDE and PSTATE.D clear.
  if (s.sys.oslar_locked != 0 || bit(s.sys.osdlr_el1, 0)) return false;
  return el == 0 || (bit(s.sys.mdscr_el1, 13) && !d_masked);
}

}  // namespace quince::cpu
