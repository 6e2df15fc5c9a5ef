// LSE atomics (Arm ARM DDI 0487, C6.2: LDADD and its like, SWP, CAS) as locked instructions of the host, which
// order everything around them and so are every form of acquire and release.  With one CPU nobody is between the
// parts of an instruction, and it needs no lock.
//
// What the first-level TLB does not let be written is a call: pages with exclusive monitors among it.
#include "cpu/jit/x64/atomic_code.h"
#include "cpu/jit/x64/host_rows.h"

namespace quince::cpu::jit {

using namespace Xbyak::util;

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
