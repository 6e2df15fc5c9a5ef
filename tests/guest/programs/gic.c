// GICv3 as software sees it (Arm IHI 0069): level-sensitive and edge-triggered SPIs, priorities,
// groups, both ways to end an interrupt.  The level source is the PL061: line 0, an input that is
// low, with an interrupt on the low level, so that GPIOIE is the wire to the GIC.
#include "guest.h"

enum { kMaxLog = 32 };
static volatile u64 taken;             // interrupts acknowledged
static volatile u32 order[kMaxLog];    // their INTIDs
static volatile u64 vector_of[kMaxLog];
static u64 limit;                      // more than this: the handler masks interrupts for good
static void (*volatile action)(u32 intid);  // in the handler, before the end of interrupt
static volatile bool eoi_split;        // EOImode 1: DIR too

static void line(bool high) { put32(GPIO_BASE + 0x410, high); }

static bool handle(struct Frame *f) {
  const bool fiq = f->vector == kFiq;
  if (!fiq && f->vector != kIrq) return false;
  const u32 intid = (u32)(fiq ? GIC_READ(ICC_IAR0) : GIC_READ(ICC_IAR1));
  if (intid >= 1020) {
    f->spsr |= 0xc0;
    return true;
  }
  if (taken < kMaxLog) {
    order[taken] = intid;
    vector_of[taken] = f->vector;
  }
  ++taken;
  if (action != 0) action(intid);
  if (fiq)
    GIC_WRITE(ICC_EOIR0, intid);
  else
    GIC_WRITE(ICC_EOIR1, intid);
  if (eoi_split) GIC_WRITE(ICC_DIR, intid);
  if (taken >= limit) f->spsr |= 0xc0;
  return true;
}

static void lower(u32 intid) {
  (void)intid;
  line(false);
}

/// A fresh GIC with the line low and INTID's handler that lowers it.
static void prepare(void) {
  IRQ_OFF();
  line(false);
  put32(GPIO_BASE + 0x400, 0);  // GPIODIR
  put32(GPIO_BASE + 0x404, 1);  // GPIOIS: level
  put32(GPIO_BASE + 0x40c, 0);  // GPIOIEV: low
  gic_init();
  taken = 0;
  limit = 8;
  action = lower;
  eoi_split = false;
  set_handler(handle);
}

/// Waits a moment for one interrupt more than `before`; its delay in counts.
static u64 delay(u64 before) {
  const u64 start = counter();
  while (taken == before && counter() - start < micros(2000)) {
  }
  return counter() - start;
}

static void line_is_a_level(void) {
  prepare();
  EXPECT_TRUE(!gic_pending(GPIO_INTID));
  line(true);
  EXPECT_TRUE(gic_pending(GPIO_INTID));
  gic_set_pending(GPIO_INTID, false);  // ICPENDR does not lower a wire
  EXPECT_TRUE(gic_pending(GPIO_INTID));
  line(false);
  EXPECT_TRUE(!gic_pending(GPIO_INTID));
  gic_set_pending(GPIO_INTID, true);  // but ISPENDR latches without one
  EXPECT_TRUE(gic_pending(GPIO_INTID));
  gic_set_pending(GPIO_INTID, false);
  EXPECT_TRUE(!gic_pending(GPIO_INTID));
}

// 002a: whatever held it back, taking that away delivers what is pending, once.
static void group_enable(bool on) { GIC_WRITE(ICC_IGRPEN1, on); }
static void mask_priority(bool on) { GIC_WRITE(ICC_PMR, on ? 0xff : 0xa0); }
static void distributor(bool on) { put32(GICD_BASE, on ? 0x13 : 0x11); }
static void enable_bit(bool on) { gic_enable(GPIO_INTID, on); }
static void route(bool on) { gic_route(GPIO_INTID, on ? 0 : 0x7f00); }
static void unmask_delivers(void) {
  void (*const gates[])(bool) = {enable_bit, group_enable, mask_priority, distributor, route};
  for (u64 i = 0; i < sizeof gates / sizeof *gates; ++i) {
    prepare();
    gic_enable(GPIO_INTID, true);
    gates[i](false);
    line(true);
    IRQ_ON();
    for (int n = 0; n < 100; ++n) ISB();
    EXPECT(taken, 0);
    EXPECT_TRUE(gic_pending(GPIO_INTID));
    gates[i](true);
    delay(0);
    EXPECT(taken, 1);
    EXPECT(order[0], GPIO_INTID);
    for (int n = 0; n < 100; ++n) ISB();
    EXPECT(taken, 1);
  }
}

