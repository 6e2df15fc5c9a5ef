// The device tree of a board, from a plain description of it.
//
// Bindings: Linux, Documentation/devicetree/bindings/ (arm/cpus.yaml, arm/psci.yaml, arm/pmu.yaml,
// arm/pl011 and the PrimeCells, interrupt-controller/arm,gic-v3.yaml, timer/arm,arch_timer.yaml,
// input/gpio-keys.yaml, pci/host-generic-pci.yaml, virtio/mmio.yaml,
// display/simple-framebuffer.yaml).  The tree describes what the
// description says is there and nothing else; it does not know any board.
// Deliberately missing: caches, CPU topology, NUMA, EL2's interrupts.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "firmware/load_list.h"

namespace quince::firmware {

/// Registers and one level-sensitive shared interrupt.
struct WiredDevice {
  Range registers = {};
  u32 spi = 0;  ///< counted from INTID 32
};

/// A CPU, in the order in which the machine numbers them.
struct FdtCpu {
  u64 mpidr = 0;  ///< the affinity fields of MPIDR_EL1
  std::string compatible = "arm,armv8";
};

/// A GICv3 with one region of redistributors.
struct FdtGic {
  Range distributor = {};
  Range redistributors = {};
  /// A GICv2m-style frame that turns writes into SPIs.
  struct MsiFrame {
    Range registers;
    u32 first_spi = 0;
    u32 spi_count = 0;
  };
  std::optional<MsiFrame> msi = {};
  std::optional<Range> its = {};  ///< an Interrupt Translation Service; messages go to it
};

/// A generic PCIe host bridge.  The windows are identity mapped: bus address = CPU address.
struct FdtPcie {
  Range ecam = {};
  u32 buses = 256;                   ///< 1 MiB of ECAM each
  Range mmio32 = {};                 ///< below 4 GiB
  std::optional<Range> mmio64 = {};  ///< for 64-bit BARs, prefetchable or not
  std::optional<Range> io = {};      ///< CPU addresses of I/O ports from 0
  u32 first_spi = 0;                 ///< of `wires` in a row
  /// Pin n (INTA = 0) of device d is wire (d + n) mod this; a power of two up to 32.
  u32 wires = 4;
};

/// The PPIs of the generic timer (INTID - 16); the binding wants all four, wired or not.
struct FdtTimer {
  u32 secure_physical = 13;
  u32 physical = 14;
  u32 virtual_timer = 11;
  u32 hypervisor = 10;
};

/// Pixels in memory that firmware set up: 32 bits each, x8r8g8b8.
struct FdtFramebuffer {
  Range memory = {};  ///< in none of the board's banks
  u32 width = 0, height = 0;
  u32 stride = 0;  ///< bytes
};

/// What /chosen says; empty members are left out.
struct FdtChosen {
  std::string bootargs = {};
  Range initrd = {};
  std::optional<u64> kaslr_seed = {};
  std::vector<u8> rng_seed = {};
  /// For the boot ROM: it stays in its menu; how long it waits before it boots by itself.
  bool boot_menu = false;
  std::optional<u32> boot_delay_ms = {};
};

/// A whole board.  What is absent gets no node.
struct BoardDescription {
  std::string model = {};       ///< for people
  std::string compatible = {};  ///< "vendor,board"
  std::vector<Range> memory = {};
  std::vector<FdtCpu> cpus = {};
  FdtGic gic = {};
  FdtTimer timer = {};
  std::optional<u32> pmu_ppi = {};         ///< PMU overflow, INTID - 16
  bool psci = true;                        ///< PSCI 1.0 by HVC; without it only CPU 0 can start
  std::optional<WiredDevice> uart = {};    ///< PL011, the console
  std::optional<WiredDevice> rtc = {};     ///< PL031
  std::optional<WiredDevice> gpio = {};    ///< PL061
  std::optional<u32> power_key_line = {};  ///< the power button's GPIO line; needs gpio
  std::optional<FdtPcie> pcie = {};
  std::vector<WiredDevice> virtio_mmio = {};
  std::vector<Range> flash = {};  ///< banks of one CFI flash, 32 bits wide
  std::optional<Range> fw_cfg = {};
  std::optional<Range> pvpanic = {};
  std::optional<FdtFramebuffer> framebuffer = {};
  FdtChosen chosen = {};
};

/// The flattened tree.  Fails when the description contradicts itself or is too large for a tree.
Result<std::vector<u8>> board_fdt(const BoardDescription& board);

}  // namespace quince::firmware
