// Root ports (xHCI 1.2, 4.3, 5.4.8), slots and endpoints (4.3.3 to 4.3.5), and their contexts (6.2).
#include "firmware/rom/drivers/xhci.h"

enum {
  kPorts = 0x400,
  kPortSize = 0x10,
  // PORTSC.
  kConnected = 1,
  kEnabled = 1 << 1,
  kPortReset = 1 << 4,
  kPower = 1 << 9,
  kSpeedShift = 10,
  kConnectChange = 1 << 17,
  kResetChange = 1 << 21,
  kChanges = 0x7f << 17,
  // Speeds (7.2.2.1.1, the default ones).
  kFull = 1,
  kLow = 2,
  kHigh = 3,
  kSuper = 4,
};

#define PORT_US 500000ul
#define RECOVERY_US 10000ul  // USB 2.0, 7.1.7.5: TRSTRCY

static u64 portsc(const struct Xhci* x, u32 port) {
  return x->operational + kPorts + kPortSize * (port - 1);
}

bool xhci_port_connected(struct Xhci* x, u32 port) {
  return (get32(portsc(x, port)) & kConnected) != 0;
}

bool xhci_port_changed(struct Xhci* x, u32 port) {
  if ((get32(portsc(x, port)) & kConnectChange) == 0) return false;
  put32(portsc(x, port), kPower | kChanges);
  return true;
}

u32 xhci_port_reset(struct Xhci* x, u32 port) {
  const u64 at = portsc(x, port);
  // Bits that a one clears must be written as zeros: the changes, and Port Enabled.
  put32(at, kPower | kPortReset);
  const u64 start = counter();
  while ((get32(at) & kResetChange) == 0) {
    if (counter() - start > micros(PORT_US)) return 0;
    if (x->sleep != 0) xhci_pause(x, 1000);
  }
  put32(at, kPower | kChanges);
  const u64 recovered = counter() + micros(RECOVERY_US);
  while (counter() < recovered) xhci_pause(x, 1000);
  const u32 v = get32(at);
  return (v & (kConnected | kEnabled)) == (kConnected | kEnabled) ? v >> kSpeedShift & 15 : 0;
}

// ---- Contexts ----------------------------------------------------------------------------------

/// Word `word` of entry `n` of an input context: 0 is its control context, 1 the slot's, and the
/// endpoints' follow.
static u32* input(const struct Xhci* x, const struct XhciDevice* d, u32 n, u32 word) {
  return (u32*)(d->input + x->context_size * n) + word;
}
/// The same of the device context, whose entries begin with the slot's.
static u32 output(const struct Xhci* x, const struct XhciDevice* d, u32 n, u32 word) {
  return ((volatile u32*)(d->context + x->context_size * n))[word];
}

static void begin_input(const struct Xhci* x, struct XhciDevice* d, u32 add) {
  for (u64 i = 0; i < 33ul * x->context_size; i += 4) *(u32*)(d->input + i) = 0;
  *input(x, d, 0, 1) = add;
}

static void put_endpoint(const struct Xhci* x, struct XhciDevice* d, const struct XhciEndpoint* e) {
  const bool periodic = e->type == kEpInterruptIn;
  const u64 ring = (u64)d->rings[e->dci]->trbs | d->rings[e->dci]->cycle;
  *input(x, d, e->dci + 1, 0) = e->interval << 16;
  // Three attempts at each transaction.
  *input(x, d, e->dci + 1, 1) = 3u << 1 | e->type << 3 | e->burst << 8 | e->packet << 16;
  *input(x, d, e->dci + 1, 2) = (u32)ring;
  *input(x, d, e->dci + 1, 3) = (u32)(ring >> 32);
  const u32 average = e->type == kEpControl ? 8 : periodic ? e->packet : 3072;  // 4.14.1.1
  *input(x, d, e->dci + 1, 4) = average | (periodic ? e->packet * (e->burst + 1) << 16 : 0);
}

