// The virtual timer (Arm DDI 0487, D12.2) and WFI, which an interrupt ends that PSTATE masks.
#include "firmware/rom/drivers/wait.h"

#include "firmware/rom/drivers/gic.h"

enum { kTimerIntid = 27, kMaxHandlers = 8, kNoIntid = 1020, kTimerOn = 1, kTimerMasked = 2 };
enum { kStorm = 10000 };  // interrupts in a row, of a device whose line does not drop

static struct {
  u32 first, count;
  WaitHandler handler;
  void* of;
} table[kMaxHandlers];
static u32 handlers;

static void timer_off(void) { WRITE(cntv_ctl_el0, kTimerMasked); }

void wait_start(void) {
  handlers = 0;
  timer_off();
  gic_init();
  gic_enable(kTimerIntid, true);
}

bool wait_on(u32 first, u32 count, WaitHandler handler, void* of) {
  if (handlers == kMaxHandlers) return false;
  table[handlers].first = first;
  table[handlers].count = count;
  table[handlers].handler = handler;
  table[handlers].of = of;
  ++handlers;
  for (u32 i = 0; i < count; ++i) gic_enable(first + i, true);
  return true;
}

void wait_off(u32 first) {
  for (u32 i = 0; i < handlers; ++i) {
    if (table[i].first != first) continue;
    for (u32 n = 0; n < table[i].count; ++n) gic_enable(first + n, false);
    for (--handlers; i < handlers; ++i) table[i] = table[i + 1];
  }
}

static void handle(u32 intid) {
  if (intid == kTimerIntid) return timer_off();
  for (u32 i = 0; i < handlers; ++i)
    if (intid - table[i].first < table[i].count) return table[i].handler(table[i].of, intid);
  gic_enable(intid, false);  // whose it is nobody knows
}

void wait_until(u64 deadline) {
  WRITE(cntv_cval_el0, deadline);
  WRITE(cntv_ctl_el0, kTimerOn);
  DSB();
  WFI();
  u32 taken = 0;
  for (u32 intid; (intid = (u32)GIC_READ(ICC_IAR1)) < kNoIntid || intid > 1023;) {
    handle(intid);
    const bool storm = ++taken > kStorm;
    if (storm) gic_enable(intid, false);
    DSB();
    GIC_WRITE(ICC_EOIR1, intid);
    if (storm) break;
  }
  timer_off();
}

void wait_stop(void) {
  timer_off();
  for (u32 i = 0; i < handlers; ++i)
    for (u32 n = 0; n < table[i].count; ++n) gic_enable(table[i].first + n, false);
  gic_enable(kTimerIntid, false);
  GIC_WRITE(ICC_IGRPEN0, 0);
  GIC_WRITE(ICC_IGRPEN1, 0);
  handlers = 0;
}
