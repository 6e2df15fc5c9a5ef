// PSTATE.BTYPE behind a branch to a register, where pages are not guarded: nothing looks at it there but what is
// saved with an exception (Arm ARM DDI 0487, D8.4.6; BR, BLR, RET and their pseudocode, which sets BTypeNext
// whether the page of the branch is guarded or not).
#include <fmt/format.h>

#include "tests/unit/cpu/system/bench.h"

namespace quince::cpu {
namespace {

using test::Bench;
using test::kCode;
using test::kVectors;

constexpr u32 kSvc = 0xd400'0001;
constexpr u64 kNear = kCode + 8, kFar = kCode + 0x2000;

/// A branch, and what it makes of BTYPE in a page that is not guarded.
struct Branch {
  const char* name;
  u32 insn;
  u8 btype;
};
constexpr Branch kBranches[] = {
    {"BR X0", 0xd61f'0000, 1},  {"BR X16", 0xd61f'0200, 1}, {"BLR X0", 0xd63f'0000, 2},
    {"RET X0", 0xd65f'0000, 0}, {"B", 0x1400'0002, 0},
};

class BranchType : public testing::TestWithParam<const char*> {
 protected:
  BranchType() : b_(GetParam()), has_(b_.c->has(Feature::BTI)) {}

  /// A branch from EL0 to `target`, where an SVC is.
  void start(const Branch& branch, u64 target) {
    b_.restart(0);
    b_.c->set_line(0, false);
    b_.c->set_daif(0);
    b_.c->s.x[0] = b_.c->s.x[16] = target;
    insn_ = branch.insn;
    expected_ = has_ ? branch.btype : 0;
    store_le(b_.ram->data() + target, kSvc);
  }
  void run(u64 budget) { b_.run({insn_, kSvc, kSvc}, budget); }
  u64 saved() const { return bits(b_.c->s.sys.spsr_el1, 11, 10); }

  Bench b_;
  bool has_;
  u32 insn_ = 0;
  unsigned expected_ = 0;
};

TEST_P(BranchType, IsInTheStateBehindTheBranch) {
  for (const Branch& branch : kBranches)
    for (const u64 target : {kNear, kFar}) {
      SCOPED_TRACE(fmt::format("{} to {:#x}", branch.name, target));
      start(branch, target);
      run(1);
      EXPECT_EQ(b_.c->s.pc, branch.insn == kBranches[4].insn ? kNear : target);
      EXPECT_EQ(b_.c->s.pstate.btype, expected_);
    }
}

TEST_P(BranchType, IsSavedByAnExceptionOfTheTarget) {
  for (const Branch& branch : kBranches)
    for (const u64 target : {kNear, kFar}) {
      SCOPED_TRACE(fmt::format("{} to {:#x}", branch.name, target));
      // Twice, so that the second time code goes from one to the other by a jump cache.
      for (int n = 0; n < 2; ++n) {
        start(branch, target);
        run(10);
        EXPECT_EQ(b_.exception(), 0x15);
        EXPECT_EQ(saved(), expected_);
      }
    }
}

TEST_P(BranchType, IsSavedByAnInterruptInFrontOfTheTarget) {
  for (const Branch& branch : kBranches)
    for (const u64 target : {kNear, kFar}) {
      SCOPED_TRACE(fmt::format("{} to {:#x}", branch.name, target));
      start(branch, target);
      run(1);
      b_.c->set_line(0, true);
      EXPECT_EQ(b_.c->run(1), RunExit::Budget);
      EXPECT_EQ(b_.c->s.sys.elr_el1, branch.insn == kBranches[4].insn ? kNear : target);
      EXPECT_EQ(saved(), expected_);
    }
}

// The Software Step exception comes between the branch and its target.
TEST_P(BranchType, IsSavedByASoftwareStep) {
  for (const Branch& branch : kBranches)
    for (const u64 target : {kNear, kFar}) {
      SCOPED_TRACE(fmt::format("{} to {:#x}", branch.name, target));
      start(branch, target);
      b_.c->s.sys.mdscr_el1 = 1;
      b_.c->s.pstate.ss = 1;
      b_.c->context_changed();
      run(2);
      EXPECT_EQ(b_.exception(), 0x32);
      EXPECT_EQ(saved(), expected_);
    }
}

// What follows the target has none.
TEST_P(BranchType, IsGoneBehindTheTarget) {
  for (const Branch& branch : kBranches) {
    SCOPED_TRACE(branch.name);
    start(branch, kNear);
    b_.run({branch.insn, kSvc, 0xd503'201f, kSvc}, 10);  // NOP
    EXPECT_EQ(b_.exception(), 0x15);
    EXPECT_EQ(b_.c->s.sys.elr_el1, kCode + 16);
    EXPECT_EQ(saved(), 0u);
  }
}

INSTANTIATE_TEST_SUITE_P(Models, BranchType, testing::Values("max", "cortex-a57"),
                         [](const auto& name) {
                           return std::string(name.param == std::string_view("max") ? "With"
                                                                                    : "Without");
                         });

}  // namespace
}  // namespace quince::cpu
