// Self-hosted debug (Arm DDI 0487, D2): breakpoints, watchpoints, software step.
#include "guest.h"

enum { kMdscrSs = 1, kMdscrKde = 1 << 13, kMdscrMde = 1 << 15 };
enum { kEnable = 1, kPmcEl1 = 1 << 1, kPmcEl0 = 2 << 1, kPmcBoth = 3 << 1, kBas4 = 15 << 5 };
enum { kLoad = 1 << 3, kStore = 2 << 3 };
#define EL1_DEBUG (0x5 | 0x1c0ul)  // EL1h with PSTATE.D clear
#define FINE ESR(0x15, 0xdead)
#define STEP_ISV (1ul << 24)
#define STEP_EX (1ul << 6)

CODE(plain_code, "nop\n mov x1, #5\n add x1, x1, #1");
CODE(load_code, "ldr x1, [x0]");
CODE(store_code, "str x1, [x0]");
CODE(store_byte_code, "strb w1, [x0]");
CODE(pair_code, "stp x1, x2, [x0]");
CODE(loop_code, "mov x1, #3\n 1: sub x1, x1, #1\n cbnz x1, 1b");
CODE(svc_code, "svc #9");
CODE(exclusive_code, "ldxr x1, [x0]\n stxr w2, x1, [x0]");

static USER u64 words[8] __attribute__((aligned(64)));

static void reset_debug(void) {
  WRITE(dbgbcr0_el1, 0);
  WRITE(dbgbcr1_el1, 0);
  WRITE(dbgwcr0_el1, 0);
  WRITE(mdscr_el1, 0);
  WRITE(oslar_el1, 0);
}
static u64 run(void *code, u64 arg, u64 spsr) { return trap(code, arg, spsr)->esr; }

static void breakpoint(void) {
  reset_debug();
  const u64 at = (u64)plain_code + 4;
  WRITE(dbgbvr0_el1, at);
  WRITE(dbgbcr0_el1, kEnable | kPmcBoth | kBas4);
  EXPECT(run(plain_code, 0, kEl0), FINE);  // MDE is clear
  WRITE(mdscr_el1, kMdscrMde);
  const struct Frame *f = trap(plain_code, 0, kEl0);
  EXPECT(f->esr, ESR(0x30, 0x22));
  EXPECT(f->vector, kSyncEl0);
  EXPECT(f->elr, at);
  EXPECT(run(plain_code, 0, EL1_DEBUG), FINE);  // KDE is clear
  WRITE(mdscr_el1, kMdscrMde | kMdscrKde);
  f = trap(plain_code, 0, EL1_DEBUG);
  EXPECT(f->esr, ESR(0x31, 0x22));
  EXPECT(f->vector, kSync);
  EXPECT(f->elr, at);
  EXPECT(run(plain_code, 0, kEl1h), FINE);  // PSTATE.D is set
  WRITE(dbgbcr0_el1, kEnable | kPmcEl1 | kBas4);
  EXPECT(run(plain_code, 0, kEl0), FINE);
  EXPECT(run(plain_code, 0, EL1_DEBUG), ESR(0x31, 0x22));
  WRITE(dbgbcr0_el1, kEnable | kPmcEl0 | kBas4);
  EXPECT(run(plain_code, 0, EL1_DEBUG), FINE);
  WRITE(oslar_el1, 1);  // the OS lock stops all but BRK
  EXPECT(run(plain_code, 0, kEl0), FINE);
  WRITE(oslar_el1, 0);
  EXPECT(run(plain_code, 0, kEl0), ESR(0x30, 0x22));
  WRITE(dbgbcr0_el1, 0);
  EXPECT(run(plain_code, 0, kEl0), FINE);
  reset_debug();
}

