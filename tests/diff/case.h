// A case of the differential tester: up to ORACLE_INSNS instructions with the state that they start
// from, and what an engine made of it.  oracle/protocol.h has the structs, which the oracle reads too.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/types.h"
#include "tests/diff/oracle/protocol.h"

namespace quince::test {

/// Linux signal numbers, as results have them; 0 is a case that reached its end.
inline constexpr u32 kSigill = 4, kSigtrap = 5, kSigbus = 7, kSigsegv = 11;
/// OracleResult.signal of a case that came to no end within the instructions that it may take.
inline constexpr u32 kEndless = ~0u;

inline constexpr u32 kNop = 0xd503'201f;

/// Where the instructions of a slot are.
constexpr u64 slot_address(u32 slot) {
  return ORACLE_SLOTS + u64{slot} * ORACLE_SLOT_SIZE + ORACLE_FIRST;
}
static_assert(ORACLE_FIRST + 4 * ORACLE_INSNS <= ORACLE_SLOT_SIZE);

/// B from instruction `index` of a slot to `target`, which is within 128 MiB.
constexpr u32 branch_to(u32 slot, unsigned index, u64 target) {
  const u64 offset = target - (slot_address(slot) + 4 * index);
  return 0x1400'0000 | (static_cast<u32>(offset / 4) & 0x03ff'ffff);
}

/// Sets the instructions of a case; BRK behind them.
void set_code(OracleCase& c, std::span<const u32> insns);

/// The same with an end behind them that needs no exception: a branch to ORACLE_EXIT.  Not in
/// guarded pages.  At most ORACLE_INSNS - 1.
void set_code_and_end(OracleCase& c, std::span<const u32> insns);

/// Moves a case to another slot: a branch to ORACLE_EXIT goes along.
void move_to_slot(OracleCase& c, u32 slot);

/// How many instructions the case has, without what set_code() put behind them.
unsigned code_size(const OracleCase& c);

/// One value of a state, by name: x0, sp, v0.lo, nzcv, fpcr, [40500000].
struct StateItem {
  std::string name;
  u64 value;
};

/// Every item of a state, memory last; NZCV is a nibble, FPCR and FPSR have the bits that exist.
std::vector<StateItem> state_items(const OracleState& s, bool memory);

/// Sets an item by its name; false when there is none of that name.
bool set_state_item(OracleState& s, const std::string& name, u64 value);

/// The bits of FPCR and FPSR that are compared.
inline constexpr u32 kFpcrCompared = ~0x0037'0000u;  // Len and Stride, which qemu keeps a copy of
inline constexpr u32 kFpsrCompared = 0x0800'009f;    // QC and the cumulative exception bits
inline constexpr u32 kNzcv = 0xf000'0000;

}  // namespace quince::test
