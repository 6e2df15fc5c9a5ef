// One virtual CPU: its state, its view of memory, exceptions and interrupts.  Engines (cpu/interp)
// run instructions on it; the machine (machine/) gives it a thread, time and ports to the devices.
#pragma once

#include <atomic>
#include <bitset>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/addr.h"
#include "base/log.h"
#include "base/result.h"
#include "cpu/exception_class.h"
#include "cpu/features.h"
#include "cpu/first_level.h"
#include "cpu/host_atomic.h"
#include "cpu/interp/code_page.h"
#include "cpu/lookaside.h"
#include "cpu/mmu/tlb.h"
#include "cpu/mmu/walk.h"
#include "cpu/model.h"
#include "cpu/pauth/pac.h"
#include "cpu/ports.h"
#include "cpu/state.h"
#include "cpu/written_code.h"
#include "hw/core/address_space.h"
#include "hw/core/irq.h"
#include "hw/core/sysreg.h"
#include "hw/core/timer.h"

namespace quince::cpu {

class Vcpu;
namespace jit {
class CodeObserver;
class Jit;
class Lockstep;
struct Native;
}  // namespace jit

/// How a memory access differs from a plain one.
struct MemOp {
  bool unprivileged = false;  ///< LDTR/STTR: as EL0 unless PSTATE.UAO
  bool aligned = false;       ///< exclusive: aligned, or inside a 16-byte granule with FEAT_LSE2
  bool ordered = false;       ///< acquire/release: alignment by FEAT_LSE2 and SCTLR_EL1.nAA
  bool atomic = false;        ///< read-modify-write: a read that needs write permission
};

/// Why run() returned.
enum class RunExit : u8 {
  Budget,   ///< the budget is used up, or another thread asked to stop
  Wfi,      ///< waits for an interrupt
  Wfe,      ///< waits for an event
  Yield,    ///< YIELD: another vCPU may run
  Halted,   ///< powered off, or the machine stops
  Differs,  ///< lockstep: the engines do not agree; the report is in the log
};

class Vcpu final : public hw::IrqSink {
 public:
  Vcpu(unsigned index, u64 mpidr, const CpuModel& model, const VcpuPorts& ports);
  ~Vcpu();
  Vcpu(const Vcpu&) = delete;
  Vcpu& operator=(const Vcpu&) = delete;

  unsigned index() const { return index_; }
  u64 mpidr() const { return mpidr_; }
  const CpuModel& model() const { return model_; }
  bool has(Feature f) const { return quince::has(model_.features, f); }
  const VcpuPorts& ports() const { return ports_; }

  /// The wire of the PMU's overflow interrupt: a level, high while it is asserted.
  void connect_pmu(hw::IrqLine line) { pmu_irq_ = std::move(line); }

  /// Architectural reset: EL1h, everything masked, MMU off, PC at `entry`.  With the I/O lock held,
  /// as restored().
  void reset(u64 entry, bool powered_on);
  void snapshot(Archive& ar);
  /// After a load: everything derived from the state.
  void restored();

  /// Has translated code run besides the interpreter's (cpu/jit).  Before the first run().
  Result<void> use_jit(const TranslationOptions& options);
  const jit::Jit* translator() const { return jit_.get(); }

  // ---- Running (the vCPU's own thread) ---------------------------------------------------------

  /// Runs until about `budget` instructions are done or something else ends it.
  RunExit run(u64 budget);
  /// Instructions executed since creation; exact at any instruction boundary.
  u64 instructions() const {
    return retired_ + (cur_ != nullptr ? static_cast<u64>(cur_ - block_start_) : 0);
  }
  /// Bytes of the host that decoded code takes: bounded, and kept over resets.  While it does not run.
  std::size_t decoded_bytes() const { return code_.size() * sizeof(CodePage); }
  /// True when an interrupt would end WFI: pending, whether masked or not.
  bool interrupt_pending() const { return (pending_.load(std::memory_order_acquire) & kWake) != 0; }
  /// Takes the event register: true when it was set, by SEV, by an exception return or by an event
  /// of the event stream since it was last taken (event_stream.cpp).
  bool take_event();
  /// WFE ends: takes the event register if it was set; an interrupt that PSTATE lets through ends
  /// it too.
  bool wfe_ends() {
    return (pending_.load(std::memory_order_acquire) & poll_mask_ & kWake) != 0 || take_event();
  }
  /// The guest time in nanoseconds of the event stream's next event; kNever while it is off.
  u64 next_stream_event() const;
  /// Writes CNTKCTL_EL1: another event stream begins, and what the old one set stays set.
  void set_cntkctl(u64 v);

