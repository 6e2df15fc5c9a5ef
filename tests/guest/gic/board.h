// Where things are on the boards that the suite knows.  For another one: its addresses, and three
// sources of level-sensitive interrupts that software can raise and lower (main.c).
#pragma once

#if defined(BOARD_VIRT)
// QEMU's and quince's `virt` with gic-version=3.
#define GICD_BASE 0x08000000ul
#define GICR_BASE 0x080a0000ul
#define UART_BASE 0x09000000ul
#define UART_INTID 33
#define GPIO_BASE 0x09030000ul
#define GPIO_INTID 39
#elif defined(BOARD_VMAPPLE)
// quince's `vmapple`.
#define GICD_BASE 0x10000000ul
#define GICR_BASE 0x10010000ul
#define UART_BASE 0x20010000ul
#define UART_INTID 33
#define GPIO_BASE 0x20060000ul
#define GPIO_INTID 37
#else
#error "say -DBOARD_VIRT or -DBOARD_VMAPPLE"
#endif

/// The virtual timer's PPI, the same on every system (Arm BSA).
#define TIMER_INTID 27