// 002b: a line that is still high after the end of the interrupt is a new interrupt.
static void leave_high_once(u32 intid) {
  if (taken == 2) lower(intid);
}
static void retrigger(void) {
  for (unsigned mode = 0; mode < 2; ++mode) {
    prepare();
    GIC_WRITE(ICC_CTLR, mode << 1);
    eoi_split = mode == 1;
    action = leave_high_once;
    limit = 1;  // the handler returns with I set
    gic_enable(GPIO_INTID, true);
    line(true);
    IRQ_ON();
    delay(0);
    EXPECT(taken, 1);
    EXPECT_TRUE(gic_pending(GPIO_INTID));
    EXPECT_TRUE(!gic_active(GPIO_INTID));
    limit = 8;
    WFI();  // pending and masked: WFI does not sleep
    EXPECT(taken, 1);
    IRQ_ON();
    delay(1);
    EXPECT(taken, 2);
    for (int n = 0; n < 100; ++n) ISB();
    EXPECT(taken, 2);
  }
}

// 002c: a level that comes and goes while the interrupt is active leaves nothing; an edge does.
static void toggle(u32 intid) {
  (void)intid;
  if (taken > 1) return;
  line(false);
  line(true);
  line(false);
}
static void coalesce(void) {
  for (unsigned edge = 0; edge < 2; ++edge) {
    prepare();
    gic_edge(GPIO_INTID, edge);
    action = toggle;
    gic_enable(GPIO_INTID, true);
    line(true);
    IRQ_ON();
    delay(0);
    for (int n = 0; n < 100; ++n) ISB();
    EXPECT(taken, edge ? 2 : 1);
  }
}

static void edges_latch(void) {
  prepare();
  gic_edge(GPIO_INTID, true);
  gic_enable(GPIO_INTID, true);
  for (int i = 0; i < 3; ++i) {  // several edges while pending are one interrupt
    line(true);
    line(false);
  }
  EXPECT_TRUE(gic_pending(GPIO_INTID));
  action = 0;
  IRQ_ON();
  delay(0);
  for (int n = 0; n < 100; ++n) ISB();
  EXPECT(taken, 1);
  IRQ_OFF();
  line(true);
  line(false);
  gic_set_pending(GPIO_INTID, false);  // takes the edge away
  EXPECT_TRUE(!gic_pending(GPIO_INTID));
  line(true);  // high, and edge-triggered: one interrupt, not more
  IRQ_ON();
  delay(1);
  for (int n = 0; n < 100; ++n) ISB();
  EXPECT(taken, 2);
}

static void level_gone_is_spurious(void) {
  prepare();
  gic_enable(GPIO_INTID, true);
  line(true);
  EXPECT(GIC_READ(ICC_HPPIR1), GPIO_INTID);
  line(false);
  EXPECT(GIC_READ(ICC_HPPIR1), 1023);
  EXPECT(GIC_READ(ICC_IAR1), 1023);
  EXPECT_TRUE(!gic_active(GPIO_INTID));
}

// 002d: changes while pending or active.
static void changes_while_pending(void) {
  prepare();
  action = 0;
  gic_enable(1, true);
  gic_enable(2, true);
  gic_sgi(1, 0);
  gic_sgi(2, 0);
  EXPECT(GIC_READ(ICC_HPPIR1), 1);  // equal priorities: the lower INTID
  gic_priority(2, 0x40);
  EXPECT(GIC_READ(ICC_HPPIR1), 2);
  gic_enable(2, false);
  EXPECT(GIC_READ(ICC_HPPIR1), 1);
  gic_enable(2, true);
  IRQ_ON();
  delay(1);
  EXPECT(taken, 2);
  EXPECT(order[0], 2);
  EXPECT(order[1], 1);
}