  // ---- Other threads ---------------------------------------------------------------------------

  /// Interrupt inputs: line 0 is IRQ, line 1 is FIQ.  With the I/O lock held.
  void set_line(unsigned line, bool high) override;
  /// True while the vCPU runs no guest code, so that nothing waits for its maintenance: it applies
  /// what is queued before it goes on.
  void set_parked(bool parked) { parked_.store(parked, std::memory_order_seq_cst); }
  bool parked() const { return parked_.load(std::memory_order_seq_cst); }
  bool line_pending(unsigned line) const {
    return (pending_.load(std::memory_order_acquire) & (line == 0 ? kIrq : kFiq)) != 0;
  }
  /// Makes run() return soon.
  void request_exit() { raise(kExit); }
  /// Queues maintenance from another vCPU; thread-safe.
  void post_maintenance(const Maintenance& m);
  /// How much posted maintenance has been applied, of how much.
  u64 maintenance_posted() const { return posted_.load(std::memory_order_acquire); }
  u64 maintenance_applied() const { return applied_.load(std::memory_order_acquire); }
  /// Applies what is queued.  By the vCPU's own thread, or while it is known not to run.
  void apply_maintenance();
  /// Sets the event register; thread-safe.
  void set_event() { raise(kEvent); }
  /// Called, on any thread, whenever something that can end WFI or WFE was raised.
  void on_wake(void (*fn)(void*), void* context) {
    wake_ = fn;
    wake_context_ = context;
  }

  // ---- What instructions use -------------------------------------------------------------------

  CpuState s;

  /// The address of the instruction that runs now, or of the next one outside of run().
  u64 pc() const {
    return cur_ != nullptr ? page_va_ + 4 * static_cast<u64>(cur_ - page_->ops.data()) : s.pc;
  }

  /// Other vCPUs exist.
  bool multiprocessor() const {
    return ports_.siblings != nullptr && ports_.siblings->multiprocessor();
  }

  /// Loads and stores of 1, 2, 4, 8 or 16 bytes (T: u8..u64, VReg) at a virtual address.  False:
  /// an exception was taken, and the instruction must return at once with nothing written.
  template <class T>
  bool load(u64 va, T& out, MemOp op = {}) {
    const TlbEntry t = l1_entry(va, op);
    if (t.read == ((va + sizeof(T) - 1) & ~u64{0xfff}) && aligned_for(va, sizeof(T), op))
        [[likely]] {
      read_host(reinterpret_cast<const u8*>(t.addend + va), out);
      return true;
    }
    return load_slow(va, sizeof(T), &out, op);
  }
  template <class T>
  bool store(u64 va, T value, MemOp op = {}) {
    const TlbEntry t = l1_entry(va, op);
    if (t.write == ((va + sizeof(T) - 1) & ~u64{0xfff}) && aligned_for(va, sizeof(T), op))
        [[likely]] {
      write_host(reinterpret_cast<u8*>(t.addend + va), value);
      return true;
    }
    return store_slow(va, sizeof(T), &value, op);
  }

  /// The host address of `n` bytes at `va` when plain accesses to them, each aligned to `align`,
  /// need no look at anything but the first-level TLB; else null, and nothing has happened.
  template <bool kWrite>
  u8* fast_memory(u64 va, unsigned n, unsigned align) const {
    const TlbEntry t = l1_base_->get(FirstLevel::index(va));
    if ((kWrite ? t.write : t.read) != ((va + n - 1) & ~u64{0xfff}) ||
        (va & (align - 1) & alignment_mask_) != 0) {
      return nullptr;
    }
    return reinterpret_cast<u8*>(t.addend + va);
  }

