// Level-sensitive and edge-triggered interrupts: unmasking, retriggering, coalescing, and changes
// of configuration in flight (IHI 0069, chapter 4).
#include "tests/unit/hw/gic/gic_rig.h"

namespace quince::hw::test {
namespace {

constexpr u32 kSpi = 40, kOther = 70;

struct GicLevelTest : ::testing::Test, GicRig {
  GicLevelTest() : GicRig(2) { open(2); }
};

// --- Unmasking while the wire is high -----------------------------------------------------------

/// One way of holding an interrupt back and of letting it go.
struct Gate {
  const char* name;
  void (*close)(GicRig&);
  void (*open)(GicRig&);
};
const Gate kGates[] = {
    {"ISENABLER", [](GicRig& r) { r.put_bit(kIcenabler, kSpi); },
     [](GicRig& r) { r.put_bit(kIsenabler, kSpi); }},
    {"GICD_CTLR", [](GicRig& r) { r.wr(kGicdCtlr, 1); }, [](GicRig& r) { r.wr(kGicdCtlr, 3); }},
    {"IGRPEN1", [](GicRig& r) { r.icc(0, kIgrpen1, 0); }, [](GicRig& r) { r.icc(0, kIgrpen1, 1); }},
    {"PMR", [](GicRig& r) { r.icc(0, kPmr, 0x80); }, [](GicRig& r) { r.icc(0, kPmr, 0x88); }},
    {"IPRIORITYR",
     [](GicRig& r) {
       r.icc(0, kPmr, 0xa0);
       r.set_priority(kSpi, 0xa0);
     },
     [](GicRig& r) { r.set_priority(kSpi, 0x98); }},
    {"IROUTER", [](GicRig& r) { r.set_route(kSpi, 0x77); },
     [](GicRig& r) { r.set_route(kSpi, 0); }},
    {"ICACTIVER", [](GicRig& r) { r.put_bit(kIsactiver, kSpi); },
     [](GicRig& r) { r.put_bit(kIcactiver, kSpi); }},
};

TEST_F(GicLevelTest, OpeningAGateDeliversALevelThatIsAlreadyHighOnce) {
  for (const Gate& gate : kGates) {
    SCOPED_TRACE(gate.name);
    put_bit(kIsenabler, kSpi);
    gate.close(*this);
    line(kSpi, true);
    EXPECT_FALSE(irq[0].high);
    EXPECT_EQ(ack(), kSpurious);
    EXPECT_TRUE(bit_of(kIspendr, kSpi));
    gate.open(*this);
    EXPECT_TRUE(irq[0].high);
    EXPECT_EQ(ack(), kSpi);
    EXPECT_EQ(ack(), kSpurious);
    line(kSpi, false);
    eoi(kSpi);
    EXPECT_FALSE(irq[0].high);
    EXPECT_EQ(ack(), kSpurious);
  }
}

TEST_F(GicLevelTest, ALevelThatFallsBeforeItIsUnmaskedIsGone) {
  line(kSpi, true);
  line(kSpi, false);
  put_bit(kIsenabler, kSpi);
  EXPECT_FALSE(bit_of(kIspendr, kSpi));
  EXPECT_FALSE(irq[0].high);
}

TEST_F(GicLevelTest, AnEdgeWhileDisabledIsKept) {
  set_edge(kSpi, true);
  pulse(kSpi);
  EXPECT_TRUE(bit_of(kIspendr, kSpi));
  put_bit(kIsenabler, kSpi);
  EXPECT_EQ(ack(), kSpi);
  eoi(kSpi);
  EXPECT_EQ(ack(), kSpurious);
}

// --- Retriggering --------------------------------------------------------------------------------

TEST_F(GicLevelTest, EndingWithTheWireStillHighRetriggers) {
  put_bit(kIsenabler, kSpi);
  line(kSpi, true);
  for (int n = 0; n < 5; ++n) {
    EXPECT_TRUE(irq[0].high);
    EXPECT_EQ(ack(), kSpi);
    EXPECT_FALSE(irq[0].high);
    EXPECT_TRUE(bit_of(kIspendr, kSpi)) << "active and pending";
    EXPECT_TRUE(bit_of(kIsactiver, kSpi));
    eoi(kSpi);
  }
  EXPECT_EQ(irq[0].edges, 6);
}

TEST_F(GicLevelTest, WithEoiModeOneOnlyTheDeactivationRetriggers) {
  icc(0, kCtlr, kIccEoiMode);
  put_bit(kIsenabler, kSpi);
  line(kSpi, true);
  for (int n = 0; n < 5; ++n) {
    EXPECT_EQ(ack(), kSpi);
    eoi(kSpi);
    EXPECT_EQ(icc(0, kRpr), kIdlePriority);
    EXPECT_TRUE(bit_of(kIsactiver, kSpi));
    EXPECT_FALSE(irq[0].high);
    icc(0, kDir, kSpi);
    EXPECT_TRUE(irq[0].high);
  }
}

TEST_F(GicLevelTest, DirIsIgnoredWithEoiModeZero) {
  put_bit(kIsenabler, kSpi);
  line(kSpi, true);
  EXPECT_EQ(ack(), kSpi);
  icc(0, kDir, kSpi);
  EXPECT_TRUE(bit_of(kIsactiver, kSpi));
}

TEST_F(GicLevelTest, AnotherCpuMayDeactivate) {
  icc(0, kCtlr, kIccEoiMode);
  icc(1, kCtlr, kIccEoiMode);
  put_bit(kIsenabler, kSpi);
  line(kSpi, true);
  EXPECT_EQ(ack(0), kSpi);
  eoi(kSpi, 0);
  icc(1, kDir, kSpi);
  EXPECT_FALSE(bit_of(kIsactiver, kSpi));
  EXPECT_TRUE(irq[0].high) << "still routed to CPU 0";
  EXPECT_FALSE(irq[1].high);
}

TEST_F(GicLevelTest, PpisRetriggerToo) {
  put_bit(kIsenabler, 27, 1);
  line(27, true, 1);
  EXPECT_FALSE(irq[0].high) << "private to CPU 1";
  EXPECT_EQ(ack(1), 27u);
  eoi(27, 1);
  EXPECT_TRUE(irq[1].high);
  line(27, false, 1);
  EXPECT_FALSE(irq[1].high);
}

// --- Coalescing ----------------------------------------------------------------------------------

TEST_F(GicLevelTest, WobblesWhileActiveAreNoSecondInterruptForALevelAndOneForAnEdge) {
  for (const bool edge : {false, true}) {
    SCOPED_TRACE(edge ? "edge" : "level");
    set_edge(kSpi, edge);
    put_bit(kIsenabler, kSpi);
    int count = 0;
    line(kSpi, true);
    while (count < 9 && ack() == kSpi) {
      if (++count == 1) {
        for (int i = 0; i < 3; ++i) {
          line(kSpi, false);
          line(kSpi, true);
        }
      }
      line(kSpi, false);
      eoi(kSpi);
    }
    EXPECT_EQ(count, edge ? 2 : 1);
  }
}

TEST_F(GicLevelTest, EdgesBeforeTheAcknowledgeMerge) {
  set_edge(kSpi, true);
  put_bit(kIsenabler, kSpi);
  for (int i = 0; i < 4; ++i) pulse(kSpi);
  EXPECT_EQ(ack(), kSpi);
  eoi(kSpi);
  EXPECT_EQ(ack(), kSpurious);
}

TEST_F(GicLevelTest, AHighWireIsNoNewEdge) {
  set_edge(kSpi, true);
  put_bit(kIsenabler, kSpi);
  line(kSpi, true);
  EXPECT_EQ(ack(), kSpi);
  line(kSpi, true);
  eoi(kSpi);
  EXPECT_EQ(ack(), kSpurious);
}

// --- Changes in flight ---------------------------------------------------------------------------

TEST_F(GicLevelTest, ChangingTheTriggerKeepsWhatWasLatched) {
  struct Case {
    bool from_edge, latched_by_software, stays_high, pending_after;
  };
  const Case cases[] = {
      {false, false, true, false},  // a level becomes an edge: nothing was latched
      {false, true, true, true},    // software's latch stays
      {true, false, true, true},    // the latched edge stays, and the wire is high
      {true, false, false, true},   // the latched edge stays although the wire is low
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(&c - cases);
    set_edge(kSpi, c.from_edge);
    put_bit(kIcpendr, kSpi);
    line(kSpi, true);
    if (c.latched_by_software) put_bit(kIspendr, kSpi);
    if (!c.stays_high) line(kSpi, false);
    set_edge(kSpi, !c.from_edge);
    EXPECT_EQ(bit_of(kIspendr, kSpi), c.pending_after);
    line(kSpi, false);
    put_bit(kIcpendr, kSpi);
    EXPECT_FALSE(bit_of(kIspendr, kSpi));
  }
}

TEST_F(GicLevelTest, ReconfiguringAHighWireToLevelMakesItPending) {
  set_edge(kSpi, true);
  put_bit(kIsenabler, kSpi);
  line(kSpi, true);
  EXPECT_EQ(ack(), kSpi);
  eoi(kSpi);
  EXPECT_FALSE(irq[0].high);
  set_edge(kSpi, false);
  EXPECT_TRUE(irq[0].high);
  set_edge(kSpi, true);
  EXPECT_FALSE(irq[0].high);
}

TEST_F(GicLevelTest, RoutingWhileActiveMovesTheNextOne) {
  put_bit(kIsenabler, kSpi);
  line(kSpi, true);
  EXPECT_EQ(ack(0), kSpi);
  set_route(kSpi, 1);
  EXPECT_FALSE(irq[1].high) << "active, wherever it is routed";
  eoi(kSpi, 0);
  EXPECT_FALSE(irq[0].high);
  EXPECT_TRUE(irq[1].high);
  EXPECT_EQ(ack(0), kSpurious);
  EXPECT_EQ(ack(1), kSpi);
  line(kSpi, false);
  eoi(kSpi, 1);
  EXPECT_FALSE(irq[1].high);
}

TEST_F(GicLevelTest, RoutingWhilePendingMovesIt) {
  put_bit(kIsenabler, kSpi);
  line(kSpi, true);
  EXPECT_TRUE(irq[0].high);
  set_route(kSpi, 1);
  EXPECT_FALSE(irq[0].high);
  EXPECT_TRUE(irq[1].high);
}

TEST_F(GicLevelTest, APriorityChangeReordersWhatIsPending) {
  put_bit(kIsenabler, kSpi);
  put_bit(kIsenabler, kOther);
  line(kSpi, true);
  line(kOther, true);
  EXPECT_EQ(icc(0, kHppir1), kSpi) << "equal priorities go by INTID";
  set_priority(kOther, 0x78);
  EXPECT_EQ(icc(0, kHppir1), kOther);
  set_priority(kSpi, 0x70);
  EXPECT_EQ(icc(0, kHppir1), kSpi);
  set_priority(kSpi, 0x80);
  EXPECT_EQ(ack(), kOther);
}

TEST_F(GicLevelTest, APriorityChangeWhileActiveLeavesTheRunningPriority) {
  put_bit(kIsenabler, kSpi);
  line(kSpi, true);
  EXPECT_EQ(ack(), kSpi);
  set_priority(kSpi, 0x20);
  EXPECT_EQ(icc(0, kRpr), 0x80u);
  eoi(kSpi);
  EXPECT_EQ(ack(), kSpi);
  EXPECT_EQ(icc(0, kRpr), 0x20u);
}

// --- The pending latch of software ---------------------------------------------------------------

TEST_F(GicLevelTest, SoftwarePendingOutlivesTheWire) {
  line(kSpi, true);
  put_bit(kIspendr, kSpi);
  line(kSpi, false);
  EXPECT_TRUE(bit_of(kIspendr, kSpi));
  put_bit(kIcpendr, kSpi);
  EXPECT_FALSE(bit_of(kIspendr, kSpi));
}

TEST_F(GicLevelTest, ClearingPendingDoesNothingToAHighWire) {
  put_bit(kIsenabler, kSpi);
  line(kSpi, true);
  put_bit(kIspendr, kSpi);
  put_bit(kIcpendr, kSpi);
  EXPECT_TRUE(bit_of(kIspendr, kSpi));
  EXPECT_TRUE(irq[0].high);
  line(kSpi, false);
  EXPECT_FALSE(irq[0].high);
}

TEST_F(GicLevelTest, ClearingPendingTakesBackAnEdge) {
  set_edge(kSpi, true);
  put_bit(kIsenabler, kSpi);
  line(kSpi, true);
  EXPECT_TRUE(irq[0].high);
  put_bit(kIcpendr, kSpi);
  EXPECT_FALSE(irq[0].high);
  EXPECT_EQ(ack(), kSpurious);
}

TEST_F(GicLevelTest, AcknowledgingConsumesTheSoftwareLatch) {
  put_bit(kIsenabler, kSpi);
  put_bit(kIspendr, kSpi);
  EXPECT_EQ(ack(), kSpi);
  EXPECT_FALSE(bit_of(kIspendr, kSpi));
  put_bit(kIspendr, kSpi);
  EXPECT_TRUE(bit_of(kIspendr, kSpi)) << "active and pending";
  eoi(kSpi);
  EXPECT_EQ(ack(), kSpi);
  eoi(kSpi);
  EXPECT_EQ(ack(), kSpurious);
}

TEST_F(GicLevelTest, LinesThatDoNotExistAreIgnored) {
  const u64 before = hash();
  gic.spi_sink().set_line(256, true);
  gic.spi_sink().set_line(~0u, true);
  gic.ppi_sink(0).set_line(15, true);
  gic.ppi_sink(0).set_line(32, true);
  EXPECT_EQ(hash(), before);
}

}  // namespace
}  // namespace quince::hw::test
