#include "tests/diff/case.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/assert.h"

namespace quince::test {

namespace {

bool goes_to_exit(const OracleCase& c, unsigned index) {
  return c.insn[index] == branch_to(c.slot, index, ORACLE_EXIT);
}

/// The guest address of a word of the window.
u64 window_address(unsigned i) {
  const u64 at = 8 * i;
  if (at < ORACLE_EDGE) return ORACLE_DATA + at;
  if (at < ORACLE_EDGE + ORACLE_MIDDLE)
    return ORACLE_DATA + at - ORACLE_EDGE + ORACLE_MIDDLE_OFFSET;
  return ORACLE_DATA + at - ORACLE_EDGE - ORACLE_MIDDLE + ORACLE_LAST_OFFSET;
}

/// Calls fn(name, get, set) for each item, so that names are said once.
template <class F>
void each_item(bool memory, F fn) {
  for (unsigned i = 0; i < 31; ++i)
    fn(
        fmt::format("x{}", i), [i](const OracleState& s) { return s.x[i]; },
        [i](OracleState& s, u64 v) { s.x[i] = v; });
  fn(
      "sp", [](const OracleState& s) { return s.sp; }, [](OracleState& s, u64 v) { s.sp = v; });
  fn(
      "nzcv", [](const OracleState& s) { return u64{s.pstate >> 28}; },
      [](OracleState& s, u64 v) { s.pstate = static_cast<u32>(v & 15) << 28; });
  fn(
      "fpcr", [](const OracleState& s) { return u64{s.fpcr & kFpcrCompared}; },
      [](OracleState& s, u64 v) { s.fpcr = static_cast<u32>(v); });
  fn(
      "fpsr", [](const OracleState& s) { return u64{s.fpsr & kFpsrCompared}; },
      [](OracleState& s, u64 v) { s.fpsr = static_cast<u32>(v); });
  for (unsigned i = 0; i < 64; ++i)
    fn(
        fmt::format("v{}.{}", i / 2, i % 2 == 0 ? "lo" : "hi"),
        [i](const OracleState& s) { return s.v[i]; }, [i](OracleState& s, u64 v) { s.v[i] = v; });
  if (!memory) return;
  for (unsigned i = 0; i < ORACLE_WINDOW / 8; ++i)
    fn(
        fmt::format("[{:x}]", window_address(i)), [i](const OracleState& s) { return s.window[i]; },
        [i](OracleState& s, u64 v) { s.window[i] = v; });
}

}  // namespace

void set_code(OracleCase& c, std::span<const u32> insns) {
  QUINCE_ASSERT(insns.size() <= ORACLE_INSNS);
  std::copy(insns.begin(), insns.end(), c.insn);
  std::fill(c.insn + insns.size(), c.insn + ORACLE_INSNS, ORACLE_BRK);
}

void set_code_and_end(OracleCase& c, std::span<const u32> insns) {
  set_code(c, insns);
  const auto n = static_cast<unsigned>(insns.size());
  QUINCE_ASSERT(n < ORACLE_INSNS);
  c.insn[n] = branch_to(c.slot, n, ORACLE_EXIT);
}

void move_to_slot(OracleCase& c, u32 slot) {
  const u32 old = c.slot;
  c.slot = slot;
  for (unsigned n = 0; n < ORACLE_INSNS; ++n)
    if (c.insn[n] == branch_to(old, n, ORACLE_EXIT)) c.insn[n] = branch_to(slot, n, ORACLE_EXIT);
}

unsigned code_size(const OracleCase& c) {
  unsigned n = ORACLE_INSNS;
  while (n > 1 && (c.insn[n - 1] == ORACLE_BRK || goes_to_exit(c, n - 1))) --n;
  return n;
}

std::vector<StateItem> state_items(const OracleState& s, bool memory) {
  std::vector<StateItem> items;
  each_item(memory, [&](std::string name, auto get, auto) {
    items.push_back({std::move(name), get(s)});
  });
  return items;
}

bool set_state_item(OracleState& s, const std::string& name, u64 value) {
  bool found = false;
  each_item(true, [&](const std::string& n, auto, auto set) {
    if (n != name) return;
    set(s, value);
    found = true;
  });
  return found;
}

}  // namespace quince::test
