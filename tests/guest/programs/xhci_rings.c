// The xHCI driver as macOS uses the controller: it refuses one with fewer than four interrupters, has
// three event rings, whatever the interrupts are, and wants the keyboard's events on ring 1 and the
// disk's on ring 2.  Nothing polls: an event counts when the interrupt handler has it.  guest_usb_test
// judges the rings and the times, which depend on the controller's options; and types a key for each
// "press".
#include "usb_host.h"

#define KEY_US 10000000ul  // what the test may take to type
enum { kNeeded = 4, kRings = 3, kCommands = 0, kKeys = 1, kDisk = 2, kTimes = 16, kBurst = 20 };

static struct UsbHost *host;
static struct UsbDevice keyboard_device, disk_device;
static struct UsbKeyboard keyboard;
static struct UsbDisk disk;
static struct Wiring wiring;

static bool good(const char *why) {
  if (why == 0) return true;
  put_string("because ");
  put_string(why);
  put_string("\n");
  return false;
}

/// "value WIRING_NAME V".
static void say(const char *name, u64 value) {
  char text[48];
  u32 at = 0;
  for (const char *s = wiring.name; *s != 0; ++s) text[at++] = *s;
  text[at++] = '_';
  for (const char *s = name; *s != 0; ++s) text[at++] = *s;
  text[at] = 0;
  report(text, value);
}

static void no_more_longest(void) {
  for (u32 n = 0; n < host->x.rings; ++n) host->x.events[n].longest = 0;
}

/// Reports the longest time from a doorbell to the handler, in nanoseconds.
static void say_longest(const char *name) {
  u64 most = 0;
  for (u32 n = 0; n < host->x.rings; ++n)
    if (host->x.events[n].longest > most) most = host->x.events[n].longest;
  say(name, nanos(most));
}

static const struct XhciTrb kNoOpCommand = {0, 0, TRB_TYPE(kTrbNoOpCommand)};
static const struct XhciTrb kNoOp = {0, 0, TRB_TYPE(kTrbNoOp) | kTrbIoc};

// ---- What is measured --------------------------------------------------------------------------

static void commands(void) {
  no_more_longest();
  for (u32 i = 0; i < kTimes && !case_failed(); ++i) {
    struct XhciRequest r;
    const u64 before = host->interrupts;
    EXPECT(xhci_command(&host->x, kNoOpCommand, &r), kXhciSuccess);
    EXPECT(r.ring, kCommands);
    EXPECT(r.events, 1);
    EXPECT(host->interrupts - before, 1);
  }
  say_longest("command_ns");
}

/// No-ops and requests on the keyboard's endpoint 0; the ring that tells of them.
static u32 control_ring;
static void controls(void) {
  no_more_longest();
  for (u32 i = 0; i < kTimes && !case_failed(); ++i) {
    struct XhciRequest r = {0};
    const u64 before = host->interrupts;
    EXPECT_TRUE(xhci_queue(keyboard_device.xhci.rings[1], kNoOp, &r, kRingsOwn));
    xhci_ring_doorbell(&host->x, &keyboard_device.xhci, 1);
    EXPECT(xhci_wait(&host->x, &r, 100000), kXhciSuccess);
    EXPECT(host->interrupts - before, 1);
    if (i == 0) control_ring = r.ring;
    EXPECT(r.ring, control_ring);
    // GET_REPORT: input, of interface 0.
    EXPECT_TRUE(usb_queue_control(&keyboard_device, (struct UsbSetup){0xa1, 1, 0x100, 0, 8}, &r));
    xhci_ring_doorbell(&host->x, &keyboard_device.xhci, 1);
    EXPECT(xhci_wait(&host->x, &r, 100000), kXhciSuccess);
    EXPECT(r.ring, control_ring);
    EXPECT(r.events, 1);
  }
  say("control_ring", control_ring);
  say_longest("control_ns");
}

static void bulk(void) {
  u32 *const buffer = arena_take(&host->memory, 65536, 65536);
  const u64 before = host->x.events[kDisk].taken;
  no_more_longest();
  EXPECT_TRUE(buffer != 0);
  for (u32 i = 0; i < kTimes && !case_failed(); ++i) {
    for (u32 n = 0; n < 1024; ++n) buffer[n] = n ^ i << 16;
    EXPECT_TRUE(disk_write(&disk, 8 * i, 8, buffer));
    for (u32 n = 0; n < 1024; ++n) buffer[n] = 0;
    EXPECT_TRUE(disk_read(&disk, 8 * i, 8, buffer));
    for (u32 n = 0; n < 1024; ++n) EXPECT(buffer[n], n ^ i << 16);
  }
  // A command, its data, its status: three events each.
  say("bulk_events", host->x.events[kDisk].taken - before);
  say_longest("bulk_ns");
}

/// Everything at once: each gets its event, once.
static void burst(void) {
  static struct XhciRequest r[3][kBurst];
  no_more_longest();
  const u64 strangers = host->x.strangers;
  for (u32 i = 0; i < kBurst; ++i) {
    for (u32 n = 1; n < 3; ++n) r[n][i] = (struct XhciRequest){0};
    EXPECT_TRUE(xhci_queue_command(&host->x, kNoOpCommand, &r[0][i]));
    EXPECT_TRUE(xhci_queue(keyboard_device.xhci.rings[1], kNoOp, &r[1][i], kRingsOwn));
    EXPECT_TRUE(xhci_queue(disk_device.xhci.rings[1], kNoOp, &r[2][i], kRingsOwn));
  }
  xhci_ring_doorbell(&host->x, &disk_device.xhci, 1);
  xhci_ring_doorbell(&host->x, &keyboard_device.xhci, 1);
  xhci_ring_commands(&host->x);
  for (u32 n = 0; n < 3; ++n)
    for (u32 i = 0; i < kBurst && !case_failed(); ++i) {
      EXPECT(xhci_wait(&host->x, &r[n][i], 100000), kXhciSuccess);
      EXPECT(r[n][i].ring, r[n][0].ring);
    }
  delay_us(1000);
  for (u32 n = 0; n < 3; ++n)
    for (u32 i = 0; i < kBurst; ++i) EXPECT(r[n][i].events, 1);
  EXPECT(host->x.strangers, strangers);
  EXPECT(r[0][0].ring, kCommands);
  say("disk_ring", r[2][0].ring);
  say_longest("burst_ns");
}

