// The xHCI driver on one event ring: the controller, its pin, a keyboard, a disk.  guest_usb_test types
// the keys and looks at the disk's image.
#include "usb_host.h"

#define KEY_US 10000000ul  // what the test may take to type
enum { kBlocks = 256, kFirst = 40 };

static struct UsbHost *host;
static struct UsbDevice keyboard_device, disk_device;
static struct UsbKeyboard keyboard;
static struct UsbDisk disk;

static bool good(const char *why) {
  if (why == 0) return true;
  put_string("because ");
  put_string(why);
  put_string("\n");
  return false;
}

static const struct XhciTrb kNoOpCommand = {0, 0, TRB_TYPE(kTrbNoOpCommand)};
static const struct Wiring kPinWiring = {"pin", kPin, 0};

static void found(void) {
  const char *why = 0;
  host = usb_host(&why);
  EXPECT_TRUE(good(why));
  if (host == 0) return;
  report("msi", pci_msi_vectors(&host->pci));
  report("msix", pci_msix_vectors(&host->pci));
  EXPECT_TRUE(good(usb_host_start(host, kPinWiring, 1)));
  report("interrupters", host->x.max_interrupters);
}

// 000a: one command, one interrupt, and IMAN.IP is what holds the wire.
static void wire_fires_once(void) {
  usb_host_listen();
  struct XhciRequest r;
  const u64 before = host->interrupts;
  EXPECT(xhci_command(&host->x, kNoOpCommand, &r), kXhciSuccess);
  EXPECT(host->interrupts - before, 1);
  EXPECT(r.events, 1);
  delay_us(1000);
  EXPECT(host->interrupts - before, 1);
  EXPECT_TRUE(!gic_pending(host->wire));

  IRQ_OFF();
  EXPECT_TRUE(xhci_queue_command(&host->x, kNoOpCommand, &r));
  xhci_ring_commands(&host->x);
  const u64 start = counter();
  while (!gic_pending(host->wire) && counter() - start < micros(1000)) {
  }
  EXPECT_TRUE(gic_pending(host->wire));
  EXPECT_TRUE(pci_wire_status(&host->pci));
  pci_wire(&host->pci, false);  // INTx Disable
  EXPECT_TRUE(!gic_pending(host->wire));
  EXPECT_TRUE(pci_wire_status(&host->pci));
  pci_wire(&host->pci, true);
  EXPECT_TRUE(gic_pending(host->wire));
  EXPECT_TRUE(xhci_take_pending(&host->x, 0));
  EXPECT_TRUE(!gic_pending(host->wire));
  EXPECT_TRUE(!pci_wire_status(&host->pci));
  EXPECT(xhci_service(&host->x, 0), 1);
  EXPECT(r.code, kXhciSuccess);
  IRQ_ON();
  delay_us(1000);
  EXPECT(host->interrupts - before, 1);
}

static void wrong_commands(void) {
  usb_host_listen();
  struct XhciRequest r;
  const u32 slot = host->x.max_slots << 24;
  EXPECT(xhci_command(&host->x, (struct XhciTrb){0, 0, TRB_TYPE(kTrbDisableSlot) | slot}, &r),
         kXhciSlotNotEnabled);
  EXPECT(xhci_command(&host->x, (struct XhciTrb){0, 0, TRB_TYPE(kTrbDisableSlot)}, &r),
         kXhciTrbError);
  EXPECT(xhci_command(&host->x, (struct XhciTrb){0, 0, TRB_TYPE(kTrbStatus)}, &r), kXhciTrbError);
}

// More commands than the command ring has TRBs, and more events than a segment has.
static void rings_go_round(void) {
  usb_host_listen();
  struct XhciRequest r[20];
  for (u32 round = 0; round < 10 && !case_failed(); ++round) {
    for (u32 i = 0; i < 20; ++i) EXPECT_TRUE(xhci_queue_command(&host->x, kNoOpCommand, &r[i]));
    xhci_ring_commands(&host->x);
    for (u32 i = 0; i < 20; ++i) {
      EXPECT(xhci_wait(&host->x, &r[i], 100000), kXhciSuccess);
      EXPECT(r[i].events, 1);
    }
  }
  EXPECT(host->x.strangers, 0);
}

static void find_keyboard(void) {
  usb_host_listen();
  EXPECT_TRUE(good(usb_host_find(host, &keyboard_device, kKeyboardClass, 0)));
  EXPECT_TRUE(good(keyboard_open(&keyboard, &keyboard_device, 0)));
  report("keyboard_speed", keyboard_device.xhci.speed);
}

static void find_disk(void) {
  usb_host_listen();
  EXPECT_TRUE(good(usb_host_find(host, &disk_device, kStorageClass, 0)));
  EXPECT_TRUE(good(disk_open(&disk, &disk_device, 0)));
  report("disk_speed", disk_device.xhci.speed);
  report("blocks", disk.blocks);
  EXPECT(disk.block_bytes, 512);
}

