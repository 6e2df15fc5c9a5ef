#include "firmware/board_fdt.h"

#include <algorithm>
#include <bit>

#include "firmware/fdt.h"

namespace quince::firmware {
namespace {

// The first cell of an interrupt specifier, and the trigger in its last.
constexpr u32 kSpi = 0, kPpi = 1;
constexpr u32 kLevelHigh = 4;

constexpr u32 kUartClockHz = 24'000'000;
constexpr u32 kKeyPower = 116;  // KEY_POWER of Linux's input event codes

// The first cell of a PCI address: its space.
constexpr u32 kPciIo = 0x0100'0000, kPciMem32 = 0x0200'0000, kPciMem64 = 0x0300'0000;

/// The nodes of one tree, one function each.  The phandles are what they refer to each other by.
class Board {
 public:
  explicit Board(const BoardDescription& d) : d_(d) {}

  Result<std::vector<u8>> write() {
    root();
    chosen();
    memory();
    cpus();
    psci();
    gic();
    timer();
    pmu();
    clock();
    uart();
    rtc();
    gpio();
    power_key();
    flash();
    fw_cfg();
    pvpanic();
    for (const WiredDevice& v : d_.virtio_mmio) virtio(v);
    pcie();
    return w_.finish();
  }

 private:
  static std::string at(const char* name, PhysAddr address) {
    return fmt::format("{}@{:x}", name, address.raw());
  }
  std::string uart_path() const { return "/" + at("pl011", d_.uart->registers.start); }
  void reg(const Range& r) { w_.cells64("reg", {r.start.raw(), r.size}); }
  void spi(u32 number) { w_.cells("interrupts", {kSpi, number, kLevelHigh}); }

  void root();
  void chosen();
  void framebuffer(const FdtFramebuffer& f);
  void memory();
  void cpus();
  void psci();
  void gic();
  void timer();
  void pmu();
  void clock();
  void uart();
  void rtc();
  void gpio();
  void power_key();
  void flash();
  void fw_cfg();
  void pvpanic();
  void virtio(const WiredDevice& v);
  void pcie();
  void pcie_ranges(const FdtPcie& p);
  void pcie_interrupts(const FdtPcie& p);
  void primecell(const WiredDevice& device, const char* compatible);