static void second_breakpoint(void) {
  reset_debug();
  WRITE(dbgbvr0_el1, (u64)plain_code + 8);
  WRITE(dbgbcr0_el1, kEnable | kPmcBoth | kBas4);
  WRITE(dbgbvr1_el1, (u64)loop_code + 8);
  WRITE(dbgbcr1_el1, kEnable | kPmcBoth | kBas4);
  WRITE(mdscr_el1, kMdscrMde);
  EXPECT(trap(plain_code, 0, kEl0)->elr, (u64)plain_code + 8);
  const struct Frame *f = trap(loop_code, 0, kEl0);
  EXPECT(f->elr, (u64)loop_code + 8);
  EXPECT(f->x[1], 2);  // the first time round
  reset_debug();
}

// ISS of a watchpoint: WnR and DFSC; newer fields say more about the watchpoint.
#define WATCH_ISS(esr) ((esr) & ~0xffff80ul & ~(1ul << 24))
static void watch(u64 address, u64 bas, u64 control) {
  WRITE(dbgwvr0_el1, address);
  WRITE(dbgwcr0_el1, kEnable | kPmcBoth | bas << 5 | control);
}

static void watchpoint(void) {
  reset_debug();
  const u64 at = (u64)&words[1];
  watch(at, 0xff, kLoad | kStore);
  EXPECT(run(store_code, at, kEl0), FINE);
  WRITE(mdscr_el1, kMdscrMde | kMdscrKde);
  const struct Frame *f = trap(store_code, at, kEl0);
  EXPECT(WATCH_ISS(f->esr), ESR(0x34, 0x62));
  EXPECT(f->elr, store_code);
  EXPECT(f->far, at);
  f = trap(load_code, at, EL1_DEBUG);
  EXPECT(WATCH_ISS(f->esr), ESR(0x35, 0x22));
  EXPECT(f->elr, load_code);
  EXPECT(f->far, at);
  EXPECT(run(load_code, at, kEl1h), FINE);
  EXPECT(run(load_code, at + 8, kEl0), FINE);  // next to it
  EXPECT(run(load_code, at - 8, kEl0), FINE);
  EXPECT(WATCH_ISS(run(pair_code, at - 8, kEl0)), ESR(0x34, 0x62));  // partly on it
  watch(at, 0xff, kStore);
  EXPECT(run(load_code, at, kEl0), FINE);
  EXPECT(WATCH_ISS(run(store_code, at, kEl0)), ESR(0x34, 0x62));
  watch(at, 0xff, kLoad);
  EXPECT(run(store_code, at, kEl0), FINE);
  EXPECT(WATCH_ISS(run(load_code, at, kEl0)), ESR(0x34, 0x22));
  reset_debug();
}

static void watched_bytes(void) {
  reset_debug();
  const u64 at = (u64)&words[2];
  WRITE(mdscr_el1, kMdscrMde);
  watch(at, 0x18, kStore);  // bytes 3 and 4
  for (u64 i = 0; i < 8; ++i)
    EXPECT(WATCH_ISS(run(store_byte_code, at + i, kEl0)),
           i == 3 || i == 4 ? ESR(0x34, 0x62) : WATCH_ISS(FINE));
  watch((u64)words, 0xff, kStore | 6ul << 24);  // MASK: 64 bytes
  for (u64 i = 0; i < 64; i += 21)
    EXPECT(WATCH_ISS(run(store_byte_code, (u64)words + i, kEl0)), ESR(0x34, 0x62));
  EXPECT(run(store_byte_code, (u64)words + 64, kEl0), FINE);
  reset_debug();
}

static void nothing_is_stored(void) {
  reset_debug();
  words[3] = 0x123;
  WRITE(mdscr_el1, kMdscrMde);
  watch((u64)&words[3], 0xff, kStore);
  trap(store_code, (u64)&words[3], kEl0);
  EXPECT(words[3], 0x123);  // the exception comes before the access
  reset_debug();
}