  /// The host address of `size` bytes at `va` for an atomic read-modify-write (or, with
  /// `for_write` false, an exclusive read): translated, permission-checked and naturally aligned,
  /// or null after an exception.  Device memory faults (unsupported atomic).  A page to be written
  /// that is watched for exclusives is in `held` then, and whoever writes says so: wrote().
  u8* atomic_pointer(u64 va, unsigned size, bool for_write, MemOp op,
                     hw::ExclusiveMonitors::Held* held = nullptr, PhysAddr* pa = nullptr);
  /// Before a load exclusive: holds the page of `pa` when every write to it is seen; else nothing.
  void hold_monitored(PhysAddr pa, hw::ExclusiveMonitors::Held& held);
  /// After a store exclusive that failed because they are not: from some moment on they are, and until
  /// then this CPU lets others have their turn.
  void begin_watching(PhysAddr pa);
  /// Before a store exclusive: nobody has written to the location of the monitor.
  bool monitor_intact(const hw::ExclusiveMonitors::Held& held) const;

  /// DC ZVA: zeroes the 64-byte block that holds `va`.  False after an exception.
  bool zero_block(u64 va);

  /// Exceptions: each is taken at once, to EL1, and the instruction must return.
  void take_exception(ExceptionClass ec, u32 iss, u64 preferred_return);
  void undefined() { take_exception(ExceptionClass::Unknown, 0, pc()); }
  void data_abort(u64 va, const Fault& f, bool write, bool cache_maintenance = false);
  /// SCTLR_EL1.SA/SA0: false, after an exception, when SP is the base and not 16-byte aligned.
  bool check_sp_alignment() {
    if (sp_aligned()) [[likely]] return true;
    sp_alignment_fault();
    return false;
  }
  bool sp_aligned() const { return (s.sp & sp_alignment_mask_) == 0; }
  void sp_alignment_fault() { take_exception(ExceptionClass::SpAlignment, 0, pc()); }
  /// MRS/MSR/SYS trapped to EL1 (EC 0x18).
  void sysreg_trap(hw::SysRegId id, unsigned rt, bool read);
  /// ERET and its authenticated forms, to `target`.
  void exception_return(u64 target);

  /// False, after an exception: floating point and SIMD are trapped by CPACR_EL1.
  bool fp_access_check() {
    if (fp_enabled_) [[likely]] return true;
    trap_fp();
    return false;
  }

  bool fp_enabled() const { return fp_enabled_; }
  /// Around the meaning of an instruction that CPACR_EL1 traps, if it turns out to be one: keeps
  /// the registers, and puts them back and takes the exception unless the instruction was UNDEFINED.
  void hold_registers() { held_ = s; }
  void trap_fp_unless_undefined();

  /// Continues after this instruction with a fresh instruction fetch, interrupts considered: for
  /// everything that changes how instructions are found or whether interrupts are taken.
  void resynchronise();
  /// Ends run() after this instruction.
  void exit_after(RunExit why);
  /// Changes parts of PSTATE; everything derived follows.
  void set_daif(u8 daif);
  void set_pan(bool on);
  void set_uao(bool on);
  void set_spsel(bool on);
  u64 spsr() const;  ///< PSTATE as SPSR_EL1 would save it
  /// Recomputes what is derived from SCTLR, TCR, TTBR, CPACR, MDSCR, debug registers and PSTATE.
  void context_changed();
  /// The same where address translation stays as it is.
  void controls_changed();
  /// TTBR0_EL1 or the ASID has another value: what is not of every address space is forgotten.
  void address_space_changed();

  /// Address translation for AT instructions and cache maintenance; no exception is taken.
  WalkResult translate(u64 va, const Stage1Access& access);
  Stage1Regs stage1_regs() const;
  const Stage1Features& stage1_features() const { return model_.stage1; }
  /// The ASID in use.
  u16 current_asid() const;

