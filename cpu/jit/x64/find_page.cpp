// Routines for accesses whose page a look at the first-level TLB in line has not found: it may be among those of the
// first level all the same (a page pointer says nothing), or among RecentPages.
#include "cpu/jit/x64/thunks.h"

namespace quince::cpu::jit {

using namespace Xbyak::util;

namespace {

constexpr int kPageMask = -4096;

/// FirstLevel::index()
void index_of(Xbyak::CodeGenerator& x, const Xbyak::Reg32& to, const Xbyak::Reg32& address) {
  x.mov(to, address);
  x.shr(to, 12);
  x.and_(to, FirstLevel::kEntries - 1);
}

using Read = RecentPages::Read;
using Write = RecentPages::Write;
using Block = RecentPages::Block;
using Table = RecentPages::Table;

// Members of a Table's first entries.
constexpr std::size_t kRead = offsetof(Table, reads), kWrite = offsetof(Table, writes),
                      kBlock = offsetof(Table, blocks);

/// What has the address in RDX, by the rest of RecentPages: RAX is where.
class Recent {
 public:
  Recent(Xbyak::CodeGenerator& x, const Shared& s, bool write, bool unprivileged)
      : x_(x), s_(s), write_(write), unprivileged_(unprivileged) {}
  void write_code();

 private:
  Xbyak::Address at(std::size_t member) const {
    const int distance = static_cast<int>(member);
    return unprivileged_ ? ptr[r15 + rax + (s_.at.recent_el0 + distance)] : ptr[rax + distance];
  }
  /// RAX, a distance in the table, becomes what at() wants.
  void to_table() {
    if (!unprivileged_) x_.add(rax, ptr[r15 + s_.at.recent_base]);
  }
  Xbyak::Address entry(int column) const;
  void look_for_block();
  void put_back_block();
  void put_back_page();
  void finish_entry(Xbyak::Label& found);
  void note_private();

