// The GIC as pe_fiq.c and a driver of Group 1 use it (Arm IHI 0069), and the virtual timer.
#include "xnu.h"

enum {
  kGicrTyper = 0x08,
  kGicrWaker = 0x14,
  kIgroupr0 = 0x10080,
  kIsenabler0 = 0x10100,
  kIspendr0 = 0x10200,
  kFrame = 0x20000,
  kProcessorSleep = 2,
  kChildrenAsleep = 4,
  kGroups = 0x81ffffff,  // INTIDs 25 to 30 in Group 0
  kVirtualTimer = 27,
  kIpi = 3,
  kSpurious = 1023,
};

static u64 frame(void) { return io(self()->gicr); }

/// This CPU's frame, by affinity; false when there is none.
static bool find_frame(void) {
  const u64 me = READ(mpidr_el1) & 0xffff;
  for (u64 at = platform.gicr;; at += kFrame) {
    const u64 typer = *(volatile u64*)(io(at) + kGicrTyper);
    if ((typer >> 32 & 0xffff) == me) {
      self()->gicr = at;
      return true;
    }
    if ((typer & 1 << 4) != 0) return false;  // Last
  }
}

static bool wake(void) {
  const u64 waker = frame() + kGicrWaker, start = counter();
  if ((get32(waker) & kChildrenAsleep) == 0) return true;
  put32(waker, get32(waker) & ~(u32)kProcessorSleep);
  do {
    if ((get32(waker) & kChildrenAsleep) == 0) return true;
  } while (counter() - start < micros(20000));
  return false;
}

/// As the compiler emits it: a pre-indexed store with write-back, which a hypervisor without a
/// decoder of instructions cannot take.  Returns the base afterwards.
static u64 set_groups(void) {
  u64 at = frame() + 0x10000;
  asm volatile("str %w1, [%0, #0x80]!" : "+r"(at) : "r"((u32)kGroups) : "memory");
  return at;
}

static void enable(void) { put32(frame() + kIsenabler0, 1u << kVirtualTimer | 1u << kIpi); }

static void start_interface(void) {
  GIC_WRITE(ICC_SRE, GIC_READ(ICC_SRE) | 1);
  GIC_WRITE(ICC_BPR0, 0);
  GIC_WRITE(ICC_PMR, 0xff);
  GIC_WRITE(ICC_CTLR, GIC_READ(ICC_CTLR) & ~2ul);  // EOImode
  put32(io(platform.gicd), get32(io(platform.gicd)) | 1);
  GIC_WRITE(ICC_IGRPEN0, 1);
}

/// The kernel's timer at rest, and Group 1, which a driver of its own uses.
static void start_rest(void) {
  WRITE(cntp_ctl_el0, 2);  // IMASK, for ever
  WRITE(cntv_tval_el0, 0x7fffffff);
  WRITE(cntv_ctl_el0, 1);
  put32(io(platform.gicd), get32(io(platform.gicd)) | 2);
  GIC_WRITE(ICC_BPR1, 0);
  GIC_WRITE(ICC_IGRPEN1, 1);
}

void gic_frame_step(void) {
  EXPECT_TRUE(find_frame());
  EXPECT_TRUE(wake());
}

void gic_groups_step(void) {
  EXPECT(set_groups(), frame() + kIgroupr0);
  EXPECT(get32(frame() + kIgroupr0), kGroups);
}

void gic_enable_step(void) {
  enable();
  EXPECT(get32(frame() + kIsenabler0) >> kVirtualTimer & 1, 1);
}

void gic_interface_step(void) {
  start_interface();
  start_rest();
  EXPECT(GIC_READ(ICC_SRE) & 1, 1);
  EXPECT(GIC_READ(ICC_CTLR) & 2, 0);
  EXPECT_TRUE(GIC_READ(ICC_PMR) >= 0xf0);  // as many bits as there are priorities
  EXPECT(GIC_READ(ICC_IGRPEN0), 1);
  EXPECT(get32(io(platform.gicd)) & 3, 3);
}

bool start_gic(void) {
  if (!find_frame() || !wake()) return false;
  set_groups();
  enable();
  start_interface();
  start_rest();
  return true;
}

// ---- Handlers ----------------------------------------------------------------------------------

void handle_fiq(void) {
  struct CpuData* c = self();
  const bool timer = (READ(cntv_ctl_el0) & 4) != 0;
  const u64 intid = GIC_READ(ICC_IAR0);
  if (timer) {
    c->timer_at = counter();
    WRITE(cntv_tval_el0, 0x7fffffff);  // the level drops
  }
  if (intid != kSpurious) GIC_WRITE(ICC_EOIR0, intid);
  c->timer_iar = timer ? intid : ~1ul;
  ++c->timer_fiqs;
}