  /// TLB and instruction-cache maintenance, here and (`broadcast`) on the siblings.
  void invalidate_tlb(const TlbInvalidation& t, bool broadcast);
  void invalidate_code(PhysAddr page, bool broadcast);
  void invalidate_all_code(bool broadcast);
  /// DSB: broadcast maintenance is complete, memory accesses are ordered.
  void data_barrier();

  /// After a change of the performance monitors, or of what they filter by: counts, drives the
  /// interrupt, and has run() stop where the next overflow is due.  Without the I/O lock.
  void pmu_changed();

  /// Guest time now, and the virtual and physical counter.
  u64 now_ns() const { return ports_.clock->now_ns(); }
  u64 counter() const;

  /// The host address of `n` bytes of RAM at a physical address, all in one page; null where there
  /// is no RAM.
  u8* host_pointer(PhysAddr pa, u64 n, bool* read_only = nullptr);
  /// The page that the current instruction is in is guarded (FEAT_BTI).
  bool page_guarded() const { return page_guarded_; }

  // ---- The interpreter's cursor (cpu/interp) ---------------------------------------------------

  const Op* cur_ = nullptr;          ///< the instruction that runs
  const Op* block_start_ = nullptr;  ///< first instruction not yet in retired_
  CodePage* page_ = nullptr;         ///< the page that cur_ is in
  u64 page_va_ = 0;
  bool page_guarded_ = false;
  s64 budget_ = 0;       ///< instructions to the end of the run or a PMU overflow
  s64 budget_rest_ = 0;  ///< of the run, behind that overflow
  u64 retired_ = 0;
  bool redirect_ = false;            ///< s.pc says where to go on, instead of the next instruction

  /// A taken branch from `op` to `next` in the same page (or to s.pc when null).  Null: go_on() has
  /// to find where to go on, which is the caller's last act, so that handlers of branches need
  /// no stack frame.
  const Op* branch_to(const Op* op, const Op* next) {
    const s64 n = op - block_start_ + 1;
    retired_ += static_cast<u64>(n);
    budget_ -= n;
    block_start_ = next;
    if (next == nullptr) return nullptr;
    if (budget_ <= 0 || (pending_.load(std::memory_order_relaxed) & poll_mask_) != 0) [[unlikely]] {
      s.pc = page_va_ + 4 * static_cast<u64>(next - page_->ops.data());
      return nullptr;
    }
    return next;
  }
  /// The same for a branch to a register, into a page that is not guarded: PSTATE.BTYPE is there for exceptions and
  /// interrupts that come before the next instruction or from it, as behind may_begin().
  const Op* branch_to(const Op* op, const Op* next, unsigned btype) {
    next = branch_to(op, next);
    if (btype == 0 || !bti_) return next;
    if (next == nullptr || step_ran_) {
      s.pstate.btype = static_cast<u8>(btype);
    } else {
      begun_btype_ = static_cast<u8>(btype);
      begun_at_ = retired_;
    }
    return next;
  }
  /// After branch_to() gave null: the operation at s.pc, or null to leave run().
  const Op* go_on() { return go(); }
  /// Whether nothing comes between the last instruction and the one at s.pc, whose page is known; then that
  /// is the running one.  Without it, go() has to be asked.
  bool goes_straight_on();
  /// After an instruction that set redirect_: where to go on.
  const Op* redirected(const Op* op);
  /// The end of a page.
  const Op* next_page(const Op* op);
  /// BR, BLR, RET and their authenticated forms: PSTATE.BTYPE for the target.
  void set_btype(unsigned btype) {
    if (bti_) s.pstate.btype = static_cast<u8>(btype);
  }
  /// A branch to a register value by a row of a helper group.
  void branch_indirect(u64 target, unsigned btype) {
    set_btype(btype);
    s.pc = target;
    redirect_ = true;
  }

 private:
  friend jit::Jit;
  friend jit::Lockstep;
  friend jit::Native;

