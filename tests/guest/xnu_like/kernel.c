// The kernel: every CPU's data, exceptions, and the steps one after the other.
#include "xnu.h"

struct CpuData cpus[MAX_CPUS];
extern char stacks[], kernel_vectors[];
void* prepare(const struct BootArgs* args);
u64 exception(struct Frame* f);

static const char* running = "boot";
static u64 passed;

// ---- Reports -----------------------------------------------------------------------------------

/// A step's first failure, printed at its end: in between there may be no UART in the map.
static struct {
  bool failed;
  int line;
  const char* what;
  u64 got, want;
} failure;

void check_equal(const char* what, int line, u64 got, u64 want) {
  if (got == want || failure.failed) return;
  failure.failed = true;
  failure.line = line;
  failure.what = what;
  failure.got = got;
  failure.want = want;
}

bool case_failed(void) { return failure.failed; }

static void put_failure(void) {
  put_string("FAIL ");
  put_string(running);
  put_string(" line ");
  put_hex((u64)failure.line);
  put_string(": ");
  put_string(failure.what);
  put_string(" is ");
  put_hex(failure.got);
  put_string(", not ");
  put_hex(failure.want);
  put_string("\n");
}

static u64 call_step(u64 run) {
  ((void (*)(void))run)();
  return 0;
}

void step(const char* name, void (*run)(void)) {
  running = name;
  failure.failed = false;
  const u64 esr = attempt(call_step, (u64)run, 0);
  asm volatile("msr daifset, #15" ::: "memory");
  restore_map();
  if (esr != 0) check_equal("an exception's syndrome", 0, esr, 0);
  if (failure.failed) return put_failure();
  ++passed;
  put_string("ok ");
  put_string(name);
  put_string("\n");
}
#define STEP(name) step(#name, name##_step)

// ---- Exceptions --------------------------------------------------------------------------------

/// True: back to attempt(), which gives the syndrome.
u64 exception(struct Frame* f) {
  struct CpuData* c = self();
  const u64 kind = f->vector & 3;
  if (c->pan_asked != 0 && f->esr == ESR(0x3c, 7)) {
    c->pan_asked = 0;
    c->pan_seen = READ(s3_0_c4_c2_3);  // PAN
    f->elr += 4;
    return false;
  }
  if (kind == kFiqSp0) {
    handle_fiq();
    return false;
  }
  if (kind == kIrqSp0) {
    handle_irq();
    return false;
  }
  if (c->catch != 0) {
    c->caught = f->esr;
    return true;
  }
  if (c->number == 0) {
    check_equal("an exception's syndrome", 0, f->esr, 0);
    put_failure();
    hvc(kPsciSystemOff, 0, 0, 0);
  }
  c->died = f->esr;
  hvc(kPsciCpuOff, 0, 0, 0);
  for (;;) WFI();
}

CODE(load_word, "ldr w0, [x0]");
u64 attempt_load(u64 va) { return attempt(load_word, va, 0); }

struct Regs hvc(u64 function, u64 a, u64 b, u64 c) {
  register u64 x0 asm("x0") = function;
  register u64 x1 asm("x1") = a;
  register u64 x2 asm("x2") = b;
  register u64 x3 asm("x3") = c;
  asm volatile("hvc #0"
               : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)
               :
               : "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15",
                 "x16", "x17", "memory");
  return (struct Regs){x0, x1, x2, x3};
}

// What the compiler may call.
void* memcpy(void* to, const void* from, u64 n) {
  for (u64 i = 0; i < n; ++i) ((u8*)to)[i] = ((const u8*)from)[i];
  return to;
}
void* memset(void* to, int c, u64 n) {
  for (u64 i = 0; i < n; ++i) ((u8*)to)[i] = (u8)c;
  return to;
}

// ---- The way in --------------------------------------------------------------------------------

/// Without 16 KiB pages there is no way on: the only step that ends the run.
static void need_16k_granule(void) {
  running = "granule_16k";
  EXPECT(READ(id_aa64mmfr0_el1) >> 20 & 15, 1);
  if (!failure.failed) return;
  put_failure();
  hvc(kPsciSystemOff, 0, 0, 0);
}

static void entry_state_step(void) {
  EXPECT(READ(currentel), 1 << 2);
  EXPECT(READ(daif), 0x3c0);
  EXPECT(READ(spsel), 0);
  EXPECT(READ(oslsr_el1) & 2, 0);
  EXPECT(READ(tpidr_el0), 0);
  EXPECT(READ(tpidrro_el0), 0);
  EXPECT(self()->entry_sctlr & 1, 0);
  EXPECT_TRUE(self()->interrupt_stack - (u64)&running < 1ul << 32);  // kernel addresses
}

static void kernel_main(void) {
  ++passed;
  put_string("ok granule_16k\n");
  boot_args = (const struct BootArgs*)((u64)boot_args + kernel_slide);
  STEP(entry_state);
  STEP(registers);
  STEP(boot_args);
  STEP(device_tree);
  STEP(config);
  STEP(kernel_map);
  STEP(granule_4k);
  STEP(tlbi_range);
  STEP(pan);
  STEP(uao);
  STEP(lse);
  STEP(dit);
  STEP(sb);
  STEP(apple_registers);
  STEP(pac_initial_state);
  STEP(pac_signing);
  STEP(pac_default_keys);
  STEP(pac_calls);
  STEP(pac_preserves);
  STEP(pac_nop);
  STEP(gic_frame);
  STEP(gic_groups);
  STEP(gic_enable);
  STEP(gic_interface);
  STEP(counter);
  STEP(timer_fiq);
  STEP(timer_drops);
  STEP(wfe);
  STEP(psci_version);
  STEP(psci_features);
  sign_for_all();
  STEP(cpu_on);
  STEP(secondary_pac);
  STEP(secondary_timer);
  STEP(ipi);
  STEP(cpu_off);
  put_string("value cpus ");
  put_hex(platform.cpus);
  put_string("\ndone ");
  put_hex(passed);
  put_string("\n");
  running = "system_off";
  EXPECT(hvc(kPsciSystemOff, 0, 0, 0).x0, 0xdead);  // there is no answer
  put_failure();
  hvc(0x84000009, 0, 0, 0);  // SYSTEM_RESET, the other way out
  for (;;) WFI();
}

/// With the MMU off, by CPU 0: its data, physically.
void* prepare(const struct BootArgs* args) {
  put32(UART_BASE + 0x30, 0x301);  // CR: the UART and its transmitter on
  need_16k_granule();
  make_maps(args);
  boot_args = args;
  for (u64 n = 0; n < MAX_CPUS; ++n) {
    struct CpuData* c = &cpus[n];
    c->number = n;
    c->mpidr = n == 0 ? READ(mpidr_el1) & 0xffffff : ~0ul;  // the others' from the device tree
    c->self = (u64)c + kernel_slide;
    c->exception_stack = (u64)stacks + (2 * n + 1) * STACK_SIZE + kernel_slide;
    c->interrupt_stack = c->exception_stack + STACK_SIZE;
    c->vbar = (u64)kernel_vectors + kernel_slide;
    c->entry = (u64)(n == 0 ? kernel_main : secondary_main) + kernel_slide;
    c->pac_result = ~0ul;
  }
  DSB();
  return &cpus[0];
}
