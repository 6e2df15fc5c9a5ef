#include "cpu/jit/x64/telling.h"

#include <fmt/format.h>

#include <algorithm>

namespace quince::cpu::jit {

Telling::Telling(CodeObserver& observer, unsigned cpu, const CodeBuffer& buffer,
                 const Shared& shared, const Thunks& thunks)
    : observer_(observer), cpu_(cpu), buffer_(buffer) {
  name_state(shared.at);
  name_routines(shared, thunks);
}

void Telling::name(int offset, std::size_t bytes, std::string text) {
  names_.state.push_back({offset, static_cast<int>(bytes), std::move(text)});
}

void Telling::name_state(const Native::Distances& at) {
  const auto member = [&](std::size_t offset, std::size_t bytes, const char* text) {
    name(static_cast<int>(offset), bytes, text);
  };
  for (int r = 0; r < 32; ++r) {
    name(static_cast<int>(offsetof(CpuState, x)) + 8 * r, 8, fmt::format("x{}", r));
    name(static_cast<int>(offsetof(CpuState, v)) + 16 * r, 16, fmt::format("v{}", r));
  }
  member(offsetof(CpuState, sp), 8, "sp");
  member(offsetof(CpuState, pc), 8, "pc");
  member(offsetof(CpuState, nzcv), 4, "nzcv");
  member(offsetof(CpuState, fpcr), 4, "fpcr");
  member(offsetof(CpuState, fpsr), 4, "fpsr");
  member(offsetof(CpuState, pstate) + offsetof(PState, btype), 1, "btype");
  member(offsetof(CpuState, sp_bank), 8, "sp_el0");
  member(offsetof(CpuState, sp_bank) + 8, 8, "sp_el1");
  member(offsetof(CpuState, excl_valid), 1, "excl_valid");
  member(offsetof(CpuState, sys), sizeof(SysRegs), "sys");
  name(at.l1_base, 8, "l1_base");
  name(at.poll_mask, 4, "poll_mask");
  name(at.pending, 4, "pending");
  name(at.redirect, 1, "redirect");
  name(at.budget, 8, "budget");
  name(at.interpret_one, 1, "interpret_one");
  name(at.bounce, 32, "bounce");
  name(at.flag_mask, 4, "flag_mask");
  name(at.begun, 8, "begun");
  name(at.begun_btype, 1, "begun_btype");
  name(at.page, 8, "page");
  name(at.fp_state, 1, "fp_state");
  for (int level = 0; level < 2; ++level)
    for (int n = 0; n < static_cast<int>(Native::kPagePointers); ++n) {
      const int place = at.page_pointers[level] + n * Native::kPointerBytes;
      name(place + Native::kPointerPage, 8, fmt::format("page{}_el{}", n, level));
      name(place + Native::kPointerAddend, 8, fmt::format("addend{}_el{}", n, level));
    }
  name(at.all_mask, 4, "all_mask");
  name(at.far, 8, "far_jumps");
  name(at.recent_base, 8, "recent_base");
  name(at.pac, sizeof(pauth::PacLayout), "pac_layout");
  name(at.l1_el0, sizeof(FirstLevel), "l1_el0");
  for (int level = 0; level < 2; ++level)
    name(at.jumps[level], Native::kJumps * 16, fmt::format("jumps_el{}", level));
  std::ranges::sort(names_.state, {}, &CodeNames::Place::offset);
}

void Telling::name_routines(const Shared& shared, const Thunks& thunks) {
  names_.routines = {{thunks.enter, "enter"},
                     {shared.leave, "leave"},
                     {shared.leave_at, "leave_at"},
                     {thunks.unknown, "unknown"},
                     {shared.find[0].first, "find_read"},
                     {shared.find[1].first, "find_write"},
                     {shared.find[0].recent, "find_recent_read"},
                     {shared.find[1].recent, "find_recent_write"},
                     {shared.find[0].unprivileged, "find_unprivileged_read"},
                     {shared.find[1].unprivileged, "find_unprivileged_write"},
                     {shared.find[0].leads, "find_leading_read"},
                     {shared.find[1].leads, "find_leading_write"},
                     {shared.find[0].kept, "find_kept_read"},
                     {shared.find[1].kept, "find_kept_write"},
                     {shared.find_or_load.first, "find_or_load"},
                     {shared.find_or_load.recent, "find_recent_or_load"},
                     {shared.find_or_load.unprivileged, "find_unprivileged_or_load"},
                     {shared.find_or_load.leads, "find_leading_or_load"},
                     {shared.find_or_load.kept, "find_kept_or_load"},
                     {shared.load_missed, "load_missed"},
                     {shared.store_missed, "store_missed"},
                     {shared.load_missed_again, "load_missed_again"},
                     {shared.store_missed_again, "store_missed_again"},
                     {shared.small_call, "small_call"},
                     {shared.call, "call"},
                     {shared.pac[0], "sign_a"},
                     {shared.pac[1], "authenticate_a"},
                     {shared.pac[2], "sign_b"},
                     {shared.pac[3], "authenticate_b"}};
  for (unsigned log2 = 0; log2 < 4; ++log2)
    for (const bool several : {false, true}) {
      names_.routines.push_back({shared.exclusive[several][0][log2], "load_exclusive"});
      names_.routines.push_back({shared.exclusive[several][1][log2], "store_exclusive"});
    }
  if (shared.supervisor_call != nullptr) {
    names_.routines.push_back({shared.supervisor_call, "supervisor_call"});
    names_.routines.push_back({shared.exception_return, "exception_return"});
  }
  static constexpr std::string_view kFar[] = {
      "jump_far_el0", "jump_far_el0_btype1", "jump_far_el0_btype2", "jump_far_el0_btype3",
      "jump_far_el1", "jump_far_el1_btype1", "jump_far_el1_btype2", "jump_far_el1_btype3"};
  for (std::size_t n = 0; n < std::size(kFar); ++n)
    names_.routines.push_back({shared.jump_far[n / 4][n % 4], kFar[n]});
  for (CodeNames::Routine& r : names_.routines) r.at = buffer_.run_view(r.at);
  names_.routines_end = buffer_.run_view(thunks.enter + thunks.bytes);
  std::ranges::sort(names_.routines, {}, &CodeNames::Routine::at);
}

Notes& Telling::fresh_notes() {
  notes_.parts.clear();
  notes_.pointers.clear();
  return notes_;
}

void Telling::tell(const Region& region, const Translated& code, u64 page_va) {
  insns_.clear();
  for (CodePart& p : notes_.parts) p.pc += page_va;
  for (const Insn& i : region.insns) insns_.push_back({page_va + 4ull * i.index, i.word});
  const Insn& first = region.insns[region.blocks[region.entry].first];
  observer_.translated({.cpu = cpu_,
                        .pc = page_va + 4ull * first.index,
                        .insns = insns_,
                        .bytes = {code.code, code.bytes},
                        .at = buffer_.run_view(code.code),
                        .parts = notes_.parts,
                        .pointers = notes_.pointers,
                        .names = &names_});
}

}  // namespace quince::cpu::jit