  static constexpr u32 kIrq = 1, kFiq = 2, kExit = 4, kMaintenance = 8, kEvent = 16;
  /// Always pending with a translator: every branch that is taken goes to go().
  static constexpr u32 kTranslate = 32;
  static constexpr u32 kWake = kIrq | kFiq;
  /// Code pages that fetch() knows, of EL0 and EL1: a kernel's are far more than a program's, and stay.
  static constexpr std::array<unsigned, 2> kFetchEntries{512, 2048};
  static constexpr std::size_t kMaxCodePages = 8192;
  // What translated code uses (cpu/jit/native.h).
  static constexpr s64 kNeverBegun = std::numeric_limits<s64>::min();
  static constexpr unsigned kJumps = 4096;
  /// The first one is the stack's, to be written, and stays from region to region, as the last ones do, of loops, each to
  /// be read or to be written; the others are for one region's use.
  static constexpr unsigned kPagePointers = 10;
  static constexpr unsigned kMonitoredPages = 16;
  /// Where fetch() has the page of a virtual address, if it has.
  static constexpr unsigned fetch_index(unsigned el, u64 va) {
    return el * kFetchEntries[0] + (static_cast<unsigned>(va >> 12) & (kFetchEntries[el] - 1));
  }
  FetchEntry& fetch_entry() { return fetch_[fetch_index(s.pstate.el, s.pc)]; }
  const FetchEntry& fetch_entry() const { return fetch_[fetch_index(s.pstate.el, s.pc)]; }

  TlbEntry l1_entry(u64 va, MemOp op) const {
    return (op.unprivileged ? unprivileged_base_ : l1_base_)->get(FirstLevel::index(va));
  }
  /// Aligned as the fast path needs it; the slow path has the exact rules.
  bool aligned_for(u64 va, u64 size, MemOp op) const {
    const u64 mask = op.aligned || op.ordered ? ~u64{0} : alignment_mask_;
    return (va & (size - 1) & mask) == 0;
  }
  static void read_host(const u8* p, VReg& out) { read_pair(p, out.d[0], out.d[1]); }
  static void write_host(u8* p, const VReg& v) { write_pair(p, v.d[0], v.d[1]); }
  template <class T>
  static void read_host(const u8* p, T& out) {
    load_plain(p, out);
  }
  template <class T>
  static void write_host(u8* p, const T& v) {
    store_plain(p, v);
  }

  void forget_if_changed(CodePage& page);

  // tracked_code.cpp
  bool track_code(CodePage& page);
  void untrack_code(CodePage& page);
  void code_written(PhysAddr pa, bool told);
  void idle_code(PhysAddr page);
  void compare_written_code();

  void broadcast(const Maintenance& m);

  // memory.cpp
  /// One translated piece of an access, inside one page.
  struct Physical {
    PhysAddr pa;
    u8* host = nullptr;       ///< null: a device, or nothing
    bool read_only = false;
    bool normal = true;       ///< not Device memory
    bool watched = false;     ///< to be written, with exclusive monitors in its page
    bool has_code = false;    ///< to be written, with instructions in its page that are tracked
    bool is_private = false;  ///< as TlbEntry::kPrivate
    u8 log2_size = 12;        ///< of the page or block
  };
  bool load_slow(u64 va, unsigned size, void* out, MemOp op);
  bool store_slow(u64 va, unsigned size, const void* in, MemOp op);
  bool read_piece(u64 va, const Physical& at, unsigned size, u8* out);
  bool write_piece(u64 va, const Physical& at, unsigned size, const u8* in);
  Stage1Access access_for(AccessKind kind, MemOp op) const;
  bool translate_for(u64 va, unsigned size, bool aligned, AccessKind kind, MemOp op, Physical& out);
  bool check_alignment(u64 va, unsigned size, AccessKind kind, MemOp op);
  bool reach(u64 va, unsigned size, bool aligned, AccessKind kind, MemOp op, Physical& out);
  static bool is_private(const Translation& t, u64 va);
  const Translation* lookup_or_walk(u64 va, const Stage1Access& access, Fault& fault);
  void note_piece(u64 va, unsigned log2_size);
  void fill_l1(u64 va, const Physical& at, const Stage1Access& a, const hw::Section& section);
  void note_private(unsigned table, u64 va);
  /// Puts an entry that was displaced into the first level again: its addend, or 0 when there is none.
  u64 refill_l1(u64 va, bool write, MemOp op);
  void forget_page_pointers();
  void flush_l1();
  void drop_private();
  void drop_l1(const TlbInvalidation& what);
  void drop_l1(PhysAddr page);
  bool store_watched(u64 va, unsigned size, const void* in, MemOp op);
  void watched_write(PhysAddr pa, unsigned size, hw::ExclusiveMonitors::Held& held);
  const hw::FlatView& view();

