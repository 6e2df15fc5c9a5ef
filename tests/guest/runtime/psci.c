// PSCI over HVC (Arm DEN 0022) and starting CPUs with it.
#include "guest.h"

extern char secondary_start[];
void secondary_main(u64 number);

static void (*volatile work_of[MAX_CPUS])(u32 cpu);

s64 psci(u64 function, u64 a, u64 b, u64 c) {
  register u64 x0 asm("x0") = function;
  register u64 x1 asm("x1") = a;
  register u64 x2 asm("x2") = b;
  register u64 x3 asm("x3") = c;
  asm volatile("hvc #0"
               : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)
               :
               : "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15",
                 "x16", "x17", "memory");
  return (s64)x0;
}

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
