// Enumeration (USB 2.0, 9.1.2, 9.4, 9.6; USB 3.2, 9.6.7) and keyboards (HID 1.11, 7.2 and appendix B).
// One configuration, the first alternate setting of an interface, no strings, no hubs.
#include "firmware/rom/drivers/usb.h"

enum {
  kGetDescriptor = 6,
  kSetConfiguration = 9,
  kDeviceDescriptor = 1,
  kConfigDescriptor = 2,
  kInterfaceDescriptor = 4,
  kEndpointDescriptor = 5,
  kCompanionDescriptor = 48,
  kFromDevice = 0x80,
  kClassToInterface = 0x21,
  kSetProtocol = 0x0b,
  kSetIdle = 0x0a,
  kFull = 1,
  kLow = 2,
  kSuper = 4,
  kBufferBytes = 512,
  kReportBytes = 8,
};

#define CONTROL_US 2000000ul

// ---- Control transfers -------------------------------------------------------------------------

bool usb_queue_control(struct UsbDevice* d, struct UsbSetup setup, struct XhciRequest* r) {
  struct XhciRing* const ring = d->xhci.rings[1];
  const bool in = (setup.type & kFromDevice) != 0, data = setup.length != 0;
  const u64 bytes = (u64)setup.length << 48 | (u64)setup.index << 32 | (u64)setup.value << 16 |
                    (u64)setup.request << 8 | setup.type;
  const u32 transfer_type = !data ? 0 : in ? 3u << 16 : 2u << 16;  // 6.4.1.2.1
  *r = (struct XhciRequest){0};
  if (!xhci_queue(ring,
                  (struct XhciTrb){bytes, 8, TRB_TYPE(kTrbSetup) | kTrbImmediate | transfer_type},
                  r, kRingsOwn))
    return false;
  if (data && !xhci_queue(ring,
                          (struct XhciTrb){(u64)d->buffer, setup.length,
                                           TRB_TYPE(kTrbData) | (in ? kTrbIn : 0)},
                          r, kRingsOwn))
    return false;
  return xhci_queue(
      ring, (struct XhciTrb){0, 0, TRB_TYPE(kTrbStatus) | kTrbIoc | (data && in ? 0 : kTrbIn)}, r,
      kRingsOwn);
}

u64 usb_control(struct UsbDevice* d, struct UsbSetup setup, void* data) {
  struct XhciRequest r;
  const bool in = (setup.type & kFromDevice) != 0;
  if (setup.length > kBufferBytes) return kXhciNoRoom;
  if (!in)
    for (u32 i = 0; i < setup.length; ++i) d->buffer[i] = ((u8*)data)[i];
  if (!usb_queue_control(d, setup, &r)) return kXhciNoRoom;
  xhci_ring_doorbell(d->x, &d->xhci, 1);
  const u64 code = xhci_wait(d->x, &r, CONTROL_US);
  // Endpoint 0 stops at an error like any other; the next SETUP ends it for the device (8.5.3.4).
  if (code == kXhciStall || code == kXhciTransactionError) xhci_recover(d->x, &d->xhci, 1);
  if (in && code == kXhciSuccess)
    for (u32 i = 0; i < setup.length; ++i) ((u8*)data)[i] = d->buffer[i];
  return code;
}

// ---- Enumeration -------------------------------------------------------------------------------

static bool get_descriptor(struct UsbDevice* d, u32 type, void* to, u16 bytes) {
  const struct UsbSetup setup = {kFromDevice, kGetDescriptor, (u16)(type << 8), 0, bytes};
  return usb_control(d, setup, to) == kXhciSuccess;
}

static u32 word(const u8* at) { return at[0] | (u32)at[1] << 8; }

const char* usb_attach(struct Xhci* x, struct UsbDevice* d, u32 port, u32 interrupter) {
  *d = (struct UsbDevice){.x = x};
  d->buffer = arena_take(x->memory, kBufferBytes, 4096);
  if (d->buffer == 0) return "there is no room for a device";
  const u32 speed = xhci_port_reset(x, port);
  if (speed == 0) return "its port's reset failed";
  if (xhci_address_device(x, &d->xhci, port, speed, interrupter) != kXhciSuccess)
    return "it takes no address";
  u8 descriptor[18];
  if (!get_descriptor(d, kDeviceDescriptor, descriptor, 8)) return "it has no device descriptor";
  const bool slow = speed == kFull || speed == kLow;
  if (slow && descriptor[7] != 8 && xhci_set_packet0(x, &d->xhci, descriptor[7]) != kXhciSuccess)
    return "its endpoint 0 cannot be set up";
  if (!get_descriptor(d, kDeviceDescriptor, descriptor, 18)) return "it has no device descriptor";
  d->vendor = (u16)word(descriptor + 8);
  d->product = (u16)word(descriptor + 10);
  if (!get_descriptor(d, kConfigDescriptor, d->config, 9)) return "it has no configuration";
  d->config_bytes = word(d->config + 2);
  if (d->config_bytes > kUsbConfigBytes) return "its configuration is too long";
  return get_descriptor(d, kConfigDescriptor, d->config, (u16)d->config_bytes)
             ? 0
             : "it has no configuration";
}

