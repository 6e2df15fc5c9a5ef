// Several CPUs: atomics, ordering, TLB and instruction cache maintenance that must reach the
// others, interrupts between CPUs.  CPU 0 starts the workers and judges.
#include "guest.h"

enum { kRounds = 20000, kMessages = 3000, kMoves = 60, kFewMoves = 10, kCodes = 50, kPings = 1000 };
static u32 cpus;
static const u64 kPatience = 40000000;  // microseconds that a case may take
static const u64 kMovesTime = 3000000;  // microseconds after which a few moves are enough

static volatile u64 ready, counter_a, counter_b, counter_c, errors;
static volatile u64 pair[2] __attribute__((aligned(16)));
static volatile u64 lock;
static u64 guarded;  // by `lock`

static void arrive(void) { __atomic_fetch_add(&ready, 1, __ATOMIC_SEQ_CST); }
static void complain(void) { __atomic_fetch_add(&errors, 1, __ATOMIC_SEQ_CST); }

/// Runs `work` on every CPU, this one with `mine`, and waits for the others.
static void together(void (*work)(u32), void (*mine)(u32)) {
  ready = errors = 0;
  DSB();
  for (u32 n = 1; n < cpus; ++n) EXPECT(cpu_on(n, work), 0);
  mine(0);
  for (u32 n = 1; n < cpus; ++n) cpu_wait_off(n);
  EXPECT(errors, 0);
}
static void meet(void) {
  arrive();
  if (!wait_for(&ready, cpus, kPatience)) complain();
}

// ---- Atomics -----------------------------------------------------------------------------------

static void add_lse(u32 cpu) {
  (void)cpu;
  meet();
  for (u64 i = 0; i < kRounds; ++i) {
    asm volatile("stadd %1, %0" : "+Q"(counter_a) : "r"(1ul) : "memory");
    u64 old = __atomic_load_n(&counter_b, __ATOMIC_RELAXED), seen;
    for (;;) {
      seen = old;
      asm volatile("casal %0, %2, %1" : "+r"(seen), "+Q"(counter_b) : "r"(old + 1) : "memory");
      if (seen == old) break;
      old = seen;
    }
  }
}
static void add_exclusive(u32 cpu) {
  (void)cpu;
  meet();
  for (u64 i = 0; i < kRounds; ++i) {
    u64 v;
    u32 failed;
    do {
      asm volatile("ldxr %0, %2\n add %0, %0, #1\n stxr %w1, %0, %2"
                   : "=&r"(v), "=&r"(failed), "+Q"(counter_c)::"memory");
    } while (failed);
    u64 w;
    do {  // both halves move together, or a pair was torn
      asm volatile("ldaxp %0, %1, %3\n add %0, %0, #1\n add %1, %1, #2\n stlxp %w2, %0, %1, %3"
                   : "=&r"(v), "=&r"(w), "=&r"(failed), "+Q"(pair)::"memory");
      if (w != 2 * v) complain();
    } while (failed);
  }
}
static void with_lock(u32 cpu) {
  (void)cpu;
  meet();
  for (u64 i = 0; i < kRounds / 4; ++i) {
    u64 held;
    for (;;) {
      asm volatile("swpa %2, %0, %1" : "=&r"(held), "+Q"(lock) : "r"(1ul) : "memory");
      if (held == 0) break;
      asm volatile("yield");
    }
    ++guarded;
    asm volatile("stlr xzr, %0" : "=Q"(lock)::"memory");
  }
}
/// The lock of an operating system: waits in WFE for the event of the release.
static void with_wfe(u32 cpu) {
  (void)cpu;
  meet();
  for (u64 i = 0; i < kRounds / 20; ++i) {
    u64 held;
    u32 failed;
    asm volatile("sevl" ::: "memory");
    do {
      asm volatile("wfe\n ldaxr %0, %1" : "=&r"(held) : "Q"(lock) : "memory");
      failed = 1;
      if (held != 0) continue;
      asm volatile("stxr %w0, %2, %1" : "=&r"(failed), "=Q"(lock) : "r"(1ul) : "memory");
      if (failed) asm volatile("sevl" ::: "memory");
    } while (failed);
    ++guarded;
    asm volatile("stlr xzr, %0\n dsb ish\n sev" : "=Q"(lock)::"memory");
  }
}

