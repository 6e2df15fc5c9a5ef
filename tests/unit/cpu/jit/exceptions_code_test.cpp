// SVC and ERET as code, against the interpreter's: all that they change, and what depends on it.
#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <random>
#include <tuple>

#include "cpu/jit/jit.h"
#include "cpu/jit/native.h"
#include "cpu/jit/x64/host_features.h"
#include "cpu/model.h"
#include "tests/support/vcpu_harness.h"

namespace quince::cpu::jit {

struct Native::Probe {
  /// What of a vCPU depends on its exception level.
  static auto derived(const Vcpu& c) {
    return std::tuple(c.mmu_index_, c.el1_index_, c.unprivileged_index_, c.l1_base_,
                      c.unprivileged_base_, c.recent_base_, c.sp_alignment_mask_, c.fp_enabled_,
                      c.poll_mask_, c.native_mask_);
  }
};

}  // namespace quince::cpu::jit

namespace quince::test {
namespace {

using Probe = cpu::jit::Native::Probe;

constexpr u64 kCode = VcpuHarness::kCode, kUserData = VcpuHarness::kDataBlock;
constexpr u64 kKernelData = VcpuHarness::kBase + 0x18'0000;
constexpr u64 kHandler = VcpuHarness::kVectors + 0x400;

constexpr u32 mrs(u32 rt, u32 op1, u32 n, u32 m, u32 op2) {
  return 0xd538'0000 | op1 << 16 | n << 12 | m << 8 | op2 << 5 | rt;
}

/// X19 times: BR to X23, SVC, accesses by way of SP and X29, and floating point.
constexpr std::initializer_list<u32> kProgram = {
    0xd100'0673,  // sub x19, x19, #1
    0xd61f'02e0,  // br x23
    0xd503'201f,  // nop
    0xd402'4681,  // svc #0x1234
    0x3600'005e,  // tbz w30, #0, over one
    0xd503'205f,  // wfe
    0xf940'03fb,  // ldr x27, [sp]
    0xf940'03bc,  // ldr x28, [x29]
    0x9e67'0360,  // fmov d0, x27
    0xb5ff'fef3,  // cbnz x19, kCode
    0x1400'0000,  // b .
};
constexpr u64 kNop = kCode + 8, kSvc = kCode + 12;

/// Stops when X26 has become zero. What it finds goes into registers, as EL1 and as EL0; X18 changes SCTLR_EL1 and,
/// every other time, X20 SPSR_EL1; the sixth from the end has X14 for CPACR_EL1.
constexpr std::initializer_list<u32> kHandlerCode = {
    mrs(2, 0, 5, 2, 0),   // ESR_EL1
    0xd35a'fc56,          // lsr x22, x2, #26
    0xf100'56df,          // cmp x22, #0x15
    0x5400'0001,          // b.ne .
    0xd100'075a,          // sub x26, x26, #1
    0xb400'001a,          // cbz x26, .
    mrs(0, 0, 4, 0, 0),   // SPSR_EL1
    mrs(1, 0, 4, 0, 1),   // ELR_EL1
    mrs(3, 3, 4, 2, 1),   // DAIF
    mrs(4, 0, 4, 2, 3),   // PAN
    mrs(5, 0, 4, 2, 4),   // UAO
    mrs(6, 3, 4, 2, 5),   // DIT
    mrs(7, 3, 4, 2, 6),   // SSBS
    mrs(8, 0, 4, 2, 0),   // SPSel
    0x9100'03e9,          // mov x9, sp
    mrs(10, 0, 4, 1, 0),  // SP_EL0
    0xf940'03ed,          // ldr x13, [sp]
    0xc85f'7eab,          // ldxr x11, [x21]
    0xf840'0b2c,          // ldtr x12, [x25]
    0x9e67'0361,          // fmov d1, x27
    0xb400'00b2,          // cbz x18, over the next four
    mrs(17, 0, 1, 0, 0),  // SCTLR_EL1
    0xca12'0231,          // eor x17, x17, x18
    0xd518'1011,          // msr SCTLR_EL1, x17
    0xd503'3fdf,          // isb
    0xf100'1a7f,          // cmp x19, #6
    0x5400'0041,          // b.ne over the next one
    0xd518'104e,          // msr CPACR_EL1, x14
    0x3600'0073,          // tbz w19, #0, over the next two
    0xca14'0018,          // eor x24, x0, x20
    0xd518'4018,          // msr SPSR_EL1, x24
    0xd69f'03e0,          // eret
};

/// Of SCTLR_EL1, what is tried: A, SA, SA0, SPAN, DSSBS.
constexpr u64 kSctlr = 1 << 1 | 1 << 3 | 1 << 4 | 1 << 23 | u64{1} << 44;

struct World {
  std::array<u64, 32> x{};
  u64 sctlr = 0, fpen = 3, sp_el1 = 0, sp = 0;
  u32 nzcv = 0;
  u8 daif = 0, pan = 0, uao = 0, dit = 0, ssbs = 0;
  bool interrupt = false;
};

class ExceptionCode : public testing::TestWithParam<const char*> {
 protected:
  ExceptionCode() {
    for (VcpuHarness* m : {&translated_, &interpreted_}) {
      u64 at = kCode;
      for (const u32 insn : kProgram) m->write_insn(at, insn), at += 4;
      at = kHandler;
      for (const u32 insn : kHandlerCode) m->write_insn(at, insn), at += 4;
      m->code_changed();
    }
  }
  World random_world() {
    const auto flip = [&] { return random_() % 2 != 0; };
    const auto seldom = [&](u64 bits) { return random_() % 8 == 0 ? bits : 0; };
    World w;
    for (u64& x : w.x) x = random_();
    w.x[31] = 0;
    w.x[19] = 12;
    w.x[23] = flip() ? kNop : kSvc;
    w.x[21] = random_() % 16 == 0 ? kUserData : kKernelData;
    w.x[25] = random_() % 8 == 0 ? kKernelData : kUserData;
    w.x[26] = flip() ? 1 + random_() % 12 : 100;
    w.x[18] = seldom(1 << 4);  // SA0
    w.x[29] = kUserData + seldom(1);
    // What comes back of SPSR_EL1 is another one: NZCV, DIT, UAO, PAN, SSBS, DAIF; SS, IL, BTYPE, and the mode.
    w.x[20] = (random_() & (0xfull << 28 | 7 << 22 | 1 << 12)) | seldom(0x80) | seldom(1 << 21) |
              seldom(1 << 20) | seldom(1 << 10) | seldom(random_() & 0x1f);
    w.sctlr = random_() & kSctlr;
    w.fpen = flip() ? 3 : random_() % 4;
    w.x[14] = (flip() ? 3 : random_() % 4) << 20;
    w.sp = kUserData + seldom(8);
    w.sp_el1 = kKernelData + seldom(8);
    w.nzcv = random_() & 15;
    w.daif = static_cast<u8>((random_() & 15) | 2);
    w.pan = flip(), w.uao = flip(), w.dit = flip(), w.ssbs = flip();
    w.interrupt = flip();
    return w;
  }
  static void run(VcpuHarness& m, const World& w) {
    m.prepare(kCode);
    cpu::Vcpu& c = m.vcpu();
    auto& s = c.s;
    s.x = w.x;
    s.sp = w.sp;
    s.sp_bank[1] = w.sp_el1;
    s.nzcv = w.nzcv;
    s.pstate.daif = w.daif;
    s.pstate.pan = w.pan, s.pstate.uao = w.uao, s.pstate.dit = w.dit, s.pstate.ssbs = w.ssbs;
    s.sys.sctlr_el1 = (s.sys.sctlr_el1 & ~kSctlr) | w.sctlr;
    s.sys.cpacr_el1 = w.fpen << 20;
    c.context_changed();
    c.set_line(0, w.interrupt);
    (void)m.run_to_exception(5000);
  }
  void expect_same() {
    const cpu::Vcpu &a = translated_.vcpu(), &b = interpreted_.vcpu();
    ASSERT_EQ(a.s.x, b.s.x);
    EXPECT_EQ(a.s.pc, b.s.pc);
    EXPECT_EQ(a.s.sp, b.s.sp);
    EXPECT_EQ(a.s.sp_bank[1 - b.s.sp_index()], b.s.sp_bank[1 - b.s.sp_index()]);
    EXPECT_EQ(a.s.nzcv, b.s.nzcv);
    EXPECT_EQ(std::memcmp(&a.s.pstate, &b.s.pstate, sizeof a.s.pstate), 0);
    EXPECT_EQ(a.s.sys.esr_el1, b.s.sys.esr_el1);
    EXPECT_EQ(a.s.sys.elr_el1, b.s.sys.elr_el1);
    EXPECT_EQ(a.s.sys.spsr_el1, b.s.sys.spsr_el1);
    EXPECT_EQ(a.s.sys.far_el1, b.s.sys.far_el1);
    EXPECT_EQ(a.s.excl_valid, b.s.excl_valid);
    EXPECT_EQ(a.s.waiting, b.s.waiting);
    const auto derived = Probe::derived(translated_.vcpu());
    translated_.vcpu().context_changed();
    EXPECT_EQ(Probe::derived(translated_.vcpu()), derived);
  }
  const cpu::jit::JitCounters& counters() { return translated_.vcpu().translator()->counters(); }

