// Starting CPUs with PSCI (Arm DEN 0022).
#include "guest.h"

extern char secondary_start[];
void secondary_main(u64 number);

static void (*volatile work_of[MAX_CPUS])(u32 cpu);

void power_off(void) {
  psci(kPsciSystemOff, 0, 0, 0);
  for (;;) WFI();
}

void secondary_main(u64 number) {
  work_of[number]((u32)number);
  psci(kPsciCpuOff, 0, 0, 0);
}

s64 cpu_on(u32 n, void (*work)(u32 cpu)) {
  work_of[n] = work;
  DSB();
  return psci(PSCI_CPU_ON, n, (u64)secondary_start, n);
}

s64 cpu_power(u32 n) { return psci(PSCI_AFFINITY_INFO, n, 0, 0); }

void cpu_wait_off(u32 n) {
  while (cpu_power(n) != 1) asm volatile("yield");
}

u32 cpu_count(void) {
  u32 n = 1;
  while (n < MAX_CPUS && cpu_power(n) >= 0) ++n;
  return n;
}
