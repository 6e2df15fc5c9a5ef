// The CPU interface: priorities, preemption, groups, the two ways to end an interrupt (Arm IHI 0069, 4.7,
// 4.8 and 12.2).
#include "suite.h"

static void priority_mask(void) {
  prepare();
  gic_enable(3, true);
  gic_sgi(3, 0);
  ICC_PUT(ICC_PMR, 0xa0);  // it must be higher than the mask, not equal
  EXPECT(ICC_GET(ICC_IAR1), kNoIntid);
  EXPECT(ICC_GET(ICC_HPPIR1), 3);  // HPPIR does not look at the mask
  ICC_PUT(ICC_PMR, 0xa8);
  EXPECT(ICC_GET(ICC_IAR1), 3);
  ICC_PUT(ICC_EOIR1, 3);
}

static void priority_order(void) {
  prepare();
  action = 0;
  static const u8 priorities[] = {0x80, 0x40, 0xc0, 0x40, 0x20};
  static const u32 expected[] = {4, 1, 3, 0, 2};
  for (u32 i = 0; i < 5; ++i) {
    gic_priority(i, priorities[i]);
    gic_enable(i, true);
    gic_sgi(i, 0);
  }
  IRQ_ON();
  settle(5);
  EXPECT(seen.count, 5);
  for (u32 i = 0; i < 5; ++i) EXPECT(seen.intid[i], expected[i]);
}

static volatile u64 inside, outer, inner;  // what SGI 1's handler saw, and the running priorities
static void nest(u32 intid) {
  if (intid != 1) {
    inner = ICC_GET(ICC_RPR);
    return;
  }
  outer = ICC_GET(ICC_RPR);
  const u64 elr = READ(elr_el1), spsr = READ(spsr_el1);
  IRQ_ON();
  gic_sgi(2, 0);
  for (int n = 0; n < 200; ++n) ISB();
  IRQ_OFF();
  WRITE(elr_el1, elr);
  WRITE(spsr_el1, spsr);
  inside = seen.count;
}
static void preemption(void) {
  static const struct {
    u8 low, high, bpr;
    u64 nested;
  } cases[] = {
      {0x80, 0x40, 0, 2},  // higher: preempts
      {0x80, 0x80, 0, 1},  // equal: waits
      {0x40, 0x80, 0, 1},  // lower: waits
      {0x40, 0x20, 7, 1},  // higher in the subpriority alone: waits
  };
  for (u64 i = 0; i < sizeof cases / sizeof *cases; ++i) {
    prepare();
    action = nest;
    ICC_PUT(ICC_BPR1, cases[i].bpr);
    gic_priority(1, cases[i].low);
    gic_priority(2, cases[i].high);
    gic_enable(1, true);
    gic_enable(2, true);
    gic_sgi(1, 0);
    IRQ_ON();
    settle(2);
    EXPECT(seen.count, 2);
    EXPECT(seen.intid[0], 1);
    EXPECT(inside, cases[i].nested);
    if (cases[i].bpr == 0) {
      EXPECT(outer, cases[i].low);
      EXPECT(inner, cases[i].high);
    }
    IRQ_OFF();
    EXPECT(ICC_GET(ICC_RPR), 0xff);
  }
}

static void eoi_modes(void) {
  prepare();
  gic_enable(1, true);
  gic_sgi(1, 0);
  EXPECT(ICC_GET(ICC_IAR1), 1);
  EXPECT_TRUE(gic_active(1));
  EXPECT(ICC_GET(ICC_RPR), 0xa0);
  ICC_PUT(ICC_EOIR1, 1);  // EOImode 0: both
  EXPECT_TRUE(!gic_active(1));
  EXPECT(ICC_GET(ICC_RPR), 0xff);
  ICC_PUT(ICC_CTLR, 2);
  gic_sgi(1, 0);
  EXPECT(ICC_GET(ICC_IAR1), 1);
  ICC_PUT(ICC_EOIR1, 1);  // EOImode 1: drops the priority, no more
  EXPECT(ICC_GET(ICC_RPR), 0xff);
  EXPECT_TRUE(gic_active(1));
  ICC_PUT(ICC_DIR, 1);
  EXPECT_TRUE(!gic_active(1));
}

