// The serial port: a PL011 (Arm DDI 0183).
#pragma once

#include "firmware/rom/lib/types.h"

/// Switches it on, with its receive interrupts (UART_INTID).
void uart_start(void);
void uart_put(char c);
/// The next byte that was received, or -1.
int uart_get(void);
