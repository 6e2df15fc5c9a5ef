// Level-sensitive interrupts: the pending state is the wire, or what software wrote (Arm IHI 0069, 4.1.3
// and GICD_ISPENDR<n>).  Every case runs with an SPI from an input, an SPI from a UART, and a PPI.
#include "suite.h"

static void the_wire_is_pending(void) {
  prepare();
  EXPECT_TRUE(!gic_pending(wire->intid));
  wire->set(true);
  EXPECT_TRUE(gic_pending(wire->intid));
  gic_set_pending(wire->intid, false);  // ICPENDR cannot lower a wire
  EXPECT_TRUE(gic_pending(wire->intid));
  wire->set(false);
  EXPECT_TRUE(!gic_pending(wire->intid));
}

static void software_pending_latches(void) {
  prepare();
  gic_set_pending(wire->intid, true);
  EXPECT_TRUE(gic_pending(wire->intid));
  wire->set(true);
  wire->set(false);  // the wire's fall takes the wire's part away, not software's
  EXPECT_TRUE(gic_pending(wire->intid));
  gic_set_pending(wire->intid, false);
  EXPECT_TRUE(!gic_pending(wire->intid));
}

static void software_pending_is_taken_once(void) {
  prepare();
  gic_enable(wire->intid, true);
  gic_set_pending(wire->intid, true);
  IRQ_ON();
  settle(1);
  EXPECT(seen.count, 1);
  EXPECT_TRUE(!gic_pending(wire->intid));
}

static void delivers_once(void) {
  prepare();
  gic_enable(wire->intid, true);
  IRQ_ON();
  for (u64 i = 1; i <= 5; ++i) {  // sequential: each level is one interrupt
    wire->set(true);
    settle(i);
    EXPECT(seen.count, i);
    EXPECT(seen.intid[i - 1], wire->intid);
    EXPECT_TRUE(!gic_pending(wire->intid));
    EXPECT_TRUE(!gic_active(wire->intid));
  }
  EXPECT(seen.spurious, 0);
}

static void a_level_that_is_gone_is_spurious(void) {
  prepare();
  gic_enable(wire->intid, true);
  wire->set(true);
  EXPECT(ICC_GET(ICC_HPPIR1), wire->intid);
  wire->set(false);
  EXPECT(ICC_GET(ICC_HPPIR1), kNoIntid);
  EXPECT(ICC_GET(ICC_IAR1), kNoIntid);
  EXPECT_TRUE(!gic_active(wire->intid));
}

static void active_and_pending(void) {
  prepare();
  gic_enable(wire->intid, true);
  wire->set(true);
  EXPECT(ICC_GET(ICC_IAR1), wire->intid);
  EXPECT_TRUE(gic_active(wire->intid));
  EXPECT_TRUE(gic_pending(wire->intid));  // the wire is still high
  EXPECT(ICC_GET(ICC_HPPIR1), kNoIntid);  // and nothing is signalled while it is active
  wire->set(false);
  EXPECT_TRUE(!gic_pending(wire->intid));
  EXPECT_TRUE(gic_active(wire->intid));
  ICC_PUT(ICC_EOIR1, wire->intid);
  EXPECT_TRUE(!gic_active(wire->intid));
}

// ---- 002a: whatever held it back, taking that away delivers it, once and at once ----------------

static void by_enable(bool on) { gic_enable(wire->intid, on); }
static void by_interface(bool on) { ICC_PUT(ICC_IGRPEN1, on); }
static void by_mask(bool on) { ICC_PUT(ICC_PMR, on ? 0xff : 0xa0); }
static void by_distributor(bool on) { gic_groups(on ? kGroup0 | kGroup1 : kGroup0); }
static void by_priority(bool on) { gic_priority(wire->intid, on ? 0xa0 : 0xff); }
static void by_pstate(bool on) {
  if (on)
    IRQ_ON();
  else
    IRQ_OFF();
}
static void by_group(bool on) {
  ICC_PUT(ICC_IGRPEN0, on);  // nothing of Group 0 is let through meanwhile
  gic_group(wire->intid, on);
}
static void by_route(bool on) {
  if (wire->intid >= 32) gic_route(wire->intid, on ? cpu_affinity(0) : 0x7f00);
}

