#include "tests/diff/fp/reference_engine.h"

namespace quince::test {

Result<void> ReferenceEngine::start(std::span<const OracleCase> cases, bool guarded) {
  if (guarded) return fail("the reference knows no guarded pages");
  results_.resize(cases.size());
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const OracleCase& c = cases[i];
    OracleResult& r = results_[i];
    r = {};
    // The tester empties slots with cases of no instruction, and tries NOP when it makes one small.
    if (code_size(c) == 1 && (c.insn[0] == ORACLE_BRK || c.insn[0] == kNop)) {
      r.out = c.in;
      r.signal = c.insn[0] == kNop ? 0 : kSigtrap;
      r.pc = c.insn[0] == kNop ? ORACLE_EXIT : slot_address(c.slot);
      continue;
    }
    if (code_size(c) != 1 || !take(c.insn[0]))
      return fail("the reference does not know {:08x}", c.insn[0]);
    r.out = c.in;
    insn_->run(c.in, r.out);
    r.pc = ORACLE_EXIT;
  }
  return {};
}

/// Cases of one word are neighbours.
bool ReferenceEngine::take(u32 insn) {
  if (insn_ && insn_->insn() == insn) return true;
  const int row = a64::decode_row(insn);
  if (row < 0 || !fp_reference_has(a64::rows()[static_cast<std::size_t>(row)])) return false;
  insn_.emplace(a64::rows()[static_cast<std::size_t>(row)], insn);
  return true;
}

}  // namespace quince::test