  const BoardDescription& d_;
  FdtWriter w_;
  const u32 gic_ = w_.new_phandle();
  const u32 msi_ = w_.new_phandle();
  const u32 its_ = w_.new_phandle();
  const u32 clock_ = w_.new_phandle();
  const u32 gpio_ = w_.new_phandle();
};

void Board::root() {
  w_.string("model", d_.model);
  w_.string("compatible", d_.compatible);
  w_.cells("#address-cells", {2});
  w_.cells("#size-cells", {2});
  w_.cells("interrupt-parent", {gic_});
}

void Board::chosen() {
  if (d_.uart) {
    const auto aliases = w_.node("aliases");
    w_.string("serial0", uart_path());
  }
  const auto node = w_.node("chosen");
  const FdtChosen& c = d_.chosen;
  if (d_.uart) w_.string("stdout-path", uart_path());
  if (!c.bootargs.empty()) w_.string("bootargs", c.bootargs);
  if (c.initrd.size != 0) {
    w_.cells64("linux,initrd-start", {c.initrd.start.raw()});
    w_.cells64("linux,initrd-end", {c.initrd.end().raw()});
  }
  if (c.kaslr_seed) w_.cells64("kaslr-seed", {*c.kaslr_seed});
  if (!c.rng_seed.empty()) w_.bytes("rng-seed", c.rng_seed);
  if (c.boot_menu) w_.flag("quince,boot-menu");
  if (c.boot_delay_ms) w_.cells("quince,boot-delay-ms", {*c.boot_delay_ms});
  if (d_.framebuffer) framebuffer(*d_.framebuffer);
}

/// Inside of /chosen, which therefore has cells.
void Board::framebuffer(const FdtFramebuffer& f) {
  w_.cells("#address-cells", {2});
  w_.cells("#size-cells", {2});
  w_.flag("ranges");
  const auto node = w_.node(at("framebuffer", f.memory.start));
  w_.string("compatible", "simple-framebuffer");
  reg(f.memory);
  w_.cells("width", {f.width});
  w_.cells("height", {f.height});
  w_.cells("stride", {f.stride});
  w_.string("format", "x8r8g8b8");
}

void Board::memory() {
  for (const Range& bank : d_.memory) {
    const auto node = w_.node(at("memory", bank.start));
    w_.string("device_type", "memory");
    reg(bank);
  }
}

void Board::cpus() {
  // Aff3 is in the upper word, and most boards have none.
  const bool wide = std::any_of(d_.cpus.begin(), d_.cpus.end(),
                                [](const FdtCpu& c) { return (c.mpidr >> 32) != 0; });
  const auto node = w_.node("cpus");
  w_.cells("#address-cells", {wide ? 2u : 1u});
  w_.cells("#size-cells", {0});
  for (const FdtCpu& c : d_.cpus) {
    const auto cpu = w_.node(fmt::format("cpu@{:x}", c.mpidr));
    w_.string("device_type", "cpu");
    w_.string("compatible", c.compatible);
    if (wide)
      w_.cells64("reg", {c.mpidr});
    else
      w_.cells("reg", {static_cast<u32>(c.mpidr)});
    if (d_.psci) w_.string("enable-method", "psci");
  }
}

void Board::psci() {
  if (!d_.psci) return;
  const auto node = w_.node("psci");
  w_.strings("compatible", {"arm,psci-1.0", "arm,psci-0.2"});
  w_.string("method", "hvc");
}

void Board::gic() {
  const FdtGic& g = d_.gic;
  const auto node = w_.node(at("interrupt-controller", g.distributor.start));
  w_.string("compatible", "arm,gic-v3");
  w_.flag("interrupt-controller");
  w_.cells("#interrupt-cells", {3});
  w_.cells64("reg", {g.distributor.start.raw(), g.distributor.size, g.redistributors.start.raw(),
                     g.redistributors.size});
  w_.cells("#redistributor-regions", {1});
  w_.phandle(gic_);
  w_.cells("#address-cells", {2});
  w_.cells("#size-cells", {2});
  w_.flag("ranges");
  if (g.msi) {
    const auto frame = w_.node(at("msi", g.msi->registers.start));
    w_.string("compatible", "arm,gic-v2m-frame");
    w_.flag("msi-controller");
    reg(g.msi->registers);
    w_.cells("arm,msi-base-spi", {g.msi->first_spi + 32});
    w_.cells("arm,msi-num-spis", {g.msi->spi_count});
    w_.phandle(msi_);
  }
  if (g.its) {
    const auto its = w_.node(at("msi-controller", g.its->start));
    w_.string("compatible", "arm,gic-v3-its");
    w_.flag("msi-controller");
    w_.cells("#msi-cells", {1});
    reg(*g.its);
    w_.phandle(its_);
  }
}

void Board::timer() {
  const auto node = w_.node("timer");
  w_.strings("compatible", {"arm,armv8-timer", "arm,armv7-timer"});
  w_.cells("interrupts", {kPpi, d_.timer.secure_physical, kLevelHigh,  //
                          kPpi, d_.timer.physical, kLevelHigh,         //
                          kPpi, d_.timer.virtual_timer, kLevelHigh,    //
                          kPpi, d_.timer.hypervisor, kLevelHigh});
  w_.flag("always-on");
}

void Board::pmu() {
  if (!d_.pmu_ppi) return;
  const auto node = w_.node("pmu");
  w_.string("compatible", "arm,armv8-pmuv3");
  w_.cells("interrupts", {kPpi, *d_.pmu_ppi, kLevelHigh});
}

void Board::clock() {
  const auto node = w_.node("apb-pclk");
  w_.string("compatible", "fixed-clock");
  w_.cells("#clock-cells", {0});
  w_.cells("clock-frequency", {kUartClockHz});
  w_.string("clock-output-names", "clk24mhz");
  w_.phandle(clock_);
}

/// What all PrimeCells have; the bus clock comes last.
void Board::primecell(const WiredDevice& device, const char* compatible) {
  w_.strings("compatible", {compatible, "arm,primecell"});
  reg(device.registers);
  spi(device.spi);
}

void Board::uart() {
  if (!d_.uart) return;
  const auto node = w_.node(at("pl011", d_.uart->registers.start));
  primecell(*d_.uart, "arm,pl011");
  w_.cells("clocks", {clock_, clock_});
  w_.strings("clock-names", {"uartclk", "apb_pclk"});
}

void Board::rtc() {
  if (!d_.rtc) return;
  const auto node = w_.node(at("pl031", d_.rtc->registers.start));
  primecell(*d_.rtc, "arm,pl031");
  w_.cells("clocks", {clock_});
  w_.string("clock-names", "apb_pclk");
}

void Board::gpio() {
  if (!d_.gpio) return;
  const auto node = w_.node(at("pl061", d_.gpio->registers.start));
  primecell(*d_.gpio, "arm,pl061");
  w_.cells("clocks", {clock_});
  w_.string("clock-names", "apb_pclk");
  w_.cells("#gpio-cells", {2});
  w_.cells("#address-cells", {0});
  w_.flag("gpio-controller");
  w_.cells("#interrupt-cells", {2});
  w_.flag("interrupt-controller");
  w_.phandle(gpio_);
}

void Board::power_key() {
  if (!d_.power_key_line) return;
  const auto node = w_.node("gpio-keys");
  w_.string("compatible", "gpio-keys");
  const auto key = w_.node("poweroff");
  w_.string("label", "GPIO Key Poweroff");
  w_.cells("linux,code", {kKeyPower});
  w_.cells("gpios", {gpio_, *d_.power_key_line, 0});
}

void Board::flash() {
  if (d_.flash.empty()) return;
  const auto node = w_.node(at("flash", d_.flash[0].start));
  w_.string("compatible", "cfi-flash");
  std::vector<u32> cells;
  for (const Range& bank : d_.flash)
    for (const u64 v : {bank.start.raw(), bank.size}) {
      cells.push_back(static_cast<u32>(v >> 32));
      cells.push_back(static_cast<u32>(v));
    }
  w_.cells("reg", cells);
  w_.cells("bank-width", {4});
}

void Board::fw_cfg() {
  if (!d_.fw_cfg) return;
  const auto node = w_.node(at("fw-cfg", d_.fw_cfg->start));
  w_.string("compatible", "qemu,fw-cfg-mmio");
  reg(*d_.fw_cfg);
  w_.flag("dma-coherent");
}

void Board::pvpanic() {
  if (!d_.pvpanic) return;
  const auto node = w_.node(at("pvpanic", d_.pvpanic->start));
  w_.string("compatible", "qemu,pvpanic-mmio");
  reg(*d_.pvpanic);
}

void Board::virtio(const WiredDevice& v) {
  const auto node = w_.node(at("virtio_mmio", v.registers.start));
  w_.string("compatible", "virtio,mmio");
  reg(v.registers);
  spi(v.spi);
  w_.flag("dma-coherent");
}

void Board::pcie_ranges(const FdtPcie& p) {
  // Per window: three cells of PCI address, two of CPU address, two of size.
  std::vector<u32> cells;
  const auto window = [&](u32 space, u64 pci, const Range& cpu) {
    cells.push_back(space);
    for (const u64 v : {pci, cpu.start.raw(), cpu.size}) {
      cells.push_back(static_cast<u32>(v >> 32));
      cells.push_back(static_cast<u32>(v));
    }
  };
  if (p.io) window(kPciIo, 0, *p.io);
  window(kPciMem32, p.mmio32.start.raw(), p.mmio32);
  if (p.mmio64) window(kPciMem64, p.mmio64->start.raw(), *p.mmio64);
  w_.cells("ranges", cells);
}

void Board::pcie_interrupts(const FdtPcie& p) {
  constexpr u32 kPins = 4;
  std::vector<u32> map;
  // The pattern repeats after as many devices as there are wires.
  for (u32 device = 0; device < p.wires; ++device)
    for (u32 pin = 0; pin < kPins; ++pin) {
      const u32 spi = p.first_spi + (device + pin) % p.wires;
      for (const u32 cell : {device << 11, 0u, 0u, pin + 1, gic_, 0u, 0u, kSpi, spi, kLevelHigh})
        map.push_back(cell);
    }
  w_.cells("#interrupt-cells", {1});
  w_.cells("interrupt-map-mask", {(p.wires - 1) << 11, 0, 0, 7});
  w_.cells("interrupt-map", map);
}

void Board::pcie() {
  if (!d_.pcie) return;
  const FdtPcie& p = *d_.pcie;
  const auto node = w_.node(at("pcie", p.ecam.start));
  w_.string("compatible", "pci-host-ecam-generic");
  w_.string("device_type", "pci");
  w_.cells("#address-cells", {3});
  w_.cells("#size-cells", {2});
  reg(p.ecam);
  w_.cells("linux,pci-domain", {0});
  w_.cells("bus-range", {0, p.buses - 1});
  pcie_ranges(p);
  pcie_interrupts(p);
  // Every requester ID goes to the one frame, or is its own DeviceID.
  if (d_.gic.its)
    w_.cells("msi-map", {0, its_, 0, 0x10000});
  else if (d_.gic.msi)
    w_.cells("msi-map", {0, msi_, 0, 0x10000});
  w_.flag("dma-coherent");
}

Result<void> check(const BoardDescription& d) {
  if (d.memory.empty()) return fail("device tree: the board has no memory");
  if (d.cpus.empty()) return fail("device tree: the board has no CPU");
  if (d.power_key_line && !d.gpio) return fail("device tree: a power key without a GPIO");
  if (d.pcie &&
      (d.pcie->buses < 1 || d.pcie->buses > 256 || d.pcie->ecam.size < d.pcie->buses * MiB))
    return fail("device tree: {} PCIe buses and {:#x} bytes of ECAM do not match", d.pcie->buses,
                d.pcie->ecam.size);
  if (d.pcie && (!std::has_single_bit(d.pcie->wires) || d.pcie->wires > 32))
    return fail("device tree: {} PCIe interrupt wires are no power of two up to 32", d.pcie->wires);
  return {};
}

}  // namespace

Result<std::vector<u8>> board_fdt(const BoardDescription& board) {
  TRY_VOID(check(board));
  return Board(board).write();
}

}  // namespace quince::firmware
