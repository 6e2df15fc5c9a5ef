// Which of several synchronous exceptions is taken (Arm ARM DDI 0487, D1.3.5.5): every set of causes
// of the list at once, from EL0 and from EL1.  The first of the set must win, with its syndrome, and
// nothing that a later one would have done may be seen.
#include <fmt/core.h>

#include <bit>
#include <string>

#include "tests/unit/cpu/system/bench.h"

namespace quince::cpu {
namespace {

using test::Bench;
using test::kCode;
using test::kVectors;

/// The causes, in the manual's order.
enum Cause : unsigned {
  kSoftwareStep,
  kPcAlignment,
  kInstructionAbort,
  kBreakpoint,
  kIllegalState,
  kBranchTarget,
  kUndefined,
  kFpTrap,
  kSpAlignment,
  kAlignment,
  kTranslation,
  kWatchpoint,
  kExternalAbort,
  kCauses,
};
constexpr const char* kName[kCauses] = {
    "software step", "PC alignment", "instruction abort", "breakpoint",   "illegal state",
    "branch target", "undefined",    "FP trap",           "SP alignment", "alignment",
    "translation",   "watchpoint",   "external abort"};

constexpr u64 kTables = 0x10000, kData = 0x20000, kNowhere = 0x80'0000;
constexpr u32 kLdrQ0Sp = 0x3dc0'03e0;   // LDR Q0, [SP]
constexpr u32 kReserved = 0x0ee0'8400;  // ADD (vector) of one doubleword: UNDEFINED
constexpr u64 kPageBits = 0x703, kReadOnly = 1 << 7, kForEl0 = 1 << 6;  // page, AF, inner, Attr0
constexpr u64 kGuarded = u64{1} << 50;
constexpr u64 kBreakOn = 1 | 3 << 1 | 0xf << 5;            // E, PMC: both levels
constexpr u64 kWatchOn = 1 | 3 << 1 | 3 << 3 | 0xff << 5;  // E, PAC, loads and stores

struct Expected {
  ExceptionClass at_el0;  ///< one less than at EL1, where there are two
  bool two;
  u32 iss;
  bool far_is_pc, far_is_data;
};

/// What the exception of each cause says of itself.
Expected expected(unsigned cause) {
  using enum ExceptionClass;
  switch (cause) {
    case kSoftwareStep:
      return {StepLower, true, 0x22, false, false};
    case kPcAlignment:
      return {PcAlignment, false, 0, true, false};
    case kInstructionAbort:
      return {InstructionAbortLower, true, 0x07, true, false};
    case kBreakpoint:
      return {BreakpointLower, true, 0x22, false, false};
    case kIllegalState:
      return {IllegalState, false, 0, false, false};
    case kBranchTarget:
      return {BranchTarget, false, 2, false, false};
    case kUndefined:
      return {Unknown, false, 0, false, false};
    case kFpTrap:
      return {FpAccess, false, 0x1e0'0000, false, false};
    case kSpAlignment:
      return {SpAlignment, false, 0, false, false};
    case kAlignment:
      return {DataAbortLower, true, 0x21, false, true};
    case kTranslation:
      return {DataAbortLower, true, 0x07, false, true};
    case kWatchpoint:
      return {WatchpointLower, true, 0x22, false, true};
    default:
      return {DataAbortLower, true, 0x10, false, true};
  }
}

class PriorityBench : public Bench {
 public:
  PriorityBench() : Bench("max") {}

  /// Everything as for one LDR Q0, [SP] at kCode, with the causes of `set` made true.
  void arrange(unsigned el, unsigned set) {
    const auto has = [set](Cause cause) { return (set >> cause & 1) != 0; };
    store64(kTables, (kTables + 0x1000) | 3);
    for (u64 page = 0; page < 0x30; ++page)
      store64(kTables + 0x1000 + 8 * page, page << 12 | kPageBits | kReadOnly | kForEl0);
    u64 code = kCode | kPageBits | kReadOnly | kForEl0, data = kData | kPageBits | kForEl0;
    if (has(kBranchTarget)) code |= kGuarded;
    if (has(kInstructionAbort)) code = 0;
    if (has(kExternalAbort)) data = kNowhere | kPageBits | kForEl0;
    if (has(kTranslation)) data = 0;
    store64(kTables + 0x1000 + 8 * (kCode >> 12), code);
    store64(kTables + 0x1000 + 8 * (kData >> 12), data);
    store_le(ram->data() + kCode, has(kUndefined) ? kReserved : kLdrQ0Sp);
    store64(kData, 0x1122'3344'5566'7788);
    for (const u64 v : {kCode + 4, kVectors + 0x200, kVectors + 0x400})
      store_le(ram->data() + v, u32{0x1400'0000});  // B .

    restart(el);
    SysRegs& r = c->s.sys;
    r.ttbr0_el1 = kTables;
    r.mair_el1 = 0xff;
    r.tcr_el1 = 34 | u64{2} << 32;  // 30 bits: levels 2 and 3
    r.sctlr_el1 = 1 | u64{1} << 23;
    if (has(kSpAlignment)) r.sctlr_el1 |= 3 << 3;  // SA, SA0
    if (has(kAlignment)) r.sctlr_el1 |= 2;
    if (has(kFpTrap)) r.cpacr_el1 = 0;
    if (has(kSoftwareStep)) r.mdscr_el1 |= 1;
    r.mdscr_el1 |= u64{1} << 13;                                            // KDE
    if (has(kBreakpoint) || has(kWatchpoint)) r.mdscr_el1 |= u64{1} << 15;  // MDE
    if (has(kBreakpoint)) r.dbgbcr[0] = kBreakOn, r.dbgbvr[0] = kCode;
    if (has(kWatchpoint)) r.dbgwcr[0] = kWatchOn, r.dbgwvr[0] = kData;
    if (has(kWatchpoint)) r.dbgwcr[1] = kWatchOn, r.dbgwvr[1] = kData + 8;
    PState& p = c->s.pstate;
    p.daif = 0x7;
    p.il = has(kIllegalState);
    p.btype = has(kBranchTarget) ? 2 : 0;
    c->s.v[0] = {};
    c->s.sp = sp = kData + (has(kSpAlignment) || has(kAlignment) ? 8 : 0);
    c->s.pc = kCode + (has(kPcAlignment) ? 2 : 0);
    r.far_el1 = kNoFar;
    c->context_changed();
    c->invalidate_all_code(false);
  }

  static constexpr u64 kNoFar = 0xbad;
  u64 sp = 0;
};

std::string names(unsigned set) {
  std::string out;
  for (unsigned i = 0; i < kCauses; ++i)
    if ((set >> i & 1) != 0) out += std::string(out.empty() ? "" : ", ") + kName[i];
  return out;
}

TEST(ExceptionPriority, EverySetOfCauses) {
  PriorityBench b;
  for (const unsigned el : {0u, 1u}) {
    for (unsigned set = 0; set < 1u << kCauses && !::testing::Test::HasFailure(); ++set) {
      b.arrange(el, set);
      const u64 pc = b.c->s.pc, spsr = b.c->spsr();
      b.c->run(1);
      if (set == 0) {
        EXPECT_EQ(b.exception(), -1);
        EXPECT_EQ(b.c->s.pc, kCode + 4);
        EXPECT_NE(b.c->s.v[0].d[0], 0u) << "nothing was loaded";
        continue;
      }
      const Expected e = expected(static_cast<unsigned>(std::countr_zero(set)));
      const unsigned ec = static_cast<unsigned>(e.at_el0) + (e.two ? el : 0);
      SCOPED_TRACE(fmt::format("EL{}: {}", el, names(set)));
      EXPECT_EQ(static_cast<unsigned>(b.exception()), ec);
      EXPECT_EQ(b.iss(), e.iss);
      const SysRegs& r = b.c->s.sys;
      EXPECT_EQ(r.elr_el1, pc);
      EXPECT_EQ(r.spsr_el1, spsr);
      EXPECT_EQ(r.far_el1, e.far_is_pc ? pc : e.far_is_data ? b.sp : PriorityBench::kNoFar);
      EXPECT_EQ(b.c->s.pc, kVectors + (el == 0 ? 0x400 : 0x200));
      EXPECT_EQ(b.c->s.v[0].d[0], 0u);
    }
  }
}

}  // namespace
}  // namespace quince::cpu
