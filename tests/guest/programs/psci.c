// PSCI 1.1 (Arm DEN 0022) over HVC.  With one CPU, the cases that need others see none.
#include "guest.h"

enum {
  kSuccess = 0, kNotSupported = -1, kInvalidParameters = -2, kAlreadyOn = -4, kOnPending = -5,
};
enum { kOn = 0, kOff = 1 };

extern char secondary_start[];
static u32 cpus;

static void version(void) { EXPECT(psci(kPsciVersion, 0, 0, 0), 0x10001); }

static void features(void) {
  u64 const there[] = {kPsciVersion, kPsciCpuOff, kPsciCpuOn32, PSCI_CPU_ON, PSCI_AFFINITY_INFO,
                       PSCI_CPU_SUSPEND, kPsciSystemOff, 0x84000009, kPsciFeatures};
  for (u64 i = 0; i < sizeof there / sizeof *there; ++i)
    EXPECT(psci(kPsciFeatures, there[i], 0, 0), kSuccess);
  EXPECT(psci(kPsciFeatures, 0x8400ff00, 0, 0), kNotSupported);
  EXPECT(psci(0x8400ff00, 0, 0, 0), kNotSupported);
  EXPECT(psci(kPsciMigrateInfoType, 0, 0, 0), 2);  // no Trusted OS that would have to migrate
}

static void affinity(void) {
  EXPECT(cpu_power(0), kOn);
  for (u32 n = 1; n < cpus; ++n) EXPECT(cpu_power(n), kOff);
  EXPECT(psci(PSCI_AFFINITY_INFO, 0x00ff00, 0, 0), kInvalidParameters);
  EXPECT(READ(mpidr_el1) & 0xff00fffffful, 0);
}

static void cpu_on_errors(void) {
  EXPECT(psci(PSCI_CPU_ON, 0, (u64)secondary_start, 0), kAlreadyOn);
  EXPECT(psci(PSCI_CPU_ON, 0x00ff00, (u64)secondary_start, 0), kInvalidParameters);
}

static volatile u64 runs[MAX_CPUS], go[MAX_CPUS], mpidr[MAX_CPUS], el[MAX_CPUS];
static void worker(u32 cpu) {
  mpidr[cpu] = READ(mpidr_el1);
  el[cpu] = READ(currentel);
  __atomic_store_n(&runs[cpu], runs[cpu] + 1, __ATOMIC_RELEASE);
  while (__atomic_load_n(&go[cpu], __ATOMIC_ACQUIRE) == 0) asm volatile("yield");
}

static void start_and_stop(void) {
  for (u64 round = 1; round <= 3; ++round) {
    for (u32 n = 1; n < cpus; ++n) {
      go[n] = 0;
      EXPECT(cpu_on(n, worker), kSuccess);
    }
    for (u32 n = 1; n < cpus; ++n) {
      const s64 again = cpu_on(n, worker);
      EXPECT_TRUE(again == kAlreadyOn || again == kOnPending);
      EXPECT_TRUE(wait_for(&runs[n], round, 20000000));
      EXPECT(cpu_on(n, worker), kAlreadyOn);
      EXPECT(cpu_power(n), kOn);
      EXPECT(mpidr[n] & 0xff00fffffful, n);
      EXPECT(el[n], 4);
      EXPECT(cpu_number(n)->entry, 0x3c0);  // interrupts masked, MMU and caches off
    }
    for (u32 n = 1; n < cpus; ++n) {
      go[n] = 1;
      DSB();
      cpu_wait_off(n);
      EXPECT(runs[n], round);
    }
    if (case_failed()) return;
  }
}

static void thirty_two_bit_call(void) {
  for (u32 n = 1; n < cpus; ++n) {
    const u64 before = runs[n];
    go[n] = 1;
    DSB();
    // The upper halves of the arguments do not count.
    EXPECT(psci(kPsciCpuOn32, n | 0xabul << 40, (u64)secondary_start | 1ul << 63, n), kSuccess);
    EXPECT_TRUE(wait_for(&runs[n], before + 1, 20000000));
    cpu_wait_off(n);
  }
}

static void churn(void) {
  for (u32 n = 1; n < cpus; ++n) go[n] = 1;
  DSB();
  for (u64 i = 0; i < 200 && cpus > 1; ++i) {
    const u32 n = 1 + (u32)(i % (cpus - 1));
    const u64 before = runs[n];
    EXPECT(cpu_on(n, worker), kSuccess);
    EXPECT_TRUE(wait_for(&runs[n], before + 1, 20000000));
    cpu_wait_off(n);
    EXPECT(runs[n], before + 1);
    if (case_failed()) return;
  }
}

static void suspend(void) {
  gic_init();
  gic_enable(1, true);
  gic_sgi(1, 0);
  EXPECT(psci(PSCI_CPU_SUSPEND, 0, 0, 0), kSuccess);  // a wakeup is pending: returns at once
  EXPECT(GIC_READ(ICC_IAR1), 1);
  GIC_WRITE(ICC_EOIR1, 1);
  // And a timer ends a suspend that sleeps.
  gic_enable(27, true);
  const u64 start = counter();
  WRITE(cntv_cval_el0, start + micros(2000));
  WRITE(cntv_ctl_el0, 1);
  EXPECT(psci(PSCI_CPU_SUSPEND, 0, 0, 0), kSuccess);
  EXPECT_TRUE(counter() - start >= micros(2000));
  WRITE(cntv_ctl_el0, 0);
}

void test_main(void) {
  cpus = cpu_count();
  report("cpus", cpus);
  RUN(version);
  RUN(features);
  RUN(affinity);
  RUN(cpu_on_errors);
  RUN(start_and_stop);
  RUN(thirty_two_bit_call);
  RUN(churn);
  RUN(suspend);
}
