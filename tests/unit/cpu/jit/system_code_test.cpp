// System instructions that are code in line, against the interpreter's: masks of interrupts, plain system registers, DC ZVA.
#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "cpu/jit/jit.h"
#include "cpu/model.h"
#include "tests/support/vcpu_harness.h"

namespace quince::test {
namespace {

constexpr u64 kData = VcpuHarness::kDataBlock;
constexpr u64 kKernelCode = VcpuHarness::kBase + 0x18'0000;

constexpr u32 sysreg(u32 op1, u32 n, u32 m, u32 op2) {
  return op1 << 16 | n << 12 | m << 8 | op2 << 5;
}
constexpr u32 msr(u32 reg, u32 rt) { return 0xd518'0000 | reg | rt; }
constexpr u32 mrs(u32 rt, u32 reg) { return 0xd538'0000 | reg | rt; }
constexpr u32 kDaif = sysreg(3, 4, 2, 1);

class SystemCode : public testing::Test {
 protected:
  /// The registers behind `code`, which ends with BRK; at `el`, begun with these.
  std::array<u64, 32> run(VcpuHarness& m, unsigned el, const std::vector<u32>& code,
                          const std::array<u64, 32>& x) {
    const u64 at = el == 0 ? VcpuHarness::kCode : kKernelCode;
    for (std::size_t n = 0; n < code.size(); ++n) m.write_insn(at + 4 * n, code[n]);
    m.write_insn(at + 4 * code.size(), VcpuHarness::kBrk);
    m.code_changed();
    for (int n = 0; n < 3; ++n) {  // what never ran is not translated
      m.prepare(at);
      auto& s = m.vcpu().s;
      s.pstate.el = static_cast<u8>(el);
      s.pstate.spsel = static_cast<u8>(el);
      s.x = x;
      s.x[31] = 0;
      m.vcpu().context_changed();
      EXPECT_TRUE(m.run_to_exception());
      EXPECT_EQ(m.exception_class(), cpu::ExceptionClass::Brk);
    }
    return m.vcpu().s.x;
  }
  void compare(unsigned el, const std::vector<u32>& code, const std::array<u64, 32>& x) {
    EXPECT_EQ(run(translated_, el, code, x), run(interpreted_, el, code, x));
    EXPECT_EQ(translated_.vcpu().s.sys.spsr_el1, interpreted_.vcpu().s.sys.spsr_el1);
  }
  std::array<u64, 32> random_registers() {
    std::array<u64, 32> x;
    for (u64& v : x) v = random_();
    return x;
  }

  std::mt19937_64 random_{5};
  const VcpuHarness::Translation translation_{};
  VcpuHarness translated_{*cpu::parse_cpu_model(""), kData, 0x1000, &translation_};
  VcpuHarness interpreted_{*cpu::parse_cpu_model(""), kData, 0x1000};
};

TEST_F(SystemCode, MasksOfInterrupts) {
  for (u32 imm = 0; imm < 16; ++imm)
    for (const u32 insn : {0xd503'40df, 0xd503'40ff})  // MSR DAIFSet, MSR DAIFClr
      for (int n = 0; n < 4; ++n)
        compare(1, {msr(kDaif, 1), insn | imm << 8, mrs(0, kDaif), msr(kDaif, 2), mrs(3, kDaif)},
                random_registers());
  compare(1, {msr(kDaif, 31), mrs(0, kDaif)}, random_registers());
}

/// An interrupt that waits is taken behind the instruction that lets it.
TEST_F(SystemCode, AnInterruptThatWaits) {
  for (const u32 insn : {0xd503'42ffu, msr(kDaif, 31)}) {  // MSR DAIFClr, #2
    for (int n = 0; n < 3; ++n) {
      translated_.write_insn(kKernelCode, 0xd503'42df);  // MSR DAIFSet, #2
      translated_.write_insn(kKernelCode + 4, insn);
      translated_.write_insn(kKernelCode + 8, VcpuHarness::kBrk);
      translated_.code_changed();
      translated_.prepare(kKernelCode);
      auto& c = translated_.vcpu();
      c.s.pstate.el = c.s.pstate.spsel = 1;
      c.s.pstate.daif = 0xf;
      c.context_changed();
      c.set_line(0, n == 2);
      EXPECT_TRUE(translated_.run_to_exception());
      EXPECT_EQ(c.s.sys.elr_el1, kKernelCode + 8);
      c.set_line(0, false);
    }
  }
}

TEST_F(SystemCode, RegistersThatAreStorage) {
  const std::vector<u32> regs = {
      sysreg(0, 4, 0, 0),  sysreg(0, 4, 0, 1),  sysreg(0, 4, 1, 0),   // SPSR, ELR, SP_EL0
      sysreg(0, 5, 2, 0),  sysreg(0, 6, 0, 0),  sysreg(0, 13, 0, 1),  // ESR, FAR, CONTEXTIDR
      sysreg(0, 13, 0, 4), sysreg(3, 13, 0, 2), sysreg(3, 13, 0, 3), sysreg(0, 2, 1, 0),
      sysreg(0, 2, 2, 3),  sysreg(0, 2, 3, 1)};  // TPIDR, APIAKeyLo, APDBKeyHi, APGAKeyHi
  for (const u32 reg : regs)
    for (int n = 0; n < 4; ++n)
      compare(1, {msr(reg, 1), mrs(0, reg), msr(reg, 31), mrs(2, reg), msr(reg, 3), mrs(3, reg)},
              random_registers());
  compare(0, {msr(sysreg(3, 13, 0, 2), 1), mrs(0, sysreg(3, 13, 0, 2))}, random_registers());
}

TEST_F(SystemCode, RegistersThatNeverChange) {
  compare(1, {mrs(0, sysreg(0, 0, 0, 0)), mrs(1, sysreg(3, 0, 0, 1)), mrs(2, sysreg(3, 0, 0, 7))},
          random_registers());
}

TEST_F(SystemCode, ZeroesABlock) {
  for (const u64 offset : {0x0, 0x40, 0x7f, 0xfff}) {
    for (VcpuHarness* m : {&translated_, &interpreted_}) {
      std::memset(m->host(kData), 0x5a, 0x1000);
      std::array<u64, 32> x{};
      x[3] = kData + offset;
      run(*m, 0, {0xd50b'7423}, x);  // DC ZVA, X3
      for (u64 n = 0; n < 0x1000; ++n)
        ASSERT_EQ(*m->host(kData + n), n / 64 == offset / 64 ? 0 : 0x5a) << offset << " " << n;
    }
  }
}

/// Where an exception return leads is known, but not for another PSTATE.
class ExceptionReturn : public SystemCode {
 protected:
  static constexpr u64 kEl1 = 0x3c5, kEl1WithSpEl0 = 0x3c4, kPan = 1 << 22, kUao = 1 << 23;

  /// It leads to this instruction, with BRK behind it.
  void returns_to(u32 insn) {
    u64 at = kKernelCode;
    for (const u32 word : {msr(sysreg(0, 4, 0, 0), 1), msr(sysreg(0, 4, 0, 1), 2), 0xd69f'03e0u,
                           insn, VcpuHarness::kBrk})  // SPSR, ELR, ERET
      translated_.write_insn(at, word), at += 4;
    translated_.code_changed();
    translated_.prepare(kKernelCode);
  }
  cpu::ExceptionClass exception_behind(u64 spsr) {
    c_.s.sys.spsr_el1 = kEl1;
    c_.exception_return(kKernelCode);
    c_.s.x[1] = spsr, c_.s.x[2] = kKernelCode + 12, c_.s.x[3] = kData;
    EXPECT_TRUE(translated_.run_to_exception());
    return translated_.exception_class();
  }

  cpu::Vcpu& c_ = translated_.vcpu();
};

/// With SP_EL0 selected, reading it is UNDEFINED.
TEST_F(ExceptionReturn, GoesToCodeForItsStackPointer) {
  returns_to(mrs(0, sysreg(0, 4, 1, 0)));
  for (unsigned n = 0; n < 8; ++n) EXPECT_EQ(exception_behind(kEl1), cpu::ExceptionClass::Brk);
  EXPECT_GT(c_.translator()->counters().known, 0u);
  for (unsigned n = 0; n < 8; ++n) {
    EXPECT_EQ(exception_behind(kEl1WithSpEl0), cpu::ExceptionClass::Unknown);
    EXPECT_EQ(exception_behind(kEl1), cpu::ExceptionClass::Brk);
  }
}

/// With PSTATE.UAO and PAN, LDTR may not read what a program may.
TEST_F(ExceptionReturn, GoesToCodeForItsUao) {
  returns_to(0xf840'0860);  // ldtr x0, [x3]
  for (unsigned n = 0; n < 8; ++n) {
    EXPECT_EQ(exception_behind(kEl1 | kPan), cpu::ExceptionClass::Brk);
    EXPECT_EQ(exception_behind(kEl1 | kPan | kUao), cpu::ExceptionClass::DataAbortSame);
  }
}

}  // namespace
}  // namespace quince::test
