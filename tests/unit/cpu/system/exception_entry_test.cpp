// Exception entry that itself faults, guests that loop in their vectors, and exception returns,
// legal and not (Arm ARM DDI 0487, D1.3; AArch64.TakeException(), AArch64.ExceptionReturn(),
// SetPSTATEFromPSR()).
#include <fmt/core.h>

#include <bit>
#include <fstream>
#include <iterator>
#include <string>

#include "tests/support/temp_dir.h"
#include "tests/unit/cpu/system/bench.h"

namespace quince::cpu {
namespace {

using test::Bench;
using test::kCode;
using test::kVectors;

constexpr u32 kSvc = 0xd400'0001, kEret = 0xd69f'03e0, kNop = 0xd503'201f, kUdf = 0;
constexpr u32 kStrX0Sp = 0xf900'03e0;
constexpr u64 kTables = 0x10000, kPage = 0x703, kPxn = u64{1} << 53;

/// A bench with the MMU on, the first 2 MiB mapped flat by pages, and vectors that a test may take
/// away.  Exceptions go to the page at kVectors.
struct EntryBench : Bench {
  explicit EntryBench(std::string_view option = "") : Bench(option) {
    store64(kTables, (kTables + 0x1000) | 3);
    for (u64 n = 0; n < 512; ++n) map(n << 12, n << 12 | kPage | (n < 8 ? 0xc0 : 0));
  }
  void map(u64 va, u64 entry) { store64(kTables + 0x1000 + 8 * (va >> 12), entry); }
  void start(unsigned el) {
    restart(el);
    SysRegs& r = c->s.sys;
    r.ttbr0_el1 = kTables;
    r.mair_el1 = 0x00ff;  // Attr0 Normal, Attr1 Device
    r.tcr_el1 = 34 | u64{2} << 32;
    r.sctlr_el1 = 1 | u64{1} << 23;
    c->s.sp = 0x20000;
    c->context_changed();
  }
};

/// What the vector's own fetch comes to: the nested exception has overwritten the first one's state
/// and goes to the vector for the current level.
TEST(ExceptionEntry, VectorsThatCannotBeFetched) {
  struct Case {
    const char* name;
    u64 entry, vbar;
    u64 esr;
  };
  const u64 abort = u64{0x21} << 26 | 1 << 25;
  const Case cases[] = {
      {"unmapped", 0, kVectors, abort | 0x07},
      {"execute-never", kVectors | kPage | kPxn, kVectors, abort | 0x0f},
      {"writable at EL0", kVectors | kPage | 1 << 6, kVectors, abort | 0x0f},
      {"no access flag", (kVectors | kPage) & ~u64{0x400}, kVectors, abort | 0x0b},
      {"no memory", 0x80'0000 | kPage, kVectors, abort | 0x10},
      {"beyond the output size", u64{1} << 44 | kPage, kVectors, abort | 0x03},
      {"beyond TCR_EL1.T0SZ", kVectors | kPage, u64{1} << 40, abort | 0x04},
  };
  for (const unsigned el : {0u, 1u})
    for (const Case& k : cases) {
      SCOPED_TRACE(fmt::format("{} from EL{}", k.name, el));
      EntryBench b;
      b.start(el);
      b.map(kVectors, k.entry);
      b.c->s.sys.vbar_el1 = k.vbar;
      b.run({kSvc}, 2);  // the SVC and the abort
      const SysRegs& r = b.c->s.sys;
      const u64 first = k.vbar + (el == 0 ? 0x400 : 0x200);
      EXPECT_EQ(r.esr_el1, k.esr);
      EXPECT_EQ(r.elr_el1, first);
      EXPECT_EQ(r.far_el1, first);
      EXPECT_EQ(r.spsr_el1 & ~u64{1 << 12}, 0x3c5u);
      EXPECT_EQ(b.c->s.pc, k.vbar + 0x200);
    }
}

/// Vectors in memory of a Device type: the architecture lets the fetch fault or go on, and here it
/// goes on (cpu/mmu/translation.cpp).
TEST(ExceptionEntry, VectorsInDeviceMemory) {
  EntryBench b;
  b.start(1);
  b.map(kVectors, kVectors | kPage | 1 << 2);
  b.run({kSvc}, 3);
  EXPECT_EQ(b.exception(), 0x15);
  EXPECT_EQ(b.c->s.sys.elr_el1, kCode + 4);
}

/// VBAR_EL1 has no misaligned values: its low bits do not exist.
TEST(ExceptionEntry, MisalignedVectors) {
  EntryBench b;
  b.start(1);
  b.set("VBAR_EL1", kVectors + 0x7ff);
  EXPECT_EQ(b.get("VBAR_EL1"), kVectors);
}

/// An exception in the first instructions of a handler that has saved nothing: the second one's
/// state is what is left, and what the first came from is lost as on hardware.
TEST(ExceptionEntry, Nested) {
  EntryBench b;
  b.start(0);
  b.run({kSvc}, 2);
  store_le(b.ram->data() + kVectors + 0x400, kNop);
  store_le(b.ram->data() + kVectors + 0x404, kUdf);
  b.start(0);
  b.c->invalidate_all_code(false);
  b.c->s.pc = kCode;
  b.c->run(5);
  const SysRegs& r = b.c->s.sys;
  EXPECT_EQ(b.exception(), 0x00);
  EXPECT_EQ(r.elr_el1, kVectors + 0x404);
  EXPECT_EQ(r.spsr_el1 & ~u64{1 << 12}, 0x3c5u);
  EXPECT_EQ(b.c->s.pc, kVectors + 0x200);
}

/// PSTATE.BTYPE goes when an instruction is complete: what an exception saves is what the instruction
/// found.  A BRK in a guarded page, which a debugger put there, is the case that software sees.
TEST(ExceptionEntry, SavesBtype) {
  constexpr u32 kBrk = 0xd420'0000, kLdr = 0xf940'0000, kMrs = 0xd538'1000;  // [X0]; SCTLR_EL1
  for (const bool guarded : {false, true})
    for (const u32 insn : {kBrk, kSvc, kUdf, kLdr, kMrs}) {
      if (guarded && insn != kBrk) continue;
      for (const bool first : {true, false}) {
        SCOPED_TRACE(fmt::format("{:#x} guarded {} first {}", insn, guarded, first));
        EntryBench b("max");
        if (guarded) b.map(kCode, kCode | kPage | 0xc0 | u64{1} << 50);
        b.start(0);
        b.c->s.x[0] = 0x4000'0000;  // mapped by nothing
        b.c->s.pstate.btype = 2;
        constexpr u32 kBtiC = 0xd503'245f;
        if (first)
          b.run({insn}, 1);
        else
          b.run({guarded ? kBtiC : kNop, insn}, 1);
        EXPECT_NE(b.exception(), -1);
        EXPECT_EQ(b.c->s.sys.spsr_el1 >> 10 & 3, first ? 2u : 0u);
        EXPECT_EQ(b.c->s.pstate.btype, 0);
      }
    }
}

/// The same instruction again, by a branch that sets no BTYPE.
TEST(ExceptionEntry, SavesBtypeOfThisTimeOnly) {
  EntryBench b("max");
  b.start(0);
  b.c->s.pstate.btype = 2;
  b.c->s.x[0] = 0x1ff0;  // mapped up to 0x8000 for everybody
  // LDR X1, [X0], #255; CBNZ X0, .-4
  b.run({0xf84f'f401, 0xb5ff'ffe0}, 1000);
  EXPECT_EQ(b.exception(), 0x24);
  EXPECT_EQ(b.c->s.sys.elr_el1, kCode);
  EXPECT_EQ(b.c->s.sys.spsr_el1 >> 10 & 3, 0u);
}

// ---- Guests that loop ----------------------------------------------------------------------------

struct LoopBench : EntryBench {
  LoopBench() { EXPECT_TRUE(log.open(folder / "log").has_value()); }
  std::string said() const {
    std::ifstream in(folder / "log");
    return std::string(std::istreambuf_iterator<char>(in), {});
  }
  static std::size_t count(const std::string& text, const std::string& what) {
    std::size_t n = 0;
    for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1))
      ++n;
    return n;
  }
  quince::test::TempDir folder;
};

/// The vectors are not mapped, or their first instruction faults: it is said once, and run() ends
/// when its budget does.
TEST(ExceptionLoop, IsReportedOnce) {
  for (const bool unmapped : {true, false}) {
    LoopBench b;
    b.start(1);
    if (unmapped)
      b.map(kVectors, 0);
    else
      store_le(b.ram->data() + kVectors + 0x200, kStrX0Sp);
    b.c->s.sp = 0x4000'0000;  // mapped by nothing
    store_le(b.ram->data() + kCode, kSvc);
    b.c->invalidate_all_code(false);
    b.c->s.pc = kCode;
    EXPECT_EQ(b.c->run(900), RunExit::Budget);
    EXPECT_EQ(b.said(), "") << "not yet";
    for (unsigned i = 0; i < 20; ++i) EXPECT_EQ(b.c->run(1000), RunExit::Budget);
    EXPECT_EQ(LoopBench::count(b.said(), "loops in its exception vector at 0x8200"), 1u)
        << b.said();
    const std::string esr =
        unmapped ? "ESR_EL1 0x86000007, FAR_EL1 0x8200" : "ESR_EL1 0x96000044, FAR_EL1 0x40000000";
    EXPECT_NE(b.said().find(esr), std::string::npos) << b.said();
  }
}

/// However many loops a guest makes, the log has an end.
TEST(ExceptionLoop, ReportsAreLimited) {
  LoopBench b;
  for (unsigned i = 0; i < 50; ++i) {
    b.start(1);
    b.map(kVectors, 0);
    b.map(kVectors + 0x1000, 0);
    b.c->s.sys.vbar_el1 = kVectors + (i % 2) * 0x1000;
    b.c->s.pc = 0x4000'0000;
    b.c->run(2000);
  }
  EXPECT_EQ(LoopBench::count(b.said(), "\n"), Log::kBurst);
}

/// A guest that takes the same exception for ever, but gets on with something else in between, or
/// has its exceptions elsewhere than in a vector, is none of our business.
TEST(ExceptionLoop, OrdinaryExceptionsAreNot) {
  LoopBench b;
  b.start(1);
  store_le(b.ram->data() + kCode, kSvc);
  store_le(b.ram->data() + kCode + 4, u32{0x17ff'ffff});  // B .-4
  store_le(b.ram->data() + kVectors + 0x200, kEret);
  b.c->invalidate_all_code(false);
  b.c->s.pc = kCode;
  for (unsigned i = 0; i < 10; ++i) b.c->run(1000);
  EXPECT_EQ(b.said(), "");
}

// ---- Exception return ------------------------------------------------------------------------------

/// Every mode with every other bit of SPSR_EL1, one at a time: the state that SetPSTATEFromPSR()
/// gives, written out.
TEST(ExceptionReturn, EveryModeAndBit) {
  EntryBench b("max");
  for (unsigned mode = 0; mode < 32; ++mode)
    for (unsigned n = 5; n < 64; ++n) {
      SCOPED_TRACE(fmt::format("mode {:#x} bit {}", mode, n));
      b.start(1);
      const u64 spsr = u64{1} << n | mode;
      b.c->s.sys.spsr_el1 = spsr;
      b.c->s.sys.elr_el1 = 0x2000;
      b.c->s.sp_bank[0] = 0x1110;
      store_le(b.ram->data() + 0x2000, u32{0x1400'0000});  // B .
      b.c->exception_return(0x2000);
      // EL0t, EL1t and EL1h are all there is: no EL2, no EL3, no AArch32.
      const bool legal = mode == 0 || mode == 4 || mode == 5;
      const PState& p = b.c->s.pstate;
      EXPECT_EQ(p.el, legal ? mode >> 2 : 1u);
      EXPECT_EQ(p.spsel, legal ? mode & 1 : 1u);
      EXPECT_EQ(p.il, !legal || n == 20);
      EXPECT_EQ(b.c->s.nzcv, n >= 28 && n < 32 ? 1u << (n - 28) : 0u);
      EXPECT_EQ(p.daif, n >= 6 && n < 10 ? 1u << (n - 6) : 0u);
      EXPECT_EQ(p.pan, n == 22);
      EXPECT_EQ(p.ss, 0u);  // MDSCR_EL1.SS is 0
      EXPECT_EQ(b.c->s.sp, !legal || mode == 5 ? 0x20000u : 0x1110u);
      if (!legal) continue;
      EXPECT_EQ(p.btype, n == 10 ? 1 : n == 11 ? 2 : 0);
      EXPECT_EQ(p.ssbs, n == 12);
      EXPECT_EQ(p.uao, n == 23);
      EXPECT_EQ(p.dit, n == 24);
    }
}

/// After an illegal return no instruction runs, not even one that is UNDEFINED, and the exception has
/// IL in what it saves; the exception itself clears it.
TEST(ExceptionReturn, Illegal) {
  for (const u64 mode : {0x1, 0x2, 0x3, 0x6, 0x7, 0x8, 0x9, 0xc, 0xd, 0x10, 0x13, 0x1f}) {
    for (const u32 insn : {kNop, kUdf, kSvc, u32{0xd420'0000}, kEret}) {
      EntryBench b;
      b.start(1);
      b.c->s.sys.spsr_el1 = 0x3c0 | mode;
      b.c->s.sys.elr_el1 = kCode + 8;
      b.run({kEret, kNop, insn}, 2);
      EXPECT_EQ(b.exception(), 0x0e);
      EXPECT_EQ(b.iss(), 0u);
      EXPECT_EQ(b.c->s.sys.elr_el1, kCode + 8);
      EXPECT_EQ(b.c->s.sys.spsr_el1 & ~u64{1 << 12}, (u64{1} << 20) | 0x3c5);
      EXPECT_EQ(b.c->s.pstate.il, 0u);
    }
  }
}

}  // namespace
}  // namespace quince::cpu
