// LDXR, LDAXR, STXR and STLXR (Arm ARM DDI 0487, C6.2; exclusives: B2.12) as calls of routines that all regions share.
//
// They do what the meanings do (cpu/a64/sem/ldst_atomic.h, Vcpu::hold_monitored) where nothing has to be found out:
//  * with one CPU the value decides;
//  * with several, the page is one of Vcpu::monitored_pages_, whose slot of the global monitor has the epoch of then.
// A load exclusive takes no lock: it reads the version, that nobody holds the page, and the value, in this order, which the
// host keeps. Who writes holds the page from before he changes the version until the value is there; so whoever writes
// behind the load finds, or leaves, another version. A store exclusive holds the page as its meaning does.
//
// Everything else is a call: pairs, pages that are not watched yet, watched no longer, or held by somebody.
#include "cpu/jit/x64/atomic_code.h"
#include "cpu/jit/x64/host_rows.h"
#include "cpu/jit/x64/thunks.h"

namespace quince::cpu::jit {

using namespace Xbyak::util;

namespace {

using Layout = hw::ExclusiveMonitors::Layout;

/// What both routines are made of. RCX: the location in the host's memory, RAX: the number of its entry in the first-level
/// TLB, RDX: what is to be stored. Behind it ZF says that it is done, and RAX has the result; else nothing has happened.
class Routine {
 public:
  Routine(Xbyak::CodeGenerator& x, const Shared& s, unsigned log2, bool several)
      : x_(x), s_(s), log2_(log2), several_(several) {}

  void load();
  void store();

 private:
  static constexpr unsigned kEntryShift = 5;
  static_assert(Native::kMonitoredBytes == 1u << kEntryShift);

  static constexpr u32 valid(unsigned log2) { return 1u | log2 << 8; }
  static_assert(offsetof(CpuState, excl_log2) == offsetof(CpuState, excl_valid) + 1);

  static int token(std::size_t member) {
    return static_cast<int>(offsetof(CpuState, excl_token) + member);
  }
  static constexpr std::size_t kEpoch = offsetof(hw::ExclusiveMonitors::Token, epoch),
                               kVersion = offsetof(hw::ExclusiveMonitors::Token, version);
  Mem state(const MemFrame& frame, std::size_t member) const {
    return frame[r15 + static_cast<int>(member)];
  }
  /// RAX: of Vcpu::monitored_pages_.
  Mem known(const MemFrame& frame, int member) const {
    return frame[r15 + rax + (s_.at.monitored_pages + member)];
  }
  /// The place for the page in RSI. Others than RAX stay.
  void find_known(Xbyak::Label& unknown) {
    x_.mov(eax, esi);
    x_.shr(eax, 12 - kEntryShift);
    x_.and_(eax, (Native::kMonitoredPages - 1) << kEntryShift);
    x_.cmp(rsi, known(qword, Native::kMonitoredPage));
    x_.jne(unknown, x_.T_NEAR);
  }
  void load_value() {
    switch (log2_) {
      case 0:
        return x_.movzx(eax, byte[rcx]);
      case 1:
        return x_.movzx(eax, word[rcx]);
      case 2:
        return x_.mov(eax, dword[rcx]);
      default:
        return x_.mov(rax, qword[rcx]);
    }
  }
  void compare_exchange() {
    const Xbyak::Reg value = log2_ == 0   ? static_cast<Xbyak::Reg>(dl)
                             : log2_ == 1 ? static_cast<Xbyak::Reg>(dx)
                             : log2_ == 2 ? static_cast<Xbyak::Reg>(edx)
                                          : static_cast<Xbyak::Reg>(rdx);
    x_.mov(rax, state(qword, offsetof(CpuState, excl_data)));
    if (several_) x_.lock();
    x_.cmpxchg(ptr[rcx], value);
  }
  /// From an offset in the page, in a register: that of its granule's version.
  void to_version(const Xbyak::Reg32& r) {
    static_assert(hw::ExclusiveMonitors::kGranule == 16 && hw::ExclusiveMonitors::kPage == 4096);
    x_.and_(r, 0xff0);
    x_.shr(r, 2);
  }
  void leave(std::initializer_list<Xbyak::Reg64> pushed) {
    for (const Xbyak::Reg64& r : pushed) x_.pop(r);
    x_.ret();
  }

