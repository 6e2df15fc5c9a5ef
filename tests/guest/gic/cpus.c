// 002f: several CPUs.  Interrupts between them, SPIs that go to each of them, and no wakeup that is
// lost between the look at a flag and WFI.
#include "suite.h"

#ifndef ROUNDS
#define ROUNDS 2000
#endif

static const u64 kPatience = 60000000;  // microseconds that a case may take
static u32 cpus;
static volatile u64 there[MAX_CPUS], taken[MAX_CPUS], wrong[MAX_CPUS], stop;
static u32 expected_intid;

static void take(struct Frame* f) {
  (void)f;
  const u32 intid = (u32)ICC_GET(ICC_IAR1), me = cpu_self();
  if (intid >= 1020) return;
  if (intid != expected_intid) wrong[me] = wrong[me] + 1;
  if (intid == wire->intid) wire->set(false);
  taken[me] = taken[me] + 1;
  DSB();
  ICC_PUT(ICC_EOIR1, intid);
}

static void open_interface(u32 cpu) {
  if (cpu != 0) gicc_init();
  if (expected_intid < 32) gic_enable(expected_intid, true);
  set_handler(take);
  there[cpu] = 1;
}
static bool all_there(void) {
  for (u32 n = 0; n < cpus; ++n)
    if (!wait_for(&there[n], 1, kPatience)) return false;
  return true;
}

/// Every CPU runs `work`; CPU 0 runs `mine` and comes back when the others are off.
static bool together(u32 intid, void (*work)(u32), void (*mine)(u32)) {
  cpus = cpu_count();
  if (cpus == 1) {
    skip("one CPU");
    return false;
  }
  prepare();
  expected_intid = intid;
  for (u32 n = 0; n < MAX_CPUS; ++n) there[n] = taken[n] = wrong[n] = 0;
  stop = 0;
  open_interface(0);
  for (u32 n = 1; n < cpus; ++n) EXPECT_TRUE(cpu_start(n, work));
  EXPECT_TRUE(all_there());
  mine(0);
  stop = 1;
  for (u32 n = 1; n < cpus; ++n) cpu_wait_off(n);
  for (u32 n = 0; n < cpus; ++n) EXPECT(wrong[n], 0);
  return true;
}

static void listen(u32 cpu) {
  open_interface(cpu);
  IRQ_ON();
  while (stop == 0) asm volatile("yield");
  IRQ_OFF();
}

// ---- Where they go -----------------------------------------------------------------------------

static void send_to_each(u32 me) {
  (void)me;
  for (u32 n = 1; n < cpus; ++n) {
    gic_sgi(1, n);
    EXPECT_TRUE(wait_for(&taken[n], 1, kPatience));
  }
  DSB();
  ICC_PUT(ICC_SGI1R, 1ul << 24 | 1ul << 40);  // IRM: all but oneself
  for (u32 n = 1; n < cpus; ++n) EXPECT_TRUE(wait_for(&taken[n], 2, kPatience));
  EXPECT_TRUE(!gic_pending(1));
}
static void sgis(void) {
  if (!together(1, listen, send_to_each)) return;
  for (u32 n = 1; n < cpus; ++n) EXPECT(taken[n], 2);
}

/// An SPI's wire follows GICD_IROUTER, and only there.
static void route_to_each(u32 me) {
  (void)me;
  gic_enable(wire->intid, true);
  for (u32 n = 1; n < cpus; ++n) {
    gic_route(wire->intid, cpu_affinity(n));
    wire->set(true);
    EXPECT_TRUE(wait_for(&taken[n], 1, kPatience));
  }
  EXPECT(ICC_GET(ICC_HPPIR1), kNoIntid);
}
static void spi_routes(void) {
  if (!together(wire->intid, listen, route_to_each)) return;
  for (u32 n = 1; n < cpus; ++n) EXPECT(taken[n], 1);
}

/// 002d, self-reconfigure: a level that CPU 0 has taken and sends on, still high, is CPU 1's.
static void send_on(u32 me) {
  (void)me;
  gic_enable(wire->intid, true);
  wire->set(true);
  EXPECT(ICC_GET(ICC_IAR1), wire->intid);
  gic_route(wire->intid, cpu_affinity(1));
  for (int i = 0; i < 200; ++i) ISB();
  EXPECT(taken[1], 0);  // active, wherever it is routed
  ICC_PUT(ICC_EOIR1, wire->intid);
  EXPECT_TRUE(wait_for(&taken[1], 1, kPatience));
}
static void spi_sent_on(void) {
  if (!together(wire->intid, listen, send_on)) return;
  EXPECT(taken[1], 1);
}

/// GICD_IROUTER.Interrupt_Routing_Mode: one of all, and one only.
static void any_of_them(u32 me) {
  (void)me;
  gic_route(wire->intid, IROUTER_ANY);
  gic_enable(wire->intid, true);
  for (u64 i = 1; i <= 20; ++i) {
    wire->set(true);
    const u64 start = counter();
    u64 all = 0;
    do {
      all = 0;
      for (u32 n = 0; n < cpus; ++n) all += taken[n];
    } while (all < i && counter() - start < micros(kPatience));
    EXPECT(all, i);
  }
}
static void spi_to_one_of_all(void) {
  if (get32(GICD_BASE + kTyper) >> 25 & 1) return skip("GICD_TYPER.No1N");
  together(wire->intid, listen, any_of_them);
}

