// The state of a whole machine: saved, loaded, hashed and reset.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "guest.h"
#include "hw/core/archive.h"

namespace quince::machine {
namespace {

using namespace test;

/// Leaves something everywhere: registers, timer, GIC, UART and GPIO.
MachineConfig busy(unsigned cpus = 2) {
  Program p;
  p.mov(1, 0x12345).msr(3, 3, 14, 3, 2, 1);                // CNTV_CVAL_EL0
  p.mov(1, 1).msr(3, 3, 14, 3, 1, 1);                      // CNTV_CTL_EL0
  p.mov(2, 0x1000'0000).mov(3, 2).str_w(3, 2);             // GICD_CTLR
  p.mov(2, 0x1000'0104).mov(3, 0x26).str_w(3, 2);          // GICD_ISENABLER1
  p.mov(2, 0x1001'0014).mov(3, 0).str_w(3, 2);             // GICR_WAKER
  p.mov(2, 0x1002'0100).mov(3, 1u << 27).str_w(3, 2);      // GICR_ISENABLER0
  p.mov(3, 0xf0).msr(3, 0, 4, 6, 0, 3);                    // ICC_PMR_EL1
  p.mov(2, 0x2001'0024).mov(3, 13).str_w(3, 2);            // UARTIBRD
  p.mov(2, 0x2001'0038).mov(3, 0x50).str_w(3, 2);          // UARTIMSC
  p.mov(2, 0x2006'0400).mov(3, 0xf0).str_w(3, 2);          // GPIODIR
  p.mov(3, 0x77).msr(3, 3, 13, 0, 2, 3);                   // TPIDR_EL0
  p.mov(3, 3u << 20).msr(3, 0, 1, 0, 2, 3);                // CPACR_EL1.FPEN
  p.word(0xd503'3fdf).word(0x9e67'0060);                   // ISB; FMOV D0, X3
  p.mrs(4, 3, 3, 2, 4, 0);                                 // RNDR
  p.mov(1, 1).mov(2, kRam + 0x1000).mov(3, 9).psci(0xc400'0003).off();
  MachineConfig c = config(cpus);
  load(c, p);
  load(c, Program().b(0), kRam + 0x1000, std::nullopt);
  return c;
}

Archive save(Machine& m) {
  Archive ar(Archive::Mode::Save);
  m.snapshot(ar);
  EXPECT_TRUE(ar.finish());
  return ar;
}

/// What a file holds of the machine, ready to be loaded.
Archive stored(Machine& m) {
  auto ar = Archive::decode(save(m).encode());
  EXPECT_TRUE(ar);
  ar->set_mode(Archive::Mode::Load);
  return std::move(*ar);
}

TEST(Snapshot, LoadsIntoAnotherMachineWithoutALoss) {
  const auto a = make(busy()), b = make(busy());
  ASSERT_TRUE(a && b);
  ASSERT_EQ(a->run(), 0);
  const Archive before = save(*a);
  EXPECT_TRUE(Archive::diff(before, save(*b)));  // it has run
  Archive ar = stored(*a);
  const auto r = b->restore(ar);
  ASSERT_TRUE(r) << r.error().message();
  const Archive after = save(*b);
  EXPECT_EQ(Archive::diff(before, after).value_or(""), "");
  EXPECT_EQ(before.encode(), after.encode());
  EXPECT_EQ(a->clock().now_ns(), b->clock().now_ns());
  EXPECT_EQ(b->cpus()[0]->s.sys.tpidr_el0, 0x77u);
  EXPECT_TRUE(b->cpus()[1]->s.powered_on);
}

// A run that goes on from a snapshot ends where the run that was saved ends.
TEST(Snapshot, TheLoadedMachineGoesOn) {
  MachineConfig c = config();
  Program p;
  p.mov(19, 3).mov(1, 100'000).sub(1, 1, 1).cbnz(1, -1).sub(19, 19, 1).cbnz(19, -4).off();
  load(c, p);
  const auto a = make(c), b = make(c);
  ASSERT_TRUE(a && b);
  std::optional<Archive> middle;
  a->loop().post([&] {  // after the first slice
    a->pause();
    middle.emplace(stored(*a));
    a->resume();
  });
  ASSERT_EQ(a->run(), 0);
  ASSERT_TRUE(middle);
  const auto r = b->restore(*middle);
  ASSERT_TRUE(r) << r.error().message();
  const u64 there = b->cpus()[0]->instructions();
  EXPECT_GT(there, 0u);
  EXPECT_LT(there, a->cpus()[0]->instructions());
  ASSERT_EQ(b->run(), 0);
  EXPECT_EQ(Archive::diff(save(*a), save(*b)).value_or(""), "");
  EXPECT_EQ(a->state_hash(), b->state_hash());
}

// Pending interrupts come back at the CPU, through a GIC that was deaf while its inputs moved.
TEST(Snapshot, PendingInterruptsComeBack) {
  Program p;
  p.mov(1, 1).msr(3, 3, 14, 3, 1, 1);                      // CNTV_CTL_EL0: due since power-on
  p.mov(2, 0x1000'0000).mov(3, 2).str_w(3, 2);             // GICD_CTLR
  p.mov(2, 0x1001'0014).mov(3, 0).str_w(3, 2);             // GICR_WAKER
  p.mov(2, 0x1002'0080).mov(3, 0xffff'ffff).str_w(3, 2);   // GICR_IGROUPR0
  p.mov(2, 0x1002'0100).mov(3, 1u << 27).str_w(3, 2);      // GICR_ISENABLER0
  p.mov(3, 0xff).msr(3, 0, 4, 6, 0, 3);                    // ICC_PMR_EL1
  p.mov(3, 1).msr(3, 0, 12, 12, 7, 3).off();               // ICC_IGRPEN1_EL1
  MachineConfig c = config();
  load(c, p);
  const auto a = make(c), b = make(c);
  ASSERT_TRUE(a && b);
  ASSERT_EQ(a->run(), 0);
  ASSERT_TRUE(a->cpus()[0]->interrupt_pending());
  ASSERT_FALSE(b->cpus()[0]->interrupt_pending());
  Archive ar = stored(*a);
  ASSERT_TRUE(b->restore(ar));
  EXPECT_TRUE(b->cpus()[0]->interrupt_pending());
  // And go away with a state that has none.
  const auto fresh = make(c);
  Archive none = stored(*fresh);
  ASSERT_TRUE(b->restore(none));
  EXPECT_FALSE(b->cpus()[0]->interrupt_pending());
}

/// Arms the virtual timer for soon, tells the counter's value then at kData, and sleeps; powers off behind it.
Program sleeper() {
  Program p;
  p.mov(2, 0x1000'0000).mov(3, 2).str_w(3, 2);            // GICD_CTLR
  p.mov(2, 0x1001'0014).mov(3, 0).str_w(3, 2);            // GICR_WAKER
  p.mov(2, 0x1002'0080).mov(3, 0xffff'ffff).str_w(3, 2);  // GICR_IGROUPR0
  p.mov(2, 0x1002'0100).mov(3, 1u << 27).str_w(3, 2);     // GICR_ISENABLER0
  p.mov(3, 0xff).msr(3, 0, 4, 6, 0, 3);                   // ICC_PMR_EL1
  p.mov(3, 1).msr(3, 0, 12, 12, 7, 3);                    // ICC_IGRPEN1_EL1
  p.mrs(4, 3, 3, 14, 0, 0).word(0xd347'fc84);             // CNTFRQ_EL0; LSR X4, X4, #7
  p.mrs(1, 3, 3, 14, 0, 2).word(0x8b04'0021);             // CNTVCT_EL0; ADD X1, X1, X4
  p.msr(3, 3, 14, 3, 2, 1);                               // CNTV_CVAL_EL0: in 1/128 s
  p.mov(3, 1).msr(3, 3, 14, 3, 1, 3);                     // CNTV_CTL_EL0
  return p.mov(2, kData).str(1, 2).wfi().off();
}

// The timers' thread is late: a deadline has passed and nobody was told. What is saved then must not have it behind it
// without an interrupt, for no wire would change any more.
TEST(Snapshot, WhatWasDueHasHappened) {
  MachineConfig c = config();
  c.clock.deterministic = false;
  load(c, sleeper());
  const auto m = make(c);
  ASSERT_NE(m, nullptr);
  cpu::Vcpu& cpu = *m->cpus()[0];
  const std::atomic_ref<u64> armed(*reinterpret_cast<u64*>(cpu.host_pointer(PhysAddr(kData), 8)));
  bool paused = false, loaded = false, pending = false;
  m->loop().post([&] {  // on the thread that runs timers otherwise
    for (u64 due = 0; due == 0 || cpu.counter() <= due; due = armed.load())
      std::this_thread::yield();
    m->pause();
    paused = cpu.interrupt_pending();
    Archive ar = stored(*m);
    loaded = m->restore(ar).has_value();
    pending = cpu.interrupt_pending();
    if (pending) return m->resume();
    m->quit(StopCause::HostQuit);  // the guest would sleep for ever
  });
  EXPECT_EQ(m->run(), 0);
  EXPECT_TRUE(paused);
  EXPECT_TRUE(loaded);
  EXPECT_TRUE(pending);
}

TEST(Snapshot, RefusesAnotherMachine) {
  const auto a = make(busy());
  ASSERT_EQ(a->run(), 0);
  MachineConfig virt = busy(), larger = busy();
  virt.board = "virt";
  virt.loaders.clear();
  larger.ram = 32 * MiB;
  const struct {
    MachineConfig config;
    const char* error;
  } kOthers[] = {
      {virt, "snapshot field 'machine.board': another board"},
      {larger, "snapshot field 'machine.ram': another size of memory"},
      {busy(3), "snapshot field 'machine.cpus': another number of CPUs"},
  };
  for (const auto& o : kOthers) {
    const auto m = make(o.config);
    ASSERT_NE(m, nullptr);
    const u64 before = m->state_hash();
    Archive ar = stored(*a);
    const auto r = m->restore(ar);
    ASSERT_FALSE(r) << o.error;
    EXPECT_EQ(r.error().message(), o.error);
    EXPECT_EQ(m->state_hash(), before);  // as it was
  }
}

TEST(Snapshot, RefusesWhatIsMissing) {
  const auto a = make(busy());
  const u64 before = a->state_hash();
  Archive empty(Archive::Mode::Load);
  const auto r = a->restore(empty);
  ASSERT_FALSE(r);
  EXPECT_NE(r.error().message().find("machine.board"), std::string::npos) << r.error().message();
  EXPECT_EQ(a->state_hash(), before);
}

TEST(Snapshot, RefusesWhileItRuns) {
  MachineConfig c = config();
  load(c, Program().b(0));
  const auto m = make(std::move(c));
  Archive ar = stored(*m);
  std::string error;
  m->loop().post([&] {
    const auto r = m->restore(ar);
    error = r ? "no error" : r.error().message();
    m->quit(StopCause::HostQuit);
  });
  EXPECT_EQ(m->run(), 0);
  EXPECT_EQ(error, "the machine runs: pause it first");
}

TEST(Snapshot, EveryUnitHasItsOwnName) {
  const auto m = make(busy());
  const std::string schema = save(*m).schema();
  for (const char* unit : {"machine.", "gic.", "uart0.", "rtc.", "gpio.", "power-key.", "timer0.",
                           "timer1.", "cpu0.", "cpu1."})
    EXPECT_NE(("\n" + schema).find(std::string("\n") + unit), std::string::npos) << unit;
}

TEST(Reset, AHundredTimesIsTheSameAsOnce) {
  const auto m = make(busy());
  ASSERT_NE(m, nullptr);
  const Archive fresh = save(*m);
  const u64 hash = m->state_hash();
  for (int i = 0; i < 100; ++i) {
    m->reset();
    ASSERT_EQ(Archive::diff(fresh, save(*m)).value_or(""), "") << i;
  }
  EXPECT_EQ(m->state_hash(), hash);
}

TEST(Reset, AfterARunIsPowerOnButForTimeAndCounts) {
  const auto m = make(busy()), fresh = make(busy());
  ASSERT_TRUE(m && fresh);
  ASSERT_EQ(m->run(), 0);
  m->reset();
  const Archive once = save(*m);
  m->reset();
  EXPECT_EQ(Archive::diff(once, save(*m)).value_or(""), "");
  EXPECT_EQ(m->cpus()[0]->s.pc, fresh->cpus()[0]->s.pc);
  EXPECT_EQ(m->cpus()[0]->s.sys.tpidr_el0, 0u);
  EXPECT_TRUE(m->cpus()[0]->s.powered_on);
  EXPECT_FALSE(m->cpus()[1]->s.powered_on);
  EXPECT_EQ(m->cpus()[1]->s.pc, 0u);
}

}  // namespace
}  // namespace quince::machine
