// 002d: what is changed while an interrupt is pending or active.
#include "suite.h"

static void priority_while_pending(void) {
  prepare();
  action = 0;
  gic_enable(1, true);
  gic_enable(2, true);
  gic_sgi(1, 0);
  gic_sgi(2, 0);
  EXPECT(ICC_GET(ICC_HPPIR1), 1);
  gic_priority(2, 0x40);
  EXPECT(ICC_GET(ICC_HPPIR1), 2);
  gic_enable(2, false);
  EXPECT(ICC_GET(ICC_HPPIR1), 1);
  gic_enable(2, true);
  IRQ_ON();
  settle(2);
  EXPECT(seen.count, 2);
  EXPECT(seen.intid[0], 2);
  EXPECT(seen.intid[1], 1);
}

/// The running priority is the one that the interrupt was acknowledged with.
static void priority_while_active(void) {
  prepare();
  gic_enable(wire->intid, true);
  gic_enable(1, true);
  wire->set(true);
  EXPECT(ICC_GET(ICC_IAR1), wire->intid);
  gic_priority(wire->intid, 0x20);
  EXPECT(ICC_GET(ICC_RPR), 0xa0);
  gic_priority(1, 0x80);
  gic_sgi(1, 0);
  EXPECT(ICC_GET(ICC_IAR1), 1);  // preempts 0xa0, and would not preempt 0x20
  EXPECT(ICC_GET(ICC_RPR), 0x80);
  ICC_PUT(ICC_EOIR1, 1);
  EXPECT(ICC_GET(ICC_RPR), 0xa0);
  ICC_PUT(ICC_EOIR1, wire->intid);
  EXPECT(ICC_GET(ICC_RPR), 0xff);
  EXPECT(ICC_GET(ICC_IAR1), wire->intid);
  EXPECT(ICC_GET(ICC_RPR), 0x20);
  wire->set(false);
  ICC_PUT(ICC_EOIR1, wire->intid);
}

static void route_while_pending(void) {
  prepare();
  gic_enable(wire->intid, true);
  wire->set(true);
  EXPECT(ICC_GET(ICC_HPPIR1), wire->intid);
  gic_route(wire->intid, 0x7f00);
  EXPECT(ICC_GET(ICC_HPPIR1), kNoIntid);
  gic_route(wire->intid, cpu_affinity(0));
  EXPECT(ICC_GET(ICC_HPPIR1), wire->intid);
  wire->set(false);
}

static void route_while_active(void) {
  prepare();
  gic_enable(wire->intid, true);
  wire->set(true);
  EXPECT(ICC_GET(ICC_IAR1), wire->intid);
  gic_route(wire->intid, 0x7f00);  // active here, from now on pending elsewhere
  ICC_PUT(ICC_EOIR1, wire->intid);
  EXPECT(ICC_GET(ICC_RPR), 0xff);
  EXPECT_TRUE(!gic_active(wire->intid));
  EXPECT_TRUE(gic_pending(wire->intid));
  EXPECT(ICC_GET(ICC_IAR1), kNoIntid);
  gic_route(wire->intid, cpu_affinity(0));
  EXPECT(ICC_GET(ICC_IAR1), wire->intid);
  wire->set(false);
  ICC_PUT(ICC_EOIR1, wire->intid);
}

static void disabled_while_active(void) {
  prepare();
  gic_enable(wire->intid, true);
  wire->set(true);
  EXPECT(ICC_GET(ICC_IAR1), wire->intid);
  gic_enable(wire->intid, false);
  EXPECT_TRUE(gic_active(wire->intid));
  ICC_PUT(ICC_EOIR1, wire->intid);
  EXPECT_TRUE(!gic_active(wire->intid));
  EXPECT(ICC_GET(ICC_IAR1), kNoIntid);
  gic_enable(wire->intid, true);
  EXPECT(ICC_GET(ICC_IAR1), wire->intid);
  wire->set(false);
  ICC_PUT(ICC_EOIR1, wire->intid);
}

static void active_by_software(void) {
  prepare();
  gic_enable(wire->intid, true);
  gic_set_active(wire->intid, true);
  EXPECT_TRUE(gic_active(wire->intid));
  wire->set(true);
  EXPECT(ICC_GET(ICC_HPPIR1), kNoIntid);
  gic_set_active(wire->intid, false);
  EXPECT(ICC_GET(ICC_HPPIR1), wire->intid);
  wire->set(false);
}

/// ICACTIVER ends an interrupt as DIR does, and the priority drop is EOIR's all the same.
static void deactivated_by_software(void) {
  prepare();
  ICC_PUT(ICC_CTLR, 2);
  gic_enable(wire->intid, true);
  wire->set(true);
  EXPECT(ICC_GET(ICC_IAR1), wire->intid);
  gic_set_active(wire->intid, false);
  EXPECT(ICC_GET(ICC_RPR), 0xa0);
  EXPECT(ICC_GET(ICC_IAR1), kNoIntid);  // its own priority does not preempt itself
  ICC_PUT(ICC_EOIR1, wire->intid);
  EXPECT(ICC_GET(ICC_IAR1), wire->intid);
  wire->set(false);
  ICC_PUT(ICC_EOIR1, wire->intid);
  ICC_PUT(ICC_DIR, wire->intid);
  EXPECT_TRUE(!gic_active(wire->intid));
}

static void group_while_pending(void) {
  prepare();
  gic_enable(wire->intid, true);
  wire->set(true);
  EXPECT(ICC_GET(ICC_HPPIR1), wire->intid);
  EXPECT(ICC_GET(ICC_HPPIR0), kNoIntid);
  gic_group(wire->intid, 0);
  EXPECT(ICC_GET(ICC_HPPIR1), kNoIntid);
  EXPECT(ICC_GET(ICC_HPPIR0), wire->intid);
  EXPECT(ICC_GET(ICC_IAR1), kNoIntid);
  EXPECT(ICC_GET(ICC_IAR0), wire->intid);
  wire->set(false);
  ICC_PUT(ICC_EOIR0, wire->intid);
  EXPECT_TRUE(!gic_active(wire->intid));
}

void change_cases(void) {
  RUN(priority_while_pending);
  RUN(priority_while_active);
  RUN(route_while_pending);
  RUN(route_while_active);
  RUN(disabled_while_active);
  RUN(active_by_software);
  RUN(deactivated_by_software);
  RUN(group_while_pending);
}