  Xbyak::CodeGenerator& x_;
  const Shared& s_;
  const bool write_, unprivileged_;
};

/// RCX: the tag of a page, which may be part of a block. Returns to the access if it is, with RSI from the stack;
/// otherwise RSI is lost.
void Recent::look_for_block() {
  constexpr unsigned kShift = 5;
  static_assert(sizeof(Block) == 1u << kShift);
  Xbyak::Label no_block, often;
  x_.mov(rsi, rcx);
  x_.and_(rsi, ~static_cast<int>(RecentPages::kBlock & ~RecentPages::kPage));
  x_.mov(eax, edx);
  x_.shr(eax, RecentPages::kBlockShift - kShift);
  x_.and_(eax, (RecentPages::kBlocks - 1) << kShift);
  to_table();
  x_.cmp(rsi, at(kBlock + offsetof(Block, read)));
  x_.jne(no_block, x_.T_NEAR);
  x_.sub(dword[r15 + s_.at.blocks_left], 1);
  x_.js(often);
  x_.mov(rcx, at(kBlock + offsetof(Block, addend)));
  x_.pop(rsi);
  x_.cmp(eax, eax);
  x_.ret();
  x_.L(often);
  put_back_block();
  x_.L(no_block);
}

/// RSI: the number of an entry of the first level that is of this address space only. Vcpu::note_private().
void Recent::note_private() {
  Xbyak::Label out, full;
  const auto filled = dword[r15 + s_.at.private_filled];
  x_.mov(byte[r15 + s_.at.private_pages], 1);
  x_.mov(ecx, filled);
  x_.cmp(ecx, Native::kPrivateFills);
  x_.ja(out);
  x_.je(full);
  if (!unprivileged_) {
    x_.imul(eax, dword[r15 + s_.at.l1_number], FirstLevel::kEntries);
    x_.add(esi, eax);
  }
  x_.mov(word[r15 + rcx * 2 + s_.at.private_fills], si);
  x_.L(full);
  x_.add(filled, 1);
  x_.L(out);
}

/// An entry of the first level by its number in RSI.
Xbyak::Address Recent::entry(int column) const {
  return unprivileged_ ? qword[r15 + rsi * 8 + (s_.at.l1 + column)] : qword[r14 + rsi * 8 + column];
}

/// RCX: the tag of a page, RAX: its block, whose part goes into the first level. On the stack: RSI.
void Recent::put_back_block() {
  Xbyak::Label found;
  x_.mov(dword[r15 + s_.at.blocks_left], RecentPages::kBlocksFound - 1);
  x_.push(rdi);
  x_.mov(rdi, at(kBlock + offsetof(Block, addend)));
  index_of(x_, esi, edx);
  x_.and_(rcx, kPageMask);
  x_.cmp(rcx, entry(Native::kTlbWrite));
  x_.mov(entry(Native::kTlbRead), rcx);
  x_.je(found, x_.T_NEAR);
  x_.mov(entry(Native::kTlbWrite), static_cast<u32>(Native::kNoPage));
  x_.mov(ecx, edx);
  x_.and_(ecx, static_cast<u32>(RecentPages::kBlock & ~RecentPages::kPage));
  x_.add(rcx, at(kBlock + offsetof(Block, pa_page)));
  finish_entry(found);
}

/// RCX: the tag of the page at RAX in the table, which goes into the first level.
void Recent::put_back_page() {
  Xbyak::Label found;
  x_.mov(dword[r15 + s_.at.pages_left], RecentPages::kPagesFound - 1);
  x_.push(rsi);
  x_.push(rdi);
  x_.mov(edi, ecx);
  x_.and_(edi, static_cast<u32>(RecentPages::kPage));
  index_of(x_, esi, edx);
  x_.mov(rcx, at(kRead + offsetof(Read, tag)));
  x_.xor_(rcx, rdi);
  x_.mov(entry(Native::kTlbRead), rcx);
  x_.mov(rcx, at(kWrite + offsetof(Write, tag)));
  x_.xor_(rcx, rdi);
  x_.mov(entry(Native::kTlbWrite), rcx);
  x_.mov(rdi, at(kRead + offsetof(Read, addend)));
  x_.mov(rcx, at(kWrite + offsetof(Write, pa_page)));
  finish_entry(found);
}

/// RCX, RDI: the pa_page and addend of the entry RSI; `found`: it has them already. On the stack: RDI and RSI. Returns to
/// the access.
void Recent::finish_entry(Xbyak::Label& found) {
  x_.mov(entry(Native::kTlbAddend), rdi);
  x_.mov(entry(Native::kTlbPaPage), rcx);
  x_.test(ecx, static_cast<u32>(Native::kPrivate));
  x_.jz(found);
  note_private();
  x_.L(found);
  x_.mov(rcx, rdi);
  x_.pop(rdi);
  x_.pop(rsi);
  x_.cmp(eax, eax);
  x_.ret();
}

/// RCX: the page of the access's last byte. Shared::Find::recent.
void Recent::write_code() {
  constexpr unsigned kShift = 4;
  static_assert(sizeof(Read) == 1u << kShift && sizeof(Write) == 1u << kShift);
  Xbyak::Label out, often;
  // Places may be the same for pages that follow each other.
  x_.mov(rax, rcx);
  x_.xor_(rax, rdx);
  x_.test(rax, kPageMask);
  x_.jnz(out, x_.T_NEAR);
  x_.mov(rax, rdx);
  x_.shr(rax, 55);
  x_.and_(eax, 1);
  x_.or_(rcx, ptr[r15 + rax * 8 + s_.at.stamps]);
  x_.push(rsi);
  if (!write_) look_for_block();
  // RecentPages::index()
  x_.mov(eax, ecx);
  x_.and_(eax, static_cast<u32>(RecentPages::kPage));
  x_.imul(eax, eax, static_cast<int>(RecentPages::kMultiplier));
  x_.mov(rsi, rdx);
  x_.xor_(eax, edx);
  x_.shr(rsi, RecentPages::kFold);
  x_.xor_(eax, esi);
  x_.pop(rsi);
  x_.shr(eax, 12 - kShift);
  x_.and_(eax, (RecentPages::kEntries - 1) << kShift);
  to_table();
  x_.cmp(rcx, at(write_ ? kWrite + offsetof(Write, tag) : kRead + offsetof(Read, tag)));
  x_.jne(out);
  x_.sub(dword[r15 + s_.at.pages_left], 1);
  x_.js(often);
  x_.mov(rcx, at(kRead + offsetof(Read, addend)));
  x_.cmp(eax, eax);
  x_.L(out);
  x_.ret();
  x_.L(often);
  put_back_page();
}

/// RCX, a Site, becomes the last byte of its access.
void last_byte(Xbyak::CodeGenerator& x) {
  x.movzx(ecx, byte[rcx + static_cast<int>(offsetof(Site, last))]);
  x.add(rcx, rdx);
}

/// Looks into the first-level TLB as Emitter::probe() does, for one access. Shared::Find::first.
void look_into_first(Xbyak::CodeGenerator& x, const Shared& s, bool write) {
  Xbyak::Label missed;
  last_byte(x);
  x.and_(rcx, kPageMask);
  index_of(x, eax, edx);
  x.cmp(rcx, ptr[r14 + rax * 8 + (write ? Native::kTlbWrite : Native::kTlbRead)]);
  x.jne(missed);
  x.mov(rcx, ptr[r14 + rax * 8 + Native::kTlbAddend]);
  x.ret();
  x.L(missed);
  Recent(x, s, write, false).write_code();
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
  x.cmp(rax, ptr[r14 + rcx * 8 + Native::kTlbWrite]);
  x.jne(alone);
  x.mov(rsi, ptr[r14 + rcx * 8 + Native::kTlbAddend]);
  x.pop(rcx);
  x.movsxd(rcx, dword[site(offsetof(Site, pointer))]);
  x.mov(ptr[r15 + rcx + Native::kPointerPage], rax);
  x.mov(ptr[r15 + rcx + Native::kPointerAddend], rsi);
  x.mov(rcx, rsi);
  x.pop(rsi);
  x.cmp(eax, eax);
  x.ret();
  x.L(alone);
  x.pop(rcx);
  x.pop(rsi);
  x.movsxd(rax, dword[site(offsetof(Site, pointer))]);
  x.mov(qword[r15 + rax + Native::kPointerPage], Native::kNoPage);
  x.mov(qword[r15 + rax + Native::kPointerAddend], 0);
  look_into_first(x, s, write);
}

/// Shared::Find::leads. `recent`: write_code() of this kind.
void find_leading(Xbyak::CodeGenerator& x, const Shared& s, bool write, const u8* recent) {
  const auto at = [](std::size_t member) { return static_cast<int>(member); };
  Xbyak::Label alone;
  x.push(rsi);
  x.push(rcx);
  x.push(rdx);
  x.movsx(rax, word[rcx + at(offsetof(Site, low))]);
  x.movsx(rcx, word[rcx + at(offsetof(Site, high))]);
  x.lea(rcx, ptr[rdx + rcx - 1]);
  x.and_(rcx, kPageMask);
  x.mov(rsi, rcx);
  x.add(rdx, rax);
  x.call(recent);
  x.pop(rdx);
  x.pop(rax);
  x.jnz(alone);
  x.movsxd(rax, dword[rax + at(offsetof(Site, pointer))]);
  x.mov(ptr[r15 + rax + Native::kPointerPage], rsi);
  x.mov(ptr[r15 + rax + Native::kPointerAddend], rcx);
  x.pop(rsi);
  x.ret();
  x.L(alone);
  x.pop(rsi);
  x.mov(rcx, rax);
  x.movsxd(rax, dword[rcx + at(offsetof(Site, pointer))]);
  x.mov(qword[r15 + rax + Native::kPointerAddend], 0);
  look_into_first(x, s, write);
}

/// What write_code() has written.
const u8* find_recent(Xbyak::CodeGenerator& x, const Shared& s, bool write, bool unprivileged) {
  last_byte(x);
  x.and_(rcx, kPageMask);
  const u8* const at = x.getCurr();
  Recent(x, s, write, unprivileged).write_code();
  return at;
}

/// For Shared::load_missed_again and its like.
void note_site(Xbyak::CodeGenerator& x) { x.mov(ptr[rsp + 8 + Frame::kSite], rcx); }

/// A member of Shared::find_or_load. `find`: that of Shared::find, behind its note of the Site.
const u8* or_load(Xbyak::CodeGenerator& x, const Shared& s, const u8* find) {
  const u8* const at = x.getCurr();
  note_site(x);
  x.call(find);
  x.jnz(s.load_missed_again);
  x.ret();
  return at;
}

}  // namespace

void find_routines(Xbyak::CodeGenerator& x, Shared& s) {
  for (const bool write : {false, true}) {
    const auto routine = [&](const u8* Shared::Find::*which, auto write_code) {
      s.find[write].*which = x.getCurr();
      note_site(x);
      const u8* const find = x.getCurr();
      write_code();
      if (!write) s.find_or_load.*which = or_load(x, s, find);
    };
    using Find = Shared::Find;
    routine(&Find::first, [&] { look_into_first(x, s, write); });
    const u8* recent = nullptr;
    routine(&Find::recent, [&] { recent = find_recent(x, s, write, false); });
    routine(&Find::unprivileged, [&] { find_recent(x, s, write, true); });
    routine(&Find::leads, [&] { find_leading(x, s, write, recent); });
    routine(&Find::kept, [&] { find_kept(x, s, write); });
  }
}

}  // namespace quince::cpu::jit
