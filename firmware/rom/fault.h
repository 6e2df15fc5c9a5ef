// What the ROM says when it has failed itself.
#pragma once

#include "firmware/rom/ui/console.h"

/// Where to say it; before, it is the serial port alone.
void fault_console(struct Console* c);
/// Called by the vectors: an exception that nobody expected.  Does not return.
void rom_fault(u64 vector, u64 esr, u64 elr, u64 far);
/// Words for ESR_ELx.EC (Arm DDI 0487, D17.2.37).
const char* fault_class(u64 esr);
