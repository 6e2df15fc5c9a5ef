// PSCI 1.1 (Arm DEN 0022) as a guest calls it.
#include <gtest/gtest.h>

#include "guest.h"

namespace quince::machine {
namespace {

using namespace test;

constexpr u64 kNotSupported = ~u64{0}, kInvalidParameters = ~u64{1}, kAlreadyOn = ~u64{3},
              kInvalidAddress = ~u64{8};

struct PsciTest : ::testing::Test {
  PsciTest() {
    MachineConfig c = config(18);
    load(c, Program().off());
    machine = make(std::move(c));
  }
  u64 call(u64 function, u64 x1 = 0, u64 x2 = 0, u64 x3 = 0) {
    cpu::Vcpu& c = cpu(0);
    c.s.x[0] = function;
    c.s.x[1] = x1;
    c.s.x[2] = x2;
    c.s.x[3] = x3;
    machine->hvc(c, 0);
    return c.s.x[0];
  }
  cpu::Vcpu& cpu(unsigned n) { return *machine->cpus()[n]; }
  std::unique_ptr<Machine> machine;
};

TEST_F(PsciTest, Versions) {
  EXPECT_EQ(call(0x8400'0000), 0x1'0001u);
  EXPECT_EQ(call(0x8000'0000), 0x1'0001u);
  EXPECT_EQ(call(0x8400'0006), 2u);  // MIGRATE_INFO_TYPE: no trusted OS
}

TEST_F(PsciTest, Features) {
  for (const u32 f : {0x8400'0000u, 0x8400'0001u, 0xc400'0001u, 0x8400'0002u, 0x8400'0003u,
                      0xc400'0003u, 0x8400'0004u, 0xc400'0004u, 0x8400'0006u, 0x8400'0008u,
                      0x8400'0009u, 0x8400'000au, 0x8000'0000u})
    EXPECT_EQ(call(0x8400'000a, f), 0u) << std::hex << f;
  for (const u32 f : {0x8400'0005u, 0xc400'0002u, 0x8400'0007u, 0xc400'000eu, 0u, 0xffff'ffffu}) {
    EXPECT_EQ(call(0x8400'000a, f), kNotSupported) << std::hex << f;
    EXPECT_EQ(call(f), kNotSupported) << std::hex << f;
  }
}

TEST_F(PsciTest, CpuOn) {
  EXPECT_FALSE(cpu(1).s.powered_on);
  EXPECT_EQ(call(0xc400'0003, 1, kRam + 0x100, 0x1234'5678'9abc'def0), 0u);
  EXPECT_TRUE(cpu(1).s.powered_on);
  EXPECT_EQ(cpu(1).s.pc, kRam + 0x100);
  EXPECT_EQ(cpu(1).s.x[0], 0x1234'5678'9abc'def0u);
  EXPECT_EQ(cpu(1).s.pstate.el, 1u);
  EXPECT_EQ(call(0xc400'0003, 1, kRam, 0), kAlreadyOn);
  EXPECT_EQ(call(0xc400'0003, 0, kRam, 0), kAlreadyOn);  // itself
}

TEST_F(PsciTest, CpuOnOf32BitCallers) {
  constexpr u64 kJunk = 0xdead'beef'0000'0000;
  EXPECT_EQ(call(0x8400'0003, kJunk | 2, kJunk | kRam, kJunk | 77), 0u);
  EXPECT_EQ(cpu(2).s.pc, kRam);
  EXPECT_EQ(cpu(2).s.x[0], 77u);
}

TEST_F(PsciTest, CpuOnRefuses) {
  EXPECT_EQ(call(0xc400'0003, 1, kRam + 2, 0), kInvalidAddress);
  EXPECT_EQ(call(0xc400'0003, 18, kRam, 0), kInvalidParameters);
  EXPECT_EQ(call(0xc400'0003, 0x102, kRam, 0), kInvalidParameters);
  EXPECT_EQ(call(0xc400'0003, u64{1} << 32, kRam, 0), kInvalidParameters);
  EXPECT_FALSE(cpu(1).s.powered_on);
}

TEST_F(PsciTest, SixteenCpusToACluster) {
  EXPECT_EQ(cpu(17).mpidr() & 0xff'00ff'ffff, 0x101u);
  EXPECT_EQ(call(0xc400'0003, 0x101, kRam + 4, 5), 0u);
  EXPECT_TRUE(cpu(17).s.powered_on);
  EXPECT_EQ(call(0xc400'0003, 16, kRam, 0), kInvalidParameters);
}

TEST_F(PsciTest, AffinityInfo) {
  EXPECT_EQ(call(0xc400'0004, 0, 0), 0u);
  EXPECT_EQ(call(0xc400'0004, 1, 0), 1u);
  EXPECT_EQ(call(0x8400'0004, 0xffff'ffff'0000'0001, 0), 1u);
  EXPECT_EQ(call(0xc400'0004, 1, 4), kInvalidParameters);
  EXPECT_EQ(call(0xc400'0004, 0x200, 0), kInvalidParameters);
  EXPECT_EQ(call(0xc400'0003, 1, kRam, 0), 0u);
  EXPECT_EQ(call(0xc400'0004, 1, 0), 0u);
}

TEST_F(PsciTest, OffAndResetEndTheCaller) {
  for (const u32 f : {0x8400'0002u, 0x8400'0008u, 0x8400'0009u}) {
    cpu(0).s.powered_on = true;
    call(f);
    EXPECT_FALSE(cpu(0).s.powered_on) << std::hex << f;
  }
}

/// CPU 0 starts CPU 1 and waits until it is off again; CPU 1 stores its context and ends.
MachineConfig two_cpus() {
  MachineConfig c = config(2);
  Program second;
  second.mov(1, kData).str(0, 1).psci(0x8400'0002).b(0);
  Program first;
  first.mov(1, 1).mov(2, kRam + 0x1000).mov(3, 0xc0ffee).psci(0xc400'0003).mov(19, kData + 16);
  first.str(0, 19);  // the result
  const std::size_t loop = first.words.size();
  first.mov(1, 1).mov(2, 0).psci(0xc400'0004).sub(0, 0, 1);
  first.cbnz(0, static_cast<int>(loop) - static_cast<int>(first.words.size()));
  first.off();
  load(c, first);
  load(c, second, kRam + 0x1000, std::nullopt);
  return c;
}

void expect_two_cpus_work(MachineConfig c) {
  const auto m = make(std::move(c));
  ASSERT_NE(m, nullptr);
  EXPECT_EQ(m->run(), 0);
  EXPECT_EQ(peek(*m, kData), 0xc0ffeeu);
  EXPECT_EQ(peek(*m, kData + 16), 0u);
  EXPECT_EQ(peek(*m, kData + 8), 0u);  // nothing behind SYSTEM_OFF
}

TEST(Psci, SecondCpuDeterministic) { expect_two_cpus_work(two_cpus()); }

TEST(Psci, SecondCpuOnOneThread) {
  MachineConfig c = two_cpus();
  c.clock.deterministic = false;
  c.single_thread = true;
  expect_two_cpus_work(std::move(c));
}

TEST(Psci, SecondCpuOnItsOwnThread) {
  MachineConfig c = two_cpus();
  c.clock.deterministic = false;
  expect_two_cpus_work(std::move(c));
}

}  // namespace
}  // namespace quince::machine