// A request that the device does not know stalls endpoint 0, which goes on afterwards.
static void stall_is_no_end(void) {
  usb_host_listen();
  u8 byte = 0;
  EXPECT(usb_control(&keyboard_device, (struct UsbSetup){0xc0, 0x77, 0, 0, 1}, &byte), kXhciStall);
  u8 configuration = 0;
  EXPECT(usb_control(&keyboard_device, (struct UsbSetup){0x80, 8, 0, 0, 1}, &configuration),
         kXhciSuccess);
  EXPECT(configuration, 1);
}

/// What guest_usb_test puts into the image: a different word in each place.
static u32 pattern(u32 block, u32 n) { return block * 0x9e3779b9u + n * 0x85ebca6bu; }

static void disk_reads(void) {
  usb_host_listen();
  u32 *const buffer = arena_take(&host->memory, 512 * kBlocks, 4096);
  EXPECT_TRUE(buffer != 0 && disk_read(&disk, 0, kBlocks, buffer));
  if (case_failed()) return;
  for (u32 b = 0; b < kBlocks; ++b)
    for (u32 n = 0; n < 128; ++n) EXPECT(buffer[128 * b + n], pattern(b, n));
  // Behind the end: the command fails, and the next one works.
  EXPECT_TRUE(!disk_read(&disk, (u32)disk.blocks, 1, buffer));
  EXPECT_TRUE(disk_read(&disk, (u32)disk.blocks - 1, 1, buffer));
  EXPECT(buffer[5], pattern((u32)disk.blocks - 1, 5));
}

static void disk_writes(void) {
  usb_host_listen();
  u32 *const buffer = arena_take(&host->memory, 512 * kBlocks, 4096);
  EXPECT_TRUE(buffer != 0);
  if (case_failed()) return;
  for (u32 b = 0; b < kBlocks; ++b)
    for (u32 n = 0; n < 128; ++n) buffer[128 * b + n] = ~pattern(kFirst + b, n);
  EXPECT_TRUE(disk_write(&disk, kFirst, kBlocks, buffer));
  for (u32 i = 0; i < 128 * kBlocks; ++i) buffer[i] = 0;
  EXPECT_TRUE(disk_read(&disk, kFirst, kBlocks, buffer));
  for (u32 b = 0; b < kBlocks; ++b)
    for (u32 n = 0; n < 128; ++n) EXPECT(buffer[128 * b + n], ~pattern(kFirst + b, n));
}

// 000c: with one interrupter, every event goes to its ring, whatever a transfer asks for.
static void one_ring_for_all(void) {
  if (host->x.max_interrupters != 1) return;
  usb_host_listen();
  for (u32 target = 0; target < 3; ++target) {
    struct XhciRequest r = {0};
    EXPECT_TRUE(xhci_queue(keyboard_device.xhci.rings[1],
                           (struct XhciTrb){0, 0, TRB_TYPE(kTrbNoOp) | kTrbIoc}, &r, target));
    xhci_ring_doorbell(&host->x, &keyboard_device.xhci, 1);
    EXPECT(xhci_wait(&host->x, &r, 100000), kXhciSuccess);
    EXPECT(r.ring, 0);
  }
}

// Keys until Enter (usage 0x28) is up again; what went down, in order.
static void keys(void) {
  usb_host_listen();
  u64 down = 0;
  u32 modifiers = 0, held = 0;
  EXPECT_TRUE(keyboard_ask(&keyboard));
  put_string("type\n");
  for (;;) {
    const u64 code = xhci_wait(&host->x, &keyboard.request, KEY_US);
    EXPECT(code, kXhciSuccess);
    EXPECT(keyboard.request.residue, 0);
    if (case_failed()) return;
    modifiers |= keyboard.report[0];
    const u32 key = keyboard.report[2];
    if (key != 0 && key != held) down = down << 8 | key;
    if (key == 0 && held == 0x28) break;
    held = key;
    EXPECT_TRUE(keyboard_ask(&keyboard));
  }
  report("keys", down);
  report("modifiers", modifiers);
}

// The machine ends with the wire high: where it led to is gone before the controller is.
static void wire_stays_high(void) {
  static struct XhciRequest r;
  EXPECT_TRUE(xhci_queue_command(&host->x, kNoOpCommand, &r));
  xhci_ring_commands(&host->x);
  delay_us(1000);
  EXPECT_TRUE(gic_pending(host->wire));
}

// Each case needs what was before it.
#define STEP(name)             \
  do {                         \
    RUN(name);                 \
    if (case_failed()) return; \
  } while (0)

void test_main(void) {
  STEP(found);
  STEP(wire_fires_once);
  STEP(wrong_commands);
  STEP(rings_go_round);
  STEP(find_keyboard);
  STEP(find_disk);
  STEP(stall_is_no_end);
  STEP(disk_reads);
  STEP(disk_writes);
  STEP(one_ring_for_all);
  STEP(keys);
  STEP(wire_stays_high);
  report("strangers", host->x.strangers);
  report("strays", host->strays);
}
