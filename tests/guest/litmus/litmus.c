// Runs the litmus tests of shapes.c.  Each shape runs in batches: the threads meet, and each goes through an
// array of instances, whose locations are a cache line each, with nothing in common but the start; CPU 0
// then looks at what all of them left.  How many runs: the word at RUNS_AT, or kShortRuns when
// that is zero; `-device loader,addr=0x7f000000,data=10000000,data-len=8` sets it.
#include "guest.h"
#include "litmus/shapes.h"

enum { kBatch = 512, kShortRuns = 4096, kTurns = 2000, kDelays = 5 };
#define RUNS_AT (RAM_BASE + 0xf000000ul)
static const u64 kPatience = 3600000000;  // microseconds: no host is ever so slow

static Reg cells[kLocations][kBatch * kLine] __attribute__((aligned(4096)));
static struct Outcome outcomes[kBatch] __attribute__((aligned(4096)));
static volatile u64 start __attribute__((aligned(64)));  // batches that may begin
static volatile u64 there __attribute__((aligned(64)));  // threads that wait for the others
static volatile u64 finished __attribute__((aligned(64)));
static const struct Shape* volatile shape;
static volatile u64 stop;
static u64 runs;
static u32 cpus, workers;

/// Waits in a loop, so that all go on at the same moment; where the host has fewer CPUs, the others must
/// have their turn at last.
static void await(volatile u64* word, u64 value, u64 patience) {
  for (u64 turns = 1; __atomic_load_n(word, __ATOMIC_ACQUIRE) < value; ++turns)
    if (turns % patience == 0) asm volatile("yield");
}

static void run_thread(u32 n, u64 batch) {
  const Thread thread = shape->thread[n];
  // Who begins how much later differs from batch to batch, so that accesses meet in every way.
  u64 delay = batch * (2 * n + 1) % kDelays;
  __atomic_fetch_add(&there, 1, __ATOMIC_SEQ_CST);
  await(&there, shape->threads, kTurns);
  for (; delay != 0; --delay) asm volatile("");
  Reg *x = cells[0], *y = cells[1], *z = cells[2];
  for (u64 i = 0; i < kBatch; ++i, x += kLine, y += kLine, z += kLine)
    thread(x, y, z, outcomes[i].r[n]);
  __atomic_fetch_add(&finished, 1, __ATOMIC_SEQ_CST);
}

static void worker(u32 cpu) {
  for (u64 batch = 1;; ++batch) {
    await(&start, batch, 64);
    if (stop) return;
    if (cpu < shape->threads)
      run_thread(cpu, batch);
    else  // who comes late must not take the next batch's shape for this one's
      __atomic_fetch_add(&finished, 1, __ATOMIC_SEQ_CST);
  }
}

/// Outcomes of a batch that are the shape's; the locations are zero again.
static u64 judge(void) {
  u64 weak = 0;
  Reg *x = cells[0], *y = cells[1], *z = cells[2];
  for (struct Outcome* o = outcomes; o < outcomes + kBatch;
       ++o, x += kLine, y += kLine, z += kLine) {
    o->x = *x;
    o->y = *y;
    o->z = *z;
    *x = *y = *z = 0;
    weak += shape->weak(o);
  }
  return weak;
}

static u64 batch_number;
static u64 weak_outcomes(const struct Shape* s) {
  u64 weak = 0;
  shape = s;
  for (u64 done = 0; done < runs; done += kBatch) {
    there = finished = 0;
    __atomic_store_n(&start, ++batch_number, __ATOMIC_SEQ_CST);
    run_thread(0, batch_number);
    if (!wait_for(&finished, workers, kPatience)) EXPECT_TRUE(!"a thread ended");
    weak += judge();
  }
  return weak;
}

static const struct Shape* current;
static void run_shape(void) {
  const u64 weak = weak_outcomes(current);
  if (current->forbidden)
    EXPECT(weak, 0);
  else
    report(current->name, weak);
}

/// FEAT_LRCPC is there, or LDAPR is UNDEFINED.
static bool has_ldapr(void) { return (READ(id_aa64isar1_el1) >> 20 & 15) != 0; }
static bool uses_ldapr(const struct Shape* s) {
  for (const char* c = s->name; *c != 0; ++c)
    if (*c == 'q') return true;
  return false;
}

void test_main(void) {
  runs = *(volatile u64*)RUNS_AT;
  if (runs == 0) runs = kShortRuns;
  cpus = cpu_count();
  workers = cpus < kThreads ? cpus : kThreads;
  report("cpus", cpus);
  report("runs", runs);
  for (u32 n = 1; n < workers; ++n) EXPECT(cpu_on(n, worker), 0);
  for (unsigned i = 0; i < shape_count; ++i) {
    current = &shapes[i];
    if (current->threads > cpus || (uses_ldapr(current) && !has_ldapr())) continue;
    run_case(current->name, run_shape);
  }
  stop = 1;
  __atomic_store_n(&start, ++batch_number, __ATOMIC_SEQ_CST);
  for (u32 n = 1; n < workers; ++n) cpu_wait_off(n);
}