static void changes_while_active(void) {
  prepare();
  gic_enable(GPIO_INTID, true);
  line(true);
  EXPECT(GIC_READ(ICC_IAR1), GPIO_INTID);
  gic_route(GPIO_INTID, 0x7f00);  // active here, from now on pending elsewhere
  gic_priority(GPIO_INTID, 0x20);
  EXPECT(GIC_READ(ICC_RPR), 0xa0);  // the running priority is the one it was taken with
  GIC_WRITE(ICC_EOIR1, GPIO_INTID);
  EXPECT(GIC_READ(ICC_RPR), 0xff);
  EXPECT_TRUE(!gic_active(GPIO_INTID));
  EXPECT_TRUE(gic_pending(GPIO_INTID));
  EXPECT(GIC_READ(ICC_IAR1), 1023);
  gic_route(GPIO_INTID, 0);
  EXPECT(GIC_READ(ICC_IAR1), GPIO_INTID);
  gic_enable(GPIO_INTID, false);
  GIC_WRITE(ICC_EOIR1, GPIO_INTID);
  EXPECT(GIC_READ(ICC_IAR1), 1023);
  line(false);
}

static void active_bit_by_software(void) {
  prepare();
  gic_enable(GPIO_INTID, true);
  gic_set_active(GPIO_INTID, true);
  line(true);
  EXPECT(GIC_READ(ICC_HPPIR1), 1023);  // active and pending is not signalled
  gic_set_active(GPIO_INTID, false);
  EXPECT(GIC_READ(ICC_HPPIR1), GPIO_INTID);
  line(false);
}

static void eoi_modes(void) {
  prepare();
  gic_enable(GPIO_INTID, true);
  GIC_WRITE(ICC_CTLR, 2);
  line(true);
  EXPECT(GIC_READ(ICC_IAR1), GPIO_INTID);
  EXPECT(GIC_READ(ICC_RPR), 0xa0);
  GIC_WRITE(ICC_EOIR1, GPIO_INTID);  // drops the priority, no more
  EXPECT(GIC_READ(ICC_RPR), 0xff);
  EXPECT_TRUE(gic_active(GPIO_INTID));
  EXPECT(GIC_READ(ICC_IAR1), 1023);
  GIC_WRITE(ICC_DIR, GPIO_INTID);
  EXPECT_TRUE(!gic_active(GPIO_INTID));
  EXPECT(GIC_READ(ICC_IAR1), GPIO_INTID);
  line(false);
  GIC_WRITE(ICC_EOIR1, GPIO_INTID);
  GIC_WRITE(ICC_DIR, GPIO_INTID);
  EXPECT(GIC_READ(ICC_IAR1), 1023);
}

static void priority_mask(void) {
  prepare();
  gic_enable(3, true);
  gic_sgi(3, 0);
  GIC_WRITE(ICC_PMR, 0xa0);  // must be strictly higher than the mask
  EXPECT(GIC_READ(ICC_IAR1), 1023);
  EXPECT(GIC_READ(ICC_HPPIR1), 3);  // HPPIR does not look at the mask
  GIC_WRITE(ICC_PMR, 0xa8);
  EXPECT(GIC_READ(ICC_IAR1), 3);
  GIC_WRITE(ICC_EOIR1, 3);
}

static void priority_order(void) {
  prepare();
  action = 0;
  u8 const priorities[] = {0x80, 0x40, 0xc0, 0x40, 0x20};
  u32 const expected[] = {4, 1, 3, 0, 2};
  for (u32 i = 0; i < 5; ++i) {
    gic_priority(i, priorities[i]);
    gic_enable(i, true);
    gic_sgi(i, 0);
  }
  IRQ_ON();
  delay(4);
  EXPECT(taken, 5);
  for (u32 i = 0; i < 5; ++i) EXPECT(order[i], expected[i]);
}