/// A key of the person at the keyboard; its report comes by the interrupter that was asked for.
static void key(void) {
  EXPECT_TRUE(keyboard_ask(&keyboard));
  put_string("press\n");
  EXPECT(xhci_wait(&host->x, &keyboard.request, KEY_US), kXhciSuccess);
  const u64 seen = keyboard.request.seen;
  say("key", keyboard.report[2]);
  say("key_ring", keyboard.request.ring);
  say("key_seen_ns", nanos(seen));
  EXPECT_TRUE(keyboard_ask(&keyboard));  // it goes up
  EXPECT(xhci_wait(&host->x, &keyboard.request, KEY_US), kXhciSuccess);
  EXPECT(keyboard.report[2], 0);
}

// ---- Cases -------------------------------------------------------------------------------------

/// The whole driver with interrupts of one kind.
static void work(void) {
  EXPECT_TRUE(good(usb_host_start(host, wiring, kRings)));
  EXPECT_TRUE(good(usb_host_find(host, &keyboard_device, kKeyboardClass, kKeys)));
  EXPECT_TRUE(good(usb_host_find(host, &disk_device, kStorageClass, kDisk)));
  if (case_failed()) return;
  EXPECT_TRUE(good(keyboard_open(&keyboard, &keyboard_device, kKeys)));
  EXPECT_TRUE(good(disk_open(&disk, &disk_device, kDisk)));
  if (!case_failed()) commands();
  if (!case_failed()) controls();
  if (!case_failed()) bulk();
  if (!case_failed()) burst();
  if (!case_failed()) key();
  EXPECT(host->x.strangers, 0);
  EXPECT(host->strays, 0);
  if (wiring.kind != kPin) {
    // Nobody shall have used the wire as well.
    EXPECT_TRUE(!pci_wire_status(&host->pci));
    say("vectors", (host->by_vector[0] != 0) + 2ul * (host->by_vector[1] != 0) +
                       4ul * (host->by_vector[2] != 0));
  }
  EXPECT_TRUE(xhci_stop(&host->x));
}

/// 001b: eight rings over four vectors; every interrupter's events come by number modulo four.
static void eight_over_four(void) {
  EXPECT_TRUE(good(usb_host_start(host, wiring, 8)));
  EXPECT_TRUE(good(usb_host_find(host, &keyboard_device, kKeyboardClass, 0)));
  for (u32 n = 0; n < 8 && !case_failed(); ++n) {
    struct XhciRequest r = {0};
    u64 before[4];
    for (u32 v = 0; v < 4; ++v) before[v] = host->by_vector[v];
    EXPECT_TRUE(xhci_queue(keyboard_device.xhci.rings[1], kNoOp, &r, n));
    xhci_ring_doorbell(&host->x, &keyboard_device.xhci, 1);
    EXPECT(xhci_wait(&host->x, &r, 100000), kXhciSuccess);
    EXPECT(r.ring, n);
    for (u32 v = 0; v < 4; ++v) EXPECT(host->by_vector[v] - before[v], v == n % 4);
  }
  EXPECT_TRUE(xhci_stop(&host->x));
}

static void wire(void) {
  wiring = (struct Wiring){"pin", kPin, 0};
  work();
}
static void msi_one(void) {
  wiring = (struct Wiring){"msi1", kMsi, 1};
  work();
}
static void msi_four(void) {
  wiring = (struct Wiring){"msi4", kMsi, 4};
  work();
}
static void msi_eight_over_four(void) {
  wiring = (struct Wiring){"msi8", kMsi, 4};
  eight_over_four();
}
static void msix_one(void) {
  wiring = (struct Wiring){"msix1", kMsix, 1};
  work();
}
static void msix_four(void) {
  wiring = (struct Wiring){"msix4", kMsix, 4};
  work();
}

/// As macOS does: with too few interrupters the controller is not used at all.
static bool accepted(void) {
  const u32 interrupters = get32(host->bars[0] + 4) >> 8 & 0x7ff;  // HCSPARAMS1.MaxIntrs
  report("interrupters", interrupters);
  if (interrupters >= kNeeded) return true;
  put_string("refused: ");
  put_hex(interrupters);
  put_string(" interrupters, and four are needed\n");
  return false;
}

static void found(void) {
  const char *why = 0;
  host = usb_host(&why);
  EXPECT_TRUE(good(why));
}

void test_main(void) {
  RUN(found);
  if (host == 0 || !accepted()) return;
  const u32 msi = pci_msi_vectors(&host->pci), msix = pci_msix_vectors(&host->pci);
  RUN(wire);
  if (msi != 0) RUN(msi_one);
  if (msi >= 4) RUN(msi_four);
  if (msi >= 4 && host->x.max_interrupters >= 8) RUN(msi_eight_over_four);
  if (msix != 0) RUN(msix_one);
  if (msix >= 4) RUN(msix_four);
}