  // run.cpp
  const Op* go();
  const Op* fetch();
  bool fetch_slow(FetchEntry& f);
  void take_interrupt();
  CodePage* code_page(PhysAddr pa, const u8* host);
  void step_debug();
  bool step();
  void end_step(const Op* op);
  bool landing_pad(u32 insn) const;
  bool may_begin(bool guarded, u32 insn);
  u64 branch_address(u64 pc) const;

  // exceptions.cpp, debug.cpp
  void trap_fp();
  void instruction_abort(u64 pc, const Fault& f);
  /// Whether somebody wants to hear of each exception.
  bool tells_exceptions() const {
    return trace_exception_.on() || ports_.log->enabled(LogCategory::Int);
  }
  void enter_el1(u64 offset, u64 preferred_return);
  void look_for_loop(u64 at);
  void set_el(unsigned el, unsigned spsel);
  void el_changed();
  void derive_levels();
  /// Sends every plain access the slow way, or no longer.
  void set_blind(bool blind);
  /// True, with the exception taken, when a breakpoint or watchpoint matches.
  bool breakpoint_hit(u64 pc);
  bool watchpoint_hit(u64 va, unsigned size, AccessKind kind, MemOp op);
  bool debug_enabled_at(unsigned el, bool d_masked) const;

  bool budget_used();
  void raise(u32 bits);
  void update_poll_mask();

  // What translated code looks at all the time, in a line of the host's cache and the one behind it.
  /// Of l1_, or empty_l1_: what plain accesses look at, and LDTR and STTR.
  alignas(64) const FirstLevel* l1_base_ = nullptr;
  const FirstLevel* unprivileged_base_ = nullptr;
  /// Of recent_: what translated code looks at behind l1_base_.
  const RecentPages::Table* recent_base_ = nullptr;
  u64 native_page_ = 0;  ///< virtual page of the translated code that runs
  /// What is left of the budget in front of the instruction that began with begun_btype_; kNeverBegun: none did.
  s64 native_begun_ = kNeverBegun;
  s64 native_budget_ = 0, native_start_ = 0;
  std::atomic<u32> pending_{0};
  u32 poll_mask_ = kExit | kMaintenance;
  /// PSTATE.BTYPE as the instruction found it that begins when so many have retired: it is cleared
  /// when an instruction ends, and an exception of this one still saves it.
  u64 begun_at_ = ~u64{0};
  u8 begun_btype_ = 0;
  u8 fp_state_ = 0;                ///< StateKey::fp_state(), since translated code was entered
  bool native_first_ = false;      ///< the instruction that began with begun_btype_ runs now
  bool interpret_one_ = false;     ///< the next instruction is not for translated code
  bool maintenance_sent_ = false;  ///< broadcast since the last DSB
  u32 native_mask_ = 0;            ///< poll_mask_ for translated code
  u32 flag_mask_ = 0xc101;         ///< SF, ZF, CF and OF, as LAHF and SETO have them
  std::array<u8, 32> bounce_{};
  pauth::PacLayout pac_layout_;

