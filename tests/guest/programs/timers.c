// The EL1 virtual and physical timers (Arm DDI 0487, the Generic Timer in AArch64 state).
#include "guest.h"

enum { kVirtual = 27, kPhysical = 30, kEnable = 1, kImask = 2, kIstatus = 4 };

// Both timers through one interface, so that every case runs on both.
static bool physical;
static void set_ctl(u64 v) {
  if (physical)
    WRITE(cntp_ctl_el0, v);
  else
    WRITE(cntv_ctl_el0, v);
}
static u64 ctl(void) { return physical ? READ(cntp_ctl_el0) : READ(cntv_ctl_el0); }
static void set_cval(u64 v) {
  if (physical)
    WRITE(cntp_cval_el0, v);
  else
    WRITE(cntv_cval_el0, v);
}
static u64 cval(void) { return physical ? READ(cntp_cval_el0) : READ(cntv_cval_el0); }
static void set_tval(u64 v) {
  if (physical)
    WRITE(cntp_tval_el0, v);
  else
    WRITE(cntv_tval_el0, v);
}
static u64 tval(void) { return physical ? READ(cntp_tval_el0) : READ(cntv_tval_el0); }
static u32 intid(void) { return physical ? kPhysical : kVirtual; }

static volatile u64 fired, fired_at;
static u64 period;  // 0: once
static bool handle(struct Frame *f) {
  if (f->vector != kIrq) return false;
  const u32 id = (u32)GIC_READ(ICC_IAR1);
  if (id == intid()) {
    fired_at = counter();
    ++fired;
    if (period != 0)
      set_cval(cval() + period);
    else
      set_ctl(kEnable | kImask);
  }
  GIC_WRITE(ICC_EOIR1, id);
  return id == intid();
}

static void prepare(bool which) {
  IRQ_OFF();
  WRITE(cntp_ctl_el0, 0);
  WRITE(cntv_ctl_el0, 0);
  physical = which;
  fired = period = 0;
  gic_init();
  gic_enable(intid(), true);
  set_handler(handle);
}

static void frequency(void) {
  EXPECT(READ(cntfrq_el0), COUNTER_HZ);
  u64 last = counter();
  for (int i = 0; i < 1000; ++i) {
    const u64 now = counter();
    EXPECT_TRUE(now >= last);
    last = now;
  }
  ISB();
  const u64 p = READ(cntpct_el0);
  EXPECT_TRUE(counter() - p < micros(1000000));  // the same count, not far from it
}

static void status(bool which) {
  prepare(which);
  set_cval(counter() + micros(1000000000));
  set_ctl(kEnable);
  EXPECT(ctl(), kEnable);
  EXPECT_TRUE(!gic_pending(intid()));
  set_cval(counter());  // the condition is: count >= compare value
  EXPECT(ctl(), kEnable | kIstatus);
  EXPECT_TRUE(gic_pending(intid()));
  set_ctl(kEnable | kImask);
  EXPECT(ctl(), kEnable | kImask | kIstatus);  // IMASK hides it from the GIC alone
  EXPECT_TRUE(!gic_pending(intid()));
  set_ctl(kEnable);
  EXPECT_TRUE(gic_pending(intid()));
  set_ctl(0);
  EXPECT_TRUE(!gic_pending(intid()));
  set_cval(~0ul);
  set_ctl(kEnable);
  EXPECT(ctl(), kEnable);
  set_cval(0);
  EXPECT(ctl(), kEnable | kIstatus);
  set_ctl(0);
}
static void virtual_status(void) { status(false); }
static void physical_status(void) { status(true); }

static void timer_value(bool which) {
  prepare(which);
  set_ctl(kEnable | kImask);
  u64 before = counter();
  set_tval(0x10000000);
  u64 after = counter();
  EXPECT_TRUE(cval() >= before + 0x10000000 && cval() <= after + 0x10000000);
  const u64 left = tval();
  EXPECT_TRUE(left <= 0x10000000 && left > 0);
  EXPECT(left >> 32, 0);
  before = counter();
  set_tval(0xffffffff);  // signed: one count ago
  after = counter();
  EXPECT_TRUE(cval() >= before - 1 && cval() <= after - 1);
  EXPECT(ctl(), kEnable | kImask | kIstatus);
  EXPECT_TRUE((int)(u32)tval() < 0);
  set_ctl(0);
}
static void virtual_value(void) { timer_value(false); }
static void physical_value(void) { timer_value(true); }

