#include "cpu/jit/x64/thunks.h"

namespace quince::cpu::jit {

using namespace Xbyak::util;

namespace {

/// Registers that a call may overwrite and translated code relies on.
const Xbyak::Reg64 kKept[] = {rdx, rsi, rdi, r8, r9, r10, r11};

/// A call that keeps registers.  RDX: the address; RCX: the Site.
const u8* keeping_call(Xbyak::CodeGenerator& x, const Shared& s, const void* target, bool addend) {
  const u8* const at = x.getCurr();
  for (const auto& r : kKept) x.push(r);
  // Two vectors that are loaded already.  With the return address that keeps RSP at 16 bytes.
  x.sub(rsp, 32);
  x.vmovdqu(ptr[rsp], xmm0);
  x.vmovdqu(ptr[rsp + 16], xmm1);
  x.lea(rdi, ptr[r15 + s.at.vcpu]);
  x.mov(rsi, rdx);
  x.mov(rdx, rcx);
  x.mov(rcx, r13);
  x.mov(rax, reinterpret_cast<u64>(target));
  x.call(rax);
  if (addend) x.mov(rcx, rax);
  x.vmovdqu(xmm0, ptr[rsp]);
  x.vmovdqu(xmm1, ptr[rsp + 16]);
  x.add(rsp, 32);
  for (std::size_t i = std::size(kKept); i-- > 0;) x.pop(kKept[i]);
  x.mov(r13, ptr[r15 + s.at.budget]);
  x.mov(r14, ptr[r15 + s.at.l1_base]);
  x.movzx(eax, byte[r15 + s.at.redirect]);
  x.ret();
  return at;
}

/// A call for which everything is in memory.  RCX: the Site.
const u8* plain_call(Xbyak::CodeGenerator& x, const Shared& s, const void* target) {
  const u8* const at = x.getCurr();
  x.sub(rsp, 8);
  x.lea(rdi, ptr[r15 + s.at.vcpu]);
  x.mov(rdx, rcx);
  x.mov(rcx, r13);
  x.mov(rax, reinterpret_cast<u64>(target));
  x.call(rax);
  x.add(rsp, 8);
  x.mov(r13, ptr[r15 + s.at.budget]);
  x.mov(r14, ptr[r15 + s.at.l1_base]);
  x.movzx(eax, byte[r15 + s.at.redirect]);
  x.ret();
  return at;
}

}  // namespace

Thunks::Thunks(u8* at, std::size_t room, Shared& shared, const ThunkTargets& targets) {
  Xbyak::CodeGenerator x(room, at);
  const Xbyak::Reg64 saved[] = {rbx, rbp, r12, r13, r14, r15};
  const u8* const start = x.getCurr();
  for (const auto& r : saved) x.push(r);
  x.sub(rsp, 8);
  x.mov(r15, rdi);
  x.mov(r14, rdx);
  x.mov(r13, rcx);
  x.jmp(rsi);
  shared.leave = x.getCurr();
  x.mov(ptr[r15 + shared.at.budget], r13);
  x.lea(rdi, ptr[r15 + shared.at.vcpu]);
  x.mov(rsi, rax);
  x.mov(rax, reinterpret_cast<u64>(targets.next));
  x.call(rax);
  Xbyak::Label out;
  x.test(rax, rax);
  x.jz(out);
  x.mov(r13, ptr[r15 + shared.at.budget]);
  x.mov(r14, ptr[r15 + shared.at.l1_base]);
  x.jmp(rax);
  x.L(out);
  x.add(rsp, 8);
  for (std::size_t i = std::size(saved); i-- > 0;) x.pop(saved[i]);
  x.ret();
  unknown = x.getCurr();
  x.mov(ptr[r15 + static_cast<int>(offsetof(CpuState, pc))], rax);
  x.mov(eax, 1);
  x.jmp(shared.leave, x.T_NEAR);
  shared.load_missed =
      keeping_call(x, shared, reinterpret_cast<const void*>(targets.load_missed), true);
  shared.store_missed =
      keeping_call(x, shared, reinterpret_cast<const void*>(targets.store_missed), false);
  shared.small_call = keeping_call(x, shared, reinterpret_cast<const void*>(targets.call), false);
  shared.call = plain_call(x, shared, reinterpret_cast<const void*>(targets.call));
  enter =
      reinterpret_cast<void (*)(void*, const u8*, const void*, s64)>(reinterpret_cast<u64>(start));
  bytes = x.getSize();
}

}  // namespace quince::cpu::jit
