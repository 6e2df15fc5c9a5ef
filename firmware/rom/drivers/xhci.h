// A small driver of xHCI controllers (eXtensible Host Controller Interface, revision 1.2): rings,
// commands, events over several interrupters, root ports, device slots and transfers.  What is on
// the bus is for usb.h.
//
// A request is told of by an event, which xhci_service() takes off its event ring: called by an
// interrupt handler, or, where there is none, by the functions here that wait (Xhci::polled).  These
// turn in circles unless Xhci::sleep does better.
#pragma once

#include "firmware/rom/lib/arena.h"
#include "firmware/rom/lib/cpu.h"

struct XhciTrb {
  u64 parameter;
  u32 status, control;
};

/// Completion codes (6.4.5), and the driver's own answer.
enum {
  kXhciSuccess = 1,
  kXhciTransactionError = 4,
  kXhciTrbError = 5,
  kXhciStall = 6,
  kXhciSlotNotEnabled = 11,
  kXhciShortPacket = 13,
  kXhciTimeout = 0x100,
  kXhciNoRoom = 0x101,
};

/// Types of TRB (6.4.6).
enum {
  kTrbNormal = 1,
  kTrbSetup = 2,
  kTrbData = 3,
  kTrbStatus = 4,
  kTrbLink = 6,
  kTrbNoOp = 8,
  kTrbEnableSlot = 9,
  kTrbDisableSlot = 10,
  kTrbAddressDevice = 11,
  kTrbConfigureEndpoint = 12,
  kTrbEvaluateContext = 13,
  kTrbResetEndpoint = 14,
  kTrbSetDequeue = 16,
  kTrbNoOpCommand = 23,
  kTrbTransferEvent = 32,
  kTrbCommandCompletion = 33,
  kTrbPortStatusChange = 34,
};
/// Bits of a TRB's control word.
enum {
  kTrbCycle = 1,
  kTrbToggle = 2,
  kTrbShortPacket = 1 << 2,
  kTrbChain = 1 << 4,
  kTrbIoc = 1 << 5,
  kTrbImmediate = 1 << 6,
  kTrbIn = 1 << 16,
};
#define TRB_TYPE(t) ((u32)(t) << 10)

struct XhciRing;

/// Something that the controller was asked.  The caller's, until `code` is not 0 or the wait is over.
struct XhciRequest {
  volatile u64 code;  ///< 0: it is not over
  u32 residue;        ///< of transfers: bytes that were not moved
  u32 slot;           ///< of commands: the slot of the completion
  u32 ring;           ///< the event ring that told of it
  u32 events;         ///< how many events told of it
  u64 rung, seen;     ///< the counter at the doorbell, and when the event was taken off its ring
  struct XhciRing* on;
};

enum { kXhciRingTrbs = 64, kXhciEventTrbs = 32, kXhciMaxEventRings = 16, kXhciMaxSlots = 16 };

/// A ring of the driver's: one segment, whose last TRB is a link to the first.
struct XhciRing {
  struct XhciTrb* trbs;
  u32 next;
  u32 cycle;
  u32 interrupter;  ///< which one its transfers' events go to
  struct XhciRequest* waits[kXhciRingTrbs];
};

/// A ring of the controller's, of one or two segments.
struct XhciEvents {
  struct XhciTrb* segment[2];
  u32 segments, current, next;
  u32 cycle;
  u64 taken;    ///< events so far
  u64 longest;  ///< the most counts from a doorbell to here; who measures sets it to 0
};

struct XhciDevice {
  u32 slot, port, speed;
  u64 context, input;          ///< device context, and an input context
  struct XhciRing* rings[32];  ///< by device context index
};

struct Xhci {
  u64 registers, operational, runtime, doorbells;
  struct Arena* memory;
  u32 max_slots, max_ports, max_interrupters, context_size;
  u32 rings;    ///< event rings that are in use
  bool polled;  ///< nobody calls xhci_service()
  u64* contexts;
  struct XhciRing commands;
  struct XhciEvents events[kXhciMaxEventRings];
  struct XhciDevice* devices[kXhciMaxSlots + 1];
  u64 strangers;                ///< events that belong to no request
  volatile bool ports_changed;  ///< there was a Port Status Change Event; its reader clears it
  /// Where not null: sleeps until an interrupt was handled, at most until the counter is `deadline`.
  void (*sleep)(u64 deadline);
};