/// Spins, reading no timer register, until the timer fires; it must not be early.
static void fires(bool which, const char *name) {
  prepare(which);
  u64 worst = 0;
  IRQ_ON();
  for (u64 i = 0; i < 20; ++i) {
    const u64 n = fired;
    set_tval(micros(10 + 20 * i));
    set_ctl(kEnable);
    EXPECT_TRUE(wait_for(&fired, n + 1, 5000000));
    if (case_failed()) return;
    EXPECT_TRUE(fired_at >= cval());
    if (fired_at - cval() > worst) worst = fired_at - cval();
  }
  IRQ_OFF();
  report(name, worst);
}
static void virtual_fires(void) { fires(false, "virtual_late"); }
static void physical_fires(void) { fires(true, "physical_late"); }

static void periodic(void) {
  prepare(false);
  period = micros(200);
  const u64 start = counter();
  set_cval(start + period);
  set_ctl(kEnable);
  IRQ_ON();
  EXPECT_TRUE(wait_for(&fired, 20, 10000000));
  IRQ_OFF();
  EXPECT_TRUE(counter() - start >= 20 * period);
  set_ctl(0);
}

static void wfi_wakes(bool which) {
  prepare(which);
  const u64 start = counter();
  set_cval(start + micros(2000));
  set_ctl(kEnable);
  WFI();  // masked by PSTATE.I: wakes and takes nothing
  EXPECT_TRUE(counter() - start >= micros(2000));
  EXPECT(fired, 0);
  EXPECT_TRUE(gic_pending(intid()));
  IRQ_ON();
  EXPECT_TRUE(wait_for(&fired, 1, 1000000));
  IRQ_OFF();
}
static void virtual_wakes(void) { wfi_wakes(false); }
static void physical_wakes(void) { wfi_wakes(true); }

static void earlier_one_wakes(void) {
  prepare(true);
  const u64 start = counter();
  WRITE(cntv_cval_el0, start + micros(100000000));
  gic_enable(kVirtual, true);
  WRITE(cntv_ctl_el0, kEnable);
  set_cval(start + micros(1000));
  set_ctl(kEnable);
  WFI();
  const u64 took = counter() - start;
  EXPECT_TRUE(took >= micros(1000) && took < micros(50000000));
  EXPECT_TRUE(!gic_pending(kVirtual));
  set_ctl(0);
  WRITE(cntv_ctl_el0, 0);
}

static void moved_deadline(void) {
  prepare(false);
  IRQ_ON();
  set_cval(counter() + micros(300));
  set_ctl(kEnable);
  set_cval(counter() + micros(100000000));  // away before it comes
  const u64 start = counter();
  while (counter() - start < micros(1000)) {
  }
  EXPECT(fired, 0);
  set_cval(counter() + micros(20));  // and nearer again
  EXPECT_TRUE(wait_for(&fired, 1, 5000000));
  IRQ_OFF();
  set_ctl(0);
}

#define WFE() asm volatile("wfe" ::: "memory")
enum { kEvntEn = 4, kEvntDir = 8, kEvntI = 4 };

/// Without an event stream: an event of SEV ends one WFE, an interrupt that may be taken the next.
static void wfe_ends(void) {
  prepare(false);
  WRITE(cntkctl_el1, 0);
  asm volatile("sev\n wfe" ::: "memory");
  IRQ_ON();
  set_cval(counter() + micros(500));
  set_ctl(kEnable);
  // It may end early, for any reason.
  const u64 start = counter();
  while (fired == 0 && counter() - start < micros(5000000)) WFE();
  EXPECT(fired, 1);
  IRQ_OFF();
  set_ctl(0);
}

/// The event stream alone ends WFE, at transitions of one bit of CNTVCT_EL0, in one direction.
static void event_stream(void) {
  prepare(false);
  u64 ended = 0;
  for (u64 falling = 0; falling < 2; ++falling) {
    for (u64 n = 8; n < 16; ++n) {
      WRITE(cntkctl_el1, kEvntEn | falling * kEvntDir | n << kEvntI);
      asm volatile("sevl\n wfe" ::: "memory");
      const u64 before = counter();
      WFE();  // the first may have had its event before
      WFE();
      WFE();
      const u64 took = counter() - before;
      if (took >= 2ul << n) ++ended;  // two whole periods; less is an early end, which is allowed
      EXPECT_TRUE(took < micros(5000000));
    }
  }
  WRITE(cntkctl_el1, 0);
  report("stream_waits", ended);
}

void test_main(void) {
  RUN(frequency);
  RUN(virtual_status);
  RUN(physical_status);
  RUN(virtual_value);
  RUN(physical_value);
  RUN(virtual_fires);
  RUN(physical_fires);
  RUN(periodic);
  RUN(virtual_wakes);
  RUN(physical_wakes);
  RUN(earlier_one_wakes);
  RUN(moved_deadline);
  RUN(wfe_ends);
  RUN(event_stream);
}
