#include "tests/diff/report.h"

#include <fmt/format.h>

#include <cctype>
#include <cstdlib>

#include "base/bits.h"
#include "cpu/a64/disasm/disasm.h"
#include "tests/diff/comparison.h"
#include "tests/diff/vector.h"

namespace quince::test {

namespace {

/// The item is a register that is perhaps an operand: its number is in one of the usual places.
bool named(const OracleCase& c, const std::string& item) {
  if ((item[0] != 'x' && item[0] != 'v') || std::isdigit(item[1]) == 0) return false;
  const auto r = static_cast<u32>(std::atoi(item.c_str() + 1));
  for (unsigned n = 0; n < code_size(c); ++n)
    for (const unsigned lo : {0u, 5u, 10u, 16u})
      if (bits(c.insn[n], lo + 4, lo) == r) return true;
  return false;
}

}  // namespace

std::string disassembly(const OracleCase& c) {
  std::string text;
  for (unsigned n = 0; n < code_size(c); ++n) {
    const std::string insn = a64::disassemble(c.insn[n]);
    text += fmt::format("  {:x}  {:08x}  {}\n", slot_address(c.slot) + 4 * n, c.insn[n],
                        insn.empty() ? "undefined" : insn);
  }
  return text;
}

std::string states(const OracleCase& c, const OracleResult& ours, const OracleResult& theirs) {
  std::string text = fmt::format("  {:<12} {:<18} {:<18} {:<18}\n", "", "before", "ours", "theirs");
  for (const Compared& i : compared_items(c, ours, theirs)) {
    const bool interesting = i.name == "signal" || i.name == "pc" || i.name == "fpcr" ||
                             i.name == "fpsr" || i.name == "nzcv" || named(c, i.name);
    const bool changed = i.in != i.ours || i.in != i.theirs;
    if (!i.differs() && !changed && (!interesting || i.in == 0)) continue;
    text += fmt::format("{} {:<12} {:#018x} {:#018x} {:#018x}{}\n", i.differs() ? '*' : ' ', i.name,
                        i.in, i.ours, i.theirs, i.compared ? "" : "  not compared");
  }
  return text;
}

std::string report(const Finding& f) {
  const char* row = f.row < 0 ? (f.row == -1 ? "block" : "sequence")
                              : a64::rows()[static_cast<std::size_t>(f.row)].id;
  return fmt::format("{}: {} differ{}; seed {}\n{}{}vector:\n{}", row,
                     differences(f.c, f.ours, f.theirs), f.guarded ? ", guarded pages" : "", f.seed,
                     disassembly(f.c), states(f.c, f.ours, f.theirs),
                     vector_text(f.c, f.theirs, f.guarded, row));
}

}  // namespace quince::test
