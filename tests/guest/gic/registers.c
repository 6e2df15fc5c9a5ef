// 002g: the distributor's and the redistributor's own states, and who may reach the CPU interface.
#include "suite.h"

static void identification(void) {
  prepare();
  EXPECT((get32(GICD_BASE + kPidr2) >> 4 & 15) >= 3, 1);  // ArchRev: GICv3 or v4
  EXPECT((get32(gicr_base() + kPidr2) >> 4 & 15) >= 3, 1);
  EXPECT(ICC_GET(ICC_SRE) & 1, 1);
  EXPECT_TRUE(READ(id_aa64pfr0_el1) >> 24 & 15);  // GIC: system registers
}

static void every_redistributor(void) {
  prepare();
  u64 at = GICR_BASE;
  for (u32 n = 0;; ++n) {
    const u64 t = get64(at + kGicrTyper);
    EXPECT(t >> 32, cpu_affinity(n));
    EXPECT(t >> 8 & 0xffff, n);  // Processor_Number
    const bool last = n + 1 == cpu_count();
    EXPECT(t >> 4 & 1, last);
    if (last || (t & 0x10)) return;
    at += t & 2 ? 0x40000 : 0x20000;
  }
}

/// A redistributor that sleeps keeps interrupts, and hands them over when it wakes (GICR_WAKER).
static void sleep_and_wake(void) {
  prepare();
  const u64 waker = gicr_base() + kWaker;
  ICC_PUT(ICC_IGRPEN0, 0);
  ICC_PUT(ICC_IGRPEN1, 0);
  put32(waker, get32(waker) | 2);
  const u64 start = counter();
  while ((get32(waker) & 4) == 0 && counter() - start < micros(10000)) {
  }
  EXPECT(get32(waker) & 6, 6);  // ChildrenAsleep follows ProcessorSleep
  gic_enable(wire->intid, true);
  wire->set(true);
  EXPECT_TRUE(gic_pending(wire->intid));
  put32(waker, get32(waker) & ~2u);
  while ((get32(waker) & 4) != 0 && counter() - start < micros(20000)) {
  }
  EXPECT(get32(waker) & 6, 0);
  ICC_PUT(ICC_IGRPEN0, 1);
  ICC_PUT(ICC_IGRPEN1, 1);
  IRQ_ON();
  settle(1);
  EXPECT(seen.count, 1);
}

/// Set and clear registers read the same, and writing zeroes does nothing.
static void set_and_clear(void) {
  prepare();
  gic_enable(wire->intid, true);
  const u32 word = wire->intid / 32 * 4, bit = 1u << (wire->intid % 32);
  EXPECT(get32(GICD_BASE + kIsenabler + word), get32(GICD_BASE + kIcenabler + word));
  put32(GICD_BASE + kIcenabler + word, 0);
  put32(GICD_BASE + kIsenabler + word, 0);
  EXPECT(get32(GICD_BASE + kIsenabler + word) & bit, bit);
  gic_set_pending(wire->intid, true);
  EXPECT(get32(GICD_BASE + kIspendr + word) & bit, bit);
  EXPECT(get32(GICD_BASE + kIcpendr + word) & bit, bit);
  gic_set_active(wire->intid, true);
  EXPECT(get32(GICD_BASE + kIcactiver + word) & bit, bit);
}

/// With affinity routing the distributor's words of INTIDs 0 to 31 are RES0: they are in GICR.
static void private_interrupts_are_not_the_distributors(void) {
  prepare();
  gic_enable(TIMER_INTID, true);
  EXPECT(get32(GICD_BASE + kIsenabler), 0);
  put32(GICD_BASE + kIcenabler, ~0u);
  EXPECT_TRUE(get32(gicr_base() + 0x10000 + kIsenabler) >> TIMER_INTID & 1);
  put32(GICD_BASE + kIspendr, ~0u);
  EXPECT_TRUE(!gic_pending(TIMER_INTID));
  // SGIs are edges, and cannot be otherwise (GICR_ICFGR0).
  gic_edge(1, false);
  EXPECT_TRUE(gic_is_edge(1));
}

static void a_word_that_does_not_exist(void) {
  prepare();
  const u32 end = ((get32(GICD_BASE + kTyper) & 31) + 1) * 32;
  if (end > 960) return skip("every INTID exists");
  put32(GICD_BASE + kIsenabler + end / 8, ~0u);
  EXPECT(get32(GICD_BASE + kIsenabler + end / 8), 0);
  EXPECT(get8(GICD_BASE + kIpriorityr + end), 0);
}

// ---- Who may reach the interface ----------------------------------------------------------------

static void write_read_only(void) {
  prepare();
  asm volatile("msr s3_0_c12_c12_0, xzr" ::: "memory");  // ICC_IAR1_EL1
  EXPECT(sync_count, 1);
  EXPECT(sync_class, 0);
  asm volatile("msr s3_0_c12_c11_3, xzr" ::: "memory");  // ICC_RPR_EL1
  EXPECT(sync_count, 2);
}
static void read_write_only(void) {
  prepare();
  asm volatile("mrs x0, s3_0_c12_c12_1" ::: "x0", "memory");  // ICC_EOIR1_EL1
  EXPECT(sync_count, 1);
  asm volatile("mrs x0, s3_0_c12_c11_1" ::: "x0", "memory");  // ICC_DIR_EL1
  EXPECT(sync_count, 2);
  EXPECT(sync_class, 0);
}
void touch_at_el0(void);
asm(".pushsection .text, \"ax\"\n"
    ".balign 4\n"
    "touch_at_el0:\n"
    "mrs x1, s3_0_c4_c6_0\n"    // ICC_PMR_EL1
    "msr s3_0_c12_c11_5, x1\n"  // ICC_SGI1R_EL1
    "mrs x1, s3_0_c12_c12_0\n"  // ICC_IAR1_EL1
    "svc #0\n"
    ".popsection");
static void nothing_for_el0(void) {
  prepare();
  gic_enable(1, true);
  gic_sgi(1, 0);
  run_at_el0(touch_at_el0);
  EXPECT(sync_count, 3);
  EXPECT(sync_class, 0);  // UNDEFINED, not a trap
  EXPECT_TRUE(gic_pending(1));
  EXPECT(ICC_GET(ICC_IAR1), 1);
  ICC_PUT(ICC_EOIR1, 1);
}

void register_cases(void) {
  RUN(identification);
  RUN(every_redistributor);
  RUN(sleep_and_wake);
  RUN(set_and_clear);
  RUN(private_interrupts_are_not_the_distributors);
  RUN(a_word_that_does_not_exist);
  RUN(write_read_only);
  RUN(read_write_only);
  RUN(nothing_for_el0);
}
