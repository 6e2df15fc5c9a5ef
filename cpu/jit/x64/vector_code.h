// What the functions of vec_*.cpp write code with: the guest's vectors in registers of the host, constants, and the
// ways out of the common case.
//
// xmm0 to xmm3 are free.  A guest's vector is in one of xmm4 to xmm15 through the region, or comes into a temporary, from
// xmm16 to xmm31 or from memory;
// so a function names the temporary that each operand may take.  The rule that makes overlaps safe: operands are
// whole until the destination is written, which is the last that a function does.
#pragma once

#include "cpu/jit/x64/emitter.h"

namespace quince::cpu::jit {

/// Fields of an instruction at their usual places.
struct VectorFields {
  explicit VectorFields(u32 insn)
      : rd(insn & 31),
        rn(insn >> 5 & 31),
        ra(insn >> 10 & 31),
        rm(insn >> 16 & 31),
        size(insn >> 22 & 3),
        q((insn >> 30 & 1) != 0) {}
  u32 rd, rn, ra, rm;
  unsigned size;  ///< log2 of an element's bytes
  bool q;
};

class VectorCode {
 public:
  using Xmm = Xbyak::Xmm;
  using Reg64 = Xbyak::Reg64;

  explicit VectorCode(Emitter& e) : x(e.x_), host(e.shared_.host), e_(e) {}

  Assembler& x;
  const HostFeatures& host;

  // ---- Vectors

  /// The guest's register, in its place or loaded into the temporary `t`; not to be written.
  Xmm in(u32 r, int t) {
    if (e_.v_near(r)) return e_.v_host(r);
    copy(Xmm(t), r);
    return Xmm(t);
  }
  void copy(const Xmm& to, u32 r) {
    if (e_.v_far(r))
      x.vmovdqa64(to, e_.v_host(r));
    else if (e_.v_near(r))
      x.vmovdqa(to, e_.v_host(r));
    else
      x.vmovdqa(to, e_.v_memory(r));
  }
  /// Its place in CpuState.
  Xbyak::Address memory(u32 r) { return e_.v_memory(r); }
  /// Has `use` take it where it is, as an operand that may be in memory, or in xmm16 to xmm31 if the host has them.
  template <class Use>
  void with(u32 r, Use use) {
    if (e_.v_hosts_[r] >= 0)
      use(e_.v_host(r));
    else
      use(e_.v_memory(r));
  }
  /// The same as in() with everything above the low 8 bytes cleared, in the temporary: for floating point, where what other
  /// elements hold could set flags.  For `q` the register as it is.
  Xmm in_part(bool q, u32 r, int t) {
    if (q) return in(r, t);
    x.vmovq(Xmm(t), in(r, t));
    return Xmm(t);
  }
  /// Where a result may be computed: the register itself or a temporary.
  Xmm target(u32 r, int t = 0) const { return e_.v_near(r) ? e_.v_host(r) : Xmm(t); }
  /// Where the result of an instruction with slow() may be computed: not over one of its operands.
  Xmm fresh(u32 rd, std::initializer_list<u32> sources) const;
  /// The same for one that reads Rd, to be changed in place; its old value is in xmm2, which is to stay as it is.
  Xmm in_place(u32 rd);
  /// The result is complete in `v`.  Without `q` the upper half becomes zero.
  void finish(bool q, u32 r, const Xmm& v) {
    const Xmm to = result(r, v);
    if (!q)
      x.vmovq(to, v);
    else if (to.getIdx() != v.getIdx())
      x.vmovdqa(to, v);
    wrote(r, to);
  }
  /// Only the low `1 << log2` bytes of `v` count.
  void finish_scalar(unsigned log2, u32 r, const Xmm& v);
  /// The same where everything above is zero, if `clean`.
  void finish_scalar(unsigned log2, u32 r, const Xmm& v, bool clean) {
    if (!clean) return finish_scalar(log2, r, v);
    const Xmm to = result(r, v);
    if (to.getIdx() != v.getIdx()) x.vmovdqa(to, v);
    wrote(r, to, log2);
  }
  /// Whether everything above the low `1 << log2` bytes, 8 or 4, is known to be zero.
  bool is_scalar(unsigned log2, u32 r) const {
    return ((log2 == 3 ? e_.v_double_ : e_.v_single_) >> r & 1) != 0;
  }

  // ---- General registers