static volatile u64 inside[4];  // `taken` as SGI 1's handler saw it, RPR before and in the middle
static void nest(u32 intid) {
  if (intid != 1) {
    inside[2] = GIC_READ(ICC_RPR);
    return;
  }
  inside[1] = GIC_READ(ICC_RPR);
  const u64 elr = READ(elr_el1), spsr = READ(spsr_el1);
  IRQ_ON();
  gic_sgi(2, 0);
  for (int n = 0; n < 100; ++n) ISB();
  IRQ_OFF();
  WRITE(elr_el1, elr);
  WRITE(spsr_el1, spsr);
  inside[0] = taken;
}
static void preemption(void) {
  struct { u8 low, high, bpr; u64 nested; } const cases[] = {
      {0x80, 0x40, 0, 2},  // higher: preempts
      {0x80, 0x80, 0, 1},  // equal: waits
      {0x40, 0x80, 0, 1},  // lower: waits
      {0x40, 0x20, 7, 1},  // higher in the subpriority alone: waits
  };
  for (u64 i = 0; i < sizeof cases / sizeof *cases; ++i) {
    prepare();
    action = nest;
    GIC_WRITE(ICC_BPR1, cases[i].bpr);
    gic_priority(1, cases[i].low);
    gic_priority(2, cases[i].high);
    gic_enable(1, true);
    gic_enable(2, true);
    gic_sgi(1, 0);
    IRQ_ON();
    delay(1);
    EXPECT(taken, 2);
    EXPECT(order[0], 1);
    EXPECT(inside[0], cases[i].nested);
    if (cases[i].bpr == 0) {
      EXPECT(inside[1], cases[i].low);
      EXPECT(inside[2], cases[i].high);
    }
    IRQ_OFF();
    EXPECT(GIC_READ(ICC_RPR), 0xff);
  }
}

static void group0_is_fiq(void) {
  prepare();
  action = 0;
  gic_group(5, 0);
  gic_enable(5, true);
  DSB();
  GIC_WRITE(ICC_SGI0R, 5ul << 24 | 1);
  EXPECT(GIC_READ(ICC_HPPIR0), 5);
  EXPECT(GIC_READ(ICC_IAR1), 1023);  // the other group's: not here
  IRQ_ON();
  for (int n = 0; n < 100; ++n) ISB();
  EXPECT(taken, 0);
  FIQ_ON();
  delay(0);
  EXPECT(taken, 1);
  EXPECT(order[0], 5);
  EXPECT(vector_of[0], kFiq);
  // A level SPI too, and a Group 0 interrupt preempts a Group 1 one of lower priority.
  gic_group(GPIO_INTID, 0);
  gic_enable(GPIO_INTID, true);
  action = lower;
  IRQ_OFF();
  line(true);
  delay(1);
  EXPECT(taken, 2);
  EXPECT(order[1], GPIO_INTID);
  EXPECT(vector_of[1], kFiq);
  FIQ_OFF();
}

static void wfi_wakes_masked(void) {
  prepare();
  gic_enable(6, true);
  gic_sgi(6, 0);
  WFI();  // returns: the interrupt is pending, if masked
  EXPECT(taken, 0);
  EXPECT(GIC_READ(ICC_IAR1), 6);
  GIC_WRITE(ICC_EOIR1, 6);
}

static void uart_is_a_level(void) {
  prepare();
  put32(UART_BASE + 0x38, 0);      // UARTIMSC
  put_char('\n');                  // raises TXRIS
  EXPECT_TRUE(!gic_pending(UART_INTID));
  put32(UART_BASE + 0x38, 0x20);
  EXPECT_TRUE(gic_pending(UART_INTID));
  put32(UART_BASE + 0x44, 0x20);   // UARTICR
  EXPECT_TRUE(!gic_pending(UART_INTID));
  put_char('\n');
  EXPECT_TRUE(gic_pending(UART_INTID));
  put32(UART_BASE + 0x38, 0);
  EXPECT_TRUE(!gic_pending(UART_INTID));
}

void test_main(void) {
  RUN(line_is_a_level);
  RUN(unmask_delivers);
  RUN(retrigger);
  RUN(coalesce);
  RUN(edges_latch);
  RUN(level_gone_is_spurious);
  RUN(changes_while_pending);
  RUN(changes_while_active);
  RUN(active_bit_by_software);
  RUN(eoi_modes);
  RUN(priority_mask);
  RUN(priority_order);
  RUN(preemption);
  RUN(group0_is_fiq);
  RUN(wfi_wakes_masked);
  RUN(uart_is_a_level);
}
