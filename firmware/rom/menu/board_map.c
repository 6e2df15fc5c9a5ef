// docs/platform.md and docs/generated/memory-map.md; board_map_test compares it with the emulator's table.
#include "firmware/rom/menu/board_map.h"

// clang-format off
const struct BoardWindow board_map[] = {
    // base       bytes       name         INTID  probe
    {0x00100000, 0x00100000, "firmware",     0, 0, false},
    {0x00400000, 0x00010000, "vmapple-cfg",  0, 0, false},
    {0x10000000, 0x00010000, "gic-dist",     0, 0x0004, false},   // GICD_TYPER
    {0x10010000, 0x00400000, "gic-redist",   0, 0x0008, false},   // GICR_TYPER
    {0x1fff0000, 0x00010000, "msi-frame",  160, 0x0008, false},   // MSI_TYPER
    {0x20010000, 0x00010000, "uart0",       33, 0x0fe0, false},   // UARTPeriphID0
    {0x20050000, 0x00001000, "rtc",         34, 0x0fe0, false},   // RTCPeriphID0
    {0x20060000, 0x00001000, "gpio",        37, 0x0fe0, false},   // GPIOPeriphID0
    {0x20070000, 0x00000002, "pvpanic",      0, 0, true},         // the events that it knows
    {0x30000000, 0x00200000, "bdif",         0, 0, false},        // STATUS
    {0x30200000, 0x00010000, "gpu",         49, 0x1204, false},   // MODE_COUNT
    {0x30210000, 0x00010000, "iosurface",   48, 0x1000, false},   // RING_BASE
    {0x30220000, 0x00004000, "aes",         50, 0x000c, false},   // STATUS
    {0x30230000, 0x00004000, "aes-2",        0, 0x000c, false},
    {0x30240000, 0x00001000, "avp-rtc",     51, 0x0040, false},   // ID
    {0x40000000, 0x10000000, "pcie-ecam",    0, 0, false},        // the bridge's Vendor and Device ID
    {0x50000000, 0x1fff0000, "pcie-mmio",   64, 0, false},        // ones, where no BAR is
    {0x70000000, 0,          "ram",          0, 0, false},
};
// clang-format on
const u32 board_map_count = sizeof board_map / sizeof board_map[0];
