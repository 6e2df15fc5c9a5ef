// The report, exceptions, CPUs.
#include "runtime.h"

extern char vectors[], secondary_start[], el0_done[];
void exception(struct Frame* f);
void cpu_begin(u64 number);
void secondary_main(u64 number);
void run_suite(void);
void all_cases(void);

enum { kUartDr = 0x00, kUartFr = 0x18, kUartCr = 0x30, kFrTxff = 1 << 5 };
enum { kClassSvc = 0x15 };
#define PSCI_CPU_OFF 0x84000002ul
#define PSCI_SYSTEM_OFF 0x84000008ul
#define PSCI_CPU_ON 0xc4000003ul
#define PSCI_AFFINITY_INFO 0xc4000004ul

static struct {
  volatile Handler handler;
  void (*volatile work)(u32 cpu);
} cpus[MAX_CPUS];
static const char *running = "(none)", *running_variant, *skipped;
static u64 passed, skips;
static bool failed;
volatile u64 sync_count, sync_class;

// ---- Output ------------------------------------------------------------------------------------

void put_char(char c) {
  while (get32(UART_BASE + kUartFr) & kFrTxff) {
  }
  put32(UART_BASE + kUartDr, (u8)c);
}

static void put_string(const char* s) {
  for (; *s != 0; ++s) put_char(*s);
}

static void put_hex(u64 v) {
  put_string("0x");
  int shift = 60;
  while (shift > 0 && (v >> shift) == 0) shift -= 4;
  for (; shift >= 0; shift -= 4) put_char("0123456789abcdef"[(v >> shift) & 15]);
}

static void put_name(const char* verdict) {
  put_string(verdict);
  put_string(running);
  if (running_variant != 0) {
    put_char('_');
    put_string(running_variant);
  }
}

void report(const char* name, u64 value) {
  put_string("value ");
  put_string(name);
  put_char(' ');
  put_hex(value);
  put_char('\n');
}

// ---- Cases -------------------------------------------------------------------------------------

void check_equal(const char* what, int line, u64 got, u64 want) {
  if (got == want || failed) return;
  failed = true;
  put_name("FAIL ");
  put_string(" line ");
  put_hex((u64)line);
  put_string(": ");
  put_string(what);
  put_string(" is ");
  put_hex(got);
  put_string(", not ");
  put_hex(want);
  put_char('\n');
}

void skip(const char* why) { skipped = why; }

void run_case(const char* name, const char* variant, void (*test)(void)) {
  failed = false;
  skipped = 0;
  running = name;
  running_variant = variant;
  sync_count = sync_class = 0;
  test();
  asm volatile("msr daifset, #15" ::: "memory");
  if (failed) return;
  put_name(skipped != 0 ? "skip " : "ok ");
  if (skipped != 0) {
    put_char(' ');
    put_string(skipped);
    ++skips;
  } else {
    ++passed;
  }
  put_char('\n');
}

void run_suite(void) {
  put32(UART_BASE + kUartCr, 0x301);  // the UART, its transmitter and its receiver
  all_cases();
  report("skipped", skips);
  put_string("done ");
  put_hex(passed);
  put_char('\n');
  power_off();
}

// ---- Exceptions --------------------------------------------------------------------------------

void set_handler(Handler h) { cpus[cpu_self()].handler = h; }

static void unexpected(const struct Frame* f) {
  put_name("FAIL ");
  put_string(" unexpected exception: vector ");
  put_hex(f->vector);
  put_string(" esr ");
  put_hex(READ(esr_el1));
  put_string(" elr ");
  put_hex(f->elr);
  put_string(" far ");
  put_hex(READ(far_el1));
  put_char('\n');
  power_off();
}

void exception(struct Frame* f) {
  const Handler h = cpus[cpu_self()].handler;
  if ((f->vector == kIrq || f->vector == kFiq) && h != 0) return h(f);
  if (f->vector != kSync && f->vector != kSyncEl0) return unexpected(f);
  const u64 class = READ(esr_el1) >> 26;
  if (f->vector == kSyncEl0 && class == kClassSvc) {
    f->elr = (u64)el0_done;
    f->spsr = 0x3c5;  // EL1h, everything masked
    return;
  }
  if (class != 0 && class != 0x18)
    return unexpected(f);  // neither UNDEFINED nor a trapped register
  sync_count = sync_count + 1;
  sync_class = class;
  f->elr += 4;
}

// ---- CPUs --------------------------------------------------------------------------------------

static s64 psci(u64 function, u64 a, u64 b, u64 c) {
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

void cpu_begin(u64 number) {
  WRITE(tpidr_el1, number);
  WRITE(vbar_el1, vectors);
  WRITE(sctlr_el1, 0x30d00800);  // the RES1 bits: no MMU, no caches, no alignment checks
}

void secondary_main(u64 number) {
  cpus[number].work((u32)number);
  asm volatile("msr daifset, #15" ::: "memory");
  DSB();
  psci(PSCI_CPU_OFF, 0, 0, 0);
}

u32 cpu_self(void) { return (u32)READ(tpidr_el1); }
u64 cpu_affinity(u32 n) { return n; }

u32 cpu_count(void) {
  u32 n = 1;
  while (n < MAX_CPUS && psci(PSCI_AFFINITY_INFO, cpu_affinity(n), 0, 0) >= 0) ++n;
  return n;
}

bool cpu_start(u32 n, void (*work)(u32 cpu)) {
  cpus[n].work = work;
  DSB();
  return psci(PSCI_CPU_ON, cpu_affinity(n), (u64)secondary_start, n) == 0;
}

void cpu_wait_off(u32 n) {
  while (psci(PSCI_AFFINITY_INFO, cpu_affinity(n), 0, 0) != 1) asm volatile("yield");
}

void power_off(void) {
  psci(PSCI_SYSTEM_OFF, 0, 0, 0);
  for (;;) WFI();
}

bool wait_for(volatile u64* flag, u64 value, u64 us) {
  const u64 start = counter(), limit = micros(us);
  while (*flag < value) {
    if (counter() - start > limit) return false;
    asm volatile("yield");
  }
  return true;
}