/// The same PPI on every CPU is as many interrupts: enabled and active for each of its own.
static void look_at_ppi(u32 cpu) {
  open_interface(cpu);
  gic_enable(expected_intid, false);
  WRITE(cntv_cval_el0, 0);
  WRITE(cntv_ctl_el0, 1);
  gic_enable(expected_intid, true);
  if (ICC_GET(ICC_IAR1) != expected_intid) wrong[cpu] = 1;
  if (!gic_active(expected_intid)) wrong[cpu] = 2;
  WRITE(cntv_ctl_el0, 0);
  if (gic_pending(expected_intid)) wrong[cpu] = 3;
  ICC_PUT(ICC_EOIR1, expected_intid);
  taken[cpu] = 1;
}
static void ppi_of_mine(u32 me) {
  (void)me;
  for (u32 n = 1; n < cpus; ++n) EXPECT_TRUE(wait_for(&taken[n], 1, kPatience));
  EXPECT_TRUE(!gic_pending(TIMER_INTID));
  EXPECT_TRUE(!gic_active(TIMER_INTID));
}
static void ppis_are_private(void) { together(TIMER_INTID, look_at_ppi, ppi_of_mine); }

// ---- Lost wakeups ------------------------------------------------------------------------------

/// Sleeps until n interrupts have come.  One that is lost ends in silence, and whoever runs the suite
/// has a limit of time.
static void sleep_until(u32 cpu, u64 n) {
  for (;;) {
    IRQ_OFF();
    const bool came = taken[cpu] >= n;
    if (!came) WFI();
    IRQ_ON();
    ISB();
    if (came) return;
  }
}
static void pass_token(u32 cpu) {
  if (cpu != 0) {
    open_interface(cpu);
    while (there[0] < 2) asm volatile("yield");
  }
  there[0] = 2;
  for (u64 i = 1; i <= ROUNDS; ++i) {
    if (cpu != 0) sleep_until(cpu, i);
    gic_sgi(1, (cpu + 1) % cpus);
    if (cpu == 0) sleep_until(cpu, i);
  }
  IRQ_OFF();
}
static void sgi_round_trip(void) {
  if (!together(1, pass_token, pass_token)) return;
  for (u32 n = 0; n < cpus; ++n) EXPECT(taken[n], ROUNDS);
}

/// The same with a wire, which CPU 0 raises and the one that it is routed to lowers.
static void sleep_for_wire(u32 cpu) {
  open_interface(cpu);
  for (u64 i = 1; stop == 0; ++i) {
    while (taken[cpu] < i && stop == 0) {
      IRQ_OFF();
      if (taken[cpu] < i && stop == 0) WFI();
      IRQ_ON();
      ISB();
    }
  }
  IRQ_OFF();
}
static void raise_for_each(u32 me) {
  (void)me;
  gic_enable(wire->intid, true);
  for (u64 i = 0; i < ROUNDS / 4; ++i) {
    const u32 n = 1 + (u32)(i % (cpus - 1));
    const u64 before = taken[n];
    gic_route(wire->intid, cpu_affinity(n));
    wire->set(true);
    EXPECT_TRUE(wait_for(&taken[n], before + 1, kPatience));
  }
  stop = 1;
  for (u32 n = 1; n < cpus; ++n) {  // out of WFI
    gic_route(wire->intid, cpu_affinity(n));
    const u64 before = taken[n];
    wire->set(true);
    EXPECT_TRUE(wait_for(&taken[n], before + 1, kPatience));
  }
}
static void spi_wakes_each(void) {
  if (!together(wire->intid, sleep_for_wire, raise_for_each)) return;
  u64 all = 0;
  for (u32 n = 0; n < cpus; ++n) all += taken[n];
  EXPECT(all, ROUNDS / 4 + cpus - 1);
}

/// WFE and SEV: the event register keeps what comes before WFE.
static volatile u64 turn;
static void wait_for_turn(u32 cpu) {
  open_interface(cpu);
  for (u64 i = 0; i < ROUNDS / 4; ++i) {
    while (turn % cpus != cpu) asm volatile("wfe" ::: "memory");
    turn = turn + 1;
    asm volatile("dsb sy\n sev" ::: "memory");
  }
}
static void my_turns(u32 me) {
  for (u64 i = 0; i < ROUNDS / 4; ++i) {
    while (turn % cpus != me) asm volatile("wfe" ::: "memory");
    turn = turn + 1;
    asm volatile("dsb sy\n sev" ::: "memory");
  }
}
static void events(void) {
  turn = 0;
  if (!together(1, wait_for_turn, my_turns)) return;
  EXPECT(turn, ROUNDS / 4 * cpus);
}

void cpu_cases(void) {
  report("rounds", ROUNDS);
  RUN(sgis);
  RUN(spi_routes);
  RUN(spi_sent_on);
  RUN(spi_to_one_of_all);
  RUN(ppis_are_private);
  RUN(sgi_round_trip);
  RUN(spi_wakes_each);
  RUN(events);
}