/// The Interval of an endpoint context (6.2.3.6): a power of two of microframes.
static u32 interval_of(u32 speed, u32 b) {
  if (speed != kFull && speed != kLow) return b == 0 ? 0 : b - 1;
  u32 log2 = 0;
  while (2u << log2 <= b) ++log2;
  return log2 + 3;
}

static struct XhciEndpoint endpoint_of(const struct UsbDevice* d, const u8* e) {
  const bool in = (e[2] & kFromDevice) != 0, periodic = (e[3] & 3) == 3;
  return (struct XhciEndpoint){
      .dci = 2 * (e[2] & 15u) + in,
      .type = (periodic ? kEpInterruptIn - 4 : kEpBulkOut) + (in ? 4u : 0u),
      .packet = word(e + 4) & 0x7ff,
      .interval = periodic ? interval_of(d->xhci.speed, e[6]) : 0,
  };
}

bool usb_find_interface(const struct UsbDevice* d, u32 triple, struct UsbInterface* out) {
  bool inside = false, found = false;
  *out = (struct UsbInterface){0};
  for (u32 at = 0; at + 2 <= d->config_bytes; at += d->config[at]) {
    const u8* const p = d->config + at;
    if (p[0] < 2 || at + p[0] > d->config_bytes) break;
    if (p[1] == kInterfaceDescriptor && p[0] >= 9) {
      const u32 here = (u32)p[5] << 16 | (u32)p[6] << 8 | p[7];
      inside = !found && here == triple && p[3] == 0;
      if (inside) out->number = p[2];
      found = found || inside;
    }
    if (!inside) continue;
    if (p[1] == kEndpointDescriptor && p[0] >= 7 && out->count < 4)
      out->endpoints[out->count++] = endpoint_of(d, p);
    if (p[1] == kCompanionDescriptor && p[0] >= 6 && out->count != 0)
      out->endpoints[out->count - 1].burst = p[2];
  }
  return found;
}

const char* usb_configure(struct UsbDevice* d, struct UsbInterface* i, u32 interrupter) {
  for (u32 n = 0; n < i->count; ++n) i->endpoints[n].interrupter = interrupter;
  if (xhci_configure(d->x, &d->xhci, i->endpoints, i->count) != kXhciSuccess)
    return "its endpoints cannot be set up";
  const struct UsbSetup setup = {0, kSetConfiguration, d->config[5], 0, 0};
  return usb_control(d, setup, 0) == kXhciSuccess ? 0 : "it does not take its configuration";
}

// ---- Keyboards ---------------------------------------------------------------------------------

const char* keyboard_open(struct UsbKeyboard* k, struct UsbDevice* d, u32 interrupter) {
  struct UsbInterface i;
  if (!usb_find_interface(d, kKeyboardClass, &i) || i.count != 1) return "it is no boot keyboard";
  *k = (struct UsbKeyboard){.device = d, .dci = i.endpoints[0].dci};
  k->report = arena_take(d->x->memory, kReportBytes, 64);
  if (k->report == 0) return "there is no room for its report";
  const char* const why = usb_configure(d, &i, interrupter);
  if (why != 0) return why;
  const u16 number = (u16)i.number;
  if (usb_control(d, (struct UsbSetup){kClassToInterface, kSetProtocol, 0, number, 0}, 0) !=
      kXhciSuccess)
    return "it does not take the boot protocol";
  // Reports only when something changed.
  if (usb_control(d, (struct UsbSetup){kClassToInterface, kSetIdle, 0, number, 0}, 0) !=
      kXhciSuccess)
    return "it does not take an idle rate";
  return 0;
}

bool keyboard_ask(struct UsbKeyboard* k) {
  return xhci_transfer(k->device->x, &k->device->xhci, k->dci, k->report, kReportBytes,
                       &k->request);
}
