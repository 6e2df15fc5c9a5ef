// The interrupt controller (Arm IHI 0069), the timers (Arm DDI 0487, D12), the MSI frame (Arm SBSA 3.1,
// appendix E; its bit 31: docs/platform.md).
#include "firmware/rom/checks/check.h"
#include "firmware/rom/drivers/gic.h"
#include "firmware/rom/drivers/psci.h"
#include "firmware/rom/drivers/wait.h"

enum {
  kGicdCtlr = 0x0000,
  kGicdTyper = 0x0004,
  kPidr2 = 0xffe8,
  kGicrTyper = 0x0008,
  kGicrFrame = 0x20000,
  kLast = 1 << 4,
  kSgi = 8,
  kUrgentSgi = 9,
  kPriority = 0x60,
  kUrgent = 0x20,
  kMaskOthers = 0x80,  // PMR: nobody else's interrupts, which are 0xa0
  kNormal = 0xa0,
  kSpurious = 1023,
  kIsrIrq = 1 << 7,
  kIsrFiq = 1 << 6,
};

// ---- gic ---------------------------------------------------------------------------------------

/// As many redistributors as CPUs, in their order, the last one marked.
static const char* redistributors(void) {
  for (u32 i = 0;; ++i) {
    const u64 affinity = (i / 16) << 8 | i % 16, at = GICR_BASE + (u64)i * kGicrFrame + kGicrTyper;
    const bool more = psci(PSCI_AFFINITY_INFO, ((i + 1) / 16) << 8 | (i + 1) % 16, 0, 0) >= 0;
    const u32 low = get32(at), high = get32(at + 4);
    WANT_THAT(high == affinity, "redistributor %u is of CPU 0x%x, not 0x%lx", i, high, affinity);
    WANT_THAT(((low & kLast) == 0) == more, "GICR_TYPER.Last of CPU %u is %u", i, low >> 4 & 1);
    if (!more) return 0;
  }
}

static const char* gic_ids(void) {
  WANT("GICD_PIDR2.ArchRev", get32(GICD_BASE + kPidr2) >> 4 & 15, 3);
  const u32 typer = get32(GICD_BASE + kGicdTyper);
  WANT("GICD_TYPER.ITLinesNumber", typer & 31, 8);
  WANT("GICD_TYPER.SecurityExtn", typer >> 10 & 1, 0);
  WANT("GICD_TYPER.LPIS", typer >> 17 & 1, 0);
  WANT("GICD_CTLR.DS", get32(GICD_BASE + kGicdCtlr) >> 6 & 1, 1);
  WANT("ICC_SRE_EL1.SRE", GIC_READ(ICC_SRE) & 1, 1);
  return redistributors();
}

/// Two at once: the more urgent one first, and then the other.
static const char* gic_order(void) {
  gic_sgi(kSgi, 0);
  gic_sgi(kUrgentSgi, 0);
  DSB();
  const u32 first = (u32)GIC_READ(ICC_IAR1), running = (u32)GIC_READ(ICC_RPR);
  if (first < kSpurious) GIC_WRITE(ICC_EOIR1, first);
  const u32 second = (u32)GIC_READ(ICC_IAR1);
  if (second < kSpurious) GIC_WRITE(ICC_EOIR1, second);
  const u32 third = (u32)GIC_READ(ICC_IAR1);
  if (third < kSpurious) GIC_WRITE(ICC_EOIR1, third);
  WANT("the first INTID of two SGIs", first, kUrgentSgi);
  WANT("ICC_RPR_EL1", running & 0xff, kUrgent);
  WANT("the second INTID of two SGIs", second, kSgi);
  WANT("the INTID after two SGIs", third, kSpurious);
  return 0;
}

/// Pending is enough: they stay masked in PSTATE.
static const char* gic_groups(void) {
  gic_set_pending(kSgi, true);
  DSB();
  const u64 group1 = READ(isr_el1);
  gic_set_pending(kSgi, false);
  gic_group(kSgi, 0);
  gic_set_pending(kSgi, true);
  DSB();
  const u64 group0 = READ(isr_el1), intid = GIC_READ(ICC_HPPIR0);
  gic_set_pending(kSgi, false);
  gic_group(kSgi, 1);
  WANT_THAT((group1 & (kIsrIrq | kIsrFiq)) == kIsrIrq, "Group 1 makes ISR_EL1 0x%lx, not I",
            group1);
  WANT_THAT((group0 & (kIsrIrq | kIsrFiq)) == kIsrFiq, "Group 0 makes ISR_EL1 0x%lx, not F",
            group0);
  WANT("ICC_HPPIR0_EL1", intid, kSgi);
  return 0;
}

