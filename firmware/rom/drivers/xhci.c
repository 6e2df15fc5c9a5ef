// xHCI 1.2: initialization (4.2), rings (4.9), commands (4.6), interrupters (4.17), registers
// (chapter 5), TRBs (6.4).  Missing on purpose: the handover from firmware (7.1), power management,
// streams, isochronous transfers, hubs.  xhci_device.c has slots, contexts and ports.
#include "firmware/rom/drivers/xhci.h"

enum {
  // Capability registers (5.3).
  kCapLength = 0x00,
  kHcsParams1 = 0x04,
  kHcsParams2 = 0x08,
  kHccParams1 = 0x10,
  kDboff = 0x14,
  kRtsoff = 0x18,
  kContext64 = 1 << 2,
  // Operational registers (5.4).
  kUsbcmd = 0x00,
  kUsbsts = 0x04,
  kPageSize = 0x08,
  kCrcr = 0x18,
  kDcbaap = 0x30,
  kConfig = 0x38,
  kRun = 1,
  kReset = 2,
  kInte = 4,
  kHalted = 1,
  kNotReady = 1 << 11,
  // Interrupter register sets (5.5.2).
  kSets = 0x20,
  kSetSize = 0x20,
  kIman = 0x00,
  kImod = 0x04,
  kErstSz = 0x08,
  kErstBa = 0x10,
  kErdp = 0x18,
  kPending = 1,
  kEnable = 2,
  kBusy = 1 << 3,
};

#define CONTROLLER_US 1000000ul  // what a reset may take
#define COMMAND_US 1000000ul

/// Registers of 64 bits take halves, the low one first (5.1).
static void write64(u64 at, u64 v) {
  put32(at, (u32)v);
  put32(at + 4, (u32)(v >> 32));
}

static u64 set_of(const struct Xhci* x, u32 n) { return x->runtime + kSets + kSetSize * n; }

static bool wait_bits(u64 at, u32 mask, u32 value) {
  const u64 start = counter();
  while ((get32(at) & mask) != value)
    if (counter() - start > micros(CONTROLLER_US)) return false;
  return true;
}

// ---- Rings -------------------------------------------------------------------------------------

static bool make_ring(struct Arena* a, struct XhciRing* ring) {
  if (ring->trbs == 0) ring->trbs = arena_take(a, sizeof(struct XhciTrb) * kXhciRingTrbs, 4096);
  if (ring->trbs == 0) return false;
  for (u32 i = 0; i < kXhciRingTrbs; ++i) {
    ring->trbs[i] = (struct XhciTrb){0, 0, 0};
    ring->waits[i] = 0;
  }
  ring->next = 0;
  ring->cycle = 1;
  return true;
}

struct XhciRing* xhci_new_ring(struct Arena* a, struct XhciRing* old, u32 interrupter) {
  struct XhciRing* const ring = old != 0 ? old : arena_take(a, sizeof *ring, 16);
  if (ring == 0 || !make_ring(a, ring)) return 0;
  ring->interrupter = interrupter;
  return ring;
}

/// The cycle bit makes a TRB the controller's, so it is written behind everything else.
static void put_trb(struct XhciTrb* at, struct XhciTrb trb, u32 cycle) {
  at->parameter = trb.parameter;
  at->status = trb.status;
  asm volatile("dmb oshst" ::: "memory");
  *(volatile u32*)&at->control = (trb.control & ~(u32)kTrbCycle) | cycle;
}

static bool push(struct XhciRing* ring, struct XhciTrb trb, struct XhciRequest* r) {
  const u32 last = kXhciRingTrbs - 1;
  // The oldest request still has the place: one that follows would overtake it.
  if (ring->waits[ring->next] != 0) return false;
  ring->waits[ring->next] = r;
  if (r != 0) r->on = ring;
  put_trb(&ring->trbs[ring->next], trb, ring->cycle);
  if (++ring->next < last) return true;
  const u32 chain = trb.control & kTrbChain;
  put_trb(&ring->trbs[last],
          (struct XhciTrb){(u64)ring->trbs, 0, TRB_TYPE(kTrbLink) | kTrbToggle | chain},
          ring->cycle);
  ring->next = 0;
  ring->cycle ^= 1;
  return true;
}

static void ring_bell(struct Xhci* x, struct XhciRing* ring, u32 slot, u32 target) {
  const u64 now = counter();
  for (u32 i = 0; i < kXhciRingTrbs; ++i)
    if (ring->waits[i] != 0 && ring->waits[i]->rung == 0) ring->waits[i]->rung = now;
  DSB();
  put32(x->doorbells + 4 * slot, target);
}

static void forget(struct XhciRing* ring, const struct XhciRequest* r) {
  for (u32 i = 0; i < kXhciRingTrbs; ++i)
    if (ring->waits[i] == r) ring->waits[i] = 0;
}

bool xhci_queue_command(struct Xhci* x, struct XhciTrb trb, struct XhciRequest* r) {
  *r = (struct XhciRequest){0};
  return push(&x->commands, trb, r);
}

