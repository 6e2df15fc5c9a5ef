// An xHCI controller of the board with its interrupts: where they arrive, and the handler that takes
// events when one does and at no other time.
#pragma once

#include "firmware/rom/drivers/messages.h"
#include "firmware/rom/drivers/usb.h"
#include "guest.h"
#include "usb_disk.h"

enum { kPin, kMsi, kMsix };
/// How the controller tells of events.
struct Wiring {
  const char *name;
  u32 kind;     ///< of kPin, kMsi, kMsix
  u32 vectors;  ///< of messages: interrupter n has vector n mod vectors
};

struct UsbHost {
  struct PciFunction pci;
  u64 bars[6];
  struct Xhci x;
  struct Arena memory;
  struct Wiring wiring;
  u32 wire;  ///< INTID of the pin
  struct Messages messages;
  volatile u64 interrupts;  ///< of the controller
  volatile u64 by_vector[kMaxMessages];
  volatile u64 strays;  ///< of nobody
  u32 used;             ///< ports whose devices were found, as bits
};

/// The one controller of the machine: found, BAR 0 in place.  Null, and why.
struct UsbHost *usb_host(const char **why);
/// (Re)starts it with `rings` event rings and interrupts on this CPU.  Why it cannot, or null.
const char *usb_host_start(struct UsbHost *h, struct Wiring w, u32 rings);
/// Handles the controller's interrupts in the case that runs: each begins without a handler.
void usb_host_listen(void);
/// Attaches the first device with an interface of a class that was not found before; the events of its
/// endpoint 0 are for `interrupter`.  Why there is none, or null.
const char *usb_host_find(struct UsbHost *h, struct UsbDevice *d, u32 triple, u32 interrupter);
