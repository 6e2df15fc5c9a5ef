// A vCPU's accesses to memory: translation, the first-level TLB, devices, alignment.
#include <algorithm>

#include "base/assert.h"
#include "cpu/jit/jit.h"
#include "cpu/vcpu.h"

namespace quince::cpu {

namespace {

constexpr u64 kPageMask = 0xfff;

/// Which bit of Vcpu::pieces_ an address has.
std::size_t piece(u64 va) { return (va >> 21) & 4095; }

/// The table walker's memory: RAM only; anything else is an external abort.
class WalkerMemory final : public PhysMemory {
 public:
  explicit WalkerMemory(Vcpu& c) : c_(c) {}
  bool read64(PhysAddr a, u64& out) override {
    const u8* p = c_.host_pointer(a, 8);
    if (p == nullptr) return false;
    out = __atomic_load_n(reinterpret_cast<const u64*>(p), __ATOMIC_ACQUIRE);
    return true;
  }
  bool cas64(PhysAddr a, u64 expected, u64 desired, bool& swapped) override {
    bool read_only = false;
    u8* p = c_.host_pointer(a, 8, &read_only);
    if (p == nullptr || read_only) return false;
    swapped = __atomic_compare_exchange_n(reinterpret_cast<u64*>(p), &expected, desired, false,
                                          __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    return true;
  }

 private:
  Vcpu& c_;
};

}  // namespace

const hw::FlatView& Vcpu::view() {
  if (view_ == nullptr || view_generation_ != ports_.space->generation()) {
    view_generation_ = ports_.space->generation();
    view_ = ports_.space->view();
  }
  return *view_;
}

u8* Vcpu::host_pointer(PhysAddr pa, u64 n, bool* read_only) {
  const hw::Section* sec = view().find(pa);
  if (sec == nullptr || sec->ram == nullptr || sec->size - (pa - sec->base) < n) return nullptr;
  if (read_only != nullptr) *read_only = sec->read_only;
  return sec->ram->data() + sec->offset + (pa - sec->base);
}

Stage1Regs Vcpu::stage1_regs() const {
  const SysRegs& r = s.sys;
  return {.sctlr = r.sctlr_el1, .tcr = r.tcr_el1, .ttbr0 = r.ttbr0_el1, .ttbr1 = r.ttbr1_el1,
          .mair = r.mair_el1};
}

u16 Vcpu::current_asid() const { return cpu::current_asid(stage1_regs(), model_.stage1); }

WalkResult Vcpu::translate(u64 va, const Stage1Access& access) {
  WalkerMemory memory(*this);
  return stage1_walk(stage1_regs(), model_.stage1, VirtAddr(va), access, memory);
}

bool Vcpu::is_private(const Translation& t, u64 va) { return t.ng || !bit(va, 55); }

Stage1Access Vcpu::access_for(AccessKind kind, MemOp op) const {
  const bool el0 = s.pstate.el == 0 || (op.unprivileged && s.pstate.uao == 0);
  return {.kind = kind, .el0 = el0, .pan = s.pstate.pan != 0, .atomic = op.atomic};
}

const Translation* Vcpu::lookup_or_walk(u64 va, const Stage1Access& access, Fault& fault) {
  const Stage1Regs regs = stage1_regs();
  const VirtAddr clean = strip_tag(regs, model_.stage1, VirtAddr(va), access.kind);
  const u16 asid = cpu::current_asid(regs, model_.stage1);
  // With the MMU off, what the TLB still holds says nothing.
  const Translation* t = bit(regs.sctlr, 0) ? tlb_.lookup(clean, asid, access.kind) : nullptr;
  if (t != nullptr) {
    fault = check_permission(*t, access);
    return fault ? nullptr : t;
  }
  const WalkResult r = translate(va, access);
  fault = r.fault;
  if (fault) return nullptr;
  last_walk_ = r.t;
  tlb_.insert(clean, asid, r.t);
  return &last_walk_;
}

void Vcpu::forget_page_pointers() {
  for (auto& level : page_pointers_) level.fill({});
}

void Vcpu::flush_l1() {
  recent_.forget();
  forget_page_pointers();
  for (FirstLevel& table : l1_) table.drop_all();
  private_filled_ = 0;
  monitored_pages_.fill({});
  for (FetchEntry& f : fetch_) f.va = kNoPage;
  code_log2_size_ = {12, 12};
  pieces_.reset();
  if (jit_ != nullptr) jit_->forget_jumps();
}

void Vcpu::address_space_changed() {
  recent_.leave_space();
  drop_private();
  if (jit_ == nullptr) return;
  jit_->leave_space();
  space_changed_ = true;
}

void Vcpu::drop_private() {
  if (!private_pages_) return;
  private_pages_ = false;
  if (std::exchange(private_upper_, false)) recent_.forget_upper();
  forget_page_pointers();
  constexpr unsigned kEntries = FirstLevel::kEntries;
  const auto drop = [](FirstLevel& table, unsigned entry) {
    if ((table.pa_page[entry] & TlbEntry::kPrivate) != 0) table.drop(entry);
  };
  if (private_filled_ <= private_fills_.size())
    for (unsigned n = 0; n < private_filled_; ++n)
      drop(l1_[private_fills_[n] / kEntries], private_fills_[n] % kEntries);
  else
    for (FirstLevel& table : l1_)
      for (unsigned n = 0; n < kEntries; ++n) drop(table, n);
  private_filled_ = 0;
  const auto end = private_el1_code_ ? fetch_.end() : fetch_.begin() + fetch_index(1, 0);
  private_el1_code_ = false;
  std::for_each(fetch_.begin(), end, [](FetchEntry& f) {
    if (f.is_private) f.va = kNoPage;
  });
}

/// The first level has a page at `va` that goes with the address space.
void Vcpu::note_private(unsigned table, u64 va) {
  private_pages_ = true;
  private_upper_ |= RecentPages::half(va) == 1;
  if (private_filled_ < private_fills_.size())
    private_fills_[private_filled_] =
        static_cast<u16>(table * FirstLevel::kEntries + FirstLevel::index(va));
  if (private_filled_ <= private_fills_.size()) ++private_filled_;
}

void Vcpu::drop_l1(const TlbInvalidation& what) {
  if (what.kind == TlbInvalidation::Kind::Asid) {
    const bool here = what.asid == current_asid();
    if (here) drop_private();
    recent_.forget_space(what.asid);
    if (jit_ != nullptr) jit_->forget_space(what.asid, here);
    return;
  }
  if (what.kind == TlbInvalidation::Kind::None) return;
  if (what.kind == TlbInvalidation::Kind::All) return flush_l1();
  forget_page_pointers();
  const auto plain = [](u64 tagged) { return static_cast<u64>(sign_extend(tagged, 56)); };
  const u64 first = what.first.raw(), last = what.last.raw();
  constexpr u64 kFew = 16 * 4096;
  if (last - first < kFew && !pieces_[piece(first)] && !pieces_[piece(last)]) {
    for (u64 va = first; va - first <= last - first; va += 4096) {
      const unsigned n = FirstLevel::index(va);
      for (FirstLevel& table : l1_)
        if (plain(table.page(n)) == va) table.drop(n);
      recent_.forget_page(va);
      for (unsigned el = 0; el < 2; ++el) {
        FetchEntry& f = fetch_[fetch_index(el, va)];
        if (f.va == va) f.va = kNoPage;
      }
    }
  } else {
    recent_.forget();
    // Pieces of a block go together, since the invalidation is of the block's descriptor.
    const auto covered = [&](u64 va, unsigned log2_size) {
      return what.covers(VirtAddr(plain(va) >> log2_size << log2_size), log2_size, false, 0);
    };
    for (FirstLevel& table : l1_)
      for (unsigned n = 0; n < FirstLevel::kEntries; ++n)
        if (is_page(table.page(n)) &&
            covered(table.page(n), (table.pa_page[n] >> TlbEntry::kSizeShift) & 31))
          table.drop(n);
    for (FetchEntry& f : fetch_)
      if (f.va != kNoPage && covered(f.va, f.log2_size)) f.va = kNoPage;
  }
  if (jit_ == nullptr) return;
  const u64 block = u64{1} << code_log2_size_[bit(what.first.raw(), 55)];
  jit_->forget_jumps(what.first.raw() & ~(block - 1), what.last.raw() | (block - 1));
}

void Vcpu::drop_l1(PhysAddr page) {
  recent_.forget();
  forget_page_pointers();
  for (FirstLevel& table : l1_)
    for (unsigned n = 0; n < FirstLevel::kEntries; ++n)
      if ((table.pa_page[n] & ~kPageMask) == page.raw()) table.put(n, {});
}

/// Part of a block that is larger than the page comes into the first level.
void Vcpu::note_piece(u64 va, unsigned log2_size) {
  if (log2_size == 12) return;
  if (log2_size > 30) {
    pieces_.set();
    return;
  }
  const std::size_t blocks = log2_size > 21 ? std::size_t{1} << (log2_size - 21) : 1;
  const std::size_t first = piece(va) & ~(blocks - 1);
  if (pieces_[first]) return;
  for (std::size_t n = 0; n < blocks; ++n) pieces_.set(first + n);
}

void Vcpu::fill_l1(u64 va, const Physical& at, const Stage1Access& a, const hw::Section& section) {
  // Device memory checks alignment on every access, watchpoints look at every address.
  if (at.host == nullptr || !at.normal || watchpoints_) return;
  const unsigned index = a.el0 ? 0 : a.pan ? 2 : 1;
  const unsigned place = FirstLevel::index(va);
  TlbEntry e = l1_[index].get(place);
  const u64 page = va & ~kPageMask;
  const u64 addend = reinterpret_cast<u64>(at.host) - va;
  const bool same = e.addend == addend && (e.read == page || e.write == page);
  const u64 pa_page = at.pa.page().raw() | (at.is_private ? TlbEntry::kPrivate : 0) |
                      u64{at.log2_size} << TlbEntry::kSizeShift;
  if (!same) e = {.addend = addend, .pa_page = pa_page};
  if (at.is_private && !same) note_private(index, va);
  note_piece(va, at.log2_size);
  if (a.kind == AccessKind::Read)
    e.read = page;
  else if (at.watched && !at.has_code)
    e.pa_page |= TlbEntry::kWatchedWrite;
  else if (!at.read_only && !at.has_code)
    e.write = page;
  l1_[index].put(place, e);
  recent_.settle(s.sys.ttbr0_el1, current_asid());
  recent_.keep(index, va, e);
  // A block is one piece of the host's memory where the section does not end within it.
  const u64 block = at.pa.raw() & ~RecentPages::kBlock;
  if (at.log2_size >= RecentPages::kBlockShift && a.kind == AccessKind::Read &&
      block >= section.base.raw() &&
      block + RecentPages::kBlock - section.base.raw() < section.size)
    recent_.keep_block(index, va, addend, pa_page);
}

u64 Vcpu::refill_l1(u64 va, bool write, MemOp op) {
  recent_.settle(s.sys.ttbr0_el1, current_asid());
  const unsigned index = op.unprivileged ? unprivileged_index_ : mmu_index_;
  TlbEntry e;
  if (!recent_.find(index, va, write, e)) return 0;
  l1_[index].put(FirstLevel::index(va), e);
  if ((e.pa_page & TlbEntry::kPrivate) != 0) note_private(index, va);
  return e.addend;
}

bool Vcpu::check_alignment(u64 va, unsigned size, AccessKind kind, MemOp op) {
  const bool write = kind == AccessKind::Write;
  const u64 low = va & (size - 1);
  bool aligned = low == 0;
  if (!aligned && alignment_mask_ == 0) {
    // AArch64.UnalignedAccessFaults(): plain accesses may be anywhere; FEAT_LSE2 lets the others be
    // inside a 16-byte granule, and acquire and release anywhere with SCTLR_EL1.nAA.
    const bool atomic = op.aligned || op.atomic, plain = !atomic && !op.ordered;
    const bool inside = (va & 15) + size <= 16, naa = !atomic && bit(s.sys.sctlr_el1, 6);
    aligned = plain || (has(Feature::LSE2) && (inside || naa));
  }
  if (!aligned) {
    data_abort(va, {.kind = FaultKind::Alignment, .write = write}, write);
    return false;
  }
  return true;
}

bool Vcpu::translate_for(u64 va, unsigned size, bool aligned, AccessKind kind, MemOp op,
                         Physical& out) {
  Stage1Access a = access_for(kind, op);
  a.aligned = aligned;
  Fault fault;
  const Translation* t = lookup_or_walk(va, a, fault);
  if (t == nullptr) {
    data_abort(va, fault, fault.write);  // an atomic that could not even read is no write
    return false;
  }
  const u64 clean = strip_tag(stage1_regs(), model_.stage1, VirtAddr(va), kind).raw();
  out = {.pa = t->output(VirtAddr(clean)),
         .normal = !t->device,
         .is_private = is_private(*t, va),
         .log2_size = t->log2_size};
  const u64 before = view_generation_;
  const hw::Section* sec = view().find(out.pa);
  if (view_generation_ != before) flush_l1();
  if (sec == nullptr || !sec->is_memory(kind == AccessKind::Write)) return true;
  const u64 off = sec->offset + (out.pa - sec->base);
  out.host = sec->ram->data() + off;
  out.read_only = sec->read_only;
  if (kind == AccessKind::Write && !sec->read_only) {
    sec->ram->mark_dirty(off, size);
    out.watched = sec->ram->watched(off);
    out.has_code = ports_.track_code && sec->ram->has_code(off, 1);
  }
  fill_l1(va, out, a, *sec);
  return true;
}

/// translate_for(), and the watchpoints, which are behind every fault of the MMU (D1.3.5.5).
bool Vcpu::reach(u64 va, unsigned size, bool aligned, AccessKind kind, MemOp op, Physical& out) {
  return translate_for(va, size, aligned, kind, op, out) &&
         (!watchpoints_ || !watchpoint_hit(va, size, kind, op));
}

bool Vcpu::read_piece(u64 va, const Physical& at, unsigned size, u8* out) {
  if (at.host != nullptr) {
    read_single_copy(at.host, size, out);
    return true;
  }
  for (unsigned done = 0; done < size; done += 8) {
    const unsigned n = std::min(size - done, 8u);
    u64 v = 0;
    hw::AddressSpace::Outcome r{};
    {
      const hw::IoLock::Guard held(*ports_.io_lock);
      r = ports_.space->read(held, at.pa + done, {.size = n, .requester = static_cast<u16>(index_)}, v);
    }
    if (r != hw::AddressSpace::Outcome::Ok) {
      data_abort(va, {.kind = FaultKind::External}, false);
      return false;
    }
    std::memcpy(out + done, &v, n);
  }
  return true;
}

bool Vcpu::write_piece(u64 va, const Physical& at, unsigned size, const u8* in) {
  if (at.host != nullptr) {
    hw::ExclusiveMonitors::Held held;
    if (at.watched) watched_write(at.pa, size, held);
    if (!at.read_only) write_single_copy(at.host, size, in);
    if (at.has_code) [[unlikely]]
      code_written(at.pa, true);
    return true;
  }
  for (unsigned done = 0; done < size; done += 8) {
    const unsigned n = std::min(size - done, 8u);
    u64 v = 0;
    std::memcpy(&v, in + done, n);
    hw::AddressSpace::Outcome r{};
    {
      const hw::IoLock::Guard held(*ports_.io_lock);
      r = ports_.space->write(held, at.pa + done, {.size = n, .requester = static_cast<u16>(index_)}, v);
    }
    if (r != hw::AddressSpace::Outcome::Ok) {
      data_abort(va, {.kind = FaultKind::External, .write = true}, true);
      return false;
    }
    // The device may have taken memory away (a flash chip that now answers commands): this CPU's
    // next access must see that.
    if (view_generation_ != ports_.space->generation()) flush_l1();
  }
  return true;
}

namespace {

/// How many of `size` bytes at `va` are in the first page.
unsigned first_piece(u64 va, unsigned size) {
  const u64 room = 4096 - (va & kPageMask);
  return room < size ? static_cast<unsigned>(room) : size;
}

}  // namespace

bool Vcpu::load_slow(u64 va, unsigned size, void* out, MemOp op) {
  if (!check_alignment(va, size, AccessKind::Read, op)) return false;
  u8 data[16];
  const unsigned n = first_piece(va, size);
  Physical first, second;
  const bool aligned = (va & (size - 1)) == 0;
  if (!reach(va, n, aligned, AccessKind::Read, op, first)) return false;
  if (n < size && !reach(va + n, size - n, aligned, AccessKind::Read, op, second)) return false;
  if (!read_piece(va, first, n, data)) return false;
  if (n < size && !read_piece(va + n, second, size - n, data + n)) return false;
  std::memcpy(out, data, size);
  if (access_log_ != nullptr) [[unlikely]]
    access_log_->accessed(va, size, false, data);
  return true;
}

bool Vcpu::store_slow(u64 va, unsigned size, const void* in, MemOp op) {
  if (store_watched(va, size, in, op)) return true;
  if (!check_alignment(va, size, AccessKind::Write, op)) return false;
  u8 data[16];
  std::memcpy(data, in, size);
  const unsigned n = first_piece(va, size);
  Physical first, second;
  const bool aligned = (va & (size - 1)) == 0;
  // Both pages must take the write before either is changed.
  if (!reach(va, n, aligned, AccessKind::Write, op, first)) return false;
  if (n < size && !reach(va + n, size - n, aligned, AccessKind::Write, op, second)) return false;
  if (!write_piece(va, first, n, data)) return false;
  if (n < size && !write_piece(va + n, second, size - n, data + n)) return false;
  if (access_log_ != nullptr) [[unlikely]]
    access_log_->accessed(va, size, true, data);
  return true;
}

u8* Vcpu::atomic_pointer(u64 va, unsigned size, bool for_write, MemOp op,
                         hw::ExclusiveMonitors::Held* held, PhysAddr* pa) {
  const AccessKind kind = for_write ? AccessKind::Write : AccessKind::Read;
  const TlbEntry e = l1_entry(va, op);
  const u64 page = va & ~kPageMask;
  const bool watched = for_write && (e.pa_page & TlbEntry::kWatchedWrite) != 0;
  if ((va & (size - 1)) == 0 && e.read == page && (!for_write || e.write == page || watched)) {
    const PhysAddr where((e.pa_page & ~kPageMask) | (va & kPageMask));
    u8* const host = reinterpret_cast<u8*>(e.addend + va);
    if (pa != nullptr) *pa = where;
    if (watched) held->take(ports_.space->exclusives(), where);
    return host;
  }
  if (!check_alignment(va, size, kind, op)) return nullptr;
  op.atomic = for_write && op.atomic;
  Physical at;
  if (!reach(va, size, (va & (size - 1)) == 0, kind, op, at)) return nullptr;
  // RAM that the guest maps as Device has real atomics all the same, which the architecture leaves
  // open; a device has none.
  if (at.host == nullptr || (for_write && at.read_only)) {
    data_abort(va, {.kind = FaultKind::UnsupportedAtomic, .write = for_write}, for_write);
    return nullptr;
  }
  if (pa != nullptr) *pa = at.pa;
  if (at.watched) held->take(ports_.space->exclusives(), at.pa);
  if (for_write && at.has_code) [[unlikely]]
    code_written(at.pa, false);
  return at.host;
}

// ---- Exclusives --------------------------------------------------------------------------------

void Vcpu::watched_write(PhysAddr pa, unsigned size, hw::ExclusiveMonitors::Held& held) {
  held.take(ports_.space->exclusives(), pa);
  held.wrote(size);
  if (!held.idle()) return;
  // So many writes and no load exclusive: they may be fast again, here at once, and with the others
  // when their turn comes to find it out.
  const hw::Section* sec = view().find(pa);
  if (sec != nullptr && sec->ram != nullptr)
    sec->ram->clear_watched(sec->offset + (pa - sec->base));
  held.forget();
  drop_l1(pa.page());
}

bool Vcpu::store_watched(u64 va, unsigned size, const void* in, MemOp op) {
  const TlbEntry e = l1_entry(va, op);
  if ((e.pa_page & TlbEntry::kWatchedWrite) == 0 || e.read != ((va + size - 1) & ~kPageMask) ||
      !aligned_for(va, size, op)) {
    return false;
  }
  u8* const host = reinterpret_cast<u8*>(e.addend + va);
  hw::ExclusiveMonitors::Held held;
  watched_write(PhysAddr((e.pa_page & ~kPageMask) | (va & kPageMask)), size, held);
  u8 data[16];
  std::memcpy(data, in, size);
  write_single_copy(host, size, data);
  return true;
}

void Vcpu::hold_monitored(PhysAddr pa, hw::ExclusiveMonitors::Held& held) {
  if (!multiprocessor()) return;
  const hw::Section* sec = view().find(pa);
  if (sec == nullptr || sec->ram == nullptr) return;
  hw::GuestRam& ram = *sec->ram;
  const u64 offset = sec->offset + (pa - sec->base);
  if (!ram.watched(offset)) return;
  held.take(ports_.space->exclusives(), pa);
  if (ram.watched(offset) && (ram.monitored(offset) || ports_.siblings->completed(*this))) {
    ram.mark_monitored(offset);
    held.loaded();
    const u64 page = pa.page().raw();
    monitored_pages_[(page >> 12) % kMonitoredPages] = {
        .page = page, .slot = held.slot(), .epoch = held.token().epoch};
  } else {
    held.release();
  }
}

void Vcpu::begin_watching(PhysAddr pa) {
  const hw::Section* sec = view().find(pa);
  if (sec == nullptr || sec->ram == nullptr) return;
  const u64 offset = sec->offset + (pa - sec->base);
  {
    const hw::ExclusiveMonitors::Held held(ports_.space->exclusives(), pa);
    // Who sees the page watched sees the mail posted: both happen while it is held.
    if (!sec->ram->watched(offset)) {
      sec->ram->mark_watched(offset);
      drop_l1(pa.page());
      ports_.siblings->broadcast(*this, {.kind = Maintenance::Kind::Watch, .page = pa.page()});
    }
  }
  if (!ports_.siblings->completed(*this)) exit_after(RunExit::Yield);
}

bool Vcpu::monitor_intact(const hw::ExclusiveMonitors::Held& held) const {
  return !multiprocessor() || (held && held.token() == s.excl_token);  // never a default one
}

}  // namespace quince::cpu
