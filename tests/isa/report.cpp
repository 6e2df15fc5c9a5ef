#include "tests/isa/report.h"

#include <fmt/format.h>

#include <vector>

#include "base/bits.h"
#include "tests/isa/subject.h"

namespace quince::test {

namespace {

constexpr u32 kNzcv = 0xf000'0000;
constexpr u32 kFpcr = ~0x0037'0000u;  // not Len and Stride, of which the oracle keeps a copy
constexpr u32 kFpsr = 0x0800'009f;    // QC and the cumulative exception bits

/// One thing that is compared.
struct Item {
  std::string name;
  u64 in, ours, theirs;
  bool compared = true;
  bool shown = true;  ///< in a report even when nobody changed it
  bool differs() const { return compared && ours != theirs; }
};

/// Register r is perhaps an operand: it is in one of the usual places.
bool named(u32 insn, u32 r) {
  for (const unsigned lo : {0u, 5u, 10u, 16u})
    if (bits(insn, lo + 4, lo) == r) return true;
  return false;
}

std::vector<Item> items(const OracleCase& c, const OracleResult& a, const OracleResult& b) {
  std::vector<Item> v;
  const bool fault = a.signal == kSigsegv || a.signal == kSigbus;
  // The oracle looks for a page before it looks at the alignment of the program counter.
  const bool misaligned_pc = (a.pc & 3) != 0 && a.signal == kSigbus && b.signal == kSigsegv;
  v.push_back({"signal", 0, a.signal, b.signal, !misaligned_pc});
  v.push_back({"pc", slot_address(c.slot), a.pc, b.pc});
  // An access that crosses a page may report any address of it in the page that faults.
  // The oracle's host does not report addresses that are not canonical.
  if (fault) v.push_back({"page", 0, a.address >> 12, b.address >> 12, a.address >> 47 == 0});
  for (u32 i = 0; i < 31; ++i)
    v.push_back(
        {fmt::format("x{}", i), c.in.x[i], a.out.x[i], b.out.x[i], true, named(c.insn[0], i)});
  v.push_back({"sp", c.in.sp, a.out.sp, b.out.sp});
  v.push_back({"nzcv", c.in.pstate & kNzcv, a.out.pstate & kNzcv, b.out.pstate & kNzcv});
  v.push_back({"fpcr", c.in.fpcr & kFpcr, a.out.fpcr & kFpcr, b.out.fpcr & kFpcr});
  v.push_back({"fpsr", c.in.fpsr & kFpsr, a.out.fpsr & kFpsr, b.out.fpsr & kFpsr});
  // What an instruction with several accesses did before one of them faulted is UNKNOWN.
  for (u32 i = 0; i < 64; ++i)
    v.push_back({fmt::format("v{}.{}", i / 2, i % 2 == 0 ? "lo" : "hi"), c.in.v[i], a.out.v[i],
                 b.out.v[i], !fault, named(c.insn[0], i / 2)});
  for (unsigned i = 0; i < ORACLE_WINDOW / 8; ++i) {
    const u64 offset = 8 * i < ORACLE_EDGE ? 8 * i
                       : 8 * i < ORACLE_EDGE + ORACLE_MIDDLE
                           ? 8 * i - ORACLE_EDGE + ORACLE_MIDDLE_OFFSET
                           : 8 * i - ORACLE_EDGE - ORACLE_MIDDLE + ORACLE_LAST_OFFSET;
    v.push_back({fmt::format("[{:x}]", ORACLE_DATA + offset), c.in.window[i], a.out.window[i],
                 b.out.window[i], !fault, false});
  }
  return v;
}

}  // namespace

std::string differences(const OracleCase& in, const OracleResult& ours,
                        const OracleResult& theirs) {
  std::string text;
  for (const Item& i : items(in, ours, theirs))
    if (i.differs()) text += i.name + " ";
  return text;
}

std::string report(const OracleCase& in, const OracleResult& ours, const OracleResult& theirs) {
  std::string text = fmt::format("  {:<10} {:<18} {:<18} {:<18}\n", "", "before", "ours", "oracle");
  for (const Item& i : items(in, ours, theirs)) {
    if (!i.shown && !i.differs() && i.in == i.ours && i.in == i.theirs) continue;
    text += fmt::format("{} {:<10} {:#018x} {:#018x} {:#018x}\n", i.differs() ? '*' : ' ', i.name,
                        i.in, i.ours, i.theirs);
  }
  return text;
}

}  // namespace quince::test
