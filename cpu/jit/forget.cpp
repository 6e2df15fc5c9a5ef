// What Jit forgets: jumps by virtual addresses, and the regions of a page or of all.
#include <algorithm>
#include <memory>
#include <utility>

#include "cpu/jit/code_buffer.h"
#include "cpu/jit/far_jumps.h"
#include "cpu/jit/jit.h"
#include "cpu/jit/native_calls.h"
#include "cpu/jit/translated_page.h"

namespace quince::cpu::jit {

void Jit::clear_near(unsigned level) {
  if (!far_->used(level)) return;
  Native::Calls::clear_jumps(c_, level, unknown_);
  far_->set_used(level, false);
  ++counters_.cache_clears;
}

void Jit::clear_jumps(unsigned level) {
  clear_near(level);
  far_->forget(level);
}

/// What is not of every address space. EL1 hardly ever runs anything in the lower half.
void Jit::clear_private() {
  clear_near(0);
  if (private_el1_jumps_) clear_jumps(1);
  private_el1_jumps_ = false;
}

void Jit::leave_space() {
  clear_private();
  far_->leave_space();
}

void Jit::enter_space(u64 ttbr0, u16 asid) { far_->enter_space(ttbr0, asid); }

void Jit::forget_space(u16 asid, bool here) {
  if (here) clear_private();
  far_->forget_space(asid, here);
}

void Jit::forget_jumps(u64 first, u64 last) {
  // Both levels together: the second one knows which pages the first has entries of.
  for (unsigned level = 0; level < 2; ++level)
    if (far_->may_have(level, first, last)) clear_jumps(level);
}

void Jit::forget_jumps() {
  for (unsigned level = 0; level < 2; ++level) clear_jumps(level);
}

namespace {

void forget_regions(CodePage& page) {
  page.translated = nullptr;
  for (Op& op : page.ops) op.heat = 0, op.region = 0;
}

}  // namespace

/// Jumps lead to a page no longer.
void Jit::forget_jumps_to(const Page& page) {
  if (page.everywhere) return forget_jumps();
  for (const u64 place : page.places)
    for (const TranslatedRegion& r : page.regions)
      for (unsigned btype = 0; btype < 4; ++btype) {
        const unsigned level = place & 1;
        const u64 va = (place & ~u64{0xfff}) + 4u * r.index;
        Native::Calls::clear_jump(c_, level, va, btype, unknown_);
        far_->forget(level, va, btype);
      }
}

void Jit::forget_page(CodePage& page) {
  if (page.translated == nullptr) return;
  forget_jumps_to(*page.translated);
  left_from_ = nullptr;
  // Links from other pages do not exist: those go by the jump cache.
  const auto it = std::ranges::find(pages_, page.translated, &std::unique_ptr<Page>::get);
  forget_regions(page);
  dropped_.push_back(std::move(*it));
  *it = std::move(pages_.back());
  pages_.pop_back();
}

void Jit::forget_all() {
  for (auto& page : pages_) {
    forget_regions(*page->code);
    dropped_.push_back(std::move(page));
  }
  pages_.clear();
  buffer_->reset(thunk_bytes_);
  forget_jumps();
  left_from_ = nullptr;
  ++counters_.flushes;
}

}  // namespace quince::cpu::jit
