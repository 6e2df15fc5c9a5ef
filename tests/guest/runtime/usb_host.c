// Interrupts of an xHCI controller (xHCI 1.2, 4.17): with a wire, the handler looks at IMAN.IP of every
// interrupter; with messages, the vector says which interrupters it may be (4.17.1), and IP is clear
// already (5.5.2.1).
#include "usb_host.h"

enum { kXhciClass = 0x0c0330, kTooMany = 1000000 };
#define MEMORY_BYTES 0x400000ul

static struct UsbHost the_host;

struct UsbHost *usb_host(const char **why) {
  struct UsbHost *const h = &the_host;
  if (h->bars[0] != 0) return h;
  if (!pci_find(&h->pci, kXhciClass)) {
    *why = "there is no xHCI controller";
    return 0;
  }
  h->bars[0] = pci_map_bar(&h->pci, 0);
  h->wire = pci_wire_intid(&h->pci);
  *why = h->bars[0] == 0 ? "BAR 0 has no place" : 0;
  return h->bars[0] == 0 ? 0 : h;
}

static void on_wire(struct UsbHost *h) {
  for (u32 n = 0; n < h->x.rings; ++n)
    if (xhci_take_pending(&h->x, n)) xhci_service(&h->x, n);
}

static void on_message(struct UsbHost *h, u32 vector) {
  ++h->by_vector[vector];
  for (u32 n = vector; n < h->x.rings; n += h->wiring.vectors) xhci_service(&h->x, n);
}

static bool handle(struct Frame *f) {
  struct UsbHost *const h = &the_host;
  if (f->vector != kIrq) return false;
  const u32 intid = (u32)GIC_READ(ICC_IAR1);
  const bool pin = h->wiring.kind == kPin;
  if (intid >= 1020 && intid < 1024) return true;
  if (pin && intid == h->wire) {
    ++h->interrupts;
    on_wire(h);
  } else if (!pin && intid - h->messages.first < h->wiring.vectors) {
    ++h->interrupts;
    on_message(h, intid - h->messages.first);
  } else {
    ++h->strays;
  }
  GIC_WRITE(ICC_EOIR1, intid);
  // A line that nothing lowers must not keep the program from saying so.
  if (h->interrupts + h->strays > kTooMany) f->spsr |= 0x80;
  return true;
}

static bool connect(struct UsbHost *h, u32 rings) {
  const struct Wiring *const w = &h->wiring;
  pci_wire(&h->pci, w->kind == kPin);
  if (w->kind == kPin) {
    gic_enable(h->wire, true);
    return h->wire != 0;
  }
  if (!messages_open(&h->messages, &h->pci, w->vectors)) return false;
  if (w->kind == kMsi) {
    if (pci_msi_vectors(&h->pci) < w->vectors) return false;
    pci_msi_on(&h->pci, w->vectors, h->messages.m[0]);
    return true;
  }
  struct PciMessage m[kXhciMaxEventRings];
  for (u32 n = 0; n < rings; ++n) m[n] = h->messages.m[n % w->vectors];
  if (pci_msix_vectors(&h->pci) < rings) return false;
  pci_msix_on(&h->pci, h->bars, rings, m);
  return true;
}

const char *usb_host_start(struct UsbHost *h, struct Wiring w, u32 rings) {
  IRQ_OFF();
  gic_init();
  pci_messages_off(&h->pci);
  h->wiring = w;
  h->memory = (struct Arena){SCRATCH, SCRATCH + MEMORY_BYTES};
  h->interrupts = h->strays = 0;
  for (u32 v = 0; v < kMaxMessages; ++v) h->by_vector[v] = 0;
  if (!connect(h, rings)) return "its interrupts cannot be connected";
  h->used = 0;
  const char *const why = xhci_start(&h->x, h->bars[0], &h->memory, rings);
  usb_host_listen();
  return why;
}

void usb_host_listen(void) {
  set_handler(handle);
  IRQ_ON();
}

const char *usb_host_find(struct UsbHost *h, struct UsbDevice *d, u32 triple, u32 interrupter) {
  for (u32 port = 1; port <= h->x.max_ports; ++port) {
    struct UsbInterface i;
    if ((h->used >> port & 1) != 0 || !xhci_port_connected(&h->x, port)) continue;
    const char *const why = usb_attach(&h->x, d, port, interrupter);
    if (why != 0) return why;
    if (usb_find_interface(d, triple, &i)) {
      h->used |= 1u << port;
      return 0;
    }
    // Not what is looked for: its slot is free again.
    struct XhciRequest r;
    const u32 slot = d->xhci.slot;
    xhci_command(&h->x, (struct XhciTrb){0, 0, TRB_TYPE(kTrbDisableSlot) | slot << 24}, &r);
    h->x.devices[slot] = 0;
  }
  return "there is none";
}
