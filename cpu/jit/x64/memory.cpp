// Loads and stores: the first-level TLB inline, everything else in stubs.
#include <algorithm>
#include <bit>

#include "base/assert.h"
#include "cpu/jit/x64/emitter.h"

namespace quince::cpu::jit {

using namespace Xbyak::util;

/// The address: a register that stays as it is until the access is over, and a distance from it.
Emitter::Address Emitter::address_of(Val va) {
  const auto direct = [&](Val v) {
    const Node& n = at(v);
    return (n.op == Op::Reg && n.sf && hosts_[n.n] >= 0) || n.op == Op::Host;
  };
  const auto reg_of = [&](Val v) {
    const Node& n = at(v);
    return n.op == Op::Host ? Reg64(static_cast<int>(n.n)) : host(static_cast<unsigned>(n.n));
  };
  if (direct(va)) return {reg_of(va), 0};
  const Node& n = at(va);
  constexpr s64 kFar = 1 << 20;
  if (n.op == Op::Add && n.sf && direct(n.a) && at(n.b).op == Op::Imm) {
    const s64 distance = static_cast<s64>(at(n.b).n);
    if (distance > -kFar && distance < kFar) return {reg_of(n.a), static_cast<int>(distance)};
  }
  if ((taken_ & 4) != 0) give_up();
  taken_ |= 4;
  eval(va, rdx);
  // It may be wanted again, for the base register; what it was made of is not.
  nodes_[va.node] = host_node(2);
  dead_ = std::max(dead_, va.node);
  return {rdx, 0};
}

Mem Emitter::at_host(const Address& a, unsigned offset, unsigned bytes) {
  Mem m = rcx + a.reg + (a.distance + static_cast<int>(offset));
  m.bits = static_cast<u16>(8 * bytes);
  return m;
}

/// RAX = FirstLevel::index() of an address. RCX is used.
void Emitter::index_first_level(const Reg64& reg, int low) {
  constexpr unsigned kPageShift = 12, kMask = FirstLevel::kEntries - 1;
  Reg32 first = reg.cvt32();
  if (low != 0) {
    x_.lea(eax, ptr[reg + low]);
    first = eax;
  }
  if (shared_.host.fast_bextr) {
    // A load waits for this one instruction; its constant, how many bits from where on, is there before.
    x_.mov(ecx, std::popcount(kMask) << 8 | kPageShift);
    return x_.bextr(eax, first, ecx);
  }
  if (shared_.host.bmi2 && first.getIdx() != eax.getIdx()) {
    x_.rorx(eax, first, kPageShift);
  } else {
    if (first.getIdx() != eax.getIdx()) x_.mov(eax, first);
    x_.shr(eax, kPageShift);
  }
  x_.and_(eax, kMask);
}

/// Compares an entry of the first-level TLB with the page of the bytes from `low` to `high` behind a register: RAX is
/// its number, ZF whether it is that page's.
void Emitter::probe(const Reg64& reg, int low, int high, bool write, bool unprivileged) {
  index_first_level(reg, low);
  if (high == 1)
    x_.mov(rcx, reg);
  else
    x_.lea(rcx, ptr[reg + high - 1]);
  x_.and_(rcx, -4096);
  x_.cmp(rcx, tlb_entry(write ? Native::kTlbWrite : Native::kTlbRead, unprivileged));
}

/// probe() and the jump to the stub, with EFLAGS as they are: the difference of the pages goes to RCX, for JRCXZ.
void Emitter::probe_beside_flags(const Reg64& reg, int low, int high, bool write, bool unprivileged,
                                 Label& missed) {
  Reg32 first = reg.cvt32();
  if (low != 0) {
    x_.lea(eax, ptr[reg + low]);
    first = eax;
  }
  x_.mov(ecx, (FirstLevel::kEntries - 1) << 12);
  x_.pext(eax, first, ecx);
  x_.lea(rcx, ptr[reg + high - 1]);
  const Xbyak::Xmm& page = lanes();
  x_.vmovq(page, rcx);
  x_.vpsrlq(page, page, 12);
  x_.vpsllq(page, page, 12);
  // Of the 16 bytes there, all are the column's.
  x_.vpxor(page, page, tlb_entry(write ? Native::kTlbWrite : Native::kTlbRead, unprivileged));
  x_.vmovq(rcx, page);
  unless_rcx_zero(missed);
}

/// JRCXZ reaches no stub.
void Emitter::unless_rcx_zero(Label& label) {
  Label zero;
  x_.jrcxz(zero);
  x_.jmp(label, x_.T_NEAR);
  x_.L(zero);
}

void Emitter::if_rcx_zero(Label& label) {
  Label zero, not_zero;
  x_.jrcxz(zero);
  x_.jmp(not_zero);
  x_.L(zero);
  x_.jmp(label, x_.T_NEAR);
  x_.L(not_zero);
}

Mem Emitter::tlb_entry(int column, bool unprivileged) const {
  return unprivileged ? ptr[r15 + rax * 8 + (shared_.at.l1_el0 + column)]
                      : ptr[r14 + rax * 8 + column];
}

Mem Emitter::page_pointer(int slot, int member) {
  const int level = shared_.at.page_pointers[key_.el0 ? 0 : 1];
  return qword[r15 + (level + slot * Native::kPointerBytes + member)];
}

/// What to add to the address, where the first-level TLB has the page of the bytes from `low` to `high` behind a register.
void Emitter::look_at_first_level(const Reg64& reg, int low, int high, bool write,
                                  bool unprivileged, Stub& s) {
  if (s.keeps_flags) {
    probe_beside_flags(reg, low, high, write, unprivileged, s.label);
  } else {
    probe(reg, low, high, write, unprivileged);
    x_.jne(s.label, x_.T_NEAR);
  }
  x_.mov(rcx, tlb_entry(Native::kTlbAddend, unprivileged));
}

/// look_up() of an access that has a page pointer.
void Emitter::use_page_pointer(const Address& address, bool write, unsigned bytes, Stub& s) {
  const PagePointer& page = insn_->page;
  const auto addend = page_pointer(page.slot, Native::kPointerAddend);
  s.slot = page.slot;
  s.leads = page.leads && accesses_ == 0;
  s.kept = s.leads && page.kept;
  if (s.leads) s.site->pointer = page_pointer(page.slot, 0).distance;
  s.loop = s.kept && page.loop;
  s.to_write = page.write;
  if (s.leads) {
    s.site->low = page.low;
    s.site->high = page.high;
  }
  if (s.kept) {
    const auto known = page_pointer(page.slot, Native::kPointerPage);
    const int span = page.high - page.low;
    QUINCE_ASSERT(span >= static_cast<int>(bytes) && page.write >= write);
    x_.lea(rcx, ptr[address.reg + address.distance + page.low]);
    x_.sub(rcx, known);
    x_.cmp(rcx, 4096 - span);
    x_.ja(s.label, x_.T_NEAR);
  } else if (s.leads) {
    look_at_first_level(address.reg, address.distance + page.low, address.distance + page.high,
                        page.write, false, s);
    return x_.mov(addend, rcx);
  }
  x_.mov(rcx, addend);
  if (s.keeps_flags) return if_rcx_zero(s.label);
  x_.test(rcx, rcx);
  x_.jz(s.label, x_.T_NEAR);
}

/// Leaves in RCX what to add to the address.  `elements` of 2^log2 bytes each.  EFLAGS may stay where they would be
/// saved, if what comes behind until the access is done `keeps_flags`.
Stub& Emitter::look_up(const Address& address, unsigned log2, unsigned elements, bool write,
                       MemOp m, bool keeps_flags) {
  const unsigned size = 1u << log2, bytes = size * elements;
  const bool looks_at_alignment = (key_.aligned || m.ordered) && size > 1;
  const bool kept_page = insn_->page.slot >= 0 && insn_->page.kept && insn_->page.leads;
  keeps_flags &= !looks_at_alignment && !kept_page && can_keep_flags();
  if (!keeps_flags) clobber_flags();
  Stub& s = stub(write ? Stub::Kind::Store : Stub::Kind::Load);
  s.keeps_flags = keeps_flags;
  s.flags.eflags = flags_.eflags;
  s.address = address.reg.getIdx();
  s.distance = address.distance;
  s.site = &site();
  s.site->log2 = static_cast<u8>(log2);
  s.site->elements = static_cast<u8>(elements);
  s.site->last = static_cast<u8>(bytes - 1);
  s.site->ordered = m.ordered;
  s.site->unprivileged = m.unprivileged;
  if ((taken_ & 3) != 0) give_up();
  taken_ |= 2;
  if (looks_at_alignment) {
    Reg32 low = address.reg.cvt32();
    if (address.distance != 0) {
      x_.lea(eax, ptr[address.reg + address.distance]);
      low = eax;
    }
    x_.test(low, size - 1);
    x_.jnz(s.label, x_.T_NEAR);
    s.maybe_unaligned = true;
  }
  if (insn_->page.slot >= 0) {
    use_page_pointer(address, write, bytes, s);
  } else {
    look_at_first_level(address.reg, address.distance, address.distance + static_cast<int>(bytes),
                        write, m.unprivileged, s);
  }
  ++accesses_;
  x_.L(write ? s.found : s.back);
  return s;
}

bool Emitter::base(u32 rn, Val& out) {
  if (rn == kSp && key_.sp_checked && !sp_aligned_) {
    const bool keeps_flags = can_keep_flags() && (taken_ & 3) == 0;
    if (!keeps_flags) clobber_flags();
    Stub& s = stub(Stub::Kind::Bail);
    s.flags.eflags = flags_.eflags;
    sp_aligned_ = true;
    const bool mapped = hosts_[kSp] >= 0;
    if (keeps_flags) {
      if (!mapped) x_.mov(eax, state(offsetof(CpuState, sp), 4));
      x_.mov(ecx, 15);
      x_.pext(ecx, mapped ? host(kSp).cvt32() : eax, ecx);
      unless_rcx_zero(s.label);
    } else {
      mapped ? x_.test(host(kSp).cvt32(), 15) : x_.test(state(offsetof(CpuState, sp), 4), 15);
      x_.jnz(s.label, x_.T_NEAR);
    }
  }
  out = get_sp(rn, true);
  return true;
}

bool Emitter::load(Val va, unsigned log2, Val& out, MemOp m) {
  const Address address = address_of(va);
  look_up(address, log2, 1, false, m, true);
  out = node(Op::Loaded, true, {}, {}, log2);
  at(out).address = static_cast<s8>(address.reg.getIdx());
  at(out).distance = address.distance;
  return true;
}

bool Emitter::load_pair(Val va, unsigned log2, Val& a, Val& b) {
  const Address address = address_of(va);
  look_up(address, log2, 2, false, {}, true);
  if (log2 == 3 && key_.several) {
    // One access, where it is aligned (FEAT_LSE2).
    x_.vmovdqu(lanes(), at_host(address, 0, 16));
    taken_ &= ~2u;
    a = node(Op::Lane, true, {}, {}, 0);
    b = node(Op::Lane, true, {}, {}, 1);
    return true;
  }
  // Either register may be the base, which is done with unless it is written, too.
  if (insn_->facts.puts <= 2) {
    taken_ &= ~4u;
    dead_ = used_;
  }
  x_.lea(rcx, ptr[rcx + address.reg + address.distance]);
  a = node(Op::Loaded, true, {}, {}, log2);
  b = node(Op::Loaded, true, {}, {}, log2);
  at(b).distance = 1 << log2;
  return true;
}

bool Emitter::load_v(Val va, Vec& out, MemOp m) {
  const Address address = address_of(va);
  look_up(address, 4, 1, false, m, true);
  out.xmm = xmm_++;
  last_load_ = {.begin = offset(), .place = at_host(address, 0, 16)};
  x_.vmovdqu(Xbyak::Xmm(out.xmm), last_load_.place);
  last_load_.end = offset();
  last_load_.xmm = out.xmm;
  taken_ &= ~2u;
  return true;
}

/// Writes an element of a store, and tells its stub what that is.
void Emitter::store_value(Val v, unsigned log2, const Address& address, unsigned offset, Stub& s,
                          unsigned element) {
  const Node& n = at(v);
  const unsigned bytes = 1u << log2;
  const auto place = at_host(address, offset, bytes);
  auto& value = s.values[element];
  const auto write = [&](const Reg64& r) {
    switch (log2) {
      case 0:
        return x_.mov(place, r.cvt8());
      case 1:
        return x_.mov(place, r.cvt16());
      case 2:
        return x_.mov(place, r.cvt32());
      default:
        return x_.mov(place, r);
    }
  };
  if (n.op == Op::Imm) {
    if (n.n != 0) give_up();  // XZR is the only number that is stored
    value = {.kind = Stub::Value::Kind::Zero};
    return x_.mov(place, 0);
  }
  if (n.op == Op::Fp) {
    value = {.kind = Stub::Value::Kind::Vector, .r = static_cast<u8>(n.n)};
    const auto vector = static_cast<unsigned>(n.n);
    if (v_hosts_[vector] >= 0) {
      switch (log2) {
        case 0:
          return x_.vpextrb(place, v_host(vector), 0);
        case 1:
          return x_.vpextrw(place, v_host(vector), 0);
        case 2:
          return x_.vmovd(place, v_host(vector));
        default:
          return x_.vmovq(place, v_host(vector));
      }
    }
    x_.mov(rax, v_memory(vector));
    return write(rax);
  }
  if (n.op != Op::Reg) return give_up();
  value = {.kind = Stub::Value::Kind::Guest, .r = static_cast<u8>(n.n)};
  if (hosts_[n.n] >= 0) return write(host(static_cast<unsigned>(n.n)));
  x_.mov(rax, guest_memory(static_cast<unsigned>(n.n)));
  write(rax);
}

bool Emitter::store(Val va, unsigned log2, Val v, MemOp m) {
  const Address address = address_of(va);
  Stub& s = look_up(address, log2, 1, true, m, true);
  store_value(v, log2, address, 0, s, 0);
  x_.L(s.back);
  taken_ &= ~2u;
  return true;
}

bool Emitter::store_pair(Val va, unsigned log2, Val a, Val b) {
  const Address address = address_of(va);
  Stub& s = look_up(address, log2, 2, true, {}, true);
  const auto is_whole = [&](Val v) { return at(v).op == Op::Reg || is_imm(v, 0); };
  if (log2 == 3 && key_.several && is_whole(a) && is_whole(b)) {
    // One access, as in load_pair().
    const auto half = [&](Val v, unsigned element, const Xbyak::Xmm& x) {
      if (at(v).op == Op::Imm) {  // XZR
        s.values[element] = {.kind = Stub::Value::Kind::Zero};
        return x_.vpxor(x, x, x);
      }
      const unsigned r = static_cast<unsigned>(at(v).n);
      s.values[element] = {.kind = Stub::Value::Kind::Guest, .r = static_cast<u8>(r)};
      if (hosts_[r] >= 0)
        x_.vmovq(x, host(r));
      else
        x_.vmovq(x, guest_memory(r));
    };
    half(a, 0, xmm2);
    half(b, 1, xmm3);
    x_.vpunpcklqdq(xmm2, xmm2, xmm3);
    x_.vmovdqu(at_host(address, 0, 16), xmm2);
  } else {
    store_value(a, log2, address, 0, s, 0);
    store_value(b, log2, address, 1u << log2, s, 1);
  }
  x_.L(s.back);
  taken_ &= ~2u;
  return true;
}

bool Emitter::store_v(Val va, Vec v, MemOp m) {
  const Address address = address_of(va);
  Stub& s = look_up(address, 4, 1, true, m, true);
  s.values[0] = {.kind = Stub::Value::Kind::Vector, .r = v.r};
  if (v_far(v.r)) {
    x_.vmovdqu64(at_host(address, 0, 16), v_host(v.r));
  } else if (v_near(v.r)) {
    x_.vmovdqu(at_host(address, 0, 16), v_host(v.r));
  } else {
    x_.vmovdqa(xmm2, v_memory(v.r));
    x_.vmovdqu(at_host(address, 0, 16), xmm2);
  }
  x_.L(s.back);
  taken_ &= ~2u;
  return true;
}

void Emitter::put_v(u32 r, Vec v) {
  wrote_vector(r);
  if (v.xmm == last_load_.xmm && last_load_.end == offset() && v_hosts_[r] >= 0) {
    // Loaded into its place right away.
    x_.take_back(last_load_.begin);
    return v_far(r) ? x_.vmovdqu64(v_host(r), last_load_.place)
                    : x_.vmovdqu(v_host(r), last_load_.place);
  }
  if (v_far(r))
    x_.vmovdqa64(v_host(r), Xbyak::Xmm(v.xmm));
  else if (v_near(r))
    x_.vmovdqa(v_host(r), Xbyak::Xmm(v.xmm));
  else
    x_.vmovdqa(v_memory(r), Xbyak::Xmm(v.xmm));
}

/// The rest of the register is zero.
void Emitter::put_fp(u32 r, Val v) {
  const Node n = at(v);
  const Xbyak::Xmm to = v_hosts_[r] >= 0 ? v_host(r) : xmm2;
  wrote_vector(r, n.op == Op::Loaded ? static_cast<unsigned>(n.n) : 3);
  if (n.op == Op::Host) {
    x_.vmovq(to, Reg64(static_cast<int>(n.n)));
  } else if (n.op == Op::Loaded && n.n >= 2) {
    const auto from = loaded_from(n, 1u << n.n);
    n.n == 3 ? x_.vmovq(to, from) : x_.vmovd(to, from);
  } else if (n.op == Op::Lane) {
    n.n == 0 ? x_.vmovq(to, lanes()) : x_.vpsrldq(to, lanes(), 8);
  } else {
    eval(v, rax);
    x_.vmovq(to, rax);
  }
  if (v_hosts_[r] < 0) x_.vmovdqa(v_memory(r), to);
}

/// A store before a load: the one order that the host does not keep.
void Emitter::fence() {
  if (!key_.several) return;
  clobber_flags();
  x_.lock();
  x_.or_(dword[rsp], 0);
}

/// DSB: a fence, and where this CPU has sent maintenance to others, it waits for them, and leaves: mail of theirs may have
/// come meanwhile.
void Emitter::barrier() {
  fence();
  Stub& s = stub(Stub::Kind::Barrier);
  s.site = &site();
  s.target = pc_ + 4;
  s.undone = left_ - 1;
  x_.cmp(byte[r15 + shared_.at.maintenance_sent], 0);
  x_.jne(s.label, x_.T_NEAR);
}

}  // namespace quince::cpu::jit