  std::mt19937_64 random_{7};
  const VcpuHarness::Translation translation_{};
  VcpuHarness translated_{*cpu::parse_cpu_model(GetParam()), kUserData, 0x1000, &translation_};
  VcpuHarness interpreted_{*cpu::parse_cpu_model(GetParam()), kUserData, 0x1000};
};

TEST_P(ExceptionCode, DoesWhatTheInterpreterDoes) {
  unsigned returned = 0;
  for (int n = 0; n < 2000 && !HasFailure(); ++n) {
    SCOPED_TRACE(n);
    const World w = random_world();
    run(translated_, w);
    run(interpreted_, w);
    expect_same();
    returned += translated_.vcpu().s.x[19] == 0;
  }
  EXPECT_GT(returned, 150u);
}

/// Neither leaves translated code.
TEST_P(ExceptionCode, StaysInTranslatedCode) {
  if (!cpu::jit::probe_host(std::getenv("QUINCE_JIT_HOST")).fast_pext)
    GTEST_SKIP() << "PEXT is slow here";
  World w;
  w.x[19] = 64, w.x[26] = 100, w.x[23] = kNop;
  w.x[21] = w.sp_el1 = kKernelData;
  w.x[25] = w.x[29] = w.sp = kUserData;
  w.x[14] = 3 << 20;  // FPEN
  w.sctlr = 1 << 23;  // SPAN
  w.daif = 0xf;
  run(translated_, w);
  const u64 left = counters().left_by_exception;
  for (int n = 0; n < 4; ++n) run(translated_, w);
  EXPECT_EQ(translated_.vcpu().s.x[19], 0u);
  EXPECT_LT(counters().left_by_exception - left, 32u);
}

INSTANTIATE_TEST_SUITE_P(Models, ExceptionCode, testing::Values("quince-v1", "max"));

}  // namespace
}  // namespace quince::test
