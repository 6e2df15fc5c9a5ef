#include "cpu/vcpu.h"

#include "base/assert.h"
#include "cpu/host_atomic.h"
#include "cpu/jit/jit.h"
#include "cpu/sysreg.h"
#include "hw/core/archive.h"

namespace quince::cpu {

Vcpu::Vcpu(unsigned index, u64 mpidr, const CpuModel& model, const VcpuPorts& ports)
    : index_(index), mpidr_(mpidr), model_(model), ports_(ports),
      trace_exception_(*ports.log, "cpu.exception") {
  reset(0, true);
}

Vcpu::~Vcpu() = default;

Result<void> translation_supported() { return jit::Jit::supported(); }

Result<void> Vcpu::use_jit(const TranslationOptions& options) {
  jit_ = TRY(jit::Jit::create(*this, options));
  pending_.fetch_or(kTranslate, std::memory_order_acq_rel);
  return {};
}

void Vcpu::reset(u64 entry, bool powered_on) {
  s = {};
  s.pc = entry;
  s.powered_on = powered_on;
  reset_sysregs(*this);
  // The wires are not ours to reset; and mail that came while this CPU was off has a sender that
  // waits until it was applied.
  pending_.fetch_and(kIrq | kFiq | kMaintenance | kTranslate, std::memory_order_acq_rel);
  restored();
}

void Vcpu::restored() {
  cur_ = nullptr;
  tlb_.invalidate_all();
  invalidate_all_code(false);
  context_changed();
  pmu_irq_.set(pmu_interrupt(*this));
}

void Vcpu::snapshot(Archive& ar) {
  ar.field("x", s.x);
  ar.field("sp", s.sp);
  ar.field("pc", s.pc);
  ar.field("nzcv", s.nzcv);
  ar.field("fpcr", s.fpcr);
  ar.field("fpsr", s.fpsr);
  ar.field("sp_bank", s.sp_bank);
  ar.section("pstate", [&](Archive& a) {
    PState& p = s.pstate;
    a.field("el", p.el);
    a.field("spsel", p.spsel);
    a.field("daif", p.daif);
    a.field("pan", p.pan);
    a.field("uao", p.uao);
    a.field("dit", p.dit);
    a.field("ssbs", p.ssbs);
    a.field("btype", p.btype);
    a.field("ss", p.ss);
    a.field("il", p.il);
  });
  ar.section("v", [&](Archive& a) {
    for (std::size_t i = 0; i < s.v.size(); ++i)
      for (std::size_t h = 0; h < 2; ++h)
        a.field(std::to_string(i) + (h == 0 ? ".lo" : ".hi"), s.v[i].d[h]);
  });
  // A restored CPU has lost its exclusive monitor, which is an event for a WFE that relied on it.
  s.event_register = s.excl_valid || (pending_.load(std::memory_order_acquire) & kEvent) != 0;
  ar.field("event_register", s.event_register);
  ar.field("powered_on", s.powered_on);
  ar.field("instructions", retired_);
  ar.section("sys", [&](Archive& a) { snapshot_sysregs(a, s.sys); });
  if (!ar.loading()) return;
  s.excl_valid = false;
  pending_.fetch_and(~kEvent, std::memory_order_acq_rel);
  if (s.event_register) pending_.fetch_or(kEvent, std::memory_order_acq_rel);
  s.x[31] = 0;
  s.nzcv &= 15;
  s.pstate.el &= 1;
  s.pstate.spsel &= 1;
  s.pstate.daif &= 15;
  s.pstate.btype &= 3;
}

void snapshot_sysregs(Archive& a, SysRegs& r) {
#define QUINCE_FIELD(name) a.field(#name, r.name)
  QUINCE_FIELD(sctlr_el1), QUINCE_FIELD(cpacr_el1), QUINCE_FIELD(ttbr0_el1);
  QUINCE_FIELD(ttbr1_el1), QUINCE_FIELD(tcr_el1), QUINCE_FIELD(mair_el1), QUINCE_FIELD(vbar_el1);
  QUINCE_FIELD(rvbar_el1), QUINCE_FIELD(esr_el1), QUINCE_FIELD(far_el1), QUINCE_FIELD(par_el1);
  QUINCE_FIELD(elr_el1), QUINCE_FIELD(spsr_el1), QUINCE_FIELD(contextidr_el1);
  QUINCE_FIELD(tpidr_el0), QUINCE_FIELD(tpidrro_el0), QUINCE_FIELD(tpidr_el1);
  QUINCE_FIELD(scxtnum_el0), QUINCE_FIELD(scxtnum_el1), QUINCE_FIELD(csselr_el1);
  QUINCE_FIELD(cntkctl_el1), QUINCE_FIELD(event_stream_seen), QUINCE_FIELD(cntfrq_el0);
  QUINCE_FIELD(mdscr_el1);
  QUINCE_FIELD(oslar_locked), QUINCE_FIELD(osdlr_el1), QUINCE_FIELD(mdccint_el1);
  QUINCE_FIELD(oseccr_el1), QUINCE_FIELD(osdtrrx_el1), QUINCE_FIELD(osdtrtx_el1);
  QUINCE_FIELD(dbgclaim), QUINCE_FIELD(dbgprcr_el1), QUINCE_FIELD(dbgbvr), QUINCE_FIELD(dbgbcr);
  QUINCE_FIELD(dbgwvr), QUINCE_FIELD(dbgwcr), QUINCE_FIELD(apkeys), QUINCE_FIELD(pmcr_el0);
  QUINCE_FIELD(pmcnten), QUINCE_FIELD(pmuserenr_el0), QUINCE_FIELD(pmselr_el0);
  QUINCE_FIELD(pminten), QUINCE_FIELD(pmovs), QUINCE_FIELD(pmccfiltr_el0);
  QUINCE_FIELD(pmccntr_el0), QUINCE_FIELD(pmevcntr), QUINCE_FIELD(pmevtyper);
  QUINCE_FIELD(pmu_synced);
#undef QUINCE_FIELD
}

void Vcpu::raise(u32 bits) {
  pending_.fetch_or(bits, std::memory_order_acq_rel);
  if (wake_ != nullptr && (bits & ~kMaintenance) != 0) wake_(wake_context_);
}

void Vcpu::set_line(unsigned line, bool high) {
  const u32 b = line == 0 ? kIrq : kFiq;
  if (high)
    raise(b);
  else
    pending_.fetch_and(~b, std::memory_order_acq_rel);
}

u64 Vcpu::counter() const {
  const u64 now = now_ns(), hz = ports_.counter_hz;
  if (hz >> 32 != 0) return static_cast<u64>(static_cast<u128>(now) * hz / hw::kSecond);
  // The same without a division of 128 bits, which takes longer than to ask for the time.
  return now / hw::kSecond * hz + now % hw::kSecond * hz / hw::kSecond;
}

// ---- Derived state -----------------------------------------------------------------------------

void Vcpu::update_poll_mask() {
  u32 m = kExit | kMaintenance | kTranslate;
  if ((s.pstate.daif & 2) == 0) m |= kIrq;
  if ((s.pstate.daif & 1) == 0) m |= kFiq;
  poll_mask_ = m;
  native_mask_ = m & ~kTranslate;
}

/// Translated code does the same (cpu/jit/x64/exceptions.cpp).
void Vcpu::el_changed() {
  const bool el0 = s.pstate.el == 0;
  mmu_index_ = el0 ? 0 : s.pstate.pan != 0 ? 2 : 1;
  // Those of EL1 are of pages as PSTATE.PAN lets them be seen.
  if (!el0 && std::exchange(el1_index_, mmu_index_) != mmu_index_) page_pointers_[1].fill({});
  unprivileged_index_ = el0 || s.pstate.uao == 0 ? 0 : mmu_index_;
  const LevelControls& here = levels_[mmu_index_];
  l1_base_ = here.l1_base;
  unprivileged_base_ = levels_[unprivileged_index_].l1_base;
  recent_base_ = here.recent_base;
  sp_alignment_mask_ = here.sp_alignment_mask;
  fp_enabled_ = here.fp_enabled;
  update_poll_mask();
}

/// What el_changed() chooses from.
void Vcpu::derive_levels() {
  const u64 sctlr = s.sys.sctlr_el1, fpen = bits(s.sys.cpacr_el1, 21, 20);
  for (unsigned index = 0; index < levels_.size(); ++index) {
    const bool el0 = index == 0;
    levels_[index] = {.l1_base = blind_ ? &empty_l1_ : &l1_[index],
                      .recent_base = &recent_.tables[index],
                      .sp_alignment_mask = bit(sctlr, el0 ? 4 : 3) ? u64{15} : 0,  // SA0, SA
                      .fp_enabled = fpen == 3 || (fpen == 1 && !el0)};
  }
}

void Vcpu::set_blind(bool blind) {
  blind_ = blind;
  recent_.hide(blind);
  forget_page_pointers();
  derive_levels();
  el_changed();
}

void Vcpu::context_changed() {
  controls_changed();
  flush_l1();
}

void Vcpu::controls_changed() {
  alignment_mask_ = bit(s.sys.sctlr_el1, 1) ? ~u64{0} : 0;
  const bool locked = s.sys.oslar_locked != 0 || bit(s.sys.osdlr_el1, 0);
  bool breakpoints = false;
  watchpoints_ = false;
  if (bit(s.sys.mdscr_el1, 15) && !locked) {  // MDE
    for (unsigned i = 0; i < model_.breakpoints; ++i) breakpoints |= bit(s.sys.dbgbcr[i], 0);
    for (unsigned i = 0; i < model_.watchpoints; ++i) watchpoints_ |= bit(s.sys.dbgwcr[i], 0);
  }
  debug_ = breakpoints || (bit(s.sys.mdscr_el1, 0) && !locked);
  const pauth::Regime regime{.tcr = s.sys.tcr_el1,
                             .pauth2 = has(Feature::PAuth2),
                             .fpac = has(Feature::FPAC),
                             .qarma5 = has(Feature::PACQARMA5)};
  pac_layout_ = pauth::instruction_layout(regime);
  using pauth::PacLayout;
  const auto how = [&](unsigned enable) {
    if (!bit(s.sys.sctlr_el1, enable)) return PacLayout::kOff;
    return has(Feature::PAuth) && regime.pauth2 && !regime.qarma5 ? PacLayout::kUsable
                                                                  : PacLayout::kAsk;
  };
  pac_layout_.usable[0] = how(31);  // EnIA
  pac_layout_.usable[1] = how(30);  // EnIB
  bti_ = has(Feature::BTI);
  derive_levels();
  el_changed();
}

void Vcpu::set_daif(u8 daif) {
  s.pstate.daif = daif & 15;
  update_poll_mask();
  if ((pending_.load(std::memory_order_relaxed) & native_mask_) != 0) resynchronise();
}

void Vcpu::set_pan(bool on) {
  s.pstate.pan = on ? 1 : 0;
  el_changed();
}

void Vcpu::set_uao(bool on) {
  s.pstate.uao = on ? 1 : 0;
  el_changed();
}

void Vcpu::set_spsel(bool on) { set_el(s.pstate.el, on ? 1 : 0); }

void Vcpu::set_el(unsigned el, unsigned spsel) {
  if (bit(s.sys.pmcr_el0, 0)) [[unlikely]] pmu_sync(*this);
  s.sp_bank[s.sp_index()] = s.sp;
  s.pstate.el = static_cast<u8>(el);
  s.pstate.spsel = static_cast<u8>(spsel);
  s.sp = s.sp_bank[s.sp_index()];
  if (bit(s.sys.pmcr_el0, 0)) [[unlikely]]
    pmu_changed();
}

void Vcpu::resynchronise() {
  s.pc = pc() + 4;
  redirect_ = true;
}

void Vcpu::exit_after(RunExit why) {
  resynchronise();
  exit_ = why;
  leaving_ = true;
}

// ---- Maintenance -------------------------------------------------------------------------------

void Vcpu::post_maintenance(const Maintenance& m) {
  constexpr std::size_t kMailbox = 256;
  {
    const std::lock_guard lock(mailbox_mutex_);
    const bool code = m.kind == Maintenance::Kind::CodePage || m.kind == Maintenance::Kind::AllCode;
    if (mailbox_.size() < kMailbox)
      mailbox_.push_back(m);
    else
      (code ? flush_code_ : flush_tlb_) = true;  // more than asked is always allowed
    posted_.fetch_add(1, std::memory_order_acq_rel);
  }
  raise(kMaintenance);
}

void Vcpu::apply_maintenance() {
  std::vector<Maintenance> todo;
  bool all_tlb = false, all_code = false;
  u64 upto = 0;
  {
    const std::lock_guard lock(mailbox_mutex_);
    todo.swap(mailbox_);
    all_tlb = std::exchange(flush_tlb_, false);
    all_code = std::exchange(flush_code_, false);
    upto = posted_.load(std::memory_order_acquire);
    pending_.fetch_and(~kMaintenance, std::memory_order_acq_rel);
  }
  if (all_tlb) {
    tlb_.invalidate_all();
    flush_l1();
  }
  if (all_code) invalidate_all_code(false);
  compare_written_code();
  for (const Maintenance& m : todo) switch (m.kind) {
      case Maintenance::Kind::Tlb:
        if (!all_tlb) invalidate_tlb(m.tlb, false);
        break;
      case Maintenance::Kind::CodePage:
        if (!all_code) invalidate_code(m.page, false);
        break;
      case Maintenance::Kind::AllCode:
        if (!all_code) invalidate_all_code(false);
        break;
      case Maintenance::Kind::View:
        if (!all_tlb) flush_l1();
        break;
      case Maintenance::Kind::Watch:
        if (!all_tlb) drop_l1(m.page);
        break;
      case Maintenance::Kind::IdleCode:
        idle_code(m.page);
        break;
    }
  applied_.store(upto, std::memory_order_release);
}

void Vcpu::invalidate_tlb(const TlbInvalidation& t, bool broadcast) {
  tlb_.invalidate(t);
  drop_l1(t);
  if (broadcast) this->broadcast({.kind = Maintenance::Kind::Tlb, .tlb = t});
}

void Vcpu::broadcast(const Maintenance& m) {
  if (ports_.siblings == nullptr) return;
  ports_.siblings->broadcast(*this, m);
  maintenance_sent_ = true;
}

void Vcpu::data_barrier() {
  full_fence();
  // It waits for maintenance by this CPU only (DDI 0487, D8.14.5); whoever moves a thread has one of its own first.
  if (std::exchange(maintenance_sent_, false)) ports_.siblings->complete(*this);
}

}  // namespace quince::cpu
