// xHCI 1.2: interrupters and interrupts (4.17), port changes (4.19.2); usb.h has the keyboard itself.
// Missing on purpose: hubs, and keyboards without the boot protocol.
#include "firmware/rom/drivers/keyboard.h"

#include "firmware/rom/drivers/wait.h"
#include "firmware/rom/lib/format.h"

enum { kXhciClass = 0x0c0330, kHcsParams1 = 4 };
// macOS's firmware does not use a controller with fewer, nor do we: what works here works there.
enum { kLeastInterrupters = 4 };
enum { kRings = 3, kKeys = 1, kOthers = 2 };

const char keyboard_none[] = "there is no USB controller";

// ---- Interrupts --------------------------------------------------------------------------------

static void on_wire(void* of, u32 intid) {
  struct Keyboards* const k = of;
  (void)intid;
  for (u32 n = 0; n < kRings; ++n)
    if (xhci_take_pending(&k->x, n)) xhci_service(&k->x, n);
}

/// IMAN.IP is clear already when a message was sent (5.5.2.1).
static void on_message(void* of, u32 intid) {
  struct Keyboards* const k = of;
  for (u32 n = intid - k->messages.first; n < kRings; n += k->vectors) xhci_service(&k->x, n);
}

/// MSI-X with a vector for each ring, or MSI with as many or one.
static bool connect_messages(struct Keyboards* k) {
  const u32 msi = pci_msi_vectors(&k->pci);
  const bool msix = pci_msix_vectors(&k->pci) >= kRings;
  k->vectors = msix || msi >= 4 ? 4 : msi != 0 ? 1 : 0;
  if (k->vectors == 0 || !messages_open(&k->messages, &k->pci, k->vectors) ||
      !wait_on(k->messages.first, k->vectors, on_message, k))
    return false;
  pci_wire(&k->pci, false);
  if (msix)
    pci_msix_on(&k->pci, k->bars, kRings, k->messages.m);
  else
    pci_msi_on(&k->pci, k->vectors, k->messages.m[0]);
  return true;
}

static bool connect(struct Keyboards* k) {
  pci_messages_off(&k->pci);
  if (connect_messages(k)) return true;
  const u32 wire = pci_wire_intid(&k->pci);
  pci_wire(&k->pci, true);
  return wire != 0 && wait_on(wire, 1, on_wire, k);
}

// ---- Start and stop ----------------------------------------------------------------------------

static bool share_memory(struct Keyboards* k, struct Arena* memory) {
  const u64 each = KEYBOARD_BYTES / 16;
  const u64 all = (u64)arena_take(memory, KEYBOARD_BYTES, 4096);
  if (all == 0) return false;
  for (u32 i = 0; i < kMaxKeyboards; ++i)
    k->at[i].all = (struct Arena){all + i * each, all + (i + 1) * each};
  k->memory = (struct Arena){all + kMaxKeyboards * each, all + KEYBOARD_BYTES};
  return true;
}

const char* keyboards_start(struct Keyboards* k, struct Arena* memory) {
  *k = (struct Keyboards){0};
  if (!pci_find(&k->pci, kXhciClass)) return keyboard_none;
  k->bars[0] = pci_map_bar(&k->pci, 0);
  if (k->bars[0] == 0) return "the USB controller's registers have no place";
  const u32 interrupters = get32(k->bars[0] + kHcsParams1) >> 8 & 0x7ff;
  if (interrupters < kLeastInterrupters) {
    format_text(k->text, sizeof k->text, "the USB controller has %u interrupters, not %u: not used",
                interrupters, (u32)kLeastInterrupters);
    return k->text;
  }
  if (!share_memory(k, memory)) return "there is no memory for USB";
  if (!connect(k)) return "the USB controller's interrupts cannot be connected";
  const char* const why = xhci_start(&k->x, k->bars[0], &k->memory, kRings);
  if (why != 0) {
    format_text(k->text, sizeof k->text, "the USB controller: %s", why);
    return k->text;
  }
  k->x.sleep = wait_until;
  k->x.ports_changed = true;
  k->running = true;
  return 0;
}

void keyboards_stop(struct Keyboards* k) {
  if (!k->running) return;
  k->running = false;
  xhci_stop(&k->x);
  pci_messages_off(&k->pci);
  pci_wire(&k->pci, true);
}

