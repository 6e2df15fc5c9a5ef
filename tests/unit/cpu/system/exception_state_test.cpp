// What exception entry saves and what it sets, one bit of PSTATE at a time; which interrupt comes first;
// what a return leaves behind (Arm ARM DDI 0487, D1.3, D1.3.6; AArch64.TakeException(),
// AArch64.ExceptionReturn(), GetPSRFromPSTATE()).
#include <fmt/core.h>

#include "tests/unit/cpu/system/bench.h"

namespace quince::cpu {
namespace {

using test::Bench;
using test::kCode;
using test::kVectors;

constexpr u32 kNop = 0xd503'201f, kSvc = 0xd400'0001, kBrk = 0xd420'0000;

/// From where an exception comes: the level, the stack pointer, and where the vectors for it are.
struct Origin {
  u8 el, spsel;
  u64 vectors;
};
constexpr Origin kOrigins[] = {{0, 0, 0x400}, {1, 0, 0x000}, {1, 1, 0x200}};

void start(Bench& b, const Origin& from) {
  b.restart(from.el);
  b.c->s.pstate = {};
  b.c->s.pstate.daif = 0;
  b.c->s.pstate.el = from.el;
  b.c->s.pstate.spsel = from.spsel;
  b.c->context_changed();
}

/// One bit of SPSR_EL1, and what sets it in PSTATE.
struct Field {
  unsigned bit;
  void (*set)(CpuState& s);
};
// clang-format off
constexpr Field kFields[] = {
    {31, [](CpuState& s) { s.nzcv = 8; }},         {30, [](CpuState& s) { s.nzcv = 4; }},
    {29, [](CpuState& s) { s.nzcv = 2; }},         {28, [](CpuState& s) { s.nzcv = 1; }},
    {24, [](CpuState& s) { s.pstate.dit = 1; }},   {23, [](CpuState& s) { s.pstate.uao = 1; }},
    {22, [](CpuState& s) { s.pstate.pan = 1; }},   {21, [](CpuState& s) { s.pstate.ss = 1; }},
    {20, [](CpuState& s) { s.pstate.il = 1; }},    {12, [](CpuState& s) { s.pstate.ssbs = 1; }},
    {11, [](CpuState& s) { s.pstate.btype = 2; }}, {10, [](CpuState& s) { s.pstate.btype = 1; }},
    {9, [](CpuState& s) { s.pstate.daif = 8; }},   {8, [](CpuState& s) { s.pstate.daif = 4; }},
    {7, [](CpuState& s) { s.pstate.daif = 2; }},   {6, [](CpuState& s) { s.pstate.daif = 1; }},
};
// clang-format on

TEST(ExceptionState, EveryBitIsSavedAndSet) {
  constexpr u64 kSpan = u64{1} << 23, kDssbs = u64{1} << 44;
  Bench b("max");
  for (const Origin& from : kOrigins)
    for (const u64 sctlr : {u64{0}, kSpan, kDssbs})
      for (const Field& f : kFields) {
        SCOPED_TRACE(
            fmt::format("EL{} SP{} SPSR bit {} SCTLR {:#x}", from.el, from.spsel, f.bit, sctlr));
        start(b, from);
        b.c->s.sys.sctlr_el1 = sctlr;
        f.set(b.c->s);
        const u32 nzcv = b.c->s.nzcv;
        b.c->take_exception(ExceptionClass::Brk, 0x1234, kCode);
        const SysRegs& r = b.c->s.sys;
        EXPECT_EQ(r.spsr_el1, u64{1} << f.bit | from.el << 2 | from.spsel);
        EXPECT_EQ(r.elr_el1, kCode);
        EXPECT_EQ(r.esr_el1, u64{0x3c} << 26 | 1u << 25 | 0x1234);
        EXPECT_EQ(b.c->s.pc, kVectors + from.vectors);
        const PState& p = b.c->s.pstate;
        EXPECT_EQ(p.el, 1);
        EXPECT_EQ(p.spsel, 1);
        EXPECT_EQ(p.daif, 0xf);
        EXPECT_EQ(p.il, 0);
        EXPECT_EQ(p.ss, 0);
        EXPECT_EQ(p.btype, 0);
        EXPECT_EQ(p.uao, 0);
        EXPECT_EQ(p.pan, sctlr != kSpan || f.bit == 22 ? 1 : 0);
        EXPECT_EQ(p.ssbs, sctlr == kDssbs ? 1 : 0);
        EXPECT_EQ(p.dit, f.bit == 24 ? 1 : 0);
        EXPECT_EQ(b.c->s.nzcv, nzcv);
      }
}

// SVC has been done when its exception is taken, so that nothing is left to step; BRK has not.
TEST(ExceptionState, OnlySvcAdvancesTheStep) {
  for (const u32 insn : {kSvc, kBrk}) {
    Bench b("max");
    start(b, kOrigins[0]);
    b.c->s.pstate.ss = 1;
    b.run({insn}, 1);
    EXPECT_EQ(b.exception(), insn == kSvc ? 0x15 : 0x3c);
    EXPECT_EQ(b.c->s.sys.spsr_el1 >> 21 & 1, insn == kSvc ? 0u : 1u);
    EXPECT_EQ(b.c->s.sys.elr_el1, insn == kSvc ? kCode + 4 : kCode);
  }
}

// Both lines high: FIQ first, unless it is masked; each has its vector for each origin.
TEST(ExceptionState, InterruptsHaveTheirVectors) {
  constexpr u8 kI = 2, kF = 1;
  struct Case {
    bool irq, fiq;
    u8 daif;
    u64 vector;  ///< of the four of an origin; 0 for none
  };
  constexpr Case kCases[] = {
      {true, false, 0, 0x80},  {false, true, 0, 0x100}, {true, true, 0, 0x100},
      {true, true, kF, 0x80},  {true, true, kI, 0x100}, {true, true, kI | kF, 0},
      {true, false, kF, 0x80}, {true, false, kI, 0},    {false, true, kF, 0},
  };
  for (const Origin& from : kOrigins)
    for (const Case& k : kCases) {
      SCOPED_TRACE(fmt::format("EL{} SP{} IRQ {} FIQ {} DAIF {}", from.el, from.spsel, k.irq, k.fiq,
                               k.daif));
      Bench b;
      start(b, from);
      b.c->set_daif(k.daif);
      b.c->set_line(0, k.irq);
      b.c->set_line(1, k.fiq);
      b.c->s.sys.esr_el1 = 0x1234;
      b.run({kNop}, 4);
      const SysRegs& r = b.c->s.sys;
      if (k.vector == 0) {
        EXPECT_EQ(b.c->s.pc, kCode + 4);
        continue;
      }
      EXPECT_EQ(b.c->s.pc, kVectors + from.vectors + k.vector);
      EXPECT_EQ(r.elr_el1, kCode);
      EXPECT_EQ(r.spsr_el1, u64{k.daif} << 6 | from.el << 2 | from.spsel);
      EXPECT_EQ(r.esr_el1, 0x1234u);  // an interrupt has no syndrome
    }
}

// A return clears the local monitor and sets the event register, which the next WFE takes.
TEST(ExceptionState, ReturnClearsTheMonitorAndSetsTheEvent) {
  Bench b;
  while (b.c->take_event()) {
  }
  b.c->s.excl_valid = true;
  b.c->s.sys.spsr_el1 = 0x3c5;
  b.c->exception_return(kCode);
  EXPECT_FALSE(b.c->s.excl_valid);
  EXPECT_TRUE(b.c->take_event());
  EXPECT_FALSE(b.c->take_event());
}

}  // namespace
}  // namespace quince::cpu
