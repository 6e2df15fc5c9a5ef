// SVC at EL0 and ERET to EL0 as routines that all regions share (Arm ARM DDI 0487, D1.3; pseudocode
// AArch64.TakeException, AArch64.ExceptionReturn): what a system call begins and ends with.
//
// They do what Vcpu::take_exception() and exception_return() do, where nothing has to be found out, and go on by the jump
// cache of the other level. While self-hosted debug or the PMU is on, for a return to elsewhere than EL0, and wherever
// translated code takes something else for granted than it did (FarJumps::key), they call the instruction's meaning.
#include "cpu/jit/far_jumps.h"
#include "cpu/jit/x64/interrupt_masks.h"
#include "cpu/jit/x64/thunks.h"

namespace quince::cpu::jit {

using namespace Xbyak::util;

namespace {

/// RCX is the Site; everything of the guest is in memory.
class Routine {
 public:
  Routine(Xbyak::CodeGenerator& x, const Shared& s, const FeatureSet& features)
      : x_(x), s_(s), features_(features) {}

  void supervisor_call();
  void exception_return();

 private:
  // Of the CpuState.
  static constexpr int kPState = offsetof(CpuState, pstate), kSys = offsetof(CpuState, sys);
  static_assert(offsetof(PState, el) == 0 && offsetof(PState, spsel) == 1 &&
                offsetof(PState, daif) == 2 && offsetof(PState, btype) == 3 &&
                offsetof(PState, ssbs) == 4 && offsetof(PState, pan) == 5 &&
                offsetof(PState, uao) == 6 && offsetof(PState, dit) == 7 &&
                offsetof(PState, ss) == 8 && offsetof(PState, il) == 9);
  /// The bits of PState's first eight bytes that SPSR_EL1 has, and where it has them: both from DAIF to DIT.
  static constexpr u64 kBytes = 0x0101'0101'030f'0000;
  static constexpr u64 kSpsrDaif = 0xf << 6, kSpsrBtype = 3 << 10, kSpsrSsbs = 1 << 12;
  static constexpr u64 kSpsrPan = 1 << 22, kSpsrUao = 1 << 23, kSpsrDit = 1 << 24;
  static constexpr u64 kSpsr = kSpsrDaif | kSpsrBtype | kSpsrSsbs | kSpsrPan | kSpsrUao | kSpsrDit;
  static constexpr u32 kSpsrMode = 0x1f, kSpsrIl = 1 << 20;
  static constexpr u32 kMdscr = 1u << 15 | 1u;  // MDE, SS
  // Of SCTLR_EL1.
  static constexpr unsigned kSpan = 23, kDssbs = 44;

  static int pstate(std::size_t member) { return kPState + static_cast<int>(member); }
  static int sys(std::size_t member) { return kSys + static_cast<int>(member); }
  static int sp_bank(int number) {
    return static_cast<int>(offsetof(CpuState, sp_bank)) + 8 * number;
  }

  void unless_plain(Xbyak::Label& slow);
  void unless_key(unsigned level, Xbyak::Label& slow);
  void swap_stacks(int from, int to);
  void use_level();
  void jump(unsigned level);
  void call_instead(Xbyak::Label& slow);