  /// Of EL0 and EL1 (cpu/jit/page_pointers.cpp).
  alignas(64) std::array<std::array<FoundPage, kPagePointers>, 2> page_pointers_{};
  alignas(64) std::array<std::array<JumpEntry, kJumps>, 2> jumps_{};  ///< of EL0 and EL1
  alignas(64) std::array<FirstLevel, 3> l1_{};                        ///< EL0, EL1, EL1 with PAN
  const FirstLevel empty_l1_{};
  alignas(64) std::array<FetchEntry, kFetchEntries[0] + kFetchEntries[1]> fetch_{};
  std::array<MonitoredPage, kMonitoredPages> monitored_pages_{};  ///< by number of the page
  RecentPages recent_;
  const void* far_jumps_ = nullptr;  ///< jit::FarJumps, behind jumps_
  std::unique_ptr<jit::Jit> jit_;

  const unsigned index_;
  const u64 mpidr_;
  const CpuModel& model_;
  VcpuPorts ports_;
  TracePoint trace_exception_;
  bool exceptions_told_ = false;  ///< tells_exceptions(), of when run() began

  std::array<LevelControls, 3> levels_{};  ///< by number of l1_
  // Derived from the state by context_changed().
  unsigned mmu_index_ = 1;           ///< which of l1_: 0 EL0, 1 EL1, 2 EL1 with PAN
  unsigned el1_index_ = 1;           ///< mmu_index_ when EL1 ran last
  unsigned unprivileged_index_ = 1;  ///< the same for LDTR and STTR
  bool blind_ = false;               ///< no access finds the first-level TLB
  AccessLog* access_log_ = nullptr;  ///< hears of accesses that do not
  /// The largest page or block that code was in since flush_l1(), in either half.
  std::array<u8, 2> code_log2_size_{12, 12};
  /// Where l1_ or fetch_ have parts of blocks: a bit for each 2 MiB, modulo 8 GiB.
  std::bitset<4096> pieces_;
  bool space_changed_ = false;     ///< jit_ is to hear of it when EL0 runs next
  bool private_pages_ = false;     ///< l1_ or fetch_ have pages of this address space
  bool private_upper_ = false;     ///< l1_ in the upper half, too
  bool private_el1_code_ = false;  ///< fetch_ has such pages for EL1
  /// Entries of l1_ that got such pages, by number; when there were more, all of l1_ is looked through.
  std::array<u16, 512> private_fills_{};
  unsigned private_filled_ = 0;
  u64 alignment_mask_ = 0;       ///< all ones when SCTLR_EL1.A
  u64 sp_alignment_mask_ = 0;    ///< 15 when SP alignment is checked at this EL
  bool fp_enabled_ = true;
  bool bti_ = false;             ///< branch targets are checked at this EL
  bool debug_ = false;           ///< breakpoints, watchpoints or single step may be due
  bool watchpoints_ = false;

  hw::IrqLine pmu_irq_;
  RunExit exit_ = RunExit::Budget;
  bool leaving_ = false;
  bool stepping_ = false;        ///< inside step_debug()
  bool step_ran_ = false;        ///< the slow loop's instruction has begun: go() must not go on
  u32 step_syndrome_ = 0x22;     ///< ISS of the next Software Step exception
  /// The mailbox overflowed, and what that was about; guarded by mailbox_mutex_.
  bool flush_tlb_ = false, flush_code_ = false;

  Tlb2 tlb_;
  std::unordered_map<u64, std::unique_ptr<CodePage>> code_;
  static constexpr unsigned kKnownPages = 4096;
  std::array<KnownPage, kKnownPages> known_pages_{};  ///< some of code_, found at once
  std::shared_ptr<const hw::FlatView> view_;
  u64 view_generation_ = 0;

  std::mutex mailbox_mutex_;
  std::vector<Maintenance> mailbox_;
  std::atomic<u64> posted_{0}, applied_{0};
  std::atomic<bool> parked_{true};
  /// The last exception from EL1, and how often it was taken again: for a report, not state.
  struct Loop {
    u64 at = 0, esr = 0;
    unsigned times = 0;
  } loop_;
  CpuState held_;                ///< hold_registers()
  Translation last_walk_;        ///< a translation that no TLB may keep
  WrittenCode written_code_;
  void (*wake_)(void*) = nullptr;
  void* wake_context_ = nullptr;
};

/// Visits every system register with storage.
void snapshot_sysregs(Archive& a, SysRegs& r);

}  // namespace quince::cpu
