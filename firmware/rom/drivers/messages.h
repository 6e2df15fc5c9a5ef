// Where message-signalled interrupts go on this board: a GICv2m frame, whose messages are SPIs, or an
// ITS, whose messages are LPIs.
#pragma once

#include "firmware/rom/drivers/pci.h"

enum { kMaxMessages = 16 };

struct Messages {
  u32 first;  ///< INTID of the first; the others follow
  u32 count;
  struct PciMessage m[kMaxMessages];
};

/// `count` messages (a power of two) of the function, enabled at the GIC for CPU 0: their data differ
/// in the low bits only, as MSI wants.  Calls with the same function may have the same INTIDs.  After
/// gic_init().  False: there are not as many.
bool messages_open(struct Messages* m, const struct PciFunction* f, u32 count);

/// Of the ITS, for boards that may have one: who links this for them brings it.
bool its_open(struct Messages* m, u32 device, u32 count);
