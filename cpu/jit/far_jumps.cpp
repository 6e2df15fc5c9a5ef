#include "cpu/jit/far_jumps.h"

#include <algorithm>

namespace quince::cpu::jit {

/// A generation that no entry has.
u32 FarJumps::fresh() {
  if (last_ == kLastGeneration) {
    for (Table& t : tables_) t.fill({});
    for (Space& s : spaces_) s.generation = 0;
    last_ = 0;
    generations_ = {++last_, ++last_};
  }
  return ++last_;
}

void FarJumps::put(unsigned level, u64 va, unsigned btype, const u8* code) {
  tables_[level][index(va, btype)] = {
      va, reinterpret_cast<u64>(code) | u64{generations_[level]} << kGenerationShift};
  ranges_[level] = {std::min(ranges_[level].first, va), std::max(ranges_[level].last, va)};
  pages_[level].set(page(va));
}

void FarJumps::forget(unsigned level) {
  ranges_[level] = {};
  pages_[level].reset();
  // The current space gets a name again when EL0 comes back to it.
  if (level == 0)
    for (Space& s : spaces_) s.generation = 0;
  generations_[level] = fresh();
}

void FarJumps::forget() {
  forget(0);
  forget(1);
}

bool FarJumps::may_have(unsigned level, u64 first, u64 last) const {
  const Range& had = ranges_[level];
  if (had.first > had.last || last < had.first || had.last < first) return false;
  constexpr u64 kMany = 1024;
  first &= ~u64{0xfff};
  if (last - first >= kMany * 4096) return true;
  for (u64 va = first;; va += 4096) {
    if (pages_[level][page(va)]) return true;
    if (last - va < 4096) return false;
  }
}

void FarJumps::enter_space(u64 ttbr0, u16 asid) {
  const auto it = std::ranges::find_if(spaces_, [&](const Space& s) {
    return s.generation != 0 && s.ttbr0 == ttbr0 && s.asid == asid;
  });
  if (it != spaces_.end()) {
    it->entered = ++switches_;
    generations_[0] = it->generation;
    return;
  }
  const u32 generation = fresh();
  const auto age = [](const Space& s) { return s.generation == 0 ? 0 : s.entered; };
  *std::ranges::min_element(spaces_, {}, age) = {
      .ttbr0 = ttbr0, .asid = asid, .generation = generation, .entered = ++switches_};
  generations_[0] = generation;
}

void FarJumps::forget_space(u16 asid, bool here) {
  for (Space& s : spaces_)
    if (s.asid == asid) s.generation = 0;
  if (here) generations_[0] = fresh();
}

}  // namespace quince::cpu::jit