static void lse_counters(void) {
  counter_a = counter_b = 0;
  together(add_lse, add_lse);
  EXPECT(counter_a, kRounds * cpus);
  EXPECT(counter_b, kRounds * cpus);
}
static void exclusive_counters(void) {
  counter_c = 0;
  pair[0] = pair[1] = 0;
  together(add_exclusive, add_exclusive);
  EXPECT(counter_c, kRounds * cpus);
  EXPECT(pair[0], kRounds * cpus);
  EXPECT(pair[1], 2 * kRounds * cpus);
}
static void spinlock(void) {
  guarded = 0;
  together(with_lock, with_lock);
  EXPECT(guarded, kRounds / 4 * cpus);
}
static void wfe_lock(void) {
  guarded = 0;
  together(with_wfe, with_wfe);
  EXPECT(guarded, kRounds / 20 * cpus);
}

// ---- Message passing ---------------------------------------------------------------------------

static u64 message[8];
static volatile u64 sent, received;
static void read_messages(u32 cpu) {
  meet();
  if (cpu != 1) return;
  for (u64 i = 1; i <= kMessages; ++i) {
    if (!wait_for(&sent, i, kPatience)) return complain();
    for (u64 k = 0; k < 8; ++k)
      if (message[k] != i * 8 + k) complain();
    __atomic_store_n(&received, i, __ATOMIC_RELEASE);
  }
}
static void write_messages(u32 cpu) {
  (void)cpu;
  meet();
  for (u64 i = 1; i <= kMessages; ++i) {
    for (u64 k = 0; k < 8; ++k) message[k] = i * 8 + k;
    __atomic_store_n(&sent, i, __ATOMIC_RELEASE);
    if (!wait_for(&received, i, kPatience)) return complain();
  }
}
static void message_passing(void) {
  sent = received = 0;
  together(read_messages, write_messages);
}

// ---- Maintenance -------------------------------------------------------------------------------

static u64 table3[512] __attribute__((aligned(4096)));
static u64 pages[2][512] __attribute__((aligned(4096)));
static volatile u64 epoch, stop;
#define WINDOW SCRATCH

/// The page is invalid for a moment: try again.
static bool retry(struct Frame *f) {
  return f->vector == kSync && f->esr >> 26 == 0x25 && (f->far & ~0xffful) == WINDOW;
}
static void watch_window(u32 cpu) {
  (void)cpu;
  set_handler(retry);
  meet();
  while (stop == 0) {
    const u64 before = __atomic_load_n(&epoch, __ATOMIC_ACQUIRE);
    const u64 seen = *(volatile u64 *)WINDOW;
    if (seen < before) complain();  // a translation that was gone
  }
}
static void move_window(u32 cpu) {
  (void)cpu;
  meet();
  const u64 start = counter();
  for (u64 i = 1; i <= kMoves; ++i) {
    // Every DSB waits until the other CPUs' threads have had their turn; on a busy host that takes
    // long, and a few moves must do.
    if (i > kFewMoves && counter() - start > micros(kMovesTime)) break;
    u64 *const page = pages[i & 1];
    *(volatile u64 *)&table3[0] = 0;
    asm volatile("dsb ishst\n tlbi vaae1is, %0\n dsb ish" ::"r"(WINDOW >> 12) : "memory");
    page[0] = i;
    *(volatile u64 *)&table3[0] = (u64)page | PTE_PAGE | PTE_AF | PTE_NORMAL | PTE_INNER;
    DSB();
    __atomic_store_n(&epoch, i, __ATOMIC_RELEASE);
  }
  stop = 1;
}
static void tlbi_reaches_all(void) {
  volatile u64 *entry = mmu_entry(WINDOW);
  const u64 was = *entry;
  epoch = stop = 0;
  pages[0][0] = 0;
  *entry = 0;
  tlb_flush();
  table3[0] = (u64)pages[0] | PTE_PAGE | PTE_AF | PTE_NORMAL | PTE_INNER;
  *entry = (u64)table3 | PTE_TABLE;
  DSB();
  together(watch_window, move_window);
  *entry = 0;
  tlb_flush();
  *entry = was;
  DSB();
}

