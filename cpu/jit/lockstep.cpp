#include "cpu/jit/lockstep.h"

#include <algorithm>

#include "cpu/a64/table.h"
#include "cpu/jit/jit.h"
#include "cpu/jit/rows.h"
#include "cpu/jit/x64/host_rows.h"
#include "cpu/jit/x64/thunks.h"

namespace quince::cpu::jit {

namespace {

/// A stretch ends behind so many instructions where translated code looks at its budget next.
constexpr s64 kStretch = 64;
/// It looks where a region or a loop begins: no stretch is as long as this.
constexpr std::size_t kLongest = kStretch + 2 * 160;

}  // namespace

// ---- What translated code calls ----------------------------------------------------------------

struct Lockstep::Calls {
  static Lockstep& of(Vcpu& c) { return *c.jit_->lockstep(); }
  static u64 load_missed(Vcpu* c, u64 va, const Site* site, s64 budget) {
    return of(*c).load(va, *site, budget);
  }
  static u64 store_missed(Vcpu* c, u64 va, const Site* site, s64 budget) {
    of(*c).store(va, *site, budget);
    return 0;
  }
  static u64 call(Vcpu* c, u64, const Site* site, s64 budget) {
    of(*c).call(*site, budget);
    return 0;
  }
  static u64 small_call(Vcpu* c, u64, const Site* site, s64 budget) {
    of(*c).small_call(*site, budget);
    return 0;
  }
};

ThunkTargets Lockstep::targets(const ThunkTargets& normal) {
  return {&Calls::load_missed, &Calls::store_missed, &Calls::call, &Calls::small_call, normal.next};
}

Lockstep::Lockstep(Vcpu& c) : c_(c), steps_(kLongest + 2) {}

s64 Lockstep::begin() {
  begin_.from(c_.s);
  now_ = begin_;
  executed_ = 0;
  accesses_.clear();
  c_.set_blind(true);
  budget_ = std::min(c_.budget_, kStretch);
  return budget_;
}

// ---- The interpreter ---------------------------------------------------------------------------

void Registers::monitor_to(CpuState& s) const {
  s.excl_valid = get<bool>(offsetof(CpuState, excl_valid));
  s.excl_log2 = get<u8>(offsetof(CpuState, excl_log2));
  s.excl_va = get<u64>(offsetof(CpuState, excl_va));
  s.excl_pa = get<u64>(offsetof(CpuState, excl_pa));
  for (std::size_t n = 0; n < 2; ++n)
    s.excl_data[n] = get<u64>(offsetof(CpuState, excl_data) + 8 * n);
  s.excl_token = get<hw::ExclusiveMonitors::Token>(offsetof(CpuState, excl_token));
}

void Registers::copy_bytes(void* to, const void* from, std::size_t n) { std::memcpy(to, from, n); }

std::array<u8, 5> Step::x_names(u32 word) {
  const auto field = [&](unsigned at) { return static_cast<u8>(word >> at & 31); };
  return {field(0), field(5), field(10), field(16), 30};
}

std::array<u8, 4> Step::v_names(u32 word) {
  const u32 d = word & 31;
  const bool structure = (word >> 25 & 0x1f) == 0x06;
  const u32 second = structure ? d + 1 : word >> 10;
  return {static_cast<u8>(d), static_cast<u8>(second & 31), static_cast<u8>((d + 2) & 31),
          static_cast<u8>((d + 3) & 31)};
}

/// Word by word: what was just written is not in the host's cache yet, and a copy of all would wait for it.
void Step::note(const CpuState& s) {
  nzcv = s.nzcv;
  fpsr = s.fpsr;
  sp = s.sp;
  const auto names = x_names(word);
  for (std::size_t k = 0; k < x.size(); ++k) x[k] = s.x[names[k]];
  vectors = uses_vectors(word);
  if (!vectors) return;
  const auto v_names = Step::v_names(word);
  for (std::size_t k = 0; k < v.size(); ++k) v[k] = s.v[v_names[k]];
}

void Lockstep::accessed(u64 va, unsigned size, bool write, const void* data) {
  SeenAccess& a = accesses_.emplace_back(
      SeenAccess{.va = va, .size = static_cast<u8>(size), .write = write, .taken = 0, .data = {}});
  std::memcpy(a.data.data(), data, size);
}

/// Vcpu::s is the interpreter's from here on; vectors only when it comes to an instruction that may use them.
void Lockstep::let_in() {
  translated_.scalars_from(c_.s);
  now_.scalars_to(c_.s);
  vectors_in_ = false;
  c_.access_log_ = this;
}

void Lockstep::bring_vectors() {
  if (vectors_in_) return;
  vectors_in_ = true;
  translated_.vectors_from(c_.s);
  now_.vectors_to(c_.s);
}

/// Vcpu::s is translated code's again.
void Lockstep::let_out() {
  c_.access_log_ = nullptr;
  now_.scalars_from(c_.s);
  translated_.scalars_to(c_.s);
  if (!vectors_in_) return;
  now_.vectors_from(c_.s);
  translated_.vectors_to(c_.s);
}

/// Has the interpreter, which is let in, execute instructions until there are `n`.  False: it cannot.
bool Lockstep::catch_up(std::size_t n) {
  while (executed_ < n) {
    Step& s = steps_[executed_++];
    s.pc = c_.s.pc;
    s.accesses = static_cast<u32>(accesses_.size());
    s.whole = false;
    // The word is known in front of the instruction while it is in the same page as the last one.
    const bool same_page = executed_ > 1 && c_.page_va_ == (s.pc & ~u64{0xfff});
    const std::size_t index = (s.pc & 0xfff) / 4;
    const bool known = same_page && c_.page_->known(index);
    if (!known || Step::uses_vectors(c_.page_->ops[index].insn)) bring_vectors();
    sp_before_ = c_.s.sp;
    nzcv_before_ = c_.s.nzcv, fpcr_before_ = c_.s.fpcr, fpsr_before_ = c_.s.fpsr;
    s.fetched = c_.step();
    if (s.fetched) s.pa = c_.page_->pa + (s.pc & 0xffc);
    s.word = s.fetched ? c_.page_->ops[(s.pc & 0xfff) / 4].insn : 0;
    s.redirected = c_.redirect_;
    s.note(c_.s);
    if (s.fetched) continue;
    differ("the interpreter cannot fetch an instruction that translated code went through",
           executed_ - 1);
    return false;
  }
  return true;
}

/// How many instructions translated code has executed before the one of `site`.
std::size_t Lockstep::number(const Site& site, s64 budget) const {
  return static_cast<std::size_t>(budget_ - (budget + site.left));
}

/// Translated code is at `site`: whether the interpreter can be there, too.
bool Lockstep::reaches(const Site& site, std::size_t n) {
  if (failed_) return false;
  c_.s.pc = c_.native_page_ + site.pc;
  if (n < kLongest && n + 1 >= executed_) return true;
  differ(
      fmt::format("translated code says that it has executed {} instructions, the interpreter {}",
                  static_cast<s64>(n), executed_),
      executed_);
  return false;
}

/// The instruction of `site`, executed by the interpreter; null when it executes another one.
Step* Lockstep::execute(const Site& site, s64 budget) {
  c_.native_budget_ = budget;
  const std::size_t n = number(site, budget);
  if (!reaches(site, n)) return nullptr;
  if (executed_ <= n) {
    let_in();
    (void)catch_up(n + 1);
    let_out();
  }
  if (failed_) return nullptr;
  Step& s = steps_[n];
  const u64 pc = c_.native_page_ + site.pc;
  if (s.pc == pc) return &s;
  differ(fmt::format("translated code is at {:#x}, the interpreter at {:#x}", pc, s.pc), n);
  return nullptr;
}

// ---- Comparing ---------------------------------------------------------------------------------

void Lockstep::differ(std::string what, std::size_t n) {
  if (failed_) return;
  failed_ = true;
  what_ = std::move(what);
  at_ = n;
}

/// An access of translated code at `step`: `data` is compared or comes from what the interpreter did.  False:
/// it did not do all of that.
bool Lockstep::transfer(Step& step, u64 va, unsigned size, bool write, u8* data) {
  const auto n = static_cast<std::size_t>(&step - steps_.data());
  const std::size_t first = step.accesses;
  const std::size_t last = n + 1 < executed_ ? steps_[n + 1].accesses : accesses_.size();
  for (unsigned k = 0; k < size; ++k) {
    bool found = false;
    for (std::size_t i = first; i < last && !found; ++i) {
      SeenAccess& a = accesses_[i];
      const u64 offset = va + k - a.va;
      if (a.write != write || offset >= a.size || (a.taken >> offset & 1) != 0) continue;
      a.taken = static_cast<u16>(a.taken | 1u << offset);
      found = true;
      if (!write) {
        data[k] = a.data[offset];
      } else if (data[k] != a.data[offset]) {
        differ(fmt::format("translated code stores {:#04x} to {:#x}, the interpreter {:#04x}",
                           data[k], va + k, a.data[offset]),
               n);
        return true;
      }
    }
    if (!found) return false;
  }
  return true;
}

/// The interpreter's instruction took an exception that an access to these bytes may have caused.
bool Lockstep::faults(const Step& step, u64 va, unsigned size) {
  return step.redirected && &step == &steps_[executed_ - 1] && c_.s.sys.far_el1 - va < size;
}

/// Translated code's view of an exception of the last instruction: its own general and vector registers stay.
void Lockstep::after_fault(const Step& step) {
  if (c_.s.sp != sp_before_ || c_.s.nzcv != nzcv_before_ || c_.s.fpcr != fpcr_before_ ||
      c_.s.fpsr != fpsr_before_)
    differ("SP, NZCV or FPSR in front of an access that takes an exception",
           static_cast<std::size_t>(&step - steps_.data()));
  const auto x = c_.s.x;
  now_.scalars_to(c_.s);
  c_.s.x = x;
  c_.redirect_ = true;
}

// ---- Calls -------------------------------------------------------------------------------------

u64 Lockstep::load(u64 va, const Site& site, s64 budget) {
  u8* const out = c_.bounce_.data();
  const unsigned size = unsigned{site.elements} << site.log2;
  Step* const step = execute(site, budget);
  c_.redirect_ = step == nullptr;
  if (step != nullptr && !transfer(*step, va, size, false, out)) {
    if (faults(*step, va, size))
      after_fault(*step);
    else
      differ(fmt::format("translated code loads {} bytes from {:#x}", size, va),
             static_cast<std::size_t>(step - steps_.data()));
  }
  if (failed_) c_.redirect_ = true;  // translated code leaves
  return reinterpret_cast<u64>(out) - va;
}

void Lockstep::store(u64 va, const Site& site, s64 budget) {
  const unsigned size = unsigned{site.elements} << site.log2;
  Step* const step = execute(site, budget);
  c_.redirect_ = step == nullptr;
  if (step != nullptr && !transfer(*step, va, size, true, c_.bounce_.data())) {
    if (faults(*step, va, size))
      after_fault(*step);
    else
      differ(fmt::format("translated code stores {} bytes to {:#x}", size, va),
             static_cast<std::size_t>(step - steps_.data()));
  }
  if (failed_) c_.redirect_ = true;
}

/// Everything is in memory: registers are compared, and translated code gets what the interpreter made of them.
void Lockstep::call(const Site& site, s64 budget) {
  c_.native_budget_ = budget;
  c_.redirect_ = true;
  const std::size_t n = number(site, budget);
  if (!reaches(site, n)) return;
  if (executed_ > n) return differ("translated code calls an instruction that it has begun", n);
  // As the interpreter has it in front of the fetch, which translated code has behind it; both have that of the first.
  if (n != 0 && c_.native_begun_ == budget + site.left) c_.s.pstate.btype = c_.begun_btype_;
  let_in();
  bring_vectors();
  if (!catch_up(n)) return let_out();
  now_.from(c_.s);
  const std::string names = different_registers(translated_, now_);
  if (!names.empty()) {
    differ(names + " in front of an instruction that translated code calls", n);
    return let_out();
  }
  if (!catch_up(n + 1)) return let_out();
  c_.access_log_ = nullptr;
  Step& step = steps_[n];
  step.whole = true;
  now_.from(c_.s);
  c_.redirect_ = step.redirected;
}

/// Part of the registers is in memory.  A meaning of registers alone is executed by both; an atomic access is not,
/// and its registers come from the interpreter.
void Lockstep::small_call(const Site& site, s64 budget) {
  Step* const step = execute(site, budget);
  c_.redirect_ = step == nullptr;
  if (step == nullptr) return;
  step->whole = true;
  if (step->redirected) after_fault(*step);
  const auto number = static_cast<std::size_t>(a64::decode_row(site.insn));  // there is one
  if (std::string_view(a64::rows()[number].group) != "ldst_atomic")
    return step->redirected ? void() : site.call(c_, site.insn);
  // Also where it leaves: a store exclusive may have been done, and others are to have their turn.
  const RegSet writes = row(static_cast<int>(number)).host->facts(site.insn).writes;
  for (unsigned r = 0; r < 31; ++r)
    if ((writes >> r & 1) != 0) c_.s.x[r] = now_.get<u64>(offsetof(CpuState, x) + 8 * r);
  now_.monitor_to(c_.s);
}

/// Accesses of the interpreter that translated code has not made.
void Lockstep::look_for_left_out() {
  for (std::size_t k = 0; k < executed_; ++k) {
    if (steps_[k].whole) continue;
    const std::size_t last = k + 1 < executed_ ? steps_[k + 1].accesses : accesses_.size();
    for (std::size_t i = steps_[k].accesses; i < last; ++i)
      if (const SeenAccess& a = accesses_[i]; a.taken != low_mask(a.size))
        differ(fmt::format("translated code does not {} {} bytes at {:#x}",
                           a.write ? "store" : "load", a.size, a.va),
               k);
  }
}

bool Lockstep::finish() {
  const auto n = static_cast<std::size_t>(budget_ - c_.native_budget_);
  if (!failed_ && (n > kLongest || n < executed_))
    differ(
        fmt::format("translated code says that it has executed {} instructions, the interpreter {}",
                    static_cast<s64>(n), executed_),
        std::min(n, executed_));
  if (!failed_) {
    if (executed_ < n) {
      let_in();
      (void)catch_up(n);
      let_out();
    }
    // Where nothing was executed, PSTATE.BTYPE is as it was in front of the fetch that led here.
    if (n == 0 && c_.begun_at_ == c_.retired_)
      now_.set(offsetof(CpuState, pstate) + offsetof(PState, btype), c_.begun_btype_);
    translated_.from(c_.s);
    if (const std::string names = different_registers(translated_, now_); !names.empty())
      differ(names + " where translated code left", n);
    look_for_left_out();
  }
  c_.set_blind(false);
  if (!failed_) return true;
  translated_.from(c_.s);
  report(c_,
         {.what = what_,
          .at = at_,
          .steps = std::span(steps_).first(executed_),
          .accesses = accesses_,
          .begin = &begin_,
          .translated = &translated_,
          .expected = &now_},
         &Jit::code_at);
  stop();
  return false;
}

void Lockstep::stop() {
  c_.exit_ = RunExit::Differs;
  c_.leaving_ = true;
}

}  // namespace quince::cpu::jit
