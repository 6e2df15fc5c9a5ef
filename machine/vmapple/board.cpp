// The vmapple board: the virtual platform of Apple's virtualization, as docs/platform.md has it.
#include "machine/board.h"

namespace quince::machine {

namespace {

constexpr MapEntry kMap[] = {
    // slot             base          size          name             spi   present
    {Slot::Firmware, 0x0010'0000, 0x0010'0000, "firmware"},
    {Slot::Config, 0x0040'0000, 0x0001'0000, "vmapple-cfg"},
    {Slot::GicDist, 0x1000'0000, 0x0001'0000, "gic-dist"},
    {Slot::GicRedist, 0x1001'0000, 0x0040'0000, "gic-redist"},
    {Slot::MsiFrame, 0x1fff'0000, 0x0001'0000, "msi-frame", 0x80},
    {Slot::Uart, 0x2001'0000, 0x0001'0000, "uart0", 0x01},
    {Slot::Rtc, 0x2005'0000, 0x0000'1000, "rtc", 0x02},
    {Slot::Gpio, 0x2006'0000, 0x0000'1000, "gpio", 0x05},
    {Slot::Pvpanic, 0x2007'0000, 0x0000'0002, "pvpanic"},
    {Slot::Bdif, 0x3000'0000, 0x0020'0000, "bdif"},
    {Slot::Gpu, 0x3020'0000, 0x0001'0000, "gpu", 0x11},
    {Slot::IoSurface, 0x3021'0000, 0x0001'0000, "iosurface", 0x10},
    {Slot::Aes1, 0x3022'0000, 0x0000'4000, "aes", 0x12},
    {Slot::Aes2, 0x3023'0000, 0x0000'4000, "aes-2"},
    {Slot::AvpRtc, 0x3024'0000, 0x0000'1000, "avp-rtc", 0x13},
    {Slot::Ecam, 0x4000'0000, 0x1000'0000, "pcie-ecam"},
    {Slot::PcieMmio, 0x5000'0000, 0x1fff'0000, "pcie-mmio", 0x20},
    {Slot::Ram, 0x7000'0000, 0, "ram"},
};
static_assert(sorted_and_disjoint(kMap));

}  // namespace

const Board kVmapple = {
    .name = "vmapple",
    .description = "Apple virtualization platform",
    .map = kMap,
    .default_ram = 4 * GiB,
    .max_ram = 512 * GiB,
    .max_cpus = 32,
    .spis = 256,
    .pcie_wires = 16,
    .msi_spis = 128,
    .msi_valid_bit = true,
    .conditional_intr_mapping = true,
    .usb_input = true,
    .apple_calls = true,
    .counter_hz = 24'000'000,
    .uart_clock_hz = 24'000'000,
    .power_key_line = 3,
    .compatible = "quince,vmapple",
};

}  // namespace quince::machine
