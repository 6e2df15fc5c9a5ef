// Routines for accesses whose page a look at the first-level TLB in line has not found: it may be among those of the
// first level all the same (a page pointer says nothing), or among RecentPages.
#include "cpu/jit/x64/thunks.h"

namespace quince::cpu::jit {

using namespace Xbyak::util;

namespace {

constexpr int kPageMask = -4096;

/// The place in the first-level TLB of an address. Vcpu::l1_index().
void index_of(Xbyak::CodeGenerator& x, const Xbyak::Reg32& to, const Xbyak::Reg32& address) {
  constexpr unsigned kEntryShift = 5;
  static_assert(Native::kTlbEntryBytes == 1u << kEntryShift);
  x.mov(to, address);
  x.shr(to, 12 - kEntryShift);
  x.and_(to, (Native::kTlbEntries - 1) << kEntryShift);
}

/// RCX: the page of the access's last byte, RDX: its address. Shared::Find::recent.
void look_into_recent(Xbyak::CodeGenerator& x, const Shared& s, bool write, bool unprivileged) {
  using Page = RecentPages::Page;
  using Block = RecentPages::Block;
  constexpr unsigned kPageShift = 5, kBlockBytesShift = 4;
  static_assert(sizeof(Page) == 1u << kPageShift && sizeof(Block) == 1u << kBlockBytesShift);
  constexpr int kBlocks = offsetof(RecentPages::Table, blocks);
  const auto table = [&](int at) {
    return unprivileged ? ptr[r15 + rax + (s.at.recent_el0 + at)] : ptr[rax + at];
  };
  const auto to_table = [&] {
    if (!unprivileged) x.add(rax, ptr[r15 + s.at.recent_base]);
  };
  Xbyak::Label out;
  x.sub(dword[r15 + s.at.recent_hits_left], 1);
  x.js(out);
  x.mov(rax, rdx);
  x.shr(rax, 55);
  x.and_(eax, 1);
  x.or_(rcx, ptr[r15 + rax * 8 + s.at.recent_stamps]);
  // RecentPages::index()
  x.mov(rax, rdx);
  x.shr(rax, 14);
  x.xor_(eax, edx);
  x.shr(eax, 12 - kPageShift);
  x.and_(eax, (RecentPages::kEntries - 1) << kPageShift);
  to_table();
  const auto tag = write ? offsetof(Page, write) : offsetof(Page, read);
  x.cmp(rcx, table(static_cast<int>(tag)));
  if (write) {
    x.jne(out);
  } else {
    Xbyak::Label found;
    x.je(found);
    x.and_(rcx, ~static_cast<int>(RecentPages::kBlock & ~RecentPages::kPage));
    x.mov(eax, edx);
    x.shr(eax, RecentPages::kBlockShift - kBlockBytesShift);
    x.and_(eax, (RecentPages::kBlocks - 1) << kBlockBytesShift);
    to_table();
    x.cmp(rcx, table(kBlocks + static_cast<int>(offsetof(Block, read))));
    x.jne(out);
    x.mov(rcx, table(kBlocks + static_cast<int>(offsetof(Block, addend))));
    x.ret();
    x.L(found);
  }
  x.mov(rcx, table(offsetof(Page, addend)));
  x.L(out);
  x.ret();
}

/// Looks into the first-level TLB as Emitter::probe() does, for one access. Shared::Find::first.
void look_into_first(Xbyak::CodeGenerator& x, const Shared& s, bool write) {
  Xbyak::Label missed;
  x.add(rcx, rdx);
  x.and_(rcx, kPageMask);
  index_of(x, eax, edx);
  x.cmp(rcx, ptr[r14 + rax + (write ? Native::kTlbWrite : Native::kTlbRead)]);
  x.jne(missed);
  x.mov(rcx, ptr[r14 + rax + Native::kTlbAddend]);
  x.ret();
  x.L(missed);
  look_into_recent(x, s, write, false);
}

/// Shared::Find::kept.
void find_kept(Xbyak::CodeGenerator& x, const Shared& s, bool write) {
  const auto site = [](std::size_t member) { return rcx + static_cast<int>(member); };
  Xbyak::Label alone;
  x.push(rsi);
  x.push(rcx);
  x.movsx(rax, word[site(offsetof(Site, high))]);
  x.lea(rax, ptr[rdx + rax - 1]);
  x.and_(rax, kPageMask);
  x.movsx(rsi, word[site(offsetof(Site, low))]);
  x.add(rsi, rdx);
  index_of(x, ecx, esi);
  x.cmp(rax, ptr[r14 + rcx + Native::kTlbWrite]);
  x.jne(alone);
  x.mov(rsi, ptr[r14 + rcx + Native::kTlbAddend]);
  x.pop(rcx);
  x.movsxd(rcx, dword[site(offsetof(Site, pointer))]);
  x.mov(ptr[r15 + rcx + Native::kPointerPage], rax);
  x.mov(ptr[r15 + rcx + Native::kPointerAddend], rsi);
  x.mov(rcx, rsi);
  x.pop(rsi);
  x.cmp(eax, eax);
  x.ret();
  x.L(alone);
  x.pop(rsi);  // the Site
  x.movsxd(rax, dword[rsi + static_cast<int>(offsetof(Site, pointer))]);
  x.mov(qword[r15 + rax + Native::kPointerPage], Native::kNoPage);
  x.mov(qword[r15 + rax + Native::kPointerAddend], 0);
  x.movzx(eax, byte[rsi + static_cast<int>(offsetof(Site, elements))]);
  x.movzx(ecx, byte[rsi + static_cast<int>(offsetof(Site, log2))]);
  x.shl(eax, cl);
  x.lea(ecx, ptr[rax - 1]);
  x.pop(rsi);
  look_into_first(x, s, write);
}

}  // namespace

void find_routines(Xbyak::CodeGenerator& x, Shared& s) {
  for (const bool write : {false, true}) {
    Shared::Find& find = s.find[write];
    find.first = x.getCurr();
    look_into_first(x, s, write);
    const auto recent = [&](bool unprivileged) {
      const u8* const at = x.getCurr();
      x.add(rcx, rdx);
      x.and_(rcx, kPageMask);
      look_into_recent(x, s, write, unprivileged);
      return at;
    };
    find.recent = recent(false);
    find.unprivileged = recent(true);
    find.kept = x.getCurr();
    find_kept(x, s, write);
  }
}

}  // namespace quince::cpu::jit
