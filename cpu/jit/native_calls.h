// What translated code calls, and what the dispatcher does with the Vcpu's innards.  For jit.cpp alone.
#pragma once

#include <algorithm>

#include "cpu/fp/fp.h"
#include "cpu/host_atomic.h"
#include "cpu/jit/chaos.h"
#include "cpu/jit/jit.h"
#include "cpu/jit/native.h"
#include "cpu/jit/state_key.h"
#include "cpu/jit/x64/emitter.h"
#include "cpu/jit/x64/thunks.h"

namespace quince::cpu::jit {

/// Functions of the emulator, with the Vcpu's innards at hand.
struct Native::Calls {
  /// Instructions are counted up to the one of `site`, which runs now.
  static void begin(Vcpu& c, const Site& site, s64 budget) {
    const s64 exact = budget + site.left;
    c.retired_ += static_cast<u64>(c.native_start_ - exact);
    c.budget_ = c.native_start_ = exact;
    c.s.pc = c.native_page_ + site.pc;
    c.redirect_ = false;
    // The PSTATE.BTYPE that this instruction began with is what its exception saves.
    c.native_first_ = exact == c.native_begun_;
    if (c.native_first_) [[unlikely]]
      c.s.pstate.btype = c.begun_btype_;
  }
  static void end(Vcpu& c, const Site& site) {
    c.native_start_ = c.budget_;
    c.native_budget_ = c.budget_ - site.left;
    if (!c.native_first_) return;
    c.native_begun_ = Vcpu::kNeverBegun;
    if (!c.redirect_) c.s.pstate.btype = 0;
  }
  /// An access for which the first level has an entry again; 0: it has not.
  static u64 refill(Vcpu& c, u64 va, const Site& site, bool write, s64 budget) {
    const unsigned size = 1u << site.log2, bytes = size * site.elements;
    if ((va & (size - 1)) != 0 || ((va ^ (va + bytes - 1)) & ~u64{0xfff}) != 0) return 0;
    c.native_budget_ = budget;
    c.redirect_ = false;
    return c.refill_l1(va, write, {.unprivileged = site.unprivileged});
  }
  /// One access after the other, until one takes an exception.
  static bool in_pieces(const Site& site, auto access) {
    const unsigned piece = 1u << site.piece_log2;
    for (unsigned offset = 0; offset < 1u << site.log2; offset += piece)
      if (!access(offset, piece)) return false;
    return true;
  }
  static u64 load_missed(Vcpu* c, u64 va, const Site* site, s64 budget) {
    if (const u64 addend = refill(*c, va, *site, false, budget)) return addend;
    begin(*c, *site, budget);
    ++c->jit_->counters_.loads_missed;
    const MemOp m{.unprivileged = site->unprivileged, .ordered = site->ordered};
    const unsigned size = 1u << site->log2;
    u8* const out = c->bounce_.data();
    bool good;
    if (site->piece_log2 < site->log2)
      good = in_pieces(*site, [&](unsigned offset, unsigned piece) {
        return c->load_slow(va + offset, piece, out + offset, m);
      });
    else if (site->elements == 2 && size == 8 && (va & 15) == 0)
      good = c->load_slow(va, 16, out, m);
    else
      good = c->load_slow(va, size, out, m) &&
             (site->elements == 1 || c->load_slow(va + size, size, out + size, m));
    (void)good;
    end(*c, *site);
    return reinterpret_cast<u64>(out) - va;
  }
  static u64 store_missed(Vcpu* c, u64 va, const Site* site, s64 budget) {
    const unsigned size = 1u << site->log2;
    const u8* const in = c->bounce_.data();
    const bool whole = site->elements == 2 && size == 8 && (va & 15) == 0;
    const bool pieces = site->piece_log2 < site->log2;
    if (const u64 addend = pieces ? 0 : refill(*c, va, *site, true, budget)) {
      u8* const host = reinterpret_cast<u8*>(addend + va);
      write_single_copy(host, whole ? 16 : size, in);
      if (!whole && site->elements == 2) write_single_copy(host + size, size, in + size);
      return 0;
    }
    begin(*c, *site, budget);
    ++c->jit_->counters_.stores_missed;
    const MemOp m{.unprivileged = site->unprivileged, .ordered = site->ordered};
    if (pieces)
      (void)in_pieces(*site, [&](unsigned offset, unsigned piece) {
        return c->store_slow(va + offset, piece, in + offset, m);
      });
    else if (whole)
      (void)c->store_slow(va, 16, in, m);
    else if (c->store_slow(va, size, in, m) && site->elements == 2)
      (void)c->store_slow(va + size, size, in + size, m);
    end(*c, *site);
    return 0;
  }
  static u64 call(Vcpu* c, u64, const Site* site, s64 budget) {
    begin(*c, *site, budget);
    ++c->jit_->counters_.calls;
    site->call(*c, site->insn);
    end(*c, *site);
    return 0;
  }
  static const u8* next(Vcpu* c, u64 from) { return c->jit_->next(from); }
  // The same three with `chaos`.
  static void flush_now_and_then(Vcpu& c) {
    if (c.jit_->chaos_->one_in(Chaos::kFlushInAccess)) c.flush_l1();
  }
  static u64 load_in_chaos(Vcpu* c, u64 va, const Site* site, s64 budget) {
    flush_now_and_then(*c);
    return load_missed(c, va, site, budget);
  }
  static u64 store_in_chaos(Vcpu* c, u64 va, const Site* site, s64 budget) {
    flush_now_and_then(*c);
    return store_missed(c, va, site, budget);
  }
  static u64 call_in_chaos(Vcpu* c, u64 va, const Site* site, s64 budget) {
    flush_now_and_then(*c);
    return call(c, va, site, budget);
  }
  static ThunkTargets targets(bool chaos) {
    if (chaos) return {&load_in_chaos, &store_in_chaos, &call_in_chaos, &call_in_chaos, &next};
    return {&load_missed, &store_missed, &call, &call, &next};
  }
  static void flush_l1(Vcpu& c) { c.flush_l1(); }
  static void set_blind(Vcpu& c, bool blind) { c.set_blind(blind); }
  /// The rest comes back when what is left is used up (Vcpu::budget_used).
  static void shorten_budget(Vcpu& c, s64 n) {
    if (c.budget_ <= n) return;
    c.budget_rest_ += c.budget_ - n;
    c.budget_ = n;
  }
  static void prepare(Vcpu& c, s64 budget) {
    c.native_page_ = c.page_va_;
    c.fp_state_ = fp_state(c);
    c.native_start_ = budget;
    const bool begun = c.begun_btype_ != 0 && c.begun_at_ == c.retired_;
    c.native_begun_ = begun ? budget : Vcpu::kNeverBegun;
  }
  /// prepare() for s.pc, whose page nobody has looked at.
  static void prepare_known(Vcpu& c) {
    c.native_page_ = c.s.pc & ~u64{0xfff};
    c.fp_state_ = fp_state(c);
    c.native_start_ = c.budget_;
    c.native_begun_ = Vcpu::kNeverBegun;
    c.redirect_ = false;
  }
  /// Nothing comes between the last instruction and the one at s.pc but its fetch.
  static bool nothing_between(const Vcpu& c) {
    return !c.leaving_ && c.budget_ > 0 && !c.debug_ && (c.s.pstate.il | c.s.pstate.btype) == 0 &&
           (c.pending_.load(std::memory_order_acquire) & c.native_mask_) == 0;
  }
  static void finish(Vcpu& c) {
    c.retired_ += static_cast<u64>(c.native_start_ - c.native_budget_);
    c.budget_ = c.native_budget_;
  }
  static JumpEntry& jump(Vcpu& c, unsigned level, u64 target, unsigned btype) {
    return c.jumps_[level][((target >> 2) ^ jump_salt(btype)) & (kJumps - 1)];
  }
  static void clear_jumps(Vcpu& c, unsigned level, const u8* unknown) {
    auto& jumps = c.jumps_[level];
    for (u64 n = 0; n < kJumps; ++n) jumps[n] = unused_jump(n, unknown);
  }
  static void clear_jump(Vcpu& c, unsigned level, u64 target, unsigned btype, const u8* unknown) {
    JumpEntry& e = jump(c, level, target, btype);
    if (e.tag == target) e = unused_jump(static_cast<u64>(&e - c.jumps_[level].data()), unknown);
  }
  /// It has the tag of its neighbour: no address that is looked up here, nor its like with a BTYPE.
  static JumpEntry unused_jump(u64 n, const u8* unknown) { return {(n ^ 1) << 2, unknown}; }
  /// The page of the instruction that was fetched last is one of this address space.
  static bool in_private_page(const Vcpu& c) { return c.fetch_entry().is_private; }
  static u64 page(const Vcpu& c) { return c.native_page_; }
  static bool something_pending(const Vcpu& c) {
    return (c.pending_.load(std::memory_order_relaxed) & c.native_mask_) != 0;
  }
  static bool& interpret_one(Vcpu& c) { return c.interpret_one_; }
  static s64 budget(const Vcpu& c) { return c.budget_; }
  static const void* tlb(const Vcpu& c) { return c.l1_base_; }
  static bool fp_plain(const Vcpu& c) {
    return (c.s.fpcr & (3u << fp::kFpcrRModeShift | fp::kFpcrFZ | fp::kFpcrAHP)) == 0;
  }
  static u8 fp_state(const Vcpu& c) { return StateKey::fp_state(c.fp_enabled_, fp_plain(c)); }
  static StateKey key(const Vcpu& c) {
    return {.el0 = c.s.pstate.el == 0,
            .fp_enabled = c.fp_enabled_,
            .fp_plain = fp_plain(c),
            .sp_checked = c.sp_alignment_mask_ != 0,
            .aligned = c.alignment_mask_ != 0,
            .bti = c.bti_,
            .guarded = c.page_guarded_,
            .own_sp = c.s.pstate.el != 0 && c.s.pstate.spsel != 0,
            .several = c.ports_.siblings != nullptr && c.ports_.siblings->multiprocessor(),
            .uao = c.s.pstate.el != 0 && c.s.pstate.uao != 0};
  }
  static u32 jump_key(const Vcpu& c) {
    const PState& p = c.s.pstate;
    const u32 key =
        (static_cast<u32>(c.s.sys.sctlr_el1) & JumpKey::controls(p.el)) | JumpKey::kAlways;
    if (p.el == 0) return key;
    return key | (p.spsel != 0 ? JumpKey::kSpsel : 0) | (p.uao != 0 ? JumpKey::kUao : 0);
  }
};

}  // namespace quince::cpu::jit
