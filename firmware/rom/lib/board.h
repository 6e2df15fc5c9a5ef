// Where things are: the vmapple board, or with GUEST_BOARD_VIRT the virt board, on which another
// emulator can run the same programs.
#pragma once

#ifdef GUEST_BOARD_VIRT
#define GICD_BASE 0x08000000ul
#define GICR_BASE 0x080a0000ul
#define UART_BASE 0x09000000ul
#define FW_CFG_BASE 0x09020000ul
#define GPIO_BASE 0x09030000ul
#define GPIO_INTID 39
#define RAM_BASE 0x40000000ul
#define COUNTER_HZ 62500000ul
#define PCI_ECAM 0x4010000000ul
#define PCI_WINDOW 0x10000000ul
#define PCI_WINDOW_END 0x3eff0000ul
#define PCI_WIRES 4
#define PCI_FIRST_INTID 35
#define MSI_FRAME 0x08020000ul
#define GITS_BASE 0x08080000ul
#else
#define GICD_BASE 0x10000000ul
#define GICR_BASE 0x10010000ul
#define UART_BASE 0x20010000ul
#define GPIO_BASE 0x20060000ul
#define GPIO_INTID 37
#define RAM_BASE 0x70000000ul
#define COUNTER_HZ 24000000ul
#define PCI_ECAM 0x40000000ul
#define PCI_WINDOW 0x50000000ul
#define PCI_WINDOW_END 0x6fff0000ul
#define PCI_WIRES 16
#define PCI_FIRST_INTID 64
#define MSI_FRAME 0x1fff0000ul
#endif
#define UART_INTID 33