// ---- Plugging in and out -----------------------------------------------------------------------

static struct KeyboardPort* free_place(struct Keyboards* k) {
  for (u32 i = 0; i < kMaxKeyboards; ++i)
    if (k->at[i].port == 0 && !k->at[i].gone) return &k->at[i];
  return 0;
}

static void detach(struct Keyboards* k, struct KeyboardPort* at) {
  xhci_disable_device(&k->x, &at->device.xhci);
  at->port = 0;
  at->gone = true;
}

/// Null: it is a keyboard, and its report was asked for, or it is something else.
static const char* look_at(struct Keyboards* k, struct KeyboardPort* at, u32 port) {
  struct UsbInterface i;
  const char* why = usb_attach(&k->x, &at->device, port, kOthers);
  if (why != 0 || !usb_find_interface(&at->device, kKeyboardClass, &i)) return why;
  why = keyboard_open(&at->keyboard, &at->device, kKeys);
  if (why != 0) return why;
  at->port = port;
  return keyboard_ask(&at->keyboard) ? 0 : "its reports cannot be asked for";
}

static void attach(struct Keyboards* k, u32 port) {
  struct KeyboardPort* const at = free_place(k);
  if (at == 0) {
    k->trouble = "more USB devices at once than the ROM looks at";
    return;
  }
  // The controller forgets a device with its slot: its memory is used again.
  at->memory = at->all;
  k->x.memory = &at->memory;
  const char* const why = look_at(k, at, port);
  k->x.memory = &k->memory;
  if (why != 0) {
    format_text(k->text, sizeof k->text, "USB port %u: %s", port, why);
    k->trouble = k->text;
    at->port = 0;
  }
  if (at->port == 0) xhci_disable_device(&k->x, &at->device.xhci);
}

static void look_at_port(struct Keyboards* k, u32 port) {
  const bool changed = xhci_port_changed(&k->x, port), there = xhci_port_connected(&k->x, port);
  for (u32 i = 0; i < kMaxKeyboards; ++i)
    if (k->at[i].port == port && (changed || !there)) detach(k, &k->at[i]);
  if (changed || !there) k->seen[port] = false;
  if (!there || k->seen[port]) return;
  k->seen[port] = true;
  attach(k, port);
}

static void look_at_ports(struct Keyboards* k) {
  const u32 last = k->x.max_ports < kMaxUsbPorts ? k->x.max_ports : kMaxUsbPorts;
  k->x.ports_changed = false;
  for (u32 port = 1; port <= last; ++port) look_at_port(k, port);
}

// ---- Reports -----------------------------------------------------------------------------------

static bool take_report(struct Keyboards* k, struct KeyboardPort* at, u8* report) {
  struct XhciRequest* const r = &at->keyboard.request;
  if (r->code == 0) return false;
  const bool good = r->code == kXhciSuccess || r->code == kXhciShortPacket;
  for (u32 i = 0; i < kKeyboardReport; ++i)
    report[i] = good && i < kKeyboardReport - r->residue ? at->keyboard.report[i] : 0;
  if (r->code == kXhciStall) xhci_recover(&k->x, &at->device.xhci, at->keyboard.dci);
  // After other errors it is gone, or will be: its port says so.
  if ((good || r->code == kXhciStall) && keyboard_ask(&at->keyboard)) return good;
  r->code = 0;
  return good;
}

bool keyboards_waiting(const struct Keyboards* k) {
  if (!k->running) return false;
  bool any = k->x.ports_changed;
  for (u32 i = 0; i < kMaxKeyboards; ++i)
    any = any || k->at[i].gone || (k->at[i].port != 0 && k->at[i].keyboard.request.code != 0);
  return any;
}

bool keyboards_report(struct Keyboards* k, u32* which, u8* report) {
  if (!k->running) return false;
  if (k->x.ports_changed) look_at_ports(k);
  for (u32 i = 0; i < kMaxKeyboards; ++i) {
    struct KeyboardPort* const at = &k->at[i];
    *which = i;
    if (at->gone) {
      at->gone = false;
      for (u32 n = 0; n < kKeyboardReport; ++n) report[n] = 0;
      return true;
    }
    if (at->port != 0 && take_report(k, at, report)) return true;
  }
  return false;
}
