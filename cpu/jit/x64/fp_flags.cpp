// NZCV behind FCMP, as COMISD leaves it in EFLAGS (Arm ARM DDI 0487, FPCompare; Intel SDM, volume 2, COMISD):
//
//   operands     NZCV        ZF PF CF   swapped
//   greater      0010        0  0  0    0  0  1
//   less         1000        0  0  1    0  0  0
//   equal        0110        1  0  0    1  0  0
//   unordered    0011        1  1  1    1  1  1
//
// Every condition but EQ and NE is one of the host's in one of the two orders, so that FCMP takes the order which the
// condition behind it wants.  NZCV itself is made where something else looks at it.
#include "cpu/jit/x64/vector_code.h"

namespace quince::cpu::jit {

using namespace Xbyak::util;

namespace {

/// NZCV as LAHF would put it into AX, with V in bit 0.
constexpr u32 image_of(u32 nzcv) {
  return (nzcv >> 3 & 1) << 15 | (nzcv >> 2 & 1) << 14 | (nzcv >> 1 & 1) << 8 | (nzcv & 1);
}

}  // namespace

/// Into memory, with EFLAGS as they are; `image`: into EFLAGS, as Arm's.
void Emitter::fp_flags_to_nzcv(bool image) {
  const bool swapped = flags_.eflags == FlagState::Eflags::FpSwapped;
  const bool keep_rax = (taken_ & 1) != 0, keep_rcx = (taken_ & 2) != 0;
  const auto code = [image](u32 nzcv) { return image ? image_of(nzcv) : nzcv; };
  if (keep_rax) x_.push(rax);
  if (keep_rcx) x_.push(rcx);
  x_.mov(eax, code(swapped ? 8 : 2));
  x_.mov(ecx, code(swapped ? 2 : 8));
  x_.cmovb(eax, ecx);
  x_.mov(ecx, code(6));
  x_.cmove(eax, ecx);
  x_.mov(ecx, code(3));
  x_.cmovp(eax, ecx);
  if (image) {
    x_.add(al, 0x7f);
    x_.sahf();
  } else {
    x_.mov(state(offsetof(CpuState, nzcv), 4), eax);
    flags_.in_memory = true;
  }
  if (keep_rcx) x_.pop(rcx);
  if (keep_rax) x_.pop(rax);
}

/// A quiet comparison: what the first one signalled is in MXCSR, or in FPSR, already.
void Emitter::compare_fp_again() {
  VectorCode v(*this);
  const auto with = [&](const Xbyak::Operand& b) {
    flags_.sf ? x_.vucomisd(v_host(flags_.a), b) : x_.vucomiss(v_host(flags_.a), b);
  };
  flags_.with_imm ? with(v.literal(0)) : with(v_host(flags_.b));
  flags_.eflags = FlagState::Eflags::Fp;
}

void Emitter::flags_to_any_eflags() {
  if (flags_.eflags != FlagState::Eflags::No) return;
  flags_.again ? compare_again() : flags_to_eflags();
}

/// Vectors are about to be written, and flags may not be got back from them any longer.
void Emitter::forget_vector_operand() {
  if (!flags_.again || flags_.op != Op::Fp || (flags_.v_uses & insn_->facts.v_writes) == 0) return;
  if (flags_.eflags == FlagState::Eflags::No && !flags_.in_memory) {
    if (insn_->facts.reads_flags) flags_to_any_eflags();
    if (insn_->flags_needed && !insn_->facts.writes_flags) save_flags();
  }
  flags_.again = false;
}

/// The number of the host's condition for `cc`; false: there is none.
bool Emitter::fp_condition(unsigned cc, unsigned& x86) const {
  constexpr unsigned kNone = ~0u;
  //                                  EQ     NE     CS     CC     MI     PL     VS  VC
  static constexpr unsigned kPlain[] = {kNone, kNone, kNone, kNone, kNone, kNone, kP, kNp,
                                        // HI, LS, GE, LT, GT, LE
                                        kNone, kNone, kAe, kB, kA, kBe};
  static constexpr unsigned kSwapped[] = {kNone, kNone, kBe, kA,    kA,    kBe,   kP,
                                          kNp,   kB,    kAe, kNone, kNone, kNone, kNone};
  const unsigned n = (flags_.eflags == FlagState::Eflags::Fp ? kPlain : kSwapped)[cc];
  if (n != kNone) x86 = n;
  return n != kNone;
}

/// Those that hold, or do not hold, for operands that are not ordered need a jump for these.
bool Emitter::jump_if_fp_flags(unsigned cc, Label& label) {
  unsigned x86 = 0;
  if (!in_fp_form() || fp_condition(cc, x86)) return false;
  //                                  EQ  NE   CS   CC  MI  PL   VS VC HI  LS   GE LT GT LE
  static constexpr unsigned kPlain[] = {kE, kNe, kAe, kB, kB, kAe, kP, kP, kA, kBe, 0, 0, 0, 0};
  static constexpr unsigned kSwapped[] = {kE, kNe, 0, 0, 0, 0, 0, 0, 0, 0, kBe, kA, kB, kAe};
  const bool swapped = flags_.eflags == FlagState::Eflags::FpSwapped;
  x86 = (swapped ? kSwapped : kPlain)[cc];
  // NE, CS, PL, HI, LT and LE hold: N is 0, Z is 0, C and V are 1.
  constexpr u32 kHold = 1u << 1 | 1u << 2 | 1u << 5 | 1u << 8 | 1u << 11 | 1u << 13;
  if ((kHold >> cc & 1) != 0) {
    x_.jp(label, x_.T_NEAR);
    x_.jcc(x86, label, x_.T_NEAR);
    return true;
  }
  Label over;
  x_.jp(over);
  x_.jcc(x86, label, x_.T_NEAR);
  x_.L(over);
  return true;
}

/// What looks at the flags next, in this block, is a condition for which the swapped order is better.
bool Emitter::wants_swapped_fp() const {
  for (u32 n = 1; n < left_; ++n) {
    const Insn& i = insn_[n];
    if (i.facts.reads_flags) {
      const bool branch = (i.word & 0xff00'0010) == 0x5400'0000;
      const u32 cc = branch ? i.word & 15 : i.word >> 12 & 15;
      return (cc >= 2 && cc <= 5) || cc == 8 || cc == 9;
    }
    if (i.facts.writes_flags || i.call) return false;
  }
  return false;
}

}  // namespace quince::cpu::jit