  /// Its value, in its place or in `t`; register 31 is zero.
  Reg64 in_x(u32 r, const Reg64& t);
  /// Where a result for Xd may be computed; NZCV is safe from here on as far as Xd matters to it.
  Reg64 begin_x(u32 r);
  void finish_x(u32 r, const Reg64& v);
  /// EFLAGS are about to change.
  void clobber_flags() { e_.clobber_flags(); }
  /// NZCV is in EFLAGS, C as the carry flag.
  void flags_set_in_eflags() {
    e_.flags_ = {};
    e_.flags_.in_memory = false;
    e_.flags_.eflags = FlagState::Eflags::Arm;
  }
  /// EFLAGS are those of COMISD of Vn and Vm, or zero where `rm` is negative.
  void compared_fp(bool doubles, bool swapped, u32 rn, int rm);
  bool wants_swapped_fp() const { return e_.wants_swapped_fp(); }
  /// The number of the host's condition for `cond`, below 14.  RAX and RCX are used.
  unsigned host_condition(u32 cond) {
    unsigned n = 0;
    e_.flags_for(cond, n);
    return n;
  }
  /// To `label` unless the condition holds.
  void jump_unless(u32 cond, Label& label) {
    if (cond < 14) e_.jump_if_flags(cond ^ 1, label);
  }

  // ---- Memory (RAX, RCX and RDX are used)

  bool checks_alignment() const { return e_.key_.aligned; }
  void base(u32 rn, Emitter::Val& va) { e_.base(rn, va); }
  /// `to` = 1, 2, 4, 8 or 16 bytes at `va` + offset, zero extended.  xmm0 to xmm3 are kept where that misses.
  /// `element`: log2 of the bytes of one, see Site::piece_log2.
  void load(const Xmm& to, Emitter::Val va, unsigned offset, unsigned bytes, unsigned element);
  void store(u32 r, Emitter::Val va, unsigned offset, bool q, unsigned element);
  /// The low `bytes` of one of xmm0 to xmm3, which all stay as they are.
  void store(const Xmm& from, Emitter::Val va, unsigned offset, unsigned bytes, unsigned element);
  /// Rn = va + Rm, or + `bytes` where Rm is 31.
  void add_to_base(u32 rn, Emitter::Val va, u32 rm, unsigned bytes) {
    e_.put_sp(rn, true, e_.add(true, va, rm == 31 ? e_.imm(bytes) : e_.get(rm, true)));
  }

  // ---- Constants

  /// 16 bytes in memory, as an operand.
  Xbyak::Address literal(u64 low, u64 high);
  Xbyak::Address literal(u64 both) { return literal(both, both); }
  /// Both halves are `n`.
  void constant(const Xmm& to, u64 n) { constant(to, n, n); }
  void constant(const Xmm& to, u64 low, u64 high);
  void zero(const Xmm& to) { x.vpxor(to, to, to); }
  void ones(const Xmm& to) { x.vpcmpeqd(to, to, to); }
  /// `n` in every element.
  void splat(const Xmm& to, unsigned size, u64 n);

  /// The next instruction is `word`, in the same block, and done with this one: nothing will be written for it.
  bool absorb_next(u32 word) {
    if (e_.left_ < 2 || e_.insn_[1].word != word || !e_.insn_[1].own_code) return false;
    e_.absorbed_ = true;
    return true;
  }

  // ---- Ways out

  /// A place that the code jumps to where it does not hold, and which calls the instruction's meaning.
  Label& slow();
  /// Where the code goes on behind that: once, at the end.
  void slow_ends() {
    if (slow_ != nullptr) x.L(slow_->back);
  }
  /// FPSR.QC is set if `v` is not zero.
  void saturated_unless_zero(const Xmm& v);
  /// In front of floating-point code that may change EFLAGS: MXCSR is the guest's from here on.
  void begin_fp();

 private:
  /// Where `v` goes to: the guest's register, or a temporary, which `v` may be, but not another guest's.
  Xmm result(u32 r, const Xmm& v) const { return target(r, v.getIdx() < 4 ? v.getIdx() : 0); }
  void wrote(u32 r, const Xmm& v, unsigned log2 = 4) {
    if (e_.v_far(r))
      x.vmovdqa64(e_.v_host(r), v);
    else if (!e_.v_near(r))
      x.vmovdqa(e_.v_memory(r), v);
    e_.wrote_vector(r, log2);
  }

  Emitter& e_;
  Stub* slow_ = nullptr;
};

/// sum = the CRC32 (IEEE 802.3) of `bytes` bytes, 1 to 8, of `data` behind `sum`.  Needs PCLMULQDQ; xmm0 and xmm1 are
/// used, EFLAGS stay.
void crc32_ieee(VectorCode& v, const Xbyak::Reg64& sum, const Xbyak::Reg64& data, unsigned bytes);

}  // namespace quince::cpu::jit
