// What the code of atomics and exclusives shares: their location, their registers, and the slow way.
#pragma once

#include "cpu/jit/x64/emitter.h"

namespace quince::cpu::jit {

class AtomicCode {
 public:
  AtomicCode(Emitter& e, u32 insn)
      : e_(e),
        x_(e.x_),
        log2_(insn >> 30),
        rs_(insn >> 16 & 31),
        rn_(insn >> 5 & 31),
        rt_(insn & 31) {}

  /// RCX: the location in the host's memory.  `written`: the register that the instruction writes.
  void begin(u32 written) {
    // Flags that are got back from it are saved on all ways.
    if (written != 31) e_.forget_operand(RegSet{1} << written);
    Emitter::Val va;
    e_.base(rn_, va);
    const Emitter::Address at = e_.address_of(va);
    stub_ = &e_.look_up(at, log2_, 1, true, {.ordered = true});
    stub_->kind = Stub::Kind::FaultingCall;
    stub_->insn = e_.insn_;
    x_.lea(Xbyak::util::rcx, ptr[Xbyak::util::rcx + at.reg + at.distance]);
  }
  /// The same for sixteen bytes, and the registers Rs and the one behind it.
  void begin_pair() {
    e_.forget_operand(RegSet{3} << rs_);
    Emitter::Val va;
    e_.base(rn_, va);
    const Emitter::Address at = e_.address_of(va);
    constexpr unsigned kLog2 = 4;
    stub_ = &e_.look_up(at, kLog2, 1, true, {.ordered = true});
    stub_->kind = Stub::Kind::FaultingCall;
    stub_->insn = e_.insn_;
    x_.lea(Xbyak::util::rcx, ptr[Xbyak::util::rcx + at.reg + at.distance]);
  }
  /// RCX: the location, RAX: its entry in the first-level TLB, which lets it be read, or written.
  void begin_exclusive(u32 written, bool write) {
    if (written != 31) e_.forget_operand(RegSet{1} << written);
    Emitter::Val va;
    e_.base(rn_, va);
    const Emitter::Address at = e_.address_of(va);
    e_.clobber_flags();
    stub_ = &e_.stub(Stub::Kind::FaultingCall);
    stub_->site = &e_.site();
    stub_->insn = e_.insn_;
    const unsigned size = 1u << log2_;
    if (size > 1) {
      x_.test(at.reg.cvt32(), size - 1);
      x_.jnz(stub_->label, x_.T_NEAR);
    }
    e_.probe(at.reg, at.distance, at.distance + static_cast<int>(size), write, false);
    x_.jne(stub_->label, x_.T_NEAR);
    x_.mov(Xbyak::util::rcx, e_.tlb_entry(Native::kTlbAddend, false));
    x_.add(Xbyak::util::rcx, at.reg);
  }
  /// Calls a routine that says by ZF whether it has done the work.
  void call(const u8* routine) {
    x_.call(routine);
    x_.jne(stub_->label, x_.T_NEAR);
  }
  const Shared& shared() const { return e_.shared_; }
  void finish_pair() {
    for (const u32 n : {0u, 1u}) {
      const Xbyak::Reg64 from = n == 0 ? Xbyak::util::rax : Xbyak::util::rdx;
      if (e_.hosts_[rs_ + n] >= 0)
        x_.mov(e_.host(rs_ + n), from);
      else
        x_.mov(e_.guest_memory(rs_ + n), from);
    }
    for (const u32 r : {rs_, rs_ + 1})
      if (e_.hosts_[r] >= 0) e_.dirty_ |= RegSet{1} << r;
    x_.L(stub_->back);
    e_.taken_ = 0;
  }
  void push(u32 r) {
    if (e_.hosts_[r] >= 0)
      x_.push(e_.host(r));
    else
      x_.push(e_.guest_memory(r));
  }
  void compare(const Xbyak::Reg64& with, u32 r) {
    if (e_.hosts_[r] >= 0)
      x_.cmp(with, e_.host(r));
    else
      x_.cmp(with, e_.guest_memory(r));
  }
  /// The register gets RAX, of which the access's size counts; where the slow way comes back.
  void finish(u32 written) { finish(written, log2_); }
  void finish(u32 written, unsigned log2) {
    if (written != 31) {
      const bool mapped = e_.hosts_[written] >= 0;
      const Xbyak::Reg64 to = mapped ? e_.host(written) : Xbyak::util::rax;
      switch (log2) {
        case 0:
          x_.movzx(to.cvt32(), Xbyak::util::al);
          break;
        case 1:
          x_.movzx(to.cvt32(), Xbyak::util::ax);
          break;
        case 2:
          x_.mov(to.cvt32(), Xbyak::util::eax);
          break;
        default:
          if (mapped) x_.mov(to, Xbyak::util::rax);
      }
      if (mapped)
        e_.dirty_ |= RegSet{1} << written;
      else
        x_.mov(e_.guest_memory(written), Xbyak::util::rax);
    }
    x_.L(stub_->back);
    e_.taken_ = 0;
  }

  void load(const Xbyak::Reg64& to, u32 r) {
    if (r == 31)
      x_.xor_(to.cvt32(), to.cvt32());
    else if (e_.hosts_[r] >= 0)
      x_.mov(to, e_.host(r));
    else
      x_.mov(to, e_.guest_memory(r));
  }
  void lock() {
    if (several()) x_.lock();
  }
  bool several() const { return e_.key_.several; }
  Mem place() const { return {.bits = static_cast<u16>(8u << log2_), .base = 1}; }
  Xbyak::Reg sized(const Xbyak::Reg64& r) const {
    switch (log2_) {
      case 0:
        return r.cvt8();
      case 1:
        return r.cvt16();
      case 2:
        return r.cvt32();
      default:
        return r;
    }
  }

  Emitter& e_;
  Assembler& x_;
  const unsigned log2_;
  const u32 rs_, rn_, rt_;

 private:
  Stub* stub_ = nullptr;
};

}  // namespace quince::cpu::jit
