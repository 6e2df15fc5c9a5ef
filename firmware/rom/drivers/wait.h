// Waiting for something to happen, without turning in circles: the CPU sleeps until an interrupt is
// pending, and interrupts are taken here and nowhere else.
#pragma once

#include "firmware/rom/lib/types.h"

/// What is called for an interrupt, before it is deactivated: it lowers the line.
typedef void (*WaitHandler)(void* of, u32 intid);

/// The interrupt controller with nothing enabled but the virtual timer.
void wait_start(void);
/// Enables `count` interrupts from `first` on.  False: there is no room for another handler.
bool wait_on(u32 first, u32 count, WaitHandler handler, void* of);
/// Disables what wait_on() enabled, and makes room for another handler.
void wait_off(u32 first);
/// Sleeps until an interrupt came and was handled, at most until the counter is `deadline`
/// (see counter(); ~0: without an end).
void wait_until(u64 deadline);
/// Switches every interrupt off again, for who comes after the ROM.
void wait_stop(void);