void xhci_ring_commands(struct Xhci* x) { ring_bell(x, &x->commands, 0, 0); }

u64 xhci_command(struct Xhci* x, struct XhciTrb trb, struct XhciRequest* r) {
  if (!xhci_queue_command(x, trb, r)) return kXhciNoRoom;
  xhci_ring_commands(x);
  return xhci_wait(x, r, COMMAND_US);
}

bool xhci_queue(struct XhciRing* ring, struct XhciTrb trb, struct XhciRequest* r, u32 interrupter) {
  trb.status |= (interrupter == kRingsOwn ? ring->interrupter : interrupter) << 22;
  return push(ring, trb, r);
}

void xhci_ring_doorbell(struct Xhci* x, struct XhciDevice* d, u32 dci) {
  ring_bell(x, d->rings[dci], d->slot, dci);
}

bool xhci_transfer(struct Xhci* x, struct XhciDevice* d, u32 dci, void* buffer, u32 length,
                   struct XhciRequest* r) {
  *r = (struct XhciRequest){0};
  u64 at = (u64)buffer;
  // No TRB's buffer crosses a boundary of 64 KiB (6.4.1).
  do {
    const u32 room = 0x10000 - (u32)(at & 0xffff);
    const u32 part = length < room ? length : room;
    const u32 last = part == length;
    const struct XhciTrb trb = {
        at, part | (last ? 0 : 1u << 17),
        TRB_TYPE(kTrbNormal) | kTrbShortPacket | (last ? kTrbIoc : kTrbChain)};
    if (!xhci_queue(d->rings[dci], trb, r, kRingsOwn)) return false;
    at += part;
    length -= part;
  } while (length != 0);
  xhci_ring_doorbell(x, d, dci);
  return true;
}

// ---- Events ------------------------------------------------------------------------------------

static struct XhciRing* ring_of(struct Xhci* x, const struct XhciTrb* event) {
  const u32 slot = event->control >> 24, dci = event->control >> 16 & 31;
  if ((event->control >> 10 & 63) == kTrbCommandCompletion) return &x->commands;
  if (slot > kXhciMaxSlots || x->devices[slot] == 0) return 0;
  return x->devices[slot]->rings[dci];
}

/// Bytes of the TRBs that follow the one at `index` in the same request.
static u32 rest_of(const struct XhciRing* ring, u64 index, const struct XhciRequest* r) {
  u32 bytes = 0;
  for (u32 n = 1; n < kXhciRingTrbs; ++n) {
    index = index + 1 < kXhciRingTrbs - 1 ? index + 1 : 0;
    if (ring->waits[index] != r) break;
    bytes += ring->trbs[index].status & 0x1ffff;
  }
  return bytes;
}

/// A command or a transfer is over.
static void complete(struct Xhci* x, u32 n, const struct XhciTrb* event) {
  struct XhciRing* const ring = ring_of(x, event);
  const u64 index =
      ring == 0 ? kXhciRingTrbs : (event->parameter - (u64)ring->trbs) / sizeof(struct XhciTrb);
  struct XhciRequest* const r = index < kXhciRingTrbs ? ring->waits[index] : 0;
  if (r == 0) {
    ++x->strangers;
    return;
  }
  r->seen = counter();
  r->residue = (event->status & 0xffffff) + (ring == &x->commands ? 0 : rest_of(ring, index, r));
  r->slot = event->control >> 24;
  r->ring = n;
  ++r->events;
  // One that was queued behind another may be over before its doorbell.
  if (r->rung != 0 && r->seen - r->rung > x->events[n].longest)
    x->events[n].longest = r->seen - r->rung;
  forget(ring, r);
  __atomic_store_n(&r->code, event->status >> 24, __ATOMIC_RELEASE);
}

bool xhci_take_pending(struct Xhci* x, u32 n) {
  const u64 set = set_of(x, n);
  if ((get32(set + kIman) & kPending) == 0) return false;
  put32(set + kIman, kPending | kEnable);
  return true;
}

u32 xhci_service(struct Xhci* x, u32 n) {
  struct XhciEvents* const e = &x->events[n];
  u32 taken = 0;
  for (;; ++taken) {
    const struct XhciTrb* const at = &e->segment[e->current][e->next];
    if ((*(volatile u32*)&at->control & kTrbCycle) != e->cycle) break;
    asm volatile("dmb oshld" ::: "memory");
    const u32 type = at->control >> 10 & 63;
    if (type == kTrbPortStatusChange) x->ports_changed = true;
    if (type == kTrbCommandCompletion || type == kTrbTransferEvent) complete(x, n, at);
    if (++e->next < kXhciEventTrbs) continue;
    e->next = 0;
    if (++e->current < e->segments) continue;
    e->current = 0;
    e->cycle ^= 1;
  }
  e->taken += taken;
  write64(set_of(x, n) + kErdp, (u64)&e->segment[e->current][e->next] | e->current | kBusy);
  return taken;
}

