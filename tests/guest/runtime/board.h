// Where things are: the vmapple board, or with GUEST_BOARD_VIRT the virt board, on which another
// emulator can run the same programs.
#pragma once

#ifdef GUEST_BOARD_VIRT
#define GICD_BASE 0x08000000ul
#define GICR_BASE 0x080a0000ul
#define UART_BASE 0x09000000ul
#define GPIO_BASE 0x09030000ul
#define GPIO_INTID 39
#define RAM_BASE 0x40000000ul
#define COUNTER_HZ 62500000ul
#else
#define GICD_BASE 0x10000000ul
#define GICR_BASE 0x10010000ul
#define UART_BASE 0x20010000ul
#define GPIO_BASE 0x20060000ul
#define GPIO_INTID 37
#define RAM_BASE 0x70000000ul
#define COUNTER_HZ 24000000ul
#endif
#define UART_INTID 33
