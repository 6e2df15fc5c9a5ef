#include "cpu/jit/x64/thunks.h"

#include "base/assert.h"
#include "cpu/jit/far_jumps.h"

namespace quince::cpu::jit {

using namespace Xbyak::util;

namespace {

/// Registers that a call may overwrite and translated code relies on.
const Xbyak::Reg64 kKept[] = {rdx, rsi, rdi, r8, r9, r10, r11};

/// `frame`: from RSP to the Frame.  FPSR gets what MXCSR has gathered (Intel SDM, volume 1, 10.2.3: the flags are IE, DE, ZE, OE, UE, PE from bit
/// 0; DDI 0487, FPSR: IOC, DZC, OFC, UFC, IXC).  DE has no counterpart without flushing.
void harvest(Xbyak::CodeGenerator& x, int frame, const Xbyak::Reg32& t) {
  const auto fpsr = dword[r15 + static_cast<int>(offsetof(CpuState, fpsr))];
  x.stmxcsr(dword[rsp + frame + Frame::kMxcsrNow]);
  x.mov(t, dword[rsp + frame + Frame::kMxcsrNow]);
  x.and_(t, 1);
  x.or_(fpsr, t);
  x.mov(t, dword[rsp + frame + Frame::kMxcsrNow]);
  x.shr(t, 1);
  x.and_(t, 0x1e);
  x.or_(fpsr, t);
}

/// In front of a call: C++ code overwrites the flags in MXCSR.
const u8* with_fp_kept(Xbyak::CodeGenerator& x, const u8* plain) {
  constexpr int kFrame = 8;  // behind the return address
  const u8* const at = x.getCurr();
  x.cmp(dword[rsp + kFrame + Frame::kFpLive], 0);
  x.je(plain);
  harvest(x, kFrame, eax);
  x.sub(rsp, 8);
  x.call(plain);
  x.lea(rsp, ptr[rsp + 8]);  // ZF stays
  x.ldmxcsr(dword[rsp + kFrame + Frame::kMxcsrClear]);
  x.ret();
  return at;
}

/// A call that keeps registers.  RDX: the address; RCX: the Site.
const u8* keeping_call(Xbyak::CodeGenerator& x, const Shared& s, const void* target, bool addend) {
  const u8* const at = x.getCurr();
  for (const auto& r : kKept) x.push(r);
  // Vectors that are loaded already.  With the return address that keeps RSP at 16 bytes.
  constexpr int kVectors = 4;
  x.sub(rsp, 16 * kVectors);
  for (int i = 0; i < kVectors; ++i) x.vmovdqu(ptr[rsp + 16 * i], Xbyak::Xmm(i));
  x.lea(rdi, ptr[r15 + s.at.vcpu]);
  x.mov(rsi, rdx);
  x.mov(rdx, rcx);
  x.mov(rcx, r13);
  x.mov(rax, reinterpret_cast<u64>(target));
  x.call(rax);
  if (addend) x.mov(rcx, rax);
  for (int i = 0; i < kVectors; ++i) x.vmovdqu(Xbyak::Xmm(i), ptr[rsp + 16 * i]);
  x.add(rsp, 16 * kVectors);
  for (std::size_t i = std::size(kKept); i-- > 0;) x.pop(kKept[i]);
  x.mov(r13, ptr[r15 + s.at.budget]);
  x.mov(r14, ptr[r15 + s.at.l1_base]);
  x.cmp(byte[r15 + s.at.redirect], 0);
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
  x.cmp(byte[r15 + s.at.redirect], 0);
  x.ret();
  return at;
}

/// RAX: where to go, which the jump cache has not. It gets the entry of FarJumps, if there is one.
const u8* jump_far(Xbyak::CodeGenerator& x, const Shared& s, unsigned level, unsigned btype) {
  const u8* const at = x.getCurr();
  constexpr int kBytes = FarJumps::kGenerationShift;
  Xbyak::Label missed;
  x.mov(rcx, rax);
  x.shr(rcx, FarJumps::kShift);
  x.xor_(ecx, eax);
  x.and_(ecx, (FarJumps::kEntries - 1) << 2);
  if (btype != 0) x.xor_(ecx, FarJumps::salt(btype) << 2);
  x.mov(rdx, ptr[r15 + s.at.far]);
  x.cmp(rax, ptr[rdx + rcx * 4 + FarJumps::table_offset(level)]);
  x.jne(missed);
  x.mov(rcx, ptr[rdx + rcx * 4 + FarJumps::table_offset(level) + 8]);
  x.mov(rsi, rcx);
  x.shr(rsi, kBytes);
  x.cmp(esi, dword[rdx + FarJumps::generation_offset(level)]);
  x.jne(missed);
  x.shl(rcx, 64 - kBytes);
  x.shr(rcx, 64 - kBytes);
  x.mov(byte[rdx + FarJumps::used_offset(level)], 1);
  x.mov(edx, eax);
  x.and_(edx, (Native::kJumps - 1) << 2);
  if (btype != 0) x.xor_(edx, Native::jump_salt(btype) << 2);
  x.mov(ptr[r15 + rdx * 4 + s.at.jumps[level]], rax);
  x.mov(ptr[r15 + rdx * 4 + s.at.jumps[level] + 8], rcx);
  if (btype != 0) {  // for an exception of the next instruction
    x.mov(byte[r15 + s.at.begun_btype], btype);
    x.mov(qword[r15 + s.at.begun], r13);
  }
  x.and_(rax, -4096);
  x.mov(qword[r15 + s.at.page], rax);
  x.jmp(rcx);
  x.L(missed);
  if (btype != 0)
    x.mov(byte[r15 + static_cast<int>(offsetof(CpuState, pstate) + offsetof(PState, btype))],
          btype);
  x.mov(ptr[r15 + static_cast<int>(offsetof(CpuState, pc))], rax);
  x.mov(eax, 1);
  x.jmp(s.leave, x.T_NEAR);
  return at;
}

}  // namespace

Thunks::Thunks(u8* at, std::size_t room, Shared& shared, const ThunkTargets& targets,
               const FeatureSet& features) {
  Xbyak::CodeGenerator x(room, at);
  const Xbyak::Reg64 saved[] = {rbx, rbp, r12, r13, r14, r15};
  const u8* const start = x.getCurr();
  for (const auto& r : saved) x.push(r);
  x.sub(rsp, Frame::kBytes);
  x.mov(dword[rsp + Frame::kFpLive], 0);
  x.mov(dword[rsp + Frame::kMxcsrClear], Frame::kMxcsrDefault);
  x.mov(r15, rdi);
  x.mov(r14, rdx);
  x.mov(r13, rcx);
  x.jmp(rsi);
  shared.leave_at = x.getCurr();
  x.add(rax, ptr[r15 + shared.at.page]);
  x.mov(ptr[r15 + static_cast<int>(offsetof(CpuState, pc))], rax);
  x.xor_(eax, eax);
  shared.leave = x.getCurr();
  Xbyak::Label no_fp;
  x.cmp(dword[rsp + Frame::kFpLive], 0);
  x.je(no_fp);
  harvest(x, 0, ecx);
  x.mov(dword[rsp + Frame::kFpLive], 0);
  x.L(no_fp);
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
  x.add(rsp, Frame::kBytes);
  for (std::size_t i = std::size(saved); i-- > 0;) x.pop(saved[i]);
  x.ret();
  unknown = x.getCurr();
  x.mov(ptr[r15 + static_cast<int>(offsetof(CpuState, pc))], rax);
  x.mov(eax, 1);
  x.jmp(shared.leave, x.T_NEAR);
  for (unsigned level = 0; level < 2; ++level)
    for (unsigned btype = 0; btype < 4; ++btype)
      shared.jump_far[level][btype] = jump_far(x, shared, level, btype);
  const auto call = [&](const auto& function, auto how) {
    return with_fp_kept(x, how(reinterpret_cast<const void*>(function)));
  };
  const auto keeping = [&](bool addend) {
    return [&x, &shared, addend](const void* f) { return keeping_call(x, shared, f, addend); };
  };
  const auto missed = [&](const auto& function, bool load, const u8*& again) {
    const u8* const plain = keeping_call(x, shared, reinterpret_cast<const void*>(function), load);
    again = x.getCurr();
    x.mov(rcx, ptr[rsp + 8 + Frame::kSite]);
    return with_fp_kept(x, plain);
  };
  shared.load_missed = missed(targets.load_missed, true, shared.load_missed_again);
  shared.store_missed = missed(targets.store_missed, false, shared.store_missed_again);
  find_routines(x, shared);
  shared.small_call = call(targets.small_call, keeping(false));
  shared.call = call(targets.call, [&](const void* f) { return plain_call(x, shared, f); });
  if (shared.host.fast_pext) {
    shared.supervisor_call = exception_routine(x, shared, features, false);
    shared.exception_return = exception_routine(x, shared, features, true);
  }
  for (unsigned key = 0; key < 2; ++key)
    for (const bool authenticates : {false, true})
      shared.pac[2 * key + authenticates] = pauth_routine(x, shared, key, authenticates);
  for (const bool several : {false, true})
    for (const bool store : {false, true})
      for (unsigned log2 = 0; log2 < 4; ++log2)
        shared.exclusive[several][store][log2] = exclusive_routine(x, shared, log2, store, several);
  QUINCE_ASSERT(Xbyak::GetError() == Xbyak::ERR_NONE);
  enter = start;
  bytes = x.getSize();
}

}  // namespace quince::cpu::jit