/// Resets the controller at `registers` (BAR 0), sets up `rings` event rings and runs it, interrupts
/// enabled.  Returns why it cannot, or null.
const char* xhci_start(struct Xhci* x, u64 registers, struct Arena* memory, u32 rings);
/// Passes `us` microseconds, or less when Xhci::sleep was woken.
void xhci_pause(struct Xhci* x, u64 us);
/// Halts it; its memory is the caller's again.
bool xhci_stop(struct Xhci* x);

// ---- Events ------------------------------------------------------------------------------------

/// IMAN.IP of an interrupter, which is cleared: what a handler of a wire does first.
bool xhci_take_pending(struct Xhci* x, u32 n);
/// Takes every event off ring `n` and tells the controller so; how many there were.
u32 xhci_service(struct Xhci* x, u32 n);
/// Waits for a request: its code, or kXhciTimeout, after which the request is forgotten.
u64 xhci_wait(struct Xhci* x, struct XhciRequest* r, u64 us);

// ---- Requests ----------------------------------------------------------------------------------

/// An empty ring, in the place of `old` where there is one; null: there is no room.
struct XhciRing* xhci_new_ring(struct Arena* a, struct XhciRing* old, u32 interrupter);

/// Queues a command; false: the ring is full.  xhci_ring_commands() starts what is queued.
bool xhci_queue_command(struct Xhci* x, struct XhciTrb trb, struct XhciRequest* r);
void xhci_ring_commands(struct Xhci* x);
/// A command from beginning to end: its code.
u64 xhci_command(struct Xhci* x, struct XhciTrb trb, struct XhciRequest* r);

/// Queues a TRB of a transfer; its event goes to the ring's interrupter, or to `interrupter` where
/// that is not kRingsOwn.  False: the ring is full.
#define kRingsOwn (~0u)
bool xhci_queue(struct XhciRing* ring, struct XhciTrb trb, struct XhciRequest* r, u32 interrupter);
/// Rings an endpoint's doorbell, for everything that is queued.
void xhci_ring_doorbell(struct Xhci* x, struct XhciDevice* d, u32 dci);
/// Queues a transfer of one buffer on a bulk or interrupt endpoint and rings.
bool xhci_transfer(struct Xhci* x, struct XhciDevice* d, u32 dci, void* buffer, u32 length,
                   struct XhciRequest* r);

// ---- Ports, slots and endpoints ----------------------------------------------------------------

bool xhci_port_connected(struct Xhci* x, u32 port);
/// Whether something was plugged in or out since the last call or reset, which is forgotten.
bool xhci_port_changed(struct Xhci* x, u32 port);
/// Resets what is plugged in; the port's speed, or 0.
u32 xhci_port_reset(struct Xhci* x, u32 port);

/// A slot for the device at a root port, with an address and endpoint 0.  A code.
u64 xhci_address_device(struct Xhci* x, struct XhciDevice* d, u32 port, u32 speed, u32 interrupter);
/// Its slot is free again, and its memory the caller's; also when it is not there any more.  A code.
u64 xhci_disable_device(struct Xhci* x, struct XhciDevice* d);
/// Endpoint 0 has another packet size than its speed lets one expect.
u64 xhci_set_packet0(struct Xhci* x, struct XhciDevice* d, u32 bytes);

struct XhciEndpoint {
  u32 dci;   ///< 2 × number, and 1 more for IN
  u32 type;  ///< Endpoint Context, EP Type
  u32 packet, burst, interval;
  u32 interrupter;
};
enum { kEpBulkOut = 2, kEpControl = 4, kEpBulkIn = 6, kEpInterruptIn = 7 };
u64 xhci_configure(struct Xhci* x, struct XhciDevice* d, const struct XhciEndpoint* e, u32 count);
/// An endpoint that halted goes on with an empty ring.  A code.
u64 xhci_recover(struct Xhci* x, struct XhciDevice* d, u32 dci);
