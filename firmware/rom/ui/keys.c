#include "firmware/rom/ui/keys.h"

#include "firmware/rom/drivers/uart.h"
#include "firmware/rom/drivers/wait.h"
#include "firmware/rom/lib/cpu.h"

// A sequence of a terminal comes in one piece, unless a slow line is between.
#define ESCAPE_US 100000ul
#define REPEAT_DELAY_US 400000ul
#define REPEAT_US 40000ul

static void on_uart(void* of, u32 intid) {
  struct Keys* const k = of;
  (void)intid;
  // Reading until it is empty lowers the line.  What nobody takes is lost.
  for (int byte; (byte = uart_get()) >= 0;)
    if (k->put - k->taken < kKeyBytesWaiting) k->received[k->put++ % kKeyBytesWaiting] = (u8)byte;
}

void keys_open(struct Keys* k, struct Arena* memory) {
  *k = (struct Keys){.memory = memory, .repeating = -1};
  wait_on(UART_INTID, 1, on_uart, k);
}

void keys_close(struct Keys* k) { keyboards_stop(&k->usb); }

static void start_usb(struct Keys* k) {
  k->usb_started = true;
  const char* const why = keyboards_start(&k->usb, k->memory);
  // A machine without USB is a machine without a keyboard, which is no mistake.
  if (why != 0 && why != keyboard_none) k->trouble = why;
}

static u32 from_uart(struct Keys* k) {
  while (k->taken != k->put) {
    const u32 key = key_byte(&k->bytes, k->received[k->taken++ % kKeyBytesWaiting]);
    k->escape_at = counter() + micros(ESCAPE_US);
    if (key != kKeyNone) return key;
  }
  if (!key_open(&k->bytes) || counter() < k->escape_at) return kKeyNone;
  return key_timeout(&k->bytes);
}

/// Takes reports until one has pressed something.
static void take_reports(struct Keys* k) {
  u32 which;
  u8 report[kReportLength];
  while (k->next == k->count && keyboards_report(&k->usb, &which, report)) {
    k->next = 0;
    k->count = key_report(&k->reports[which], report, k->waiting);
    if (k->count != 0) {
      k->repeating = (s32)which;
      k->repeat_at = counter() + micros(REPEAT_DELAY_US);
    }
  }
  if (k->usb.trouble != 0) k->trouble = k->usb.trouble;
  k->usb.trouble = 0;
}

static u32 repeated(struct Keys* k) {
  if (k->repeating < 0) return kKeyNone;
  const u32 key = key_repeated(&k->reports[k->repeating]);
  if (key == kKeyNone) k->repeating = -1;
  if (key == kKeyNone || counter() < k->repeat_at) return kKeyNone;
  k->repeat_at = counter() + micros(REPEAT_US);
  return key;
}

static u32 from_usb(struct Keys* k) {
  if (k->next == k->count) take_reports(k);
  if (k->next < k->count) return k->waiting[k->next++];
  return repeated(k);
}

static u64 earliest(const struct Keys* k, u64 deadline) {
  if (key_open(&k->bytes) && k->escape_at < deadline) deadline = k->escape_at;
  if (k->repeating >= 0 && k->repeat_at < deadline) deadline = k->repeat_at;
  return deadline;
}

u32 keys_wait(struct Keys* k, u64 deadline) {
  if (!k->usb_started) start_usb(k);
  // What came since the last wait, without sleeping: a key that was released meanwhile is not to repeat.
  wait_until(counter());
  for (;;) {
    u32 key = from_uart(k);
    if (key == kKeyNone) key = from_usb(k);
    if (key != kKeyNone || k->trouble != 0 || counter() >= deadline) return key;
    // What came while a device was asked is not to wait for the next interrupt.
    if (k->taken == k->put && !keyboards_waiting(&k->usb)) wait_until(earliest(k, deadline));
  }
}