static void group0_is_fiq(void) {
  prepare();
  action = 0;
  gic_group(5, 0);
  gic_enable(5, true);
  DSB();
  ICC_PUT(ICC_SGI0R, 5ul << 24 | 1ul << cpu_affinity(0));
  EXPECT(ICC_GET(ICC_HPPIR0), 5);
  EXPECT(ICC_GET(ICC_IAR1), kNoIntid);  // the other group's
  IRQ_ON();
  settle(1);
  EXPECT(seen.count, 0);
  FIQ_ON();
  settle(1);
  EXPECT(seen.count, 1);
  EXPECT(seen.intid[0], 5);
  EXPECT(seen.vector[0], kFiq);
  gic_group(wire->intid, 0);
  gic_enable(wire->intid, true);
  action = lower;
  IRQ_OFF();
  wire->set(true);
  settle(2);
  EXPECT(seen.count, 2);
  EXPECT(seen.intid[1], wire->intid);
  EXPECT(seen.vector[1], kFiq);
  FIQ_OFF();
}

/// ICC_SGI0R_EL1 makes Group 0 interrupts only; ICC_SGI1R_EL1, in one security state, either group's.
static void sgi_of_the_other_group(void) {
  prepare();
  gic_enable(5, true);
  DSB();
  ICC_PUT(ICC_SGI0R, 5ul << 24 | 1ul << cpu_affinity(0));
  EXPECT_TRUE(!gic_pending(5));
  gic_group(5, 0);
  gic_sgi(5, 0);
  EXPECT_TRUE(gic_pending(5));
  gic_set_pending(5, false);
}

static void wfi_wakes_masked(void) {
  prepare();
  gic_enable(6, true);
  gic_sgi(6, 0);
  WFI();
  EXPECT(seen.count, 0);
  EXPECT(ICC_GET(ICC_IAR1), 6);
  ICC_PUT(ICC_EOIR1, 6);
}

/// WFI that begins while nothing is pending ends with the wire: the virtual timer, for once with a
/// deadline that is to come.
static void wfi_wakes_later(void) {
  prepare();
  wire = &wires[kTimerWire];
  gic_enable(TIMER_INTID, true);
  for (u64 i = 1; i <= 5; ++i) {
    const u64 start = counter(), wait = micros(500);
    WRITE(cntv_cval_el0, start + wait);
    WRITE(cntv_ctl_el0, 1);
    while (!gic_pending(TIMER_INTID)) WFI();  // which may end for no reason (DDI 0487, D1.7)
    EXPECT_TRUE(counter() - start >= wait);
    IRQ_ON();
    settle(i);
    IRQ_OFF();
    EXPECT(seen.count, i);
  }
  wire = &wires[kGpioWire];
}

static void binary_points(void) {
  prepare();
  // ICC_CTLR_EL1.PRIbits is one less than the priority bits; the least binary point follows.
  const u64 bits = (ICC_GET(ICC_CTLR) >> 8 & 7) + 1;
  EXPECT_TRUE(bits >= 4);
  gic_priority(1, 0xff);
  EXPECT(get8(gicr_base() + 0x10000 + kIpriorityr + 1), 0xff << (8 - bits) & 0xff);
  ICC_PUT(ICC_PMR, 0xff);
  EXPECT(ICC_GET(ICC_PMR), 0xff << (8 - bits) & 0xff);
  ICC_PUT(ICC_BPR0, 0);
  ICC_PUT(ICC_BPR1, 0);
  const u64 least = bits == 8 ? 0 : 7 - bits;
  EXPECT(ICC_GET(ICC_BPR0), least);
  EXPECT(ICC_GET(ICC_BPR1), least + 1);
}

void interface_cases(void) {
  RUN(priority_mask);
  RUN(priority_order);
  RUN(preemption);
  RUN(eoi_modes);
  RUN(group0_is_fiq);
  RUN(sgi_of_the_other_group);
  RUN(wfi_wakes_masked);
  RUN(wfi_wakes_later);
  RUN(binary_points);
}