void handle_irq(void) {
  struct CpuData* c = self();
  const u64 intid = GIC_READ(ICC_IAR1);
  if (intid == kSpurious) return;
  GIC_WRITE(ICC_EOIR1, intid);
  c->ipi_iar = intid;
  __atomic_store_n(&c->ipis, c->ipis + 1, __ATOMIC_RELEASE);
}

void send_ipi(u64 mpidr, u32 intid) {
  DSB();
  GIC_WRITE(ICC_SGI1R, (u64)intid << 24 | (mpidr >> 8 & 0xff) << 16 | 1ul << (mpidr & 15));
}

// ---- Time --------------------------------------------------------------------------------------

/// Microseconds of the paravirtual clock and the counter at the same moment, within 50 of them.
static void both_clocks(u64* us, u64* counts) {
  for (unsigned i = 0; i < 1000; ++i) {
    const u64 before = counter();
    *us = *(volatile u64*)io(platform.rtc);
    *counts = counter();
    if (*counts - before < micros(50)) return;
  }
}

/// 24 MHz, by a clock that does not depend on the counter.
void counter_step(void) {
  EXPECT(READ(cntfrq_el0), 24000000);
  u64 us0, us1, c0, c1;
  both_clocks(&us0, &c0);
  while (*(volatile u64*)io(platform.rtc) - us0 < 8000) asm volatile("yield");
  both_clocks(&us1, &c1);
  const u64 expected = (us1 - us0) * 24;
  EXPECT_TRUE(c1 - c0 > expected - expected / 20);
  EXPECT_TRUE(c1 - c0 < expected + expected / 20);
}

u64 take_timer(u32 counts, bool wfi) {
  struct CpuData* c = self();
  const u64 before = c->timer_fiqs, start = counter();
  WRITE(cntv_tval_el0, counts);
  FIQ_ON();
  while (c->timer_fiqs == before && counter() - start < micros(10000000))
    if (wfi)
      WFI();
    else
      asm volatile("yield");
  FIQ_OFF();
  return c->timer_fiqs == before ? ~0ul : c->timer_iar;
}

void timer_fiq_step(void) {
  enum { kCounts = 24000 };  // a millisecond
  u64 start = counter();
  EXPECT(take_timer(kCounts, false), kVirtualTimer);
  EXPECT_TRUE(self()->timer_at - start >= kCounts);
  start = counter();
  EXPECT(take_timer(kCounts, true), kVirtualTimer);
  EXPECT_TRUE(self()->timer_at - start >= kCounts);
  // Once each: the FIQ was gone with the reprogramming.
  const u64 fiqs = self()->timer_fiqs;
  FIQ_ON();
  for (start = counter(); counter() - start < micros(100);) asm volatile("yield");
  FIQ_OFF();
  EXPECT(self()->timer_fiqs, fiqs);
}

static bool timer_pending(void) { return get32(frame() + kIspendr0) >> kVirtualTimer & 1; }

void timer_drops_step(void) {
  EXPECT(timer_pending(), 0);
  WRITE(cntv_tval_el0, 24);
  for (u64 start = counter(); !timer_pending() && counter() - start < micros(10000000);)
    asm volatile("yield");
  EXPECT(timer_pending(), 1);
  EXPECT(READ(cntv_ctl_el0), 5);  // ENABLE, ISTATUS
  EXPECT(READ(isr_el1) >> 6 & 1, 1);
  WRITE(cntv_tval_el0, 0x7fffffff);
  EXPECT(READ(cntv_ctl_el0), 1);
  EXPECT(READ(isr_el1) >> 6 & 1, 0);
  EXPECT(timer_pending(), 0);
}

/// The event stream ends WFE after a microsecond or so; the timer is there in case it does not.
void wfe_step(void) {
  enum { kWaits = 20 };
  WRITE(cntkctl_el1, 4ul << 4 | 1 << 3 | 1 << 2 | 3);  // EVNTI, EVNTDIR, EVNTEN; EL0 may read
  const u64 fiqs = self()->timer_fiqs;
  counter();
  WRITE(cntv_tval_el0, 24000000 * 4u);
  FIQ_ON();
  for (unsigned i = 0; i < kWaits && self()->timer_fiqs == fiqs; ++i)
    asm volatile("sevl\n wfe\n wfe" ::: "memory");
  FIQ_OFF();
  EXPECT(self()->timer_fiqs, fiqs);
  EXPECT(READ(cntkctl_el1), 0x4f);
  WRITE(cntv_tval_el0, 0x7fffffff);
}