static void count_interrupt(void* of, u32 intid) {
  (void)intid;
  ++*(volatile u32*)of;
}

/// And one that arrives where the ROM sleeps.
static const char* gic_arrives(void) {
  volatile u32 came = 0;
  WANT_THAT(wait_on(kSgi, 1, count_interrupt, (void*)&came),
            "there is no room for another handler");
  gic_sgi(kSgi, 0);
  const bool arrived = SLEEP_UNTIL(came != 0, 100000);
  wait_off(kSgi);
  WANT_THAT(arrived, "an SGI does not arrive");
  WANT("interrupts of one SGI", came, 1);
  return 0;
}

const char* check_gic(struct CheckContext* c) {
  (void)c;
  CHECK(gic_ids());
  const u64 pmr = GIC_READ(ICC_PMR);
  GIC_WRITE(ICC_PMR, kMaskOthers);
  gic_priority(kSgi, kPriority);
  gic_priority(kUrgentSgi, kUrgent);
  gic_enable(kSgi, true);
  gic_enable(kUrgentSgi, true);
  const char* why = gic_order();
  if (why == 0) why = gic_groups();
  gic_enable(kSgi, false);
  gic_enable(kUrgentSgi, false);
  gic_set_pending(kSgi, false);
  gic_set_pending(kUrgentSgi, false);
  gic_priority(kSgi, kNormal);
  gic_priority(kUrgentSgi, kNormal);
  GIC_WRITE(ICC_PMR, pmr);
  CHECK(why);
  return gic_arrives();
}

// ---- timers ------------------------------------------------------------------------------------

enum {
  kVirtualIntid = 27,
  kPhysicalIntid = 30,
  kEnable = 1,
  kMask = 2,
  kStatus = 4,
  kSleepUs = 2000,
  kLateUs = 100000,  // of a host with much else to do
};
#define AVP_RTC_TIME 0x30240000ul

/// The counter and a clock of another device.  It was `before` at most and `after` at least when the clock was
/// read.
struct Moment {
  u64 before, us, after;
};
static struct Moment moment(void) {
  struct Moment m;
  m.before = counter();
  m.us = *(volatile u64*)AVP_RTC_TIME;
  m.after = counter();
  return m;
}

/// Sleeps by the virtual timer, and looks at the other clock before and after that.
static const char* timer_sleeps(void) {
  const struct Moment a = moment();
  const u64 deadline = counter() + micros(kSleepUs);
  while (counter() < deadline) wait_until(deadline);
  const struct Moment b = moment();
  WANT_THAT(b.before - a.before < micros(kSleepUs + kLateUs), "sleeping 2 ms takes %lu us",
            (b.before - a.before) * 1000000 / COUNTER_HZ);
  // Whole microseconds, and one of tolerance.
  const u64 us = b.us - a.us, least = b.before - a.after, most = b.after - a.before;
  WANT_THAT((us + 2) * 24 >= least && us * 24 <= most + 48,
            "%lu us of the avp-rtc are %lu counts, not 24 each", us, least);
  return 0;
}

/// A compare value that has come: the timer's status, and its interrupt until it is masked or off.
static const char* timer_compares(void) {
  WRITE(cntv_cval_el0, counter());
  WRITE(cntv_ctl_el0, kEnable);
  const u64 ctl = READ(cntv_ctl_el0);
  const bool pending = gic_pending(kVirtualIntid);
  WRITE(cntv_ctl_el0, kEnable | kMask);
  const bool masked = !gic_pending(kVirtualIntid);
  WRITE(cntv_cval_el0, ~0ul);
  const u64 later = READ(cntv_ctl_el0);
  WRITE(cntv_ctl_el0, kMask);
  WANT("CNTV_CTL_EL0 at its time", ctl, kEnable | kStatus);
  WANT_THAT(pending, "the virtual timer does not assert INTID 27");
  WANT_THAT(masked, "the virtual timer asserts INTID 27 when it is masked");
  WANT("CNTV_CTL_EL0 before its time", later, kEnable | kMask);
  return 0;
}

