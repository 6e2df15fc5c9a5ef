// The state of a whole machine: saved, loaded, hashed and reset.
#include <gtest/gtest.h>

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