  Xbyak::CodeGenerator& x_;
  const Shared& s_;
  const FeatureSet& features_;
};

/// Debug can do nothing without MDSCR_EL1.SS and MDE, nobody counts by levels, and nobody is told.
void Routine::unless_plain(Xbyak::Label& slow) {
  x_.cmp(byte[r15 + s_.at.exceptions_told], 0);
  x_.jne(slow, x_.T_NEAR);
  x_.test(dword[r15 + sys(offsetof(SysRegs, mdscr_el1))], kMdscr);
  x_.jnz(slow, x_.T_NEAR);
  x_.test(byte[r15 + sys(offsetof(SysRegs, pmcr_el0))], 1);
  x_.jnz(slow, x_.T_NEAR);
}

/// The entries of the level that comes are for what its SCTLR_EL1 says; at EL1, for PSTATE.SPSel = 1 and UAO = 0.
void Routine::unless_key(unsigned level, Xbyak::Label& slow) {
  x_.mov(eax, dword[r15 + sys(offsetof(SysRegs, sctlr_el1))]);
  x_.and_(eax, JumpKey::controls(level));
  x_.or_(eax, level == 0 ? JumpKey::kAlways : JumpKey::kAlways | JumpKey::kSpsel);
  x_.mov(rdx, ptr[r15 + s_.at.far]);
  x_.cmp(eax, dword[rdx + FarJumps::key_offset(level)]);
  x_.jne(slow, x_.T_NEAR);
}

void Routine::swap_stacks(int from, int to) {
  constexpr int kSp = offsetof(CpuState, sp);
  x_.mov(rax, ptr[r15 + kSp]);
  x_.mov(ptr[r15 + sp_bank(from)], rax);
  x_.mov(rax, ptr[r15 + sp_bank(to)]);
  x_.mov(ptr[r15 + kSp], rax);
}

/// EBX: the regime's number, as Vcpu::mmu_index_ has it. That of LDTR and STTR stays EL0's: PSTATE.UAO is 0.
void Routine::use_level() {
  const auto& at = s_.at;
  constexpr int kShift = 5;
  static_assert(Native::kLevelBytes == 1 << kShift);
  x_.mov(dword[r15 + at.l1_number], ebx);
  x_.shl(ebx, kShift);
  x_.mov(r14, ptr[r15 + rbx + at.levels + Native::kLevelL1]);
  x_.mov(ptr[r15 + at.l1_base], r14);
  x_.mov(rax, ptr[r15 + rbx + at.levels + Native::kLevelRecent]);
  x_.mov(ptr[r15 + at.recent_base], rax);
  x_.mov(rax, ptr[r15 + rbx + at.levels + Native::kLevelSpMask]);
  x_.mov(ptr[r15 + at.sp_alignment_mask], rax);
  x_.movzx(eax, byte[r15 + rbx + at.levels + Native::kLevelFp]);
  x_.mov(byte[r15 + at.fp_enabled], al);
  x_.mov(cl, byte[r15 + at.fp_state]);
  x_.and_(cl, StateKey::fp_state(false, true));
  x_.or_(cl, al);
  x_.mov(byte[r15 + at.fp_state], cl);
}

/// To the virtual address in RAX, as Emitter::jump_by_cache() does.
void Routine::jump(unsigned level) {
  const int jumps = s_.at.jumps[level];
  x_.mov(ecx, eax);
  x_.and_(ecx, (Native::kJumps - 1) << 2);
  x_.cmp(rax, ptr[r15 + rcx * 4 + jumps]);
  x_.jne(static_cast<const void*>(s_.jump_far[level][0]));
  x_.and_(rax, -4096);
  x_.mov(qword[r15 + s_.at.page], rax);
  x_.jmp(ptr[r15 + rcx * 4 + jumps + 8]);
}

void Routine::call_instead(Xbyak::Label& slow) {
  x_.L(slow);
  x_.call(s_.call);
  x_.xor_(eax, eax);
  x_.jmp(s_.leave, x_.T_NEAR);
}

void Routine::supervisor_call() {
  Xbyak::Label slow;
  unless_plain(slow);
  x_.cmp(word[r15 + pstate(offsetof(PState, ss))], 0);
  x_.jne(slow, x_.T_NEAR);
  x_.lea(rax, ptr[r13 + 1]);
  x_.cmp(rax, ptr[r15 + s_.at.begun]);  // its SPSR_EL1 has a PSTATE.BTYPE
  x_.je(slow, x_.T_NEAR);
  unless_key(1, slow);
  // PSTATE.PAN, and by that the regime: that of the last time, because its page pointers are still there.
  x_.movzx(ebx, byte[r15 + pstate(offsetof(PState, pan))]);
  if (has(features_, Feature::PAN)) {
    x_.mov(eax, 1);
    x_.bt(dword[r15 + sys(offsetof(SysRegs, sctlr_el1))], kSpan);
    x_.cmovnc(ebx, eax);
  }
  x_.inc(ebx);
  x_.cmp(ebx, dword[r15 + s_.at.el1_number]);
  x_.jne(slow, x_.T_NEAR);

  x_.mov(eax, dword[rcx + static_cast<int>(offsetof(Site, insn))]);
  x_.shr(eax, 5);
  x_.movzx(eax, ax);                                                            // imm16
  constexpr u32 kEsr = static_cast<u32>(ExceptionClass::Svc) << 26 | 1u << 25;  // EC, IL
  x_.or_(eax, kEsr);
  x_.mov(ptr[r15 + sys(offsetof(SysRegs, esr_el1))], rax);
  x_.mov(eax, dword[rcx + static_cast<int>(offsetof(Site, pc))]);
  x_.add(rax, ptr[r15 + s_.at.page]);
  x_.add(rax, 4);
  x_.mov(ptr[r15 + sys(offsetof(SysRegs, elr_el1))], rax);

  x_.mov(rax, ptr[r15 + kPState]);
  x_.mov(rdx, kBytes);
  x_.pext(rax, rax, rdx);
  x_.mov(edx, static_cast<u32>(kSpsr));
  x_.pdep(rax, rax, rdx);
  x_.mov(edx, dword[r15 + static_cast<int>(offsetof(CpuState, nzcv))]);
  x_.shl(edx, 28);
  x_.or_(rax, rdx);
  x_.mov(ptr[r15 + sys(offsetof(SysRegs, spsr_el1))], rax);

  x_.mov(dword[r15 + kPState], 0x000f'0101);  // EL1, SP_EL1, all masked, no BTYPE
  x_.lea(eax, ptr[rbx - 1]);
  x_.mov(byte[r15 + pstate(offsetof(PState, pan))], al);
  x_.mov(byte[r15 + pstate(offsetof(PState, uao))], 0);
  if (has(features_, Feature::SSBS)) {
    x_.bt(dword[r15 + sys(offsetof(SysRegs, sctlr_el1)) + 4], kDssbs - 32);
    x_.setc(byte[r15 + pstate(offsetof(PState, ssbs))]);
  }
  swap_stacks(0, 1);
  use_level();
  x_.mov(dword[r15 + s_.at.poll_mask], Native::kAlways);
  x_.mov(dword[r15 + s_.at.all_mask], Native::kAlways | Native::kTranslate);
  x_.mov(rax, ptr[r15 + sys(offsetof(SysRegs, vbar_el1))]);
  x_.and_(rax, -0x800);
  x_.add(rax, 0x400);  // synchronous, from a lower level
  jump(1);
  call_instead(slow);
}

void Routine::exception_return() {
  Xbyak::Label slow, event;
  unless_plain(slow);
  x_.mov(rbp, ptr[r15 + sys(offsetof(SysRegs, spsr_el1))]);
  x_.test(ebp, kSpsrMode | kSpsrIl | static_cast<u32>(kSpsrBtype));
  x_.jnz(slow, x_.T_NEAR);
  x_.cmp(byte[r15 + s_.at.space_changed], 0);
  x_.jne(slow, x_.T_NEAR);
  unless_key(0, slow);

  swap_stacks(1, 0);
  x_.mov(eax, ebp);
  x_.shr(eax, 28);
  x_.mov(dword[r15 + static_cast<int>(offsetof(CpuState, nzcv))], eax);
  u64 kept = kSpsr;
  for (const auto& [feature, bits] : {std::pair{Feature::SSBS, kSpsrSsbs},
                                      {Feature::PAN, kSpsrPan},
                                      {Feature::UAO, kSpsrUao},
                                      {Feature::DIT, kSpsrDit}})
    if (!has(features_, feature)) kept &= ~bits;
  x_.mov(eax, ebp);
  x_.and_(eax, static_cast<u32>(kept));
  x_.mov(edx, static_cast<u32>(kSpsr));
  x_.pext(eax, eax, edx);
  x_.mov(rdx, kBytes);
  x_.pdep(rax, rax, rdx);
  x_.mov(ptr[r15 + kPState], rax);
  x_.mov(word[r15 + pstate(offsetof(PState, ss))], 0);
  x_.mov(byte[r15 + static_cast<int>(offsetof(CpuState, excl_valid))], 0);
  x_.test(dword[r15 + s_.at.pending], Native::kEvent);
  x_.jnz(event);
  x_.lock();
  x_.or_(dword[r15 + s_.at.pending], Native::kEvent);
  x_.L(event);
  x_.mov(edx, ebp);
  x_.shr(edx, 6);
  emit_interrupt_masks(x_, s_, edx);
  x_.xor_(ebx, ebx);
  use_level();
  x_.mov(rax, ptr[r15 + sys(offsetof(SysRegs, elr_el1))]);
  jump(0);
  call_instead(slow);
}

}  // namespace

const u8* exception_routine(Xbyak::CodeGenerator& x, const Shared& s, const FeatureSet& features,
                            bool returns) {
  const u8* const at = x.getCurr();
  Routine routine(x, s, features);
  returns ? routine.exception_return() : routine.supervisor_call();
  return at;
}

}  // namespace quince::cpu::jit