static void step(void) {
  reset_debug();
  WRITE(mdscr_el1, kMdscrSs | kMdscrKde);
  const struct Frame *f = trap(plain_code, 0, kEl0 | SPSR_SS);
  EXPECT(f->esr, ESR(0x32, 0x22 | STEP_ISV));
  EXPECT(f->vector, kSyncEl0);
  EXPECT(f->elr, (u64)plain_code + 4);
  EXPECT(f->spsr & SPSR_SS, 0);
  f = trap(plain_code, 0, EL1_DEBUG | SPSR_SS);
  EXPECT(f->esr, ESR(0x33, 0x22 | STEP_ISV));
  EXPECT(f->elr, (u64)plain_code + 4);
  f = trap(plain_code, 0, kEl0);  // SS clear: pending at once, no instruction runs
  EXPECT(f->esr, ESR(0x32, 0x22));
  EXPECT(f->elr, plain_code);
  EXPECT(run(plain_code, 0, kEl1h | SPSR_SS), FINE);  // D masks it
  reset_debug();
}

/// A debugger's loop: each step exception returns to the next step, until the code's SVC.
static volatile u64 steps, stepped_to[16];
static bool next_step(struct Frame *f) {
  if (f->vector != kSyncEl0 || f->esr != ESR(0x32, 0x22 | STEP_ISV)) return false;
  stepped_to[steps % 16] = f->elr;
  ++steps;
  f->spsr |= SPSR_SS;
  if (f->elr == (u64)loop_code + 12) {
    // Enough: the rest runs until its SVC, which ends trap().
    WRITE(mdscr_el1, 0);
    f->spsr &= ~SPSR_SS;
    this_cpu()->trapping = true;
  }
  return true;
}
static void step_through_a_loop(void) {
  reset_debug();
  u64 const expected[] = {4, 8, 4, 8, 4, 8, 12};
  steps = 0;
  set_handler(next_step);
  WRITE(mdscr_el1, kMdscrSs);
  const struct Frame *f = trap_with_handler(loop_code, 0, kEl0 | SPSR_SS);
  EXPECT(f->esr, FINE);
  EXPECT(f->x[1], 0);
  EXPECT(steps, sizeof expected / sizeof *expected);
  for (u64 i = 0; i < steps; ++i) EXPECT(stepped_to[i], (u64)loop_code + expected[i]);
  reset_debug();
}

static void step_and_exceptions(void) {
  reset_debug();
  WRITE(mdscr_el1, kMdscrSs);
  const struct Frame *f = trap(svc_code, 0, kEl0 | SPSR_SS);
  EXPECT(f->esr, ESR(0x15, 9));   // the instruction's own exception, which completes it
  EXPECT(f->elr, (u64)svc_code + 4);
  EXPECT(f->spsr & SPSR_SS, 0);
  f = trap(load_code, HOLE, kEl0 | SPSR_SS);
  EXPECT(f->esr, ESR(0x24, 0x06));  // this one does not: it is still to be stepped
  EXPECT(f->spsr & SPSR_SS, SPSR_SS);
  f = trap(exclusive_code, (u64)words, kEl0 | SPSR_SS);
  EXPECT(f->esr, ESR(0x32, 0x22 | STEP_ISV | STEP_EX));
  reset_debug();
}

CODE(branch_code, "ret x0");
/// The step of a branch is reported before anything that happens at the branch's target.
static void step_before_the_rest(void) {
  reset_debug();
  WRITE(mdscr_el1, kMdscrSs);
  const struct Frame *f = trap(branch_code, HOLE, kEl0 | SPSR_SS);  // cannot be fetched
  EXPECT(f->esr, ESR(0x32, 0x22 | STEP_ISV));
  EXPECT(f->elr, HOLE);
  EXPECT(run(branch_code, (u64)plain_code + 2, kEl0 | SPSR_SS), ESR(0x32, 0x22 | STEP_ISV));
  reset_debug();
}

void test_main(void) {
  RUN(breakpoint);
  RUN(second_breakpoint);
  RUN(watchpoint);
  RUN(watched_bytes);
  RUN(nothing_is_stored);
  RUN(step);
  RUN(step_through_a_loop);
  RUN(step_and_exceptions);
  RUN(step_before_the_rest);
}
