#include "cpu/jit/jit.h"

#include <algorithm>
#include <cstdlib>
#include <string_view>

#include "base/assert.h"
#include "cpu/interp/rows.h"
#include "cpu/jit/chaos.h"
#include "cpu/jit/code_buffer.h"
#include "cpu/jit/far_jumps.h"
#include "cpu/jit/lockstep.h"
#include "cpu/jit/native_calls.h"
#include "cpu/jit/region.h"
#include "cpu/jit/translated_page.h"
#include "cpu/jit/x64/emitter.h"
#include "cpu/jit/x64/telling.h"
#include "cpu/jit/x64/thunks.h"

namespace quince::cpu::jit {

namespace {

constexpr u8 kNever = 0xff;  ///< a region that begins here was not to be made
constexpr std::size_t kRoomForRegion = 256 * KiB;

}  // namespace

Native::Distances Native::distances(const Vcpu& c, bool blind) {
  const auto* const base = reinterpret_cast<const u8*>(&c.s);
  const auto from = [&](const void* p) {
    return static_cast<int>(static_cast<const u8*>(p) - base);
  };
  static_assert(sizeof(JumpEntry) == 16);
  // Computed gotos took four times as long with another order of what they look at (docs/performance.md).
  const auto begins_line = [&](const void* p) { return from(p) % 64 == 0; };
  QUINCE_ASSERT(begins_line(&c.l1_base_) && from(&c.poll_mask_) < from(&c.l1_base_) + 64);
  QUINCE_ASSERT(begins_line(&c.jumps_) && begins_line(&c.l1_) && begins_line(&c.fetch_));
  return {.vcpu = from(&c),
          .l1_base = from(&c.l1_base_),
          .poll_mask = from(&c.native_mask_),
          .pending = from(&c.pending_),
          .redirect = from(&c.redirect_),
          .budget = from(&c.native_budget_),
          .interpret_one = from(&c.interpret_one_),
          .bounce = from(c.bounce_.data()),
          .jumps = {from(&c.jumps_[0]), from(&c.jumps_[1])},
          .flag_mask = from(&c.flag_mask_),
          .begun = from(&c.native_begun_),
          .begun_btype = from(&c.begun_btype_),
          .l1_el0 = from(blind ? &c.empty_l1_ : &c.l1_[0]),
          .page = from(&c.native_page_),
          .pac = from(&c.pac_layout_),
          .fp_state = from(&c.fp_state_),
          .page_pointers = {from(&c.page_pointers_[0]), from(&c.page_pointers_[1])},
          .all_mask = from(&c.poll_mask_),
          .far = from(&c.far_jumps_),
          .l1 = from(&c.l1_),
          .l1_number = from(&c.mmu_index_),
          .recent_base = from(&c.recent_base_),
          .recent_el0 = from(&c.recent_.tables[0]),
          .stamps = from(&c.recent_.shown),
          .pages_left = from(&c.recent_.pages_left),
          .blocks_left = from(&c.recent_.blocks_left),
          .private_pages = from(&c.private_pages_),
          .private_fills = from(&c.private_fills_),
          .private_filled = from(&c.private_filled_),
          .monitored_pages = from(c.monitored_pages_.data()),
          .maintenance_sent = from(&c.maintenance_sent_),
          .levels = from(&c.levels_),
          .el1_number = from(&c.el1_index_),
          .sp_alignment_mask = from(&c.sp_alignment_mask_),
          .fp_enabled = from(&c.fp_enabled_),
          .space_changed = from(&c.space_changed_),
          .exceptions_told = from(&c.exceptions_told_)};
}

// ---- Life --------------------------------------------------------------------------------------

Result<void> Jit::supported() {
  using Xbyak::util::Cpu;
  const Cpu host;
  if (!host.has(Cpu::tSSE42) || !host.has(Cpu::tAVX))
    return fail("the host's CPU lacks SSE4.2 or AVX");
  return {};
}

Result<std::unique_ptr<Jit>> Jit::create(Vcpu& c, const TranslationOptions& options) {
  TRY_VOID(supported());
  std::unique_ptr<Jit> jit(new Jit(c, options));
  TRY_VOID(jit->prepare(options.chaos != 0 ? std::min(options.bytes, Chaos::kCodeBytes)
                                           : options.bytes));
  return jit;
}

Jit::Jit(Vcpu& c, const TranslationOptions& options)
    : c_(c), options_(options), space_(std::make_unique<RegionSpace>()) {
  if (options.lockstep) lockstep_ = std::make_unique<Lockstep>(c);
  if (options.chaos != 0) {
    chaos_ = std::make_unique<Chaos>(options.chaos, c.index());
    options_.threshold = std::min(options.threshold, Chaos::kThreshold);
  }
  if (c.ports().log != nullptr) trace_.emplace(*c.ports().log, "jit.counters");
}

Jit::~Jit() {
  if (!trace_) return;
  const JitCounters& n = counters_;
  (*trace_)(
      "cpu {}: {} regions of {} blocks and {} instructions in {} bytes, {} calls instead; {} "
      "flushes",
      c_.index(), n.regions, n.blocks, n.instructions, n.bytes, n.calls_instead, n.flushes);
  (*trace_)("cpu {}: entered {} times of {} branches; {} links, {} jump caches cleared", c_.index(),
            n.entries, n.asked, n.links, n.cache_clears);
  (*trace_)(
      "cpu {}: left {} times for what the jump cache had not, {} by an exit, {} by an exception, "
      "{} for an "
      "instruction of the interpreter, {} for an interrupt or maintenance, {} at the end of the "
      "budget, {} behind "
      "a call; {} of these were known, {} went on at once, {} found no code, {} had something to "
      "do "
      "before",
      c_.index(), n.left_by_cache, n.left_by_exit, n.left_by_exception, n.left_to_interpreter,
      n.left_by_interrupt, n.left_by_budget, n.left_behind_call, n.known, n.went_on, n.not_known,
      n.not_straight);
  (*trace_)("cpu {}: {} loads and {} stores missed the first-level TLB, {} calls of instructions",
            c_.index(), n.loads_missed, n.stores_missed, n.calls);
}

Result<void> Jit::prepare(std::size_t bytes) {
  const char* const views = std::getenv("QUINCE_JIT_CODE");
  const bool two = views != nullptr && std::string_view(views) == "two-views";
  buffer_ = TRY(CodeBuffer::create(bytes, two ? CodeBuffer::Views::Two : CodeBuffer::Views::Auto));
  far_ = std::make_unique<FarJumps>();
  c_.far_jumps_ = far_.get();
  shared_ = std::make_unique<Shared>();
  shared_->at = Native::distances(c_, lockstep_ != nullptr);
  shared_->host = probe_host(std::getenv("QUINCE_JIT_HOST"));
  emitter_ = std::make_unique<Emitter>(*shared_);
  const ThunkTargets targets = Native::Calls::targets(chaos_ != nullptr);
  Thunks thunks(buffer_->next(), buffer_->room(), *shared_,
                lockstep_ != nullptr ? Lockstep::targets(targets) : targets, c_.model().features);
  enter_ =
      reinterpret_cast<decltype(enter_)>(reinterpret_cast<u64>(buffer_->run_view(thunks.enter)));
  unknown_ = buffer_->run_view(thunks.unknown);
  if (CodeObserver* const observer = c_.ports().code_observer) {
    telling_ = std::make_unique<Telling>(*observer, c_.index(), *buffer_, *shared_, thunks);
    observer->shared_code(c_.index(), telling_->names());
  }
  buffer_->take(thunks.bytes);
  thunk_bytes_ = buffer_->used();
  for (unsigned level = 0; level < 2; ++level) Native::Calls::clear_jumps(c_, level, unknown_);
  return {};
}

CodePiece Jit::code_at(const Vcpu& c, PhysAddr pa) {
  const auto page = c.code_.find(pa.page().raw());
  if (page == c.code_.end() || page->second->translated == nullptr) return {};
  for (const TranslatedRegion& r : page->second->translated->regions)
    if (4u * r.index == (pa.raw() & 0xfff)) return {pa.raw(), {r.code.code, r.code.bytes}};
  return {};
}

// ---- Running -----------------------------------------------------------------------------------

TranslatedRegion* Jit::find(Page& page, const Op& op, StateKey::Bits key) const {
  for (unsigned number = op.region; number != 0;) {
    TranslatedRegion& r = page.regions[number - 1];
    if (r.suits(key)) return &r;
    number = r.next;
  }
  return nullptr;
}

TranslatedRegion* Jit::translate(Page& page, unsigned index, const StateKey& key) {
  Op& op = page.code->ops[index];
  constexpr std::size_t kMaxRegions = 8192;  // of a page, for many keys
  if (buffer_->room() < kRoomForRegion || page.regions.size() >= kMaxRegions) {
    forget_all();
    return nullptr;  // `page` is gone, and made again when it is next run
  }
  const RegionSource source{.page = page.code,
                            .model = &c_.model(),
                            .host = &shared_->host,
                            .key = key,
                            .not_decoded = not_decoded(),
                            .most = chaos_ != nullptr
                                        ? 1 + static_cast<unsigned>(chaos_->below(kMaxRegionInsns))
                                        : kMaxRegionInsns,
                            .mistake = options_.mistake,
                            .judged = lockstep_ != nullptr};
  Region& region = form_region(source, index, *space_);
  if (region.insns.empty()) {
    op.heat = kNever;
    return nullptr;
  }
  std::optional<Translated> code;
  while (!code) {
    if (telling_ != nullptr) emitter_->take_notes(&telling_->fresh_notes());
    code = emitter_->translate(region, key, buffer_->next(), buffer_->room(), page.records);
    if (code || emitter_->failed() < 0) break;
    make_call(*space_, static_cast<unsigned>(emitter_->failed()));
    ++counters_.calls_instead;
  }
  if (!code) {
    op.heat = kNever;
    return nullptr;
  }
  for (const Insn& i : region.insns) {
    page.code->ops[i.index].insn = i.fetched;
    page.code->set_known(i.index);
  }
  if (telling_ != nullptr) telling_->tell(region, *code, c_.page_va_);
  code->code = buffer_->run_view(code->code);
  buffer_->take(code->bytes);
  ++counters_.regions;
  counters_.blocks += region.blocks.size();
  counters_.instructions += region.insns.size();
  counters_.bytes += code->bytes;
  page.regions.push_back({.code = *code,
                          .key = key.bits(),
                          .any = region.uses_fp ? StateKey::Bits{0} : StateKey::kFp,
                          .index = static_cast<u16>(index),
                          .next = op.region});
  op.region = static_cast<u16>(page.regions.size());
  return &page.regions.back();
}

/// The region at the fetch that the vCPU just made, if there is one to run; made now when it is hot
/// and `may_translate`.
TranslatedRegion* Jit::region_here(bool may_translate) {
  Op& op = c_.page_->ops[(c_.s.pc & 0xfff) / 4];
  TranslatedRegion* region = nullptr;
  if (op.region != 0) region = find(*c_.page_->translated, op, Native::Calls::key(c_).bits());
  if (region == nullptr) {
    if (!may_translate || op.heat == kNever || ++op.heat < options_.threshold) return nullptr;
    if (c_.page_->translated == nullptr) {
      c_.page_->translated = pages_.emplace_back(std::make_unique<Page>()).get();
      c_.page_->translated->code = c_.page_;
    }
    region = translate(*c_.page_->translated, static_cast<unsigned>(c_.s.pc & 0xfff) / 4,
                       Native::Calls::key(c_));
  }
  return region;
}

/// Joins the place that translated code left from with where it goes on.
void Jit::link(const TranslatedRegion& region) {
  if (left_from_ != nullptr && Native::Calls::page(c_) + left_from_->target == c_.s.pc &&
      ((left_from_->key ^ region.key) & ~StateKey::kFp) == 0) {
    left_from_->patch(buffer_->write_view(region.code.code));
    ++counters_.links;
  }
  left_from_ = nullptr;
  const unsigned level = c_.s.pstate.el == 0 ? 0 : 1;
  // Whether the page is guarded was looked at now; regions look at floating point themselves.
  if (const u32 key = Native::Calls::jump_key(c_); far_->key(level) != key) {
    clear_jumps(level);
    far_->set_key(level, key);
  }
  if ((left_by_cache_ || left_plainly_) && left_pc_ == c_.s.pc)
    c_.page_->translated->jumped_to(c_.s.pc, level);
  if (left_by_cache_ && left_pc_ == c_.s.pc) {
    Native::Calls::jump(c_, level, c_.s.pc, left_btype_) = {c_.s.pc, region.code.code};
    far_->set_used(level, true);
    far_->put(level, c_.s.pc, left_btype_, region.code.code);
  } else if (left_plainly_ && left_pc_ == c_.s.pc) {
    far_->put(level, c_.s.pc, 0, region.code.code);
  }
  private_el1_jumps_ |= level == 1 && Native::Calls::in_private_page(c_);
  left_by_cache_ = left_plainly_ = false;
}

/// After translated code: `from` as Shared::leave has it.
void Jit::left(u64 from) {
  if (lockstep_ == nullptr) Native::Calls::finish(c_);
  c_.block_start_ = nullptr;
  left_by_cache_ = from == 1;
  left_from_ = from > 1 ? reinterpret_cast<ExitRecord*>(from) : nullptr;
  if (left_from_ != nullptr) c_.s.pc = Native::Calls::page(c_) + left_from_->target;
  if (lockstep_ != nullptr) (void)lockstep_->finish();
  if (!dropped_.empty()) left_from_ = nullptr;  // its code may be gone
  left_btype_ = c_.s.pstate.btype;
  left_pc_ = c_.s.pc;
  left_plainly_ = from == 0 && left_btype_ == 0;
}

/// Why translated code was left; `from` as Shared::leave has it.
void Jit::count_exit(u64 from) {
  JitCounters& n = counters_;
  if (from == 1)
    ++n.left_by_cache;
  else if (from != 0)
    ++n.left_by_exit;
  else if (c_.redirect_)
    ++n.left_by_exception;
  else if (Native::Calls::interpret_one(c_))
    ++n.left_to_interpreter;
  else if (Native::Calls::budget(c_) <= 0)
    ++n.left_by_budget;
  else if (Native::Calls::something_pending(c_))
    ++n.left_by_interrupt;
  else
    ++n.left_behind_call;
}

/// Behind an exception, its return, or a call: what FarJumps has, if nothing comes in between.
const u8* Jit::known() {
  if (!Native::Calls::nothing_between(c_)) return nullptr;
  const unsigned level = c_.s.pstate.el == 0 ? 0 : 1;
  if (far_->key(level) != Native::Calls::jump_key(c_)) return nullptr;
  const u8* const code = far_->find(level, c_.s.pc, 0);
  if (code == nullptr) return nullptr;
  Native::Calls::prepare_known(c_);
  left_from_ = nullptr;
  left_plainly_ = false;
  ++counters_.known;
  return code;
}

const u8* Jit::next(u64 from) {
  left(from);
  count_exit(from);
  // What comes between instructions, and an instruction for the interpreter, are not for here.
  const bool here = lockstep_ == nullptr && dropped_.empty() && !Native::Calls::interpret_one(c_);
  if (here && left_plainly_)
    if (const u8* const code = known()) return code;
  if (!here || !c_.goes_straight_on()) {
    ++counters_.not_straight;
    return nullptr;
  }
  TranslatedRegion* const region = region_here(false);
  ++(region == nullptr ? counters_.not_known : counters_.went_on);
  if (region == nullptr) return nullptr;
  link(*region);
  Native::Calls::prepare(c_, Native::Calls::budget(c_));
  return region->code.code;
}

/// What `chaos` is for, before a region is looked for.
void Jit::make_trouble() {
  if (chaos_->one_in(Chaos::kFlushTlb)) Native::Calls::flush_l1(c_);
  if (chaos_->one_in(Chaos::kForgetJumps)) forget_jumps();
  if (chaos_->one_in(Chaos::kPutBack)) c_.recent_.pages_left = c_.recent_.blocks_left = 0;
  if (!pages_.empty() && chaos_->one_in(Chaos::kForgetPage))
    forget_page(*pages_[chaos_->below(pages_.size())]->code);
  if (chaos_->one_in(Chaos::kForgetAll)) forget_all();
}

void Jit::enter(const TranslatedRegion& region) {
  link(region);
  ++counters_.entries;
  c_.cur_ = nullptr;
  const bool blind = chaos_ != nullptr && lockstep_ == nullptr && chaos_->one_in(Chaos::kBlind);
  if (chaos_ != nullptr)
    Native::Calls::shorten_budget(
        c_, 1 + static_cast<s64>(
                    chaos_->below(chaos_->one_in(Chaos::kShort) ? Chaos::kFew : Chaos::kMany)));
  if (blind) Native::Calls::set_blind(c_, true);
  const s64 budget = lockstep_ != nullptr ? lockstep_->begin() : Native::Calls::budget(c_);
  Native::Calls::prepare(c_, budget);
  enter_(&c_.s, region.code.code, Native::Calls::tlb(c_), budget);
  if (blind) Native::Calls::set_blind(c_, false);
}

bool Jit::run() {
  ++counters_.asked;
  dropped_.clear();
  if (lockstep_ != nullptr && lockstep_->failed()) {
    lockstep_->stop();
    return true;
  }
  if (chaos_ != nullptr) [[unlikely]]
    make_trouble();
  TranslatedRegion* region = nullptr;
  if (Native::Calls::interpret_one(c_))
    Native::Calls::interpret_one(c_) = false;
  else
    region = region_here(true);
  if (region == nullptr) {
    left_from_ = nullptr;
    left_by_cache_ = left_plainly_ = false;
    return false;
  }
  enter(*region);
  return true;
}

}  // namespace quince::cpu::jit
