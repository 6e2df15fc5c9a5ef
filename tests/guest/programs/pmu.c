// Performance monitors and their overflow interrupt (Arm DDI 0487, the Performance Monitors
// Extension).
#include "guest.h"

enum { kPmu = 23, kE = 1, kP = 2, kC = 4 };
enum { kSwIncr = 0x00, kInstRetired = 0x08, kChain = 0x1e };
#define CYCLES (1ul << 31)

static volatile u64 interrupts, status;
static bool handle(struct Frame *f) {
  if (f->vector != kIrq) return false;
  const u32 id = (u32)GIC_READ(ICC_IAR1);
  if (id == kPmu) {
    ++interrupts;
    status = READ(pmovsclr_el0);
    WRITE(pmovsclr_el0, status);  // a level: without this it comes again
  }
  GIC_WRITE(ICC_EOIR1, id);
  return id == kPmu;
}

static void prepare(void) {
  IRQ_OFF();
  WRITE(pmcr_el0, kP | kC);
  WRITE(pmcntenclr_el0, ~0u);
  WRITE(pmintenclr_el1, ~0u);
  WRITE(pmovsclr_el0, ~0u);
  WRITE(pmccfiltr_el0, 0);
  interrupts = status = 0;
  gic_init();
  gic_enable(kPmu, true);
  set_handler(handle);
}

/// Runs two instructions `n` times.
static void work(u64 n) {
  asm volatile("1: subs %0, %0, #1\n b.ne 1b" : "+r"(n)::"cc");
}

/// The level follows PMOVS, PMINTEN and PMCR.E at once.
static void level(void) {
  prepare();
  WRITE(pmovsset_el0, CYCLES);
  WRITE(pmintenset_el1, CYCLES);
  EXPECT_TRUE(!gic_pending(kPmu));
  WRITE(pmcr_el0, kE);
  EXPECT_TRUE(gic_pending(kPmu));
  WRITE(pmcr_el0, 0);
  EXPECT_TRUE(!gic_pending(kPmu));
  WRITE(pmcr_el0, kE);
  WRITE(pmintenclr_el1, CYCLES);
  EXPECT_TRUE(!gic_pending(kPmu));
  WRITE(pmintenset_el1, CYCLES);
  EXPECT_TRUE(gic_pending(kPmu));
  WRITE(pmovsclr_el0, CYCLES);
  EXPECT_TRUE(!gic_pending(kPmu));
}

static void cycle_overflow(void) {
  prepare();
  WRITE(pmcr_el0, kE | kC | 0x40);      // LC: 64 bits
  WRITE(pmccntr_el0, 0ul - 1000000);
  WRITE(pmcntenset_el0, CYCLES);
  WRITE(pmintenset_el1, CYCLES);
  IRQ_ON();
  work(1000);
  EXPECT(interrupts, 0);
  work(1000000);
  EXPECT(interrupts, 1);
  EXPECT(status, CYCLES);
  work(100000);
  EXPECT(interrupts, 1);
  IRQ_OFF();
  EXPECT_TRUE((s64)READ(pmccntr_el0) > 0);
}

/// Sampling as a profiler does it: each overflow starts the counter again.
static bool sample(struct Frame *f) {
  if (f->vector == kIrq && interrupts < 50) WRITE(pmevcntr0_el0, 0xffffffff - 9999);
  return handle(f);
}
static void sampling(void) {
  prepare();
  set_handler(sample);
  WRITE(pmevtyper0_el0, kInstRetired);
  WRITE(pmevcntr0_el0, 0xffffffff - 9999);
  WRITE(pmcntenset_el0, 1);
  WRITE(pmintenset_el1, 1);
  WRITE(pmcr_el0, kE);
  IRQ_ON();
  work(200000);  // 400 000 instructions and those of the handler
  IRQ_OFF();
  EXPECT(status, 1);
  EXPECT_TRUE(interrupts >= 39 && interrupts <= 42);
  report("samples", interrupts);
}

static void chained_overflow(void) {
  prepare();
  WRITE(pmevtyper0_el0, kInstRetired);
  WRITE(pmevtyper1_el0, kChain);
  WRITE(pmevcntr0_el0, 0xffffffff - 4999);
  WRITE(pmevcntr1_el0, 0xffffffff);
  WRITE(pmcntenset_el0, 3);
  WRITE(pmintenset_el1, 2);
  WRITE(pmcr_el0, kE);
  IRQ_ON();
  work(1000);
  EXPECT(interrupts, 0);
  work(10000);
  IRQ_OFF();
  EXPECT(interrupts, 1);
  EXPECT(status, 3);
}

static void software_increment(void) {
  prepare();
  WRITE(pmevtyper0_el0, kSwIncr);
  WRITE(pmevcntr0_el0, 0xfffffffe);
  WRITE(pmcntenset_el0, 1);
  WRITE(pmintenset_el1, 1);
  WRITE(pmcr_el0, kE);
  IRQ_ON();
  WRITE(pmswinc_el0, 1);
  EXPECT(interrupts, 0);
  WRITE(pmswinc_el0, 1);
  EXPECT(wait_for(&interrupts, 1, 1000000), 1);
  IRQ_OFF();
  EXPECT(READ(pmevcntr0_el0), 0);
}

void test_main(void) {
  RUN(level);
  RUN(cycle_overflow);
  RUN(sampling);
  RUN(chained_overflow);
  RUN(software_increment);
}
