// Running instructions: from the program counter to predecoded operations, interrupts between
// them, and the slow loop for self-hosted debug.
#include <algorithm>

#include "cpu/interp/rows.h"
#include "cpu/jit/jit.h"
#include "cpu/vcpu.h"

namespace quince::cpu {

namespace {

const Op* op_undefined(Vcpu& c, const Op* op) {
  c.cur_ = op;
  c.undefined();
  return c.redirected(op);
}

/// The end of a page: not an instruction.
const Op* op_next_page(Vcpu& c, const Op* op) { return c.next_page(op); }

/// An instruction that has not run yet: decodes it, then runs it.
const Op* op_decode(Vcpu& c, const Op* op) {
  const auto index = static_cast<std::size_t>(op - c.page_->ops.data());
  Op& slot = c.page_->ops[index];
  slot.insn = c.page_->insn(index);
  c.page_->set_known(index);
  const Handler h = make_handler_for(slot.insn, c.model().features);
  slot.fn = h != nullptr ? h : op_undefined;
  return slot.fn(c, op);
}

}  // namespace

Handler not_decoded() { return op_decode; }

namespace {

void clear_page(CodePage& page) {
  page.ops.fill({.fn = op_decode, .insn = 0});
  page.ops[CodePage::kOps].fn = op_next_page;
  page.known_ops = {};
}

}  // namespace

// ---- Code pages --------------------------------------------------------------------------------

CodePage* Vcpu::code_page(PhysAddr pa, const u8* host) {
  KnownPage& known = known_pages_[(pa.raw() >> 12 ^ pa.raw() >> 24) & (kKnownPages - 1)];
  if (known.pa == pa.raw()) return known.page;
  const auto it = code_.find(pa.raw());
  if (it != code_.end()) {
    known = {.pa = pa.raw(), .page = it->second.get()};
    return known.page;
  }
  if (code_.size() >= kMaxCodePages) {
    // Only here, between instructions, may pages go: nothing points into them now.
    fetch_.fill({});
    known_pages_.fill({});
    if (jit_ != nullptr) jit_->forget_all();
    for (auto& [_, page] : code_) untrack_code(*page);
    code_.clear();
  }
  auto page = std::make_unique<CodePage>();
  page->pa = pa;
  page->host = host;
  clear_page(*page);
  known = {.pa = pa.raw(), .page = page.get()};
  code_.emplace(pa.raw(), std::move(page));
  return known.page;
}

void Vcpu::invalidate_code(PhysAddr pa, bool broadcast) {
  const auto it = code_.find(pa.page().raw());
  if (it != code_.end()) forget_if_changed(*it->second);
  if (broadcast) this->broadcast({.kind = Maintenance::Kind::CodePage, .page = pa.page()});
}

void Vcpu::invalidate_all_code(bool broadcast) {
  for (auto& [_, page] : code_) forget_if_changed(*page);
  if (broadcast) this->broadcast({.kind = Maintenance::Kind::AllCode});
}

/// What was decoded is still right where the instructions are the same: kernels invalidate much more than
/// they change.
void Vcpu::forget_if_changed(CodePage& page) {
  const auto same = [&](std::size_t n) {
    return page.ops[n].insn == load_le<u32>(page.host + 4 * n);
  };
  if (page.all_known(same)) return;
  clear_page(page);
  if (jit_ != nullptr) jit_->forget_page(page);
}

// ---- Instruction fetch -------------------------------------------------------------------------

u64 Vcpu::branch_address(u64 pc) const {
  return strip_tag(stage1_regs(), model_.stage1, VirtAddr(pc), AccessKind::Execute).raw();
}

bool Vcpu::landing_pad(u32 insn) const {
  // BranchTargetCheck (D8.4.6): which instructions accept which PSTATE.BTYPE.
  const unsigned btype = s.pstate.btype;
  if ((insn & 0xffff'ff3f) == 0xd503'241f) {  // BTI {c|j|jc}
    const unsigned targets = (insn >> 6) & 3;
    if (targets == 0) return false;
    if (targets == 3) return true;
    return targets == 1 ? btype != 3 : btype != 2;  // c: calls and BR X16/X17; j: jumps
  }
  const bool pacixsp = insn == 0xd503'233f || insn == 0xd503'237f;
  if (pacixsp) {
    const bool bt = bit(s.sys.sctlr_el1, s.pstate.el == 0 ? 35 : 36);  // BT0, BT1
    return btype != 3 || !bt;
  }
  return (insn & 0xffe0'001f) == 0xd420'0000 ||  // BRK and HLT report themselves
         (insn & 0xffe0'001f) == 0xd440'0000;
}

bool Vcpu::fetch_slow(FetchEntry& f) {
  const u64 pc = branch_address(s.pc);
  s.pc = pc;
  if ((pc & 3) != 0) {
    s.sys.far_el1 = pc;
    take_exception(ExceptionClass::PcAlignment, 0, pc);
    return false;
  }
  Stage1Access a = access_for(AccessKind::Execute, {});
  Fault fault;
  const Translation* t = lookup_or_walk(pc, a, fault);
  if (t == nullptr) {
    instruction_abort(pc, fault);
    return false;
  }
  const PhysAddr pa = t->output(VirtAddr(pc)).page();
  const bool guarded = t->guarded, is_private = Vcpu::is_private(*t, pc);
  const u8 log2_size = t->log2_size;
  const u8* host = host_pointer(pa, 4096);
  if (host == nullptr) {  // code in a device, or nowhere
    instruction_abort(pc, {.kind = FaultKind::External});
    return false;
  }
  CodePage* const page = code_page(pa, host);
  if (ports_.track_code && track_code(*page)) return fetch_slow(f);
  f = {.va = pc & ~u64{0xfff},
       .page = page,
       .guarded = guarded,
       .is_private = is_private,
       .log2_size = log2_size};
  private_pages_ |= is_private;
  private_el1_code_ |= is_private && s.pstate.el != 0;
  note_piece(pc, log2_size);
  u8& largest = code_log2_size_[bit(pc, 55)];
  largest = std::max(largest, f.log2_size);
  return true;
}

/// What comes between a good fetch and the instruction's own exceptions, in the order of D1.3.5.5.
/// False after an exception.
bool Vcpu::may_begin(bool guarded, u32 insn) {
  if (stepping_ && breakpoint_hit(s.pc)) return false;
  if (s.pstate.il != 0) {
    take_exception(ExceptionClass::IllegalState, 0, s.pc);
    return false;
  }
  if (s.pstate.btype != 0 && guarded && !landing_pad(insn)) {
    take_exception(ExceptionClass::BranchTarget, s.pstate.btype, s.pc);
    return false;
  }
  begun_btype_ = s.pstate.btype;
  begun_at_ = retired_;
  s.pstate.btype = 0;
  return true;
}

/// The operation at s.pc; null after an exception, which moved s.pc.
const Op* Vcpu::fetch() {
  FetchEntry* f = &fetch_entry();
  if (f->va != (s.pc & ~u64{0xffc})) [[unlikely]] {
    FetchEntry fresh;
    if (!fetch_slow(fresh)) return nullptr;
    f = &fetch_entry();
    *f = fresh;
  }
  const u64 index = (s.pc & 0xfff) / 4;
  if ((s.pstate.il | s.pstate.btype) != 0 || stepping_) [[unlikely]]
    if (!may_begin(f->guarded, load_le<u32>(f->page->host + 4 * index))) return nullptr;
  page_ = f->page;
  page_va_ = f->va;
  page_guarded_ = f->guarded;
  block_start_ = &page_->ops[index];
  return block_start_;
}

bool Vcpu::goes_straight_on() {
  const FetchEntry& f = fetch_entry();
  if (leaving_ || budget_ <= 0 || debug_ || s.pstate.il != 0 ||
      (pending_.load(std::memory_order_acquire) & native_mask_) != 0 ||
      f.va != (s.pc & ~u64{0xffc}))
    return false;
  if (s.pstate.btype != 0) {
    const u32 insn = load_le<u32>(f.page->host + (s.pc & 0xffc));
    if ((f.guarded && !landing_pad(insn)) || !may_begin(f.guarded, insn)) return false;
  }
  page_ = f.page;
  page_va_ = f.va;
  page_guarded_ = f.guarded;
  redirect_ = false;
  return true;
}

/// The run's budget is used up; where it was cut short for an overflow of the PMU, that may be now.
bool Vcpu::budget_used() {
  if (budget_ > 0) return false;
  if (budget_rest_ == 0) return true;
  if (bit(s.sys.pmcr_el0, 0)) {
    pmu_changed();
  } else {  // cut by chaos: of that nothing is to be seen
    budget_ += budget_rest_;
    budget_rest_ = 0;
  }
  return budget_ <= 0;
}

/// Goes on at s.pc, with everything that may happen between instructions.  Null: leave run().
const Op* Vcpu::go() {
  cur_ = nullptr;
  // A pending Software Step exception comes before an interrupt and before the next fetch.
  if (step_ran_) [[unlikely]] return nullptr;
  for (;;) {
    redirect_ = false;
    if (leaving_) return nullptr;
    const bool used = budget_used();  // first, because an overflow may raise an interrupt
    const u32 due = pending_.load(std::memory_order_acquire) & poll_mask_ & ~kTranslate;
    if (due != 0) [[unlikely]] {
      if ((due & kMaintenance) != 0) apply_maintenance();
      if ((due & kExit) != 0) {
        pending_.fetch_and(~kExit, std::memory_order_acq_rel);
        exit_ = RunExit::Budget;
        leaving_ = true;
        return nullptr;
      }
      take_interrupt();
    }
    if (used) {
      leaving_ = true;
      return nullptr;
    }
    if (debug_ != stepping_) return nullptr;  // run() changes between the fast and the slow loop
    if (const Op* op = fetch()) {
      redirect_ = false;  // an interrupt taken above redirected to here
      if (jit_ != nullptr && !stepping_ && jit_->run()) continue;
      return op;
    }
    // An exception instead of an instruction: it costs as one, so that a guest whose vectors fault
    // for ever does not hang the emulator.
    --budget_;
    ++retired_;
  }
}

const Op* Vcpu::redirected(const Op* op) {
  // A branch before the redirection has moved block_start_ and counted already.
  const s64 n = op - block_start_ + 1;
  if (block_start_ != nullptr && n > 0) {
    retired_ += static_cast<u64>(n);
    budget_ -= n;
  }
  block_start_ = nullptr;
  return go();
}

const Op* Vcpu::next_page(const Op* op) {
  const s64 n = op - block_start_;
  retired_ += static_cast<u64>(n);
  budget_ -= n;
  block_start_ = nullptr;
  s.pc = page_va_ + 4096;
  return go();
}

// ---- The run loop ------------------------------------------------------------------------------

RunExit Vcpu::run(u64 budget) {
  if (!s.powered_on) return RunExit::Halted;
  budget_ = static_cast<s64>(budget);
  budget_rest_ = 0;
  if (bit(s.sys.pmcr_el0, 0)) [[unlikely]]
    pmu_changed();
  exit_ = RunExit::Budget;
  leaving_ = false;
  exceptions_told_ = tells_exceptions();
  while (!leaving_) {
    if (debug_) {
      step_debug();
      continue;
    }
    const Op* op = go();
    while (op != nullptr) op = op->fn(*this, op);
  }
  cur_ = nullptr;
  return s.powered_on ? exit_ : RunExit::Halted;
}

/// The instruction at s.pc, on the interpreter, with nothing in front of it but its fetch and what that looks at.
/// False: that took an exception instead.
bool Vcpu::step() {
  redirect_ = false;
  const Op* op = fetch();
  if (op == nullptr) return false;
  redirect_ = false;
  step_ran_ = true;
  op = op->fn(*this, op);
  step_ran_ = false;
  end_step(op);
  cur_ = nullptr;
  return true;
}

/// Counts a stepped instruction, whose handler gave `op`.
void Vcpu::end_step(const Op* op) {
  if (op == nullptr) return;
  const s64 n = op - block_start_;  // 1 after straight-line code, 0 after a branch
  retired_ += static_cast<u64>(n);
  budget_ -= n;
  s.pc = page_va_ + 4 * static_cast<u64>(op - page_->ops.data());
}

/// One instruction, with software step and breakpoints (D2.12, D2.8).
void Vcpu::step_debug() {
  const auto step_enabled = [this] {
    return bit(s.sys.mdscr_el1, 0) && debug_enabled_at(s.pstate.el, (s.pstate.daif & 8) != 0);
  };
  stepping_ = true;
  if (step_enabled() && s.pstate.ss == 0) {  // active-pending: before interrupts and the fetch
    take_exception(s.pstate.el == 0 ? ExceptionClass::StepLower : ExceptionClass::StepSame,
                   step_syndrome_, branch_address(s.pc));
    step_syndrome_ = 0x22;
    --budget_;
    ++retired_;
    leaving_ = leaving_ || budget_used();
  } else if (const Op* op = go(); op != nullptr) {
    const bool step = step_enabled();
    const u32 insn = load_le<u32>(page_->host + (s.pc & 0xfff));
    const bool exclusive = (insn & 0x3f40'0000) == 0x0840'0000;
    const bool eret = (insn & 0xffff'f000) == 0xd69f'0000;
    step_ran_ = true;
    op = op->fn(*this, op);
    step_ran_ = false;
    end_step(op);
    // Exception entry has cleared SS; ERET has set it, and is a stepped instruction itself.
    if (step && (s.pstate.ss != 0 || eret)) {
      s.pstate.ss = 0;  // active-not-pending becomes active-pending
      step_syndrome_ = 0x0100'0022u | (exclusive ? 1u << 6 : 0u);  // ISV, EX
    }
  }
  redirect_ = false;
  cur_ = nullptr;
  stepping_ = false;
}

}  // namespace quince::cpu