u64 xhci_wait(struct Xhci* x, struct XhciRequest* r, u64 us) {
  const u64 start = counter();
  while (__atomic_load_n(&r->code, __ATOMIC_ACQUIRE) == 0) {
    for (u32 n = 0; x->polled && n < x->rings; ++n) xhci_service(x, n);
    if (r->code != 0) break;
    if (counter() - start > micros(us)) break;
    if (x->sleep != 0)
      x->sleep(start + micros(us) + 1);
    else
      asm volatile("yield");
  }
  // Against a handler that comes in between.
  const u64 daif = READ(daif);
  IRQ_OFF();
  if (r->code == 0) {
    forget(r->on, r);
    r->code = kXhciTimeout;
  }
  WRITE(daif, daif);
  return r->code;
}

void xhci_pause(struct Xhci* x, u64 us) {
  if (x->sleep != 0)
    x->sleep(counter() + micros(us));
  else
    delay_us(us);
}

// ---- Start and stop ----------------------------------------------------------------------------

static bool start_events(struct Xhci* x, u32 n) {
  struct XhciEvents* const e = &x->events[n];
  const u32 most = 1u << (get32(x->registers + kHcsParams2) >> 4 & 15);
  *e = (struct XhciEvents){.segments = most < 2 ? 1 : 2, .cycle = 1};
  u64* const table = arena_take(x->memory, 16ul * e->segments, 64);
  if (table == 0) return false;
  for (u32 i = 0; i < e->segments; ++i) {
    e->segment[i] = arena_take(x->memory, sizeof(struct XhciTrb) * kXhciEventTrbs, 4096);
    if (e->segment[i] == 0) return false;
    table[2 * i] = (u64)e->segment[i];
    table[2 * i + 1] = kXhciEventTrbs;
  }
  DSB();
  const u64 set = set_of(x, n);
  put32(set + kErstSz, e->segments);
  write64(set + kErdp, (u64)e->segment[0]);
  write64(set + kErstBa, (u64)table);
  put32(set + kImod, 0);  // no moderation: every event at once
  put32(set + kIman, kPending | kEnable);
  return true;
}

static bool give_scratchpads(struct Xhci* x) {
  const u32 p = get32(x->registers + kHcsParams2);
  const u32 count = (p >> 21 & 31) << 5 | p >> 27;
  if (count == 0) return true;
  u64 page = 4096;
  for (u32 v = get32(x->operational + kPageSize); v != 0 && (v & 1) == 0; v >>= 1) page *= 2;
  u64* const array = arena_take(x->memory, 8ul * count, page);
  if (array == 0) return false;
  for (u32 i = 0; i < count; ++i)
    if ((array[i] = (u64)arena_take(x->memory, page, page)) == 0) return false;
  x->contexts[0] = (u64)array;
  return true;
}

bool xhci_stop(struct Xhci* x) {
  put32(x->operational + kUsbcmd, get32(x->operational + kUsbcmd) & ~(u32)(kRun | kInte));
  return wait_bits(x->operational + kUsbsts, kHalted, kHalted);
}

static void read_parameters(struct Xhci* x) {
  const u32 p1 = get32(x->registers + kHcsParams1);
  x->operational = x->registers + get8(x->registers + kCapLength);
  x->runtime = x->registers + (get32(x->registers + kRtsoff) & ~31u);
  x->doorbells = x->registers + (get32(x->registers + kDboff) & ~3u);
  x->max_slots = p1 & 0xff;
  x->max_interrupters = p1 >> 8 & 0x7ff;
  x->max_ports = p1 >> 24;
  x->context_size = get32(x->registers + kHccParams1) & kContext64 ? 64 : 32;
}

const char* xhci_start(struct Xhci* x, u64 registers, struct Arena* memory, u32 rings) {
  *x = (struct Xhci){.registers = registers, .memory = memory, .rings = rings};
  read_parameters(x);
  if (rings > x->max_interrupters || rings > kXhciMaxEventRings)
    return "it has not that many interrupters";
  const u64 status = x->operational + kUsbsts;
  if (!wait_bits(status, kNotReady, 0)) return "it does not get ready";
  if (!xhci_stop(x)) return "it does not halt";
  put32(x->operational + kUsbcmd, kReset);
  if (!wait_bits(x->operational + kUsbcmd, kReset, 0) || !wait_bits(status, kNotReady, 0))
    return "its reset does not end";
  const u32 slots = x->max_slots < kXhciMaxSlots ? x->max_slots : kXhciMaxSlots;
  x->contexts = arena_take(memory, 8 * (slots + 1ul), 4096);
  if (x->contexts == 0 || !give_scratchpads(x) || !make_ring(memory, &x->commands))
    return "there is no room for its structures";
  put32(x->operational + kConfig, slots);
  write64(x->operational + kDcbaap, (u64)x->contexts);
  write64(x->operational + kCrcr, (u64)x->commands.trbs | 1);
  for (u32 n = 0; n < rings; ++n)
    if (!start_events(x, n)) return "there is no room for its event rings";
  DSB();
  put32(x->operational + kUsbcmd, kRun | kInte);
  return wait_bits(status, kHalted, 0) ? 0 : "it does not run";
}
