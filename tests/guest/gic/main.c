// The handler, the wires, and the order of the cases.
#include "suite.h"

// ---- Wires -------------------------------------------------------------------------------------

// The PL061 (Arm DDI 0190): line 0 is an input with an interrupt on the level that it has, so that
// the mask GPIOIE is the wire.
enum {
  kGpioData = 0x3fc,
  kGpioDir = 0x400,
  kGpioIs = 0x404,
  kGpioIbe = 0x408,
  kGpioIev = 0x40c,
  kGpioIe = 0x410
};
static void gpio_set(bool high) { put32(GPIO_BASE + kGpioIe, high); }
static void gpio_prepare(void) {
  gpio_set(false);
  put32(GPIO_BASE + kGpioDir, 0);
  put32(GPIO_BASE + kGpioIs, 1);
  put32(GPIO_BASE + kGpioIbe, 0);
  put32(GPIO_BASE + kGpioIev, get32(GPIO_BASE + kGpioData) & 1);
}

// The PL011 (Arm DDI 0183): after a character UARTRIS.TXRIS is set, and UARTIMSC is the wire.
enum { kUartImsc = 0x38, kTx = 1 << 5 };
static void uart_set(bool high) { put32(UART_BASE + kUartImsc, high ? kTx : 0); }
static void uart_prepare(void) {
  uart_set(false);
  put_char('\n');
}

// The virtual timer (Arm DDI 0487, D12.2): its deadline is past, and CNTV_CTL_EL0.ENABLE is the wire.
static void timer_set(bool high) { WRITE(cntv_ctl_el0, high); }
static void timer_prepare(void) {
  timer_set(false);
  WRITE(cntv_cval_el0, 0);
}

const struct Wire wires[kWires] = {
    {"gpio", GPIO_INTID, gpio_prepare, gpio_set},
    {"uart", UART_INTID, uart_prepare, uart_set},
    {"timer", TIMER_INTID, timer_prepare, timer_set},
};
const struct Wire* wire = &wires[kGpioWire];

// ---- The handler -------------------------------------------------------------------------------

struct Log seen;
volatile u64 limit;
void (*volatile action)(u32 intid);
volatile bool split;

static void handle(struct Frame* f) {
  const bool fiq = f->vector == kFiq;
  const u32 intid = (u32)(fiq ? ICC_GET(ICC_IAR0) : ICC_GET(ICC_IAR1));
  if (intid >= 1020) {
    seen.spurious = seen.spurious + 1;
    if (seen.spurious > 1000) f->spsr |= SPSR_I | SPSR_F;  // a storm of nothing
    return;
  }
  const u64 n = seen.count;
  if (n < kMaxLog) {
    seen.when[n] = counter();
    seen.intid[n] = intid;
    seen.vector[n] = f->vector;
  }
  seen.count = n + 1;
  if (action != 0) action(intid);
  DSB();
  if (fiq)
    ICC_PUT(ICC_EOIR0, intid);
  else
    ICC_PUT(ICC_EOIR1, intid);
  if (split) ICC_PUT(ICC_DIR, intid);
  if (seen.count >= limit) f->spsr |= SPSR_I | SPSR_F;
}

void lower(u32 intid) {
  (void)intid;
  wire->set(false);
}

void prepare(void) {
  IRQ_OFF();
  FIQ_OFF();
  for (u64 i = 0; i < kWires; ++i) wires[i].prepare();
  gicd_init();
  seen.count = seen.spurious = 0;
  limit = 8;
  action = lower;
  split = false;
  set_handler(handle);
}

void settle(u64 count) {
  wait_for(&seen.count, count, 2000);
  for (int n = 0; n < 200; ++n) ISB();
}

void all_cases(void) {
  report("cpus", cpu_count());
  level_cases();
  edge_cases();
  change_cases();
  interface_cases();
  register_cases();
  cpu_cases();
}