  Xbyak::CodeGenerator& x_;
  const Shared& s_;
  const unsigned log2_;
  const bool several_;
};

void Routine::load() {
  Xbyak::Label slow;
  x_.push(rsi);
  x_.push(rdi);
  x_.push(r8);
  x_.mov(rdx, rcx);
  x_.sub(rdx, ptr[r14 + rax * 8 + Native::kTlbAddend]);
  x_.mov(rsi, ptr[r14 + rax * 8 + Native::kTlbPaPage]);
  x_.and_(rsi, -4096);
  if (several_) {
    find_known(slow);
    x_.mov(rdi, known(qword, Native::kMonitoredSlot));
    x_.mov(r8d, known(dword, Native::kMonitoredEpoch));
    x_.cmp(r8d, dword[rdi + static_cast<int>(Layout::kEpoch)]);
    x_.jne(slow, x_.T_NEAR);
    x_.mov(eax, edx);
    to_version(eax);
    x_.mov(eax, dword[rdi + rax + static_cast<int>(Layout::kVersions)]);
    x_.cmp(byte[rdi + static_cast<int>(Layout::kLocked)], 0);
    x_.jne(slow, x_.T_NEAR);
    x_.mov(dword[r15 + token(kEpoch)], r8d);
    x_.mov(dword[r15 + token(kVersion)], eax);
    x_.mov(dword[rdi + static_cast<int>(Layout::kWrites)], 0);
  } else {
    x_.mov(qword[r15 + token(0)], 0);
  }
  load_value();
  x_.mov(state(qword, offsetof(CpuState, excl_va)), rdx);
  x_.and_(edx, 4095);
  x_.or_(rdx, rsi);
  x_.mov(state(qword, offsetof(CpuState, excl_pa)), rdx);
  x_.mov(state(qword, offsetof(CpuState, excl_data)), rax);
  x_.mov(state(qword, offsetof(CpuState, excl_data) + 8), 0);
  x_.mov(state(MemFrame{16}, offsetof(CpuState, excl_valid)), valid(log2_));
  x_.cmp(edx, edx);
  x_.L(slow);
  leave({r8, rdi, rsi});
}

void Routine::store() {
  Xbyak::Label failed, done, slow, unlock;
  x_.push(rsi);
  x_.push(rdi);
  x_.mov(rdi, rcx);
  x_.sub(rdi, ptr[r14 + rax * 8 + Native::kTlbAddend]);
  x_.mov(rsi, ptr[r14 + rax * 8 + Native::kTlbPaPage]);
  if (several_) {
    x_.test(esi, Native::kWatchedWrite);
    x_.jz(slow, x_.T_NEAR);
  }
  x_.and_(rsi, -4096);
  x_.and_(edi, 4095);
  x_.cmp(state(MemFrame{16}, offsetof(CpuState, excl_valid)), valid(log2_));
  x_.jne(failed, x_.T_NEAR);
  x_.lea(rax, ptr[rsi + rdi]);
  x_.cmp(rax, state(qword, offsetof(CpuState, excl_pa)));
  x_.jne(failed, x_.T_NEAR);
  if (several_) {
    x_.cmp(dword[r15 + token(kEpoch)], 0);
    x_.je(slow, x_.T_NEAR);
    find_known(slow);
    x_.mov(rax, known(qword, Native::kMonitoredSlot));
    to_version(edi);
    x_.mov(esi, 1);
    x_.xchg(byte[rax + static_cast<int>(Layout::kLocked)], sil);
    x_.test(sil, sil);
    x_.jnz(slow, x_.T_NEAR);
    x_.lea(rdi, ptr[rax + rdi + static_cast<int>(Layout::kVersions)]);
    x_.mov(rsi, rax);
    x_.mov(eax, dword[r15 + token(kEpoch)]);
    x_.cmp(eax, dword[rsi + static_cast<int>(Layout::kEpoch)]);
    x_.jne(unlock, x_.T_NEAR);
    x_.mov(eax, dword[r15 + token(kVersion)]);
    x_.cmp(eax, dword[rdi]);
    x_.jne(unlock, x_.T_NEAR);
    compare_exchange();
    x_.jne(unlock, x_.T_NEAR);
    x_.inc(dword[rdi]);
    x_.mov(byte[rsi + static_cast<int>(Layout::kLocked)], 0);
  } else {
    compare_exchange();
    x_.jne(failed, x_.T_NEAR);
  }
  x_.xor_(eax, eax);
  x_.L(done);
  x_.mov(state(byte, offsetof(CpuState, excl_valid)), 0);
  x_.cmp(ecx, ecx);
  leave({rdi, rsi});
  x_.L(unlock);
  if (several_) x_.mov(byte[rsi + static_cast<int>(Layout::kLocked)], 0);
  x_.L(failed);
  x_.mov(eax, 1);
  x_.jmp(done, x_.T_NEAR);
  x_.L(slow);
  x_.test(rsp, rsp);
  leave({rdi, rsi});
}

bool load_exclusive(Emitter& e, u32 insn) {
  AtomicCode a(e, insn);
  a.begin_exclusive(a.rt_, false);
  a.call(a.shared().exclusive[a.several()][0][a.log2_]);
  return a.finish(a.rt_), true;
}

bool store_exclusive(Emitter& e, u32 insn) {
  AtomicCode a(e, insn);
  // A watched page has no fast way to write there.
  a.begin_exclusive(a.rs_, !a.several());
  a.load(rdx, a.rt_);
  a.call(a.shared().exclusive[a.several()][1][a.log2_]);
  constexpr unsigned kStatusLog2 = 2;
  return a.finish(a.rs_, kStatusLog2), true;
}

constexpr HostRow kRows[] = {
    {"LDXR", load_exclusive, HostRow::kAtomic},
    {"STXR", store_exclusive, HostRow::kCompareSwap},
};

}  // namespace

const u8* exclusive_routine(Xbyak::CodeGenerator& x, const Shared& s, unsigned log2, bool store,
                            bool several) {
  const u8* const at = x.getCurr();
  Routine routine(x, s, log2, several);
  store ? routine.store() : routine.load();
  return at;
}

std::span<const HostRow> host_rows_exclusives() { return kRows; }

}  // namespace quince::cpu::jit