/// Its interrupt as the CPU takes it.
static const char* timer_interrupts(void) {
  const u64 pmr = GIC_READ(ICC_PMR);
  GIC_WRITE(ICC_PMR, kMaskOthers);
  gic_priority(kVirtualIntid, kUrgent);
  WRITE(cntv_cval_el0, counter());
  WRITE(cntv_ctl_el0, kEnable);
  DSB();
  const u32 intid = (u32)GIC_READ(ICC_IAR1);
  WRITE(cntv_ctl_el0, kMask);
  DSB();
  if (intid < kSpurious) GIC_WRITE(ICC_EOIR1, intid);
  const u32 after = (u32)GIC_READ(ICC_IAR1);
  if (after < kSpurious) GIC_WRITE(ICC_EOIR1, after);
  gic_priority(kVirtualIntid, kNormal);
  GIC_WRITE(ICC_PMR, pmr);
  WANT("the virtual timer's INTID", intid, kVirtualIntid);
  WANT("the INTID after it was switched off", after, kSpurious);
  return 0;
}

static const char* physical_timer(void) {
  const u64 ctl = READ(cntp_ctl_el0), cval = READ(cntp_cval_el0);
  WRITE(cntp_cval_el0, READ(cntpct_el0));
  WRITE(cntp_ctl_el0, kEnable);
  const bool pending = gic_pending(kPhysicalIntid);
  WRITE(cntp_cval_el0, cval);
  WRITE(cntp_ctl_el0, ctl & (kEnable | kMask));
  WANT_THAT(pending, "the physical timer does not assert INTID 30");
  return 0;
}

const char* check_timers(struct CheckContext* c) {
  (void)c;
  WANT("CNTFRQ_EL0", READ(cntfrq_el0), COUNTER_HZ);
  CHECK(timer_compares());
  CHECK(timer_interrupts());
  CHECK(physical_timer());
  return timer_sleeps();
}

// ---- msi-frame ---------------------------------------------------------------------------------

enum { kMsiTyper = 0x008, kSetSpi = 0x040, kMsiIntid = 160, kMsiCount = 128 };

static const char* message_arrives(u32 intid) {
  volatile u32 came = 0;
  gic_edge(intid, true);
  gic_edge(intid - 1, true);
  const bool room = wait_on(intid, 1, count_interrupt, (void*)&came);
  put32(MSI_FRAME + kSetSpi, intid - 1);      // another one, which is not enabled
  put32(MSI_FRAME + kSetSpi, kMsiIntid - 1);  // not one of the frame's
  const bool other = gic_pending(intid - 1), outside = gic_pending(kMsiIntid - 1);
  gic_set_pending(intid - 1, false);
  put32(MSI_FRAME + kSetSpi, intid);
  const bool arrived = room && SLEEP_UNTIL(came != 0, 100000);
  wait_off(intid);
  gic_set_pending(intid, false);
  gic_edge(intid, false);
  gic_edge(intid - 1, false);
  WANT_THAT(room, "there is no room for another handler");
  WANT_THAT(other, "a message for INTID %u does not make it pending", intid - 1);
  WANT_THAT(!outside, "a message for INTID 159, which is not the frame's, makes it pending");
  WANT_THAT(arrived, "the interrupt of a message for INTID %u does not come", intid);
  WANT("interrupts of one message", came, 1);
  return 0;
}

const char* check_msi_frame(struct CheckContext* c) {
  (void)c;
  u32 typer;
  if (!attempt_get32(MSI_FRAME + kMsiTyper, &typer)) return check_absent;
  WANT_THAT(typer >> 31 == 1, "MSI_TYPER is 0x%x: without bit 31 macOS does not use it", typer);
  WANT("MSI_TYPER's first INTID", typer >> 16 & 0x3ff, kMsiIntid);
  WANT("MSI_TYPER's count", typer & 0x3ff, kMsiCount);
  return message_arrives(kMsiIntid + kMsiCount - 1);  // drivers take the first ones
}