#define CODE_AT (SCRATCH + 0x200000)
static volatile u64 written, executed;
static void run_code(u32 cpu) {
  (void)cpu;
  meet();
  for (u64 i = 1; i <= kCodes; ++i) {
    if (!wait_for(&written, i, kPatience)) return complain();
    ISB();
    if (((u64(*)(void))CODE_AT)() != i) complain();
    __atomic_fetch_add(&executed, 1, __ATOMIC_SEQ_CST);
  }
}
static void write_code(u32 cpu) {
  (void)cpu;
  volatile u32 *code = (volatile u32 *)CODE_AT;
  code[1] = 0xd65f03c0;  // RET
  meet();
  for (u64 i = 1; i <= kCodes; ++i) {
    code[0] = 0xd2800000 | (u32)i << 5;  // MOVZ X0, #i
    asm volatile("dc cvau, %0\n dsb ish\n ic ivau, %0\n dsb ish\n isb" ::"r"(code) : "memory");
    __atomic_store_n(&written, i, __ATOMIC_RELEASE);
    if (!wait_for(&executed, i * (cpus - 1), kPatience)) return complain();
  }
}
static void code_reaches_all(void) {
  volatile u64 *entry = mmu_entry(CODE_AT);
  const u64 was = *entry;
  written = executed = 0;
  *entry = was & ~PTE_PXN;
  tlb_flush();
  together(run_code, write_code);
  *entry = was;
  tlb_flush();
}

// ---- Interrupts --------------------------------------------------------------------------------

static volatile u64 pings[MAX_CPUS];
static bool count_ping(struct Frame *f) {
  if (f->vector != kIrq) return false;
  const u32 id = (u32)GIC_READ(ICC_IAR1);
  if (id >= 1020) return true;
  const u64 me = this_cpu()->number;
  pings[me] = pings[me] + 1;
  GIC_WRITE(ICC_EOIR1, id);
  return true;
}
/// Sleeps until `n` interrupts have come.  A lost wakeup is the end of this CPU, and the test's
/// time limit reports it.
static void sleep_until(u32 cpu, u64 n) {
  for (;;) {
    IRQ_OFF();
    const bool there = pings[cpu] >= n;
    if (!there) WFI();
    IRQ_ON();
    ISB();
    if (there) return;
  }
}
/// A token goes round all CPUs.
static void pass_token(u32 cpu) {
  gic_init_cpu();
  gic_enable(1, true);
  set_handler(count_ping);
  meet();
  for (u64 i = 1; i <= kPings; ++i) {
    if (cpu != 0) sleep_until(cpu, i);
    gic_sgi(1, (cpu + 1) % cpus);
    if (cpu == 0) sleep_until(cpu, i);
  }
  IRQ_OFF();
}
static void ipi_round_trip(void) {
  for (u32 n = 0; n < cpus; ++n) pings[n] = 0;
  gic_init();
  together(pass_token, pass_token);
  for (u32 n = 0; n < cpus; ++n) EXPECT(pings[n], kPings);
}

/// An SPI follows GICD_IROUTER, and SGIs to all but oneself reach all but oneself.
static void wait_one(u32 cpu) {
  gic_init_cpu();
  gic_enable(2, true);
  set_handler(count_ping);
  IRQ_ON();
  meet();
  if (!wait_for(&pings[cpu], 2, kPatience)) complain();
  IRQ_OFF();
}
static void send_one_each(u32 cpu) {
  (void)cpu;
  meet();
  for (u32 n = 1; n < cpus; ++n) {
    gic_edge(GPIO_INTID, true);
    gic_route(GPIO_INTID, n);
    gic_enable(GPIO_INTID, true);
    gic_set_pending(GPIO_INTID, true);
    if (!wait_for(&pings[n], 1, kPatience)) complain();
  }
  DSB();
  GIC_WRITE(ICC_SGI1R, 2ul << 24 | 1ul << 40);  // IRM
}
static void routing(void) {
  for (u32 n = 0; n < cpus; ++n) pings[n] = 0;
  gic_init();
  gic_enable(2, true);
  together(wait_one, send_one_each);
  for (u32 n = 1; n < cpus; ++n) EXPECT(pings[n], 2);
  EXPECT(GIC_READ(ICC_HPPIR1), 1023);
}

void test_main(void) {
  cpus = cpu_count();
  report("cpus", cpus);
  RUN(lse_counters);
  RUN(exclusive_counters);
  RUN(spinlock);
  RUN(wfe_lock);
  RUN(message_passing);
  RUN(tlbi_reaches_all);
  RUN(code_reaches_all);
  RUN(ipi_round_trip);
  RUN(routing);
}
