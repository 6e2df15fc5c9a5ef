// Running cases, and what happens with an exception.
#include "guest.h"

extern char vectors[], trap_return[];
void trap_enter(u64 *saved, void *code, u64 arg, u64 spsr);
void exception(struct Frame *f);
void cpu_begin(u64 number, u64 daif);
void runtime_main(void);

static struct Cpu cpus[MAX_CPUS];
static u64 passed;
static bool failed;
static const char *running = "(none)";

struct Cpu *this_cpu(void) { return (struct Cpu *)READ(tpidr_el1); }

struct Cpu *cpu_number(u32 n) { return &cpus[n]; }

void cpu_begin(u64 number, u64 daif) {
  cpus[number].entry = daif | (READ(sctlr_el1) & 5) << 32;
  cpus[number].number = number;
  cpus[number].trapping = false;
  cpus[number].handler = 0;
  WRITE(tpidr_el1, &cpus[number]);
  WRITE(vbar_el1, vectors);
  WRITE(mdscr_el1, 0);
  WRITE(oslar_el1, 0);
  WRITE(cpacr_el1, 3ul << 20);
  mmu_on();
}

void runtime_main(void) {
  put32(UART_BASE + 0x30, 0x301);  // CR: the UART and its transmitter on
  test_main();
  put_string("done ");
  put_hex(passed);
  put_string("\n");
  power_off();
}

static void fail_line(const char *what) {
  failed = true;
  put_string("FAIL ");
  put_string(running);
  put_string(" ");
  put_string(what);
}

void check_equal(const char *what, int line, u64 got, u64 want) {
  if (got == want || failed) return;
  fail_line("line ");
  put_hex((u64)line);
  put_string(": ");
  put_string(what);
  put_string(" is ");
  put_hex(got);
  put_string(", not ");
  put_hex(want);
  put_string("\n");
}

bool case_failed(void) { return failed; }

void report(const char *name, u64 value) {
  put_string("value ");
  put_string(name);
  put_string(" ");
  put_hex(value);
  put_string("\n");
}

void run_case(const char *name, void (*test)(void)) {
  failed = false;
  running = name;
  test();
  set_handler(0);
  asm volatile("msr daifset, #15" ::: "memory");
  if (failed) return;
  ++passed;
  put_string("ok ");
  put_string(name);
  put_string("\n");
}

void set_handler(Handler h) { this_cpu()->handler = h; }

/// An exception that nothing waits for: the end.
static void unexpected(const struct Frame *f) {
  put_string("FAIL ");
  put_string(running);
  put_string(" unexpected exception: vector ");
  put_hex(f->vector);
  put_string(" esr ");
  put_hex(f->esr);
  put_string(" elr ");
  put_hex(f->elr);
  put_string(" far ");
  put_hex(f->far);
  put_string(" spsr ");
  put_hex(f->spsr);
  put_string("\n");
  power_off();
}

void exception(struct Frame *f) {
  struct Cpu *c = this_cpu();
  const bool synchronous = (f->vector & 3) == 0;
  if (c->trapping && synchronous) {
    c->trapping = false;
    c->pstate = READ(daif) | READ(currentel) | READ(spsel);
    if (((READ(id_aa64mmfr1_el1) >> 20) & 15) != 0) c->pstate |= READ(s3_0_c4_c2_3);  // PAN
    c->frame = *f;
    f->x[0] = (u64)c->saved;
    f->elr = (u64)trap_return;
    f->spsr = kEl1h;
    return;
  }
  if (c->handler != 0 && c->handler(f)) return;
  unexpected(f);
}

const struct Frame *trap(void *code, u64 arg, u64 spsr) {
  struct Cpu *c = this_cpu();
  c->trapping = true;
  trap_enter(c->saved, code, arg, spsr);
  return &c->frame;
}

const struct Frame *trap_with_handler(void *code, u64 arg, u64 spsr) {
  struct Cpu *c = this_cpu();
  trap_enter(c->saved, code, arg, spsr);
  return &c->frame;
}

bool returned(const struct Frame *f) { return f->esr == ESR(0x15, 0xdead); }

bool wait_for(volatile u64 *flag, u64 value, u64 us) {
  const u64 start = counter();
  while (__atomic_load_n(flag, __ATOMIC_ACQUIRE) < value) {
    if (counter() - start > micros(us)) return false;
    asm volatile("yield");
  }
  return true;
}
