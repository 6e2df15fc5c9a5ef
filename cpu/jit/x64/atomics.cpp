// LSE atomics (Arm ARM DDI 0487, C6.2: LDADD and its like, SWP, CAS) as locked instructions of the host, which
// order everything around them and so are every form of acquire and release.  With one CPU nobody is between the
// parts of an instruction, and it needs no lock.
//
// What the first-level TLB does not let be written is a call: pages with exclusive monitors among it.
#include "cpu/jit/x64/emitter.h"
#include "cpu/jit/x64/host_rows.h"

namespace quince::cpu::jit {

using namespace Xbyak::util;

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
    stub_->kind = Emitter::Stub::Kind::FaultingCall;
    stub_->insn = e_.insn_;
    x_.lea(rcx, ptr[rcx + at.reg + at.distance]);
  }
  /// The same for sixteen bytes, and the registers Rs and the one behind it.
  void begin_pair() {
    e_.forget_operand(RegSet{3} << rs_);
    Emitter::Val va;
    e_.base(rn_, va);
    const Emitter::Address at = e_.address_of(va);
    constexpr unsigned kLog2 = 4;
    stub_ = &e_.look_up(at, kLog2, 1, true, {.ordered = true});
    stub_->kind = Emitter::Stub::Kind::FaultingCall;
    stub_->insn = e_.insn_;
    x_.lea(rcx, ptr[rcx + at.reg + at.distance]);
  }
  void finish_pair() {
    for (const u32 n : {0u, 1u}) {
      const Xbyak::Reg64 from = n == 0 ? rax : rdx;
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
  void finish(u32 written) {
    if (written != 31) {
      const bool mapped = e_.hosts_[written] >= 0;
      const Xbyak::Reg64 to = mapped ? e_.host(written) : rax;
      switch (log2_) {
        case 0:
          x_.movzx(to.cvt32(), al);
          break;
        case 1:
          x_.movzx(to.cvt32(), ax);
          break;
        case 2:
          x_.mov(to.cvt32(), eax);
          break;
        default:
          if (mapped) x_.mov(to, rax);
      }
      if (mapped)
        e_.dirty_ |= RegSet{1} << written;
      else
        x_.mov(e_.guest_memory(written), rax);
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
  Emitter::Stub* stub_ = nullptr;
};

namespace {

bool add(Emitter& e, u32 insn) {
  AtomicCode a(e, insn);
  a.begin(a.rt_);
  a.load(rax, a.rs_);
  a.lock();
  if (a.rt_ == 31)
    a.x_.add(a.place(), a.sized(rax));
  else
    a.x_.xadd(a.place(), a.sized(rax));
  return a.finish(a.rt_), true;
}

bool swap(Emitter& e, u32 insn) {
  AtomicCode a(e, insn);
  a.begin(a.rt_);
  a.load(rax, a.rs_);
  a.x_.xchg(a.place(), a.sized(rax));  // locks by itself
  return a.finish(a.rt_), true;
}

enum class Logic : u8 { Clear, Xor, Set };

template <Logic L>
bool logic(Emitter& e, u32 insn) {
  AtomicCode a(e, insn);
  auto& x = a.x_;
  const auto apply = [&](const Xbyak::Operand& to, const Xbyak::Reg& with) {
    switch (L) {
      case Logic::Clear:
        return x.and_(to, with);
      case Logic::Xor:
        return x.xor_(to, with);
      case Logic::Set:
        return x.or_(to, with);
    }
  };
  a.begin(a.rt_);
  if (a.rt_ == 31) {
    a.load(rax, a.rs_);
    if (L == Logic::Clear) x.not_(rax);
    a.lock();
    apply(a.place(), a.sized(rax));
    return a.finish(31), true;
  }
  Label again;
  x.mov(a.sized(rax), a.place());
  x.L(again);
  a.load(rdx, a.rs_);
  if (L == Logic::Clear) x.not_(rdx);
  apply(rdx, rax);
  a.lock();
  x.cmpxchg(a.place(), a.sized(rdx));
  x.jne(again);
  return a.finish(a.rt_), true;
}

bool compare_swap(Emitter& e, u32 insn) {
  AtomicCode a(e, insn);
  a.begin(a.rs_);
  a.load(rax, a.rs_);
  a.load(rdx, a.rt_);
  a.lock();
  a.x_.cmpxchg(a.place(), a.sized(rdx));
  return a.finish(a.rs_), true;
}

/// Sixteen bytes: RDX and RAX are compared with them, RCX and RBX take their place.
bool compare_swap_pair(Emitter& e, u32 insn) {
  constexpr u32 kDoublewords = u32{1} << 30;
  AtomicCode a(e, insn);
  if ((insn & kDoublewords) == 0 || a.rs_ >= 30 || a.rt_ >= 30) return false;
  a.begin_pair();
  auto& x = a.x_;
  const auto whole = [&](int offset) { return qword[rcx + offset]; };
  if (a.several()) {
    // Registers of the guest's make room; their values are there until they are overwritten.
    x.push(rbx);
    x.push(rsi);
    a.push(a.rt_ + 1);
    a.push(a.rt_);
    x.push(rcx);
    a.load(rax, a.rs_);
    a.load(rdx, a.rs_ + 1);
    x.pop(rsi);
    x.pop(rbx);
    x.pop(rcx);
    x.lock();
    x.cmpxchg16b(ptr[rsi]);
    x.pop(rsi);
    x.pop(rbx);
  } else {
    Xbyak::Label different;
    x.mov(rax, whole(0));
    x.mov(rdx, whole(8));
    a.compare(rax, a.rs_);
    x.jne(different);
    a.compare(rdx, a.rs_ + 1);
    x.jne(different);
    x.push(rdx);
    a.load(rdx, a.rt_);
    x.mov(whole(0), rdx);
    a.load(rdx, a.rt_ + 1);
    x.mov(whole(8), rdx);
    x.pop(rdx);
    x.L(different);
  }
  return a.finish_pair(), true;
}

constexpr HostRow kRows[] = {
    {"LDADD", add, HostRow::kAtomic},
    {"LDCLR", logic<Logic::Clear>, HostRow::kAtomic},
    {"LDEOR", logic<Logic::Xor>, HostRow::kAtomic},
    {"LDSET", logic<Logic::Set>, HostRow::kAtomic},
    {"SWP", swap, HostRow::kAtomic},
    {"CAS", compare_swap, HostRow::kCompareSwap},
    {"CASP", compare_swap_pair, HostRow::kCompareSwap | HostRow::kPair},
};

}  // namespace

std::span<const HostRow> host_rows_atomics() { return kRows; }

}  // namespace quince::cpu::jit
