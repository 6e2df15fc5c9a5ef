// System instructions as code (Arm ARM DDI 0487, C5.2.2 DAIF, C5.3.8 DC ZVA, C6.2 MSR (immediate)).
//
// SVC and ERET are jumps to routines (exceptions.cpp).
// Writing PSTATE.DAIF changes which interrupts translated code looks for; where one was waiting for that, it leaves.
// In lockstep these are calls, since only the interpreter changes what is outside of the registers.
#include "cpu/jit/x64/system.h"

#include "cpu/jit/region.h"
#include "cpu/jit/x64/emitter.h"
#include "cpu/jit/x64/interrupt_masks.h"

namespace quince::cpu::jit {

using namespace Xbyak::util;

namespace {

// MRS and MSR of DAIF, without L and Rt; DC ZVA without Rt; MSR DAIFSet and DAIFClr without the immediate.
constexpr u32 kDaif = 0xd51b'4220, kRead = 1u << 21;
constexpr u32 kDcZva = 0xd50b'7420;
constexpr u32 kSvc = 0xd400'0001, kImm16 = 0xffff << 5, kEret = 0xd69f'03e0;
constexpr u32 kDaifSet = 0xd503'40df, kDaifClr = 0xd503'40ff, kImmediate = 0xf00;

bool is_exception(u32 word) { return word == kEret || (word & ~kImm16) == kSvc; }

bool is_daif_immediate(u32 word) {
  return (word & ~kImmediate) == kDaifSet || (word & ~kImmediate) == kDaifClr;
}

}  // namespace

class SystemCode {
 public:
  SystemCode(Emitter& e, u32 word) : e_(e), x_(e.x_), word_(word), rt_(word & 31) {}

  void write() {
    if ((word_ & ~31u) == kDcZva) return zero_block();
    if ((word_ & ~31u) == (kDaif | kRead)) return read_daif();
    if (is_exception(word_)) return change_level();
    e_.clobber_flags();
    if ((word_ & ~31u) == kDaif)
      write_daif();
    else if ((word_ & ~kImmediate) == kDaifSet)
      return set_daif(word_ >> 8 & 15);
    else
      clear_daif(word_ >> 8 & 15);
    look();
  }

 private:
  Xbyak::Address daif() { return e_.state(offsetof(CpuState, pstate) + offsetof(PState, daif), 1); }
  Xbyak::Address mask() { return dword[r15 + e_.shared_.at.poll_mask]; }
  Xbyak::Address interpreter_mask() { return dword[r15 + e_.shared_.at.all_mask]; }
  /// The kinds of interrupts that these bits of DAIF mask.
  static u32 kinds(u32 bits) {
    return ((bits & 2) != 0 ? Native::kIrq : 0) | ((bits & 1) != 0 ? Native::kFiq : 0);
  }

