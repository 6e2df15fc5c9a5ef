// UART (PL011, Arm DDI 0183), RTC (PL031, DDI 0224), GPIO (PL061, DDI 0190), and pvpanic (QEMU,
// docs/specs/pvpanic).
#include "firmware/rom/checks/check.h"
#include "firmware/rom/drivers/gic.h"

// ---- uart0 -------------------------------------------------------------------------------------

enum {
  kDr = 0x00,
  kEcr = 0x04,
  kFr = 0x18,
  kLcrH = 0x2c,
  kCr = 0x30,
  kUartIcr = 0x44,
  kRxfe = 1 << 4,
  kBusy = 1 << 3,
  kModemFlags = 1 << 8 | 7,  // RI; DCD, DSR, CTS
  kUarten = 1,
  kLbe = 1 << 7,
  kTxe = 1 << 8,
  kRxe = 1 << 9,
  kModemOutputs = 15 << 10,  // DTR, RTS, OUT1, OUT2
  kBreak = 1,
  kBreakReceived = 1 << 10,  // in UARTDR
  kModemInterrupts = 15,
  kBreakInterrupt = 1 << 9,
  kTransmitUs = 20000,
};

static bool transmitted(void) {
  const u64 start = counter();
  while (get32(UART_BASE + kFr) & kBusy)
    if (counter() - start > micros(kTransmitUs)) return false;
  return true;
}

/// Sent data would be seen outside as well; a break and the modem lines are not.
static const char* uart_loop(void) {
  put32(UART_BASE + kCr, kLbe | kUarten | kTxe | kRxe);
  const u32 low = get32(UART_BASE + kFr) & kModemFlags;
  put32(UART_BASE + kCr, kLbe | kUarten | kTxe | kRxe | kModemOutputs);
  const u32 high = get32(UART_BASE + kFr) & kModemFlags;
  WANT("the modem inputs of a loop without outputs", low, 0);
  WANT("the modem inputs of a loop with all outputs", high, kModemFlags);
  // What somebody typed is not to be lost: then there is no place for a break.
  if ((get32(UART_BASE + kFr) & kRxfe) == 0) return 0;
  const u32 lcr_h = get32(UART_BASE + kLcrH);
  put32(UART_BASE + kLcrH, lcr_h | kBreak);
  const bool empty = (get32(UART_BASE + kFr) & kRxfe) != 0;
  const u32 received = empty ? 0 : get32(UART_BASE + kDr);
  put32(UART_BASE + kLcrH, lcr_h & ~(u32)kBreak);
  put32(UART_BASE + kEcr, 0);
  WANT_THAT(!empty, "the loop gives no break");
  WANT("a break in the loop", received & 0xfff, kBreakReceived);
  return 0;
}

const char* check_uart(struct CheckContext* c) {
  (void)c;
  CHECK(check_primecell(UART_BASE, 0x00141011));
  WANT_THAT(transmitted(), "it does not end sending");
  const u32 cr = get32(UART_BASE + kCr);
  const char* const why = uart_loop();
  put32(UART_BASE + kCr, cr);
  put32(UART_BASE + kUartIcr, kModemInterrupts | kBreakInterrupt);
  return why;
}

// ---- rtc ---------------------------------------------------------------------------------------

#define RTC_BASE 0x20050000ul
enum {
  kRtcDr = 0x00,
  kMr = 0x04,
  kRtcCr = 0x0c,
  kImsc = 0x10,
  kRis = 0x14,
  kMis = 0x18,
  kIcr = 0x1c,
  kRtcIntid = 34
};

/// The match that is now: at the end of a second it is missed, and the next one is not.
static bool rtc_match_now(void) {
  for (u32 i = 0; i < 3; ++i) {
    put32(RTC_BASE + kMr, get32(RTC_BASE + kRtcDr));
    if (get32(RTC_BASE + kRis) & 1) return true;
  }
  return false;
}

