#include "tests/diff/comparison.h"

#include <cstring>

#include "cpu/a64/table.h"

namespace quince::test {

namespace {

bool fault(const OracleResult& r) { return r.signal == kSigsegv || r.signal == kSigbus; }

/// The row of the instruction at the program counter of a fault; null elsewhere.
const a64::RowInfo* faulting_row(const OracleCase& c, const OracleResult& r) {
  const u64 index = (r.pc - slot_address(c.slot)) / 4;
  if (!fault(r) || index >= ORACLE_INSNS) return nullptr;
  const int row = a64::decode_row(c.insn[index]);
  return row < 0 ? nullptr : &a64::rows()[static_cast<std::size_t>(row)];
}

/// What an instruction may have done before one of its accesses faulted is UNKNOWN when it has
/// several of them (Arm ARM D1.3.3): registers of structures and pairs, and memory.
struct Partial {
  bool vectors = false, memory = false;
};

Partial partial(const a64::RowInfo* row) {
  if (row == nullptr) return {};
  const std::string_view group = row->group;
  return {.vectors = group == "ldst_struct" || group == "ldst_simd",
          .memory = group.starts_with("ldst") || group == "system"};
}

/// FAR_EL1 has what the register of a DC instruction holds (D19.2.40); qemu names the block.
u64 address_bits(const a64::RowInfo* row) {
  return row != nullptr && std::string_view(row->id) == "SYS" ? ~u64{63} : ~u64{0};
}

/// Newer versions of qemu split a misaligned access and name the aligned piece that faults.
bool is_piece_of(u64 theirs, u64 ours) {
  return theirs == (ours & ~u64{3}) || theirs == (ours & ~u64{7}) || theirs == (ours & ~u64{15});
}

bool same_state(const OracleCase& c, const OracleState& a, const OracleState& b) {
  return std::memcmp(a.x, b.x, sizeof a.x + sizeof a.sp + sizeof a.v) == 0 &&
         ((a.pstate ^ b.pstate) & kNzcv) == 0 && ((a.fpcr ^ b.fpcr) & kFpcrCompared) == 0 &&
         ((a.fpsr ^ b.fpsr) & kFpsrCompared) == 0 &&
         ((c.flags & ORACLE_MEMORY) == 0 || std::memcmp(a.window, b.window, sizeof a.window) == 0);
}

}  // namespace

std::vector<Compared> compared_items(const OracleCase& c, const OracleResult& ours,
                                     const OracleResult& theirs) {
  std::vector<Compared> v;
  // The oracle looks for a page before it looks at the alignment of the program counter.
  const bool misaligned_pc =
      (ours.pc & 3) != 0 && ours.signal == kSigbus && theirs.signal == kSigsegv;
  // The oracle's host does not report addresses that are not canonical, or as SIGBUS.
  const bool reported = ours.address >> 47 == 0;
  const bool other_signal = misaligned_pc || (!reported && theirs.signal == kSigbus && fault(ours));
  v.push_back({"signal", 0, ours.signal, theirs.signal, !other_signal});
  v.push_back({"pc", slot_address(c.slot), ours.pc, theirs.pc, true});
  const a64::RowInfo* row = faulting_row(c, ours);
  if (fault(ours))
    v.push_back({"address", 0, ours.address & address_bits(row), theirs.address & address_bits(row),
                 reported && !is_piece_of(theirs.address, ours.address)});
  const bool memory = (c.flags & ORACLE_MEMORY) != 0;
  const Partial open = partial(row);
  const auto in = state_items(c.in, memory), a = state_items(ours.out, memory),
             b = state_items(theirs.out, memory);
  for (std::size_t i = 0; i < in.size(); ++i) {
    const bool unknown =
        (in[i].name[0] == 'v' && open.vectors) || (in[i].name[0] == '[' && open.memory);
    v.push_back({in[i].name, in[i].value, a[i].value, b[i].value, !unknown});
  }
  return v;
}

bool agree(const OracleCase& c, const OracleResult& ours, const OracleResult& theirs) {
  if (ours.signal == theirs.signal && ours.pc == theirs.pc && ours.address == theirs.address &&
      same_state(c, ours.out, theirs.out))
    return true;
  return differences(c, ours, theirs).empty();
}

std::string differences(const OracleCase& c, const OracleResult& ours, const OracleResult& theirs) {
  std::string text;
  for (const Compared& i : compared_items(c, ours, theirs))
    if (i.differs()) text += (text.empty() ? "" : " ") + i.name;
  return text;
}

}  // namespace quince::test