static void (*gate)(bool on);
static void unmask_delivers(void) {
  if (gate == by_route && wire->intid < 32) return skip("a PPI has no route");
  prepare();
  gic_enable(wire->intid, true);
  if (gate != by_pstate) IRQ_ON();
  gate(false);
  if (gate == by_priority) ICC_PUT(ICC_PMR, 0xf0);
  wire->set(true);
  settle(1);
  EXPECT(seen.count, 0);
  EXPECT_TRUE(gic_pending(wire->intid));
  const u64 start = counter();
  gate(true);
  settle(1);
  EXPECT(seen.count, 1);
  EXPECT(seen.intid[0], wire->intid);
  if (gate == by_enable && wire == &wires[kGpioWire])
    report("unmask_ns", (seen.when[0] - start) * 1000000 / (READ(cntfrq_el0) / 1000));
}

static void a_level_that_fell_behind_a_mask_is_gone(void) {
  prepare();
  IRQ_ON();
  wire->set(true);
  wire->set(false);
  gic_enable(wire->intid, true);
  settle(1);
  EXPECT(seen.count, 0);
}

// ---- 002b: a level that is still high after the end is a new interrupt --------------------------

static void lower_second(u32 intid) {
  if (seen.count == 2) lower(intid);
}
static void retrigger(void) {
  for (unsigned mode = 0; mode < 2; ++mode) {
    prepare();
    ICC_PUT(ICC_CTLR, mode << 1);
    split = mode == 1;
    action = lower_second;
    limit = 1;  // the handler returns with PSTATE.I set
    gic_enable(wire->intid, true);
    wire->set(true);
    IRQ_ON();
    settle(1);
    EXPECT(seen.count, 1);
    EXPECT_TRUE(gic_pending(wire->intid));
    EXPECT_TRUE(!gic_active(wire->intid));
    limit = 8;
    WFI();  // pending and masked: does not sleep
    EXPECT(seen.count, 1);
    IRQ_ON();
    settle(2);
    EXPECT(seen.count, 2);
  }
}

static void lower_fourth(u32 intid) {
  if (seen.count == 4) lower(intid);
}
/// Without leaving the handler's priority in between, and without a mask: it comes again and again.
static void retrigger_at_once(void) {
  prepare();
  action = lower_fourth;
  gic_enable(wire->intid, true);
  wire->set(true);
  IRQ_ON();
  settle(4);
  EXPECT(seen.count, 4);
  EXPECT(seen.spurious, 0);
}

/// EOImode 1: nothing comes between EOIR and DIR, though the wire is high.
static void not_before_deactivation(void) {
  prepare();
  ICC_PUT(ICC_CTLR, 2);
  gic_enable(wire->intid, true);
  wire->set(true);
  EXPECT(ICC_GET(ICC_IAR1), wire->intid);
  ICC_PUT(ICC_EOIR1, wire->intid);
  EXPECT(ICC_GET(ICC_RPR), 0xff);
  EXPECT_TRUE(gic_active(wire->intid));
  EXPECT(ICC_GET(ICC_IAR1), kNoIntid);
  ICC_PUT(ICC_DIR, wire->intid);
  EXPECT(ICC_GET(ICC_IAR1), wire->intid);
  wire->set(false);
  ICC_PUT(ICC_EOIR1, wire->intid);
  ICC_PUT(ICC_DIR, wire->intid);
  EXPECT(ICC_GET(ICC_IAR1), kNoIntid);
}

/// The handler masks its source and ends with the wire high: silence until it is unmasked.
static void mask_source(u32 intid) {
  if (seen.count == 1)
    gic_enable(intid, false);
  else
    lower(intid);
}
static void retrigger_behind_a_mask(void) {
  prepare();
  action = mask_source;
  gic_enable(wire->intid, true);
  wire->set(true);
  IRQ_ON();
  settle(2);
  EXPECT(seen.count, 1);
  EXPECT_TRUE(gic_pending(wire->intid));
  gic_enable(wire->intid, true);
  settle(2);
  EXPECT(seen.count, 2);
}