const char* check_rtc(struct CheckContext* c) {
  (void)c;
  CHECK(check_primecell(RTC_BASE, 0x00141031));
  WANT("RTCCR", get32(RTC_BASE + kRtcCr), 1);
  const u32 mr = get32(RTC_BASE + kMr), imsc = get32(RTC_BASE + kImsc),
            ris = get32(RTC_BASE + kRis);
  put32(RTC_BASE + kImsc, 0);
  const bool matched = rtc_match_now(), quiet = !gic_pending(kRtcIntid);
  put32(RTC_BASE + kImsc, 1);
  const bool pending = gic_pending(kRtcIntid);
  const u32 mis = get32(RTC_BASE + kMis);
  if (ris == 0) put32(RTC_BASE + kIcr, 1);
  const bool cleared = ris != 0 || (get32(RTC_BASE + kRis) == 0 && !gic_pending(kRtcIntid));
  put32(RTC_BASE + kImsc, imsc);
  put32(RTC_BASE + kMr, mr);
  WANT_THAT(matched, "RTCMR equal to RTCDR does not match");
  WANT_THAT(quiet && pending, "INTID 34 does not follow RTCIMSC");
  WANT("RTCMIS", mis, 1);
  WANT_THAT(cleared, "RTCICR clears no interrupt");
  return 0;
}

// ---- gpio --------------------------------------------------------------------------------------

enum {
  kDir = 0x400,
  kIs = 0x404,
  kIbe = 0x408,
  kIev = 0x40c,
  kIe = 0x410,
  kGpioRis = 0x414,
  kOutput = 1 << 7,
  kInput = 1 << 6
};

/// Nothing is connected to the lines 6 and 7; an input that nobody drives is low.
static const char* gpio_lines(void) {
  put32(GPIO_BASE + kDir, (get32(GPIO_BASE + kDir) & ~(u32)kInput) | kOutput);
  put32(GPIO_BASE + (kOutput | kInput) * 4, 0xff);
  const u32 high = get32(GPIO_BASE + (kOutput | kInput) * 4),
            others = get32(GPIO_BASE + 1 * 4) & ~1u;
  put32(GPIO_BASE + kOutput * 4, 0);
  const u32 low = get32(GPIO_BASE + (kOutput | kInput) * 4);
  put32(GPIO_BASE + kIbe, get32(GPIO_BASE + kIbe) & ~(u32)kInput);
  put32(GPIO_BASE + kIev, get32(GPIO_BASE + kIev) & ~(u32)kInput);
  put32(GPIO_BASE + kIs, get32(GPIO_BASE + kIs) | kInput);  // low is its level
  const u32 ris = get32(GPIO_BASE + kGpioRis);
  put32(GPIO_BASE + kIe, kInput);
  const bool pending = gic_pending(GPIO_INTID);
  put32(GPIO_BASE + kIev, get32(GPIO_BASE + kIev) | kInput);
  const bool dropped = !gic_pending(GPIO_INTID);
  WANT("lines 6 and 7, the latter an output that is set", high, kOutput);
  WANT("lines outside the address's mask", others, 0);
  WANT("lines 6 and 7, the latter an output that is clear", low, 0);
  WANT("GPIORIS bit 6 at its level", ris & kInput, kInput);
  WANT_THAT(pending, "line 6 at its level does not assert INTID 37");
  WANT_THAT(dropped, "INTID 37 stays when the level is gone");
  return 0;
}

const char* check_gpio(struct CheckContext* c) {
  (void)c;
  CHECK(check_primecell(GPIO_BASE, 0x00041061));
  static const u32 registers[] = {kDir, kIs, kIbe, kIev, kIe};
  enum { kCount = sizeof registers / sizeof registers[0] };
  u32 before[kCount];
  for (u32 i = 0; i < kCount; ++i) before[i] = get32(GPIO_BASE + registers[i]);
  put32(GPIO_BASE + kIe, 0);  // what changes meanwhile interrupts nobody
  const char* const why = gpio_lines();
  put32(GPIO_BASE + kIe, 0);
  for (u32 i = 0; i < kCount; ++i) put32(GPIO_BASE + registers[i], before[i]);
  return why;
}

// ---- pvpanic -----------------------------------------------------------------------------------

#define PVPANIC_BASE 0x20070000ul
enum { kPanicked = 1, kCrashLoaded = 2, kShutdown = 4 };

/// What it offers; saying an event would end the machine.
const char* check_pvpanic(struct CheckContext* c) {
  (void)c;
  for (u32 i = 0; i < 2; ++i) {
    const u32 events = get8(PVPANIC_BASE + i);
    WANT_THAT((events & ~kShutdown) == (kPanicked | kCrashLoaded),
              "the events of byte %u are 0x%x, not 0x3", i, events);
  }
  return 0;
}