  void set_daif(u32 bits) {
    x_.or_(daif(), bits);
    if (kinds(bits) == 0) return;
    x_.and_(mask(), ~kinds(bits));
    x_.and_(interpreter_mask(), ~kinds(bits));
  }
  void clear_daif(u32 bits) {
    x_.and_(daif(), ~bits & 15);
    if (kinds(bits) == 0) return;
    x_.or_(mask(), kinds(bits));
    x_.or_(interpreter_mask(), kinds(bits));
  }
  void write_daif() {
    if (rt_ == 31) {
      x_.mov(daif(), 0);
      x_.mov(mask(), Native::kAlways | kinds(15));
      x_.mov(interpreter_mask(), Native::kAlways | Native::kTranslate | kinds(15));
      return;
    }
    if (e_.hosts_[rt_] >= 0)
      x_.mov(eax, e_.host(rt_).cvt32());
    else
      x_.mov(eax, e_.state(offsetof(CpuState, x) + 8 * rt_, 4));
    x_.shr(eax, 6);
    x_.and_(eax, 15);
    x_.mov(daif(), al);
    emit_interrupt_masks(x_, e_.shared_, eax);
  }
  /// Whatever may be taken now is taken in front of the next instruction.
  void look() {
    Stub& stop = e_.stub(Stub::Kind::Interrupt);
    stop.target = e_.pc_ + 4;
    stop.undone = e_.left_ - 1;
    x_.mov(eax, mask());
    x_.test(dword[r15 + e_.shared_.at.pending], eax);
    x_.jnz(stop.label, x_.T_NEAR);
  }
  void read_daif() {
    if (rt_ == 31) return;
    e_.forget_operand(RegSet{1} << rt_);
    const bool mapped = e_.hosts_[rt_] >= 0;
    const Xbyak::Reg64 to = mapped ? e_.host(rt_) : rax;
    x_.movzx(to.cvt32(), daif());
    // By 64, and the flags stay.
    const auto eight_times = Xbyak::AddressFrame(0)[Xbyak::RegExp(to, 8)];
    x_.lea(to.cvt32(), eight_times);
    x_.lea(to.cvt32(), eight_times);
    if (mapped)
      e_.dirty_ |= RegSet{1} << rt_;
    else
      x_.mov(e_.guest_memory(rt_), rax);
  }
  /// The end of a block, and of the stay in the region.
  void change_level() {
    e_.save_flags();
    e_.spill(e_.dirty_, true);
    e_.spill_vectors(e_.v_dirty_);
    e_.load_constant(rcx, &e_.site());
    x_.jmp(word_ == kEret ? e_.shared_.exception_return : e_.shared_.supervisor_call, x_.T_NEAR);
    e_.end_.kind = Emitter::End::Kind::Left;
  }
  void zero_block() {
    constexpr int kBlock = 64, kVector = 16;
    const Emitter::Address at = e_.address_of(e_.get(rt_, true));
    Stub& s = e_.look_up(at, 0, 1, true, {});
    s.kind = Stub::Kind::FaultingCall;
    s.insn = e_.insn_;
    if (e_.key_.el0) {
      constexpr u32 kDze = 1u << 14;
      x_.test(e_.state(offsetof(CpuState, sys) + offsetof(SysRegs, sctlr_el1), 4), kDze);
      x_.jz(s.label, x_.T_NEAR);
    }
    x_.add(rcx, at.reg);
    if (at.distance != 0) x_.add(rcx, at.distance);
    x_.and_(rcx, -kBlock);
    x_.vpxor(xmm0, xmm0, xmm0);
    for (int n = 0; n < kBlock; n += kVector) x_.vmovdqa(ptr[rcx + n], xmm0);
    x_.L(s.back);
    e_.taken_ = 0;
  }

  Emitter& e_;
  Assembler& x_;
  const u32 word_, rt_;
};

std::optional<Facts> system_facts(u32 word, const RegionSource& source) {
  if (source.judged) return std::nullopt;
  const u32 rt = word & 31;
  const RegSet used = rt == 31 ? 0 : RegSet{1} << rt;
  Facts f;
  if ((word & ~31u) == kDcZva) {
    if (rt == 31) return std::nullopt;
    f.reads = used;
    f.memory = true;
    return f;
  }
  if (is_exception(word)) {
    if (!source.host->fast_pext || source.key.el0 == (word == kEret)) return std::nullopt;
    if (word == kEret && (!source.key.own_sp || source.key.uao)) return std::nullopt;
    f.flow = Flow::Indirect;
    f.memory = true;  // SPSR_EL1 has NZCV
    return f;
  }
  if (source.key.el0) return std::nullopt;  // SCTLR_EL1.UMA has to allow it
  if ((word & ~31u) == (kDaif | kRead)) {
    f.writes = used;
    f.puts = 1;
    return f;
  }
  if ((word & ~31u) == kDaif) {
    f.reads = used;
    f.memory = true;  // an interrupt sees NZCV
    return f;
  }
  if (!is_daif_immediate(word)) return std::nullopt;
  f.memory = true;
  return f;
}

void emit_system(Emitter& e, u32 word) { SystemCode(e, word).write(); }

}  // namespace quince::cpu::jit
