// The benchmark image: times loops of a known number of instructions with the virtual counter and
// prints them on the PL011 of the virt board, one line each: a name, instructions, and ticks.
// bench/run_guest.py reads that.
//
// Arm ARM DDI 0487 D11 (Generic Timer); PL011 TRM DDI 0183 3.3 (UARTDR, UARTFR); PSCI DEN 0022
// 5.10 (SYSTEM_OFF).  It runs on any machine with the memory map of QEMU's virt.
typedef unsigned long u64;
typedef unsigned int u32;

#define UARTDR (*(volatile u32*)0x09000000)
#define UARTFR (*(volatile u32*)0x09000018)

typedef void Loop(u64 turns);
Loop loop_integer, loop_branch, loop_copy, loop_memory, loop_call, loop_fp, loop_neon, loop_system,
    loop_atomic;
void bench_main(void);

static void put(char c) {
  while ((UARTFR & 32) != 0) {  // TXFF
  }
  UARTDR = (u32)c;
}

static void print(const char* s) {
  while (*s != 0) put(*s++);
}

static void print_number(u64 n) {
  char digits[21];
  unsigned i = sizeof digits - 1;
  digits[i] = 0;
  do digits[--i] = (char)('0' + n % 10);
  while ((n /= 10) != 0);
  put(' ');
  print(digits + i);
}

static u64 now(void) {
  u64 t;
  __asm__ volatile("isb\n mrs %0, cntvct_el0" : "=r"(t)::"memory");
  return t;
}

/// Runs a loop for about 2 million instructions, 20 times after one that decodes and translates.
/// The fastest counts: other programs can only make it slower, and a few milliseconds often pass
/// without them.
static void measure(const char* name, Loop* loop, u64 per_turn) {
  const u64 turns = 2000000 / per_turn;
  u64 best = ~0ul;
  for (unsigned i = 0; i <= 20; ++i) {
    const u64 start = now();
    loop(turns);
    const u64 ticks = now() - start;
    if (i > 0 && ticks < best) best = ticks;
  }
  print(name);
  print_number(turns * per_turn);
  print_number(best);
  put('\n');
}

void bench_main(void) {
  u64 frequency;
  __asm__("mrs %0, cntfrq_el0" : "=r"(frequency));
  print("frequency");
  print_number(frequency);
  put('\n');
  measure("integer", loop_integer, 20);
  measure("branch", loop_branch, 2);
  measure("memory", loop_memory, 12);
  measure("copy", loop_copy, 128 * 6 + 6);
  measure("call", loop_call, 8);
  measure("fp", loop_fp, 12);
  measure("neon", loop_neon, 12);
  measure("system", loop_system, 8);
  measure("atomic", loop_atomic, 8);
  print("end\n");
  register u64 function __asm__("x0") = 0x84000008;  // SYSTEM_OFF
  __asm__ volatile("hvc #0" : "+r"(function));
}
