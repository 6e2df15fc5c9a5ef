// Who may access which system register, and what the registers do.
#include "cpu/sysreg.h"

#include <fstream>
#include <map>
#include <sstream>

#include "cpu/sysreg_handlers.h"
#include "tests/unit/cpu/system/bench.h"

namespace quince::cpu {
namespace {

using test::Bench;
using test::kCode;
using test::kTrap;
using test::kUndefined;
using test::kVectors;

/// A port that takes everything and remembers.
struct FakePort final : hw::SysRegTarget {
  hw::Bus sysreg_read(hw::SysRegId id, u64& out) override {
    out = values[id.raw];
    return answer;
  }
  hw::Bus sysreg_write(hw::SysRegId id, u64 in) override {
    values[id.raw] = in;
    return answer;
  }
  std::map<u16, u64> values;
  hw::Bus answer = hw::Bus::Ok;
};

struct PortedBench : Bench {
  explicit PortedBench(std::string_view option = "max") : Bench(option) {
    ports.gic = &gic;
    ports.timer = &timer;
    reconnect();
  }
  FakePort gic, timer;
};

// ---- Access ------------------------------------------------------------------------------------

/// The outcome of one access: 'r' or 'w', 'T' for a trap to EL1, '.' for UNDEFINED.
char outcome(Bench& b, const SysRegRow& row, unsigned el, bool write, u64 grants) {
  b.restart();
  SysRegs& r = b.c->s.sys;
  // SCTLR_EL1: UMA, EnRCTX, DZE, UCT, UCI; TSCXT and MDSCR_EL1.TDCC deny when set.
  const u64 sctlr = u64{1} << 9 | u64{1} << 10 | u64{1} << 14 | u64{1} << 15 | u64{1} << 26;
  r.sctlr_el1 = grants != 0 ? sctlr : u64{1} << 20;
  r.cntkctl_el1 = grants != 0 ? 0x303 : 0;
  r.pmuserenr_el0 = grants != 0 ? 0xf : 0;
  r.mdscr_el1 = grants != 0 ? 0 : u64{1} << 12;
  r.tcr_el1 = 16 | 16 << 16;
  b.set_el(el);
  u64 v = 0x2000;
  const bool ok = write ? sysreg_write(*b.c, row.id, 5, v) : sysreg_read(*b.c, row.id, 5, v);
  // With the MMU off, DC ZVA is allowed and takes an Alignment fault.
  const bool fault = b.exception() == 0x24 || b.exception() == 0x25;
  if (ok && (b.exception() == -1 || fault)) return write ? 'w' : 'r';
  EXPECT_FALSE(ok) << row.name;
  if (b.exception() == static_cast<int>(kUndefined)) return '.';
  EXPECT_EQ(b.exception(), static_cast<int>(kTrap)) << row.name;
  const hw::SysRegId id = row.id;
  EXPECT_EQ(b.iss(), id.op0() << 20 | id.op2() << 17 | id.op1() << 14 | id.crn() << 10 | 5u << 5 |
                         id.crm() << 1 | (write ? 0u : 1u));
  return 'T';
}

// tests/unit/cpu/system/sysreg_access.txt: name, encoding, then reads and writes from EL1, from EL0
// with every control denying, from EL0 with every control granting; on model max.
TEST(SysRegAccess, EveryRow) {
  const std::string path = QUINCE_SOURCE_DIR "/tests/unit/cpu/system/sysreg_access.txt";
  std::ifstream in(path);
  std::map<std::string, std::string> expected;
  for (std::string line; std::getline(in, line);) {
    if (line.empty() || line[0] == '#') continue;
    expected[line.substr(0, line.find('|') - 1)] = line;
  }
  PortedBench b;
  for (const SysRegRow& row : sysreg_rows()) {
    const hw::SysRegId id = row.id;
    std::string line = fmt::format("{} {},{},{},{},{} |", row.name, id.op0(), id.op1(), id.crn(),
                                   id.crm(), id.op2());
    for (const auto& [el, grants] : {std::pair{1u, 0u}, {0u, 0u}, {0u, 1u}}) {
      line += ' ';
      line += outcome(b, row, el, false, grants);
      line += outcome(b, row, el, true, grants);
    }
    const std::string key = line.substr(0, line.find('|') - 1);
    EXPECT_EQ(line, expected[key]);
    expected.erase(key);
  }
  for (const auto& [key, _] : expected) ADD_FAILURE() << "no row for " << key;
}

TEST(SysRegAccess, WhatIsNotListedIsUndefined) {
  Bench b("max");
  unsigned undefined = 0;
  unsigned trapped = 0;  // FEAT_IDST, in the ID space
  for (u32 raw = 0x4000; raw < 0x10000; ++raw) {
    const hw::SysRegId id(static_cast<u16>(raw));
    if (find_sysreg(id) != nullptr) continue;
    b.c->s.pc = kCode;
    u64 v = 0;
    EXPECT_FALSE(sysreg_read(*b.c, id, 0, v));
    if (b.exception() == static_cast<int>(kTrap))
      ++trapped;
    else
      EXPECT_EQ(b.exception(), static_cast<int>(kUndefined));
    b.c->s.pc = kCode;
    EXPECT_FALSE(sysreg_write(*b.c, id, 0, 0));
    EXPECT_EQ(b.exception(), static_cast<int>(kUndefined));
    ++undefined;
  }
  EXPECT_EQ(undefined + sysreg_rows().size(), 0x10000u - 0x4000u);
  // op1 0: 5 of CRm 0; op1 1 and 3: 64 each less CCSIDR, CLIDR, AIDR and CTR, DCZID.
  EXPECT_EQ(trapped, 5u + 61u + 62u);
}

TEST(SysRegAccess, FeaturesGateRows) {
  Bench b("cortex-a72");
  u64 v = 0;
  for (const char* name : {"PAN", "UAO", "DIT", "SSBS", "RNDR", "APIAKeyLo_EL1", "SCXTNUM_EL0"}) {
    b.c->s.pc = kCode;
    EXPECT_FALSE(b.read(name, v)) << name;
    EXPECT_EQ(b.exception(), 0) << name;
  }
  b.c->s.pc = kCode;
  EXPECT_FALSE(b.write("tlbi vmalle1os*", 0));
}

TEST(SysRegAccess, IdentificationFromEl0) {
  for (const auto& [option, ec] : {std::pair{"max", 0x18}, {"quince-v1", 0}}) {
    Bench b(option);
    b.set_el(0);
    u64 v = 0;
    EXPECT_FALSE(b.read("ID_AA64ISAR0_EL1", v));
    EXPECT_EQ(b.exception(), ec) << option;
  }
}

TEST(SysRegAccess, MissingPortsAreUndefined) {
  Bench b;
  u64 v = 0;
  EXPECT_FALSE(b.read("ICC_IAR1_EL1", v));
  EXPECT_EQ(b.exception(), 0);
  PortedBench p;
  p.gic.answer = hw::Bus::BadRegister;
  EXPECT_FALSE(p.read("ICC_AP0R3_EL1", v));
  EXPECT_EQ(p.exception(), 0);
}

// ---- Values ------------------------------------------------------------------------------------

TEST(SysReg, ResetValues) {
  Bench b;
  b.ports.counter_hz = 1'000'000'000;
  b.reconnect();
  b.c->reset(0x10'0000, true);
  EXPECT_EQ(b.get("RVBAR_EL1"), 0x10'0000u);
  EXPECT_EQ(b.get("CNTFRQ_EL0"), 1'000'000'000u);
  EXPECT_EQ(b.get("OSLSR_EL1"), 0xau);
  EXPECT_EQ(b.get("CurrentEL"), 4u);
  EXPECT_EQ(b.get("DAIF"), 0x3c0u);
  EXPECT_EQ(b.get("SPSel"), 1u);
  const u64 sctlr = b.get("SCTLR_EL1");
  EXPECT_EQ(sctlr & 0x1005, 0u);                 // M, C, I
  EXPECT_EQ(sctlr & 0x3040'0980, 0x3040'0980u);  // RES1
  for (const char* name : {"TTBR0_EL1", "TCR_EL1", "CPACR_EL1", "MDSCR_EL1", "PMUSERENR_EL0",
                           "CNTKCTL_EL1", "VBAR_EL1"})
    EXPECT_EQ(b.get(name), 0u) << name;
}

TEST(SysReg, StorageKeepsItsWritableBits) {
  Bench b("max");
  for (const SysRegRow& row : sysreg_rows()) {
    if (row.member == nullptr || row.write == nullptr) continue;
    b.set(row.name.c_str(), ~u64{0});
    EXPECT_EQ(b.get(row.name.c_str()), row.mask) << row.name;
    b.set(row.name.c_str(), 0);
    EXPECT_EQ(b.get(row.name.c_str()), 0u) << row.name;
  }
}

TEST(SysReg, ControlBitsFollowFeatures) {
  const auto written = [](const char* option, const char* name, u64 v) {
    Bench b(option);
    b.set(name, v);
    return b.get(name);
  };
  // Bit 0 stays clear: an MMU with no tables would be of no use to the test.
  EXPECT_EQ(written("cortex-a72", "SCTLR_EL1", ~u64{1}), 0x34dd'db9eu);
  EXPECT_EQ(written("cortex-a72", "SCTLR_EL1", 0), 0x30d0'0980u);
  EXPECT_EQ(written("quince-v1", "SCTLR_EL1", 0), 0x3040'0980u);
  // What XNU writes (reference/platform.md 10.2), RES1 apart.
  EXPECT_EQ(written("quince-v1", "SCTLR_EL1", 0x1000'fc14'713c) & ~u64{0x3040'0980},
            0x1000'fc14'713cu & ~u64{0x3040'0980} & ~u64{0x20});
  EXPECT_EQ(written("cortex-a72", "TCR_EL1", ~u64{0}), 0x77'ffff'ffbfu);
  EXPECT_EQ(written("max", "TCR_EL1", ~u64{0}), 0x0198'07f7'ffff'ffbfu);
  EXPECT_EQ(written("quince-v1", "TCR_EL1", 0x0008'0022'6511'a511), 0x0008'0022'6511'a511u);
  EXPECT_EQ(written("cortex-a72", "TTBR0_EL1", 0x1234'0000'4000'0001), 0x1234'0000'4000'0000u);
  EXPECT_EQ(written("quince-v1", "TTBR0_EL1", 0x1234'0000'4000'0001), 0x1234'0000'4000'0001u);
  EXPECT_EQ(written("max", "CPACR_EL1", ~u64{0}), 0x30'0000u);
  EXPECT_EQ(written("cortex-a72", "SPSR_EL1", ~u64{0}), 0xf030'03dfu);
  EXPECT_EQ(written("max", "SPSR_EL1", ~u64{0}), 0xf1f0'1fdfu);
}

TEST(SysReg, Identification) {
  Bench b("cortex-a72");
  EXPECT_EQ(b.get("MIDR_EL1"), 0x410f'd083u);
  EXPECT_EQ(b.get("MPIDR_EL1"), 0x8000'0000u);
  EXPECT_EQ(bits(b.get("ID_AA64PFR0_EL1"), 27, 24), 0u);  // no GIC in this machine
  EXPECT_EQ(b.get("S3_0_C0_C1_0"), 0u);                   // ID_PFR0_EL1: no AArch32
  EXPECT_EQ(bits(PortedBench("cortex-a72").get("ID_AA64PFR0_EL1"), 27, 24), 1u);
  const u64 caches[] = {0x701f'e00a, 0x201f'e012, 0x707f'e07a, 0};
  for (u64 i = 0; i < 4; ++i) {
    b.set("CSSELR_EL1", i);
    EXPECT_EQ(b.get("CCSIDR_EL1"), caches[i]);
  }
  b.set_el(0);
  EXPECT_EQ(b.get("DCZID_EL0"), 0x14u);  // DZP: prohibited here
  b.c->s.sys.sctlr_el1 |= 1u << 14;
  EXPECT_EQ(b.get("DCZID_EL0"), 4u);
}

TEST(SysReg, SpecialPurpose) {
  Bench b("max");
  b.set("NZCV", 0xa000'0000);
  EXPECT_EQ(b.c->s.nzcv, 10u);
  EXPECT_EQ(b.get("NZCV"), 0xa000'0000u);
  b.set("DAIF", 0x140);
  EXPECT_EQ(b.c->s.pstate.daif, 5u);
  b.set("PAN", ~u64{0}), b.set("UAO", ~u64{0}), b.set("DIT", ~u64{0}), b.set("SSBS", ~u64{0});
  EXPECT_EQ(b.get("PAN"), u64{1} << 22);
  EXPECT_EQ(b.get("UAO"), u64{1} << 23);
  EXPECT_EQ(b.get("DIT"), u64{1} << 24);
  EXPECT_EQ(b.get("SSBS"), u64{1} << 12);
  b.set("FPCR", ~u64{0}), b.set("FPSR", ~u64{0});
  EXPECT_EQ(b.get("FPCR"), 0x07c8'0000u);
  EXPECT_EQ(b.get("FPSR"), 0x0800'009fu);
  b.c->s.sp = 0x1110;
  b.set("SP_EL0", 0x2220);
  b.set("SPSel", 0);
  EXPECT_EQ(b.c->s.sp, 0x2220u);
  u64 v = 0;
  EXPECT_FALSE(b.read("SP_EL0", v));  // it is SP now
  EXPECT_EQ(b.exception(), 0);
}

TEST(SysReg, FpRegistersTrapWithFp) {
  Bench b;
  b.set("CPACR_EL1", 0);
  u64 v = 0;
  EXPECT_FALSE(b.read("FPCR", v));
  EXPECT_EQ(b.exception(), 7);
}

TEST(SysReg, RandomNumbers) {
  Bench b;
  b.c->s.nzcv = 15;
  const u64 first = b.get("RNDR"), second = b.get("RNDRRS");
  EXPECT_NE(first, second);  // from the host: equal once in 2^64
  EXPECT_EQ(b.c->s.nzcv, 0u);
  u64 state = 41;
  b.ports.random = {[](void* s) { return ++*static_cast<u64*>(s); }, &state};
  b.reconnect();
  EXPECT_EQ(b.get("RNDR"), 42u);
  EXPECT_EQ(b.get("RNDRRS"), 43u);
}

TEST(SysReg, CounterAndTimers) {
  PortedBench b;
  b.clock.set(1'000'000);
  EXPECT_EQ(b.get("CNTVCT_EL0"), 24'000u);
  EXPECT_EQ(b.get("CNTPCT_EL0"), 24'000u);
  b.set("CNTV_CVAL_EL0", 77);
  EXPECT_EQ(b.timer.values[Bench::id_of("CNTV_CVAL_EL0").raw], 77u);
}

TEST(SysReg, PendingInterrupts) {
  Bench b;
  EXPECT_EQ(b.get("ISR_EL1"), 0u);
  b.c->set_line(0, true);
  EXPECT_EQ(b.get("ISR_EL1"), 0x80u);
  b.c->set_line(1, true);
  EXPECT_EQ(b.get("ISR_EL1"), 0xc0u);
}

TEST(SysReg, DebugRegisters) {
  Bench b("quince-v1");
  b.set("MDSCR_EL1", ~u64{0});
  EXPECT_EQ(b.get("MDSCR_EL1"), 0xb001u);
  b.set("OSLAR_EL1", 1);
  EXPECT_EQ(b.get("OSLSR_EL1"), 0xau);
  b.set("DBGCLAIMSET_EL1", 0x1ff);
  EXPECT_EQ(b.get("DBGCLAIMCLR_EL1"), 0xffu);
  b.set("DBGCLAIMCLR_EL1", 0xf0);
  EXPECT_EQ(b.get("DBGCLAIMCLR_EL1"), 0x0fu);
  EXPECT_EQ(b.get("MDCCSR_EL0"), 0u);
  b.set("DBGDTRRX_EL0", 'x');  // DBGDTRTX_EL0: nobody takes it
  EXPECT_EQ(b.get("MDCCSR_EL0"), u64{1} << 29);
  u64 v = 0;
  EXPECT_TRUE(b.read("DBGBVR5_EL1", v));
  EXPECT_FALSE(b.read("DBGBVR6_EL1", v));  // six of them
}

// ---- Instructions around system state ----------------------------------------------------------

constexpr u32 kWfi = 0xd503'207f, kWfe = 0xd503'205f, kEret = 0xd69f'03e0, kSvc7 = 0xd400'00e1;
constexpr u32 kHvc9 = 0xd400'0122, kSmc0 = 0xd400'0003, kBrk1 = 0xd420'0020, kHlt0 = 0xd440'0000;
constexpr u32 kDaifClr2 = 0xd503'42ff, kDaifSet15 = 0xd503'4fdf, kSevl = 0xd503'20bf;
constexpr u32 kYield = 0xd503'203f, kNop = 0xd503'201f;

TEST(SystemInstructions, ExceptionGeneration) {
  Bench b;
  b.run({kSvc7});
  EXPECT_EQ(b.exception(), 0x15);
  EXPECT_EQ(b.iss(), 7u);
  EXPECT_EQ(b.c->s.sys.elr_el1, kCode + 4);
  b.run({kBrk1});
  EXPECT_EQ(b.exception(), 0x3c);
  EXPECT_EQ(b.iss(), 1u);
  EXPECT_EQ(b.c->s.sys.elr_el1, kCode);
  for (const u32 insn : {kSmc0, kHlt0, kHvc9, u32{0}}) {  // no EL3, no debugger, no port, UDF
    b.run({insn});
    EXPECT_EQ(b.exception(), 0) << insn;
    EXPECT_EQ(b.c->s.sys.elr_el1, kCode);
  }
}

TEST(SystemInstructions, Hypercall) {
  struct Port final : HypercallPort {
    void hvc(Vcpu& c, u16 imm) override { c.s.x[0] = imm; }
  } port;
  Bench b;
  b.ports.hypercalls = &port;
  b.reconnect();
  b.run({kHvc9});
  EXPECT_EQ(b.c->s.x[0], 9u);
  EXPECT_EQ(b.exception(), -1);
  b.restart(0);
  b.run({kHvc9});
  EXPECT_EQ(b.exception(), 0);
}

TEST(SystemInstructions, WaitForInterrupt) {
  Bench b;
  EXPECT_EQ(b.run({kWfi}), RunExit::Wfi);
  EXPECT_EQ(b.c->s.pc, kCode + 4);
  b.c->set_line(0, true);  // masked, and wakes all the same
  EXPECT_EQ(b.run({kWfi}), RunExit::Budget);
  b.c->set_line(0, false);
  b.restart(0);
  b.c->s.sys.sctlr_el1 &= ~(u64{1} << 16 | u64{1} << 18);  // nTWI, nTWE
  b.run({kWfi});
  EXPECT_EQ(b.exception(), 1);
  EXPECT_EQ(b.iss(), 0x1e0'0000u);
  b.restart(0);
  b.c->s.sys.sctlr_el1 &= ~(u64{1} << 18);
  b.run({kWfe});
  EXPECT_EQ(b.exception(), 1);
  EXPECT_EQ(b.iss(), 0x1e0'0001u);
}

TEST(SystemInstructions, WaitForEvent) {
  Bench b;
  EXPECT_EQ(b.run({kWfe}), RunExit::Wfe);
  EXPECT_EQ(b.run({kSevl, kWfe}), RunExit::Budget);  // consumed
  EXPECT_EQ(b.run({kSevl, kWfe, kWfe}), RunExit::Wfe);
  EXPECT_EQ(b.run({kYield}), RunExit::Budget);  // alone
}

TEST(SystemInstructions, DaifAtEl0) {
  Bench b;
  b.restart(0);
  b.c->s.sys.sctlr_el1 &= ~(u64{1} << 9);
  b.c->s.pstate.daif = 0;
  b.run({kDaifSet15});
  EXPECT_EQ(b.exception(), 0x18);
  EXPECT_EQ(b.iss(), 6u << 17 | 3u << 14 | 4u << 10 | 31u << 5 | 15u << 1);
  b.restart(0);
  b.c->s.sys.sctlr_el1 |= u64{1} << 9;
  b.c->s.pstate.daif = 0;
  b.run({kDaifSet15});
  EXPECT_EQ(b.c->s.pstate.daif, 15u);
}

TEST(SystemInstructions, UnmaskingTakesThePendingInterrupt) {
  Bench b;
  b.c->set_line(0, true);
  b.run({kDaifClr2, kNop, kNop});
  EXPECT_EQ(b.c->s.pc, kVectors + 0x280);
  EXPECT_EQ(b.c->s.sys.elr_el1, kCode + 4);
}

TEST(SystemInstructions, MrsAndMsrThroughTheTable) {
  Bench b;
  b.c->s.x[3] = 0x1234'5678;
  const hw::SysRegId tpidr = Bench::id_of("TPIDR_EL0");
  b.run({test::msr(tpidr, 3), test::mrs(tpidr, 4), test::mrs(tpidr, 31)});
  EXPECT_EQ(b.c->s.sys.tpidr_el0, 0x1234'5678u);
  EXPECT_EQ(b.c->s.x[4], 0x1234'5678u);
  EXPECT_EQ(b.c->s.x[31], 0u);
}

TEST(SystemInstructions, ExceptionReturn) {
  Bench b;
  b.c->s.sys.elr_el1 = kCode + 8;
  b.c->s.sys.spsr_el1 = 0x6000'0000;
  b.run({kEret, kNop});
  EXPECT_EQ(b.c->s.pstate.el, 0);
  EXPECT_EQ(b.c->s.nzcv, 6u);
  EXPECT_EQ(b.c->s.pc, kCode + 8);
  b.run({kEret});
  EXPECT_EQ(b.exception(), 0);
}

}  // namespace
}  // namespace quince::cpu