static u64 slot_command(struct Xhci* x, struct XhciDevice* d, u32 type, u64 parameter,
                        u32 control) {
  struct XhciRequest r;
  DSB();
  return xhci_command(x, (struct XhciTrb){parameter, 0, TRB_TYPE(type) | d->slot << 24 | control},
                      &r);
}

u64 xhci_address_device(struct Xhci* x, struct XhciDevice* d, u32 port, u32 speed,
                        u32 interrupter) {
  struct XhciRequest r;
  *d = (struct XhciDevice){.port = port, .speed = speed};
  const u64 code = xhci_command(x, (struct XhciTrb){0, 0, TRB_TYPE(kTrbEnableSlot)}, &r);
  if (code != kXhciSuccess) return code;
  d->slot = r.slot;
  d->context = (u64)arena_take(x->memory, 32ul * x->context_size, 4096);
  d->input = (u64)arena_take(x->memory, 33ul * x->context_size, 4096);
  d->rings[1] = xhci_new_ring(x->memory, 0, interrupter);
  if (d->context == 0 || d->input == 0 || d->rings[1] == 0) return kXhciNoRoom;
  x->devices[d->slot] = d;
  x->contexts[d->slot] = d->context;
  begin_input(x, d, 3);
  *input(x, d, 1, 0) = speed << 20 | 1u << 27;
  *input(x, d, 1, 1) = port << 16;
  *input(x, d, 1, 2) = interrupter << 22;
  const u32 packet = speed == kSuper ? 512 : speed == kHigh ? 64 : 8;
  put_endpoint(x, d, &(struct XhciEndpoint){.dci = 1, .type = kEpControl, .packet = packet});
  return slot_command(x, d, kTrbAddressDevice, d->input, 0);
}

u64 xhci_disable_device(struct Xhci* x, struct XhciDevice* d) {
  if (d->slot == 0) return kXhciSuccess;
  const u64 code = slot_command(x, d, kTrbDisableSlot, 0, 0);
  x->devices[d->slot] = 0;
  x->contexts[d->slot] = 0;
  d->slot = 0;
  return code;
}

u64 xhci_set_packet0(struct Xhci* x, struct XhciDevice* d, u32 bytes) {
  begin_input(x, d, 2);
  put_endpoint(x, d, &(struct XhciEndpoint){.dci = 1, .type = kEpControl, .packet = bytes});
  return slot_command(x, d, kTrbEvaluateContext, d->input, 0);
}

u64 xhci_configure(struct Xhci* x, struct XhciDevice* d, const struct XhciEndpoint* e, u32 count) {
  u32 add = 1, last = 1;
  begin_input(x, d, 0);
  for (u32 i = 0; i < count; ++i) {
    d->rings[e[i].dci] = xhci_new_ring(x->memory, d->rings[e[i].dci], e[i].interrupter);
    if (d->rings[e[i].dci] == 0) return kXhciNoRoom;
    put_endpoint(x, d, &e[i]);
    add |= 1u << e[i].dci;
    if (e[i].dci > last) last = e[i].dci;
  }
  *input(x, d, 0, 1) = add;
  for (u32 word = 0; word < 3; ++word) *input(x, d, 1, word) = output(x, d, 0, word);
  *input(x, d, 1, 0) = (*input(x, d, 1, 0) & ~(31u << 27)) | last << 27;
  return slot_command(x, d, kTrbConfigureEndpoint, d->input, 0);
}

u64 xhci_recover(struct Xhci* x, struct XhciDevice* d, u32 dci) {
  u64 code = slot_command(x, d, kTrbResetEndpoint, 0, dci << 16);
  if (code != kXhciSuccess) return code;
  struct XhciRing* const ring = xhci_new_ring(x->memory, d->rings[dci], d->rings[dci]->interrupter);
  return slot_command(x, d, kTrbSetDequeue, (u64)ring->trbs | 1, dci << 16);
}
