// The virt board: the memory map that firmware and tools know from QEMU's board of that name.
#include "machine/board.h"

namespace quince::machine {

namespace {

constexpr MapEntry kMap[] = {
    // slot             base              size            name            spi  present
    {Slot::Flash0,      0x0000'0000,      0x0400'0000,    "flash0"},
    {Slot::Flash1,      0x0400'0000,      0x0400'0000,    "flash1"},
    {Slot::GicDist,     0x0800'0000,      0x0001'0000,    "gic-dist"},
    {Slot::MsiFrame,    0x0802'0000,      0x0000'1000,    "msi-frame",    48},
    {Slot::Its,         0x0808'0000,      0x0002'0000,    "its"},
    {Slot::GicRedist,   0x080a'0000,      0x00f6'0000,    "gic-redist"},
    {Slot::Uart,        0x0900'0000,      0x0000'1000,    "uart0",        1},
    {Slot::Rtc,         0x0901'0000,      0x0000'1000,    "rtc",          2},
    {Slot::FwCfg,       0x0902'0000,      0x0000'0018,    "fw-cfg"},
    {Slot::Gpio,        0x0903'0000,      0x0000'1000,    "gpio",         7},
    {Slot::VirtioMmio,  0x0a00'0000,      0x0000'4000,    "virtio-mmio",  16},
    {Slot::PcieMmio,    0x1000'0000,      0x2eff'0000,    "pcie-mmio",    3},
    {Slot::PciePio,     0x3eff'0000,      0x0001'0000,    "pcie-pio"},
    {Slot::Ram,         0x4000'0000,      0,              "ram"},
    {Slot::Ecam,        0x40'1000'0000,   0x1000'0000,    "pcie-ecam"},
    {Slot::PcieMmioHigh, 0x80'0000'0000,  0x80'0000'0000, "pcie-mmio-high"},
};
static_assert(sorted_and_disjoint(kMap));

}  // namespace

const Board kVirt = {
    .name = "virt",
    .description = "QEMU 'ARM Virtual Machine' memory map",
    .map = kMap,
    .default_ram = 128 * MiB,
    .max_ram = 255 * GiB,
    .max_cpus = 32,
    .spis = 256,
    .pcie_wires = 4,
    .msi_spis = 64,
    .msi_valid_bit = false,
    .conditional_intr_mapping = false,
    .usb_input = false,
    .counter_hz = 62'500'000,
    .uart_clock_hz = 24'000'000,
    .power_key_line = 3,
    .compatible = "linux,dummy-virt",
};

}  // namespace quince::machine