// ---- 002c: a level that comes and goes while it is active leaves nothing ------------------------

static void toggle(u32 intid) {
  (void)intid;
  if (seen.count > 1) return;
  wire->set(false);
  wire->set(true);
  wire->set(false);
}
static void coalesce(void) {
  prepare();
  action = toggle;
  gic_enable(wire->intid, true);
  wire->set(true);
  IRQ_ON();
  settle(2);
  EXPECT(seen.count, 1);
  EXPECT(seen.spurious, 0);
}

/// It falls in the handler and rises again before the end: one more.
static void fall_and_rise(u32 intid) {
  wire->set(false);
  if (seen.count == 1)
    wire->set(true);
  else
    lower(intid);
}
static void a_rise_before_the_end_is_kept(void) {
  prepare();
  action = fall_and_rise;
  gic_enable(wire->intid, true);
  wire->set(true);
  IRQ_ON();
  settle(2);
  EXPECT(seen.count, 2);
}

// ---- Several wires -----------------------------------------------------------------------------

static void lower_its_own(u32 intid) {
  for (u64 i = 0; i < kWires; ++i)
    if (wires[i].intid == intid) wires[i].set(false);
}
static void simultaneous(void) {
  for (unsigned turn = 0; turn < 2; ++turn) {
    prepare();
    action = lower_its_own;
    for (u64 i = 0; i < kWires; ++i) {
      gic_enable(wires[i].intid, true);
      wires[i].set(true);
    }
    if (turn == 1) gic_priority(GPIO_INTID, 0x40);
    IRQ_ON();
    settle(kWires);
    EXPECT(seen.count, kWires);
    // Equal priorities: the lowest INTID first, which is a choice that everybody makes (4.8).
    const u32 by_number[] = {TIMER_INTID, UART_INTID, GPIO_INTID};
    const u32 by_priority[] = {GPIO_INTID, TIMER_INTID, UART_INTID};
    for (u64 i = 0; i < kWires; ++i)
      EXPECT(seen.intid[i], turn == 0 ? by_number[i] : by_priority[i]);
  }
}

void level_cases(void) {
  static const struct {
    const char* name;
    void (*gate)(bool);
  } gates[] = {{"unmask_by_enable", by_enable},     {"unmask_by_interface", by_interface},
               {"unmask_by_pmr", by_mask},          {"unmask_by_distributor", by_distributor},
               {"unmask_by_priority", by_priority}, {"unmask_by_pstate", by_pstate},
               {"unmask_by_group", by_group},       {"unmask_by_route", by_route}};
  for (u64 i = 0; i < kWires; ++i) {
    wire = &wires[i];
    RUN_WITH(the_wire_is_pending, wire->name);
    RUN_WITH(software_pending_latches, wire->name);
    RUN_WITH(software_pending_is_taken_once, wire->name);
    RUN_WITH(delivers_once, wire->name);
    RUN_WITH(a_level_that_is_gone_is_spurious, wire->name);
    RUN_WITH(active_and_pending, wire->name);
    for (u64 g = 0; g < sizeof gates / sizeof *gates; ++g) {
      gate = gates[g].gate;
      run_case(gates[g].name, wire->name, unmask_delivers);
    }
    RUN_WITH(a_level_that_fell_behind_a_mask_is_gone, wire->name);
    RUN_WITH(retrigger, wire->name);
    RUN_WITH(retrigger_at_once, wire->name);
    RUN_WITH(not_before_deactivation, wire->name);
    RUN_WITH(retrigger_behind_a_mask, wire->name);
    RUN_WITH(coalesce, wire->name);
    RUN_WITH(a_rise_before_the_end_is_kept, wire->name);
  }
  wire = &wires[kGpioWire];
  RUN(simultaneous);
}
