// PSCI (Arm DEN 0022) and what the other CPUs do.  With one CPU, the steps use that one.
#include "xnu.h"

enum { kInvalidParameters = -2, kAlreadyOn = -4, kOnPending = -5, kSystemReset = 0x84000009u };
enum { kOn = 0, kOff = 1 };
enum { kWaitUs = 20000000, kVirtualTimer = 27, kIpi = 3 };
enum { kTimerTaken = 1, kStop = 2 };

extern char reset_vector[];

void psci_version_step(void) {
  const u64 version = hvc(kPsciVersion, 0, 0, 0).x0;
  const u64 refused = version > 0x10001 ? version : 0;
  EXPECT(refused, 0);
  EXPECT_TRUE(version != 0);
}

void psci_features_step(void) {
  const u64 needed[] = {kPsciCpuOff, PSCI_CPU_ON, PSCI_AFFINITY_INFO, kPsciSystemOff, kSystemReset};
  for (u64 i = 0; i < sizeof needed / sizeof *needed; ++i)
    EXPECT(hvc(kPsciFeatures, needed[i], 0, 0).x0, 0);
  EXPECT(hvc(kPsciFeatures, 0x8400ff00, 0, 0).x0, -1);
}

static bool await(volatile u64* flag, u64 value) {
  const u64 start = counter();
  while (__atomic_load_n(flag, __ATOMIC_ACQUIRE) < value) {
    if (counter() - start > micros(kWaitUs)) return false;
    asm volatile("yield");
  }
  return true;
}

// ---- On the others -----------------------------------------------------------------------------

/// Entered at a kernel address by start.S, which found the CPU's data by its MPIDR.
void secondary_main(void) {
  struct CpuData* c = self();
  c->pac_good = c->pac_result == 0 && authenticate_all();
  const bool gic = start_gic();
  __atomic_store_n(&c->arrived, gic ? 1 : 2, __ATOMIC_RELEASE);
  if (gic) take_timer(2400, true);
  __atomic_store_n(&c->stage, kTimerTaken, __ATOMIC_RELEASE);
  IRQ_ON();
  while (__atomic_load_n(&c->stage, __ATOMIC_ACQUIRE) != kStop) asm volatile("yield");
  IRQ_OFF();
  hvc(kPsciCpuOff, 0, 0, 0);
  c->died = 1;  // CPU_OFF came back
  for (;;) WFI();
}

// ---- On CPU 0 ----------------------------------------------------------------------------------

static u64 start_cpu(u64 mpidr) { return hvc(PSCI_CPU_ON, mpidr, to_pa(reset_vector), 0).x0; }

void cpu_on_step(void) {
  EXPECT(start_cpu(cpus[0].mpidr), kAlreadyOn);
  EXPECT(start_cpu(0xff00), kInvalidParameters);
  for (u64 n = 1; n < platform.cpus; ++n) {
    struct CpuData* c = &cpus[n];
    c->mpidr = platform.cpu_mpidr[n];
    DSB();
    EXPECT(start_cpu(c->mpidr), 0);
    EXPECT_TRUE(await(&c->arrived, 1));
    EXPECT(c->arrived, 1);  // with a redistributor of its own
    EXPECT(c->entry_sctlr & 1, 0);
    EXPECT(start_cpu(c->mpidr), kAlreadyOn);
    EXPECT(c->died, 0);
    for (u64 k = 0; k < n; ++k) EXPECT_TRUE(cpus[k].gicr != c->gicr);
  }
}

void secondary_pac_step(void) {
  EXPECT_TRUE(authenticate_all());
  for (u64 n = 1; n < platform.cpus; ++n) EXPECT(cpus[n].pac_good, 1);
}

void secondary_timer_step(void) {
  for (u64 n = 1; n < platform.cpus; ++n) {
    EXPECT_TRUE(await(&cpus[n].stage, kTimerTaken));
    EXPECT(cpus[n].timer_fiqs, 1);
    EXPECT(cpus[n].timer_iar, kVirtualTimer);
  }
}

/// From each CPU's neighbour would need them to take part; from CPU 0 to every one, itself included.
void ipi_step(void) {
  IRQ_ON();
  for (u64 n = 0; n < platform.cpus; ++n) {
    struct CpuData* c = &cpus[n];
    const u64 before = c->ipis;
    send_ipi(c->mpidr, kIpi);
    EXPECT_TRUE(await(&c->ipis, before + 1));
    EXPECT(c->ipi_iar, kIpi);
  }
  IRQ_OFF();
  for (u64 n = 0; n < platform.cpus; ++n) EXPECT(cpus[n].ipis, 1);
}

static u64 power_of(u64 n) { return hvc(PSCI_AFFINITY_INFO, cpus[n].mpidr, 0, 0).x0; }

void cpu_off_step(void) {
  EXPECT(power_of(0), kOn);
  for (u64 n = 1; n < platform.cpus; ++n) {
    EXPECT(power_of(n), kOn);
    __atomic_store_n(&cpus[n].stage, kStop, __ATOMIC_RELEASE);
    const u64 start = counter();
    while (power_of(n) != kOff && cpus[n].died == 0 && counter() - start < micros(kWaitUs))
      asm volatile("yield");
    EXPECT(power_of(n), kOff);
    EXPECT(cpus[n].died, 0);
  }
  EXPECT(hvc(PSCI_AFFINITY_INFO, 0xff00, 0, 0).x0, kInvalidParameters);
}
