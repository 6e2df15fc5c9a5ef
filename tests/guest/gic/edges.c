// Edge-triggered interrupts: a rising edge sets the pending state, and acknowledging clears it (Arm IHI
// 0069, 4.1.3).  The same wires, so that each of these is the twin of a case in levels.c.
#include "suite.h"

static bool edge_wire(void) {
  prepare();
  gic_edge(wire->intid, true);
  if (gic_is_edge(wire->intid)) return true;
  skip("its configuration is fixed (GICR_ICFGR1 may be)");
  return false;
}
static void pulse(void) {
  wire->set(true);
  wire->set(false);
}

static void an_edge_stays(void) {
  if (!edge_wire()) return;
  pulse();
  EXPECT_TRUE(gic_pending(wire->intid));
  gic_set_pending(wire->intid, false);
  EXPECT_TRUE(!gic_pending(wire->intid));
}

static void edges_while_pending_are_one(void) {
  if (!edge_wire()) return;
  for (int i = 0; i < 3; ++i) pulse();
  action = 0;
  gic_enable(wire->intid, true);
  IRQ_ON();
  settle(2);
  EXPECT(seen.count, 1);
}

/// A wire that stays high is one edge, whatever is cleared.
static void a_high_wire_is_one_edge(void) {
  if (!edge_wire()) return;
  action = 0;
  gic_enable(wire->intid, true);
  wire->set(true);
  IRQ_ON();
  settle(2);
  EXPECT(seen.count, 1);
  EXPECT_TRUE(!gic_pending(wire->intid));
  gic_enable(wire->intid, false);
  gic_enable(wire->intid, true);
  settle(2);
  EXPECT(seen.count, 1);
  wire->set(false);  // the falling edge is none
  settle(2);
  EXPECT(seen.count, 1);
}

// 002d, edge-mask: an edge behind a mask is kept, and one that is cleared there is not.
static void an_edge_behind_a_mask_is_kept(void) {
  if (!edge_wire()) return;
  action = 0;
  IRQ_ON();
  pulse();
  settle(1);
  EXPECT(seen.count, 0);
  gic_enable(wire->intid, true);
  settle(2);
  EXPECT(seen.count, 1);
  gic_enable(wire->intid, false);
  pulse();
  gic_set_pending(wire->intid, false);
  gic_enable(wire->intid, true);
  settle(2);
  EXPECT(seen.count, 1);
}

// 002c: the twin of `coalesce`.
static void again(u32 intid) {
  (void)intid;
  if (seen.count > 1) return;
  wire->set(false);
  pulse();
  pulse();
}
static void edges_while_active_are_one_more(void) {
  if (!edge_wire()) return;
  action = again;
  gic_enable(wire->intid, true);
  wire->set(true);
  IRQ_ON();
  settle(3);
  EXPECT(seen.count, 2);
}

static void active_and_pending_edge(void) {
  if (!edge_wire()) return;
  gic_enable(wire->intid, true);
  pulse();
  EXPECT(ICC_GET(ICC_IAR1), wire->intid);
  EXPECT_TRUE(!gic_pending(wire->intid));  // the acknowledge took it
  pulse();
  EXPECT_TRUE(gic_pending(wire->intid));
  EXPECT_TRUE(gic_active(wire->intid));
  EXPECT(ICC_GET(ICC_IAR1), kNoIntid);
  ICC_PUT(ICC_EOIR1, wire->intid);
  EXPECT(ICC_GET(ICC_IAR1), wire->intid);
  ICC_PUT(ICC_EOIR1, wire->intid);
  EXPECT(ICC_GET(ICC_IAR1), kNoIntid);
}

/// 002d.  A change of ICFGR leaves an UNKNOWN pending state (GICD_ICFGR<n>), so software clears it; from
/// then on the other rule holds, though the wire has not moved.
static void reconfigured(void) {
  if (!edge_wire()) return;
  pulse();
  gic_edge(wire->intid, false);
  gic_set_pending(wire->intid, false);
  EXPECT_TRUE(!gic_pending(wire->intid));
  wire->set(true);
  EXPECT_TRUE(gic_pending(wire->intid));
  gic_edge(wire->intid, true);
  gic_set_pending(wire->intid, false);
  EXPECT_TRUE(!gic_pending(wire->intid));  // high, but no edge since
  gic_edge(wire->intid, false);
  EXPECT_TRUE(gic_pending(wire->intid));  // and a level again
  wire->set(false);
  EXPECT_TRUE(!gic_pending(wire->intid));
}

void edge_cases(void) {
  for (u64 i = 0; i < kWires; ++i) {
    wire = &wires[i];
    RUN_WITH(an_edge_stays, wire->name);
    RUN_WITH(edges_while_pending_are_one, wire->name);
    RUN_WITH(a_high_wire_is_one_edge, wire->name);
    RUN_WITH(an_edge_behind_a_mask_is_kept, wire->name);
    RUN_WITH(edges_while_active_are_one_more, wire->name);
    RUN_WITH(active_and_pending_edge, wire->name);
    RUN_WITH(reconfigured, wire->name);
  }
  wire = &wires[kGpioWire];
}
